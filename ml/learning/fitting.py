"""Fits one candidate: on a fold, watched on the rows that judge it, or for good with a known number of iterations."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from ml.declaration import Prediction
from ml.learning.blend import TargetScale
from ml.learning.candidates import Candidate
from ml.learning.cores import one_core
from ml.learning.dataset import Dataset, Rows
from ml.learning.encode import FeatureEncoder, make_encoder
from ml.learning.medians import tell_medians, untied
from ml.learning.order import block_order
from ml.learning.portfolio import LOSSES
from ml.learning.scorers import predict_output
from ml.learning.split import Fold
from ml.learning.words import Texts, Words

Array = NDArray[np.float64]

WORDS = "words"  # beside the styles in `Encodings.seconds`
GROWTH = 0.35  # power of the rows by which the best number of iterations grows
PATIENCE = 25  # iterations without progress after which a boosting is stopped


@dataclass(frozen=True)
class Encoded:
    """A fold in one encoding: matrices and targets to learn from and to judge by, and which columns are codes."""

    encoder: FeatureEncoder
    learn: Array
    target: Array
    judge: Array
    outcome: Array


class Encodings:
    """The folds in every encoding that was asked for, each made once. Safe to use from several threads.

    `seconds` tells how long the slowest fold took in each style, and how long its words took.
    """

    def __init__(self, dataset: Dataset, folds: Sequence[Fold], task: str, texts: Texts) -> None:
        """Take the folds and the free texts; nothing is encoded before it is needed."""
        self._dataset, self._task, self._texts = dataset, task, texts
        self._folds = [(block_order(dataset, learn), judge) for learn, judge in folds]
        self._words: dict[int, Words] = {}
        self._made: dict[tuple[int, str], Encoded] = {}
        self.seconds: dict[str, float] = {}
        self._locks = {number: Lock() for number in range(len(folds))}

    def of(self, fold: int, style: str) -> Encoded:
        """The fold of that number in that encoding."""
        with self._locks[fold]:
            if fold not in self._words:
                started = time.monotonic()
                self._words[fold] = self._texts.learn(self._folds[fold][0])
                self._took(WORDS, started)
            if (fold, style) not in self._made:
                started = time.monotonic()
                self._made[fold, style] = self._make(fold, style)
                self._took(style, started)
            return self._made[fold, style]

    def _took(self, what: str, started: float) -> None:
        self.seconds[what] = max(self.seconds.get(what, 0.0), time.monotonic() - started)

    def _make(self, fold: int, style: str) -> Encoded:
        learn, judge = self._folds[fold]
        encoder, matrix, target = encode(self._dataset, learn, style, self._task, self._words[fold])
        judged = encoder.transform(self._dataset.features.iloc[judge])
        return Encoded(encoder, matrix, target, judged, self._dataset.known_target[judge])


@dataclass(frozen=True)
class FoldFit:
    """A candidate fitted on a fold. `curve` is its loss on the judging rows after 0, 1, 2 … iterations, if it grows."""

    model: Any
    scale: TargetScale
    curve: Array | None
    seconds: float


def encode(dataset: Dataset, rows: Rows, style: str, task: str, words: Words) -> tuple[FeatureEncoder, Array, Array]:
    """An encoder fitted on rows, which are in block order (see `split.Split`), the rows encoded, and their targets.

    `words` is what was learned of the free texts of the same rows.
    """
    encoder = make_encoder(dataset.kinds, style, task)
    target = dataset.known_target[rows]
    return encoder, encoder.fit_transform(dataset.features.iloc[rows], target, words), target


def fit_fold(candidate: Candidate, fold: Encoded, prediction: Prediction) -> FoldFit:
    """Fit on a fold; what grows is stopped when the judging rows see no more progress."""
    started = time.monotonic()
    scale = _scale(candidate, prediction, fold.target)
    goal = _goal(candidate, scale, fold.target, prediction)
    model = _make(candidate, fold.encoder, prediction, prediction.seed)
    if not candidate.family.grows:
        _fit(candidate, model, fold.learn, goal, prediction)
        return FoldFit(model, scale, None, time.monotonic() - started)
    # Progress is the loss on the judging rows, so they need every class; a fold without one grows to the bound.
    watched = prediction.task == "regression" or set(np.unique(fold.outcome)) <= set(np.unique(fold.target))
    if watched:
        model.set_params(early_stopping=True, n_iter_no_change=PATIENCE, scoring="loss")
        judged = {"X_val": fold.judge, "y_val": _goal(candidate, scale, fold.outcome, prediction)}
        one_core(lambda: model.fit(fold.learn, goal, **judged))
        curve = -np.asarray(model.validation_score_, dtype=np.float64)
    else:
        _fit(candidate, model, fold.learn, goal, prediction)
        curve = None
    return FoldFit(model, scale, curve, time.monotonic() - started)


def fit_rows(
    candidate: Candidate,
    encoder: FeatureEncoder,
    matrix: Array,
    target: Array,
    prediction: Prediction,
    iterations: int | None,
    seed: int,
) -> tuple[Any, TargetScale]:
    """Fit for good on encoded rows."""
    scale = _scale(candidate, prediction, target)
    model = _make(candidate, encoder, prediction, seed)
    if iterations is not None:
        model.set_params(max_iter=iterations)
    _fit(candidate, model, matrix, _goal(candidate, scale, target, prediction), prediction)
    return model, scale.levelled(lambda: one_core(model.predict, matrix), target)


def best_iterations(fits: Sequence[FoldFit]) -> int | None:
    """The number of iterations at which the folds' mean loss is least, as a single fold's own best is partly luck."""
    if any(fit.curve is None for fit in fits):
        return int(fits[0].model.n_iter_) if hasattr(fits[0].model, "validation_score_") else None
    curves = [fit.curve for fit in fits if fit.curve is not None]
    length = max(len(curve) for curve in curves)
    held = [np.append(curve, np.full(length - len(curve), curve[-1])) for curve in curves]
    return max(int(np.argmin(np.mean(held, axis=0))), 1)


def growth(rows: float, tried: float) -> float:
    """How many times the iterations that were best of fewer rows are best of more: rows bear a closer look."""
    return float(max(rows / tried, 1.0) ** GROWTH)


def fold_output(fit: FoldFit, fold: Encoded, iterations: int | None, task: str, classes: int) -> Array:
    """What a fold's model says of the rows that judge it, after that many iterations."""
    model: Any = fit.model if iterations is None else _Stage(fit.model, iterations)
    output = one_core(lambda: predict_output(model, fold.judge, task, classes))
    if task != "regression":
        return output
    return fit.scale.levelled(lambda: one_core(model.predict, fold.learn), fold.target).back(output)


