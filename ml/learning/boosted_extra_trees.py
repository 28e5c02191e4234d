"""Boostings of extremely randomised trees."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
from sklearn.tree import ExtraTreeRegressor

from ml.learning.medians import medians_of

Array = NDArray[np.float64]
Codes = NDArray[np.float32]

BELOW = 0  # where missing values lie in half of the trees; in the others above
APART = 0.33  # of a feature's bins, that missing values lie away from all others: one split in four asks for them
NO_CATEGORIES = np.empty((0, 8), np.uint32)
FLATTEST = 1e-3  # of the mean curvature, that a row counts with at least when splits are chosen


class _RandomSplits:
    """A histogram gradient boosting whose splits are drawn at random: of each feature one, and the best is taken.

    Such trees follow smooth targets in many small steps where the best splits cut in a few large ones (Geurts et al.,
    "Extremely randomized trees", 2006). Parameters and fitted attributes are those of scikit-learn's boosting;
    features are numbers.
    """

    def fit(self, matrix: Array, target: NDArray[Any], **judged: NDArray[Any]) -> Self:
        """Fit; `judged` are the `X_val` and `y_val` that tell, with early stopping, when to stop."""
        _begin(self, super().fit, matrix, target)  # type: ignore[misc]  # of the boosting that it is mixed with
        _Growing(self, matrix, target).grow(judged)
        return self


class BoostedExtraTreesRegressor(_RandomSplits, HistGradientBoostingRegressor):  # type: ignore[misc]  # has no types
    """Random splits for numbers."""


class BoostedExtraTreesClassifier(_RandomSplits, HistGradientBoostingClassifier):  # type: ignore[misc]  # has no types
    """Random splits for classes."""


def _begin(model: Any, fit: Callable[..., Any], matrix: Array, target: NDArray[Any]) -> None:  # noqa: ANN401 -- scikit-learn has no types
    """Let scikit-learn's boosting take a single step: so it learns bins, classes, loss and first prediction."""
    settings = {"max_iter": model.max_iter, "early_stopping": model.early_stopping}
    model.set_params(max_iter=1, early_stopping=False)
    try:
        fit(matrix, target)
    finally:
        model.set_params(**settings)


