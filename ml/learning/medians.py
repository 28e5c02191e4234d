"""What absolute errors ask for: medians instead of means."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FEWEST_IN_LEAF = 10  # rows of a leaf whose median is told: the median of one or two is their mean
APART = 1e-6  # of the targets' mean distance from their median, by which equal ones are moved apart


def tell_medians(forest: Any, matrix: Array, target: Array) -> None:  # noqa: ANN401 -- scikit-learn has no types
    """Let each leaf of a fitted forest say the median of its targets; the forest says the mean of those medians.

    Its splits are those of squared errors, which are found a hundred times as fast as those of absolute ones. (Leaves
    that know more than means: Meinshausen, "Quantile regression forests", 2006.)

    Args:
        forest: of regression trees, fitted on the same rows; its trees are changed.
        matrix: (n, features) that the forest takes.
        target: (n,) numbers.
    """
    rows = np.asarray(matrix, np.float32)
    for tree in forest.estimators_:
        leaves = tree.tree_.apply(rows)
        reached = np.unique(leaves)
        tree.tree_.value[reached, 0, 0] = _medians_of(target, leaves, tree.tree_.node_count)[reached]


def _medians_of(values: Array, groups: NDArray[np.intp], count: int) -> Array:
    """(count,) the median of each group's values; 0 for a group without any.

    Args:
        values: (n,) numbers.
        groups: (n,) the group of each, from 0.
        count: how many groups there may be.
    """
    ordered = values[np.lexsort((values, groups))]
    sizes = np.bincount(groups, minlength=count)
    first, known = np.cumsum(sizes) - sizes, sizes > 0
    found = np.zeros(count)
    low, high = (ordered[(first + middle)[known]] for middle in ((sizes - 1) // 2, sizes // 2))
    found[known] = (low + high) / 2
    return found


def untied(target: Array) -> Array:
    """The target, equal values a millionth apart.

    To scikit-learn's boosting a prediction that is right lies below its target. Where more than half of the targets are
    zero, all rows would ask for more at once, the median would stay, and nothing would be learned.
    """
    apart = APART * np.mean(np.abs(target - np.median(target)))
    return np.asarray(target + apart * np.random.default_rng(0).uniform(-1, 1, len(target)), np.float64)
