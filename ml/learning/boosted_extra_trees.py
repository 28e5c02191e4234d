"""Boostings of extremely randomised trees."""

import inspect
from heapq import heappush
from types import FunctionType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import _fit_context
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.ensemble._hist_gradient_boosting.grower import TreeGrower
from sklearn.ensemble._hist_gradient_boosting.splitting import SplitInfo

Array = NDArray[np.float64]

# What goes left, of the rows below a threshold, above it, and with a missing value; and the same for each of three ways
# to split. Without missing values there is only the first way.
WAYS = np.array([[1.0, 1.0, 1.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
MISSING_LEFT, MISSING_APART = 1, 2
GRADIENT, CURVATURE, ROWS = range(3)
# As in scikit-learn: curvature that either side of a split must have, and what is added lest zero divides.
FLATTEST, TINY = 1e-3, 1e-15


class _DrawnTree(TreeGrower):  # type: ignore[misc]  # scikit-learn has no types
    """A tree of scikit-learn's boosting, but its splits are drawn: of each feature one threshold; the best is taken.

    A threshold lies between the lowest and the highest bin that a node's rows are in, each place as likely as another.
    """

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 -- scikit-learn has no types
        """Take what scikit-learn's boosting tells its trees."""
        features, self._bins = settings["X_binned"].shape[1], settings["n_bins"]
        self._random = settings["rng"]
        self._left_out = features - max(1, int(np.ceil(settings["feature_fraction_per_split"] * features)))
        self._ways = WAYS if np.any(settings["has_missing_values"]) else WAYS[:, :1]
        self._least = np.array([FLATTEST, settings["min_samples_leaf"]])[:, None, None]
        # Where the three groups of a feature's bins begin, among the bins of all features.
        starts = np.arange(features) * self._bins
        self._begins = np.column_stack([starts, starts, starts + self._bins - 1])
        super().__init__(**settings)

    def _compute_best_split_and_push(self, node: Any) -> None:  # noqa: ANN401 -- scikit-learn has no types
        node.split_info = self._split(node)
        if node.split_info.gain <= 0:
            self._finalize_leaf(node)
        else:
            heappush(self.splittable_nodes, node)

    def _split(self, node: Any) -> SplitInfo:  # noqa: ANN401 -- scikit-learn has no types
        bins = np.asarray(node.histograms)
        thresholds = self._thresholds(bins["count"])
        groups = self._groups(bins, thresholds)
        lefts = groups @ self._ways
        rights = groups.sum(axis=2, keepdims=True) - lefts
        saved = self._saved(lefts) + self._saved(rights)
        saved[(np.minimum(lefts, rights)[CURVATURE:] < self._least).any(axis=0)] = -np.inf
        if self._left_out:
            saved[self._random.permutation(self.n_features)[: self._left_out]] = -np.inf
        feature, way = divmod(int(saved.argmax()), saved.shape[1])
        left, right = lefts[:, feature, way].tolist(), rights[:, feature, way].tolist()
        last = int(self.n_bins_non_missing[feature]) - 1
        return SplitInfo(
            gain=float(saved[feature, way] - self._saved((node.sum_gradients, node.sum_hessians))),
            feature_idx=feature,
            bin_idx=last if way == MISSING_APART else int(thresholds[feature]),
            missing_go_to_left=way == MISSING_LEFT,
            sum_gradient_left=left[GRADIENT],
            sum_gradient_right=right[GRADIENT],
            sum_hessian_left=left[CURVATURE],
            sum_hessian_right=right[CURVATURE],
            n_samples_left=int(left[ROWS]),
            n_samples_right=int(right[ROWS]),
            value_left=self._value(left),
            value_right=self._value(right),
            is_categorical=False,
            left_cat_bitset=None,
        )

    def _thresholds(self, counts: NDArray[np.uint32]) -> NDArray[np.intp]:
        """(features,) the last bin that lies below; `counts` are rows by feature and bin, of missing values last."""
        is_met = counts[:, :-1] != 0
        lowest, highest = is_met.argmax(axis=1), self._bins - 2 - is_met[:, ::-1].argmax(axis=1)
        drawn = lowest + (self._random.random(len(counts)) * (highest - lowest)).astype(np.intp)
        below: NDArray[np.intp] = np.minimum(drawn, self._bins - 3)
        return below

    def _groups(self, bins: NDArray[Any], thresholds: NDArray[np.intp]) -> Array:
        """(3, features, 3) gradients, curvatures and rows below each threshold, above it, and of missing values."""
        self._begins[:, 1] = self._begins[:, 0] + thresholds + 1
        begins = self._begins.reshape(-1)
        groups = np.empty((3, *self._begins.shape))
        groups[GRADIENT] = np.add.reduceat(bins["sum_gradients"].reshape(-1), begins).reshape(-1, 3)
        groups[ROWS] = np.add.reduceat(bins["count"].reshape(-1), begins).reshape(-1, 3)
        groups[CURVATURE] = groups[ROWS]  # where each row's is 1
        if not self.histogram_builder.hessians_are_constant:
            groups[CURVATURE] = np.add.reduceat(bins["sum_hessians"].reshape(-1), begins).reshape(-1, 3)
        return groups

    def _saved(self, sums: Any) -> Any:  # noqa: ANN401 -- numbers or arrays of them
        """Twice the loss that a leaf saves by its value."""
        return sums[GRADIENT] ** 2 / (sums[CURVATURE] + self.l2_regularization + TINY)

    def _value(self, sums: list[float]) -> float:
        penalty: float = self.l2_regularization
        return -sums[GRADIENT] / (sums[CURVATURE] + penalty + TINY)


def _of_drawn_trees(fit: Any) -> Any:  # noqa: ANN401 -- scikit-learn has no types
    """The `fit` of a boosting of scikit-learn's with drawn trees: the same code, but `TreeGrower` means ours in it.

    To exchange the name in scikit-learn's module would change boostings that other threads fit.

    Raises:
        ImportError: this scikit-learn grows its trees by another name.
    """
    loop = inspect.unwrap(fit)
    if "TreeGrower" not in loop.__code__.co_names:
        raise ImportError("scikit-learn grows trees of boostings otherwise now: install the one in requirements.lock.")
    names = {**loop.__globals__, "TreeGrower": _DrawnTree}
    own = FunctionType(loop.__code__, names, loop.__name__, loop.__defaults__, loop.__closure__)
    own.__kwdefaults__ = loop.__kwdefaults__
    return _fit_context(prefer_skip_nested_validation=True)(own)


class BoostedExtraTreesRegressor(HistGradientBoostingRegressor):  # type: ignore[misc]  # scikit-learn has no types
    """A histogram gradient boosting of numbers whose splits are drawn: of each feature one, and the best is taken.

    Such trees follow smooth targets in many small steps where the best splits cut in a few large ones, and noise less
    (Geurts et al., "Extremely randomized trees", 2006). Parameters and fitted attributes are those of scikit-learn's
    boosting; features are numbers.
    """

    fit = _of_drawn_trees(HistGradientBoostingRegressor.fit)


class BoostedExtraTreesClassifier(HistGradientBoostingClassifier):  # type: ignore[misc]  # scikit-learn has no types
    """The same of classes."""

    fit = _of_drawn_trees(HistGradientBoostingClassifier.fit)
