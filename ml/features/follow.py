"""Follows the foreign keys from a population to the tables that can tell of it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ml.features.graph import Graph, Table
from ml.features.names import free
from ml.features.paths import FEWEST_NUMBERS, Anchor, EventColumn, Parent, Paths, View, between, named, short
from ml.features.population import Population

DEPTH = 3  # foreign keys between a row and what is told of it
NUMBERS = 72  # columns of near events, over all of them, that are measured if they hold numbers
MOST_NUMBERS = 24  # of one event relation, however few others there are


def find_paths(population: Population, graph: Graph) -> Paths:
    """The tables that a population reaches, to depth 3."""
    found = Paths()
    start = graph.tables[population.node["unique_id"]]
    found.parents = list(_parents("population", start, graph, DEPTH, "", "", set()))
    anchors = [Anchor(start, population.entity, 0, " and ".join(population.entity))]
    for parent in found.parents:
        columns = parent.key.columns
        if parent.via != "population":
            columns = tuple(f"{parent.via}__{column}" for column in columns)
        anchors.append(Anchor(parent.table, columns, parent.depth, parent.path))
    seen: set[object] = set()
    for view in sorted(_views(population, anchors, graph, found.notes), key=_rank):
        what = (view.table.id, view.anchor.columns, view.columns)
        if what not in seen:
            seen.add(what)
            found.add(view)
    most = _numbers_each(found.views, graph)
    found.views = [replace(view, numbers=most) if view.is_near else view for view in found.views]
    return found


def _numbers_each(views: list[View], graph: Graph) -> int:
    """How many numbers of each near view are measured, so that all of them together are not too many."""
    held = []
    for table in (view.table for view in views if view.is_near and not view.is_own):
        keys = graph.foreign(table.id) | table.identifiers
        held.append(sum(column.kind == "number" and column.name not in keys for column in table.columns.values()))
    fitting = (
        most for most in range(MOST_NUMBERS, FEWEST_NUMBERS, -1) if sum(min(most, one) for one in held) <= NUMBERS
    )
    return next(fitting, FEWEST_NUMBERS)


def _rank(view: View) -> tuple[bool, bool, bool]:
    """Near views first, those that hold the key themselves, and by one key, the one by the column of the same name."""
    return not view.is_near, not view.holds_key, view.names != view.anchor.columns


def _parents(
    via: str, table: Table, graph: Graph, depth: int, prefix: str, path: str, taken: set[str]
) -> Iterator[Parent]:
    """The parents of a table, and theirs, each by an alias that is not taken; case does not count."""
    keys = graph.parents(table.id)
    for key in keys:
        parent = graph.tables[key.parent]
        if table.clock is None and not table.timeless.issuperset(key.columns):
            continue  # which row it leads to may have been decided later
        alike = [other for other in keys if short(graph.tables[other.parent]).lower() == short(parent).lower()]
        is_unclear = len(alike) > 1 or parent.id == table.id
        own = "_".join((*key.columns, named(parent))) if is_unclear else named(parent)
        alias = free(f"{prefix}__{own}" if prefix else own, taken)
        words = f"{path} → {parent.name}" if path else f"{', '.join(key.columns)} → {parent.name}"
        yield Parent(alias, parent, key, via, DEPTH - depth + 1, words)
        if depth > 1 and parent.id != table.id:
            yield from _parents(alias, parent, graph, depth - 1, alias, words, taken)


def parents_of(via: str, table: Table, graph: Graph, taken: Iterable[str]) -> list[Parent]:
    """The tables that each row of a table has one row of."""
    return list(_parents(via, table, graph, 1, "", "", set(taken)))


def clocks_of(alias: str, table: Table, parents: Iterable[Parent]) -> tuple[EventColumn, ...]:
    """The moments that a row of a table waits for: its own, else those of what it belongs to."""
    if table.clock:
        return (EventColumn(alias, table.clock),)
    return tuple(
        EventColumn(one.alias, one.table.clock) for one in parents if one.table.clock and not one.table.is_history
    )


def _views(population: Population, anchors: list[Anchor], graph: Graph, notes: list[str]) -> Iterator[View]:
    start = anchors[0]
    if population.horizon is not None:
        own = [start, *(anchor for anchor in anchors[1:] if anchor.depth == 1)]
        for anchor in {one.columns: one for one in reversed(own)}.values():
            yield _own_past(population, anchor)
    for anchor in anchors:
        for key in graph.children(anchor.table.id):
            if key.child == start.table.id or anchor.depth + 1 > DEPTH:
                continue
            child = graph.tables[key.child]
            yield from events_of(population, anchor, child, key.columns, (), graph, notes)
            for below in graph.children(child.id):
                grandchild = graph.tables[below.child]
                if anchor.depth + 2 > DEPTH or grandchild.id in (child.id, start.table.id):
                    continue
                if (below, key) in graph.echoes:
                    continue
                through = (between(child, below),)
                yield from events_of(population, anchor, grandchild, key.columns, through, graph, notes)
    yield from _pairs(population, [one for one in anchors if one.depth == 1], graph, notes)


def _own_past(population: Population, anchor: Anchor) -> View:
    return View(
        name=_name("outcomes", anchor, population),
        table=anchor.table,
        anchor=anchor,
        columns=tuple(EventColumn("events", name) for name in anchor.columns),
        parents=(),
        clocks=(),
        path=f"earlier outcomes of the same {' and '.join(anchor.columns)}",
        is_own=True,
    )


def _pairs(population: Population, anchors: list[Anchor], graph: Graph, notes: list[str]) -> Iterator[View]:
    """Events that hold two of the population's keys at once."""
    for place, first in enumerate(anchors):
        for second in anchors[place + 1 :]:
            if first.table.id == second.table.id:
                continue
            both = Anchor(first.table, first.columns + second.columns, 1, f"{first.path} and {second.path}")
            for one in graph.children(first.table.id):
                for other in graph.children(second.table.id):
                    if one.child == other.child and one.child != population.node["unique_id"]:
                        yield from events_of(
                            population,
                            both,
                            graph.tables[one.child],
                            one.columns + other.columns,
                            (),
                            graph,
                            notes,
                            is_pair=True,
                        )


