"""Boostings whose splits are drawn at random follow smooth targets, and are stored and watched like any other."""

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_friedman1
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from ml.learning.boosted_extra_trees import (
    BoostedExtraTreesClassifier,
    BoostedExtraTreesRegressor,
    _of_drawn_trees,
)
from ml.learning.boosted_line import BoostedLineOfExtraTrees
from ml.learning.compiled import CompiledBoosting, compiled

SETTINGS: dict[str, Any] = {"max_iter": 120, "max_leaf_nodes": 12, "min_samples_leaf": 5, "random_state": 0}
WATCHED: dict[str, Any] = {"early_stopping": True, "n_iter_no_change": 20, "scoring": "loss"}


def smooth(rows: int = 900, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A smooth target of five numbers among ten."""
    matrix, target = make_friedman1(rows, noise=0.5, random_state=seed)
    return np.asarray(matrix), np.asarray(target)


def gappy(rows: int = 900, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The same with gaps in two columns; where the first is missing, the target is high."""
    matrix, target = smooth(rows, seed)
    random = np.random.default_rng(seed)
    target = np.where(missing := random.random(rows) < 0.2, target + 15, target)
    matrix[missing, 0] = np.nan
    matrix[random.random(rows) < 0.2, 7] = np.nan
    return matrix, target


@pytest.mark.parametrize(("data", "share"), [(smooth, 0.95), (gappy, 1.0)])
def test_it_follows_a_smooth_target_more_closely_than_the_best_splits(data: Any, share: float) -> None:
    new, target = data(seed=1)
    errors = [
        np.sqrt(np.mean((kind(**SETTINGS).fit(*data()).predict(new) - target) ** 2))
        for kind in (BoostedExtraTreesRegressor, HistGradientBoostingRegressor)
    ]
    assert errors[0] < share * errors[1]


def test_values_missing_for_the_first_time_go_where_most_rows_go() -> None:
    matrix, target = smooth()
    model = BoostedExtraTreesRegressor(**SETTINGS).fit(matrix, target)
    unknown = matrix[:50].copy()
    unknown[:, 3] = np.nan
    assert np.isfinite(model.predict(unknown)).all()
    inner = np.concatenate([tree.nodes for (tree,) in model._predictors])
    assert set(inner["missing_go_to_left"][inner["is_leaf"] == 0]) == {0, 1}


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "poisson", "gamma"])
def test_stages_end_in_the_prediction_and_are_watched_on_other_rows(loss: str) -> None:
    matrix, target = gappy()
    target = np.exp(target / 10)
    model = BoostedExtraTreesRegressor(loss=loss, **SETTINGS, **WATCHED)
    model.fit(matrix[:600], target[:600], X_val=matrix[600:], y_val=target[600:])
    *_, last = model.staged_predict(matrix)
    assert np.array_equal(last, model.predict(matrix))
    assert len(model.validation_score_) == model.n_iter_ + 1
    raw = model._raw_predict(matrix[600:]).ravel()
    assert model.validation_score_[-1] == pytest.approx(-model._loss(target[600:], raw))
    assert model.validation_score_[-1] > model.validation_score_[0], "it has learned"


def test_it_stops_when_other_rows_see_no_progress() -> None:
    matrix, _ = smooth()
    noise = np.random.default_rng(0).normal(size=len(matrix))
    model = BoostedExtraTreesRegressor(**SETTINGS, **WATCHED)
    model.fit(matrix[:600], noise[:600], X_val=matrix[600:], y_val=noise[600:])
    assert model.n_iter_ < SETTINGS["max_iter"]


def test_absolute_errors_ask_for_medians() -> None:
    """Of half zeros and some giants, the median stays near zero; the mean does not."""
    matrix, _ = smooth()
    random = np.random.default_rng(0)
    target = np.where(random.random(len(matrix)) < 0.1, 1000.0, random.random(len(matrix)))
    model = BoostedExtraTreesRegressor(loss="absolute_error", **{**SETTINGS, "min_samples_leaf": 60})
    assert np.median(model.fit(matrix, target).predict(matrix)) < 1


@pytest.mark.parametrize("classes", [2, 4])
def test_classes_are_told_as_well_as_by_the_best_splits(classes: int) -> None:
    (matrix, amount), (new, later) = gappy(), gappy(seed=1)
    bounds = np.quantile(amount, np.arange(1, classes) / classes)
    target, truth = np.digitize(amount, bounds), np.digitize(later, bounds)
    right = []
    for kind in (BoostedExtraTreesClassifier, HistGradientBoostingClassifier):
        model = kind(**SETTINGS).fit(matrix, target)
        chances = model.predict_proba(new)
        assert chances.sum(axis=1) == pytest.approx(1)
        right.append(chances[np.arange(len(new)), truth])
    assert np.log(right[0]).mean() > np.log(right[1]).mean()


