"""Judges predictions: outputs, scores, metrics with intervals, and what each feature is worth."""

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from ml.declaration import Prediction
from ml.learning.dataset import Dataset, Rows
from ml.learning.measures import clustered_weights
from ml.learning.order import thin
from ml.learning.resample import affordable, entity_clusters
from ml.learning.scorers import MEASURED, default_metric, measures_of, predict_output, score

Array = NDArray[np.float64]

__all__ = [
    "Metric",
    "declared_metric",
    "default_metric",
    "expected",
    "importances",
    "metric_table",
    "predict_output",
    "score",
    "with_more_rows",
]

SAMPLES = 400  # bootstrap samples at most; a scorer that must be called once per sample gets fewer
SLOW_SAMPLES = 100
ENOUGH_FOR_ENDS = 100  # fewer samples tell the deviation better than the ends
IMPORTANCE_CELLS, FEWEST_IMPORTANCE_ROWS, MOST_IMPORTANCE_ROWS, IMPORTANCE_REPEATS = 30_000, 300, 2_000, 3
NORMAL_95 = 1.96  # standard deviations to either side that hold 95 % of a normal distribution
# What no score can exceed.
BEST = {"roc_auc": 1.0, "average_precision": 1.0, "accuracy": 1.0, "r2": 1.0, "f1": 1.0, "balanced_accuracy": 1.0}
CELLS = 20_000_000  # matrix cells predicted at once


@dataclass(frozen=True)
class Metric:
    """A metric's value with its 95 % interval, and the number of rows behind it."""

    metric: str
    value: float
    lower: float
    upper: float
    rows: int


def metric_table(y: Array, output: Array, prediction: Prediction, keys: pd.DataFrame) -> list[Metric]:
    """The declared metric, then the usual ones of the task, each with a 95 % bootstrap interval.

    The intervals answer for other entities in the same period, not for other periods: the bootstrap draws entities.

    Args:
        y: target values, or positions of classes.
        output: as `predict_output` gives it.
        prediction: task, metric and seed.
        keys: the entity columns of the same rows.
    """
    return _table(y, output, prediction, keys, only_declared=False)


def _table(y: Array, output: Array, prediction: Prediction, keys: pd.DataFrame, *, only_declared: bool) -> list[Metric]:
    clusters = entity_clusters(keys)
    if output.ndim == 1:  # most measures rank the rows, again and again: what is in order is ranked soonest
        order = np.argsort(output, kind="stable")
        y, output, clusters = y[order], output[order], clusters[order]
    measures = measures_of(prediction.task, output)
    if only_declared:
        known, _ = MEASURED.get(prediction.metric, (prediction.metric, 1.0))
        measures = {name: measure for name, measure in measures.items() if name == known}
    values = {name: float(measure(y, output, np.ones((1, len(y))))[0]) for name, measure in measures.items()}
    samples: dict[str, list[Array]] = {name: [] for name in measures}
    for weights in clustered_weights(clusters, affordable(SAMPLES, len(y)), prediction.seed):
        for name, measure in measures.items():
            samples[name].append(measure(y, output, weights))
    table = {name: _metric(name, values[name], np.concatenate(samples[name]), len(y)) for name in measures}
    first = _declared(table, y, output, prediction, clusters)
    return [first, *(metric for name, metric in table.items() if name != first.metric)]


def declared_metric(y: Array, output: Array, prediction: Prediction, keys: pd.DataFrame) -> Metric:
    """The declared metric alone, as in `metric_table`."""
    return _table(y, output, prediction, keys, only_declared=True)[0]


def expected(tested: Metric, unseen: Metric | None, periods: Sequence[Metric], within_reach: float = -np.inf) -> Metric:
    """What the declared metric is likely to be on as many new rows as were tested, with its 95 % interval.

    New rows differ by chance from those tested, as much as those do from all; and a new period differs from those
    before, as much as they do from each other beyond chance (DerSimonian and Laird, 1986).

    Args:
        tested: the metric on the test rows.
        unseen: the metric on all rows that were predicted unseen, where there is no time; it is the more certain.
        periods: the metric on each period, where there is time.
        within_reach: what more rows to learn from may bring, see `with_more_rows`: the upper end rises as much as that
            lies above the value, up to half as wide an interval again.
    """
    value, own = tested.value, _variance(tested)
    variance = 2 * own
    if unseen is not None:
        value, variance = unseen.value, own + _variance(unseen)
    if len(periods) > 1:
        chance = float(np.mean([_variance(period) for period in periods]))
        variance += max(float(np.var([period.value for period in periods], ddof=1)) - chance, 0.0)
    half = NORMAL_95 * float(np.sqrt(variance))
    best = 0.0 if tested.metric.startswith("neg_") else BEST.get(tested.metric, np.inf)
    upper = value + half + float(np.clip(within_reach - value, 0.0, half))
    return Metric(tested.metric, value, value - half, min(upper, best), tested.rows)


def with_more_rows(validated: float, tested: float, folds: float, train: float, closed: float) -> float:
    """The metric of a pipeline that learns from all closed rows, by what the test gained over the folds.

    The test's pipeline learned from `train` rows and those of the folds from fewer. Taken on along the logarithm of the
    rows, which flatters: learning curves bend. So this is within reach, not to be expected.
    """
    return tested + (tested - validated) * float(np.log(closed / train) / np.log(train / folds))


def _variance(metric: Metric) -> float:
    """The sampling variance that an interval stands for."""
    return float((metric.upper - metric.lower) / (2 * NORMAL_95)) ** 2


