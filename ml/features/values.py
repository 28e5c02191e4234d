"""What the columns of tables hold: looked up once each."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.features.graph import Table
from ml.features.names import literal
from ml.learning.words import LOOKED_AT, are_texts
from ml.warehouse import Warehouse
from ml.warehouse.ansi import some_of

SAMPLED = 300_000  # rows that levels are counted on
MOST_TEXTS = 50_000  # different ones that are counted; more are free text
MOST_COUNTED = 48  # of the levels of a column, the most frequent ones
MOSTLY = 0.9  # share of the rows that have a value of their own
RARE = 0.02  # share of nulls, or of values, that are too few to tell anything
MOST_LEVELS = 1_000  # of a category that is a feature itself
COMPARED, FEWEST_COMPARED = 20_000, 50  # rows that numbers are held against the clock and the kinds on
UNLIKE = 0.5  # share of the variation of a number's ranks that its kinds tell, from which on they are unlike things
USUAL = 0.8  # share of rows that hold the commonest number of their level, from which on it only names the level
CALENDAR = 0.99  # rank correlation with the clock from which on a number is a date by another name


@dataclass
class Values:
    """Distinct counts and frequent levels, from the warehouse."""

    warehouse: Warehouse
    _counted: dict[str, dict[tuple[str, str], int]] = field(default_factory=dict)
    _levels: dict[tuple[str, str], list[tuple[str, float]]] = field(default_factory=dict)
    _words: dict[tuple[str, str], bool] = field(default_factory=dict)
    _calendars: dict[str, frozenset[str]] = field(default_factory=dict)

    def rows(self, table: Table) -> int:
        """The number of rows of a table."""
        return self._counts(table)["rows", ""]

    def distinct(self, table: Table, column: str) -> int:
        """About how many different values a column holds; nulls don't count."""
        return self._counts(table)["distinct", column]

    def is_often_null(self, table: Table, column: str) -> bool:
        """Whether a column is null in some rows and known in others, neither of them rare."""
        share = self._counts(table)["nulls", column] / (self.rows(table) or 1)
        return RARE <= share <= 1 - RARE

    def has_words(self, table: Table, column: str) -> bool:
        """Whether a text has several words, which a training reads (see `ml.learning.words`)."""
        where = (table.id, column)
        if table.columns[column].kind != "category":
            return False
        if where not in self._words:
            some = some_of(self.warehouse.quote(column), table.relation, LOOKED_AT)
            self._words[where] = are_texts(self.warehouse.query(some)["level"])
        return self._words[where]

    def is_free_text(self, table: Table, column: str) -> bool:
        """Whether a text is another in nearly every row: its levels say nothing."""
        distinct = self.distinct(table, column)
        if distinct > MOST_TEXTS or distinct >= MOSTLY * self.rows(table):
            return True
        return distinct > MOST_LEVELS and self.has_words(table, column)

    def finite(self, table: Table, column: str, sql: str) -> str:
        """SQL that reads a column, with null for what is no number or infinite, if it holds such."""
        if table.columns[column].type.upper() not in ("DOUBLE", "FLOAT") or not self._counts(table)["infinite", column]:
            return sql
        return f"case when isfinite({sql}) then {sql} end"

    def levels(self, table: Table, column: str) -> list[tuple[str, float]]:
        """The most frequent levels of a column, each with its share of the rows."""
        where = (table.id, column)
        if where not in self._levels:
            quoted = self.warehouse.quote(column)
            found = self.warehouse.query(
                f"select cast({quoted} as varchar) as level, count(*) as rows "
                f"from (select {quoted} from {table.relation} limit {SAMPLED}) as rows "
                f"where {quoted} is not null group by 1 order by 2 desc, 1 limit {MOST_COUNTED}"
            )
            rows = min(self.rows(table), SAMPLED) or 1
            self._levels[where] = [
                (str(level), count / rows) for level, count in zip(found["level"], found["rows"], strict=True)
            ]
        return self._levels[where]

    def names(self, table: Table, key: str, text: str, wanted: Collection[str]) -> dict[str, str]:
        """What rows are called by a text, by the values of their key that are wanted."""
        known, name = self.warehouse.quote(key), self.warehouse.quote(text)
        found = self.warehouse.query(
            f"select distinct cast({known} as varchar) as level, cast({name} as varchar) as name from {table.relation} "
            f"where cast({known} as varchar) in ({', '.join(map(literal, wanted))}) and {name} not like '%{{%'"
        )
        return dict(zip(found["level"], found["name"], strict=True))

    def calendar(self, table: Table) -> frozenset[str]:
        """The numbers that tell when an event was and nothing else: its year, or what is counted up."""
        numbers = [name for name, column in table.columns.items() if column.kind == "number" and name != table.clock]
        if table.clock is None or not numbers:
            return frozenset()
        if table.id not in self._calendars:
            ranks = self._some(table, [f"epoch({self.warehouse.quote(table.clock)})", *self._numbers(numbers)]).rank()
            alike = ranks.corrwith(ranks.iloc[:, 0], min_periods=FEWEST_COMPARED).abs().to_numpy()[1:]
            found = (name for name, share in zip(numbers, alike, strict=True) if share >= CALENDAR)
            self._calendars[table.id] = frozenset(found)
        return self._calendars[table.id]

    def told_by(self, table: Table, numbers: Sequence[str], kinds: Sequence[str]) -> dict[str, dict[str, float]]:
        """What share of the variation of each number's ranks columns of levels tell; 0 of too few rows.

        0 too where a number only names its level, as the limit of what is normal names a test.
        """
        texts = [f"cast({self.warehouse.quote(name)} as varchar)" for name in kinds]
        frame = self._some(table, [*self._numbers(numbers), *texts])
        ranks = frame.iloc[:, : len(numbers)].rank().to_numpy(np.float64)
        codes = [pd.factorize(frame.iloc[:, len(numbers) + place])[0].astype(np.intp) for place in range(len(kinds))]
        return {
            number: {kind: _share_told(ranks[:, place], code) for kind, code in zip(kinds, codes, strict=True)}
            for place, number in enumerate(numbers)
        }

    def share_that_stays(self, table: Table, key: str, column: str) -> float:
        """How often a key's events hold the one value of the moment before; of keys with one moment, how often one.

        0 if there are none.
        """
        of, value, clock = map(self.warehouse.quote, (key, column, str(table.clock)))
        some = f"hash({of}) % {max(1, self.rows(table) // SAMPLED)} = 0 and {value} is not null"
        found = self.warehouse.query(
            "select coalesce(avg(case when earlier is not null then case when is_one and held = earlier then 1.0 "
            "else 0.0 end end), avg(case when is_one then 1.0 else 0.0 end)) as share from ("
            f"select max({value}) as held, min({value}) = max({value}) as is_one, "
            f"lag(max({value})) over (partition by {of} order by {clock}) as earlier "
            f"from {table.relation} where {some} group by {of}, {clock}"
            ") as moments"
        )
        return float(found["share"].fillna(0.0)[0])

    def _numbers(self, names: Sequence[str]) -> list[str]:
        return [f"cast({self.warehouse.quote(name)} as double)" for name in names]

    def _some(self, table: Table, read: Sequence[str]) -> pd.DataFrame:
        """About `COMPARED` rows of a table, the same ones each time; infinite numbers are null."""
        named = ", ".join(f"{sql} as c{place}" for place, sql in enumerate(read))
        some = f"hash({', '.join(read)}) % {max(1, self.rows(table) // COMPARED)} = 0"
        frame = self.warehouse.query(f"select {named} from {table.relation} where {some}")
        return frame.replace([np.inf, -np.inf], np.nan)

    def _counts(self, table: Table) -> dict[tuple[str, str], int]:
        """What was counted of a table, by kind and column."""
        if table.id not in self._counted:
            columns = [column for column in table.columns.values() if column.kind != "other"]
            parts = {("rows", ""): "count(*)"}
            for column in columns:
                name = self.warehouse.quote(column.name)
                parts["distinct", column.name] = f"approx_count_distinct({name})"
                if column.kind == "number":
                    parts["nulls", column.name] = f"count(*) - count({name})"
                if column.type.upper() in ("DOUBLE", "FLOAT"):
                    parts["infinite", column.name] = f"count(case when not isfinite({name}) then 1 end)"
            read = ", ".join(f"{sql} as c{place}" for place, sql in enumerate(parts.values()))
            row = self.warehouse.query(f"select {read} from {table.relation}").iloc[0]
            self._counted[table.id] = {key: int(count) for key, count in zip(parts, row, strict=True)}
        return self._counted[table.id]


