"""Finds the estimator that a budget can buy: tries a portfolio on the validation folds, and fits the best."""

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from joblib import parallel_config
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge
from sklearn.pipeline import Pipeline

from ml.dataset import Dataset, Rows, Split, block_order, thin
from ml.declaration import Prediction
from ml.encode import make_encoder
from ml.errors import DataError
from ml.scorers import predict_output, score
from ml.words import nearest

# Rows that a fold's training may have: enough for a good choice, few enough for several trials in the budget.
ROWS_PER_SECOND, FEWEST_ROWS = 3_000, 10_000

Parameters = dict[str, Any]
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Family:
    """A kind of estimator.

    `make` takes task, loss, seed and parameters; `style` says how features are encoded; `cost` is roughly how many
    times the time of a boosting it takes.
    """

    make: Callable[[str, str, int, Parameters], BaseEstimator]
    style: str
    cost: float


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


class FloorRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Keeps the predictions of another regressor at or above zero when no target was ever negative."""

    def __init__(self, regressor: BaseEstimator) -> None:
        """Keep the regressor, as scikit-learn wants it."""
        self.regressor = regressor

    def fit(self, matrix: ArrayLike, target: ArrayLike) -> Self:
        """Fit the regressor and note whether targets can be negative."""
        self.regressor_ = clone(self.regressor).fit(matrix, target)
        self.floor_ = 0.0 if np.min(target) >= 0 else -np.inf
        return self

    def predict(self, matrix: ArrayLike) -> NDArray[np.float64]:
        """The regressor's values, none below the floor."""
        return np.asarray(np.maximum(self.regressor_.predict(matrix), self.floor_), dtype=np.float64)


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
    started = time.monotonic()
    schedule = _schedule(dataset, split, prediction)
    folds = _folds(dataset, split, prediction)
    trials: list[Trial] = []
    best: tuple[Trial, Validation] | None = None
    for number, (name, parameters) in enumerate(schedule, start=1):
        if trials and not _affordable(name, trials, split, prediction, time.monotonic() - started):
            break
        progress(_done(number, len(schedule), prediction, started), f"trial {number}: {name}")
        trial, validation = _try(number, name, parameters, dataset, folds, prediction)
        trials.append(trial)
        if validation is not None and (best is None or trial.score > best[0].score):
            best = trial, validation
    if best is None:
        raise DataError(f"{prediction.name}: every estimator failed; the first one {trials[0].status}.")
    progress(1.0, f"fitting {best[0].estimator}")
    pipeline = _fit(best[0].estimator, best[0].parameters, dataset, split.train, prediction)
    return SearchResult(tuple(trials), best[0], pipeline, best[1])


def refit(result: SearchResult, dataset: Dataset, rows: Rows, prediction: Prediction) -> Pipeline:
    """The best trial's pipeline fitted anew on other rows, such as all closed ones."""
    return _fit(result.best.estimator, result.best.parameters, dataset, rows, prediction)


def _boosting(task: str, loss: str, seed: int, parameters: Parameters) -> BaseEstimator:
    settings = {"early_stopping": False, "random_state": seed, **parameters}
    if task == "classification":
        return HistGradientBoostingClassifier(**settings)
    loss = settings.pop("loss", loss)
    if loss == "log":
        return FloorRegressor(_on_logs(HistGradientBoostingRegressor(**settings)))
    return FloorRegressor(HistGradientBoostingRegressor(loss=loss, **settings))


def _extra_trees(task: str, loss: str, seed: int, parameters: Parameters) -> BaseEstimator:
    settings = {"random_state": seed, **parameters}
    if task == "classification":
        return ExtraTreesClassifier(**settings)
    regressor = ExtraTreesRegressor(**settings)  # splits by squares: other criteria are a hundred times slower
    return FloorRegressor(_on_logs(regressor) if loss == "log" else regressor)


def _linear(task: str, loss: str, seed: int, parameters: Parameters) -> BaseEstimator:
    strength, loss = parameters["penalty"], parameters.get("loss", loss)
    if task == "classification":
        return LogisticRegression(C=1 / strength, solver="newton-cholesky", random_state=seed)
    if loss in ("poisson", "gamma"):
        return PoissonRegressor(alpha=strength / 1e4, solver="newton-cholesky")
    return FloorRegressor(_on_logs(Ridge(strength)) if loss == "log" else Ridge(strength))


