"""The estimators that a search tries, in order of expected worth."""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
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
from ml.words import nearest

Parameters = dict[str, Any]

ANY_ROWS = 10**12
# What one iteration of a boosting takes on one core, in seconds: a fixed part, and a part for each cell of the matrix.
# Only orders of magnitude matter: they bound how long one fit may take, by the size of the data and never by the clock.
ITERATION_SECONDS, CELL_SECONDS = 1.5e-3, 8e-9
TRIAL_SHARE = 0.12  # of the budget, for one trial on all its folds
MOST_ITERATIONS, FEWEST_ITERATIONS = 1_000, 30
LINEAR_STEPS = 150  # of a linear classifier's solver: what has not converged by then shows in its score
NETWORK_STEPS, FEW_ROWS = 1_000, 3_000  # steps of a network's solver, in smaller batches where rows are few
STEPS_TO_LEARN = 8.0  # learning rate times iterations that a boosting should at least come to


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
        scale: how its regression target is scaled (see `blend.TargetScale`).
    """

    make: Callable[[str, str, int, Parameters], BaseEstimator]
    style: str
    cost: float = 1.0
    most_rows: int = ANY_ROWS
    most_bags: int = 1
    grows: bool = False
    scale: str = ""


@dataclass(frozen=True)
class Candidate:
    """A family with parameters and an encoding: what one trial tries. `is_drawn` tells it from the fixed list."""

    estimator: str
    parameters: Parameters
    style: str = ""
    is_drawn: bool = False

    @property
    def family(self) -> Family:
        """The family, whose encoding holds where the candidate names none."""
        family = find(self.estimator)
        return replace(family, style=self.style) if self.style else family


@dataclass(frozen=True)
class Facts:
    """What decides which candidates fit.

    Attributes:
        rows: that a fold learns from.
        features: how many there are.
        trees: that one iteration grows: one, or one for each of several classes.
        fit_seconds: what one fit may take.
        has_categories: whether a feature is a category.
        is_amount: whether the target is a count or an amount.
        is_positive: whether the metric asks for predictions above zero.
    """

    rows: int
    features: int
    trees: int
    fit_seconds: float
    has_categories: bool
    is_amount: bool
    is_positive: bool

    @property
    def iterations(self) -> int:
        """How many iterations one fit may take."""
        each = self.trees * (ITERATION_SECONDS + CELL_SECONDS * self.rows * self.features)
        return int(np.clip(self.fit_seconds / each, FEWEST_ITERATIONS, MOST_ITERATIONS))


def _boosting(task: str, loss: str, seed: int, parameters: Parameters) -> BaseEstimator:
    settings = {"early_stopping": False, "random_state": seed, **parameters}
    if task == "classification":
        return HistGradientBoostingClassifier(**settings)
    loss = settings.pop("loss", loss)
    return HistGradientBoostingRegressor(loss="squared_error" if loss == "log" else loss, **settings)


def _extra_trees(task: str, _: str, seed: int, parameters: Parameters) -> BaseEstimator:
    # Splits go by squares whatever the loss: other criteria take a hundred times as long.
    make = ExtraTreesClassifier if task == "classification" else ExtraTreesRegressor
    return make(random_state=seed, **parameters)


def _forest(task: str, _: str, seed: int, parameters: Parameters) -> BaseEstimator:
    make = RandomForestClassifier if task == "classification" else RandomForestRegressor
    return make(random_state=seed, **parameters)


def _linear(task: str, loss: str, seed: int, parameters: Parameters) -> BaseEstimator:
    strength, loss = parameters["penalty"], parameters.get("loss", loss)
    if task == "classification":
        solver = parameters.get("solver", "newton-cholesky")
        return LogisticRegression(C=1 / strength, solver=solver, max_iter=LINEAR_STEPS, random_state=seed)
    if loss in ("poisson", "gamma"):
        return PoissonRegressor(alpha=strength / 1e4, solver="newton-cholesky")
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
    "linear": Family(_linear, style="linear"),
    "extra_trees": Family(_extra_trees, style="tree", cost=2),
    "random_forest": Family(_forest, style="tree", cost=3),
    "kernel": Family(_kernel, style="linear", cost=4, most_rows=50_000, scale="standard"),
    "neural_network": Family(_network, style="linear", cost=3, most_rows=20_000, most_bags=3, scale="standard"),
}

_BOOST, _TREES, _FOREST = "hist_gradient_boosting", "extra_trees", "random_forest"
_NETWORK = {"hidden_layer_sizes": (96, 48), "learning_rate_init": 0.003}

# Seconds that a forest's tree takes for each row, feature tried, and level of the tree.
SPLIT_SECONDS = {_TREES: 2e-8, _FOREST: 6e-8}
FEWEST_TREES, MOST_TREES = 20, 150

# What is tried first, the most promising first. Few leaves and many rows per leaf suit noisy business data. How many
# iterations are best is seen on the validation folds; how many there may be, and how many trees, time decides.
FIRST: tuple[Candidate, ...] = (
    Candidate(_BOOST, {"learning_rate": 0.06, "max_leaf_nodes": 15, "min_samples_leaf": 30, "l2_regularization": 1.0}),
    Candidate("linear", {"penalty": 10.0}),
    Candidate(_TREES, {"min_samples_leaf": 3, "max_features": 0.5}),
    Candidate(_BOOST, {"learning_rate": 0.04, "max_leaf_nodes": 48, "min_samples_leaf": 10, "max_features": 0.3}),
    Candidate(
        _BOOST,
        {"learning_rate": 0.06, "max_leaf_nodes": 31, "min_samples_leaf": 20, "max_features": 0.4},
        style="codes",
    ),
    Candidate(_BOOST, {"learning_rate": 0.06, "max_leaf_nodes": 6, "min_samples_leaf": 20, "max_features": 0.5}),
    Candidate("linear", {"penalty": 30.0}, style="spline"),
    Candidate("kernel", {"n_components": 500, "penalty": 0.3}),
    Candidate("neural_network", {**_NETWORK, "alpha": 0.01}),
    Candidate(_FOREST, {"min_samples_leaf": 2, "max_features": 0.4}),
    Candidate("linear", {"penalty": 1000.0}),
    Candidate("linear", {"penalty": 0.3}),
    Candidate(_TREES, {"min_samples_leaf": 1, "max_features": "sqrt"}),
    Candidate("kernel", {"n_components": 500, "penalty": 3.0}),
)

# Counts and amounts are often learned better by the Poisson deviance, whatever the metric.
AMOUNTS: tuple[Candidate, ...] = (
    Candidate(_BOOST, {"loss": "poisson", "learning_rate": 0.06, "max_leaf_nodes": 15, "min_samples_leaf": 30}),
    Candidate("linear", {"loss": "poisson", "penalty": 10.0}),
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


def candidates(facts: Facts, wanted: tuple[str, ...], seed: int) -> Iterator[Candidate]:
    """What to try, best first: the fixed list as far as it fits, then variations without end.

    Args:
        facts: about the rows to learn from.
        wanted: names or import paths that the declaration allows; all of the portfolio if empty.
        seed: of the variations.
    """
    names = wanted or tuple(PORTFOLIO)
    listed = (*FIRST[:3], *(AMOUNTS if facts.is_amount else ()), *FIRST[3:])
    own = tuple(Candidate(name, {}) for name in names if name not in PORTFOLIO)
    for candidate in (*own, *listed):
        if candidate.estimator in names and _suits(candidate, facts):
            yield _bounded(candidate, facts)
    drawn = [name for name in (_BOOST, _BOOST, _TREES, "linear", "kernel", "neural_network") if name in names]
    drawn = [name for name in drawn if _suits(Candidate(name, {}), facts)]
    random = np.random.default_rng(seed)
    while drawn:
        yield _bounded(_draw(str(random.choice(drawn)), facts, random), facts)


def _bounded(candidate: Candidate, facts: Facts) -> Candidate:
    """With a bound on what it grows, the fewer iterations the larger each step; and a solver that ends in time."""
    if candidate.estimator in ("linear", "kernel") and facts.trees > 1:
        # The default's steps grow with the cube of features times classes.
        return replace(candidate, parameters={**candidate.parameters, "solver": "lbfgs"})
    if candidate.estimator == "neural_network":
        batch = 64 if facts.rows < FEW_ROWS else 256
        passes = int(np.clip(NETWORK_STEPS * batch / facts.rows, 10, 200))
        return replace(candidate, parameters={**candidate.parameters, "batch_size": batch, "max_iter": passes})
    if candidate.estimator in SPLIT_SECONDS:
        return replace(candidate, parameters={**candidate.parameters, "n_estimators": _trees(candidate, facts)})
    if not candidate.family.grows:
        return candidate
    rate = max(float(candidate.parameters["learning_rate"]), STEPS_TO_LEARN / facts.iterations)
    return replace(candidate, parameters={**candidate.parameters, "learning_rate": rate, "max_iter": facts.iterations})


def _trees(candidate: Candidate, facts: Facts) -> int:
    """How many trees a forest may have."""
    share = candidate.parameters["max_features"]
    features = facts.features**0.5 if share == "sqrt" else facts.features * float(share)
    each = SPLIT_SECONDS[candidate.estimator] * facts.rows * np.log2(facts.rows) * max(features, 1.0)
    return int(np.clip(facts.fit_seconds / each, FEWEST_TREES, MOST_TREES))


def _suits(candidate: Candidate, facts: Facts) -> bool:
    has_codes = candidate.style != "codes" or facts.has_categories
    # A scaled target is learned by squares, which know no zero.
    has_sign = not (facts.is_positive and candidate.family.scale)
    return has_codes and has_sign and facts.rows <= candidate.family.most_rows


def _draw(name: str, facts: Facts, random: np.random.Generator) -> Candidate:
    if name == _TREES:
        leaf, share = int(random.choice([1, 2, 3, 5, 10, 20])), float(random.choice([0.2, 0.4, 0.7, 1.0]))
        return Candidate(name, {"min_samples_leaf": leaf, "max_features": share}, is_drawn=True)
    if name == "linear":
        style = str(random.choice(["linear", "spline"]))
        return Candidate(name, {"penalty": _between(0.1, 1000, random)}, style=style, is_drawn=True)
    if name == "kernel":
        parts = int(random.choice([200, 400, 800]))
        return Candidate(name, {"n_components": parts, "penalty": _between(0.01, 10, random)}, is_drawn=True)
    if name == "neural_network":
        width, alpha = int(random.choice([48, 96, 192])), _between(1e-4, 1.0, random)
        layers = (width, width // 2) if random.random() < 0.7 else (width,)
        return Candidate(name, {**_NETWORK, "hidden_layer_sizes": layers, "alpha": alpha}, is_drawn=True)
    parameters: Parameters = {
        "learning_rate": _between(0.02, 0.12, random),
        "max_leaf_nodes": int(random.choice([4, 6, 10, 16, 24, 40, 64])),
        "min_samples_leaf": int(random.choice([5, 10, 20, 40, 80])),
        "l2_regularization": float(random.choice([0.0, 0.3, 3.0, 10.0])),
        "max_features": float(random.choice([0.2, 0.35, 0.5, 0.75, 1.0])),
    }
    if facts.is_amount and random.random() < 0.3:
        parameters["loss"] = "poisson"
    style = "codes" if facts.has_categories and random.random() < 0.5 else "tree"
    return Candidate(name, parameters, style=style, is_drawn=True)


def _between(low: float, high: float, random: np.random.Generator) -> float:
    """A number between two, each order of magnitude as likely as another; of three digits, so that it reads well."""
    return float(f"{np.exp(random.uniform(np.log(low), np.log(high))):.3g}")
