"""The population: who is to be predicted, when, and what: all that the analyst writes."""

from dataclasses import dataclass
from datetime import timedelta

from ml.check import duplicated_key
from ml.declaration import KEYS, TASKS
from ml.errors import DataError, DeclarationError, ProjectError
from ml.keys import check_keys, check_word, parse_span
from ml.manifest import Manifest, Node, martlet_meta
from ml.warehouse import Column, Warehouse
from ml.words import nearest

PREFIXES = ("pop_", "population_")
RESERVED = ("as_of_", "known_")
REQUIRED = ("target", "task", "entity", "as_of")


@dataclass(frozen=True)
class Population:
    """A model of entities, as-ofs and a target.

    `name` is what the prediction will be called; `settings` are the keys of the population's `config.meta.martlet`.
    """

    name: str
    node: Node
    relation: str
    columns: dict[str, Column]
    target: str
    task: str
    entity: tuple[str, ...]
    as_of: str
    horizon: timedelta | None
    settings: dict[str, object]

    @property
    def model(self) -> str:
        """The name of the population model."""
        return str(self.node["name"])

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that identify a row."""
        return (*self.entity, self.as_of)

    def listed(self, key: str) -> list[str]:
        """The columns that a key of the declaration lists, such as `exclude`."""
        listed = self.settings.get(key)
        return [str(name) for name in listed] if isinstance(listed, list) else []


def read_population(name: str, manifest: Manifest, warehouse: Warehouse) -> Population:
    """The population that a model declares.

    Raises:
        DeclarationError: there is no such model, or its keys can't be read.
        ProjectError: it is not built.
        DataError: a key is null, or an entity and as-of come twice.
    """
    models = {node["name"]: node for node in manifest.nodes.values() if node.get("resource_type") == "model"}
    if name not in models:
        raise DeclarationError(f"There is no model '{name}'. {nearest(name, models)}")
    node = models[name]
    place = f"{node.get('original_file_path', '?')}: model '{name}'"
    settings = dict(martlet_meta(node))
    check_keys(settings, KEYS, f"{place}: config.meta.martlet")
    for key in REQUIRED:
        if settings.get(key) in (None, "", []):
            raise DeclarationError(
                f"{place}: the key '{key}' is missing under config.meta.martlet; "
                f"a population needs {', '.join(REQUIRED)}."
            )
    check_word(settings["task"], TASKS, f"{place}: task")
    columns = warehouse.columns(str(node["relation_name"])) if node.get("relation_name") else {}
    if not columns:
        raise ProjectError(f"{place}: it is not in the warehouse. Run `dbt build --select +{name}` first.")
    entity = settings["entity"]
    prefix = next((one for one in PREFIXES if name.startswith(one)), "")
    found = Population(
        name=name.removeprefix(prefix),
        node=node,
        relation=str(node["relation_name"]),
        columns=columns,
        target=settings["target"],
        task=settings["task"],
        entity=tuple(entity) if isinstance(entity, list) else (entity,),
        as_of=settings["as_of"],
        horizon=parse_span(settings.get("horizon"), f"{place}: horizon"),
        settings=settings,
    )
    _check_columns(found, place)
    _check_rows(found, place, warehouse)
    return found


def _check_columns(population: Population, place: str) -> None:
    for key, names in (
        ("target", (population.target,)),
        ("entity", population.entity),
        ("as_of", (population.as_of,)),
    ):
        for name in names:
            if name not in population.columns:
                raise DeclarationError(
                    f"{place}: '{key}' names the column '{name}', which it does not have. "
                    f"{nearest(name, population.columns)}"
                )
    for name in population.columns:
        if name.lower() in RESERVED:
            raise DeclarationError(f"{place}: the queries of features have a column '{name}' themselves: rename yours.")
    clock = population.columns[population.as_of]
    if clock.kind != "date":
        raise DeclarationError(f"{place}: the as-of '{clock.name}' is a {clock.type}; make it a date or a timestamp.")


def _check_rows(population: Population, place: str, warehouse: Warehouse) -> None:
    nulls = " or ".join(f"{warehouse.quote(key)} is null" for key in population.keys)
    counted = warehouse.query(f"select count(*) as rows from {population.relation} where {nulls}")["rows"][0]
    if counted:
        raise DataError(f"{place}: {counted} rows have a null in {', '.join(population.keys)}; leave them out.")
    example = duplicated_key(population.keys, warehouse, population.relation)
    if example:
        raise DataError(f"{place}: there are several rows for {example}; a population has one. Make them one in SQL.")