def _on_logs(regressor: BaseEstimator) -> TransformedTargetRegressor:
    return TransformedTargetRegressor(regressor, func=np.log1p, inverse_func=np.expm1)


PORTFOLIO: dict[str, Family] = {
    "hist_gradient_boosting": Family(_boosting, style="tree", cost=1),
    "extra_trees": Family(_extra_trees, style="tree", cost=2),
    "linear": Family(_linear, style="linear", cost=1),
}

# What is tried, the most promising first. Few leaves and many rows per leaf suit noisy business known_target.
TRIALS: tuple[tuple[str, Parameters], ...] = (
    (
        "hist_gradient_boosting",
        {"learning_rate": 0.08, "max_iter": 80, "max_leaf_nodes": 15, "min_samples_leaf": 40, "l2_regularization": 1.0},
    ),
    ("linear", {"penalty": 10.0}),
    (
        "hist_gradient_boosting",
        {"learning_rate": 0.06, "max_iter": 100, "max_leaf_nodes": 6, "min_samples_leaf": 40, "max_features": 0.5},
    ),
    ("extra_trees", {"n_estimators": 80, "min_samples_leaf": 0.001, "max_features": 0.3}),
    (
        "hist_gradient_boosting",
        {"learning_rate": 0.05, "max_iter": 200, "max_leaf_nodes": 20, "min_samples_leaf": 20, "max_features": 0.5},
    ),
    ("linear", {"penalty": 1000.0}),
)

# Counts and amounts are often learned better by the Poisson deviance, whatever the metric.
AMOUNT_TRIALS: tuple[tuple[str, Parameters], ...] = (
    (
        "hist_gradient_boosting",
        {"loss": "poisson", "learning_rate": 0.08, "max_iter": 80, "max_leaf_nodes": 15, "min_samples_leaf": 40},
    ),
    ("linear", {"loss": "poisson", "penalty": 10.0}),
)

LOSSES = {
    "neg_mean_absolute_error": "absolute_error",
    "neg_median_absolute_error": "absolute_error",
    "neg_mean_absolute_percentage_error": "absolute_error",
    "d2_absolute_error_score": "absolute_error",
    "neg_mean_poisson_deviance": "poisson",
    "neg_mean_gamma_deviance": "gamma",
    "neg_mean_squared_log_error": "log",
    "neg_root_mean_squared_log_error": "log",
}


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


def _folds(dataset: Dataset, split: Split, prediction: Prediction) -> list[tuple[Rows, Rows]]:
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
    folds: Sequence[tuple[Rows, Rows]],
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
    name: str, parameters: Parameters, dataset: Dataset, folds: Sequence[tuple[Rows, Rows]], prediction: Prediction
) -> tuple[Validation, list[float]]:
    outputs, scores = [], []
    for learn, judge in folds:
        pipeline = _fit(name, parameters, dataset, learn, prediction)
        output = predict_output(pipeline, dataset.features.iloc[judge], prediction.task)
        outputs.append(output)
        scores.append(score(prediction.metric, prediction.task, dataset.known_target[judge], output))
    if not np.isfinite(scores).all():
        raise ValueError(f"{prediction.metric} is not finite on a fold")
    rows = np.concatenate([judge for _, judge in folds])
    return Validation(rows, dataset.known_target[rows], np.concatenate(outputs)), scores


def _fit(name: str, parameters: Parameters, dataset: Dataset, rows: Rows, prediction: Prediction) -> Pipeline:
    family = PORTFOLIO[name]
    loss = LOSSES.get(prediction.metric, "squared_error")
    pipeline = Pipeline(
        [
            ("encode", make_encoder(dataset.kinds, family.style, prediction.task)),
            ("model", family.make(prediction.task, loss, prediction.seed, parameters)),
        ]
    )
    rows = block_order(dataset, rows)
    target = dataset.known_target[rows]
    if prediction.task == "classification":
        target = target.astype(np.int64)
    # Both cores fit; one predicts, as threads would add up a forest's trees in an order that varies.
    with warnings.catch_warnings(), parallel_config("threading", n_jobs=-1):
        warnings.simplefilter("ignore")  # a fit that has not quite converged shows in its score
        return pipeline.fit(dataset.features.iloc[rows], target)
