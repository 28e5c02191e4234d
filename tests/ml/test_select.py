"""Which of many candidates are kept: told by made-up columns whose worth is known."""

import time

import numpy as np
import pandas as pd
import pytest

from ml.features.feature import Feature
from ml.features.judge import learnable, make_folds
from ml.features.select import choose

DAY = pd.Timedelta(days=1)


def chosen(
    columns: dict[str, np.ndarray], target: np.ndarray, task: str, most: int = 60, seconds: float = 600
) -> tuple[list[str], float]:
    """What is kept of these columns, whose rows follow each other day by day, and how much less loss there is."""
    frame = pd.DataFrame(columns)
    as_of = pd.Series(pd.Timestamp("2024-01-01") + np.arange(len(frame)) // 20 * DAY)
    folds = make_folds(as_of, 7 * DAY, pd.DataFrame({"id": np.arange(len(frame)) % 50}))
    features = [Feature(name, name, "number", f"{name}.", "made up") for name in columns]
    found, gain = choose(frame, features, target, folds, task, most, time.monotonic() + seconds, lambda *_: None)
    assert sum(one.share for one in found) == pytest.approx(1)
    return [one.feature.name for one in found], gain


def noise(rows: int, count: int, random: np.random.Generator) -> dict[str, np.ndarray]:
    return {f"noise_{number}": random.normal(size=rows) for number in range(count)}


def test_weak_features_that_share_what_they_tell_are_not_lost_among_many() -> None:
    random = np.random.default_rng(3)
    rows, signals = 2_500, 8
    truth = random.normal(size=(signals, rows))
    # Each signal shows in twelve columns, none of which tells it well: alone they hardly differ from noise.
    seen = {
        f"signal_{number}_{copy}": truth[number] + random.normal(size=rows)
        for number in range(signals)
        for copy in range(12)
    }
    names, gain = chosen(
        {**seen, **noise(rows, 300, random)}, truth.sum(axis=0) + random.normal(0, 3, rows), "regression"
    )
    told = [name for name in names if name.startswith("signal")]
    assert {name.split("_")[1] for name in told} == {str(number) for number in range(signals)}
    assert len(told) > 0.8 * len(names)
    assert gain > 0.1


def test_noise_is_not_learned_where_few_rows_tell_anything() -> None:
    random = np.random.default_rng(4)
    rows = 1_500
    sure, columns = random.normal(size=rows), noise(rows, 100, random)
    target = (sure + random.normal(0, 0.5, rows) > 1.9).astype(float)
    assert 50 < target.sum() < 100
    names, gain = chosen({"sure": sure, **columns}, target, "classification")
    assert names[0] == "sure"
    assert gain > 0.2  # noise that a boosting would learn in time is not learned


def test_noise_goes_where_it_is_in_the_way() -> None:
    random = np.random.default_rng(5)
    sure = random.normal(size=1_000)
    names, gain = chosen({"sure": sure, **noise(1_000, 50, random)}, 3 * sure, "regression")
    assert names[0] == "sure"
    assert len(names) <= 15
    assert gain > 0.8


def test_giants_do_not_decide_where_absolute_errors_count() -> None:
    random = np.random.default_rng(8)
    rows = 2_000
    columns = {"sure": random.normal(size=rows), **noise(rows, 50, random)}
    target = columns["sure"] + np.where(random.random(rows) < 0.01, 500 * random.normal(size=rows), 0)
    squared, _ = chosen(columns, learnable(target, "neg_root_mean_squared_error"), "regression", most=5)
    names, gain = chosen(columns, learnable(target, "neg_mean_absolute_error"), "regression", most=5)
    assert "sure" not in squared
    assert names[0] == "sure"
    assert gain > 0.05


def test_no_more_features_are_kept_than_are_asked_for() -> None:
    random = np.random.default_rng(6)
    columns = noise(1_000, 30, random)
    target = np.sum(list(columns.values())[:12], axis=0) + random.normal(size=1_000)
    names, _ = chosen(columns, target, "regression", most=5)
    assert len(names) == 5
    assert set(names) <= set(list(columns)[:12])


def test_one_number_of_features_is_judged_though_the_time_is_over() -> None:
    random = np.random.default_rng(7)
    sure = random.normal(size=1_000)
    names, gain = chosen({"sure": sure, **noise(1_000, 200, random)}, 3 * sure, "regression", seconds=0)
    assert names[0] == "sure"
    assert len(names) <= 60
    assert gain > 0.5
