"""An accelerated prediction says what the stored one says, in the same columns."""

from collections.abc import Callable

import pandas as pd
import pytest

from ml.declaration import Prediction, Search
from ml.learning import kernels
from ml.learning.accelerate import FEWEST_ROWS, accelerated
from ml.learning.compiled import CompiledBoosting
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


def test_few_rows_are_not_worth_it() -> None:
    model, _ = fitted(declare(estimators=("hist_gradient_boosting",), search=Search(trials=1)))
    assert accelerated(model, FEWEST_ROWS - 1) is model


def test_without_the_extra_the_prediction_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "IS_COMPILED", False)
    model, _ = fitted(declare(estimators=("hist_gradient_boosting",), search=Search(trials=1)))
    assert accelerated(model, FEWEST_ROWS) is model
