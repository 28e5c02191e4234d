"""Keys that a row's latest event holds: the team that a player played for last, and what happened to that team."""

from collections.abc import Iterator

from ml.features.aggregates import latest
from ml.features.feature import Feature
from ml.features.follow import events_of
from ml.features.graph import Graph
from ml.features.keys import ForeignKey
from ml.features.measures import Measure, measures
from ml.features.names import free, identifier
from ml.features.paths import Anchor, Latest, Paths, View
from ml.features.population import Population
from ml.features.values import Values

STAYS = 0.5  # share of moments that hold the key of the one before, from which on the latest tells of the next


def follow_latest(population: Population, graph: Graph, paths: Paths, values: Values) -> None:
    """Add the events of what a row's latest events belong to.

    Only of keys that stay from moment to moment, as a player's team does and a buyer's product doesn't, and not of
    tables that the population holds a key of itself.
    """
    taken = {*population.columns, *(f"{one.alias}__{name}" for one in paths.parents for name in one.table.columns)}
    for anchor in _anchors(population, graph, paths, values, {name.lower() for name in taken}):
        for below in graph.children(anchor.table.id):
            if below.child == population.node["unique_id"] or len(below.columns) != 1:
                continue
            table = graph.tables[below.child]
            for view in events_of(population, anchor, table, below.columns, (), graph, paths.notes):
                paths.add(view)


def latest_key(anchor: Anchor) -> Feature:
    """The column with the key that an anchor stands on, among the features of the events that hold it."""
    if anchor.latest is None:
        raise ValueError(f"{anchor.path}: the population holds this key itself")
    (name,) = anchor.columns
    return latest(anchor.latest.view, anchor.latest.measure, name)


def _anchors(population: Population, graph: Graph, paths: Paths, values: Values, taken: set[str]) -> Iterator[Anchor]:
    held = {parent.table.id for parent in paths.parents if parent.via == "population"}
    keys = {
        view.name: [key for key in graph.parents(view.table.id) if key.parent not in held]
        for view in paths.views
        if view.is_near and view.holds_key and not view.is_own and view.table.clock and len(view.columns) == 1
    }
    holding = [view for view in paths.views if keys.get(view.name)]
    seen: set[tuple[tuple[str, ...], str]] = set()
    # Of several tables with such a key, that tells which knows most of the population, and then most events.
    known = {view.name: round(_share_known(population, view, values), 1) for view in holding}
    for view in sorted(holding, key=lambda one: (-known[one.name], -values.rows(one.table))):
        for key in keys[view.name]:
            what = (view.anchor.columns, key.parent)
            measure = None if what in seen else _measure(population, view, key, graph, values)
            if measure is None or values.share_that_stays(view.table, view.names[0], *key.columns) < STAYS:
                continue
            seen.add(what)
            name = free(f"last_{key.columns[0]}", taken)
            parent = graph.tables[key.parent]
            path = f"{view.path} → {parent.name} of the latest"
            yield Anchor(parent, (name,), view.anchor.depth + 2, path, Latest(view, key.columns[0], measure))


def _measure(population: Population, view: View, key: ForeignKey, graph: Graph, values: Values) -> Measure | None:
    """The key as a column of the events; None if it says nothing beside the view's own key."""
    if len(key.columns) != 1 or graph.tables[key.parent].is_history:
        return None
    sql = f"events.{identifier(key.columns[0])}"
    found = measures(population, view, graph, values)
    return next((one for one in found if one.kind == "key" and one.sql == sql), None)


def _share_known(population: Population, view: View, values: Values) -> float:
    """The share of the population's keys that a view has events of."""
    quote = values.warehouse.quote
    key, events = quote(view.anchor.columns[0]), quote(view.names[0])
    known = f"select cast({events} as varchar) from {view.table.relation}"
    keys = f"select distinct cast({key} as varchar) as key from {population.relation}"
    found = values.warehouse.query(
        f"select avg(case when key in ({known}) then 1.0 else 0.0 end) as share from ({keys}) as keys"
    )
    return float(found["share"].fillna(0.0)[0])
