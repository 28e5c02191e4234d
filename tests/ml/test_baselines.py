from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd

from ml.declaration import Prediction
from ml.learning.ahead import spans_ahead
from ml.learning.baselines import baseline
from ml.learning.dataset import Dataset, make_dataset
from ml.learning.scorers import score
from ml.learning.split import Split, split_rows
from tests.ml.frames import KINDS, churn, declare, declare_spend, weekly


def test_without_history_the_shares_are_the_best_guess() -> None:
    prediction = declare(metric="neg_log_loss")
    dataset = churn()
    split = split_rows(dataset, prediction)
    naive = baseline(dataset, split, prediction)
    assert naive.name == "class shares"
    assert set(naive.output(split.test)) == {dataset.known_target[split.train].mean()}


def test_habits_of_an_entity_are_found() -> None:
    frame = weekly(customers=100).assign(churned=lambda rows: rows["customer"] % 2 == 0)
    dataset = make_dataset(frame, declare(), KINDS)
    split = split_rows(dataset, declare())
    naive = baseline(dataset, split, declare())
    assert naive.name == "past mean of customer"
    assert score("roc_auc", "classification", dataset.known_target[split.test], naive.output(split.test)) == 1


def test_one_column_of_an_entity_can_be_the_best_history() -> None:
    frame = weekly(customers=100).assign(
        churned=lambda rows: rows["customer"] % 2 == 0, campaign=lambda rows: rows["as_of"].astype("int64")
    )
    prediction = declare(entity=("campaign", "customer"))
    dataset = make_dataset(frame, prediction, KINDS)
    assert baseline(dataset, split_rows(dataset, prediction), prediction).name == "past mean of customer"


def numbered_weeks(prediction: Prediction) -> tuple[Dataset, Split]:
    """Every customer's value is the number of its week: the last known value gives its age away."""
    frame = weekly(customers=50)
    week = ((frame["as_of"] - frame["as_of"].min()).dt.days // 7).astype(float)
    dataset = make_dataset(frame.assign(spend=week), prediction, KINDS)
    return dataset, split_rows(dataset, prediction)


def test_an_outcome_is_known_one_horizon_later() -> None:
    prediction = declare_spend()
    dataset, split = numbered_weeks(prediction)
    naive = baseline(dataset, split, prediction)
    assert naive.name == "last value of customer"
    assert np.array_equal(naive.output(split.test), dataset.known_target[split.test] - 4)


def test_an_outcome_is_known_later_where_open_rows_lie_ahead() -> None:
    prediction = declare_spend()
    dataset, split = numbered_weeks(prediction)
    assert dataset.as_of is not None
    horizon, last = np.timedelta64(28, "D"), dataset.as_of.max()
    a_little = last + horizon + np.array([7, 14, 21, 28], "timedelta64[D]")
    assert spans_ahead(a_little, last + horizon, horizon) is None
    ahead = spans_ahead(np.repeat(last + horizon + np.timedelta64(35, "D"), 4), last + horizon, horizon)
    naive = baseline(dataset, split, prediction, ahead)
    assert naive.name == "last value of customer"
    assert np.array_equal(naive.output(split.test), dataset.known_target[split.test] - 4 - 5)


def test_recent_outcomes_count_more_where_levels_change() -> None:
    frame = weekly(customers=50)
    random = np.random.default_rng(0)
    month = (frame["as_of"] - frame["as_of"].min()).dt.days // 84
    frame["spend"] = frame["customer"] * (1 + month) + random.normal(size=len(frame)) * 40 + 200
    prediction = declare_spend(horizon=timedelta(days=7))
    dataset = make_dataset(frame, prediction, KINDS)
    assert baseline(dataset, split_rows(dataset, prediction), prediction).name == "recent mean of customer"


def test_without_horizon_a_row_never_knows_its_own_outcome() -> None:
    prediction = replace(declare_spend(), horizon=None)
    dataset, split = numbered_weeks(prediction)
    naive = baseline(dataset, split, prediction)
    assert np.array_equal(naive.output(split.test), dataset.known_target[split.test] - 1)


def test_the_median_wins_for_absolute_errors_of_skewed_amounts() -> None:
    prediction = replace(declare_spend(as_of=None, horizon=None), metric="neg_mean_absolute_error")
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"customer": np.arange(2000), "noise": 1.0, "spend": random.exponential(size=2000) ** 3})
    dataset = make_dataset(frame, prediction, {"noise": "number"})
    assert baseline(dataset, split_rows(dataset, prediction), prediction).name == "overall median"


def test_several_classes_get_a_share_each() -> None:
    random = np.random.default_rng(0)
    frame = weekly().assign(churned=random.choice(["a", "b", "c"], 60 * 24, p=[0.6, 0.3, 0.1]))
    prediction = declare(metric="neg_log_loss")
    dataset = make_dataset(frame, prediction, KINDS)
    split = split_rows(dataset, prediction)
    naive = baseline(dataset, split, prediction)
    assert naive.name == "class shares"
    assert np.allclose(naive.output(split.test)[0], [0.6, 0.3, 0.1], atol=0.05)


def test_the_test_rows_have_no_say() -> None:
    frame = weekly(customers=100)
    dataset = make_dataset(frame, declare(), KINDS)
    split = split_rows(dataset, declare())
    before = baseline(dataset, split, declare())
    assert dataset.target is not None
    dataset.target[split.test] = 1 - dataset.target[split.test]
    after = baseline(dataset, split, declare())
    assert after.name == before.name
    assert np.array_equal(after.output(split.test), before.output(split.test))
