"""Fitted boostings as flat arrays, which compiled loops turn into the same numbers faster."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from ml.learning import kernels
from ml.learning.boosted_line import BoostedLine

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

LEAVES = 64  # of a tree, at most: a bit for each
CODES = 65_000  # thresholds of a column, at most
CATEGORIES = 256  # that a boosting can tell apart
BLOCK = 256  # rows whose codes stay in the core's first cache


@dataclass(frozen=True)
class Trees:
    """The trees of one output; see `kernels.encode` and `kernels.add_trees` for what the arrays hold."""

    codes: tuple[NDArray[Any], ...]
    nodes: tuple[NDArray[Any], ...]

    def add(self, matrix: Array, sums: Array) -> None:
        """Add the trees' values of each row, tree after tree, to `sums` (rows,)."""
        bits = self.nodes[5].dtype
        full = bits.type(np.iinfo(bits).max)
        for first in range(0, len(matrix), BLOCK):
            part = matrix[first : first + BLOCK]
            codes = np.empty((len(self.codes[0]), len(part)), np.uint16)
            kernels.encode(part, *self.codes, codes)
            alive = np.empty(len(part), bits)
            kernels.add_trees(codes, *self.nodes, full, alive, sums[first : first + BLOCK])


@dataclass(frozen=True)
class CompiledBoosting:
    """A fitted histogram gradient boosting of scikit-learn, with the same `predict` and `predict_proba`."""

    model: Any
    trees: tuple[Trees, ...]

    @property
    def classes_(self) -> NDArray[Any]:
        """The classes, as the model names them."""
        return np.asarray(self.model.classes_)

    def raw(self, matrix: Array) -> Array:
        """(rows, outputs) sums of the trees, in scikit-learn's order of addition."""
        matrix = np.ascontiguousarray(matrix, dtype=np.float64)
        sums = np.zeros((len(matrix), len(self.trees)), order="F")
        sums += self.model._baseline_prediction
        for place, trees in enumerate(self.trees):
            trees.add(matrix, sums[:, place])
        return sums

    def predict(self, matrix: Array) -> Array:
        """The values of a regression."""
        trees = np.asarray(self.model._loss.link.inverse(self.raw(matrix).ravel()))
        return self.model.straight(matrix) + trees if isinstance(self.model, BoostedLine) else trees

    def predict_proba(self, matrix: Array) -> Array:
        """(rows, classes) probabilities."""
        return np.asarray(self.model._loss.predict_proba(self.raw(matrix)))


def compiled(model: Any) -> Any:  # noqa: ANN401 -- any estimator
    """A model that predicts the same numbers, faster where that is known how; else the model itself."""
    if not isinstance(model, (HistGradientBoostingClassifier, HistGradientBoostingRegressor)):
        return model
    columns = _Columns.of(model)
    outputs = [_trees([one.nodes for one in trees], trees, columns) for trees in zip(*model._predictors, strict=True)]
    trees = tuple(one for one in outputs if one is not None)
    return CompiledBoosting(model, trees) if trees and len(trees) == len(outputs) else model


@dataclass(frozen=True)
class _Columns:
    """How a boosting numbers its columns and categories inside.

    Attributes:
        places: for each of its columns the one in the matrix: it puts categories first.
        levels: for each column of categories their values, in the order of its own numbers.
        known: for each column of categories, which numbers were seen: (columns, CATEGORIES).
        known_place: for each column its row in `known`.
    """

    places: Ints
    levels: tuple[Array, ...]
    known: NDArray[np.bool_]
    known_place: Ints

    @classmethod
    def of(cls, model: Any) -> "_Columns":  # noqa: ANN401 -- any estimator
        bits, known_place = model._bin_mapper.make_known_categories_bitsets()
        levels: tuple[Array, ...] = ()
        places = np.arange(model.n_features_in_)
        if model._preprocessor is not None:
            places = np.argsort(~model.is_categorical_, kind="stable")
            levels = tuple(model._preprocessor.named_transformers_["encoder"].categories_)
        return cls(places, levels, _unpacked(bits), np.asarray(known_place, np.intp))

    def goes_right(self, node: Any, left: NDArray[np.bool_]) -> NDArray[np.bool_]:  # noqa: ANN401 -- any estimator
        """Whether a row goes right, by its code: 0 is missing, n is category n - 1 of the matrix."""
        feature = int(node["feature_idx"])
        right = np.full(CATEGORIES + 1, node["missing_go_to_left"] == 0)
        levels = self.levels[feature]
        for number, level in enumerate(levels[~np.isnan(levels)].astype(np.intp)):
            if left[number] or self.known[self.known_place[feature], number]:
                right[level + 1] = not left[number]
        return right


