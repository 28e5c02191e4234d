"""What leaks and readiness are judged by: predictions of closed rows by models that did not learn from them.

Every task is read as least squares on a matrix of targets: (n, 1) values, or (n, classes) ones and zeros, so that the
loss of a row is its squared error or its Brier score, and skill is the share of the naive loss that is saved.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.tree import DecisionTreeRegressor

from ml.declaration import Prediction
from ml.learning.ahead import Spans, spans_ahead
from ml.learning.baselines import Baseline, baseline
from ml.learning.cores import in_threads
from ml.learning.dataset import Dataset, Rows, epoch_days
from ml.learning.encode import LARGEST, MISSING, make_encoder
from ml.learning.order import block_order, entity_hash, thin
from ml.learning.resample import entity_clusters
from ml.learning.scorers import predict_output
from ml.learning.split import Fold, Split, split_rows
from ml.learning.words import Texts

Array = NDArray[np.float64]

LEARN_ROWS, JUDGE_ROWS = 6_000, 2_000  # of each fold: enough to tell 1 % of skill, and quick
SECONDS = 10.0  # of a budget whose share for texts is enough here
SMALL_ROWS = 2_000  # up to here bagged trees and lines are both tried: boosting needs more
ITERATIONS, LEAST_ITERATIONS, STEPS = 40, 15, 6.0  # of the quick boosting; learning rate times iterations
LEAVES, LEAF_ROWS = 32, 5  # of the tree on one feature
PERIOD_ROWS = 1_500  # of each period: distances of 0.1 are told from chance
PERIODS = 6  # closed periods looked back upon
ENTITY_ROWS = 20_000  # that are looked at before all are
ALPHA = 0.01  # chance of a false alarm that a whole check of one kind may have


@dataclass(frozen=True)
class Evidence:
    """A prediction's rows, and the split that training uses.

    Attributes:
        dataset: every closed row.
        opened: open rows (a sample of them where there are many), whose target is unknown; may be empty.
        prediction: the declaration, with a metric.
    """

    dataset: Dataset
    opened: Dataset
    prediction: Prediction

    @cached_property
    def split(self) -> Split:
        """How the closed rows are split.

        Raises:
            DataError: they can't be.
        """
        return split_rows(self.dataset, self.prediction)

    @cached_property
    def folds(self) -> tuple[Fold, ...]:
        """Thinned pairs of rows to learn from and rows to judge by; the test rows are in none."""
        return tuple(
            (
                block_order(self.dataset, thin(self.dataset, learn, LEARN_ROWS)),
                thin(self.dataset, judge, JUDGE_ROWS),
            )
            for learn, judge in self.split.folds
        )

    @cached_property
    def judged(self) -> Rows:
        """The rows that all folds judge by, in the order of every output here."""
        return np.concatenate([judge for _, judge in self.folds])

    @cached_property
    def some_entities(self) -> Rows:
        """All rows of some entities, some `ENTITY_ROWS` of them."""
        rows = np.arange(len(self.dataset))
        if len(rows) <= ENTITY_ROWS:
            return rows
        some = np.flatnonzero(entity_hash(self.dataset, rows) < np.uint64(ENTITY_ROWS / len(rows) * 2**64))
        return some if len(some) else rows

    @cached_property
    def texts(self) -> Texts:
        """The free texts among the features."""
        return Texts.of(self.dataset, rows=LEARN_ROWS, seconds=SECONDS)

    def targets(self, rows: Rows) -> Array:
        """(rows, 1) values or (rows, classes) ones and zeros of some closed rows."""
        target, classes = self.dataset.known_target[rows, None], len(self.dataset.classes)
        return (target == np.arange(classes)).astype(np.float64) if classes else target

    @cached_property
    def naive(self) -> Array:
        """The loss of each judged row if the mean of the learning rows is said of all."""
        return self.losses(np.vstack([self._means(learn, judge) for learn, judge in self.folds]))

    @cached_property
    def ahead(self) -> Spans | None:
        """By how much open rows lie after the moment when the last outcome was known; None if not far."""
        horizon, closed, opened = self.prediction.horizon, self.dataset.as_of, self.opened.as_of
        if horizon is None or closed is None or opened is None:
            return None
        span = np.timedelta64(horizon).astype("timedelta64[us]")
        return spans_ahead(opened, closed.max() + span, span)

    @cached_property
    def baseline(self) -> Baseline:
        """The best naive prediction, which may know its entity's past."""
        return baseline(self.dataset, self.split, self.prediction, self.ahead)

    @cached_property
    def history(self) -> Array:
        """The loss of each judged row if the best naive prediction is made."""
        try:
            known = self.baseline.output(self.judged)
        except ValueError:  # a class is missing from a fold, so that the metric can't be had
            return self.naive
        if not self.dataset.classes:
            return self.losses(known[:, None])
        return self.losses(np.column_stack([1 - known, known]) if known.ndim == 1 else known)

    @cached_property
    def alone(self) -> dict[str, Array]:
        """For each feature the losses of the judged rows when it alone predicts."""
        names = list(self.dataset.kinds)
        return dict(zip(names, in_threads(lambda name: self.losses(self._alone(name)), names), strict=True))

    @cached_property
    def clusters(self) -> NDArray[np.intp]:
        """The judged rows by what belongs together, see `resample.entity_clusters`."""
        return entity_clusters(self.dataset.keys.iloc[self.judged])

    @cached_property
    def together(self) -> Array:
        """The outputs for the judged rows when all features predict."""
        return self.model_outputs(list(self.dataset.kinds), self.best_model)

    @cached_property
    def best_model(self) -> str:
        """The quick model that suits all features best."""
        return self._best(list(self.dataset.kinds))

    @cached_property
    def periods(self) -> tuple[Rows, ...]:
        """Thinned rows of successive closed periods, each of as many as-ofs as are open; without time, all in one."""
        dataset = self.dataset
        if dataset.as_of is None or self.opened.as_of is None:
            return (thin(dataset, np.arange(len(dataset)), PERIOD_ROWS),)
        moments = np.unique(dataset.as_of)
        width = max(len(np.unique(self.opened.as_of)), 1)
        count = max(min(PERIODS, len(moments) // width), 1)
        chosen = [moments[-(number + 1) * width :][:width] for number in reversed(range(count))]
        blocks = (np.flatnonzero(np.isin(dataset.as_of, part)) for part in chosen)
        return tuple(thin(dataset, rows, PERIOD_ROWS) for rows in blocks)

    def losses(self, outputs: Array) -> Array:
        """Squared error or Brier score of each judged row."""
        total: Array = ((outputs - self.targets(self.judged)) ** 2).sum(axis=1)
        return total

    def skill(self, losses: Array) -> float:
        """The share of the naive loss that is saved: 1 is perfect, 0 is worth nothing."""
        naive = float(self.naive.mean())
        return 1 - float(losses.mean()) / naive if naive > 0 else 0.0

    def gains(self, losses: Array, against: Array, tests: int, level: float = ALPHA) -> bool:
        """Whether losses are lower than others row by row, beyond chance, when as many tests are made (Bonferroni).

        Rows of one entity count as one: their differences are averaged first.
        """
        grouped = pd.Series(against - losses).groupby(self.clusters).mean().to_numpy()
        spread = grouped.std(ddof=1) / np.sqrt(len(grouped)) if len(grouped) > 1 else np.inf
        return bool(grouped.mean() > norm.isf(level / max(tests, 1)) * spread)

    def outputs(self, names: Sequence[str]) -> Array:
        """Out-of-fold outputs of the judged rows from some features: of the model that suits them best."""
        return self.model_outputs(names, self._best(names))

    def model_outputs(self, names: Sequence[str], kind: str) -> Array:
        """Out-of-fold outputs of the judged rows from some features, by one kind of model; kept for the next caller."""
        asked = (tuple(names), kind)
        if asked not in self._kept:
            parts = in_threads(lambda fold: self.fold_output(names, kind, *fold), self.folds)
            self._kept[asked] = np.vstack(parts)
        return self._kept[asked]

    @cached_property
    def _kept(self) -> dict[tuple[tuple[str, ...], str], Array]:
        return {}

    def _best(self, names: Sequence[str]) -> str:
        kinds = ("bagging", "line") if len(self.split.train) <= SMALL_ROWS else ("boosting",)
        if len(kinds) == 1:
            return kinds[0]
        return min(kinds, key=lambda kind: float(self.losses(self.model_outputs(names, kind)).mean()))

    def fold_output(self, names: Sequence[str], kind: str, learn: Rows, judge: Rows) -> Array:
        """Outputs of judged rows by a model of some kind, fitted on learning rows; the naive ones if none can be."""
        features, target = self.dataset.features[list(names)], self.dataset.known_target
        kinds = {name: self.dataset.kinds[name] for name in names}
        task, classes = self.prediction.task, len(self.dataset.classes)
        y = target[learn].astype(np.intp) if classes else target[learn]
        try:
            words = self.texts.learn(learn, names)
            fitted = _pipeline(kind, kinds, task, classes).fit(features.iloc[learn], y, featureencoder__words=words)
        except ValueError:  # no feature varies in these rows, or they hold one class only
            return self._means(learn, judge)
        given = predict_output(fitted, features.iloc[judge], task, classes)
        if not classes:
            return given[:, None]
        return np.column_stack([1 - given, given]) if given.ndim == 1 else given

    def _means(self, learn: Rows, judge: Rows) -> Array:
        """The means of the learning rows, for each judged row."""
        return np.tile(self.targets(learn).mean(axis=0), (len(judge), 1))

    def _alone(self, name: str) -> Array:
        """Outputs of the judged rows from one feature: of words, means per level, or the better of tree and line."""
        if name in self.texts.names:
            return self.outputs([name])
        column = self.dataset.features[name]
        if self.dataset.kinds[name] == "category":
            return self.level_outputs(column.fillna(MISSING).to_numpy(object))
        return self.number_outputs(as_number(column))

    def number_outputs(self, values: Array) -> Array:
        """Outputs of the judged rows from one column of numbers without gaps."""
        shapes: list[Any] = [DecisionTreeRegressor(max_leaf_nodes=LEAVES, min_samples_leaf=LEAF_ROWS, random_state=0)]
        if not self.dataset.classes:
            shapes += [DecisionTreeRegressor(min_samples_leaf=LEAF_ROWS, random_state=0), Ridge(1e-9)]
        column = values[:, None]
        tried = []
        for shape in shapes:
            parts = [shape.fit(column[rows], self.targets(rows)).predict(column[judge]) for rows, judge in self.folds]
            tried.append(np.concatenate(parts).reshape(len(self.judged), -1))
        return min(tried, key=lambda outputs: float(self.losses(outputs).mean()))

    def level_outputs(self, levels: NDArray[np.object_]) -> Array:
        """The mean target of each judged row's level among the learning rows, shrunk to the overall mean by one row."""
        codes = pd.factorize(levels)[0]
        count = int(codes.max()) + 1
        parts = []
        for learn, judge in self.folds:
            known = self.targets(learn)
            rows = np.bincount(codes[learn], minlength=count)[:, None]
            sums = np.column_stack([np.bincount(codes[learn], column, minlength=count) for column in known.T])
            parts.append(((sums + known.mean(axis=0)) / (rows + 1))[codes[judge]])
        return np.vstack(parts)


def as_number(column: pd.Series) -> Array:
    """A feature's numbers (dates: days); a missing one is put below all others."""
    if column.dtype.kind == "M":
        values = epoch_days(column.to_numpy("datetime64[us]"))
    else:
        values = column.to_numpy(np.float64).copy()
    known = values[~np.isnan(values)]
    low, high = (known.min(), known.max()) if len(known) else (0.0, 0.0)
    with np.errstate(over="ignore"):
        values[np.isnan(values)] = low - max(high - low, 1.0) / 10
    return np.clip(values, -LARGEST, LARGEST)


def _pipeline(kind: str, kinds: dict[str, str], task: str, classes: int) -> Pipeline:
    """A quick pipeline: boosting, bagging (of extremely randomised trees), or a line."""
    is_regression = task == "regression"
    style = "linear" if kind == "line" else "tree"
    if kind == "boosting":
        boosting = HistGradientBoostingRegressor if is_regression else HistGradientBoostingClassifier
        # Each iteration grows a tree for each of several classes: they learn in fewer, larger steps.
        iterations = max(ITERATIONS * 2 // max(classes, 2), LEAST_ITERATIONS)
        model = boosting(
            learning_rate=STEPS / iterations,
            max_iter=iterations,
            max_leaf_nodes=12,
            early_stopping=False,
            l2_regularization=1.0,  # else a class that one feature all but tells makes steps without end
            random_state=0,
        )
    elif kind == "bagging":
        trees = ExtraTreesRegressor if is_regression else ExtraTreesClassifier
        model = trees(n_estimators=30, min_samples_leaf=2, max_features=0.5, random_state=0)
    else:
        model = Ridge(10.0) if is_regression else LogisticRegression(C=0.3, max_iter=100)
    return make_pipeline(make_encoder(kinds, style, task), model)
