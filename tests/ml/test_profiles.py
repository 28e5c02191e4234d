"""What is remembered of the rows that were learned from, and how later rows are held against it."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ml.learning.dataset import Dataset, make_dataset
from ml.learning.profiles import chance_index, profiles, stability_index
from ml.tables import TABLES
from ml.watch.bins import NULL, OTHER, Reference
from ml.watch.drift import Limits, compare
from tests.ml.frames import KINDS, churn, declare, weekly

LIMITS = Limits()


def described(dataset: Dataset, predictions: np.ndarray | None = None) -> pd.DataFrame:
    given = np.zeros(len(dataset)) if predictions is None else predictions
    return profiles(dataset, np.arange(len(dataset)), given)


def test_profiles_describe_every_feature_target_and_prediction() -> None:
    dataset = churn()
    table = described(dataset, np.linspace(0, 1, len(dataset)))
    assert set(table.columns) == set(TABLES["profiles"]) - {"run_id"}
    rows = table.set_index("feature")
    assert list(rows.index) == [*KINDS, "prediction", "target"]
    assert rows["kind"].to_dict() == {**KINDS, "prediction": "prediction", "target": "target"}
    assert (rows["rows"] == len(dataset)).all()
    assert rows["nulls"]["region"] == dataset.features["region"].isna().sum()
    assert json.loads(rows["top_values"]["region"]).keys() == {"north", "south", "west"}
    for name in ("signal", "member", "joined", "prediction"):
        edges, counts = json.loads(rows["quantile_edges"][name]), json.loads(rows["bin_counts"][name])
        assert len(edges) == len(counts) + 1
        assert sum(counts) == rows["rows"][name] - rows["nulls"][name]
    assert len(json.loads(rows["bin_counts"]["signal"])) == 20


def test_profiles_of_empty_and_constant_columns() -> None:
    frame = weekly().assign(nothing=None, same=7)
    dataset = make_dataset(frame, declare(), {"nothing": "number", "same": "number"})
    rows = described(dataset).set_index("feature")
    assert rows["nulls"]["nothing"] == len(dataset)
    assert pd.isna(rows["mean"]["nothing"])
    assert json.loads(rows["bin_counts"]["same"]) == [len(dataset)]


def test_calendar_dates_are_profiled_in_days() -> None:
    prediction = replace(declare(), as_of=None, horizon=None)
    rows = described(make_dataset(weekly(), prediction, KINDS)).set_index("feature")
    assert 19_000 < rows["mean"]["joined"] < 20_000


def test_a_feature_that_moves_with_time_is_known_to_do_so() -> None:
    frame = weekly()
    since = (pd.to_datetime(frame["as_of"]) - pd.Timestamp("2020-01-01")).dt.days
    random = np.random.default_rng(0)
    frame = frame.assign(trend=since + random.random(len(frame)), steady=random.random(len(frame)))
    rows = described(make_dataset(frame, declare(), {"trend": "number", "steady": "number"})).set_index("feature")
    assert rows["usual_psi"]["trend"] > 1
    assert rows["usual_psi"]["steady"] < 0.25
    assert rows["periods"].eq(frame["as_of"].nunique()).all()
    timeless = replace(declare(), as_of=None, horizon=None)
    assert described(make_dataset(frame, timeless, {"steady": "number"}))["usual_psi"].isna().all()


def test_the_stability_index_is_zero_for_the_same_shares_and_known_for_others() -> None:
    same = np.array([500_000.0, 500_000.0])
    assert stability_index(same, same * 3) == pytest.approx(0, abs=1e-6)
    # 0.5 and 0.5 against 0.8 and 0.2: 0.3 ln 1.6 - 0.3 ln 0.4.
    assert stability_index(same, np.array([800_000.0, 200_000.0])) == pytest.approx(0.3 * np.log(4), rel=1e-3)


def test_two_samples_of_one_distribution_differ_as_much_as_chance_says() -> None:
    random = np.random.default_rng(0)
    shares = np.full(20, 1 / 20)
    found = [stability_index(random.multinomial(20_000, shares), random.multinomial(500, shares)) for _ in range(300)]
    assert np.mean(found) == pytest.approx(chance_index(20_000 * shares, 500 * shares), rel=0.1)


NUMBERS = Reference("spend", "number", 10_000, 100, tuple(range(11)), (), (990,) * 10, 5.0, 3.0, 0.02, 30)
LEVELS = Reference(
    "region", "category", 10_000, 0, (), ("north", "south", "west"), (5_000, 3_000, 2_000), 0.0, 0.0, 0.0, 30
)


def alarms(reference: Reference, found: dict[int, int], mean: float | None = None) -> set[object]:
    return {row["statistic"] for row in compare(reference, found, LIMITS, 40, mean) if row["is_alarm"]}


def test_rows_like_those_learned_from_raise_no_alarm() -> None:
    assert alarms(NUMBERS, {**dict.fromkeys(range(1, 11), 99), NULL: 10}, 5.0) == set()
    assert alarms(LEVELS, {0: 500, 1: 300, 2: 200}) == set()


def test_each_kind_of_change_raises_its_own_alarm() -> None:
    assert alarms(NUMBERS, {11: 1000}, 500.0) == {"psi", "outside", "shift"}
    assert "nulls" in alarms(NUMBERS, {**dict.fromkeys(range(1, 11), 80), NULL: 200}, 5.0)
    assert "unseen" in alarms(LEVELS, {0: 450, 1: 270, 2: 180, OTHER: 100})
    assert "psi" in alarms(LEVELS, {0: 700, 1: 300})


def test_a_few_rows_are_no_evidence() -> None:
    assert alarms(NUMBERS, {1: 1, 2: 2}, 1.5) == set()
    assert alarms(LEVELS, {2: 2}) == set()


def test_what_moves_by_nature_may_move_on_but_not_leap() -> None:
    tenure = replace(NUMBERS, usual_psi=3.0)
    assert alarms(tenure, {10: 500, 11: 500}, 11.0) == set()
    assert alarms(tenure, {11: 1000}, 500.0) == {"shift"}


def test_limits_are_vars() -> None:
    assert Limits.of({"drift_psi": "0.5", "other": 1}) == replace(LIMITS, psi=0.5)
