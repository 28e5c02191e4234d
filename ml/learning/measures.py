"""Measures of a prediction's quality, each computed at once for many weightings of the same rows.

A weighting stands for a bootstrap sample: the weight of a row is how often it was drawn. Every measure takes the target
(n,), the output ((n,) or, for several classes, (n, classes)) and weights (samples, n), and returns (samples,).
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Measure = Callable[[Array, Array, Array], Array]

CALIBRATION_BINS = 15
TOP_SHARE = 0.1
SMALLEST = float(np.finfo(np.float64).eps)  # keeps the logarithm of a certain, wrong class finite
CELLS = 4_000_000  # weights held at once


def clustered_weights(clusters: NDArray[np.intp], samples: int, seed: int) -> Iterator[Array]:
    """Bootstrap weights that draw whole clusters, in blocks of bounded memory.

    Rows of one entity are not independent, so entities are drawn and bring all their rows (Field and Welsh,
    "Bootstrapping clustered data", 2007; Efron and Tibshirani, An Introduction to the Bootstrap, 1993).

    Args:
        clusters: the cluster of each row, as 0, 1, 2 …
        samples: how many weightings to draw.
        seed: makes the draw repeatable.
    """
    random = np.random.default_rng(seed)
    count = int(clusters.max()) + 1
    block = max(1, CELLS // len(clusters))
    for start in range(0, samples, block):
        drawn = [random.integers(count, size=count) for _ in range(min(block, samples - start))]
        yield np.vstack([np.bincount(one, minlength=count)[clusters] for one in drawn]).astype(np.float64)


def roc_auc(y: Array, output: Array, weights: Array) -> Array:
    """The chance that a positive row ranks above a negative one; ties count half."""
    positive, negative = _by_rank(y, output, weights)
    below = np.cumsum(negative, axis=1) - negative / 2
    return _ratio((positive * below).sum(axis=1), positive.sum(axis=1) * negative.sum(axis=1))


def average_precision(y: Array, output: Array, weights: Array) -> Array:
    """The area under precision over recall, as scikit-learn defines it."""
    positive, negative = (part[:, ::-1] for part in _by_rank(y, output, weights))
    found = positive.cumsum(axis=1)
    called = found + negative.cumsum(axis=1)
    precision = found / np.where(called > 0, called, 1)
    return _ratio((precision * positive).sum(axis=1), found[:, -1])


def lift_top_decile(y: Array, output: Array, weights: Array) -> Array:
    """How many times the overall rate of positives the tenth of rows with the highest outputs has."""
    positive, negative = (part[:, ::-1] for part in _by_rank(y, output, weights))
    group = positive + negative
    rows = group.sum(axis=1, keepdims=True)
    before = group.cumsum(axis=1) - group
    taken = np.clip(TOP_SHARE * rows - before, 0, group)
    rate = _ratio((positive * taken / np.where(group > 0, group, 1)).sum(axis=1), taken.sum(axis=1))
    return _ratio(rate, positive.sum(axis=1) / rows[:, 0])


def log_loss(y: Array, output: Array, weights: Array) -> Array:
    """Mean negative logarithm of the probability that the true class was given."""
    given = np.where(y == 1, output, 1 - output) if output.ndim == 1 else _of_class(y, output)
    return _mean(-np.log(np.clip(given, SMALLEST, 1)), weights)


def brier(y: Array, output: Array, weights: Array) -> Array:
    """Mean squared distance between probabilities and what happened; over several classes, their sum."""
    if output.ndim == 1:
        return _mean((y - output) ** 2, weights)
    return _mean((output**2).sum(axis=1) - 2 * _of_class(y, output) + 1, weights)


def accuracy(y: Array, output: Array, weights: Array) -> Array:
    """The share of rows whose most probable class was the true one; of two classes, 0.5 decides."""
    called = (output > 0.5) if output.ndim == 1 else output.argmax(axis=1)
    return _mean((called == y).astype(np.float64), weights)


def expected_calibration_error(y: Array, output: Array, weights: Array) -> Array:
    """Mean distance between announced and found rates over bins of equal width (Guo et al., 2017)."""
    given, came = output, y
    if output.ndim == 2:
        given, came = output.max(axis=1), (output.argmax(axis=1) == y).astype(np.float64)
    bins = np.minimum((given * CALIBRATION_BINS).astype(np.intp), CALIBRATION_BINS - 1)
    gaps = np.zeros((len(y), CALIBRATION_BINS))
    gaps[np.arange(len(y)), bins] = given - came
    return _ratio(np.abs(weights @ gaps).sum(axis=1), weights.sum(axis=1))


def roc_auc_ovr(y: Array, output: Array, weights: Array) -> Array:
    """The mean over classes of `roc_auc` of that class against the rest; classes without rows are left out."""
    present = [place for place in range(output.shape[1]) if 0 < np.count_nonzero(y == place) < len(y)]
    areas = [roc_auc((y == place).astype(np.float64), output[:, place], weights) for place in present]
    return np.mean(areas, axis=0) if areas else np.full(len(weights), np.nan)


def rmse(y: Array, output: Array, weights: Array) -> Array:
    """Root of the mean squared error."""
    return np.sqrt(_mean((output - y) ** 2, weights))


def mae(y: Array, output: Array, weights: Array) -> Array:
    """Mean absolute error."""
    return _mean(np.abs(output - y), weights)


def r2(y: Array, output: Array, weights: Array) -> Array:
    """The share of the target's variance that is explained."""
    variance = _mean(y**2, weights) - _mean(y, weights) ** 2
    return 1 - _ratio(_mean((output - y) ** 2, weights), variance)


def mean_error(y: Array, output: Array, weights: Array) -> Array:
    """Mean of prediction minus target: above zero, predictions are too high."""
    return _mean(output - y, weights)


def total_ratio(y: Array, output: Array, weights: Array) -> Array:
    """Sum of predictions over sum of targets: what a budget made of predictions would be off by."""
    return _ratio(weights @ output, weights @ y)


def _mean(values: Array, weights: Array) -> Array:
    return _ratio(weights @ values, weights.sum(axis=1))


def _ratio(above: Array, below: Array) -> Array:
    """The quotient; NaN or infinite, without a warning, for a sample that lacks what is counted below."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(above / below, dtype=np.float64)


def _of_class(y: Array, output: Array) -> Array:
    return output[np.arange(len(y)), y.astype(np.intp)]


def _by_rank(y: Array, output: Array, weights: Array) -> tuple[Array, Array]:
    """The weight of positive and of negative rows per distinct output, lowest output first."""
    order = np.argsort(output, kind="stable")
    ranked = output[order]
    starts = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))
    total = weights[:, order]
    positive = total * (y[order] == 1)
    if len(starts) < len(order):
        positive, total = (np.add.reduceat(part, starts, axis=1) for part in (positive, total))
    return positive, total - positive


BINARY: dict[str, Measure] = {
    "roc_auc": roc_auc,
    "average_precision": average_precision,
    "log_loss": log_loss,
    "brier": brier,
    "accuracy": accuracy,
    "lift_top_decile": lift_top_decile,
    "expected_calibration_error": expected_calibration_error,
}
SEVERAL: dict[str, Measure] = {
    "log_loss": log_loss,
    "accuracy": accuracy,
    "roc_auc_ovr": roc_auc_ovr,
    "brier": brier,
    "expected_calibration_error": expected_calibration_error,
}
REGRESSION: dict[str, Measure] = {
    "rmse": rmse,
    "mae": mae,
    "r2": r2,
    "mean_error": mean_error,
    "total_ratio": total_ratio,
}
