"""The kinds of estimators that a search knows."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline

from ml.errors import DataError
from ml.learning.boosted_extra_trees import BoostedExtraTreesClassifier, BoostedExtraTreesRegressor
from ml.learning.boosted_line import BoostedLine, BoostedLineOfExtraTrees
from ml.words import nearest

Parameters = dict[str, Any]

ANY_ROWS = 10**12
LINE = "line"  # the base of a boosting that learns what a line leaves over
LINEAR_STEPS = 150  # of a linear classifier's solver: what has not converged by then shows in its score


@dataclass(frozen=True)
class Family:
    """A kind of estimator.

    Attributes:
        make: takes task, loss, seed and parameters.
        style: how features are encoded, unless a candidate says otherwise.
        cost: roughly how many times the time of a boosting of one tree an iteration it takes, until it was measured.
        most_rows: with more rows to learn from it takes too long for what it adds.
        most_bags: how many fits on parts of few rows are worth averaging.
        grows: whether it learns in iterations and can be watched on other rows.
        is_forest: whether it is the mean of trees, whose leaves can be told medians.
        scale: how its regression target is scaled (see `blend.TargetScale`).
    """

    make: Callable[[str, str, int, Parameters], BaseEstimator]
    style: str
    cost: float = 1.0
    most_rows: int = ANY_ROWS
    most_bags: int = 1
    grows: bool = False
    is_forest: bool = False
    scale: str = ""


def _boosting(task: str, loss: str, seed: int, parameters: Parameters) -> BaseEstimator:
    kinds = HistGradientBoostingClassifier, HistGradientBoostingRegressor, BoostedLine
    return _boosted(kinds, task, loss, seed, parameters)


def _boosted_extra_trees(task: str, loss: str, seed: int, parameters: Parameters) -> BaseEstimator:
    kinds = BoostedExtraTreesClassifier, BoostedExtraTreesRegressor, BoostedLineOfExtraTrees
    return _boosted(kinds, task, loss, seed, parameters)


def _boosted(kinds: tuple[type, type, type], task: str, loss: str, seed: int, parameters: Parameters) -> BaseEstimator:
    """A boosting: of classes, of numbers, or of what a line leaves over of these."""
    classes, numbers, on_line = kinds
    settings = {"early_stopping": False, "random_state": seed, **parameters}
    if task == "classification":
        return classes(**settings)
    loss = settings.pop("loss", loss)
    make = on_line if settings.pop("base", None) == LINE else numbers
    return make(loss="squared_error" if loss == "log" else loss, **settings)


def _extra_trees(task: str, _: str, seed: int, parameters: Parameters) -> BaseEstimator:
    # Splits go by squares whatever the loss: other criteria take a hundred times as long.
    make = ExtraTreesClassifier if task == "classification" else ExtraTreesRegressor
    return make(random_state=seed, **parameters)


def _forest(task: str, _: str, seed: int, parameters: Parameters) -> BaseEstimator:
    make = RandomForestClassifier if task == "classification" else RandomForestRegressor
    return make(random_state=seed, **parameters)


def _linear(task: str, loss: str, seed: int, parameters: Parameters) -> BaseEstimator:
    strength, loss = parameters["penalty"], parameters.get("loss", loss)
    solver = parameters.get("solver", "newton-cholesky")
    if task == "classification":
        return LogisticRegression(C=1 / strength, solver=solver, max_iter=LINEAR_STEPS, random_state=seed)
    if loss in ("poisson", "gamma"):
        return PoissonRegressor(alpha=strength / 1e4, solver=solver)
    return Ridge(strength)


def _kernel(task: str, _: str, seed: int, parameters: Parameters) -> BaseEstimator:
    settings = dict(parameters)
    ours = {key: settings.pop(key) for key in ("penalty", "solver") if key in settings}
    line = _linear(task, "squared_error", seed, ours)
    return make_pipeline(Nystroem(random_state=seed, **settings), line)


def _network(task: str, _: str, seed: int, parameters: Parameters) -> BaseEstimator:
    make = MLPClassifier if task == "classification" else MLPRegressor
    return make(random_state=seed, **parameters)


PORTFOLIO: dict[str, Family] = {
    "hist_gradient_boosting": Family(_boosting, style="tree", most_bags=8, grows=True),
    "boosted_extra_trees": Family(_boosted_extra_trees, style="tree", most_bags=8, grows=True),
    "linear": Family(_linear, style="linear"),
    "extra_trees": Family(_extra_trees, style="tree", cost=2, is_forest=True),
    "random_forest": Family(_forest, style="tree", cost=3, is_forest=True),
    "kernel": Family(_kernel, style="linear", cost=4, most_rows=50_000, scale="standard"),
    "neural_network": Family(_network, style="linear", cost=3, most_rows=20_000, most_bags=3, scale="standard"),
}

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


def find(name: str) -> Family:
    """A family of the portfolio, or one made of an import path such as `sklearn.svm.SVR`.

    An imported class gets numbers that are complete and scaled, and a scaled target; it is used with its own defaults.

    Raises:
        DataError: no such name, or nothing to import under that path.
    """
    if name in PORTFOLIO:
        return PORTFOLIO[name]
    module, _, attribute = name.rpartition(".")
    if not module:
        known = f"{nearest(name, PORTFOLIO)} Or give the import path of a class, such as sklearn.svm.SVR."
        raise DataError(f"unknown estimator '{name}'. {known}")
    try:
        class_ = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise DataError(f"the estimator '{name}' can't be imported: {error}.") from error
    return Family(lambda *_: class_(), style="linear", scale="standard")
