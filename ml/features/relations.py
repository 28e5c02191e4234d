"""How a query reads tables: under which names, from when on their rows are known, and by which keys they are joined."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from ml.features.graph import Graph, Table
from ml.features.keys import equal
from ml.features.names import identifier
from ml.features.paths import Anchor, Parent, Paths, named, short
from ml.features.population import Population
from ml.features.windows import window
from ml.warehouse import Column

if TYPE_CHECKING:
    from ml.features.ahead import Ahead

ENDINGS = ("_links", "_events", "_instants", "_running", "_overall", "_features")  # of the steps of a view
AS_OF, KNOWN = "keyed.as_of_", "keyed.known_"


@dataclass(frozen=True)
class Relations:
    """The tables of one population's queries.

    Attributes:
        population: whose rows get features.
        graph: the tables.
        paths: the parents and views that features may use.
        source: how a table is named in SQL.
        ahead: how far the open rows lie after all events, if they do.
    """

    population: Population
    graph: Graph
    paths: Paths
    source: Callable[[Table], str]
    ahead: "Ahead | None" = None

    @property
    def start(self) -> Table:
        """The population's own table."""
        return self.graph.tables[self.population.node["unique_id"]]

    @property
    def keys(self) -> list[str]:
        """The columns of `keyed` that identify a row of the population."""
        return [f"keyed.{identifier(key)}" for key in self.population.keys]

    @property
    def known(self) -> str:
        """The moment before which events are told of: the as-of, unless open rows lie ahead of all events."""
        return KNOWN if self.ahead else AS_OF

    def name(self, table: Table) -> str:
        """The name under which a query reads a table: its short one, unless several tables or a step share that."""
        same = [one for one in self.graph.tables.values() if short(one).lower() == short(table).lower()]
        name = named(table) if len(same) == 1 else table.id.replace(".", "_")
        return identifier(f"source_{name}" if name.lower() in self._steps else name)

    @cached_property
    def _steps(self) -> frozenset[str]:
        names = {name for view in self.paths.views for name in (view.steps, view.gathered)}
        return frozenset(f"{name}{ending}" for name in names for ending in ENDINGS)

    def aliased(self, parent: Parent) -> str:
        """A parent's table under its alias."""
        table, alias = self.name(parent.table), identifier(parent.alias)
        return table if table == alias else f"{table} as {alias}"

    def as_of(self, rows: str) -> str:
        """The as-of of the population's rows as a timestamp; `rows` is what they are called."""
        return timestamp(f"{rows}.{identifier(self.population.as_of)}", self.population.columns[self.population.as_of])

    def same_key(self, parent: Parent, via: str) -> list[str]:
        """What joins a parent to the table, under the alias `via`, that holds its key."""
        child = self.graph.tables[parent.key.child]
        pairs = zip(parent.key.columns, parent.key.parent_columns, strict=True)
        return [
            equal(
                f"{via}.{identifier(one)}",
                child.columns[one],
                f"{identifier(parent.alias)}.{identifier(other)}",
                parent.table.columns[other],
            )
            for one, other in pairs
        ]

    def moment(self, table: Table, alias: str, clock: str | None = None) -> str:
        """From when on a row is known: a date, seen from a timestamp, at its end."""
        column = table.columns[clock or str(table.clock)]
        moment = timestamp(f"{identifier(alias)}.{identifier(column.name)}", column)
        if table.delay and column.name == table.clock:
            return at_end(moment, table.delay)
        is_coarser = _is_date(column) and not _is_date(self.population.columns[self.population.as_of])
        return f"{moment} + interval 1 day - interval 1 microsecond" if is_coarser else moment

    def anchor_column(self, anchor: Anchor, name: str) -> Column:
        """A column of an anchor's key, as the table has it that it comes from."""
        if anchor.latest:
            return anchor.latest.view.table.columns[anchor.latest.column]
        if name in self.population.columns:
            return self.population.columns[name]
        for parent in self.paths.parents:
            if name in columns_of(parent):
                return parent.table.columns[columns_of(parent)[name]]
        raise KeyError(name)


def columns_of(parent: Parent) -> dict[str, str]:
    """The columns of a parent by their names in `keyed`."""
    return {f"{parent.alias}__{column}": column for column in parent.table.columns}


def at_end(start: str, span: timedelta) -> str:
    """The last moment of a span: what is known from then on is seen by as-ofs at its end."""
    return f"{start} + {window(int(span.total_seconds())).sql} - interval 1 microsecond"


def timestamp(sql: str, column: Column) -> str:
    """A date or timestamp as a timestamp without time zone, of UTC."""
    kind = column.type.upper()
    if kind == "TIMESTAMP":
        return sql
    return f"{sql} at time zone 'UTC'" if "TIME ZONE" in kind or kind == "TIMESTAMPTZ" else f"cast({sql} as timestamp)"


def _is_date(column: Column) -> bool:
    return column.type.upper() == "DATE"
