"""The pure parts of the quality benchmark: what it makes of scores and predictions."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

DAY = "2026-11-25T10:00:00"
SCORES = pd.DataFrame({"ours": [0.9, -3.0, 0.5], "theirs": [0.8, -2.0, 0.5], "naive": [0.5, np.nan, 0.5]})


@pytest.fixture(scope="module")
def quality() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "quality_report.py"
    spec = importlib.util.spec_from_file_location("quality_report", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_ranks_put_the_best_first_share_ties_and_put_failures_last(quality: ModuleType) -> None:
    ranks = quality.ranks(SCORES)
    assert ranks.to_numpy().tolist() == [[1, 2, 3], [2, 1, 3], [2, 2, 2]]


def test_normalised_scores_run_from_the_worst_to_the_best(quality: ModuleType) -> None:
    found = quality.normalised(SCORES)
    assert found["ours"].tolist() == [1.0, 0.0, 1.0]
    assert found["theirs"].tolist() == [pytest.approx(0.75), 1.0, 1.0]
    assert found["naive"].tolist() == [0.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("said", "happened", "error"),
    [
        ([0.99] * 4, [1, 1, 1, 0], 0.24),  # sure of four, right in three
        ([0.01, 0.01, 0.99, 0.99], [0, 0, 1, 1], 0.01),
        ([0.01, 0.99], [1, 0], 0.99),  # errors of opposite signs in two bins don't cancel
    ],
)
def test_calibration_error_of_two_classes(
    quality: ModuleType, said: list[float], happened: list[int], error: float
) -> None:
    output = np.column_stack([1 - np.array(said), said])
    assert quality.calibration_error(np.array(happened), output) == pytest.approx(error)


def test_calibration_error_of_several_classes_judges_the_most_probable(quality: ModuleType) -> None:
    output = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]])
    assert quality.calibration_error(np.array([0, 1]), output) == pytest.approx(0.2)
    assert quality.calibration_error(np.array([0, 2]), output) == pytest.approx(0.3)


def test_judged_takes_coverage_from_the_limits_and_the_score_from_the_value(quality: ModuleType) -> None:
    table = {"task": "regression", "metric": "neg_mean_absolute_error"}
    predicted = pd.DataFrame({"value": [1.0, 2.0], "lower": [0.0, 2.5], "upper": [2.0, 3.5]})
    assert quality.judged(table, np.array([1.0, 4.0]), predicted) == {"score": -1.0, "coverage": 0.5}


def test_the_report_sums_only_what_all_systems_tried(quality: ModuleType) -> None:
    def result(system: str, name: str, **found: object) -> dict[str, object]:
        table = {
            "name": name,
            "task": "binary",
            "metric": "roc_auc",
            "rows_train": 10,
            "rows_test": 9_000,
            "features": 2,
            "horizon": None,
        }
        return {"system": system, "table": table, "budget": 60.0, "load_before": 1.0, "started_at": DAY, **found}

    ours = {"seconds": 66.0, "announced": [0.8, 0.7, 0.9], "calibration_error": 0.03}
    text = quality.report(
        [
            result("martlet", "first", score=0.85, **ours),
            result("martlet", "second", score=0.95, **ours),
            result("flaml", "first", error="exit code 1: out of memory"),
        ]
    )
    assert "Over the 1 tables that all systems tried" in text
    assert "| martlet | 1.00 | 1 | 0 | 1.000 | 1.10 | 1.10 | 1.0 |" in text
    assert "holds the test score on 1 of 2 tables" in text
    assert "more than 5,000 test rows is 0.030" in text
    assert "flaml on first: exit code 1: out of memory" in text