def test_equal_targets_and_small_units_are_no_obstacle() -> None:
    matrix, target = smooth(60)
    model = BoostedExtraTreesRegressor(**SETTINGS).fit(matrix, np.full(60, 3.0))
    assert model.predict(matrix) == pytest.approx(3)
    tiny = BoostedExtraTreesRegressor(**SETTINGS).fit(matrix, target * 1e-9)
    assert np.corrcoef(tiny.predict(matrix), target)[0, 1] > 0.9


@pytest.mark.parametrize("data", [smooth, gappy])
def test_rows_come_to_the_leaves_that_they_were_counted_for(data: Any) -> None:
    matrix, target = data()
    model = BoostedExtraTreesRegressor(**{**SETTINGS, "max_iter": 30}).fit(matrix, target)
    stages, before = [], np.full(len(matrix), model._baseline_prediction.ravel()[0])
    for stage in model.staged_predict(matrix):
        stages.append(stage - before)
        before = stage
    for (tree,), added in zip(model._predictors, stages, strict=True):
        leaves = tree.nodes[tree.nodes["is_leaf"] == 1]
        for leaf in leaves:
            assert np.isclose(added, leaf["value"], atol=1e-9).sum() >= leaf["count"] >= SETTINGS["min_samples_leaf"]
        assert leaves["count"].sum() == len(matrix)


def test_thresholds_are_drawn_anywhere_between_the_values() -> None:
    """The best split of a step is at the step; of a drawn one, only the first trees' mean is."""
    matrix = np.linspace(0, 1, 400)[:, None]
    model = BoostedExtraTreesRegressor(max_iter=200, max_leaf_nodes=2, learning_rate=1e-6, random_state=0)
    drawn = [tree.nodes["num_threshold"][0] for (tree,) in model.fit(matrix, matrix[:, 0] > 0.5)._predictors]
    assert len(set(drawn)) > 100
    assert np.quantile(drawn, [0.1, 0.5, 0.9]) == pytest.approx([0.1, 0.5, 0.9], abs=0.1)


def test_values_that_are_missing_may_lie_apart() -> None:
    matrix, _ = smooth()
    matrix[:200, 2] = np.nan
    target = np.isnan(matrix[:, 2]).astype(float)
    model = BoostedExtraTreesRegressor(**{**SETTINGS, "max_iter": 1, "max_leaf_nodes": 2, "learning_rate": 1.0})
    assert model.fit(matrix, target).predict(matrix) == pytest.approx(target, abs=1e-6)


def test_scikit_learns_own_boosting_stays_as_it_is() -> None:
    matrix, target = gappy()
    before = HistGradientBoostingRegressor(**SETTINGS).fit(matrix, target).predict(matrix)
    BoostedExtraTreesRegressor(**SETTINGS).fit(matrix, target)
    assert np.array_equal(HistGradientBoostingRegressor(**SETTINGS).fit(matrix, target).predict(matrix), before)


def test_a_scikit_learn_that_grows_trees_otherwise_is_refused() -> None:
    with pytest.raises(ImportError, match=r"requirements\.lock"):
        _of_drawn_trees(HistGradientBoostingRegressor.predict)


def test_a_setting_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="max_leaf_nodes"):
        BoostedExtraTreesRegressor(max_leaf_nodes=-1).fit(*smooth())


def test_the_same_seed_grows_the_same_trees() -> None:
    matrix, target = gappy()
    one, same = (BoostedExtraTreesRegressor(**SETTINGS).fit(matrix, target).predict(matrix) for _ in range(2))
    other = BoostedExtraTreesRegressor(**{**SETTINGS, "random_state": 1}).fit(matrix, target).predict(matrix)
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("kind", [BoostedExtraTreesRegressor, BoostedLineOfExtraTrees])
def test_compiled_it_says_the_same(kind: Any) -> None:
    matrix, target = gappy()
    model = kind(**SETTINGS).fit(matrix, target)
    new = gappy(seed=1)[0]
    new[0], new[1, 1:], new[2, 1:] = np.nan, np.inf, -np.inf
    fast = compiled(model)
    assert isinstance(fast, CompiledBoosting)
    assert np.array_equal(fast.predict(new), model.predict(new))
