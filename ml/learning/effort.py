"""How long trees take to grow, roughly: by the size of the data and never by the clock, so that runs repeat."""

from typing import Any

import numpy as np

# Seconds of a tree of a boosting on one core: a fixed part, and parts for each leaf, each leaf's feature and each cell.
TREE_SECONDS, LEAF_SECONDS, HISTOGRAM_SECONDS, CELL_SECONDS = 0.4e-3, 4e-5, 2e-6, 4e-9
DRAWN_LEAF_SECONDS = 1e-4  # of a leaf where splits are drawn
# Seconds that a forest's tree takes for each row, feature tried, and level of the tree.
SPLIT_SECONDS = {"extra_trees": 2e-8, "random_forest": 6e-8}


def boosted_tree_seconds(estimator: str, parameters: dict[str, Any], rows: float, features: int) -> float:
    """Of one tree of a boosting that learns from so many rows."""
    leaf = DRAWN_LEAF_SECONDS if estimator == "boosted_extra_trees" else LEAF_SECONDS
    leaves = int(parameters["max_leaf_nodes"])
    return TREE_SECONDS + leaves * (leaf + HISTOGRAM_SECONDS * features) + CELL_SECONDS * rows * features


def forest_tree_seconds(estimator: str, parameters: dict[str, Any], rows: float, features: int) -> float:
    """Of one tree of a forest."""
    share = parameters["max_features"]
    tried = features**0.5 if share == "sqrt" else features * float(share)
    return float(SPLIT_SECONDS[estimator] * rows * np.log2(rows) * max(tried, 1.0))
