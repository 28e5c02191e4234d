import os
from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import BaseEstimator, RegressorMixin

from ml.declaration import Prediction, Search
from ml.errors import DataError, PipelineError
from ml.learning import blend, candidates, portfolio
from ml.learning.dataset import Dataset
from ml.learning.pipelines import FittedPrediction, dump, load
from ml.learning.storage import fetch, store
from tests.ml.frames import declare, declare_spend, fitted, weekly


def fit(name: str, task: str = "classification") -> tuple[FittedPrediction, Dataset]:
    declared = declare if task == "classification" else declare_spend
    return fitted(declared(estimators=(name,), search=Search(2.0, trials=1)), weekly(customers=30, weeks=16))


first_fit = cache(fit)  # tests that only look at a pipeline share it


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("name", portfolio.PORTFOLIO)
def test_a_stored_pipeline_predicts_the_same(name: str, task: str) -> None:
    model, dataset = first_fit(name, task)
    again = load(dump(model))
    pd.testing.assert_frame_equal(again.predict(dataset.features), model.predict(dataset.features), check_exact=True)
    pd.testing.assert_frame_equal(again.reference_frame(), model.reference_frame())


@pytest.mark.parametrize("name", portfolio.PORTFOLIO)
def test_the_same_pipeline_gives_the_same_bytes(name: str) -> None:
    assert dump(first_fit(name)[0]) == dump(fit(name)[0])


