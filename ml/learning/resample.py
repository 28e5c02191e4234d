"""How far a figure may be off: intervals that respect that the rows of one entity belong together."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.learning.measures import clustered_weights

Array = NDArray[np.float64]

SAMPLES = 200
FEW_ENTITIES = 10  # of fewer, parts are drawn
FEWEST_SAMPLES, CELLS = 50, 10_000_000  # many rows need fewer samples: samples times rows are kept below the latter
Z95 = 1.959963984540054  # the normal quantile of a two-sided 95 % interval


def entity_numbers(keys: pd.DataFrame) -> NDArray[np.intp]:
    """The entity of each row as 0, 1, 2 …, in the order in which they come; `keys` are the entity's columns."""
    return keys.groupby(list(keys.columns), sort=False, dropna=False).ngroup().to_numpy().astype(np.intp)


def entity_clusters(keys: pd.DataFrame) -> NDArray[np.intp]:
    """The entity of each row as 0, 1, 2 …; where entities are few, stretches of rows of each.

    A handful of entities, or a single series, drawn as wholes would say next to nothing of chance. So blocks of rows
    that follow each other are drawn, as long as the cube root of their number (Künsch, "The jackknife and the bootstrap
    for general stationary observations", 1989).

    Args:
        keys: the entity's columns, a row for each row, in order of time.
    """
    entities = pd.Series(entity_numbers(keys))
    if entities.nunique() < FEW_ENTITIES:
        own = entities.groupby(entities)
        length = (own.transform("size") ** (1 / 3)).round()
        entities = (
            pd.DataFrame({"entity": entities, "block": own.cumcount() // length})
            .groupby(["entity", "block"], sort=False)
            .ngroup()
        )
    return entities.to_numpy().astype(np.intp)


def affordable(samples: int, rows: int) -> int:
    """How many of so many bootstrap samples of rows are drawn."""
    return min(samples, max(FEWEST_SAMPLES, CELLS // rows))


def bootstrap(
    statistics: Callable[[Array], Array], clusters: NDArray[np.intp], seed: int, samples: int = SAMPLES
) -> tuple[Array, Array, Array]:
    """Several statistics of the same rows with their 95 % percentile intervals; the bootstrap draws entities.

    Args:
        statistics: maps weights (samples, n) to values (samples, k); NaN where a sample lacks what it needs.
        clusters: the entity of each row.
        seed: makes the draw repeatable.
        samples: how many bootstrap samples to draw, at most.

    Returns:
        Values, lower and upper ends, (k,) each; an interval always holds its value, and is NaN if no sample is finite.
    """
    samples = affordable(samples, len(clusters))
    values = statistics(np.ones((1, len(clusters))))[0]
    drawn = np.vstack([statistics(weights) for weights in clustered_weights(clusters, samples, seed)])
    lower, upper = np.full_like(values, np.nan), np.full_like(values, np.nan)
    for place, value in enumerate(values):
        known = drawn[np.isfinite(drawn[:, place]), place]
        if len(known) and np.isfinite(value):
            low, high = np.quantile(known, [0.025, 0.975])
            lower[place], upper[place] = min(low, value), max(high, value)
    return values, lower, upper


def mean_interval(values: Array, clusters: NDArray[np.intp]) -> tuple[float, float, float]:
    """The mean and its 95 % interval by the linearised variance between entities (Binder, 1983); NaN of nothing."""
    if not len(values):
        return np.nan, np.nan, np.nan
    mean = float(values.mean())
    half = Z95 * np.sqrt(_variance(values, clusters))
    return mean, mean - half, mean + half


def rate_interval(hits: Array, clusters: NDArray[np.intp]) -> tuple[float, float, float]:
    """The share of ones and its 95 % interval, which never leaves 0 to 1; NaN of nothing.

    Wilson's score interval (1927) for the number of independent rows that would vary as much as these entities do
    (Korn and Graubard, "Confidence intervals for proportions with small expected number of positive counts", 1998).
    """
    if not len(hits):
        return np.nan, np.nan, np.nan
    rate, variance = float(hits.mean()), _variance(hits, clusters)
    # All alike: the variance says nothing, and only whole entities count as independent.
    rows = rate * (1 - rate) / variance if variance > 0 else float(len(np.unique(clusters)))
    rows = float(np.clip(rows, 1, len(hits)))
    middle = (rate + Z95**2 / (2 * rows)) / (1 + Z95**2 / rows)
    half = Z95 * np.sqrt(rate * (1 - rate) / rows + Z95**2 / (4 * rows**2)) / (1 + Z95**2 / rows)
    return rate, min(max(float(middle - half), 0.0), rate), max(min(float(middle + half), 1.0), rate)


def _variance(values: Array, clusters: NDArray[np.intp]) -> float:
    """The variance of the mean, if entities and not rows were drawn."""
    _, place = np.unique(clusters, return_inverse=True)
    sums = np.bincount(place, weights=values - values.mean())
    count = len(sums)
    return float((sums**2).sum() / len(values) ** 2 * count / max(count - 1, 1))
