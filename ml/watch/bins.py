"""Counts rows by the bins and levels that a run has learned from, in one pass over each column, in SQL."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from ml.declaration import Prediction
from ml.warehouse import Warehouse

NULL, OTHER = -1, -2  # bins beside those of the profile: no value; a level that is not among the profiled ones


@dataclass(frozen=True)
class Reference:
    """How a feature was distributed in training: counts of bins (numbers) or of the most frequent levels."""

    feature: str
    kind: str
    rows: int
    nulls: int
    edges: tuple[float, ...]
    levels: tuple[str, ...]
    counts: tuple[int, ...]
    mean: float
    std: float
    usual_psi: float
    periods: int

    @property
    def is_category(self) -> bool:
        """Whether levels are counted, not bins."""
        return self.kind == "category"


def references_of(profiles: pd.DataFrame) -> list[Reference]:
    """What rows of `ml.profiles` tell of how features were distributed."""
    return list(_references(profiles))


def _references(profiles: pd.DataFrame) -> Iterator[Reference]:
    for row in profiles.to_dict("records"):
        usual = (0.0, 0) if pd.isna(row["usual_psi"]) else (row["usual_psi"], row["periods"])
        about = row["feature"], row["kind"], row["rows"], row["nulls"]
        if row["kind"] == "category" and isinstance(row["top_values"], str):
            top = json.loads(row["top_values"])
            yield Reference(*about, (), tuple(top), tuple(top.values()), 0.0, 0.0, *usual)
        elif isinstance(row["quantile_edges"], str):
            edges, counts = tuple(json.loads(row["quantile_edges"])), tuple(json.loads(row["bin_counts"]))
            yield Reference(*about, edges, (), counts, row["mean"], row["std"], *usual)


def count_bins(prediction: Prediction, warehouse: Warehouse, references: list[Reference], scope: str) -> pd.DataFrame:
    """Rows by as-of, feature and bin (or level), in one pass over each column of the scope."""
    columns = warehouse.columns(prediction.relation)
    parts = []
    for reference in references:
        if reference.kind == "target":
            continue
        is_score = reference.kind == "prediction"
        value = "prediction_" if is_score else warehouse.quote(reference.feature)
        if not is_score and columns[reference.feature].kind == "date":
            value = warehouse.days(value)
            value += f" - {warehouse.days(warehouse.quote(prediction.as_of))}" if prediction.as_of else ""
        place = _level(value, reference) if reference.is_category else _bin(value, reference)
        total = "cast(null as double)" if reference.is_category else f"sum(cast({value} as double))"
        name = reference.feature.replace("'", "''")
        parts.append(
            f"select as_of_day, '{name}' as feature, {place} as bin, count(*) as rows, {total} as total "
            "from scope group by 1, 3"
        )
    if not parts:
        return pd.DataFrame(columns=["as_of_day", "feature", "bin", "rows", "total"])
    return warehouse.query(f"with scope as ({scope}) " + " union all ".join(parts))


def _bin(value: str, reference: Reference) -> str:
    """An SQL expression of how many edges a number reaches; the last one must be exceeded.

    Halving the edges again and again takes five comparisons a row instead of twenty.
    """
    number = f"cast({value} as double)"
    *inner, last = reference.edges
    tests = [*(f"{number} >= {edge!r}" for edge in inner), f"{number} > {last!r}"]

    def reached(low: int, high: int) -> str:
        if low == high:
            return str(low)
        middle = (low + high + 1) // 2
        return f"case when {tests[middle - 1]} then {reached(middle, high)} else {reached(low, middle - 1)} end"

    return f"case when {value} is null or isnan({number}) then {NULL} else {reached(0, len(tests))} end"


def _level(value: str, reference: Reference) -> str:
    """An SQL expression of the place of the level among the profiled ones, or of NULL or OTHER."""
    levels = (level.replace("'", "''") for level in reference.levels)
    places = " ".join(f"when '{level}' then {place}" for place, level in enumerate(levels))
    known = f"case cast({value} as varchar) {places} else {OTHER} end" if places else str(OTHER)
    return f"case when {value} is null then {NULL} else {known} end"
