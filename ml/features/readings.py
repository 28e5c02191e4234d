"""Numbers that are of unlike things: a table of readings, each with the name of what was read."""

from collections.abc import Collection
from dataclasses import dataclass

from ml.features.graph import Table
from ml.features.names import ORDERING, literal
from ml.features.values import MOST_LEVELS, Values

UNLIKE = 0.5  # share of the variation of a number's ranks that its kinds tell, from which on they are unlike things
CLOSE = 0.02  # of that share, by which one column is no better than another before it
MOST = 48  # numbers and kinds of one table
COVERED = 0.3  # share of the rows that the kinds told apart have: of prices by product they have less
LEAST_SHARE = 0.005  # of the rows that a kind has


@dataclass(frozen=True)
class Kinds:
    """The column that says what a number is of, and its most frequent levels."""

    column: str
    levels: tuple[str, ...]
    is_number: bool

    def literal(self, level: str) -> str:
        """A level as SQL."""
        return level if self.is_number else literal(level)


def kinds_of(table: Table, apart: Collection[str], keys: Collection[str], values: Values) -> dict[str, Kinds]:
    """The numbers of a table that are of unlike things, by name; none is one of the columns `apart`, nor a key.

    What a number is of may be said by a text, or by a key.
    """
    columns = [column for column in table.columns.values() if column.name not in apart]
    numbers = [column.name for column in columns if column.kind == "number" and column.name not in keys]
    levels = [
        column.name
        for column in columns
        if (column.kind == "category" or column.name in keys)
        and not ORDERING.fullmatch(column.name)
        and 1 < values.distinct(table, column.name) <= MOST_LEVELS
    ]
    covered = [name for name in levels if sum(share for _, share in values.levels(table, name)) >= COVERED]
    if not numbers or not covered:
        return {}
    kinds = {}
    for number, shares in values.told_by(table, numbers, covered).items():
        best = max(shares.values())
        if best >= UNLIKE:
            kinds[number] = next(name for name, share in shares.items() if share >= best - CLOSE)
    return {number: _kinds(table, kind, MOST // len(kinds), values) for number, kind in kinds.items()}


def _kinds(table: Table, column: str, most: int, values: Values) -> Kinds:
    """The most frequent kinds; dbt would render braces."""
    frequent = [level for level, share in values.levels(table, column) if share >= LEAST_SHARE and "{" not in level]
    return Kinds(column, tuple(frequent[:most]), table.columns[column].kind == "number")
