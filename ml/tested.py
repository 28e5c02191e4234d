"""Searches for a pipeline, tests it once, and says what it is worth."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.declaration import Prediction
from ml.learning.baselines import Baseline
from ml.learning.budget import Budget
from ml.learning.dataset import Dataset, Rows
from ml.learning.evaluate import (
    Metric,
    declared_metric,
    expected,
    importances,
    metric_table,
    predict_output,
    with_more_rows,
)
from ml.learning.evidence import Evidence
from ml.learning.search import SearchResult, Validation, search
from ml.learning.split import Split
from ml.ledger import Standing
from ml.report import ProgressCallback

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Tested:
    """A searched and tested pipeline with all that was measured of it, before it is stored.

    Attributes:
        metrics: by split (validation, test, expected) and predictor (pipeline, baseline).
        output: what the pipeline says of the test rows.
        unseen: all that was predicted unseen, out of fold and of the test.
    """

    dataset: Dataset
    split: Split
    found: SearchResult
    baseline: Baseline
    metrics: Mapping[tuple[str, str], list[Metric]]
    importances: pd.DataFrame
    output: Array
    unseen: Validation

    @property
    def standing(self) -> Standing:
        """How good it is on the test rows, against the baseline."""
        first = self.metrics["test", "pipeline"][0]
        return Standing(first.metric, first.value, first.lower, first.upper, self.metrics["test", "baseline"][0].value)

    def metric_rows(self) -> pd.DataFrame:
        """All metrics as rows of `ml.metrics`, without the run."""
        return pd.DataFrame(
            {"split": split, "predictor": predictor, **vars(metric)}
            for (split, predictor), metrics in self.metrics.items()
            for metric in metrics
        )


def search_and_test(evidence: Evidence, progress: ProgressCallback, budget: Budget) -> Tested:
    """Search on the training rows, look at the test once, and measure both beside the baseline."""
    dataset, split, prediction = evidence.dataset, evidence.split, evidence.prediction
    found = search(dataset, split, prediction, progress, budget)
    progress(1.0, "testing")
    naive = evidence.baseline

    def measured(rows: Rows, output: Any) -> list[Metric]:  # noqa: ANN401 -- an array of one or two dimensions
        return metric_table(dataset.known_target[rows], output, prediction, dataset.keys.iloc[rows])

    tested = predict_output(found.estimator, dataset.features.iloc[split.test], prediction.task, len(dataset.classes))
    unseen = found.validation.and_tested(split.test, dataset.known_target[split.test], tested)
    metrics = {
        ("validation", "pipeline"): measured(found.validation.rows, found.validation.output),
        ("test", "pipeline"): measured(split.test, tested),
        ("test", "baseline"): measured(split.test, naive.output(split.test)),
    }
    seconds = budget.overhead / 2 if budget.has_clock else math.inf
    worth = importances(found.estimator, dataset, split.test, prediction, seconds)
    validated, first = metrics["validation", "pipeline"][0], metrics["test", "pipeline"][0]
    likely = _expected(validated, first, unseen, dataset, split, prediction)
    metrics["expected", "pipeline"] = [likely]
    return Tested(dataset, split, found, naive, metrics, worth, tested, unseen)


def _expected(
    validated: Metric, tested: Metric, unseen: Validation, dataset: Dataset, split: Split, prediction: Prediction
) -> Metric:
    """What is announced for rows to come: from all that was predicted unseen, or with time from period to period."""

    def measured(part: Rows) -> Metric:
        keys = dataset.keys.iloc[unseen.rows[part]]
        return declared_metric(unseen.y[part], unseen.output[part], prediction, keys)

    if not dataset.has_periods:
        folds = float(np.mean([len(learn) for learn, _ in split.tried]))
        reach = with_more_rows(validated.value, tested.value, folds, len(split.train), len(dataset.closed))
        return expected(tested, measured(np.arange(len(unseen.y))), (), reach)
    return expected(tested, None, [measured(part) for part in unseen.periods])
