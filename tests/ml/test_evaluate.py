import numpy as np
import pandas as pd
import pytest

from ml.declaration import Search
from ml.learning import evaluate, resample
from ml.learning.dataset import make_dataset
from ml.learning.evaluate import Metric, declared_metric, expected, importances, metric_table, with_more_rows
from ml.learning.measures import BINARY, REGRESSION, SEVERAL
from ml.learning.search import search
from ml.learning.split import split_rows
from tests.ml.frames import KINDS, churn, declare, declare_spend, weekly


def outcomes(rows: int = 500) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    random = np.random.default_rng(0)
    output = random.random(rows)
    return (random.random(rows) < output).astype(float), output, pd.DataFrame({"customer": np.arange(rows)})


def test_the_declared_metric_comes_first_and_once() -> None:
    y, output, keys = outcomes()
    for metric in ("roc_auc", "accuracy", "neg_log_loss", "f1"):
        names = [row.metric for row in metric_table(y, output, declare(metric=metric), keys)]
        assert names[0] == metric
        assert len(set(names)) == len(names)
        assert set(BINARY) <= set(names)


def test_intervals_hold_the_value_and_are_repeatable() -> None:
    y, output, keys = outcomes()
    table = metric_table(y, output, declare(metric="f1"), keys)
    assert all(row.lower <= row.value <= row.upper for row in table)
    assert table == metric_table(y, output, declare(metric="f1"), keys)


def test_a_negated_metric_mirrors_its_measure() -> None:
    y, output, keys = outcomes()
    table = {row.metric: row for row in metric_table(y, output, declare(metric="neg_log_loss"), keys)}
    same, mirror = table["log_loss"], table["neg_log_loss"]
    assert (mirror.value, mirror.lower, mirror.upper) == (-same.value, -same.upper, -same.lower)


def test_rows_of_one_entity_count_as_one() -> None:
    y, output, keys = outcomes(200)
    plain = metric_table(y, output, declare(), keys)[0]
    tenfold = pd.concat([keys] * 10)
    repeated = metric_table(np.tile(y, 10), np.tile(output, 10), declare(), tenfold)[0]
    assert repeated.value == pytest.approx(plain.value)
    assert repeated.upper - repeated.lower == pytest.approx(plain.upper - plain.lower, rel=0.01)


def test_the_interval_covers_the_truth_as_often_as_promised() -> None:
    random = np.random.default_rng(0)
    held = 0
    for _ in range(60):
        y = random.normal(size=150)
        table = metric_table(y, np.zeros(150), declare_spend(), pd.DataFrame({"customer": np.arange(150)}))
        rmse = next(row for row in table if row.metric == "rmse")
        held += rmse.lower <= 1 <= rmse.upper
    assert held >= 52


def test_of_many_rows_few_samples_tell_the_same_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    y, output, keys = outcomes(rows=60_000)
    few = declared_metric(y, output, declare(), keys)
    monkeypatch.setattr(resample, "CELLS", 10**9)
    many = declared_metric(y, output, declare(), keys)
    assert few.value == many.value
    assert (few.lower, few.upper) != (many.lower, many.upper)
    assert few.upper - few.lower == pytest.approx(many.upper - many.lower, rel=0.25)


def test_regression_and_several_classes_have_their_own_metrics() -> None:
    y, output, keys = outcomes()
    assert {row.metric for row in metric_table(y, output, declare_spend(), keys)} > set(REGRESSION)
    three = np.column_stack([output / 2, output / 2, 1 - output])
    names = {row.metric for row in metric_table(y, three, declare(metric="neg_log_loss"), keys)}
    assert names == {*SEVERAL, "neg_log_loss"}


