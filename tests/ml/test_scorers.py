import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression

from ml.learning import scorers
from ml.learning.scorers import default_metric, predict_output, score
from tests.ml.frames import churn, spend


def test_default_metrics() -> None:
    assert default_metric("classification", churn()) == "roc_auc"
    assert default_metric("regression", spend()) == "neg_root_mean_squared_error"


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("roc_auc", lambda y, output: metrics.roc_auc_score(y, output)),
        ("neg_log_loss", lambda y, output: -metrics.log_loss(y, output)),
        ("f1", lambda y, output: metrics.f1_score(y, output > 0.5)),
        ("balanced_accuracy", lambda y, output: metrics.balanced_accuracy_score(y, output > 0.5)),
    ],
)
def test_scores_are_scikit_learns(metric: str, expected: object) -> None:
    random = np.random.default_rng(0)
    output = random.random(200)
    y = (random.random(200) < output).astype(float)
    assert score(metric, "classification", y, output) == pytest.approx(expected(y, output))  # type: ignore[operator]


def test_scores_of_several_classes_and_of_values() -> None:
    y = np.array([0.0, 1.0, 2.0, 1.0])
    assert score("accuracy", "classification", y, np.eye(3)[[0, 1, 2, 2]]) == 0.75
    assert score("neg_mean_absolute_error", "regression", y, y + 1) == -1


def test_an_unknown_metric_is_refused() -> None:
    with pytest.raises(ValueError, match="roc_aux"):
        score("roc_aux", "classification", np.array([0.0, 1.0]), np.array([0.2, 0.8]))


def test_classes_not_met_get_no_probability() -> None:
    estimator = DummyClassifier().fit(np.zeros((4, 1)), [0, 2, 2, 2])
    output = predict_output(estimator, np.zeros((2, 1)), "classification", classes=4)
    assert output.tolist() == [[0.25, 0, 0.75, 0]] * 2


def test_two_classes_give_the_positive_ones_probability() -> None:
    estimator = DummyClassifier().fit(np.zeros((4, 1)), [0, 1, 1, 1])
    assert predict_output(estimator, np.zeros((2, 1)), "classification").tolist() == [0.75, 0.75]


def test_parts_join_to_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    features = pd.DataFrame({"x": np.linspace(-1, 1, 50)})
    estimator = LogisticRegression().fit(features, features["x"] > 0)
    estimator.classes_ = np.array([0, 1])
    whole = predict_output(estimator, features, "classification")
    monkeypatch.setattr(scorers, "PART_ROWS", 7)
    assert np.array_equal(predict_output(estimator, features, "classification"), whole)
