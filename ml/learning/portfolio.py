"""The estimators that a search tries, in order of expected worth."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
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

Parameters = dict[str, Any]


@dataclass(frozen=True)
class Family:
    """A kind of estimator.

    `make` takes task, loss, seed and parameters; `style` says how features are encoded; `cost` is roughly how many
    times the time of a boosting it takes.
    """

    make: Callable[[str, str, int, Parameters], BaseEstimator]
    style: str
    cost: float


class BoundedRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Keeps the predictions of another regressor where targets can be.

    That is: not below zero if no target ever was, and not further outside the targets' range than that range is wide,
    since lines and exponentials know no end.
    """

    def __init__(self, regressor: BaseEstimator) -> None:
        """Keep the regressor, as scikit-learn wants it."""
        self.regressor = regressor

    def fit(self, matrix: ArrayLike, target: ArrayLike) -> Self:
        """Fit the regressor and note the range of the target."""
        self.regressor_ = clone(self.regressor).fit(matrix, target)
        low, high = float(np.min(target)), float(np.max(target))
        self.low_ = 0.0 if low >= 0 else low - (high - low)
        self.high_ = high + (high - low)
        return self

    def predict(self, matrix: ArrayLike) -> NDArray[np.float64]:
        """The regressor's values, held within the bounds."""
        return np.clip(np.asarray(self.regressor_.predict(matrix), dtype=np.float64), self.low_, self.high_)


def _boosting(task: str, loss: str, seed: int, parameters: Parameters) -> BaseEstimator:
    settings = {"early_stopping": False, "random_state": seed, **parameters}
    if task == "classification":
        return HistGradientBoostingClassifier(**settings)
    loss = settings.pop("loss", loss)
    if loss == "log":
        return _on_logs(HistGradientBoostingRegressor(**settings))
    return HistGradientBoostingRegressor(loss=loss, **settings)


def _extra_trees(task: str, loss: str, seed: int, parameters: Parameters) -> BaseEstimator:
    settings = {"random_state": seed, **parameters}
    if task == "classification":
        return ExtraTreesClassifier(**settings)
    # Splits go by squares whatever the loss: other criteria take a hundred times as long.
    regressor = ExtraTreesRegressor(**settings)
    return _on_logs(regressor) if loss == "log" else regressor


def _linear(task: str, loss: str, seed: int, parameters: Parameters) -> BaseEstimator:
    strength, loss = parameters["penalty"], parameters.get("loss", loss)
    if task == "classification":
        return LogisticRegression(C=1 / strength, solver="newton-cholesky", random_state=seed)
    if loss in ("poisson", "gamma"):
        return PoissonRegressor(alpha=strength / 1e4, solver="newton-cholesky")
    return _on_logs(Ridge(strength)) if loss == "log" else Ridge(strength)


def _on_logs(regressor: BaseEstimator) -> TransformedTargetRegressor:
    return TransformedTargetRegressor(regressor, func=np.log1p, inverse_func=np.expm1)


PORTFOLIO: dict[str, Family] = {
    "hist_gradient_boosting": Family(_boosting, style="tree", cost=1),
    "extra_trees": Family(_extra_trees, style="tree", cost=2),
    "linear": Family(_linear, style="linear", cost=1),
}

# What is tried, the most promising first. Few leaves and many rows per leaf suit noisy business data.
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
