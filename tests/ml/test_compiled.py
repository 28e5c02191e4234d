"""Compiled boostings say bit for bit what scikit-learn says."""

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression

from ml.learning.boosted_line import BoostedLine
from ml.learning.compiled import CompiledBoosting, compiled

CATEGORIES = np.array([False, False, False, True, False, True])


def data(rows: int = 600, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Numbers with gaps; columns 3 and 5 are codes of categories, of which not all occur in every draw."""
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(rows, 6)).round(1)
    matrix[:, 3] = random.choice([0, 2, 3, 7, 11, 40] if seed == 0 else range(60), size=rows)
    matrix[:, 4] = np.abs(random.normal(size=rows))
    matrix[:, 5] = random.integers(0, 199, size=rows)
    matrix[random.random(matrix.shape) < 0.15] = np.nan
    known = np.nan_to_num(matrix)
    effect = np.isin(known[:, 3], [2, 11]) + 0.02 * (known[:, 5] % 50)
    return matrix, np.exp(known[:, 0] + 0.3 * known[:, 4] + effect + random.normal(size=rows) / 3)


def unseen() -> np.ndarray:
    new = data(seed=1)[0]
    new[0] = np.nan
    new[1, ~CATEGORIES], new[2, ~CATEGORIES] = np.inf, -np.inf
    return new


@pytest.mark.parametrize("categories", [None, CATEGORIES], ids=["numbers", "categories"])
@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("leaves", [2, 15, 64])
def test_classes_are_those_of_scikit_learn(classes: int, leaves: int, categories: Any) -> None:
    matrix, amount = data()
    target = np.digitize(amount, np.quantile(amount, np.arange(1, classes) / classes))
    settings = {"max_iter": 12, "max_leaf_nodes": leaves, "min_samples_leaf": 3, "categorical_features": categories}
    model = HistGradientBoostingClassifier(**settings).fit(matrix, target)
    is_split = [predictor.nodes["is_categorical"].any() for trees in model._predictors for predictor in trees]
    assert any(is_split) == (categories is not None), "else nothing is proved"
    fast = compiled(model)
    assert isinstance(fast, CompiledBoosting)
    assert np.array_equal(fast.predict_proba(unseen()), model.predict_proba(unseen()))


@pytest.mark.parametrize(
    ("kind", "loss"),
    [
        *((HistGradientBoostingRegressor, loss) for loss in ("squared_error", "absolute_error", "poisson", "gamma")),
        (BoostedLine, "squared_error"),
    ],
)
def test_values_are_those_of_scikit_learn(kind: Any, loss: str) -> None:
    matrix, amount = data()
    settings = {"max_iter": 12, "max_leaf_nodes": 20, "min_samples_leaf": 5, "categorical_features": CATEGORIES}
    model = kind(loss=loss, **settings).fit(matrix, amount)
    fast = compiled(model)
    assert fast is not model
    new = unseen()
    assert np.array_equal(fast.predict(new), model.predict(new))
    assert np.array_equal(fast.predict(new[:1]), model.predict(new[:1])), "a row alone"
    assert len(fast.predict(new[:0])) == 0


def test_trees_too_large_for_a_bit_per_leaf_are_left_to_scikit_learn() -> None:
    matrix, amount = data(3000)
    model = HistGradientBoostingRegressor(max_iter=2, max_leaf_nodes=100, min_samples_leaf=2).fit(matrix, amount)
    assert compiled(model) is model


def test_other_estimators_are_left_as_they_are() -> None:
    other = LogisticRegression()
    assert compiled(other) is other
