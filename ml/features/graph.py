"""The project as tables that foreign keys join: what features are proposed from."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from ml.features.keys import ForeignKey, foreign_keys, unique_columns
from ml.features.lineage import Lineage
from ml.features.names import numbers_things
from ml.features.population import Population
from ml.manifest import Manifest, martlet_meta
from ml.warehouse import Column, Warehouse

SNAPSHOT_COLUMNS = ("dbt_scd_id", "dbt_updated_at", "dbt_valid_from", "dbt_valid_to")
ECHO = 0.9  # share of rows that two ways to a table lead to the same row of it, from which on one of them is enough


@dataclass(frozen=True)
class Table:
    """A relation of the project.

    Attributes:
        id: dbt's unique id.
        name: of the model or source table.
        reference: as SQL in a model names it: `ref('x')` or `source('a', 'b')`.
        relation: as the warehouse reads it.
        columns: by name, with their types.
        clock: the column with the moment from which on a row is known; None where no clock is declared.
        descriptions: of columns, in the words of the project.
        personal: columns that must not become features.
        is_history: a dbt snapshot: a row is valid from `dbt_valid_from` to `dbt_valid_to`.
        timeless: the columns that no later event can have changed.
        identifiers: columns that number rows or things: by how they differ nothing can be told.
        delay: how long after its clock a row is known: of sums over weeks or months, whose clock is their start, and of
            a table that holds the target.
    """

    id: str
    name: str
    reference: str
    relation: str
    columns: Mapping[str, Column]
    clock: str | None
    descriptions: Mapping[str, str]
    personal: frozenset[str]
    is_history: bool
    timeless: frozenset[str]
    identifiers: frozenset[str]
    delay: timedelta


@dataclass(frozen=True)
class Graph:
    """Tables and the foreign keys between them, and what was left out and why.

    `echoes` are pairs of keys, from a table to its parent and on to that one's, that lead where a key of the table
    itself leads: a lab result that holds the patient of its visit.
    """

    tables: Mapping[str, Table]
    keys: tuple[ForeignKey, ...]
    notes: tuple[str, ...]
    echoes: frozenset[tuple[ForeignKey, ForeignKey]] = frozenset()

    def parents(self, table: str) -> list[ForeignKey]:
        """The foreign keys that a table holds."""
        return [key for key in self.keys if key.child == table]

    def foreign(self, table: str) -> set[str]:
        """The columns of a table that foreign keys start from."""
        return {column for key in self.parents(table) for column in key.columns}

    def keys_of(self, table: str) -> set[str]:
        """The columns of a table that foreign keys start from or point to."""
        return self.foreign(table) | {column for key in self.children(table) for column in key.parent_columns}

    def children(self, table: str) -> list[ForeignKey]:
        """The foreign keys that point to a table."""
        return [key for key in self.keys if key.parent == table]


def read_graph(manifest: Manifest, warehouse: Warehouse, population: Population) -> Graph:
    """The tables that can tell of a population.

    Left out are populations, predictions, feature models and all that is made from them: they know what is to be
    predicted, or would close a circle.
    """
    start = population.node["unique_id"]
    lineage = Lineage(manifest, warehouse)
    keys = list(dict.fromkeys(_spelled(key, lineage) for key in foreign_keys(manifest)))
    barred = _barred(lineage, start, f"feat_{population.name}")
    notes: list[str] = []
    tables: dict[str, Table] = {}
    uniques = unique_columns(manifest)
    for unique_id in sorted({start, *(end for key in keys for end in (key.child, key.parent))} - barred):
        node = lineage.manifest.node(unique_id)
        if not lineage.relation(unique_id) or martlet_meta(node).get("features") is False:
            continue
        if not lineage.columns(unique_id):
            notes.append(f"{node['name']} is not in the warehouse (`dbt build` makes it): left out")
            continue
        known = {key.parent_columns for key in keys if key.parent == unique_id}
        unique = {lineage.spelled(unique_id, name) for name in uniques.get(unique_id, ())}
        table = _table(unique_id, known, unique, lineage)
        if unique_id == start:
            tables[unique_id] = replace(table, clock=population.as_of, delay=timedelta(0))
            continue
        tables[unique_id] = table = _delayed(table, population, lineage)
        if table.delay and table.clock:
            notes.append(
                f"{table.name} is taken as known {table.delay.days} days after its {table.clock} "
                "(config.meta.martlet.known_at can name a column that says when)"
            )
    usable = []
    for key in keys:
        if key.child in tables and key.parent in tables:
            problem = _problem(key, tables, lineage)
            notes += [problem] if problem else []
            usable += [] if problem else [key]
    return Graph(tables, tuple(usable), tuple(notes), _echoes(tables, usable, lineage))


def _echoes(
    tables: Mapping[str, Table], keys: Sequence[ForeignKey], lineage: Lineage
) -> frozenset[tuple[ForeignKey, ForeignKey]]:
    found = set()
    for below in keys:
        for above in (key for key in keys if key.child == below.parent):
            if len({below.child, below.parent, above.parent}) < 3:
                continue
            straight = [key for key in keys if key != below and (key.child, key.parent) == (below.child, above.parent)]
            if any(lineage.share_alike(own, below, above.columns) >= ECHO for own in straight):
                found.add((below, above))
    return frozenset(found)


def _table(unique_id: str, keys: Collection[tuple[str, ...]], uniques: Collection[str], lineage: Lineage) -> Table:
    node, columns = lineage.manifest.node(unique_id), lineage.columns(unique_id)
    is_source, personal = node.get("resource_type") == "source", lineage.manifest.personal_columns(unique_id)
    is_history = node.get("resource_type") == "snapshot" and "dbt_valid_from" in columns
    return Table(
        id=unique_id,
        name=node["name"],
        reference=f"source('{node['source_name']}', '{node['name']}')" if is_source else f"ref('{node['name']}')",
        relation=lineage.relation(unique_id),
        columns=columns,
        clock="dbt_valid_from" if is_history else lineage.clock(unique_id),
        descriptions={
            lineage.spelled(unique_id, name): str(column.get("description") or "")
            for name, column in (node.get("columns") or {}).items()
        },
        personal=frozenset(name for name in columns if name.lower() in personal),
        is_history=is_history,
        timeless=frozenset(columns) if is_history else lineage.timeless(unique_id, keys),
        identifiers=frozenset({*uniques, *filter(numbers_things, columns)}),
        delay=timedelta(0) if is_history else lineage.delay(unique_id),
    )


def _spelled(key: ForeignKey, lineage: Lineage) -> ForeignKey:
    """A foreign key whose columns are called as in the warehouse."""
    return ForeignKey(
        key.child,
        tuple(lineage.spelled(key.child, name) for name in key.columns),
        key.parent,
        tuple(lineage.spelled(key.parent, name) for name in key.parent_columns),
    )


def _delayed(table: Table, population: Population, lineage: Lineage) -> Table:
    """A table whose rows of an as-of hold the population's target: they are known when the horizon is over."""
    if population.horizon is None or "known_at" in martlet_meta(lineage.manifest.node(table.id)):
        return table
    is_upstream = table.id in lineage.manifest.upstream(population.node["unique_id"])
    if not is_upstream or population.target not in table.columns or not lineage.holds_outcomes(table.id, population):
        return table
    return replace(table, delay=max(table.delay, population.horizon))


