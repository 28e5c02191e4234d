"""Do the rows that are scored still look like those that were learned from? Counted in SQL against `ml.profiles`.

The reference is the training data alone, so a tested period is never part of its own yardstick.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2, kstwobign

from ml import ledger
from ml.declaration import Prediction
from ml.learning.profiles import chance_index, stability_index
from ml.ledger import StoredRun
from ml.settings import from_vars
from ml.tables import SCHEMA, TABLES
from ml.warehouse import Warehouse
from ml.warehouse.ansi import same_keys
from ml.watch.bins import NULL, OTHER, Reference, count_bins, references_of

Array = NDArray[np.float64]

USUAL = 2.0  # so many times as far off as an as-of of the training rows was is unusual: a trend goes on
FEW_PERIODS = 5.0  # of few as-ofs, the one furthest off says little of how far the next may be
SET_BY_AS_OF = 1.0  # an index above which as-ofs hardly overlap, as for what is the same in all rows of one
WIDER_SHIFT = 3.0  # what moves by nature may shift so many times as far


@dataclass(frozen=True)
class Limits:
    """Beyond which effect a statistic is an alarm, if chance is ruled out too at `significance` over all columns."""

    psi: float = 0.25
    nulls: float = 0.05
    outside: float = 0.05
    unseen: float = 0.05
    shift: float = 10.0
    significance: float = 0.05

    @classmethod
    def of(cls, variables: Mapping[str, Any]) -> "Limits":
        """The limits of a project: its vars `drift_psi` and so on, where they are set."""
        return from_vars(cls, "drift", variables)


def measure_drift(prediction: Prediction, warehouse: Warehouse, run: StoredRun, limits: Limits) -> pd.DataFrame:
    """Compare the rows that a run scored with the rows that it learned from.

    Only as-ofs that have not been measured are; without time, all open rows are each time.

    Returns:
        The rows appended to `ml.drift`: one per as-of, feature and statistic.
    """
    ledger.create_tables(warehouse)
    references = references_of(_profiles(warehouse, run))
    scope = _scope(prediction, warehouse, run)
    counts = count_bins(prediction, warehouse, references, scope)
    tests = max(counts.groupby("feature").ngroups, 1)
    now = datetime.now(UTC).replace(tzinfo=None)
    rows: list[dict[str, object]] = []
    by_name = {reference.feature: reference for reference in references}
    about = {"prediction": prediction.name, "run_id": run.run_id, "measured_at": now}
    for _, part in counts.groupby(["as_of_day", "feature"], dropna=False):
        as_of, feature = part["as_of_day"].iloc[0], str(part["feature"].iloc[0])
        found = dict(zip(part["bin"], part["rows"], strict=True))
        known = part.loc[part["bin"] != NULL, "rows"].sum()
        mean = part["total"].sum() / known if known and not by_name[feature].is_category else None
        for statistic in compare(by_name[feature], found, limits, tests, mean):
            rows.append({**about, "feature": feature, "as_of": None if pd.isna(as_of) else as_of, **statistic})
    table = pd.DataFrame(rows, columns=list(TABLES["drift"]))
    with warehouse.transaction():
        ledger.append(warehouse, "drift", table)
    return table


def compare(
    reference: Reference, found: Mapping[int, int], limits: Limits, tests: int, mean: float | None = None
) -> Iterator[dict[str, object]]:
    """The statistics of one feature at one as-of.

    The stability index with the chi-squared p-value of its asymptotic distribution (Yurdakul and Naranjo, "Statistical
    properties of the population stability index", 2020), the Kolmogorov-Smirnov distance of the binned numbers (told,
    never an alarm), more nulls, numbers outside the training range, levels that training never met, and the shift of
    the mean in standard deviations. An alarm needs both the effect and the evidence (Bonferroni over `tests` columns).

    Args:
        reference: the training distribution.
        found: rows by bin: 0 below the range, 1 … k inside, k + 1 above; levels by their place; NULL and OTHER.
        limits: what counts as an alarm.
        tests: how many columns are looked at.
        mean: the mean of the numbers now.
    """
    expected, actual, outside = _aligned(reference, found)
    rows, known = int(actual.sum()), int(actual[:-1].sum())
    psi, chance = stability_index(expected, actual), chance_index(expected, actual)
    freedom = max(int((expected + actual > 0).sum()) - 1, 1)
    p_value = float(chi2.sf(psi * freedom / chance, freedom)) if chance else 1.0
    is_certain = p_value < limits.significance / tests
    usual = USUAL * (1 + FEW_PERIODS / max(reference.periods, 1)) * reference.usual_psi
    moves = usual > limits.psi  # by nature, as the days since a first event do: a range met so far says nothing
    threshold = None if reference.usual_psi > SET_BY_AS_OF else max(limits.psi, usual) + chance

    def row(statistic: str, value: float, threshold: float | None, p: float | None = None) -> dict[str, object]:
        is_alarm = threshold is not None and bool(value > threshold and is_certain)
        about = {"statistic": statistic, "value": float(value), "threshold": threshold, "p_value": p}
        return {**about, "is_alarm": is_alarm, "rows": rows}

    yield row("psi", psi, threshold, p_value)
    nulls = reference.nulls / max(reference.rows, 1)
    yield row("nulls", actual[-1] / max(rows, 1) - nulls, limits.nulls)
    if not known:
        return
    if reference.is_category:
        yield row("unseen", outside / known, limits.unseen)
        return
    size = known * (reference.rows - reference.nulls) / max(known + reference.rows - reference.nulls, 1)
    distance = _distance(expected[:-1], actual[:-1])
    yield row("ks", distance, None, float(kstwobign.sf(distance * np.sqrt(size))))
    yield row("outside", outside / known, None if moves else limits.outside)
    if mean is not None and reference.std:
        yield row("shift", abs(mean - reference.mean) / reference.std, limits.shift * (WIDER_SHIFT if moves else 1))


def _aligned(reference: Reference, found: Mapping[int, int]) -> tuple[Array, Array, float]:
    """Expected and actual counts of the same bins, nulls last, and how many values training did not meet."""
    if reference.is_category:
        rest = reference.rows - reference.nulls - sum(reference.counts)
        expected = [*reference.counts, rest, reference.nulls]
        other = found.get(OTHER, 0)
        actual = [*(found.get(place, 0) for place in range(len(reference.levels))), other, found.get(NULL, 0)]
        # Levels beyond the profiled ones were met too: only where there were none is "other" certainly new.
        return np.asarray(expected, float), np.asarray(actual, float), 0.0 if rest else float(other)
    last = len(reference.counts)
    inside = [found.get(place, 0) for place in range(1, last + 1)]
    below, above = found.get(0, 0), found.get(last + 1, 0)
    inside[0] += below
    inside[-1] += above
    expected = [*reference.counts, reference.nulls]
    return np.asarray(expected, float), np.asarray([*inside, found.get(NULL, 0)], float), float(below + above)


def _distance(expected: Array, actual: Array) -> float:
    shares = [np.cumsum(counts) / max(counts.sum(), 1) for counts in (expected, actual)]
    return float(np.abs(shares[0] - shares[1]).max())


def _profiles(warehouse: Warehouse, run: StoredRun) -> pd.DataFrame:
    table = warehouse.table(SCHEMA, "profiles")
    return warehouse.query(f"select * from {table} where run_id = ? order by feature", [run.run_id])


def _scope(prediction: Prediction, warehouse: Warehouse, run: StoredRun) -> str:
    """A query of the rows that the run has scored and whose drift is not known yet, with `as_of_day`."""
    quote, stored = warehouse.quote, warehouse.table(SCHEMA, prediction.name)
    same = same_keys(prediction.keys, quote)
    day = f"cast(features.{quote(prediction.as_of)} as date)" if prediction.as_of else "cast(null as date)"
    scored = (
        f"select distinct run_id, {', '.join(quote(key) for key in prediction.keys)}, prediction "
        f"from {stored} where run_id = '{run.run_id}'"
    )
    sql = (
        f"select features.*, stored.prediction as prediction_, {day} as as_of_day "
        f"from {prediction.relation} as features inner join ({scored}) as stored on {same}"
    )
    if not prediction.as_of:
        return f"{sql} where features.{quote(prediction.target)} is null"
    known = f"select 1 from {warehouse.table(SCHEMA, 'drift')} as known where known.run_id = '{run.run_id}'"
    return f"{sql} where not exists ({known} and cast(known.as_of as date) = {day})"
