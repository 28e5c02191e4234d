import numpy as np
import pandas as pd
import pytest

from ml.errors import DataError
from ml.learning.dataset import label, make_dataset
from tests.ml.frames import KINDS, declare, weekly


def test_features_leave_out_keys_target_and_excluded() -> None:
    dataset = make_dataset(weekly(), declare(exclude=("noise",)), {**KINDS, "churned": "boolean", "customer": "number"})
    assert list(dataset.features) == ["signal", "member", "region", "joined"]
    assert list(dataset.kinds) == list(dataset.features)
    assert list(dataset.keys) == ["customer"]


def test_kinds_decide_types_not_the_data() -> None:
    frame = weekly()
    whole = make_dataset(frame, declare(), KINDS)
    empty = frame.head(1).assign(member=None, region=None, joined=None, signal=None, churned=None)
    one = make_dataset(empty, declare(), KINDS)
    assert one.features.dtypes.equals(whole.features.dtypes)
    assert one.target is None
    assert len(one.closed) == 0


def test_dates_count_from_the_as_of() -> None:
    frame = weekly().assign(joined=lambda rows: rows["as_of"] - pd.Timedelta(days=3))
    assert set(make_dataset(frame, declare(), KINDS).features["joined"]) == {-3.0}
    without_time = make_dataset(frame, declare(as_of=None, horizon=None), KINDS)
    assert without_time.features["joined"].dtype == "datetime64[us]"


def test_a_column_that_is_not_its_kind_is_named() -> None:
    with pytest.raises(DataError, match="'signal' can't be read as a number"):
        make_dataset(weekly().assign(signal="many"), declare(), KINDS)
    with pytest.raises(DataError, match="no column 'gone'"):
        make_dataset(weekly(), declare(), {**KINDS, "gone": "number"})


def test_no_feature_left_is_refused() -> None:
    with pytest.raises(DataError, match="no feature is left"):
        make_dataset(weekly(), declare(exclude=tuple(KINDS)), KINDS)


@pytest.mark.parametrize(
    ("values", "positive", "classes"),
    [
        ([True, False, None], None, ("false", "true")),
        ([1.0, 0.0, None], "1", ("0", "1")),
        (["stay", "leave", None], "leave", ("stay", "leave")),
        (["a", "b", "c"], None, ("a", "b", "c")),
    ],
)
def test_the_positive_class_comes_last(values: list[object], positive: str | None, classes: tuple[str, ...]) -> None:
    frame = weekly().head(3).assign(churned=pd.Series(values, dtype=object))
    dataset = make_dataset(frame, declare(positive=positive), KINDS)
    assert dataset.classes == classes
    back = [None if np.isnan(code) else classes[int(code)] for code in dataset.known_target]
    assert back == [None if value is None else label(value) for value in values]


def test_an_unknown_positive_class_is_refused() -> None:
    with pytest.raises(DataError, match="'gone'; its values are false, true"):
        make_dataset(weekly(), declare(positive="gone"), KINDS)
