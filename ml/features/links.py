"""What happened to the things that an entity is linked to: a site's studies, and the results of them all."""

from collections.abc import Iterator
from dataclasses import replace

from ml.features.follow import events_of
from ml.features.graph import Graph, Table
from ml.features.keys import ForeignKey
from ml.features.paths import Anchor, EventColumn, Paths, View, between
from ml.features.population import Population
from ml.features.values import Values

MOST_TIMES = 3  # as many rows as both tables have: more are a crowd that all entities share


def follow_links(population: Population, graph: Graph, paths: Paths, values: Values) -> None:
    """Add the events of what rows of a table link the population's entity to.

    Each is known once it has happened and the link is known, so the linking table needs a clock. Not where the events
    hold the entity themselves, nor where each link leads to so many of them that all entities share them.
    """
    for anchor in _anchors(population, paths):
        for key in graph.children(anchor.table.id):
            for link, below in _links(key, graph, values):
                if population.node["unique_id"] in (key.child, below.child):
                    continue
                for view in _events(population, anchor, key, link, below, graph, paths):
                    paths.add(view)


def _anchors(population: Population, paths: Paths) -> list[Anchor]:
    """The tables that the population's entity is a row of."""
    own = [one for one in paths.parents if one.via == "population" and {*population.entity} >= {*one.key.columns}]
    return [Anchor(one.table, one.key.columns, one.depth, one.path) for one in own]


def _links(key: ForeignKey, graph: Graph, values: Values) -> Iterator[tuple[ForeignKey, ForeignKey]]:
    """Keys of a linking table to other things, each with a key of events to the same things."""
    linking = graph.tables[key.child]
    if linking.clock is None or linking.is_history:
        return
    for link in graph.parents(linking.id):
        if link.parent == key.parent or len(link.columns) != 1:
            continue
        for below in graph.children(link.parent):
            holds_entity = any(one.parent == key.parent for one in graph.parents(below.child))
            if below.child == linking.id or holds_entity or below.parent_columns != link.parent_columns:
                continue
            if _joined(linking, link, graph.tables[below.child], values):
                yield link, below


def _joined(linking: Table, link: ForeignKey, events: Table, values: Values) -> bool:
    """Whether links joined to events have hardly more rows than both."""
    rows, more = values.rows(linking), values.rows(events)
    return rows * more <= MOST_TIMES * (rows + more) * max(values.distinct(linking, link.columns[0]), 1)


def _events(
    population: Population,
    anchor: Anchor,
    key: ForeignKey,
    link: ForeignKey,
    below: ForeignKey,
    graph: Graph,
    paths: Paths,
) -> Iterator[View]:
    linking, events = graph.tables[key.child], graph.tables[below.child]
    # Each event is joined to all rows that link to its thing, as if these were its parents.
    joined = ForeignKey(events.id, below.columns, linking.id, link.columns)
    through = between(linking, joined)
    known = EventColumn(through.alias, str(linking.clock))
    for view in events_of(population, anchor, events, key.columns, (through,), graph, paths.notes):
        clocks = tuple(dict.fromkeys((*view.clocks, known)))
        path = f"{anchor.path} → {linking.name} → {graph.tables[link.parent].name} → {events.name}"
        yield replace(view, clocks=clocks, path=path, is_near=True)