class _Stage:
    """A boosting as it was after some of its iterations."""

    def __init__(self, model: Any, iterations: int) -> None:  # noqa: ANN401 -- scikit-learn has no types
        self._model, self._last = model, min(iterations, model.n_iter_) - 1

    @property
    def classes_(self) -> NDArray[Any]:
        return np.asarray(self._model.classes_)

    def predict(self, matrix: Array) -> Array:
        return np.asarray(next(islice(self._model.staged_predict(matrix), self._last, None)))

    def predict_proba(self, matrix: Array) -> Array:
        return np.asarray(next(islice(self._model.staged_predict_proba(matrix), self._last, None)))


def _make(candidate: Candidate, encoder: FeatureEncoder, prediction: Prediction, seed: int) -> BaseEstimator:
    model = candidate.family.make(prediction.task, _loss(prediction), seed, candidate.parameters)
    if encoder.is_code_.any():
        model.set_params(categorical_features=encoder.is_code_)
    return model


def _scale(candidate: Candidate, prediction: Prediction, target: Array) -> TargetScale:
    if prediction.task == "classification":
        return TargetScale()
    if candidate.loss == "log":
        return TargetScale("amount")
    if LOSSES.get(prediction.metric) == "log" and not candidate.loss:
        return TargetScale("log")
    return TargetScale(candidate.family.scale, target)


def _goal(candidate: Candidate, scale: TargetScale, target: Array, prediction: Prediction) -> NDArray[Any]:
    if prediction.task == "classification":
        return target.astype(np.int64)
    goal = scale.there(target)
    return untied(goal) if candidate.family.grows and _loss(prediction) == "absolute_error" else goal


def _fit(candidate: Candidate, model: Any, matrix: Array, goal: Array, prediction: Prediction) -> None:  # noqa: ANN401 -- scikit-learn has no types
    one_core(model.fit, matrix, goal)
    if candidate.family.is_forest and _loss(prediction) == "absolute_error":
        tell_medians(model, matrix, goal)


def _loss(prediction: Prediction) -> str:
    is_regression = prediction.task == "regression"
    return LOSSES.get(prediction.metric, "squared_error") if is_regression else "log_loss"
