"""The project as tables that foreign keys join: what features are proposed from."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from math import ceil

from ml.features.population import Population
from ml.manifest import Manifest, Node, martlet_meta
from ml.warehouse import Column, Warehouse

REFERENCE = re.compile(r"(ref|source)\(([^)]*)\)")
ARGUMENT = re.compile(r"['\"]([^'\"]+)['\"]")
DAY = 86_400
EVEN = 1.2  # times the least distance that the greatest may be: months are 28 to 31 days
SNAPSHOT_COLUMNS = ("dbt_scd_id", "dbt_updated_at", "dbt_valid_from", "dbt_valid_to")


@dataclass(frozen=True)
class ForeignKey:
    """Columns of a child that identify a row of its parent; both tables by unique id."""

    child: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]


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
    delay: timedelta


@dataclass(frozen=True)
class Graph:
    """Tables and the foreign keys between them, and what was left out and why."""

    tables: Mapping[str, Table]
    keys: tuple[ForeignKey, ...]
    notes: tuple[str, ...]

    def parents(self, table: str) -> list[ForeignKey]:
        """The foreign keys that a table holds."""
        return [key for key in self.keys if key.child == table]

    def children(self, table: str) -> list[ForeignKey]:
        """The foreign keys that point to a table."""
        return [key for key in self.keys if key.parent == table]


def read_graph(manifest: Manifest, warehouse: Warehouse, population: Population) -> Graph:
    """The tables that can tell of a population.

    Left out are populations, predictions, feature models and all that is made from them: they know what is to be
    predicted, or would close a circle.
    """
    start = population.node["unique_id"]
    keys = list(dict.fromkeys(_foreign_keys(manifest)))
    barred = _barred(manifest, start, f"feat_{population.name}")
    notes: list[str] = []
    tables: dict[str, Table] = {}
    for unique_id in sorted({start, *(end for key in keys for end in (key.child, key.parent))}):
        node = _node(manifest, unique_id)
        if unique_id in barred or node is None or martlet_meta(node).get("features") is False:
            continue
        identified = {key.parent_columns for key in keys if key.parent == unique_id}
        table = _table(node, identified, manifest, warehouse)
        if table is None:
            notes.append(f"{node['name']} is not in the warehouse (`dbt build` makes it): left out")
        elif unique_id == start:
            tables[unique_id] = replace(table, clock=population.as_of, delay=timedelta(0))
        else:
            tables[unique_id] = table = _delayed(table, population, manifest)
            if table.delay and table.clock:
                notes.append(
                    f"{table.name} is taken as known {table.delay.days} days after its {table.clock} "
                    "(config.meta.martlet.known_at can name a column that says when)"
                )
    usable = []
    for key in keys:
        if key.child not in tables or key.parent not in tables:
            continue
        problem = _problem(key, tables, warehouse)
        if problem:
            notes.append(problem)
        else:
            usable.append(key)
    return Graph(tables, tuple(usable), tuple(notes))


def _delayed(table: Table, population: Population, manifest: Manifest) -> Table:
    """A table that the population's target comes from is known when the horizon is over."""
    is_outcome = population.target in table.columns and table.id in _upstream(manifest, population.node["unique_id"])
    is_told = "known_at" in martlet_meta(_any(manifest, table.id))
    if is_told or not is_outcome or population.horizon is None:
        return table
    return replace(table, delay=max(table.delay, population.horizon))


def _foreign_keys(manifest: Manifest) -> Iterator[ForeignKey]:
    """Those of relationships tests, then those of constraints."""
    for node in manifest.nodes.values():
        if node.get("resource_type") == "test":
            yield from _tested_key(node, manifest)
            continue
        for constraint in node.get("constraints") or []:
            yield from _constrained_key(node, constraint, tuple(constraint.get("columns") or ()), manifest)
        for name, column in (node.get("columns") or {}).items():
            for constraint in column.get("constraints") or []:
                yield from _constrained_key(node, constraint, (name,), manifest)


