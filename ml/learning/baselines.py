"""What one would say without a model: the naive predictions that a pipeline has to beat."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from ml.declaration import Prediction
from ml.learning.ahead import Spans, told_until
from ml.learning.dataset import Dataset, Rows
from ml.learning.resample import entity_numbers
from ml.learning.scorers import score
from ml.learning.split import Split

Array = NDArray[np.float64]

RECENT = 4  # how many of the latest known outcomes make a recent mean


@dataclass(frozen=True)
class Baseline:
    """A naive prediction; `outputs` has one per row of the dataset, NaN where none was asked for."""

    name: str
    outputs: Array

    def output(self, rows: Rows) -> Array:
        """The naive outputs of some rows, shaped as a pipeline's."""
        return self.outputs[rows]


def baseline(dataset: Dataset, split: Split, prediction: Prediction, ahead: Spans | None = None) -> Baseline:
    """The naive prediction with the best mean score on the validation folds; the test has no say.

    Candidates are the overall mean (for classes: their shares), for a regression the median, and with time also the
    past mean, the recent mean and the last value of the same entity, or of one of its columns. An outcome counts as
    known one horizon after its as-of; a mean is shrunk to the overall mean by the weight of one row. Where open rows
    lie `ahead` of all outcomes by such spans, the past is told up to as long before each as-of.
    """
    candidates = list(_candidates(dataset, split, prediction, ahead))
    return max(candidates, key=lambda candidate: _validated(candidate, dataset, split, prediction))


def _validated(candidate: Baseline, dataset: Dataset, split: Split, prediction: Prediction) -> float:
    scores = [
        score(prediction.metric, prediction.task, dataset.known_target[judge], candidate.output(judge))
        for _, judge in split.folds
    ]
    mean = float(np.mean(scores))
    return mean if np.isfinite(mean) else -np.inf


def _candidates(dataset: Dataset, split: Split, prediction: Prediction, ahead: Spans | None) -> Iterator[Baseline]:
    values = _values(dataset)
    is_regression = prediction.task == "regression"
    overall = _constant(values, split, np.mean)
    yield Baseline("overall mean" if is_regression else "class shares", _shape(overall))
    if is_regression:
        yield Baseline("overall median", _shape(_constant(values, split, np.median)))
    if dataset.as_of is None or not dataset.has_periods:
        return
    # Without a horizon an outcome is known right after its as-of, not at it: else a row would know its own.
    known_at = dataset.as_of + np.timedelta64(prediction.horizon or timedelta(microseconds=1)).astype("timedelta64[us]")
    until = dataset.as_of if ahead is None else told_until(dataset.as_of, ahead, prediction.seed)
    for columns in _histories(dataset):
        mean, recent, last = _past(entity_numbers(dataset.keys[list(columns)]), until, known_at, values, overall)
        name = " and ".join(columns)
        yield Baseline(f"past mean of {name}", _shape(mean))
        yield Baseline(f"recent mean of {name}", _shape(recent))
        if is_regression:
            yield Baseline(f"last value of {name}", _shape(last))


def _histories(dataset: Dataset) -> Iterator[tuple[str, ...]]:
    names = tuple(map(str, dataset.keys.columns))
    yield names
    if len(names) > 1:
        yield from ((name,) for name in names)


def _values(dataset: Dataset) -> Array:
    """(rows, 1) values of a regression, else (rows, classes) ones and zeros; NaN while unknown."""
    target = dataset.known_target
    if not dataset.classes:
        return target[:, None]
    values: Array = (target[:, None] == np.arange(len(dataset.classes))).astype(np.float64)
    values[np.isnan(target)] = np.nan
    return values


def _shape(values: Array) -> Array:
    """As a pipeline's output: one column for values and for the positive of two classes."""
    return values[:, -1] if values.shape[1] <= 2 else values


def _constant(values: Array, split: Split, summary: Callable[..., Array]) -> Array:
    """Every validation row gets the summary of its fold's training rows, every test row that of all."""
    result = np.full_like(values, np.nan)
    for learn, judge in (*split.folds, (split.train, split.test)):
        result[judge] = summary(values[learn], axis=0)
    return result


def _past(
    groups: NDArray[np.intp],
    until: NDArray[np.datetime64],
    known_at: NDArray[np.datetime64],
    values: Array,
    overall: Array,
) -> tuple[Array, Array, Array]:
    """Of the values of each row's group that were known by a moment: the mean, the mean of the latest, the last."""
    closed = np.flatnonzero(~np.isnan(values[:, 0]))
    order = closed[np.lexsort((known_at[closed], groups[closed]))]
    # Group and moment as one ascending number, so that one search finds where each row's past ends.
    moments = np.unique(known_at)
    width = len(moments) + 1
    place = groups[order] * width + np.searchsorted(moments, known_at[order]) + 1
    ends = np.searchsorted(place, groups * width + np.searchsorted(moments, until, side="right"), side="right")
    starts = np.searchsorted(place, groups * width, side="right")
    sums = np.vstack([np.zeros((1, values.shape[1])), np.cumsum(values[order], axis=0)])
    latest = np.maximum(starts, ends - RECENT)
    mean, recent = ((sums[ends] - sums[first] + overall) / ((ends - first)[:, None] + 1) for first in (starts, latest))
    last = np.where((ends > starts)[:, None], values[order][np.maximum(ends, 1) - 1], overall)
    return mean, recent, last