@pytest.mark.parametrize("estimator", ["hist_gradient_boosting", "linear"])
def test_the_signal_is_the_most_important_feature(estimator: str) -> None:
    prediction = declare(estimators=(estimator,), search=Search(2.0, trials=1))
    frame = weekly().assign(constant=1.0)
    dataset = make_dataset(frame, prediction, {**KINDS, "constant": "number"})
    split = split_rows(dataset, prediction)
    found = search(dataset, split, prediction, lambda _done, _note: None)
    table = importances(found.estimator, dataset, split.test, prediction)
    assert table["feature"][0] == "signal"
    assert table["importance"][0] > 0.2
    assert table["importance_rank"].tolist() == list(range(1, 7))
    assert table.set_index("feature")["importance"]["constant"] == 0
    assert abs(table.set_index("feature")["importance"]["noise"]) < 0.05


def test_a_slow_estimator_deals_out_once_and_fewer_rows() -> None:
    dataset, prediction = churn(), declare(search=Search(2.0, trials=1))
    split = split_rows(dataset, prediction)
    found = search(dataset, split, prediction, lambda _done, _note: None)
    table = importances(found.estimator, dataset, split.test, prediction, seconds=0.0)
    assert table["feature"][0] == "signal"
    assert (table["importance_std"] == 0).all()


def test_importances_of_a_part_at_a_time_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, prediction = churn(), declare(search=Search(2.0, trials=1))
    split = split_rows(dataset, prediction)
    found = search(dataset, split, prediction, lambda _done, _note: None)
    whole = importances(found.estimator, dataset, split.test, prediction)
    monkeypatch.setattr(evaluate, "CELLS", 1)
    pd.testing.assert_frame_equal(whole, importances(found.estimator, dataset, split.test, prediction))


def metric(value: float, half: float, name: str = "roc_auc") -> Metric:
    return Metric(name, value, value - half, value + half, 1000)


def test_what_is_announced_allows_for_the_chance_of_new_rows() -> None:
    announced = expected(metric(0.8, 0.03), metric(0.82, 0.04), ())
    assert announced.value == 0.82
    assert announced.upper - announced.value == pytest.approx(0.05)
    assert announced.value - announced.lower == pytest.approx(0.05)


def test_periods_that_differ_widen_what_is_announced() -> None:
    tested = metric(0.8, 0.02)
    like = expected(tested, None, [metric(0.8, 0.02), metric(0.8, 0.02), tested])
    unlike = expected(tested, None, [metric(0.7, 0.02), metric(0.9, 0.02), tested])
    assert like.value == unlike.value == 0.8
    assert like.upper - like.lower == pytest.approx(2 * 0.02 * np.sqrt(2))
    assert unlike.upper - unlike.lower > 3 * (like.upper - like.lower)


def test_what_more_rows_may_bring_raises_the_upper_end_alone() -> None:
    # A fit on 64 % of the rows, one on 80 %, and all: each step is a quarter more.
    reach = with_more_rows(-0.559, -0.546, folds=64, train=80, closed=100)
    assert reach == pytest.approx(-0.533)
    tested, unseen = metric(-0.546, 0.015, "neg_log_loss"), metric(-0.551, 0.011, "neg_log_loss")
    plain, raised = expected(tested, unseen, ()), expected(tested, unseen, (), reach)
    assert (raised.value, raised.lower) == (plain.value, plain.lower)
    assert raised.upper == pytest.approx(plain.upper + 0.018)
    assert expected(tested, unseen, (), 0.0).upper == pytest.approx(plain.upper + (plain.upper - plain.value))
    assert expected(tested, unseen, (), -0.6) == plain


def test_no_better_score_is_announced_than_there_can_be() -> None:
    assert expected(metric(0.99, 0.05), None, ()).upper == 1.0
    assert expected(metric(-0.1, 0.5, "neg_log_loss"), None, ()).upper == 0.0


def test_the_declared_metric_alone_is_that_of_the_table() -> None:
    dataset = churn()
    rows = dataset.closed
    y, output = dataset.known_target[rows], np.random.default_rng(0).random(len(rows))
    keys = dataset.keys.iloc[rows]
    for name in ("roc_auc", "neg_log_loss", "f1"):
        prediction = declare(metric=name)
        assert declared_metric(y, output, prediction, keys) == metric_table(y, output, prediction, keys)[0]
