"""What paths through the graph are made of: parents, anchors, and views of events."""

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from ml.features.graph import Table
from ml.features.keys import ForeignKey
from ml.features.names import identifier, identifier_part, literal, plain

if TYPE_CHECKING:
    from ml.features.measures import Measure

VIEWS = 24  # event relations, at most, beside those of outcomes
FEWEST_NUMBERS = 8  # columns of near events that are measured if they hold numbers, however many events there are
# Of every query, see `query.Writer`.
STEPS = {"population", "wanted", "newest", "told", "keyed", "reached", "events", "features", "now_"}
KIND = "kind_"  # the column of gathered events that says of which kind they are
LAYER = re.compile(r"^(stg_[a-z0-9]+__|stg_|int_|fct_|dim_|src_|raw_|seed_|base_)")


@dataclass(frozen=True)
class Parent:
    """A table that a row has one row of.

    Attributes:
        alias: the name of its join.
        table: it.
        key: the foreign key that leads to it.
        via: the alias of the table that holds the key.
        depth: how many foreign keys lead to it.
        path: in words.
    """

    alias: str
    table: Table
    key: ForeignKey
    via: str
    depth: int
    path: str


@dataclass(frozen=True)
class Anchor:
    """A key that the population knows, and that other tables' rows have too.

    `columns` are columns of `keyed`, or of `reached` if the key is that of a row's `latest` event.
    """

    table: Table
    columns: tuple[str, ...]
    depth: int
    path: str
    latest: "Latest | None" = None


class EventColumn(NamedTuple):
    """A column of events, or of a table that is joined to them under an alias."""

    alias: str
    name: str

    @property
    def sql(self) -> str:
        """It, each part quoted where SQL needs it."""
        return f"{identifier(self.alias)}.{identifier(self.name)}"


@dataclass(frozen=True)
class Links:
    """Rows of a table that link an entity to things: a site to its studies, a film to its actors.

    Attributes:
        table: it.
        entity: its columns that hold the entity's key.
        thing: its column that holds a thing's key.
        clocks: the moments that a link waits for.
        parents: the tables of these, where it has no clock itself.
    """

    table: Table
    entity: tuple[str, ...]
    thing: str
    clocks: tuple[EventColumn, ...]
    parents: tuple[Parent, ...]


@dataclass(frozen=True)
class Kind:
    """One of the unlike things that numbers of events are of.

    Attributes:
        column: of the events, that says what they are of.
        level: that it holds.
        name: what it is called in the table that the column leads to; empty if nothing says so.
        is_number: whether the column holds numbers.
        numbers: the columns that are of unlike things.
        of: the name of the view of all kinds.
    """

    column: str
    level: str
    name: str
    is_number: bool
    numbers: tuple[str, ...]
    of: str

    @property
    def literal(self) -> str:
        """The level as SQL."""
        return self.level if self.is_number else literal(self.level)

    @property
    def words(self) -> str:
        """Which events are of it."""
        name = f" ({self.name})" if self.name else ""
        return f"where {self.column} = '{self.level}'{name}"


@dataclass(frozen=True)
class View:
    """Events of a table, by a key that the population knows.

    Attributes:
        name: of its features' prefix.
        table: whose rows are the events.
        anchor: the population's side of the key.
        columns: the events' side of the key.
        parents: tables that each event has one row of, joined to it.
        clocks: the moments that an event waits for: it is known from the latest on.
        path: in words.
        is_near: events of a key that the population itself holds, or of the entity's own events: told of in full.
        is_of_entity: events of the population's entity; else of a key beside it.
        is_own: the population's own past outcomes.
        numbers: how many of its columns are measured, at most, if they hold numbers.
        links: lead from the anchor's key to the things whose events they are; None if the events hold that key.
        kind: of which its events are; None if they are of all.
    """

    name: str
    table: Table
    anchor: Anchor
    columns: tuple[EventColumn, ...]
    parents: tuple[Parent, ...]
    clocks: tuple[EventColumn, ...]
    path: str
    is_near: bool = True
    is_of_entity: bool = False
    is_own: bool = False
    numbers: int = FEWEST_NUMBERS
    links: Links | None = None
    kind: Kind | None = None

    @property
    def steps(self) -> str:
        """How the names of its steps in a query begin."""
        return plain(self.name)

    @property
    def gathered(self) -> str:
        """How the names of those begin that gather its events: of a kind, together with all others."""
        return f"{plain(self.kind.of)}_each_{identifier_part(self.kind.column)}" if self.kind else self.steps

    @property
    def names(self) -> tuple[str, ...]:
        """What the columns of the key are called in their tables."""
        return tuple(column.name for column in self.columns)

    @property
    def by(self) -> tuple[str, ...]:
        """The columns that its events are told apart by, as the population or its links call them."""
        return (self.links.thing,) if self.links else self.anchor.columns

    @property
    def holds_key(self) -> bool:
        """Whether the events themselves hold the key, not a table that they belong to."""
        return self.columns[0].alias == "events"

    @property
    def tables(self) -> dict[str, Table]:
        """The tables that the aliases of the events' query stand for."""
        return {"events": self.table, **{one.alias: one.table for one in self.parents}}


@dataclass(frozen=True)
class Latest:
    """The foreign key that the latest event of a view holds: its column, as a measure of those events."""

    view: View
    column: str
    measure: "Measure"


@dataclass
class Paths:
    """All that features can be made of, and notes on what could not be used."""

    parents: list[Parent] = field(default_factory=list)
    views: list[View] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, view: View) -> None:
        """Add a view under a name of its own; where there are `VIEWS`, a near one replaces the last that is not.

        Outcomes and kinds don't count.
        """
        counted = sum(not one.is_own and one.kind is None for one in self.views)
        if counted >= VIEWS and not view.is_own and view.kind is None:
            far = [place for place, one in enumerate(self.views) if not one.is_near]
            if not far or not view.is_near:
                return
            del self.views[far[-1]]
        self.views.append(_with_own_name(view, {one.steps for one in self.views}))


def between(table: Table, key: ForeignKey) -> Parent:
    """A table through which events belong to a key: each event has a row of it by a key of its own."""
    return Parent(named(table), table, key, "events", 1, table.name)


def short(table: Table) -> str:
    """A table's name without the prefix of its layer."""
    return LAYER.sub("", table.name) or table.name


def named(table: Table) -> str:
    """A table's short name, unless a step of every query is called so."""
    return f"source_{short(table)}" if short(table).lower() in STEPS else short(table)


def _with_own_name(view: View, taken: set[str]) -> View:
    """The view, under another name if a view of the same table by another of its keys, or of another table, has it."""
    if view.steps not in taken:
        return view
    ending = f"via_{short(view.links.table)}" if view.links else f"as_{'_'.join(view.names)}"
    other = replace(view, name=f"{view.name}_{ending}")
    number = 1
    while other.steps in taken:
        number += 1
        other = replace(view, name=f"{view.name}_{number}")
    return other
