import json
from functools import cache

import numpy as np
import pytest

from ml.declaration import Search
from ml.learning import reasons
from ml.learning.dataset import Dataset
from ml.learning.pipelines import FittedPrediction
from ml.learning.reasons import OTHERS, contributions, walk
from tests.ml.frames import KINDS, declare, declare_spend, fitted, weekly


@cache
def learned(task: str, estimator: str) -> tuple[FittedPrediction, Dataset]:
    frame = weekly()
    if task == "regression":
        return fitted(declare_spend(estimators=(estimator,), search=Search(2.0, trials=1)), frame)
    metric = "roc_auc"
    if task == "several":
        frame["churned"] = np.digitize(frame["signal"], [-1, 1]).astype(str)
        metric = "neg_log_loss"
    return fitted(declare(metric=metric, estimators=(estimator,), search=Search(2.0, trials=1)), frame)


@pytest.mark.parametrize("task", ["classification", "several", "regression"])
@pytest.mark.parametrize("estimator", ["hist_gradient_boosting", "linear"])
def test_contributions_add_up_to_the_prediction(task: str, estimator: str) -> None:
    model, dataset = learned(task, estimator)
    rows = dataset.features.head(100)
    _, steps = walk(model, rows, model.reference_frame())
    predicted = model.predict(rows)["prediction"].to_numpy()
    reference = model.output(model.estimator[0].transform(model.reference_frame()))[0]
    if task == "several":
        classes = [model.classes.index(label) for label in model.predict(rows)["predicted_class"]]
        reference = reference[classes]
    assert np.allclose(steps.sum(axis=1), predicted - reference)


def test_the_text_adds_up_too() -> None:
    model, dataset = learned("regression", "hist_gradient_boosting")
    rows = dataset.features.head(50)
    reference = model.output(model.estimator[0].transform(model.reference_frame()))[0]
    for text, predicted in zip(contributions(model, rows, top=2), model.predict(rows)["prediction"], strict=True):
        reasons_of_row = json.loads(text)
        assert [reason["feature"] for reason in reasons_of_row][-1] == OTHERS
        assert len(reasons_of_row) == 3
        assert reference + sum(reason["contribution"] for reason in reasons_of_row) == pytest.approx(
            predicted, abs=1e-3
        )


def test_the_signal_is_the_reason_and_has_its_sign() -> None:
    model, dataset = learned("classification", "hist_gradient_boosting")
    extreme = dataset.features.sort_values("signal", ascending=False).iloc[[0, -1]]
    high, low = (json.loads(text)[0] for text in contributions(model, extreme))
    assert high["feature"] == low["feature"] == "signal"
    assert high["contribution"] > 0.2
    assert low["contribution"] < -0.05
    assert high["value"] == pytest.approx(dataset.features["signal"].max())


def test_contributions_of_a_sum_are_exact() -> None:
    model, dataset = learned("regression", "linear")
    rows = dataset.features.head(20).copy()
    rows["noise"] = model.reference["noise"]
    names, steps = walk(model, rows, model.reference_frame())
    assert np.allclose(steps[:, names.index("noise")], 0)


def test_a_row_has_the_same_reasons_alone_and_in_company(monkeypatch: pytest.MonkeyPatch) -> None:
    model, dataset = learned("classification", "hist_gradient_boosting")
    rows = dataset.features.head(30)
    together = contributions(model, rows)
    assert [contributions(model, rows.iloc[[row]])[0] for row in range(5)] == together[:5]
    monkeypatch.setattr(reasons, "CELLS", 1)
    assert contributions(model, rows) == together


def test_weak_features_go_together(monkeypatch: pytest.MonkeyPatch) -> None:
    model, dataset = learned("classification", "hist_gradient_boosting")
    monkeypatch.setattr(reasons, "WALKED", 1)
    names, steps = walk(model, dataset.features.head(10), model.reference_frame())
    assert names == ["signal"]
    assert steps.shape == (10, 2)


def test_values_are_json_of_their_kind() -> None:
    model, dataset = learned("classification", "hist_gradient_boosting")
    rows = dataset.features.head(200)
    seen: dict[str, list[object]] = {}
    for text in contributions(model, rows, top=len(KINDS)):
        for reason in json.loads(text):
            seen.setdefault(reason["feature"], []).append(reason["value"])
    assert {type(value) for value in seen["member"]} == {bool, type(None)}
    assert {type(value) for value in seen["region"]} == {str, type(None)}
    assert {type(value) for value in seen["signal"]} == {float}
