"""What an estimator says of rows, and how good scikit-learn's scorers find it."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import get_scorer

from ml.learning.cores import in_threads
from ml.learning.dataset import Dataset, Rows

Array = NDArray[np.float64]

PART_ROWS = 20_000  # rows that a core predicts at a time


class GivenClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Hands outputs that exist already to a scorer, which asks for an estimator."""

    def __init__(self, output: Array) -> None:
        """Take probabilities: (n,) of the positive class, or (n, classes)."""
        self.output = output
        self.classes_ = np.arange(2 if output.ndim == 1 else output.shape[1])

    def predict_proba(self, rows: Rows) -> Array:
        """The probabilities of each class."""
        given = self.output[rows]
        return np.column_stack([1 - given, given]) if given.ndim == 1 else given

    def decision_function(self, rows: Rows) -> Array:
        """The outputs as they are: they rank rows."""
        return self.output[rows]

    def predict(self, rows: Rows) -> NDArray[np.intp]:
        """The positions of the most probable classes."""
        given = self.output[rows]
        return np.asarray(given > 0.5 if given.ndim == 1 else given.argmax(axis=1), dtype=np.intp)


class GivenRegressor(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Hands predicted values that exist already to a scorer."""

    def __init__(self, output: Array) -> None:
        """Take predicted values (n,)."""
        self.output = output

    def predict(self, rows: Rows) -> Array:
        """The values as they are."""
        return self.output[rows]


def default_metric(task: str, dataset: Dataset) -> str:
    """The scorer that is used where a declaration names none."""
    if task == "regression":
        return "neg_root_mean_squared_error"
    return "roc_auc" if len(dataset.classes) <= 2 else "neg_log_loss"


def predict_output(estimator: Any, features: pd.DataFrame | Array, task: str, classes: int = 0) -> Array:  # noqa: ANN401
    """What an estimator says of each row.

    Args:
        estimator: a fitted estimator whose classes, if any, are 0, 1, 2 …
        features: rows as the estimator takes them.
        task: classification or regression.
        classes: how many classes there are, should the estimator have met fewer.

    Returns:
        (n,) values of a regression, (n,) probabilities of the positive class of two, or (n, classes).
    """
    predict = estimator.predict if task == "regression" else estimator.predict_proba
    parts = [features[start : start + PART_ROWS] for start in range(0, len(features), PART_ROWS)]
    given = np.concatenate(in_threads(predict, parts or [features]))
    if task == "regression":
        return np.asarray(given, dtype=np.float64)
    met = np.asarray(estimator.classes_, dtype=np.intp)
    output = np.zeros((len(given), max(classes, int(met.max()) + 1)))
    output[:, met] = given
    return output[:, 1] if output.shape[1] == 2 else output


def score(metric: str, task: str, y: Array, output: Array) -> float:
    """A scikit-learn scorer's value of outputs; higher is better.

    Raises:
        ValueError: the scorer is unknown or does not fit the task.
    """
    rows = np.arange(len(y))
    if task == "regression":
        return float(get_scorer(metric)(GivenRegressor(output), rows, y))
    return float(get_scorer(metric)(GivenClassifier(output), rows, y.astype(np.intp)))


def fits(metric: str, task: str, classes: int) -> bool:
    """Whether a scorer can judge a task: it is tried on made-up outputs of a few rows."""
    if task == "regression":
        y = np.linspace(1.5, 4.5, 8)
        output = y[::-1].copy()
    else:
        y = np.arange(2 * classes, dtype=np.float64) % classes
        output = np.full((len(y), classes), 1 / classes) if classes > 2 else np.linspace(0.1, 0.9, len(y))
    try:
        return bool(np.isfinite(score(metric, task, y, output)))
    except (ValueError, AttributeError):  # the latter where a regressor lacks what a classifier offers
        return False
