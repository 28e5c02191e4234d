"""Tables that are shrunk until they are worthless are not ready; healthy ones are, small honest ones too."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets

from ml.learning.curve import _doubling, learning_curve
from ml.learning.findings import Finding
from ml.learning.readiness import columns, drift, enough, few_outcomes, history, outlook, periods
from tests.ml.test_leaks import TABLES, evidence_of, table, weekly


def verdicts(frame: pd.DataFrame) -> list[str]:
    return [finding.level for finding in enough(evidence_of(frame))]


def weak(seed: int, rows: int = 4000) -> pd.DataFrame:
    """A signal so weak that it takes hundreds of rows to be seen at all."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 8))
    return table(x, random.random(rows) < 1 / (1 + np.exp(2 - 0.3 * x[:, 0] - 0.3 * x[:, 1])))


@pytest.mark.parametrize("name", TABLES)
def test_a_healthy_table_is_enough(name: str) -> None:
    assert "error" not in verdicts(TABLES[name]())


@pytest.mark.parametrize(("name", "rows"), [("iris", 60), ("wine", 60), ("breast cancer", 80), ("diabetes", 150)])
def test_a_small_table_with_a_strong_signal_is_enough(name: str, rows: int) -> None:
    assert "error" not in verdicts(TABLES[name]().sample(rows, random_state=0))


def test_a_weak_signal_is_enough_with_many_rows_and_not_with_few() -> None:
    assert "error" not in verdicts(weak(0))
    few = [verdicts(weak(seed).sample(90, random_state=seed))[0] for seed in range(8)]
    assert few.count("error") >= 6, few


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_targets_that_nothing_tells_of_are_not_enough(task: str) -> None:
    found = []
    for seed in range(8):
        random = np.random.default_rng(seed)
        y = random.random(400) < 0.3 if task == "classification" else np.exp(random.normal(size=400))
        found += verdicts(table(random.normal(size=(400, 6)), y))
    assert found.count("error") >= 7, found


@pytest.mark.parametrize("signal", [3.0, 0.0])
def test_a_single_series_is_judged_by_stretches_of_time(signal: float) -> None:
    random = np.random.default_rng(2)
    days = pd.Timestamp("2022-01-01") + pd.to_timedelta(np.arange(900), unit="D")
    frame = pd.DataFrame({"id": 1, "as_of": days, "f0": random.normal(size=900), "f1": random.normal(size=900)})
    truth = 10 + signal * frame["f0"] + random.normal(size=900)
    frame = frame.assign(truth=truth, y=truth.mask(frame.index >= 880))
    (verdict, *_) = enough(evidence_of(frame))
    assert verdict.level == ("info" if signal else "error"), verdict.message
    assert "interval" in verdict.message


def test_not_enough_says_what_to_collect() -> None:
    random = np.random.default_rng(1)
    (finding,) = enough(evidence_of(table(random.normal(size=(300, 4)), random.random(300) < 0.15)))
    assert finding.level == "error"
    assert "Collect more outcomes, of '1' before all" in finding.message


def test_twice_the_data_pays_where_the_curve_still_rises() -> None:
    digits = table(*datasets.load_digits(return_X_y=True))
    steep = learning_curve(evidence_of(digits.sample(400, random_state=0)))
    flat = learning_curve(evidence_of(table(*datasets.make_blobs(1500, centers=2, n_features=3, random_state=0))))
    assert steep is not None
    assert flat is not None
    assert steep.gain_lower <= steep.gain <= steep.gain_upper
    assert steep.gain > 0.02 > flat.gain >= 0, (steep, flat)
    assert list(steep.rows) == sorted(steep.rows)
    assert "Collect more rows first" in [*outlook(replace(steep, gain_lower=0.03))][-1].message
    assert "New features will pay more" in [*outlook(flat)][-1].message


@pytest.mark.parametrize("power", [0.25, 0.5, 1.0])
def test_a_power_law_is_found_again(power: float) -> None:
    rows = np.array([100.0, 200.0, 400.0, 800.0])
    (gain,) = _doubling(rows, 0.2 + 0.5 * (rows[None] / 100) ** -power, 1000)
    assert gain == pytest.approx(0.5 * (10.0**-power - 20.0**-power), rel=1e-6)


def test_losses_that_do_not_fall_promise_nothing() -> None:
    rows = np.array([100.0, 200.0, 400.0])
    assert _doubling(rows, np.array([[0.5, 0.5, 0.5], [0.5, 0.6, 0.7]]), 1000) == pytest.approx([0, 0], abs=1e-12)


def test_periods_count_rows_outcomes_and_rates() -> None:
    frame = weekly("classification")
    evidence = evidence_of(frame)
    found = periods(evidence.dataset, counts_of(frame))
    assert len(found) == 12
    assert found["rows"].sum() == len(frame)
    assert found["closed"].sum() == frame["y"].notna().sum()
    assert found["outcome"].isna().tolist() == [False] * 10 + [True] * 2
    weighted = (found["outcome"] * found["closed"]).sum() / found["closed"].sum()
    assert weighted == pytest.approx(frame["y"].mean())


def test_a_rate_that_doubles_is_drift_and_a_steady_one_is_not() -> None:
    frame = weekly("classification")
    assert list(drift(evidence_of(frame))) == []
    late = frame["as_of"] >= frame["as_of"].max() - pd.Timedelta(days=7 * 5)
    frame.loc[late & frame["y"].notna(), "y"] = 1.0
    assert levels(drift(evidence_of(frame))) == [("drift", "warning")]


def test_history_is_held_against_the_horizon_and_outcomes_against_their_delay() -> None:
    frame = weekly("regression")
    assert levels(history(evidence_of(frame), counts_of(frame))) == [("history", "info"), ("label delay", "info")]
    short = frame[frame["as_of"] >= frame["as_of"].max() - pd.Timedelta(days=7 * 17)]
    assert ("history", "warning") in levels(history(evidence_of(short), counts_of(short)))
    once = frame[frame["as_of"] == frame["as_of"].min()]
    (one,) = history(evidence_of(once), counts_of(once))
    assert one.level == "warning"
    assert "All closed rows have one as-of" in one.message
    late = frame.assign(y=frame["y"].mask(frame["as_of"] >= frame["as_of"].max() - pd.Timedelta(days=7 * 8)))
    assert ("label delay", "warning") in levels(history(evidence_of(late), counts_of(late)))


def test_constant_and_missing_columns_and_few_outcomes_are_told() -> None:
    frame = weak(0, 400).assign(same=1.0, lost=np.where(np.arange(400) % 50 == 0, 1.0, np.nan))
    assert [finding.feature for finding in columns(evidence_of(frame))] == ["same", "lost"]
    rare = frame[(frame["truth"] == 0) | (frame["truth"].cumsum() <= 20)]
    assert levels(few_outcomes(evidence_of(rare))) == [("outcomes", "warning")]


def counts_of(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.groupby("as_of")["y"].agg(rows="size", closed="count")


def levels(findings: Any) -> list[tuple[str, str]]:
    kept: list[Finding] = list(findings)
    return [(finding.check, finding.level) for finding in kept]