def _barred(lineage: Lineage, population: str, written: str) -> set[str]:
    """Populations, predictions, feature models, and all that is made from them."""
    manifest = lineage.manifest
    exposures = manifest.ml_exposures().values()
    starts = {population, *manifest.prediction_sources()}
    starts |= {parent for node in exposures for parent in (node.get("depends_on") or {}).get("nodes", [])}
    starts |= {key for key, node in manifest.nodes.items() if node["name"] == written or "target" in martlet_meta(node)}
    later = {key for key in manifest.nodes if starts & {*lineage.manifest.upstream(key)}}
    return (later | starts) - {population}


def _problem(key: ForeignKey, tables: Mapping[str, Table], lineage: Lineage) -> str:
    """Why a foreign key can't be followed; empty if it can."""
    child, parent = tables[key.child], tables[key.parent]
    shown = f"{child.name}.{', '.join(key.columns)} → {parent.name}.{', '.join(key.parent_columns)}"
    for table, names in ((child, key.columns), (parent, key.parent_columns)):
        for name in names:
            if name not in table.columns:
                return f"{shown}: {table.name} has no column '{name}'; not followed"
    if parent.is_history or lineage.is_unique(parent.id, key.parent_columns):
        return ""
    return f"{shown}: the key of {parent.name} is not unique; not followed"


def inferred_keys(graph: Graph, population: Table) -> list[ForeignKey]:
    """Foreign keys of a population that declares none: columns that are called like a key that others point to."""
    found = {
        (key.parent, key.parent_columns): ForeignKey(population.id, key.parent_columns, key.parent, key.parent_columns)
        for key in graph.keys
        if key.parent != population.id and all(column in population.columns for column in key.parent_columns)
    }
    return list(found.values())
