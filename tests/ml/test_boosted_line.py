"""A boosting of what a line leaves over goes on where trees stand still."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from ml.declaration import Search
from ml.learning import candidates
from ml.learning.boosted_line import BoostedLine
from ml.learning.pipelines import dump, load
from tests.ml.frames import declare_spend, fitted, weekly

SETTINGS = {"max_iter": 80, "min_samples_leaf": 5, "random_state": 0}


def growing(first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """Sales that grow by the day and jump on one day of the week; some days have no temperature."""
    random = np.random.default_rng(first)
    day = np.arange(first, last, dtype=float)
    temperature = np.where(random.random(len(day)) < 0.2, np.nan, random.normal(size=len(day)))
    target = 0.5 * day + 40 * (day % 7 == 2) + 5 * np.nan_to_num(temperature) + random.normal(size=len(day))
    return np.column_stack([day, day % 7, temperature]), target


def error(model: HistGradientBoostingRegressor) -> float:
    """How far a model of the first 600 days misses the next 100."""
    matrix, target = growing(600, 700)
    return float(np.abs(model.fit(*growing(0, 600)).predict(matrix) - target).mean())


def test_it_follows_a_trend_and_learns_what_bends() -> None:
    trees, both = error(HistGradientBoostingRegressor(**SETTINGS)), error(BoostedLine(**SETTINGS))
    assert both < 4 < 20 < trees


def test_stages_end_in_the_prediction_and_are_watched_on_other_rows() -> None:
    matrix, target = growing(0, 600)
    model = BoostedLine(**SETTINGS, early_stopping=True, n_iter_no_change=80, scoring="loss")
    model.fit(matrix[:500], target[:500], X_val=matrix[500:], y_val=target[500:])
    *_, last = model.staged_predict(matrix)
    assert np.array_equal(last, model.predict(matrix))
    watched = np.mean((target[500:] - model.predict(matrix[500:])) ** 2) / 2
    assert -model.validation_score_[-1] == pytest.approx(watched)


def test_it_is_tried_where_numbers_are_learned_by_squares_and_can_be_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "FIRST", ())
    prediction = declare_spend(search=Search(2.0, trials=1), estimators=("hist_gradient_boosting",))
    monkeypatch.setattr(candidates, "AMOUNTS", ())
    model, dataset = fitted(prediction, weekly(customers=30, weeks=16))
    assert isinstance(model.estimator[-1].members[0].models[0], BoostedLine)
    assert load(dump(model)).predict(dataset.features).equals(model.predict(dataset.features))