def events_of(
    population: Population,
    anchor: Anchor,
    table: Table,
    key: Sequence[str],
    through: tuple[Parent, ...],
    graph: Graph,
    notes: list[str],
    *,
    is_pair: bool = False,
) -> Iterator[View]:
    """The events of a table with the parents that tell more of them; none if nothing says when they happened.

    `key` are the columns, of the events or of the table `through` which they belong to it, that hold the anchor's key.
    """
    others = [
        parent
        for parent in parents_of("events", table, graph, {one.alias.lower() for one in through})
        if all(parent.table.id != one.table.id for one in through) and _is_beside(parent, anchor, table, key)
    ]
    known = [*through, *others]
    clocks = clocks_of("events", table, known)
    if not clocks:
        note = f"{table.name} has no clock (`event_time`): its rows are not counted"
        if note not in notes:
            notes.append(note)
        return
    parents = tuple(one for one in known if one in through or not one.table.is_history)
    steps = [*(one.table.name for one in through), table.name]
    is_of_entity = anchor.columns == population.entity
    yield View(
        name=_name(short(table), anchor, population),
        table=table,
        anchor=anchor,
        columns=tuple(EventColumn(through[0].alias if through else "events", name) for name in key),
        parents=parents,
        clocks=clocks,
        path=f"{anchor.path} → {' → '.join(steps)}",
        is_near=not is_pair and (is_of_entity if through else anchor.depth <= 1),
        is_of_entity=is_of_entity,
    )


def _is_beside(parent: Parent, anchor: Anchor, table: Table, key: Sequence[str]) -> bool:
    """Whether a parent of events is no row of the anchor's table, or is another one that says when they are known."""
    if parent.table.id != anchor.table.id:
        return True
    return table.clock is None and parent.table.clock is not None and parent.key.columns != tuple(key)


def _name(own: str, anchor: Anchor, population: Population) -> str:
    return own if anchor.columns == population.entity else f"{own}_by_{'_'.join(anchor.columns)}"
