import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from ml.learning.encode import MISSING
from ml.learning.slices import COLUMNS, GAP, MAX_LEVELS, OTHERS, slice_table
from tests.ml.frames import declare, declare_spend

ROWS = 3_000


def rows(seed: int = 0) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, pd.DataFrame]:
    """Group `b` is predicted at random, `a` well; 600 customers of five rows each."""
    random = np.random.default_rng(seed)
    customer = np.repeat(np.arange(ROWS // 5), 5)
    group = np.array(["a", "b"], dtype=object)[customer % 2]
    y = (random.random(ROWS) < 0.4).astype(float)
    output = np.where(group == "a", np.clip(0.7 * y + random.normal(0.15, 0.1, ROWS), 0, 1), random.random(ROWS))
    return pd.DataFrame({"group": group}), y, output, pd.DataFrame({"customer": customer})


def value(frame: pd.DataFrame, level: str, metric: str) -> pd.Series:
    return frame[(frame["slice_level"] == level) & (frame["metric"] == metric)].iloc[0]


def test_each_level_gets_its_own_metric_and_the_gap_is_their_difference() -> None:
    levels, y, output, keys = rows()
    frame = slice_table(levels, y, output, output > 0.5, declare(), keys)
    assert list(frame) == list(COLUMNS)
    for level in ("a", "b"):
        part = (levels["group"] == level).to_numpy()
        assert value(frame, level, "roc_auc")["value"] == pytest.approx(roc_auc_score(y[part], output[part]))
        assert value(frame, level, "selection_rate")["value"] == pytest.approx((output[part] > 0.5).mean())
        assert value(frame, level, "roc_auc")["rows"] == part.sum()
        assert value(frame, level, "roc_auc")["entities"] == 300
    gap = value(frame, GAP, "roc_auc")
    assert gap["value"] == pytest.approx(value(frame, "a", "roc_auc")["value"] - value(frame, "b", "roc_auc")["value"])
    assert gap["lower"] > 0.3, "a gap this large is no chance"
    assert gap["slice_kind"] == "gap"
    known = frame.dropna(subset="value")
    assert ((known["lower"] <= known["value"]) & (known["value"] <= known["upper"])).all()


def test_an_even_prediction_has_a_gap_near_zero() -> None:
    _, y, output, keys = rows()
    even = pd.DataFrame({"side": np.where(keys["customer"] % 4 < 2, "left", "right")})
    frame = slice_table(even, y, output, output > 0.5, declare(), keys)
    assert value(frame, GAP, "roc_auc")["value"] < 0.05
    assert value(frame, GAP, "roc_auc")["lower"] < 0.02


def test_small_levels_are_never_shown_by_themselves() -> None:
    levels, y, output, keys = rows()
    levels["group"] = levels["group"].mask(keys["customer"] < 15, "seldom")  # 75 rows, but of 15 customers
    levels["group"] = levels["group"].mask(keys["customer"].between(15, 20), "rare")
    frame = slice_table(levels, y, output, output > 0.5, declare(), keys)
    assert set(frame["slice_level"]) == {"a", "b", OTHERS, GAP}
    other = value(frame, OTHERS, "roc_auc")
    assert (other["rows"], other["entities"], other["slice_kind"]) == (105, 21, "other")
    assert np.isfinite(other["value"])
    levels["group"] = levels["group"].replace("rare", "a")
    frame = slice_table(levels, y, output, output > 0.5, declare(), keys)
    assert np.isnan(value(frame, OTHERS, "roc_auc")["value"]), "too few customers even together"


def test_many_levels_are_cut_and_null_is_a_level() -> None:
    _, y, output, keys = rows()
    many = pd.DataFrame({"letter": (keys["customer"] % 28).astype(str).where(keys["customer"] % 28 != 3, None)})
    frame = slice_table(many, y, output, output > 0.5, declare(), keys)
    assert frame.loc[frame["slice_kind"] == "level", "slice_level"].nunique() == MAX_LEVELS
    assert MISSING in set(frame["slice_level"])
    assert value(frame, OTHERS, "roc_auc")["rows"] > 0
    assert not frame.duplicated(["slice_column", "slice_kind", "slice_level", "metric"]).any()


def test_one_level_has_no_gap() -> None:
    _, y, output, keys = rows()
    frame = slice_table(pd.DataFrame({"one": ["x"] * ROWS}), y, output, output > 0.5, declare(), keys)
    assert set(frame["slice_kind"]) == {"level"}


def test_other_tasks_are_sliced_by_their_own_metrics() -> None:
    levels, _, output, keys = rows()
    y = output + np.where(levels["group"] == "a", 0.1, -0.1)
    frame = slice_table(levels, y, output, None, declare_spend(), keys)
    assert set(frame["metric"]) == {"neg_root_mean_squared_error", "mean_error"}
    assert value(frame, "a", "mean_error")["value"] == pytest.approx(-0.1)
    assert value(frame, GAP, "mean_error")["value"] == pytest.approx(0.2)
    assert value(frame, "a", "neg_root_mean_squared_error")["value"] == pytest.approx(-0.1)
    several = np.random.default_rng(0).dirichlet([1, 1, 1], size=ROWS)
    frame = slice_table(
        levels, several.argmax(axis=1).astype(float), several, None, declare(metric="neg_log_loss"), keys
    )
    assert value(frame, "a", "accuracy")["value"] == 1


def test_any_scorer_of_scikit_learn_can_be_sliced() -> None:
    levels, y, output, keys = rows()
    frame = slice_table(levels, y, output, output > 0.5, declare(metric="f1"), keys)
    part = (levels["group"] == "b").to_numpy()
    assert value(frame, "b", "f1")["value"] == pytest.approx(f1_score(y[part], output[part] > 0.5))
    assert value(frame, "b", "f1")["lower"] < value(frame, "b", "f1")["upper"]


def test_nothing_declared_gives_no_rows() -> None:
    _, y, output, keys = rows()
    assert slice_table(pd.DataFrame(index=range(ROWS)), y, output, None, declare(), keys).empty
