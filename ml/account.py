"""What a run tells of itself beside its metrics: curves, slices and the rule of a stated decision, as rows."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from ml.declaration import Prediction
from ml.errors import DataError, DeclarationError
from ml.examine import Checked, closed_rows
from ml.learning.curves import partial_dependence, quality_curves
from ml.learning.dataset import Dataset, Rows
from ml.learning.decision import PLAIN_THRESHOLD, Rule, decision_metrics, make_rule
from ml.learning.evaluate import Metric
from ml.learning.resample import entity_clusters
from ml.learning.search import Validation
from ml.learning.slices import slice_table
from ml.warehouse import Warehouse

Array = NDArray[np.float64]

SLICE_KINDS = ("category", "boolean")


@dataclass(frozen=True)
class Account:
    """Rows of `ml.curves` and `ml.slices` without the run, and the rule of the decision if one is declared.

    `metrics` are those of the decision on the test rows, by predictor.
    """

    curves: pd.DataFrame
    slices: pd.DataFrame
    rule: Rule | None
    metrics: Mapping[str, list[Metric]]

    @property
    def threshold(self) -> float:
        """The probability above which the positive class is predicted."""
        return PLAIN_THRESHOLD if self.rule is None or self.rule.threshold is None else self.rule.threshold

    def metric_rows(self) -> pd.DataFrame:
        """The metrics of the decision as rows of `ml.metrics`, without the run."""
        return pd.DataFrame(
            [
                {"split": "test", "predictor": predictor, **vars(metric)}
                for predictor, metrics in self.metrics.items()
                for metric in metrics
            ]
        )

    def about(self) -> dict[str, Any]:
        """The columns of `ml.runs` that tell of the decision."""
        if self.rule is None:
            return {}
        given = {key: value for key, value in asdict(self.rule.decision).items() if value is not None}
        return {
            "decision": json.dumps(given | ({"why": self.rule.why} if self.rule.why else {})),
            "decision_threshold": self.rule.threshold,
            "decision_capacity": self.rule.decision.capacity,
        }


def slice_levels(checked: Checked, warehouse: Warehouse) -> pd.DataFrame:
    """The slice columns, of which there is one at least, of the closed rows that training reads, in their order.

    They may be columns that are no features, such as a protected attribute.

    Raises:
        DeclarationError: a slice column is neither text nor boolean.
    """
    prediction = checked.prediction
    known = warehouse.columns(prediction.relation)
    for name in prediction.slices:
        if known[name].kind not in SLICE_KINDS:
            raise DeclarationError(
                f"{prediction.path}: exposure '{prediction.name}': 'slices' names '{name}', which is a "
                f"{known[name].kind} ({known[name].type}). Give {prediction.feature_model} a text column of its levels."
            )
    names = ", ".join(warehouse.quote(name) for name in prediction.slices)
    return warehouse.query(f"select {names} {closed_rows(checked, warehouse)}")


def require_two_classes(prediction: Prediction, dataset: Dataset) -> None:
    """Refuse a decision about anything but two classes.

    Raises:
        DataError: the target has more.
    """
    if prediction.decision is not None and len(dataset.classes) != 2:
        raise DataError(
            f"{prediction.name}: 'decision' needs two classes, but '{prediction.target}' has "
            f"{len(dataset.classes)} ({', '.join(dataset.classes[:5])} …). Leave it out, or make a target of two."
        )


def account(
    prediction: Prediction,
    dataset: Dataset,
    estimator: Pipeline,
    validation: Validation,
    tested: tuple[Rows, Array],
    importances: pd.DataFrame,
    levels: pd.DataFrame,
) -> Account:
    """Tell what a tried pipeline is like.

    Args:
        prediction: the declaration, with its metric.
        dataset: the closed rows.
        estimator: the pipeline fitted on the training rows.
        validation: its out-of-fold predictions.
        tested: the positions of the test rows, and the pipeline's outputs for them.
        importances: a row per feature with `importance_rank`.
        levels: the slice columns of all rows of the dataset.
    """
    rows, output = tested
    y, clusters = dataset.known_target[rows], entity_clusters(dataset.keys.iloc[rows])
    as_of = None if dataset.as_of is None else dataset.as_of[rows]
    rule, metrics = None, {}
    validated = entity_clusters(dataset.keys.iloc[validation.rows])
    if prediction.decision is not None:
        rule = make_rule(prediction.decision, validation.y, validation.output, validated)
        metrics = dict(decision_metrics(rule, y, output, clusters, prediction.seed, as_of))
    acts = None
    if len(dataset.classes) == 2:
        acts = output > PLAIN_THRESHOLD if rule is None else rule.acts(output, as_of)
    curves = [
        quality_curves("validation", validation.y, validation.output, validated, dataset.classes),
        quality_curves("test", y, output, clusters, dataset.classes),
        partial_dependence(estimator, dataset, rows, importances),
    ]
    slices = slice_table(levels.iloc[rows], y, output, acts, prediction, dataset.keys.iloc[rows])
    return Account(pd.concat(curves, ignore_index=True), slices, rule, metrics)
