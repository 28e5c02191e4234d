"""What an estimator says of rows, and how good scikit-learn's scorers find it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import get_scorer

from ml.learning.cores import in_threads
from ml.learning.dataset import Dataset, Rows
from ml.learning.measures import BINARY, REGRESSION, SEVERAL, Measure

Array = NDArray[np.float64]

PART_ROWS = 12_800  # rows that a core predicts at a time

# Scorers of scikit-learn that are one of our measures, and whether higher is better: the same numbers, much sooner.
MEASURED: dict[str, tuple[str, float]] = {
    "roc_auc": ("roc_auc", 1.0),
    "average_precision": ("average_precision", 1.0),
    "neg_log_loss": ("log_loss", -1.0),
    "neg_brier_score": ("brier", -1.0),
    "neg_root_mean_squared_error": ("rmse", -1.0),
    "neg_mean_absolute_error": ("mae", -1.0),
}


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
    measures = measures_of(task, output)
    name, sign = MEASURED.get(metric, ("", 0.0))
    # Of several classes, scikit-learn halves some Brier scores and asks for a kind of average.
    if name in measures and (output.ndim == 1 or name == "log_loss"):
        return sign * float(measures[name](y, output, np.ones((1, len(y))))[0])
    rows = np.arange(len(y))
    if task == "regression":
        return float(get_scorer(metric)(GivenRegressor(output), rows, y))
    return float(get_scorer(metric)(GivenClassifier(output), rows, y.astype(np.intp)))


def measures_of(task: str, output: Array) -> dict[str, Measure]:
    """The measures that fit a task and the shape of its outputs."""
    if task == "regression":
        return REGRESSION
    return BINARY if output.ndim == 1 else SEVERAL


class Judge:
    """Scores out-of-fold outputs, given fold after fold; higher is better."""

    def __init__(self, metric: str, task: str, targets: Sequence[Array], *, is_pooled: bool) -> None:
        """Judge by a scorer, either all rows together or, where each fold is a period of its own, fold by fold."""
        self._metric, self._task, self._targets = metric, task, targets
        self._whole = np.concatenate(targets)
        self._ends = np.cumsum([len(target) for target in targets])[:-1]
        self.is_pooled = is_pooled

    @property
    def parts(self) -> tuple[Rows, ...]:
        """The positions of each fold's rows."""
        return tuple(np.split(np.arange(len(self._whole)), self._ends))

    def value(self, output: Array) -> float:
        """The score of all folds together, or the mean over the folds."""
        if self.is_pooled:
            return self._finite(score(self._metric, self._task, self._whole, output))
        return float(np.mean(self.each(np.split(output, self._ends))))

    def each(self, outputs: Sequence[Array]) -> list[float]:
        """The score of every fold.

        Raises:
            ValueError: a score is not finite.
        """
        pairs = zip(self._targets, outputs, strict=True)
        scores = [score(self._metric, self._task, y, output) for y, output in pairs]
        # A fold of few rows may lack a class: that matters only where folds are judged one by one.
        return scores if self.is_pooled else [self._finite(value) for value in scores]

    def _finite(self, value: float) -> float:
        if not np.isfinite(value):
            raise ValueError(f"{self._metric} is not finite on a fold")
        return value


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