@pytest.mark.parametrize("style", ["", "codes"])
def test_the_trees_of_a_boosting_are_stored_together(style: str, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = next(one for one in candidates.FIRST if (one.estimator, one.style) == ("hist_gradient_boosting", style))
    monkeypatch.setattr(candidates, "FIRST", (listed,))
    model, dataset = fitted(declare(search=Search(1.0, trials=1)), weekly(customers=30, weeks=16))
    together = dump(model)
    monkeypatch.setattr(blend, "packed", lambda model: model)
    apart = dump(model)  # as they were stored before
    few, many = (len(ZipFile(BytesIO(data)).namelist()) for data in (together, apart))
    assert few < many / 2, (few, many)
    for data in (together, apart):
        assert load(data).predict(dataset.features).equals(model.predict(dataset.features))


@pytest.mark.parametrize("metric", ["neg_mean_absolute_error", "neg_mean_poisson_deviance", "neg_mean_gamma_deviance"])
def test_pipelines_of_other_objectives_can_be_stored(metric: str) -> None:
    for name in ("hist_gradient_boosting", "linear"):
        prediction = declare_spend(estimators=(name,), search=Search(2.0, trials=1))
        model, dataset = fitted(Prediction(**{**vars(prediction), "metric": metric}), weekly(customers=30, weeks=16))
        assert load(dump(model)).predict(dataset.features).equals(model.predict(dataset.features))


def test_logarithms_and_calendar_dates_can_be_stored() -> None:
    prediction = declare_spend(as_of=None, horizon=None, search=Search(2.0, trials=1))
    prediction = Prediction(**{**vars(prediction), "metric": "neg_root_mean_squared_log_error"})
    model, dataset = fitted(prediction)
    again = load(dump(model))
    assert again.predict(dataset.features).equals(model.predict(dataset.features))
    assert again.reference_frame()["joined"].dtype == "datetime64[us]"


@pytest.mark.parametrize("name", portfolio.PORTFOLIO)
def test_a_row_is_scored_alike_alone_and_in_company(name: str) -> None:
    model, dataset = first_fit(name)
    whole = model.predict(dataset.features)["prediction"]
    alone = [model.predict(dataset.features.iloc[[row]])["prediction"][0] for row in range(10)]
    assert np.allclose(whole[:10], alone, rtol=1e-12)


@pytest.mark.parametrize("declared", [declare, declare_spend])
@pytest.mark.parametrize(
    "listed",
    [*candidates.FIRST, candidates.CLASSES[1]],
    ids=lambda listed: f"{listed.estimator}-{listed.style}",
)
def test_every_listed_candidate_can_be_stored(
    listed: candidates.Candidate, declared: Callable[..., Prediction], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "FIRST", (listed,))
    model, dataset = fitted(declared(search=Search(1.0, trials=1)), weekly(customers=30, weeks=16))
    assert load(dump(model)).predict(dataset.features).equals(model.predict(dataset.features))


@pytest.mark.parametrize("listed", candidates.MORE_AMOUNTS, ids=lambda listed: listed.parameters["loss"])
def test_pipelines_of_amounts_can_be_stored(listed: candidates.Candidate, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIRST", "AMOUNTS", "MORE_AMOUNTS"):
        monkeypatch.setattr(candidates, name, (listed,) if name == "FIRST" else ())
    amounts = weekly(customers=30, weeks=16).assign(spend=lambda rows: np.exp(rows["signal"]))
    model, dataset = fitted(declare_spend(search=Search(1.0, trials=1)), amounts)
    assert model.estimator[-1].members[0].scales[0].kind == ("amount" if listed.parameters["loss"] == "log" else "")
    assert load(dump(model)).predict(dataset.features).equals(model.predict(dataset.features))


def test_strange_rows_are_scored() -> None:
    model, dataset = fitted(declare())
    strange = dataset.features.head(3).assign(
        region=pd.Series(["mars", None, ""], dtype="str"), signal=np.nan, member=np.nan
    )
    assert model.predict(strange)["prediction"].between(0, 1).all()


@pytest.mark.parametrize("declared", [declare, declare_spend])
def test_no_rows_give_no_predictions(declared: Callable[..., Prediction]) -> None:
    model, dataset = fitted(declared(estimators=("linear",)))
    nothing = model.predict(dataset.features.head(0))
    assert len(nothing) == 0
    assert nothing.dtypes.equals(model.predict(dataset.features).dtypes)


def test_a_missing_feature_is_named_and_order_plays_no_part() -> None:
    model, dataset = fitted(declare())
    with pytest.raises(DataError, match="'signal'"):
        model.predict(dataset.features.drop(columns="signal"))
    turned = dataset.features[dataset.features.columns[::-1]]
    assert model.predict(turned).equals(model.predict(dataset.features))


def test_classes_are_named_by_their_labels() -> None:
    model, dataset = fitted(declare())
    predicted = model.predict(dataset.features)
    assert list(predicted) == ["prediction", "predicted_class"]
    assert ((predicted["prediction"] > 0.5) == (predicted["predicted_class"] == "true")).all()


def test_of_several_classes_the_most_probable_is_told() -> None:
    frame = weekly()
    frame["churned"] = np.digitize(frame["signal"], [-1, 1]).astype(str)
    model, dataset = fitted(declare(metric="neg_log_loss"), frame)
    predicted = load(dump(model)).predict(dataset.features)
    assert (predicted["predicted_class"] == frame["churned"]).mean() > 0.95
    assert predicted["prediction"].between(1 / 3, 1).all()


def test_values_lie_in_their_intervals() -> None:
    model, dataset = fitted(declare_spend())
    predicted = model.predict(dataset.features)
    assert list(predicted) == ["prediction", "lower", "upper"]
    assert (predicted["lower"] <= predicted["prediction"]).all()
    assert (predicted["prediction"] <= predicted["upper"]).all()
    assert predicted["lower"].min() >= 0
    inside = predicted["lower"].le(dataset.known_target) & predicted["upper"].ge(dataset.known_target)
    assert inside.mean() > 0.85


def test_foreign_types_are_refused() -> None:
    model, _ = fitted(declare(search=Search(2.0, trials=1)))
    model.reference = Path  # type: ignore[assignment]
    with pytest.raises(PipelineError, match=r"types that may not be loaded: pathlib\.Path"):
        load(dump(model))


class Halfway(RegressorMixin, BaseEstimator):
    """An estimator of one's own: it always says the middle of what it has met."""

    def fit(self, matrix: np.ndarray, target: np.ndarray) -> "Halfway":
        self.middle_ = float(target.min() + target.max()) / 2
        return self

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        return np.full(len(matrix), self.middle_)


def test_an_estimator_of_ones_own_is_loaded_only_where_it_is_declared() -> None:
    own = "tests.ml.test_pipelines.Halfway"
    model, dataset = fitted(declare_spend(estimators=(own,), search=Search(2.0, trials=1)))
    with pytest.raises(PipelineError, match=r"may not be loaded: tests\.ml\.test_pipelines\.Halfway"):
        load(dump(model))
    assert load(dump(model), (own,)).predict(dataset.features).equals(model.predict(dataset.features))


def test_other_bytes_are_refused() -> None:
    with pytest.raises(PipelineError, match="can't be read"):
        load(b"no pipeline")
    with pytest.raises(PipelineError, match="not a fitted prediction"):
        load(skops.io.dumps(OrderedDict(a=1)))


@pytest.mark.parametrize("scheme", ["{}", "file://{}"])
def test_what_is_stored_can_be_fetched(tmp_path: Path, scheme: str) -> None:
    root = scheme.format(tmp_path / "pipelines")
    uri, sha256, size = store(b"content", root)
    assert fetch(uri, sha256, root) == b"content"
    assert size == 7
    assert store(b"content", root) == (uri, sha256, size)
    assert [path.name for path in (tmp_path / "pipelines").iterdir()] == [f"{sha256}.skops"]


def test_a_directory_may_move_with_its_pipelines(tmp_path: Path) -> None:
    uri, sha256, _ = store(b"content", str(tmp_path / "here"))
    (tmp_path / "here").rename(tmp_path / "there")
    assert fetch(uri, sha256, str(tmp_path / "there")) == b"content"


@pytest.mark.parametrize("scheme", ["{}", "file://{}"])
def test_missing_and_altered_files_are_told_apart(tmp_path: Path, scheme: str) -> None:
    root = scheme.format(tmp_path)
    uri, sha256, _ = store(b"content", root)
    path = tmp_path / f"{sha256}.skops"
    path.write_bytes(b"other content")
    with pytest.raises(PipelineError, match="was altered"):
        fetch(uri, sha256, root)
    path.unlink()
    with pytest.raises(PipelineError, match="is missing"):
        fetch(uri, sha256, root)


def test_a_place_that_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PipelineError, match="No space left"):
        store(b"content", str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_url_is_refused() -> None:
    with pytest.raises(PipelineError, match="can't be opened"):
        store(b"content", "nowhere://bucket")
