"""Finds the estimator that a budget can buy: tries a portfolio on the validation folds, and fits the best."""

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from ml.declaration import Prediction
from ml.errors import DataError
from ml.learning.cores import in_threads, one_core
from ml.learning.dataset import Dataset, Fold, Rows, Split, block_order, thin
from ml.learning.encode import make_encoder
from ml.learning.portfolio import AMOUNT_TRIALS, LOSSES, PORTFOLIO, TRIALS, BoundedRegressor, Parameters
from ml.learning.scorers import predict_output, score
from ml.words import nearest

# Rows that a fold's training may have: enough for a good choice, few enough for several trials in the budget.
ROWS_PER_SECOND, FEWEST_ROWS = 3_000, 10_000

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Trial:
    """One estimator with its parameters, tried on every fold.

    `score` is the mean over folds and `score_std` their deviation, both NaN if the trial failed; `rows` is the number
    of rows that the largest fold learned from; `status` is "ok" or "failed: …".
    """

    number: int
    estimator: str
    parameters: Parameters
    rows: int
    score: float
    score_std: float
    seconds: float
    status: str


@dataclass(frozen=True)
class Validation:
    """Out-of-fold predictions of the best trial: row positions, their targets, and the outputs."""

    rows: Rows
    y: NDArray[np.float64]
    output: NDArray[np.float64]


@dataclass(frozen=True)
class SearchResult:
    """What a search found: every trial, the best one, and its pipeline fitted on the training rows."""

    trials: tuple[Trial, ...]
    best: Trial
    estimator: Pipeline
    validation: Validation


def search(dataset: Dataset, split: Split, prediction: Prediction, progress: Progress) -> SearchResult:
    """Try estimators in order of expected worth until the budget is spent; the first is always finished.

    With `search.trials` the clock plays no part, so that a run repeats exactly. Fold scores are means over purged
    folds; no estimator stops early on rows that also judge it.

    Args:
        dataset: the rows.
        split: training rows and folds; test rows are not looked at.
        prediction: task, metric, budget, estimators and seed.
        progress: is told the share that is done (0 to 1) and what is being tried.

    Raises:
        DataError: an estimator's name is unknown, or every trial failed.
    """
    with _quiet():
        tried = list(_tries(dataset, split, prediction, progress))
        good = [(trial, validation) for trial, validation in tried if validation is not None]
        if not good:
            raise DataError(f"{prediction.name}: every estimator failed; the first one {tried[0][0].status}.")
        best, validation = max(good, key=lambda pair: pair[0].score)
        progress(1.0, f"fitting {best.estimator}")
        pipeline = _fit(best.estimator, best.parameters, dataset, split.train, prediction)
    return SearchResult(tuple(trial for trial, _ in tried), best, pipeline, validation)


def refit(result: SearchResult, dataset: Dataset, rows: Rows, prediction: Prediction) -> Pipeline:
    """The best trial's pipeline fitted anew on other rows, such as all closed ones."""
    with _quiet():
        return _fit(result.best.estimator, result.best.parameters, dataset, rows, prediction)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings of estimators: a fit that has not quite converged shows in its score."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _tries(
    dataset: Dataset, split: Split, prediction: Prediction, progress: Progress
) -> Iterator[tuple[Trial, Validation | None]]:
    started = time.monotonic()
    schedule = _schedule(dataset, split, prediction)
    folds = _folds(dataset, split, prediction)
    trials: list[Trial] = []
    for number, (name, parameters) in enumerate(schedule, start=1):
        if trials and not _affordable(name, trials, split, prediction, time.monotonic() - started):
            return
        progress(_done(number, len(schedule), prediction, started), f"trial {number}: {name}")
        trial, validation = _try(number, name, parameters, dataset, folds, prediction)
        trials.append(trial)
        yield trial, validation