def importances(
    estimator: Pipeline, dataset: Dataset, rows: Rows, prediction: Prediction, seconds: float = np.inf
) -> pd.DataFrame:
    """How much the metric drops when a feature's values are dealt out anew (Breiman, "Random forests", 2001).

    Only a sample of the rows is used. A feature's columns are exchanged after encoding, which is the same and cheaper.

    Args:
        estimator: a fitted pipeline, the encoder first.
        dataset: the rows.
        rows: positions of rows that it did not learn from.
        prediction: task, metric and seed.
        seconds: a slow estimator deals out fewer times, and then fewer rows, to keep to so many.

    Returns:
        One row per feature: feature, importance, importance_std, importance_rank (1 is the strongest); strongest first.
    """
    most = int(np.clip(IMPORTANCE_CELLS / len(dataset.kinds), FEWEST_IMPORTANCE_ROWS, MOST_IMPORTANCE_ROWS))
    rows = thin(dataset, rows, most)
    encoder, model = estimator[0], estimator[-1]
    matrix, y = encoder.transform(dataset.features.iloc[rows]), dataset.known_target[rows]
    columns = {name: places for name, places in encoder.columns().items() if len(places)}
    random = np.random.default_rng(prediction.seed)

    def predict(inputs: Array) -> Array:
        return predict_output(model, inputs, prediction.task, len(dataset.classes))

    started = time.monotonic()
    output = predict(matrix)
    affordable = seconds / max((time.monotonic() - started) * len(columns), 1e-9)
    if affordable < 1:
        some = np.isin(rows, thin(dataset, rows, max(int(affordable * len(rows)), FEWEST_IMPORTANCE_ROWS)))
        matrix, y, output = matrix[some], y[some], output[some]
    whole = score(prediction.metric, prediction.task, y, output)
    drops: dict[str, list[float]] = {name: [] for name in encoder.kinds}
    for _ in range(int(np.clip(affordable, 1, IMPORTANCE_REPEATS))):
        dealt = matrix[random.permutation(len(matrix))]
        for name, output in _exchanged(predict, matrix, dealt, columns):
            drops[name].append(whole - score(prediction.metric, prediction.task, y, output))
    frame = pd.DataFrame(
        {
            "feature": list(drops),
            "importance": [float(np.mean(values)) if values else 0.0 for values in drops.values()],
            "importance_std": [float(np.std(values)) if values else 0.0 for values in drops.values()],
        }
    ).sort_values("importance", ascending=False, kind="stable", ignore_index=True)
    return frame.assign(importance_rank=np.arange(1, len(frame) + 1))


def _exchanged(
    predict: Callable[[Array], Array], matrix: Array, dealt: Array, columns: Mapping[str, NDArray[np.intp]]
) -> list[tuple[str, Array]]:
    """The output with each feature's columns taken from `dealt` in turn; many features go in one call."""
    outputs: list[tuple[str, Array]] = []
    names = list(columns)
    block = max(1, CELLS // matrix.size)
    for start in range(0, len(names), block):
        part = names[start : start + block]
        stack = np.repeat(matrix[None], len(part), axis=0)
        for place, name in enumerate(part):
            stack[place][:, columns[name]] = dealt[:, columns[name]]
        output = predict(stack.reshape(-1, matrix.shape[1]))
        outputs += zip(part, output.reshape(len(part), len(matrix), *output.shape[1:]), strict=True)
    return outputs


def _metric(name: str, value: float, samples: Array, rows: int) -> Metric:
    """A metric with the middle 95 % of its bootstrap samples, widened to hold the value itself.

    Of many rows there are few samples, but then the metric is as good as normal.
    """
    samples = samples[np.isfinite(samples)]
    if not len(samples):
        return Metric(name, value, np.nan, np.nan, rows)
    if len(samples) < ENOUGH_FOR_ENDS:
        half = NORMAL_95 * float(samples.std(ddof=1)) if len(samples) > 1 else 0.0
        return Metric(name, value, value - half, value + half, rows)
    lower, upper = np.quantile(samples, [0.025, 0.975])
    return Metric(name, value, min(float(lower), value), max(float(upper), value), rows)


def _declared(
    table: Mapping[str, Metric], y: Array, output: Array, prediction: Prediction, clusters: NDArray[np.intp]
) -> Metric:
    name = prediction.metric
    if name in table:
        return table[name]
    same, sign = MEASURED.get(name, ("", 1.0))
    if same in table and sign < 0:
        negated = table[same]
        return Metric(name, -negated.value, -negated.upper, -negated.lower, negated.rows)
    return _metric(name, *declared_samples(y, output, prediction, clusters), len(y))


def declared_samples(
    y: Array, output: Array, prediction: Prediction, clusters: NDArray[np.intp]
) -> tuple[float, Array]:
    """The declared metric and its bootstrap samples; the same seed draws the same entities for any output."""
    name, sign = MEASURED.get(prediction.metric, (prediction.metric, 1.0))
    measure = measures_of(prediction.task, output).get(name)
    if measure is not None:
        weightings = clustered_weights(clusters, affordable(SAMPLES, len(y)), prediction.seed)
        drawn = [measure(y, output, weights) for weights in weightings]
        return sign * float(measure(y, output, np.ones((1, len(y))))[0]), sign * np.concatenate(drawn)
    samples = []
    for weights in clustered_weights(clusters, affordable(SLOW_SAMPLES, len(y)), prediction.seed):
        picked = [np.repeat(np.arange(len(y)), row.astype(np.intp)) for row in weights]
        samples += [_score_or_nan(prediction, y[rows], output[rows]) for rows in picked]
    return score(prediction.metric, prediction.task, y, output), np.asarray(samples)


def _score_or_nan(prediction: Prediction, y: Array, output: Array) -> float:
    """The score of a bootstrap sample; NaN for one that happens to lack a class."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return score(prediction.metric, prediction.task, y, output)
        except ValueError:
            return np.nan