def _tested_key(node: Node, manifest: Manifest) -> Iterator[ForeignKey]:
    test = node.get("test_metadata") or {}
    given = test.get("kwargs") or {}
    column, field = given.get("column_name"), given.get("field")
    if not str(test.get("name", "")).startswith("relationships") or not column or not field:
        return
    child = node.get("attached_node") or _referenced(str(given.get("model")), manifest)
    parent = _referenced(str(given.get("to")), manifest)
    if child and parent:
        yield ForeignKey(child, (column,), parent, (field,))


def _constrained_key(
    node: Node, constraint: Node, columns: tuple[str, ...], manifest: Manifest
) -> Iterator[ForeignKey]:
    if constraint.get("type") != "foreign_key" or not columns:
        return
    parent = _referenced(str(constraint.get("to") or constraint.get("expression") or ""), manifest)
    there = tuple(constraint.get("to_columns") or ())
    if parent and len(there) == len(columns):
        yield ForeignKey(node["unique_id"], columns, parent, there)


def _referenced(text: str, manifest: Manifest) -> str | None:
    """The unique id of what a text such as `ref('x')`, or a relation's name, stands for."""
    found = REFERENCE.search(text)
    if not found:
        wanted = text.replace('"', "").strip()
        for unique_id, node in {**manifest.nodes, **manifest.sources}.items():
            if wanted and str(node.get("relation_name") or "").replace('"', "") == wanted:
                return unique_id
        return None
    names = ARGUMENT.findall(found[2])
    if found[1] == "source":
        for unique_id, node in manifest.sources.items():
            if [node["source_name"], node["name"]] == names[:2]:
                return unique_id
        return None
    for unique_id, node in manifest.nodes.items():
        if names and node["name"] == names[-1] and node["resource_type"] in ("model", "seed", "snapshot"):
            return unique_id
    return None


def _node(manifest: Manifest, unique_id: str) -> Node | None:
    node = manifest.nodes.get(unique_id) or manifest.sources.get(unique_id)
    is_source = unique_id in manifest.sources
    return node if node is not None and (is_source or node.get("relation_name")) else None


def _table(
    node: Node, identified: Collection[tuple[str, ...]], manifest: Manifest, warehouse: Warehouse
) -> Table | None:
    is_source = node.get("resource_type") == "source"
    relation = warehouse.source(node) if is_source else str(node["relation_name"])
    columns = warehouse.columns(relation)
    if not columns:
        return None
    described = node.get("columns") or {}
    is_history = node.get("resource_type") == "snapshot" and "dbt_valid_from" in columns
    clock = "dbt_valid_from" if is_history else _clock(node, columns)
    clocked = [one for one in _upstream(manifest, node["unique_id"]) if _event_time(_any(manifest, one))]
    may_sum_up = bool(clock and clocked) and not is_history and not martlet_meta(node).get("known_at")
    return Table(
        id=node["unique_id"],
        name=node["name"],
        reference=f"source('{node['source_name']}', '{node['name']}')" if is_source else f"ref('{node['name']}')",
        relation=relation,
        columns=columns,
        clock=clock,
        descriptions={name: str(column.get("description") or "") for name, column in described.items()},
        personal=frozenset(manifest.personal_columns(node["unique_id"])),
        is_history=is_history,
        timeless=_timeless(node, clocked, identified, columns, manifest, warehouse),
        delay=_step(relation, str(clock), warehouse) if may_sum_up else timedelta(0),
    )


def _clock(node: Node, columns: Mapping[str, Column]) -> str | None:
    """When a row is known: `known_at` of config.meta.martlet if given, else dbt's own `event_time`."""
    declared = martlet_meta(node).get("known_at") or _event_time(node)
    found = next((name for name in columns if declared and name.lower() == str(declared).lower()), None)
    return found if found and columns[found].kind == "date" else None


def _event_time(node: Node) -> str | None:
    return (node.get("config") or {}).get("event_time")


