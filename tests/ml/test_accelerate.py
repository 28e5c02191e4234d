"""An accelerated prediction says what the stored one says, in the same columns."""

from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest

from ml.declaration import Prediction, Search
from ml.learning import kernels
from ml.learning.accelerate import FEWEST_ROWS, accelerated
from ml.learning.compiled import CompiledBoosting
from ml.learning.lines import FoldedEncoder
from tests.ml.frames import declare, declare_spend, fitted


@pytest.mark.parametrize("declared", [declare, declare_spend])
def test_numbers_are_the_same_of_texts_and_categoricals(declared: Callable[..., Prediction]) -> None:
    model, dataset = fitted(declared(search=Search(trials=6)))
    fast = accelerated(model, FEWEST_ROWS)
    models = [one for member in fast.estimator[-1].members for one in member.models]
    assert any(isinstance(one, CompiledBoosting) for one in models), "else nothing is proved"
    rows = dataset.features.head(60)
    rows = rows.assign(region=rows["region"].where(rows.index != 3, "unseen"))
    expected = model.predict(rows)
    pd.testing.assert_frame_equal(fast.predict(rows), expected, check_exact=True)
    pd.testing.assert_frame_equal(fast.predict(rows.astype({"region": "category"})), expected, check_exact=True)
    assert fast.predict(rows.head(0)).empty


@pytest.mark.parametrize(
    "declared",
    [
        declare(estimators=("linear",), search=Search(trials=3)),
        declare_spend(estimators=("linear",), search=Search(trials=3)),
        replace(declare_spend(estimators=("linear",), search=Search(trials=2)), metric="neg_mean_poisson_deviance"),
        declare_spend(search=Search(trials=6)),
    ],
)
def test_lines_are_folded_where_no_reasons_are_asked_for(declared: Prediction) -> None:
    model, dataset = fitted(declared)
    fast = accelerated(model, FEWEST_ROWS, is_explained=False)
    encoders = fast.estimator[0].encoders
    assert all(isinstance(one, FoldedEncoder) for one in encoders) == (declared.estimators == ("linear",))
    rows = dataset.features.head(2_000)
    rows = rows.assign(region=rows["region"].where(rows.index != 3, "unseen"))
    assert rows.isna().to_numpy().any(), "else missing values prove nothing"
    columns = ["prediction", "predicted_class"] if declared.task == "classification" else ["prediction", "lower"]
    pd.testing.assert_frame_equal(fast.predict(rows)[columns], model.predict(rows)[columns], rtol=1e-10)
    assert fast.predict(rows.head(0)).empty


def test_few_rows_are_not_worth_it() -> None:
    model, _ = fitted(declare(estimators=("hist_gradient_boosting",), search=Search(trials=1)))
    assert accelerated(model, FEWEST_ROWS - 1) is model


def test_without_the_extra_no_boosting_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "IS_COMPILED", False)
    model, _ = fitted(declare(estimators=("hist_gradient_boosting",), search=Search(trials=1)))
    fast = accelerated(model, FEWEST_ROWS)
    assert [member.models for member in fast.estimator[-1].members] == [
        member.models for member in model.estimator[-1].members
    ]