class _Growing:
    """Adds trees to a model, each a Newton step (Friedman, "Greedy function approximation", 2001)."""

    def __init__(self, model: Any, matrix: Array, target: NDArray[Any]) -> None:  # noqa: ANN401 -- scikit-learn has no types
        self._model, self._loss = model, model._loss
        self._codes, self._y = self._coded(matrix), self._numbered(target)
        self._may_miss = np.asarray(np.isnan(matrix).any(axis=0))
        self._random = np.random.default_rng(model.random_state)
        # Before the first threshold and behind the last one lie only missing values.
        edges = [np.concatenate([[-np.inf], edges, [np.inf]]) for edges in model._bin_mapper.bin_thresholds_]
        self._edges, sizes = np.concatenate(edges), np.array([len(one) for one in edges])
        self._last = np.cumsum(sizes) - 1
        self._first = self._last - sizes + 1

    def grow(self, judged: dict[str, NDArray[Any]]) -> None:
        """Grow to the end, or until the judged rows have seen no progress for a while."""
        model, scores = self._model, []
        raw = self._start(len(self._y))
        watches = bool(judged) and model.early_stopping
        if watches:
            codes, outcome = self._coded(judged["X_val"]), self._numbered(judged["y_val"])
            watched = self._start(len(outcome))
            scores.append(self._score(outcome, watched))
        model._predictors = []
        with config_context(skip_parameter_validation=True):
            for _ in range(model.max_iter):
                side = int(self._random.integers(2))
                trees = self._step(raw, side)
                model._predictors.append([self._predictor(*tree, side) for tree in trees])
                if watches:
                    for place, (tree, values) in enumerate(trees):
                        watched[:, place] += values[tree.apply(codes[side])]
                    scores.append(self._score(outcome, watched))
                    if _is_over(scores, model.n_iter_no_change, model.tol):
                        break
        model.validation_score_ = np.asarray(scores)

    def _coded(self, matrix: Array) -> tuple[Codes, Codes]:
        """The number of each value's bin, with missing ones well below all others, or well above."""
        mapper = self._model._bin_mapper
        binned = mapper.transform(matrix)
        is_missing = binned == mapper.missing_values_bin_idx_
        codes = np.ascontiguousarray(binned, np.float32)
        if not is_missing.any():
            return codes, codes
        bins = mapper.n_bins_non_missing_.astype(np.float32)
        return np.where(is_missing, -APART * bins, codes), np.where(is_missing, (1 + APART) * bins, codes)

    def _numbered(self, target: NDArray[Any]) -> Array:
        classes = getattr(self._model, "classes_", None)
        return np.asarray(target if classes is None else np.searchsorted(classes, target), dtype=np.float64)

    def _start(self, rows: int) -> Array:
        baseline = self._model._baseline_prediction
        return np.asfortranarray(np.broadcast_to(baseline, (rows, baseline.shape[1])).astype(np.float64))

    def _score(self, outcome: Array, raw: Array) -> float:
        return -float(self._loss(outcome, _flat(raw), n_threads=1))

    def _step(self, raw: Array, side: int) -> list[tuple[Any, Array]]:
        """A tree for each output, with the value of each of its nodes; adds them to `raw`."""
        codes = self._codes[side]
        slopes, curves = self._loss.gradient_hessian(self._y, _flat(raw), n_threads=1)
        slopes, curves = slopes.reshape(raw.shape), curves.reshape(-1, raw.shape[1] if curves.size > 1 else 1)
        grown = []
        for place in range(raw.shape[1]):
            tree = self._tree(codes, slopes[:, place], curves[:, place])
            leaves = tree.apply(codes)
            values = self._values(leaves, tree.node_count, slopes[:, place], curves[:, place], raw[:, place])
            raw[:, place] += values[leaves]
            grown.append((tree, values))
        return grown

    def _tree(self, codes: Codes, slopes: Array, curves: Array) -> Any:  # noqa: ANN401 -- scikit-learn has no types
        weight = None if self._loss.constant_hessian else np.maximum(curves, FLATTEST * curves.mean())
        goal = -slopes if weight is None else -slopes / weight
        model = self._model
        made = ExtraTreeRegressor(
            max_leaf_nodes=model.max_leaf_nodes,
            min_samples_leaf=model.min_samples_leaf,
            max_features=model.max_features,
            random_state=int(self._random.integers(2**31)),
        )
        # Scaled, since scikit-learn takes a variance below 2e-16 for none.
        return made.fit(codes, goal / (goal.std() or 1.0), sample_weight=weight, check_input=False).tree_

    def _values(self, leaves: NDArray[np.intp], nodes: int, slopes: Array, curves: Array, raw: Array) -> Array:
        """(nodes,) what a tree adds to the rows of each leaf."""
        rate = self._model.learning_rate
        if not self._loss.differentiable:
            medians: Array = rate * medians_of(self._y - raw, leaves, nodes)
            return medians
        slope = np.bincount(leaves, slopes, nodes)
        curve = np.bincount(leaves, None if self._loss.constant_hessian else curves, nodes)
        found: Array = -rate * slope / np.maximum(curve + self._model.l2_regularization, 1e-12)
        return found

    def _predictor(self, tree: Any, values: Array, side: int) -> TreePredictor:  # noqa: ANN401 -- scikit-learn has no types
        """A tree as scikit-learn's boosting keeps its own: thresholds are values, no numbers of bins."""
        nodes = np.zeros(tree.node_count, PREDICTOR_RECORD_DTYPE)
        is_leaf = tree.children_left < 0
        inner = np.flatnonzero(~is_leaf)
        feature, left, right = tree.feature[inner], tree.children_left[inner], tree.children_right[inner]
        nodes["value"], nodes["is_leaf"], nodes["count"] = values, is_leaf, tree.n_node_samples
        nodes["feature_idx"][inner], nodes["left"][inner], nodes["right"][inner] = feature, left, right
        nodes["num_threshold"][inner] = self._limits(feature, tree.threshold[inner])
        # What never was missing goes where most rows go.
        counts = tree.n_node_samples
        most = counts[left] > counts[right]
        nodes["missing_go_to_left"][inner] = np.where(self._may_miss[feature], side == BELOW, most)
        return TreePredictor(nodes, NO_CATEGORIES, NO_CATEGORIES)

    def _limits(self, features: NDArray[np.intp], thresholds: Array) -> Array:
        """(n,) the highest values that go left, of splits of features between their bins."""
        first = self._first[features]
        place = first + np.floor(thresholds).astype(np.intp) + 1
        limits: Array = self._edges[np.clip(place, first, self._last[features])]
        return limits


def _flat(raw: Array) -> Array:
    return raw[:, 0] if raw.shape[1] == 1 else raw


def _is_over(scores: list[float], patience: int, tolerance: float) -> bool:
    return len(scores) > patience and max(scores[-patience:]) <= scores[-patience - 1] + tolerance