def _step(relation: str, clock: str, warehouse: Warehouse) -> timedelta:
    """The time between the clocks of a table that has them at even distances of two days or more; else none."""
    moment = f"epoch({warehouse.quote(clock)})"
    row = warehouse.query(
        "select count(*) as moments, min(gap) as least, max(gap) as most from ("
        "select moment - lag(moment) over (order by moment) as gap from ("
        f"select distinct {moment} as moment from {relation}) as moments) as gaps"
    ).iloc[0]
    is_even = row["moments"] >= 3 and row["least"] >= 2 * DAY and row["most"] <= EVEN * row["least"]
    return timedelta(days=ceil(row["most"] / DAY) if is_even else 0)


def _timeless(
    node: Node,
    clocked: Collection[str],
    identified: Collection[tuple[str, ...]],
    columns: Mapping[str, Column],
    manifest: Manifest,
    warehouse: Warehouse,
) -> frozenset[str]:
    """Columns of a table without clock that no later event can have changed.

    A model that reads events may sum them up, over all times. Of such a model only those columns are safe that come by
    the same name from a table without clock that has the same key.
    """
    if not clocked:
        return frozenset(columns)
    safe: set[str] = set()
    for unique_id in _upstream(manifest, node["unique_id"]):
        one = _node(manifest, unique_id)
        if one is None or unique_id in clocked or {*_upstream(manifest, unique_id)} & {*clocked}:
            continue
        relation = warehouse.source(one) if unique_id in manifest.sources else str(one["relation_name"])
        found = {*warehouse.columns(relation), *(one.get("columns") or {})}
        if any(found.issuperset(key) for key in identified):
            safe |= found
    return frozenset(safe & set(columns))


def _any(manifest: Manifest, unique_id: str) -> Node:
    return manifest.nodes.get(unique_id) or manifest.sources.get(unique_id) or {}


def _upstream(manifest: Manifest, unique_id: str) -> list[str]:
    """All that a node reads, directly or not."""
    found: dict[str, None] = {}
    waiting = [unique_id]
    while waiting:
        for parent in (_any(manifest, waiting.pop()).get("depends_on") or {}).get("nodes") or []:
            if parent not in found:
                found[parent] = None
                waiting.append(parent)
    return list(found)


def _barred(manifest: Manifest, population: str, written: str) -> set[str]:
    """Populations, predictions, feature models, and all that is made from them."""
    feature_models = {
        parent
        for node in manifest.ml_exposures().values()
        for parent in (node.get("depends_on") or {}).get("nodes", [])
    }
    starts = {population, *manifest.prediction_sources(), *feature_models}
    starts |= {key for key, node in manifest.nodes.items() if node["name"] == written or "target" in martlet_meta(node)}
    later = {key for key in manifest.nodes if starts & set(_upstream(manifest, key))}
    return (later | starts) - {population}


def _problem(key: ForeignKey, tables: Mapping[str, Table], warehouse: Warehouse) -> str:
    """Why a foreign key can't be followed; empty if it can."""
    child, parent = tables[key.child], tables[key.parent]
    shown = f"{child.name}.{', '.join(key.columns)} → {parent.name}.{', '.join(key.parent_columns)}"
    for table, names in ((child, key.columns), (parent, key.parent_columns)):
        for name in names:
            if name not in table.columns:
                return f"{shown}: {table.name} has no column '{name}'; not followed"
    if parent.is_history:
        return ""
    keys = ", ".join(warehouse.quote(name) for name in key.parent_columns)
    twice = warehouse.query(
        f"select count(*) as found from (select {keys} from {parent.relation} "
        f"where {warehouse.quote(key.parent_columns[0])} is not null "
        f"group by {keys} having count(*) > 1 limit 1) as twice"
    )["found"][0]
    return f"{shown}: the key of {parent.name} is not unique; not followed" if twice else ""


def inferred_keys(graph: Graph, population: Table) -> list[ForeignKey]:
    """Foreign keys of a population that declares none: columns that are called like a key that others point to."""
    found = {
        (key.parent, key.parent_columns): ForeignKey(population.id, key.parent_columns, key.parent, key.parent_columns)
        for key in graph.keys
        if key.parent != population.id and all(column in population.columns for column in key.parent_columns)
    }
    return list(found.values())
