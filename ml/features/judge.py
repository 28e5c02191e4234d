"""What candidates are worth: quick boostings that learn from earlier rows and are judged on later ones."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from ml.learning.cores import in_threads
from ml.learning.encode import make_encoder
from ml.learning.portfolio import LOSSES
from ml.learning.words import Texts

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

CUTS = (0.55, 0.7, 0.85, 1.0)  # shares of the rows, by time, between which lie the validation rows of the folds
SHADOWS = 20  # shuffled columns: what chance alone makes of a feature
# Iterations after which a boosting is judged: of few or noisy rows the first ones say all that there is to say.
STAGES = (10, 20, 40, 80, 120)
BINS = 63  # of a feature's values: a quarter less time than with 255, and no more loss
REACH = 3.0  # mean distances from the median
READING = 60.0  # seconds of a search's budget, whose share for texts is enough here


@dataclass(frozen=True)
class Fold:
    """Rows to learn from and later rows to judge by."""

    train: Rows
    valid: Rows


@dataclass(frozen=True)
class Judged:
    """Some features, judged on the later rows of each fold.

    Attributes:
        shares: each feature's share of what all splits save.
        losses: of each later row: squared errors or log losses.
        loss: their mean over the folds; of squared errors the roots of the means.
    """

    shares: pd.Series
    losses: Array
    loss: float


@dataclass(frozen=True)
class _Encoded:
    """A fold as numbers: what is learned from, and what is judged by. `sources` names each column's feature."""

    train: Array
    target: Array
    later: Array
    later_target: Array
    sources: NDArray[np.object_]

    @classmethod
    def nothing(cls, target: Array, later_target: Array) -> "_Encoded":
        """A fold in which no feature varies: a boosting learns the mean."""
        train, later = (np.zeros((len(rows), 1)) for rows in (target, later_target))
        return cls(train, target, later, later_target, np.array([""], dtype=object))

    def only(self, names: Sequence[str]) -> "_Encoded":
        """With the columns of these features."""
        kept = np.isin(self.sources, list(names))
        if kept.all():
            return self
        if not kept.any():
            return self.nothing(self.target, self.later_target)
        return replace(self, train=self.train[:, kept], later=self.later[:, kept], sources=self.sources[kept])

    def with_shadows(self, count: int) -> "_Encoded":
        """With copies of some columns, shuffled; their sources begin with a null character."""
        if not count:
            return self
        random = np.random.default_rng(0)
        copied = random.integers(len(self.sources), size=count)
        train, later = (
            np.column_stack([matrix, *(random.permutation(matrix[:, place]) for place in copied)])
            for matrix in (self.train, self.later)
        )
        sources = np.array([*self.sources, *(f"\0{place}" for place in range(count))], dtype=object)
        return replace(self, train=train, later=later, sources=sources)


@dataclass(frozen=True)
class _Fit:
    """A boosting on a fold, as it was at each stage: what splits on each feature saved, and each later row's loss."""

    gains: pd.DataFrame
    losses: Array


def make_folds(as_of: pd.Series, horizon: pd.Timedelta, entities: pd.DataFrame) -> list[Fold]:
    """Folds in which validation rows lie after all outcomes that are learned from; by entity if there is no time."""
    moments = as_of.to_numpy("datetime64[us]")
    ordered = np.sort(moments)
    if ordered[0] == ordered[-1]:
        parts = pd.util.hash_pandas_object(entities, index=False).to_numpy() % len(CUTS)
        return [Fold(np.flatnonzero(parts != part), np.flatnonzero(parts == part)) for part in range(len(CUTS) - 1)]
    found = []
    for first, last in pairwise(CUTS):
        start, stop = (ordered[min(int(share * len(ordered)), len(ordered) - 1)] for share in (first, last))
        train = np.flatnonzero(moments + horizon.to_numpy() <= start)
        valid = np.flatnonzero((moments >= start) & ((moments < stop) | (last == 1.0)))
        if len(train) >= 50 and len(valid) >= 20:
            found.append(Fold(train, valid))
    return found


def learnable(target: Array, metric: str) -> Array:
    """A numeric target as boostings of squared errors are to learn it.

    Where absolute errors count, no further from the median than `REACH` mean distances: else giants, which count once
    each, would decide by their squares.
    """
    if LOSSES.get(metric) != "absolute_error":
        return target
    median = np.median(target)
    reach = REACH * np.mean(np.abs(target - median))
    return np.clip(target, median - reach, median + reach)


