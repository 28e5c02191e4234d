"""Which of many candidates are kept: told by made-up columns whose worth is known."""

import time

import numpy as np
import pandas as pd
import pytest

from ml.features.candidates import Feature
from ml.features.judge import make_folds
from ml.features.select import choose

DAY = pd.Timedelta(days=1)


def chosen(columns: dict[str, np.ndarray], target: np.ndarray, task: str) -> tuple[list[str], float]:
    """What is kept of these columns, whose rows follow each other day by day, and how much less loss there is."""
    frame = pd.DataFrame(columns)
    as_of = pd.Series(pd.Timestamp("2024-01-01") + np.arange(len(frame)) // 20 * DAY)
    folds = make_folds(as_of, 7 * DAY, pd.DataFrame({"id": np.arange(len(frame)) % 50}))
    features = [Feature(name, name, "number", f"{name}.", "made up") for name in columns]
    found, gain = choose(frame, features, target, folds, task, time.monotonic() + 600, lambda *_: None)
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


def test_few_features_are_kept_where_few_rows_tell_anything() -> None:
    random = np.random.default_rng(4)
    rows = 1_500
    sure, columns = random.normal(size=rows), noise(rows, 100, random)
    target = (sure + random.normal(0, 0.5, rows) > 1.9).astype(float)
    assert 50 < target.sum() < 100
    names, gain = chosen({"sure": sure, **columns}, target, "classification")
    assert names[0] == "sure"
    assert len(names) <= target.sum() / 10
    assert gain > 0.2  # noise that a boosting would learn in time is not learned


def test_one_feature_that_says_all_is_enough() -> None:
    random = np.random.default_rng(5)
    sure = random.normal(size=1_000)
    names, gain = chosen({"sure": sure, **noise(1_000, 50, random)}, 3 * sure, "regression")
    assert names == ["sure"]
    assert gain > 0.8