def _share_told(ranks: NDArray[np.float64], codes: NDArray[np.intp]) -> float:
    """The share of the variance of ranks that levels tell, corrected for their number.

    Epsilon squared: Kelley, "An unbiased correlation ratio measure", PNAS 21, 1935.
    """
    known = ~np.isnan(ranks) & (codes >= 0)
    ranks, codes = ranks[known], codes[known]
    if len(ranks) < FEWEST_COMPARED:
        return 0.0
    centred, sizes = ranks - ranks.mean(), np.bincount(codes)
    total, levels = float((centred**2).sum()), np.count_nonzero(sizes)
    if total <= 0 or levels >= len(ranks):
        return 0.0
    within = total - float((np.bincount(codes, centred) ** 2 / np.maximum(sizes, 1)).sum())
    share = 1 - within / (len(ranks) - levels) / (total / (len(ranks) - 1))
    return 0.0 if share >= UNLIKE and _most_usual(ranks, codes) >= USUAL else share


def _most_usual(ranks: NDArray[np.float64], codes: NDArray[np.intp]) -> float:
    """The share of rows that hold the commonest number of their level."""
    pairs, counts = np.unique(np.column_stack([codes, ranks]), axis=0, return_counts=True)
    most = np.zeros(codes.max() + 1)
    np.maximum.at(most, pairs[:, 0].astype(np.intp), counts)
    return float(most.sum()) / len(codes)
