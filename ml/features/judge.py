"""What candidates are worth: quick boostings that learn from earlier rows and are judged on later ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from ml.learning.cores import in_threads
from ml.learning.encode import make_encoder
from ml.learning.words import Texts

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

CUTS = (0.55, 0.7, 0.85, 1.0)  # shares of the rows, by time, between which lie the validation rows of the folds
SHADOWS = 20  # shuffled columns: what chance alone makes of a feature
# Iterations after which a boosting is judged: of few or noisy rows the first ones say all that there is to say.
STAGES = (10, 20, 40, 80, 120)
READING = 60.0  # seconds of a search's budget, whose share for texts is enough here


@dataclass(frozen=True)
class Fold:
    """Rows to learn from and later rows to judge by."""

    train: Rows
    valid: Rows


@dataclass(frozen=True)
class Judged:
    """Some features: their mean loss over the folds, and each one's share of the gain."""

    loss: float
    shares: pd.Series


@dataclass(frozen=True)
class _Fit:
    """A boosting on a fold, as it was at each stage.

    That is what splits on each column of its matrix have saved by then, and the loss of each validation row. `sources`
    names the feature that a column comes from; the names of shuffled ones begin with a null character.
    """

    sources: list[str]
    gains: Array
    losses: Array

    def shares(self, stage: int) -> pd.Series:
        """The columns' shares of what all splits have saved, by source."""
        gains = self.gains[stage]
        return pd.Series(gains / (gains.sum() or 1.0), index=self.sources)


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


class Judge:
    """Fits quick boostings on the folds."""

    def __init__(
        self, frame: pd.DataFrame, kinds: dict[str, str], target: Array, folds: Sequence[Fold], task: str
    ) -> None:
        """Take a column for each candidate, and its kind; the target's numbers, or positions of classes."""
        self.frame, self.kinds, self.target, self.folds, self.task = frame, kinds, target, folds, task
        self.classes = 0 if task == "regression" else int(target.max()) + 1
        self.texts = Texts(frame, target, kinds, self.classes, rows=len(frame), seconds=READING)

    @property
    def cases(self) -> int:
        """How many rows tell anything: those that are not of the most frequent class."""
        return len(self.target) - (int(np.bincount(self.target.astype(np.intp)).max()) if self.classes else 0)

    def beyond_chance(self, names: Sequence[str]) -> pd.Series:
        """Each feature's share of the loss that splits on it save, less what as many shuffled columns might."""
        fits = self._fits(names, SHADOWS)
        stage = self._best_stage(fits)
        groups = [fit.shares(stage).groupby(level=0) for fit in fits]
        shares = pd.concat([group.sum() for group in groups], axis=1).mean(axis=1)
        widths = pd.concat([group.size() for group in groups], axis=1).mean(axis=1)
        by_chance = float(np.quantile(shares[[name for name in shares.index if name.startswith("\0")]], 0.9))
        beyond: pd.Series = (shares - widths * by_chance).reindex(list(names), fill_value=0.0)
        return beyond

    def judged(self, names: Sequence[str]) -> Judged:
        """What the features are worth on validation rows."""
        fits = self._fits(names, 0)
        stage = self._best_stage(fits)
        shares = [fit.shares(stage).groupby(level=0).sum().reindex(list(names), fill_value=0.0) for fit in fits]
        return Judged(float(self._means(fits)[stage]), pd.concat(shares, axis=1).mean(axis=1))

    def constant_loss(self) -> float:
        """The mean loss of telling every row the same: the mean, or the shares of the classes."""
        losses = []
        for fold in self.folds:
            known, later = self.target[fold.train], self.target[fold.valid]
            if not self.classes:
                losses.append(float(np.sqrt(np.mean((later - known.mean()) ** 2))))
            else:
                shares = (np.bincount(known.astype(np.intp), minlength=self.classes) + 1e-6) / len(known)
                losses.append(float(-np.mean(np.log(shares[later.astype(np.intp)]))))
        return float(np.mean(losses))

    def _fits(self, names: Sequence[str], shadows: int) -> list[_Fit]:
        return in_threads(lambda fold: self._fit(names, fold, shadows), list(self.folds))

    def _best_stage(self, fits: Sequence[_Fit]) -> int:
        return int(np.argmin(self._means(fits)))

    def _means(self, fits: Sequence[_Fit]) -> Array:
        """The mean loss over the folds at each stage."""
        means = np.array([fit.losses.mean(axis=1) for fit in fits])
        return np.asarray((means if self.classes else np.sqrt(means)).mean(axis=0))

    def _fit(self, names: Sequence[str], fold: Fold, shadows: int) -> _Fit:
        encoder = make_encoder({name: self.kinds[name] for name in names}, "tree", self.task)
        features = self.frame[list(names)]
        words = self.texts.learn(fold.train, names)
        train = encoder.fit_transform(features.iloc[fold.train], self.target[fold.train], words)
        later = encoder.transform(features.iloc[fold.valid])
        random = np.random.default_rng(0)
        copied = random.integers(train.shape[1], size=shadows)

        def with_shadows(matrix: Array) -> Array:
            return np.column_stack([matrix, *(random.permutation(matrix[:, place]) for place in copied)])

        train, later = with_shadows(train), with_shadows(later)
        model = self._boosting(train.shape[1]).fit(train, self.target[fold.train])
        sources = [*encoder.sources_, *(f"\0{place}" for place in range(shadows))]
        return _Fit(sources, _gains(model, train.shape[1]), self._losses(model, later, self.target[fold.valid]))

    def _boosting(self, width: int) -> HistGradientBoostingClassifier | HistGradientBoostingRegressor:
        kind = HistGradientBoostingClassifier if self.classes else HistGradientBoostingRegressor
        return kind(
            max_iter=STAGES[-1],
            learning_rate=0.08,
            max_leaf_nodes=15,
            min_samples_leaf=20,
            l2_regularization=1.0,
            max_features=0.3 if width > 100 else 0.7,
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