class Judge:
    """Fits quick boostings on the folds, which are encoded once; `texts` names the free texts."""

    def __init__(
        self, frame: pd.DataFrame, kinds: dict[str, str], target: Array, folds: Sequence[Fold], task: str
    ) -> None:
        """Take a column for each candidate, and its kind; the target's numbers, or positions of classes."""
        self.classes = 0 if task == "regression" else int(target.max()) + 1
        texts = Texts(frame, target, kinds, self.classes, rows=len(frame), seconds=READING)

        def encoded(fold: Fold) -> _Encoded:
            known, later = target[fold.train], target[fold.valid]
            learned = frame.iloc[fold.train]
            if not any(learned[name].nunique() > 1 for name in kinds):
                return _Encoded.nothing(known, later)
            encoder = make_encoder(kinds, "tree", task)
            matrix = encoder.fit_transform(learned, known, texts.learn(fold.train))
            sources = np.array(encoder.sources_, dtype=object)
            return _Encoded(matrix, known, encoder.transform(frame.iloc[fold.valid]), later, sources)

        self.texts = texts.names
        self._folds = in_threads(encoded, list(folds))

    def beyond_chance(self, names: Sequence[str]) -> pd.Series:
        """Each feature's share of the loss that splits on it save, less what as many shuffled columns might."""
        shares = self._judged(names, SHADOWS).shares
        widths = sum(pd.Series(fold.sources).value_counts() for fold in self._folds) / len(self._folds)
        by_chance = float(np.quantile(shares[shares.index.str.startswith("\0")], 0.9))
        beyond: pd.Series = (shares - widths * by_chance).reindex(list(names), fill_value=0.0)
        return beyond

    def judged(self, names: Sequence[str]) -> Judged:
        """What the features are worth on later rows."""
        judged = self._judged(names, 0)
        return replace(judged, shares=judged.shares.reindex(list(names), fill_value=0.0))

    def constant_loss(self) -> float:
        """The mean loss of telling every row the same: the mean, or the shares of the classes."""
        losses = []
        for fold in self._folds:
            if not self.classes:
                losses.append(float(np.sqrt(np.mean((fold.later_target - fold.target.mean()) ** 2))))
            else:
                known, later = fold.target.astype(np.intp), fold.later_target.astype(np.intp)
                shares = (np.bincount(known, minlength=self.classes) + 1e-6) / len(known)
                losses.append(float(-np.mean(np.log(shares[later]))))
        return float(np.mean(losses))

    def _judged(self, names: Sequence[str], shadows: int) -> Judged:
        """At the stage at which the boostings are best."""
        fits = in_threads(lambda fold: self._fit(fold.only(names).with_shadows(shadows)), self._folds)
        means = np.array([fit.losses.mean(axis=1) for fit in fits])
        means = (means if self.classes else np.sqrt(means)).mean(axis=0)
        best = int(np.argmin(means))
        shares = pd.concat([fit.gains.loc[best] / (fit.gains.loc[best].sum() or 1.0) for fit in fits], axis=1)
        rows = np.concatenate([fit.losses[best] for fit in fits])
        return Judged(shares.fillna(0.0).mean(axis=1), rows, float(means[best]))

    def _fit(self, fold: _Encoded) -> _Fit:
        width = len(fold.sources)
        model = self._boosting(width).fit(fold.train, fold.target)
        gains = pd.DataFrame(_gains(model, width), columns=fold.sources).T.groupby(level=0).sum().T
        return _Fit(gains, self._losses(model, fold.later, fold.later_target))

    def _boosting(self, width: int) -> HistGradientBoostingClassifier | HistGradientBoostingRegressor:
        kind = HistGradientBoostingClassifier if self.classes else HistGradientBoostingRegressor
        return kind(
            max_iter=STAGES[-1],
            learning_rate=0.08,
            max_leaf_nodes=15,
            min_samples_leaf=20,
            l2_regularization=1.0,
            max_features=0.3 if width > 100 else 0.7,
            max_bins=BINS,
            early_stopping=False,
            random_state=0,
        )

    def _losses(self, model: Any, matrix: Array, y: Array) -> Array:  # noqa: ANN401 -- scikit-learn has no types
        """The squared error or log loss of each row, at each stage."""
        staged = model.staged_predict_proba(matrix) if self.classes else model.staged_predict(matrix)
        outputs = [output for iteration, output in enumerate(staged, 1) if iteration in STAGES]
        if not self.classes:
            return np.array([(y - output) ** 2 for output in outputs])
        places = np.arange(len(y)), y.astype(np.intp)
        return np.array([-np.log(self._all_classes(model, output)[places]) for output in outputs])

    def _all_classes(self, model: Any, output: Array) -> Array:  # noqa: ANN401 -- scikit-learn has no types
        """Probabilities of all classes, of which the boosting may not have met some."""
        chances: Array = np.full((len(output), self.classes), 1e-6)
        chances[:, model.classes_.astype(np.intp)] += output
        chances /= chances.sum(axis=1, keepdims=True)
        return chances


def _gains(model: Any, width: int) -> Array:  # noqa: ANN401 -- scikit-learn has no types
    """What splits on each column have saved by each stage."""
    gains = np.zeros((len(STAGES), width))
    for iteration, trees in enumerate(model._predictors, 1):
        stages = [place for place, stage in enumerate(STAGES) if iteration <= stage]
        for tree in trees:
            nodes = tree.nodes[tree.nodes["is_leaf"] == 0]
            gains[stages] += np.bincount(nodes["feature_idx"], nodes["gain"], width)
    return gains
