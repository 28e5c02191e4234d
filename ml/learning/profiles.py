"""Describes the distribution of what was learned from, so that later rows can be held against it."""

import json
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.learning.cores import in_threads
from ml.learning.dataset import Dataset, Rows, epoch_days
from ml.learning.words import comes_again

Array = NDArray[np.float64]

BINS, LEVELS = 20, 50
MOST_PERIODS = 60  # more as-ofs are taken together
SMOOTH = 0.5  # rows added to each bin, so that an empty one has a finite logarithm (Jeffreys)


def profiles(dataset: Dataset, sample: Rows, predictions: Array) -> pd.DataFrame:
    """The distribution of every feature, of the target and of the predictions, to measure drift against.

    Args:
        dataset: the closed rows that the pipeline learned from.
        sample: positions of the rows whose predictions are given.
        predictions: what the pipeline says of them, (len(sample),).

    Returns:
        One row each with the columns of `ml.profiles` except the run: numbers have up to 20 bins between quantiles, or
        one per value if there are no more (the last bin includes its upper edge), categories their most frequent
        levels; both as JSON text. `usual_psi` is the greatest stability index of one as-of against all others, beyond
        chance; `periods` is the number of as-ofs.
    """
    periods = _periods(dataset)
    kinds = list(dataset.kinds.items())
    rows = in_threads(lambda one: _profile(*one, dataset.features[one[0]], periods), kinds)
    sampled = None if periods is None else periods[sample]
    rows.append(_profile("prediction", "prediction", pd.Series(predictions), sampled))
    if dataset.target is not None:
        rows.append(_profile("target", "target", pd.Series(dataset.target), periods))
    return pd.DataFrame(rows).assign(periods=0 if periods is None else int(periods.max()) + 1)


def stability_index(expected: Array, actual: Array) -> float:
    """The population stability index between counts of the same bins.

    Siddiqi, "Credit risk scorecards", 2006: sum of (q - p) log(q / p) over the bins' shares p and q.
    """
    is_used = expected + actual > 0
    p, q = ((counts[is_used] + SMOOTH) / (counts[is_used] + SMOOTH).sum() for counts in (expected, actual))
    return float(((q - p) * np.log(q / p)).sum())


def chance_index(expected: Array, actual: Array) -> float:
    """What the index is on average between two samples of one distribution: bins less one, over the sample sizes.

    Yurdakul and Naranjo, "Statistical properties of the population stability index", 2020.
    """
    bins = int((expected + actual > 0).sum())
    return (bins - 1) * (1 / max(float(expected.sum()), 1.0) + 1 / max(float(actual.sum()), 1.0))


def _periods(dataset: Dataset) -> NDArray[np.intp] | None:
    """The day of each row's as-of as 0, 1, 2 …; many days are taken together; None without time."""
    if dataset.as_of is None:
        return None
    _, codes = np.unique(dataset.as_of.astype("datetime64[D]"), return_inverse=True)
    count = int(codes.max()) + 1
    return codes if count <= MOST_PERIODS else codes * MOST_PERIODS // count


def _profile(name: str, kind: str, column: pd.Series, periods: NDArray[np.intp] | None) -> dict[str, Any]:
    known = column.dropna()
    profile: dict[str, Any] = {
        "feature": name,
        "kind": kind,
        "rows": len(column),
        "nulls": len(column) - len(known),
    }
    if kind == "category":
        levels = known.value_counts()
        counts = levels.head(LEVELS if comes_again(column) else 0)
        profile["distinct_values"] = len(levels)
        profile["top_values"] = json.dumps({str(level): int(count) for level, count in counts.items()})
        places = pd.Index(counts.index.astype(str)).get_indexer(pd.Index(column.astype("str")))
        places = np.where(places < 0, len(counts), places)
        return profile | {"usual_psi": _usual(np.where(column.isna(), len(counts) + 1, places), periods)}
    if known.empty:
        return profile | {"distinct_values": 0}
    numbers = _numbers(column)
    is_known = np.isfinite(numbers)
    ordered = np.sort(numbers[is_known])
    is_new = np.diff(ordered, prepend=-np.inf) > 0
    profile["distinct_values"] = int(is_new.sum())
    edges = _edges(ordered, is_new)
    moments = {measure: getattr(np, measure)(ordered) for measure in ("mean", "std", "min", "max")}
    bins = {"quantile_edges": edges.tolist(), "bin_counts": np.histogram(ordered, edges)[0].tolist()}
    places = np.searchsorted(edges[:-1], numbers, side="right")
    usual = _usual(np.where(is_known, places, 0), periods)
    return profile | moments | {key: json.dumps(value) for key, value in bins.items()} | {"usual_psi": usual}


def _numbers(column: pd.Series) -> Array:
    """A column as numbers: dates as days since 1970."""
    if column.dtype.kind == "M":
        return epoch_days(column.to_numpy("datetime64[us]"))
    return np.asarray(column, dtype=np.float64)


def _edges(ordered: Array, is_new: NDArray[np.bool_]) -> Array:
    """The edges of a bin per value, or between quantiles of many; `is_new` is true where a value begins."""
    if is_new.sum() <= BINS:
        return np.append(ordered[is_new], ordered[-1])
    quantiles: Array = np.quantile(ordered, np.linspace(0, 1, BINS + 1))
    edges: Array = np.unique(quantiles)
    return edges


def _usual(places: NDArray[np.intp], periods: NDArray[np.intp] | None) -> float | None:
    """The greatest index of one period against all others, beyond chance; None with less than two periods."""
    if periods is None or periods.max() < 1:
        return None
    shape = int(periods.max()) + 1, int(places.max()) + 1
    counts = np.bincount(periods * shape[1] + places, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)
    total = counts.sum(axis=0)
    return max(
        max(stability_index(total - one, one) - chance_index(total - one, one), 0.0) for one in counts if one.any()
    )
