"""Fitted predictions, and their bytes in a format that runs no code on loading."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import skops.io
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from ml.declaration import Prediction
from ml.errors import DataError, PipelineError
from ml.learning.archive import canonical
from ml.learning.dataset import Dataset
from ml.learning.intervals import ConformalIntervals
from ml.learning.scorers import predict_output
from ml.learning.search import Validation
from ml.learning.words import comes_again

Array = NDArray[np.float64]

# All that a stored pipeline may consist of, beside what skops trusts by itself: plain values, numpy arrays and
# scikit-learn's own estimators. Explicit, because a prefix such as "numpy." would also admit functions that run code.
TRUSTED_TYPES = frozenset(
    {
        "ml.learning.encode.FeatureEncoder",
        "ml.learning.encode.add_bends",
        "ml.learning.intervals.ConformalIntervals",
        "ml.learning.pipelines.FittedPrediction",
        "ml.learning.blend.BlendClassifier",
        "ml.learning.blend.BlendRegressor",
        "ml.learning.blend.Member",
        "ml.learning.blend.SeveralEncoders",
        "ml.learning.blend.TargetScale",
        "ml.learning.boosted_extra_trees.BoostedExtraTreesClassifier",
        "ml.learning.boosted_extra_trees.BoostedExtraTreesRegressor",
        "ml.learning.boosted_line.BoostedLine",
        "ml.learning.boosted_line.BoostedLineOfExtraTrees",
        "ml.learning.calibrate.Calibrator",
        "ml.learning.words.TextEncoder",
        "functools.partial",  # of a function that is trusted itself, as boosting on categories holds one
        "numpy.dtype",
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.LogLink",
        "sklearn._loss.loss.HalfPoissonLoss",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",  # stored one by one before `packing`
        "sklearn.model_selection._split.KFold",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.tree._tree.Tree",
        "sklearn.utils.validation.check_array",
    }
)


class FittedPrediction:
    """A fitted pipeline with all that scoring needs beside it.

    Attributes:
        estimator: the pipeline: a `FeatureEncoder`, then an estimator.
        task: classification or regression.
        classes: the labels as text; of two, the positive one is the second.
        kinds: feature name to kind, in the order of the columns.
        interval: lower and upper values of a regression, or None.
        reference: a typical value per feature: the median, or the most frequent level.
        strongest: all features, the most important one first.
        threshold: of two classes, the probability above which the positive one is predicted.
    """

    threshold = 0.5  # of pipelines that were stored before they had their own

    def __init__(
        self,
        estimator: Pipeline,
        task: str,
        classes: tuple[str, ...],
        kinds: Mapping[str, str],
        interval: ConformalIntervals | None,
        reference: Mapping[str, float | str | None],
        strongest: list[str],
    ) -> None:
        """Put the parts together; see `assemble`."""
        self.estimator = estimator
        self.task = task
        self.classes = classes
        self.kinds = dict(kinds)
        self.interval = interval
        self.reference = dict(reference)
        self.strongest = strongest
        self.threshold = 0.5

    def predict(self, features: pd.DataFrame) -> pd.DataFrame:
        """Score rows.

        Args:
            features: as in `Dataset.features`; other columns are ignored.

        Returns:
            `prediction`: the probability of the positive class, of several classes that of the predicted one, or the
            value; `predicted_class` for a classification; `lower` and `upper` for a regression.

        Raises:
            DataError: a feature is missing.
        """
        missing = [name for name in self.kinds if name not in features.columns]
        if missing:
            raise DataError(f"The pipeline needs the features {', '.join(map(repr, missing))}, which are missing.")
        if features.empty:  # estimators refuse to predict nothing
            return self.predict(self.reference_frame()).head(0)
        output = predict_output(self.estimator, features, self.task, len(self.classes))
        if self.task == "regression":
            return self._with_interval(output)
        if output.ndim == 1:
            labels = np.asarray(self.classes, dtype=object)[(output > self.threshold).astype(np.intp)]
            return pd.DataFrame({"prediction": output, "predicted_class": labels})
        best = output.argmax(axis=1)
        probability = output[np.arange(len(output)), best]
        return pd.DataFrame({"prediction": probability, "predicted_class": np.asarray(self.classes, object)[best]})

    def output(self, matrix: Array) -> Array:
        """What the estimator says of encoded rows: values, probabilities, or (rows, classes)."""
        return predict_output(self.estimator[-1], matrix, self.task, len(self.classes))

    def reference_frame(self) -> pd.DataFrame:
        """The typical row, as a frame of one row like `Dataset.features`."""
        columns = {}
        for name, kind in self.kinds.items():
            value = self.reference[name]
            if kind == "category":
                columns[name] = pd.Series([value], dtype="str")
            elif isinstance(value, str):
                columns[name] = pd.Series(pd.to_datetime([value]).astype("datetime64[us]"))
            else:
                columns[name] = pd.Series([np.nan if value is None else value], dtype=np.float64)
        return pd.DataFrame(columns)

    def _with_interval(self, output: Array) -> pd.DataFrame:
        lower, upper = (output, output) if self.interval is None else self.interval.predict(output)
        return pd.DataFrame({"prediction": output, "lower": lower, "upper": upper})


def assemble(
    estimator: Pipeline,
    dataset: Dataset,
    prediction: Prediction,
    validation: Validation,
    importances: pd.DataFrame,
) -> FittedPrediction:
    """Join a fitted pipeline with what scoring needs.

    Args:
        estimator: fitted on `dataset`.
        dataset: gives the classes and the typical row.
        prediction: gives the task and the promised coverage of intervals.
        validation: out-of-fold predictions, which intervals are learned from.
        importances: a row per feature with its `importance_rank`.
    """
    is_regression = prediction.task == "regression"
    interval = ConformalIntervals(prediction.interval) if is_regression else None
    periods = _periods(validation, dataset)
    return FittedPrediction(
        estimator=estimator,
        task=prediction.task,
        classes=dataset.classes,
        kinds=dataset.kinds,
        interval=interval.fit(validation.y, validation.output, periods) if interval else None,
        reference={name: _typical(dataset.features[name]) for name in dataset.kinds},
        strongest=importances.sort_values("importance_rank")["feature"].tolist(),
    )


def _periods(validation: Validation, dataset: Dataset) -> list[NDArray[np.intp]]:
    """Positions of the rows of each period, the oldest first."""
    as_of = dataset.as_of
    if as_of is None or not dataset.has_periods:
        return []
    return sorted(validation.periods, key=lambda period: as_of[validation.rows[period]].min())


def dump(model: FittedPrediction) -> bytes:
    """A fitted prediction as bytes; the same ones for the same prediction."""
    return canonical(bytes(skops.io.dumps(model)))


def load(data: bytes, estimators: Sequence[str] = ()) -> FittedPrediction:
    """A fitted prediction from bytes; no code of the file is run.

    Args:
        data: what `dump` gave.
        estimators: as declared. Classes of one's own are loaded by their import path, and what their module defines.

    Raises:
        PipelineError: the bytes are no pipeline, or hold a type outside `TRUSTED_TYPES`.
    """
    try:
        trusted = set(TRUSTED_TYPES)
        unknown = set(skops.io.get_untrusted_types(data=data)) - trusted
        modules = {name.rpartition(".")[0] for name in estimators} - {""}
        trusted |= {name for name in unknown if name.rpartition(".")[0] in modules}
        foreign = sorted(unknown - trusted)
        if foreign:
            raise PipelineError(f"The stored pipeline holds types that may not be loaded: {', '.join(foreign)}.")
        model = skops.io.loads(data, trusted=sorted(trusted))
    except PipelineError:
        raise
    except Exception as error:
        raise PipelineError(f"The stored pipeline can't be read: {type(error).__name__}: {error}.") from error
    if not isinstance(model, FittedPrediction):
        raise PipelineError(f"The stored pipeline is a {type(model).__name__}, not a fitted prediction.")
    return model


def _typical(column: pd.Series) -> float | str | None:
    """The median of numbers, the middle of dates as text, the most frequent level; None of nothing and of free text."""
    known = column.dropna()
    if known.empty:
        return None
    if known.dtype.kind == "M":
        return str(known.sort_values().iloc[len(known) // 2])
    if known.dtype.kind == "f":
        return float(known.median())
    return str(known.value_counts().index[0]) if comes_again(known) else None