def _schedule(dataset: Dataset, split: Split, prediction: Prediction) -> Sequence[tuple[str, Parameters]]:
    unknown = [name for name in prediction.estimators if name not in PORTFOLIO]
    if unknown:
        raise DataError(f"{prediction.name}: unknown estimator '{unknown[0]}'. {nearest(unknown[0], PORTFOLIO)}")
    trials = TRIALS
    target = dataset.known_target[split.train]
    is_amount = target.min() >= 0 and target.max() > 0
    if prediction.task == "regression" and is_amount and prediction.metric not in LOSSES:
        trials = (*TRIALS[:2], *AMOUNT_TRIALS, *TRIALS[2:])
    wanted = prediction.estimators or tuple(PORTFOLIO)
    return [trial for trial in trials if trial[0] in wanted][: prediction.search.trials]


def _folds(dataset: Dataset, split: Split, prediction: Prediction) -> list[Fold]:
    rows = max(FEWEST_ROWS, int(ROWS_PER_SECOND * prediction.search.seconds))
    return [(thin(dataset, learn, rows), thin(dataset, judge, rows)) for learn, judge in split.folds]


def _affordable(name: str, trials: Sequence[Trial], split: Split, prediction: Prediction, spent: float) -> bool:
    """Whether a trial of that estimator, and the fit on all training rows, are likely to end within the budget."""
    if prediction.search.trials is not None:
        return True
    unit = float(np.mean([trial.seconds / PORTFOLIO[trial.estimator].cost for trial in trials]))
    next_trial = unit * PORTFOLIO[name].cost
    last_fit = max(next_trial, trials[-1].seconds) * len(split.train) / (len(split.folds) * trials[-1].rows)
    return spent + next_trial + last_fit <= prediction.search.seconds


def _done(number: int, planned: int, prediction: Prediction, started: float) -> float:
    by_count = (number - 1) / planned
    if prediction.search.trials is not None:
        return by_count
    return min(max(by_count, (time.monotonic() - started) / prediction.search.seconds), 1.0)


def _try(
    number: int,
    name: str,
    parameters: Parameters,
    dataset: Dataset,
    folds: Sequence[Fold],
    prediction: Prediction,
) -> tuple[Trial, Validation | None]:
    started = time.monotonic()
    rows = max(len(learn) for learn, _ in folds)
    try:
        validation, scores = _validate(name, parameters, dataset, folds, prediction)
    except Exception as error:
        # One estimator's trouble with the data must not end the search: it becomes a row that says why.
        status = f"failed: {type(error).__name__}: {error}"
        return Trial(number, name, parameters, rows, np.nan, np.nan, time.monotonic() - started, status), None
    mean, deviation = float(np.mean(scores)), float(np.std(scores))
    return Trial(number, name, parameters, rows, mean, deviation, time.monotonic() - started, "ok"), validation


def _validate(
    name: str, parameters: Parameters, dataset: Dataset, folds: Sequence[Fold], prediction: Prediction
) -> tuple[Validation, list[float]]:
    def output_of(fold: Fold) -> NDArray[np.float64]:
        learn, judge = fold
        pipeline = _fit(name, parameters, dataset, learn, prediction)
        return predict_output(pipeline, dataset.features.iloc[judge], prediction.task, len(dataset.classes))

    outputs = in_threads(output_of, folds)
    scores = [
        score(prediction.metric, prediction.task, dataset.known_target[judge], output)
        for (_, judge), output in zip(folds, outputs, strict=True)
    ]
    if not np.isfinite(scores).all():
        raise ValueError(f"{prediction.metric} is not finite on a fold")
    rows = np.concatenate([judge for _, judge in folds])
    return Validation(rows, dataset.known_target[rows], np.concatenate(outputs)), scores


def _fit(name: str, parameters: Parameters, dataset: Dataset, rows: Rows, prediction: Prediction) -> Pipeline:
    family = PORTFOLIO[name]
    loss = LOSSES.get(prediction.metric, "squared_error")
    model = family.make(prediction.task, loss, prediction.seed, parameters)
    if prediction.task == "regression":
        model = BoundedRegressor(model)
    encoder = make_encoder(dataset.kinds, family.style, prediction.task)
    pipeline = Pipeline([("encode", encoder), ("model", model)])
    rows = block_order(dataset, rows)
    target = dataset.known_target[rows]
    if prediction.task == "classification":
        target = target.astype(np.int64)
    return one_core(pipeline.fit, dataset.features.iloc[rows], target)
