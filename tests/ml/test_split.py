from datetime import timedelta

import numpy as np
import pytest

from ml.errors import DataError
from ml.learning.dataset import make_dataset
from ml.learning.order import block_order, thin
from ml.learning.split import LEAST_OF_MANY, MOST_OF_FEW, PERIOD_ROWS, split_rows
from tests.ml.frames import KINDS, churn, declare, declare_spend, weekly

HORIZON = np.timedelta64(28, "D")


def test_the_test_is_the_last_horizon_and_training_is_purged() -> None:
    dataset = churn(customers=300)
    split = split_rows(dataset, declare())
    times = dataset.as_of
    assert times is not None
    assert times[split.test].min() > times.max() - HORIZON
    assert (split.tested_from, split.tested_to) == (times[split.test].min(), times.max())
    assert len(np.unique(times[split.test])) == 4
    assert times[split.train].max() + HORIZON <= times[split.test].min()
    assert len(split.folds) == 3
    for learn, judge in split.folds:
        assert times[learn].max() + HORIZON <= times[judge].min()
        assert set(learn) | set(judge) <= set(split.train)
    judged = np.concatenate([judge for _, judge in split.folds])
    assert len(np.unique(judged)) == len(judged)


def test_where_purging_leaves_little_candidates_are_tried_on_all_rows_before_the_test() -> None:
    dataset = churn(customers=100, weeks=18)
    split = split_rows(dataset, declare())
    times = dataset.as_of
    assert times is not None
    earlier = np.flatnonzero(times < times[split.test].min())
    assert times[split.train].max() + HORIZON <= times[split.test].min()
    assert all(set(learn) | set(judge) <= set(split.train) for learn, judge in split.folds)
    assert split.tried is not split.folds
    assert not split.are_periods
    assert np.array_equal(np.sort(np.concatenate([judge for _, judge in split.tried])), earlier)
    customer = dataset.keys["customer"].to_numpy()
    for learn, judge in split.tried:
        assert not set(customer[learn]) & set(customer[judge])
    longer = split_rows(churn(customers=100, weeks=40), declare())
    assert longer.tried is longer.folds
    assert longer.are_periods


def test_open_rows_take_no_part() -> None:
    frame = weekly()
    frame["churned"] = frame["churned"].astype(object)
    frame.loc[frame["as_of"] == frame["as_of"].max(), "churned"] = None
    dataset = make_dataset(frame, declare(), KINDS)
    split = split_rows(dataset, declare())
    assert not np.isnan(dataset.known_target[np.concatenate([split.train, split.test])]).any()


def test_a_short_period_grows_by_whole_as_ofs() -> None:
    dataset = churn(customers=100, weeks=80)
    split = split_rows(dataset, declare(horizon=timedelta(days=7)))
    rows = int(MOST_OF_FEW * len(dataset))
    assert rows < PERIOD_ROWS
    assert len(split.test) == rows
    assert len(np.unique(dataset.as_of[split.test])) == rows / 100  # type: ignore[index]


def test_of_many_rows_a_period_is_more_than_a_few_as_ofs() -> None:
    dataset = churn(customers=1_000, weeks=120)
    split = split_rows(dataset, declare(horizon=timedelta(days=7)))
    rows = int(LEAST_OF_MANY * len(dataset))
    assert rows > PERIOD_ROWS
    assert len(split.test) == rows
    assert [len(judge) for _, judge in split.folds] == pytest.approx([rows] * 3, rel=0.2)


def test_without_horizon_no_as_of_is_on_two_sides() -> None:
    dataset = churn()
    split = split_rows(dataset, declare(horizon=None))
    assert dataset.as_of is not None
    assert dataset.as_of[split.train].max() < dataset.as_of[split.test].min()


def test_few_as_ofs_fall_back_to_folds_of_entities() -> None:
    dataset = churn(weeks=9)
    split = split_rows(dataset, declare())
    customers = dataset.keys["customer"].to_numpy()
    assert len(split.folds) == 8
    assert not split.are_periods
    for learn, judge in split.folds:
        assert not set(customers[learn]) & set(customers[judge])


def test_without_time_an_entity_is_never_on_two_sides() -> None:
    prediction = declare(as_of=None, horizon=None)
    dataset = make_dataset(weekly(customers=400, weeks=3), prediction, KINDS)
    split = split_rows(dataset, prediction)
    customers = dataset.keys["customer"].to_numpy()
    assert not set(customers[split.train]) & set(customers[split.test])
    assert 0.15 < len(split.test) / len(dataset) < 0.25
    for learn, judge in split.folds:
        assert not set(customers[learn]) & set(customers[judge])


def test_a_row_stays_on_its_side_whatever_the_order() -> None:
    prediction = declare(as_of=None, horizon=None)
    frame = weekly(customers=200, weeks=2)
    shuffled = frame.sample(frac=1, random_state=1).reset_index(drop=True)
    sides = []
    for rows in (frame, shuffled):
        dataset = make_dataset(rows, prediction, KINDS)
        sides.append(set(dataset.keys["customer"].iloc[split_rows(dataset, prediction).test]))
    assert sides[0] == sides[1]


def test_rows_of_one_as_of_are_split_by_entity() -> None:
    dataset = churn(weeks=1, customers=300)
    split = split_rows(dataset, declare())
    assert 30 < len(split.test) < 100
    assert not set(dataset.keys["customer"].iloc[split.test]) & set(dataset.keys["customer"].iloc[split.train])
    assert split.tested_from == split.tested_to == dataset.as_of.max()  # type: ignore[union-attr]
    assert len(split.folds) > 2


@pytest.mark.parametrize("weeks", [2, 4])
def test_too_little_history_is_explained(weeks: int) -> None:
    with pytest.raises(DataError, match=rf"at {weeks} as-ofs leave 0 rows .* twice the horizon \(28 days"):
        split_rows(churn(weeks=weeks), declare())


def test_one_class_on_a_side_is_explained() -> None:
    frame = weekly()
    frame["churned"] = frame["as_of"] == frame["as_of"].max()
    with pytest.raises(DataError, match=r"of 1 classes to train.*two classes on each side"):
        split_rows(make_dataset(frame, declare(), KINDS), declare())


def test_no_known_target_is_explained() -> None:
    dataset = make_dataset(weekly().drop(columns="spend"), declare_spend(), KINDS)
    with pytest.raises(DataError, match="no row has a known 'spend'"):
        split_rows(dataset, declare_spend())


def test_thinning_is_stable_and_spread_over_time() -> None:
    dataset = churn()
    rows = block_order(dataset, dataset.closed)
    kept = thin(dataset, rows, 400)
    assert len(kept) == 400
    assert set(kept) <= set(rows)
    assert np.array_equal(kept, thin(dataset, rows, 400))
    assert len(np.unique(dataset.as_of[kept])) == 24  # type: ignore[index]
    assert (np.diff(dataset.as_of[kept]) >= np.timedelta64(0)).all()  # type: ignore[index]
    assert thin(dataset, rows, 10**6) is rows
