from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from ml.learning.blend import BlendClassifier, BlendRegressor, Member, SeveralEncoders, TargetScale, weigh
from ml.learning.calibrate import Calibrator
from ml.learning.encode import make_encoder
from tests.ml.frames import KINDS, churn


def rmse_to(y: np.ndarray) -> Any:
    return lambda output: -float(np.sqrt(np.mean((output - y) ** 2)))


def test_errors_that_cancel_are_blended() -> None:
    y = np.linspace(0, 1, 200)
    error = np.random.default_rng(0).normal(size=200)
    weighting = weigh([y + error, y - error, y + 5], rmse_to(y))
    assert weighting.weights.tolist() == [0.5, 0.5, 0.0]
    assert weighting.score == pytest.approx(0)
    assert weighting.chosen == [0, 1]


def test_the_best_stays_alone_where_nothing_helps() -> None:
    y = np.linspace(0, 1, 200)
    weighting = weigh([y + 1, y, y + 2], rmse_to(y))
    assert weighting.weights.tolist() == [0.0, 1.0, 0.0]


def test_weights_sum_to_one_and_light_members_are_dropped() -> None:
    random = np.random.default_rng(0)
    y = random.normal(size=400)
    outputs = [y + random.normal(scale=scale, size=400) for scale in (0.5, 0.6, 0.7, 5.0)]
    weights = weigh(outputs, rmse_to(y)).weights
    assert weights.sum() == pytest.approx(1)
    assert all(weight == 0 or weight >= 0.04 for weight in weights)


def test_each_member_reads_its_own_columns() -> None:
    random = np.random.default_rng(0)
    matrix = random.normal(size=(100, 4))
    y = matrix @ [1.0, 2.0, -1.0, 0.5]
    left = LinearRegression().fit(matrix[:, :2], y)
    right = LinearRegression().fit(matrix[:, 2:], y)
    members = [Member(0, 2, [left], [TargetScale()], 0.25), Member(2, 4, [right], [TargetScale()], 0.75)]
    blend = BlendRegressor(members, y.min(), y.max())
    expected = 0.25 * left.predict(matrix[:, :2]) + 0.75 * right.predict(matrix[:, 2:])
    assert np.allclose(blend.predict(matrix), expected)


def test_values_are_held_where_targets_can_be() -> None:
    line = LinearRegression().fit([[0.0], [1.0]], [1.0, 2.0])
    blend = BlendRegressor([Member(0, 1, [line], [TargetScale()], 1.0)], 1.0, 2.0)
    assert blend.predict(np.array([[-10.0], [0.5], [10.0]])).tolist() == [0.0, 1.5, 3.0]


def test_a_class_that_a_model_never_met_has_no_chance_there() -> None:
    matrix = np.array([[-1.0], [0.0], [1.0], [2.0]])
    two = LogisticRegression().fit(matrix, [0, 0, 2, 2])
    blend = BlendClassifier([Member(0, 1, [two], [TargetScale()], 1.0)], 3, Calibrator())
    output = blend.predict_proba(matrix)
    assert output.shape == (4, 3)
    assert (output[:, 1] == 0).all()
    assert np.allclose(output.sum(axis=1), 1)


@pytest.mark.parametrize("kind", ["", "log", "standard"])
def test_a_scaled_target_comes_back(kind: str) -> None:
    target = np.array([0.0, 1.0, 10.0, 500.0])
    scale = TargetScale(kind, target)
    assert np.allclose(scale.back(scale.there(target)), target)


def test_encodings_stand_side_by_side() -> None:
    dataset = churn()
    encoders = [
        make_encoder(KINDS, style).fit(dataset.features, dataset.known_target) for style in ("tree", "linear", "codes")
    ]
    several = SeveralEncoders(encoders)
    matrix = several.transform(dataset.features)
    columns = several.columns()
    assert sorted(np.concatenate(list(columns.values()))) == list(range(matrix.shape[1]))
    start = several.starts()["linear"]
    width = len(encoders[1].sources_)
    assert np.array_equal(matrix[:, start : start + width], encoders[1].transform(dataset.features))
    # A feature's columns hold that feature in every encoding: exchanging them changes nothing else.
    changed = several.transform(dataset.features.assign(signal=0.0))
    differs = np.flatnonzero(~np.isclose(changed, matrix, equal_nan=True).all(axis=0))
    assert set(differs) <= set(columns["signal"].tolist())