def _unpacked(bits: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """(rows, CATEGORIES) of (rows, 8) words, the lowest bit first."""
    words = np.ascontiguousarray(bits, dtype="<u4")
    return np.unpackbits(words.view(np.uint8), axis=1, bitorder="little").astype(bool)


def _trees(tables: list[NDArray[Any]], predictors: Sequence[Any], columns: _Columns) -> Trees | None:
    """The trees as arrays; None if they are too large for the loops."""
    nodes = np.concatenate(tables)
    is_inner = nodes["is_leaf"] == 0
    is_category = is_inner & (nodes["is_categorical"] == 1)
    # A number that may be missing has one code for nodes that send it left, and one for those that send it right.
    pairs = nodes["feature_idx"].astype(np.intp) * 2 + ((nodes["missing_go_to_left"] == 0) & ~is_category)
    used = np.unique(pairs[is_inner])
    categorical = np.unique(pairs[is_category])
    known = [
        np.arange(CATEGORIES) - 0.5
        if pair in categorical
        else np.unique(nodes["num_threshold"][is_inner & (pairs == pair)])
        for pair in used
    ]
    if any(len(one) > CODES for one in known) or any(int(table["is_leaf"].sum()) > LEAVES for table in tables):
        return None
    limits = np.zeros(len(nodes), np.uint16)
    for pair, thresholds in zip(used, known, strict=True):
        here = is_inner & ~is_category & (pairs == pair)
        limits[here] = np.searchsorted(thresholds, nodes["num_threshold"][here])
    missing = np.where(used % 2 == 0, 0, 65_535).astype(np.uint16)
    starts = np.cumsum([0, *map(len, known)])
    codes = (columns.places[used // 2], missing, starts, np.concatenate([*known, np.empty(0)]))
    rights = [columns.goes_right(node, left) for node, left in _categorical(predictors)]
    goes_right = np.array(rights, dtype=bool).reshape(-1, CATEGORIES + 1)
    table_of = np.where(is_category, np.cumsum(is_category) - 1, -1)
    return Trees(codes, _ordered(tables, np.searchsorted(used, pairs), limits, table_of, goes_right))


def _categorical(predictors: Sequence[Any]) -> Iterator[tuple[Any, NDArray[np.bool_]]]:
    """All nodes that split categories, each with the numbers that it sends left."""
    for predictor in predictors:
        lefts = _unpacked(predictor.raw_left_cat_bitsets)
        for node in predictor.nodes[(predictor.nodes["is_leaf"] == 0) & (predictor.nodes["is_categorical"] == 1)]:
            yield node, lefts[int(node["bitset_idx"])]


def _ordered(
    tables: list[NDArray[Any]],
    features: Ints,
    limits: NDArray[np.uint16],
    table_of: Ints,
    goes_right: NDArray[np.bool_],
) -> tuple[NDArray[Any], ...]:
    """Per tree its inner nodes with the leaves that each takes away, and the values of its leaves from the left."""
    kept: list[int] = []
    masks: list[int] = []
    leaves: list[float] = []
    starts, leaf_starts, offset = [0], [], 0
    for table in tables:
        leaf_starts.append(len(leaves))
        for node, lost in _from_left(table, leaves):
            kept.append(offset + node)
            masks.append(lost)
        starts.append(len(kept))
        offset += len(table)
    places = np.asarray(kept, dtype=np.intp)
    bits = np.uint32 if max(int(table["is_leaf"].sum()) for table in tables) <= 32 else np.uint64
    return (
        np.asarray(starts),
        features[places],
        limits[places],
        table_of[places],
        goes_right,
        np.invert(np.asarray(masks, dtype=bits)),
        np.asarray(leaf_starts),
        np.asarray(leaves),
    )


def _from_left(table: NDArray[Any], leaves: list[float]) -> list[tuple[int, int]]:
    """Append a tree's leaf values from left to right; returns each inner node and its left leaves as bits."""
    found: list[tuple[int, int]] = []
    first = len(leaves)

    def visit(node: int) -> None:
        if table["is_leaf"][node]:
            leaves.append(float(table["value"][node]))
            return
        before = len(leaves) - first
        visit(int(table["left"][node]))
        found.append((node, (1 << (len(leaves) - first)) - (1 << before)))
        visit(int(table["right"][node]))

    visit(0)
    return found
