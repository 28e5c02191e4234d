import numpy as np
import pytest
from sklearn import metrics

from ml.learning import measures

ROWS = 400


def binary() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Targets, probabilities with many ties, and five weightings of which the first is plain."""
    random = np.random.default_rng(0)
    output = random.integers(0, 40, ROWS) / 40
    y = (random.random(ROWS) < output).astype(float)
    weights = random.poisson(1, (5, ROWS)).astype(float)
    weights[0] = 1
    return y, output, weights


def several() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    output = random.dirichlet([1, 1, 1], ROWS)
    y = np.array([random.choice(3, p=row) for row in output], dtype=float)
    return y, output, np.vstack([np.ones(ROWS), random.poisson(1, (4, ROWS))])


@pytest.mark.parametrize(
    ("measure", "peer"),
    [
        (measures.roc_auc, metrics.roc_auc_score),
        (measures.average_precision, metrics.average_precision_score),
        (measures.log_loss, metrics.log_loss),
        (measures.brier, metrics.brier_score_loss),
    ],
)
def test_two_classes_agree_with_scikit_learn(measure: measures.Measure, peer: object) -> None:
    y, output, weights = binary()
    expected = [peer(y, output, sample_weight=row) for row in weights]  # type: ignore[operator]
    assert measure(y, output, weights) == pytest.approx(expected)


def test_several_classes_agree_with_scikit_learn() -> None:
    y, output, weights = several()
    for row, loss, right in zip(
        weights, measures.log_loss(y, output, weights), measures.accuracy(y, output, weights), strict=True
    ):
        assert loss == pytest.approx(metrics.log_loss(y, output, sample_weight=row))
        assert right == pytest.approx(metrics.accuracy_score(y, output.argmax(axis=1), sample_weight=row))
    area = metrics.roc_auc_score(y, output, multi_class="ovr")
    assert measures.roc_auc_ovr(y, output, weights)[0] == pytest.approx(area)
    assert measures.brier(y, output, weights)[0] == pytest.approx(
        ((output - np.eye(3)[y.astype(int)]) ** 2).sum(1).mean()
    )


def test_regression_agrees_with_scikit_learn() -> None:
    random = np.random.default_rng(2)
    y = random.normal(size=ROWS)
    output = y + random.normal(size=ROWS)
    weights = np.vstack([np.ones(ROWS), random.poisson(1, (2, ROWS))])
    for place, row in enumerate(weights):
        assert measures.rmse(y, output, weights)[place] == pytest.approx(
            metrics.root_mean_squared_error(y, output, sample_weight=row)
        )
        assert measures.mae(y, output, weights)[place] == pytest.approx(
            metrics.mean_absolute_error(y, output, sample_weight=row)
        )
        assert measures.r2(y, output, weights)[place] == pytest.approx(metrics.r2_score(y, output, sample_weight=row))


def test_bias_and_total_say_which_way_predictions_lean() -> None:
    y, weights = np.array([1.0, 3.0]), np.ones((1, 2))
    assert measures.mean_error(y, y + 1, weights) == pytest.approx(1)
    assert measures.total_ratio(y, y + 1, weights) == pytest.approx(1.5)


def test_lift_of_a_perfect_and_of_a_constant_output() -> None:
    y = np.repeat([0.0, 1.0], [80, 20])
    weights = np.ones((1, 100))
    assert measures.lift_top_decile(y, y, weights) == pytest.approx(5)
    assert measures.lift_top_decile(y, np.full(100, 0.2), weights) == pytest.approx(1)


def test_calibration_error_of_known_gaps() -> None:
    y = np.tile([0.0, 1.0], 50)
    weights = np.ones((1, 100))
    assert measures.expected_calibration_error(y, np.full(100, 0.5), weights) == pytest.approx(0)
    assert measures.expected_calibration_error(y, np.full(100, 0.8), weights) == pytest.approx(0.3)


def test_a_sample_without_positives_is_nan_without_a_warning() -> None:
    y, output, _ = binary()
    only_negative = (y == 0).astype(float)[None]
    with np.errstate(all="raise"):
        assert np.isnan(measures.roc_auc(y, output, only_negative)).all()


def test_weights_draw_whole_clusters_and_stay_in_bounded_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measures, "CELLS", 30)
    clusters = np.array([0, 0, 1, 2, 2, 2])
    blocks = list(measures.clustered_weights(clusters, 12, seed=0))
    assert [len(block) for block in blocks] == [5, 5, 2]
    weights = np.vstack(blocks)
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, [0, 2, 3]].sum(axis=1) == 3).all()
