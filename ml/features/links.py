"""What happened to the things that an entity is linked to: a site's studies, and the results of them all."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ml.features.follow import clocks_of, events_of, parents_of
from ml.features.graph import Graph, Table
from ml.features.keys import ForeignKey
from ml.features.paths import Anchor, EventColumn, Links, Paths, View, between
from ml.features.population import Population
from ml.features.values import Values

MOST_TIMES = 3  # as many rows as both tables have, for links joined to events
MOST_LINKS = 100  # of an entity: more are a crowd, about the same for all
MOST_SHARE = 0.5  # of all things that an entity is linked to, likewise
MOST_LOOK_UPS = 5_000_000  # of all rows of a population, each along all of its links,
MOST_EACH = 10  # and times as many as rows of population and links


@dataclass(frozen=True)
class _Linked:
    """An entity's table, and two keys of a table that links its rows to things."""

    anchor: Anchor
    key: ForeignKey
    link: ForeignKey
    links: Links

    @property
    def are_alike(self) -> bool:
        """Whether what an entity is linked to are others of its kind, as friends are."""
        return (self.key.parent, self.key.parent_columns) == (self.link.parent, self.link.parent_columns)


def follow_links(population: Population, graph: Graph, paths: Paths, values: Values) -> None:
    """Add the events of what rows of a table link the population's entity to.

    Each is known once it has happened and the link is known. Where they are few they are joined to the links, and are
    the entity's own. Of others of its kind, such as friends, each row looks up what each of its links leads to. Not
    where the events hold the entity themselves, nor where links lead all entities to about the same.
    """
    for linked in _one_each(_all_linked(population, graph, paths), values):
        is_looked_up = linked.are_alike and _tells(population, linked.links, graph, values)
        for below in graph.children(linked.link.parent):
            events = graph.tables[below.child]
            holds_entity = any(one.parent == linked.key.parent for one in graph.parents(events.id))
            if events.id in (linked.key.child, population.node["unique_id"]) or (holds_entity and not linked.are_alike):
                continue
            if below.parent_columns != linked.link.parent_columns:
                continue
            if not linked.links.parents and _are_few(linked.links, events, values):
                for view in _joined(population, linked, below, graph, paths.notes):
                    paths.add(view)
            elif is_looked_up:
                for view in events_of(population, linked.anchor, events, below.columns, (), graph, paths.notes):
                    paths.add(_by_links(view, linked, graph))


def follow_outcomes(population: Population, graph: Graph, paths: Paths, values: Values) -> None:
    """Add the earlier outcomes of all that share a thing with the population's entity, or that it is linked to."""
    if population.horizon is None:
        return
    found = (one for one in _all_linked(population, graph, paths) if _tells(population, one.links, graph, values))
    for linked in _one_each(found, values):
        column = EventColumn("links", "thing_")
        if linked.are_alike:
            column = EventColumn("events", linked.anchor.columns[0])
        view = View(
            name=f"outcomes_by_{linked.links.thing}",
            table=graph.tables[population.node["unique_id"]],
            anchor=linked.anchor,
            columns=(column,),
            parents=(),
            clocks=(),
            path="earlier outcomes",
            is_own=True,
        )
        paths.add(_by_links(view, linked, graph))


def _one_each(found: Iterable[_Linked], values: Values) -> list[_Linked]:
    """Of several tables that link an entity to the same things the largest; others of its kind are linked both ways."""
    largest: dict[tuple[str, ...], _Linked] = {}
    for one in sorted(found, key=lambda one: -values.rows(one.links.table)):
        largest.setdefault((one.link.parent, *(one.links.entity if one.are_alike else ())), one)
    return list(largest.values())


def _all_linked(population: Population, graph: Graph, paths: Paths) -> Iterator[_Linked]:
    for one in paths.parents:
        if one.via != "population" or not {*population.entity} >= {*one.key.columns}:
            continue
        anchor = Anchor(one.table, one.key.columns, one.depth, one.path)
        for key in graph.children(one.table.id):
            if key.child == population.node["unique_id"] or key.parent_columns != one.key.parent_columns:
                continue
            for link in graph.parents(key.child):
                links = _links(key, link, graph)
                if links:
                    yield _Linked(anchor, key, link, links)


def _links(key: ForeignKey, link: ForeignKey, graph: Graph) -> Links | None:
    """The links between two keys of a table; None if nothing says when they are known, or each thing has one entity."""
    linking = graph.tables[key.child]
    is_own = any((link, above) in graph.echoes for above in graph.parents(link.parent) if above.parent == key.parent)
    if link.columns == key.columns or len(link.columns) != 1 or linking.is_history or is_own:
        return None
    if linking.columns[link.columns[0]].kind == "date":
        return None  # a day of the calendar is no thing
    found = parents_of("links", linking, graph, {"links"})
    clocks = clocks_of("links", linking, found)
    parents = tuple(one for one in found if one.alias in {clock.alias for clock in clocks})
    return Links(linking, key.columns, link.columns[0], clocks, parents) if clocks else None


def _are_few(links: Links, events: Table, values: Values) -> bool:
    """Whether links joined to events have hardly more rows than both."""
    rows, more = values.rows(links.table), values.rows(events)
    return rows * more <= MOST_TIMES * (rows + more) * max(values.distinct(links.table, links.thing), 1)


def _tells(population: Population, links: Links, graph: Graph, values: Values) -> bool:
    """Whether links lead to few of all things, and can be followed for each row of the population."""
    asked, rows = values.rows(graph.tables[population.node["unique_id"]]), values.rows(links.table)
    things = values.distinct(links.table, links.thing)
    each = min(rows / max(values.distinct(links.table, links.entity[0]), 1), things)
    look_ups = min(MOST_LOOK_UPS, MOST_EACH * (asked + rows))
    return each <= MOST_LINKS and each <= MOST_SHARE * things and asked * each <= look_ups


def _joined(
    population: Population, linked: _Linked, below: ForeignKey, graph: Graph, notes: list[str]
) -> Iterator[View]:
    links, events = linked.links, graph.tables[below.child]
    # Each event is joined to all rows that link to its thing, as if these were its parents.
    joined = ForeignKey(events.id, below.columns, links.table.id, (links.thing,))
    through = between(links.table, joined)
    known = EventColumn(through.alias, links.clocks[0].name)
    for view in events_of(population, linked.anchor, events, links.entity, (through,), graph, notes):
        clocks = tuple(dict.fromkeys((*view.clocks, known)))
        yield replace(_named(view, linked, graph), clocks=clocks)


def _by_links(view: View, linked: _Linked, graph: Graph) -> View:
    """A view of what belongs to things, told of those that the entity is linked to."""
    return replace(_named(view, linked, graph), links=linked.links)


def _named(view: View, linked: _Linked, graph: Graph) -> View:
    """A view of what an entity is linked to, told of in full, with its path and a name of its own."""
    links, things = linked.links, graph.tables[linked.link.parent]
    path = f"{view.anchor.path} → {links.table.name} → {things.name} → {view.path.split(' → ')[-1]}"
    is_doubtful = linked.are_alike and not view.is_own
    name = f"{view.name}_by_{links.thing}" if is_doubtful else view.name
    return replace(view, name=name, path=path, is_near=True)
