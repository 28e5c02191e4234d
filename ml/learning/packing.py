"""Boostings with their trees joined end to end: thousands of small arrays take long to store, a few large ones not."""

from collections.abc import Iterator
from copy import copy
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

ARRAYS = ("nodes", "binned_left_cat_bitsets", "raw_left_cat_bitsets")  # of a tree


def packed(model: Any) -> Any:  # noqa: ANN401 -- any estimator
    """A boosting whose trees are a few arrays, which `unpacked` takes apart; any other model itself."""
    if not isinstance(model, HistGradientBoostingClassifier | HistGradientBoostingRegressor):
        return model
    trees = [tree for iteration in model._predictors for tree in iteration]
    made = copy(model)
    made._predictors = {"trees": len(trees) // len(model._predictors)}  # of an iteration: one for each output
    for name in ARRAYS:
        parts = [getattr(tree, name) for tree in trees]
        made._predictors[name] = np.concatenate(parts)
        made._predictors[f"{name}_ends"] = np.cumsum([len(part) for part in parts])
    return made


def unpacked(model: Any) -> Any:  # noqa: ANN401 -- any estimator
    """The model as it was before `packed`."""
    if isinstance(getattr(model, "_predictors", None), dict):
        trees = list(_trees(model._predictors))
        each = model._predictors["trees"]
        model._predictors = [trees[start : start + each] for start in range(0, len(trees), each)]
    return model


def _trees(joined: dict[str, Any]) -> Iterator[TreePredictor]:
    parts = [np.split(joined[name], joined[f"{name}_ends"][:-1]) for name in ARRAYS]
    for arrays in zip(*parts, strict=True):
        yield TreePredictor(*arrays)
