"""What somebody looks at: the choices on a board as its address says them, so that a link shows the same again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from urllib.parse import urlencode

from ml.boards.board import Board, Filter, Where
from ml.errors import DataError


@dataclass(frozen=True)
class TableState:
    """What is asked of one table: a text to be found, a column to sort by (`-column` backwards), a page from 1 on."""

    search: str = ""
    sort: str = ""
    page: int = 1


@dataclass(frozen=True)
class State:
    """The choices on a board."""

    since: date | None = None
    until: date | None = None
    chosen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tables: Mapping[str, TableState] = field(default_factory=dict)

    def table(self, tile: str) -> TableState:
        """What is asked of a tile's table."""
        return self.tables.get(tile, TableState())

    def with_table(self, tile: str, state: TableState) -> "State":
        """The same with another choice for one table."""
        return replace(self, tables={**self.tables, tile: state})

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The choices as names and values of an address; what is as ever is left out."""
        found = [(name, day.isoformat()) for name, day in (("since", self.since), ("until", self.until)) if day]
        found += [(name, value) for name, values in self.chosen.items() for value in values]
        for tile, table in self.tables.items():
            texts = {"search": table.search, "sort": table.sort, "page": str(table.page) if table.page > 1 else ""}
            found += [(f"{tile}.{name}", text) for name, text in texts.items() if text]
        return found

    @property
    def query(self) -> str:
        """The choices as the end of an address, with its question mark; empty if there are none."""
        return f"?{urlencode(self.pairs)}" if self.pairs else ""


def limits_of(
    where: Where, board: Board, state: State, column_of: Callable[[Filter], str]
) -> tuple[Where, tuple[str, ...]]:
    """A tile's own limits with those of the board's choices, and which choices it can't follow, in words.

    Args:
        where: the tile's own.
        board: has the filters.
        state: has the choices.
        column_of: by what the tile is limited for a filter; empty if by nothing.
    """
    limits, remarks = list(where), []
    for one in board.filters:
        values, column = state.chosen.get(one.name, ()), column_of(one)
        if values and column:
            limits.append((column, values))
        elif values:
            remarks.append(f"Not filtered by {one.label.lower()}.")
    return tuple(limits), tuple(remarks)


def read_state(board: Board, pairs: Sequence[tuple[str, str]]) -> State:
    """The choices of an address; what the board does not know, and what is empty, is left out.

    Raises:
        DataError: a day is no day.
    """
    given = [(name, value.strip()) for name, value in pairs if value.strip()]
    days = {name: read_day(name, value) for name, value in given if name in ("since", "until")}
    chosen = {one.name: tuple(value for name, value in given if name == one.name) for one in board.filters}
    tables: dict[str, TableState] = {}
    for name, value in given:
        tile, _, key = name.partition(".")
        if board.tile(tile) and key in ("search", "sort"):
            known = tables.get(tile, TableState())
            tables[tile] = replace(known, search=value) if key == "search" else replace(known, sort=value)
        elif board.tile(tile) and key == "page" and value.isdecimal():
            tables[tile] = replace(tables.get(tile, TableState()), page=max(1, int(value[:7])))
    return State(
        days.get("since"), days.get("until"), {name: values for name, values in chosen.items() if values}, tables
    )


def read_day(name: str, value: str) -> date:
    """A day as an address or a form gives it.

    Raises:
        DataError: it is none.
    """
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise DataError(f"'{name}' must be a day such as 2017-12-31, not '{value}'.") from error
