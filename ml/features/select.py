"""Which candidates earn their keep: judged on time-ordered validation, without what others say already."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import log_loss, mean_squared_error

from ml.features.candidates import Feature
from ml.learning.cores import in_threads
from ml.learning.encode import FeatureEncoder, make_encoder
from ml.learning.words import Texts

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

CUTS = (0.55, 0.7, 0.85, 1.0)  # shares of the rows, by time, between which lie the validation rows of the folds
SIZES = (5, 10, 20, 40, 80, 120)  # numbers of features that are tried
USUAL = 40  # features, if there is no time to try
ALIKE = 0.98  # rank correlation from which on two features say the same
COMPARED = 4_000  # rows that correlations are computed on
SHADOWS = 20  # shuffled features: what chance alone makes of a feature
ITERATIONS = 120
READING = 60.0  # seconds of a search's budget, whose share for texts is enough here
ENOUGH = 0.002  # share of the loss that more features must save


@dataclass(frozen=True)
class Chosen:
    """A feature with its share of the gain of all that were chosen."""

    feature: Feature
    share: float


@dataclass(frozen=True)
class Fold:
    """Rows to learn from and later rows to judge by."""

    train: Rows
    valid: Rows


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


def choose(
    frame: pd.DataFrame,
    features: Sequence[Feature],
    target: Array,
    folds: Sequence[Fold],
    task: str,
    deadline: float,
    progress: Callable[[float, str], None],
) -> tuple[list[Chosen], float]:
    """The features that lower the loss on later rows, most important first.

    Args:
        frame: a row for each of the target, a column for each feature.
        features: the candidates, simplest first.
        target: numbers, or positions of classes.
        folds: see `make_folds`.
        task: classification or regression.
        deadline: by `time.monotonic`; no further fit is begun after it.
        progress: told the share that is done.

    Returns:
        The features (none if no candidate tells more than chance), and the share by which they lower the loss that a
        constant has on later rows.
    """
    usable = [feature for feature in features if frame[feature.name].nunique() > 1 or _varies(frame[feature.name])]
    kinds = {feature.name: feature.kind for feature in usable}
    judge = _Judge(frame, kinds, target, folds, task)
    beyond = judge.beyond_chance(list(kinds)).sort_values(ascending=False, kind="stable")
    progress(0.5, f"{len(usable)} candidates ranked")
    ranked = _unlike(frame, kinds, [str(name) for name in beyond.index[beyond > 0]])
    if not ranked:
        return [], 0.0
    best: tuple[float, pd.Series] | None = None
    for size in SIZES:
        if time.monotonic() > deadline:
            break
        loss, shares = judge.judged(ranked[:size])
        progress(0.5 + 0.45 * min(size / SIZES[-1], 1), f"{min(size, len(ranked))} features, loss {loss:.4g}")
        if best is None or loss < best[0] * (1 - ENOUGH):
            best = (loss, shares)
        if size >= len(ranked):
            break
    loss, shares = best or judge.judged(ranked[:USUAL])
    by_name = {feature.name: feature for feature in usable}
    ordered = shares.sort_values(ascending=False)
    found = [Chosen(by_name[str(name)], float(share)) for name, share in ordered.items()]
    return found, 1 - loss / (judge.constant_loss() or 1.0)


def _varies(column: pd.Series) -> bool:
    return bool(column.isna().any() and column.notna().any())


def _unlike(frame: pd.DataFrame, kinds: dict[str, str], names: Sequence[str]) -> list[str]:
    """The names without those of numbers that an earlier one almost is."""
    rows = np.random.default_rng(0).permutation(len(frame))[:COMPARED]
    kept: list[str] = []
    ranks: list[Array] = []
    for name in names:
        if kinds[name] == "category":
            kept.append(name)
            continue
        values = frame[name].to_numpy(np.float64, na_value=np.nan)[rows]
        ranked = rankdata(np.where(np.isnan(values), -np.inf, values))
        centred = ranked - ranked.mean()
        length = float(np.sqrt((centred**2).sum()))
        centred = centred / length if length else centred
        if not ranks or np.abs(np.stack(ranks) @ centred).max() < ALIKE:
            kept.append(name)
            ranks.append(centred)
        if len(kept) == SIZES[-1]:
            break
    return kept


class _Judge:
    """Fits quick boostings on the folds."""

    def __init__(
        self, frame: pd.DataFrame, kinds: dict[str, str], target: Array, folds: Sequence[Fold], task: str
    ) -> None:
        self.frame, self.kinds, self.target, self.folds, self.task = frame, kinds, target, folds, task
        self.classes = 0 if task == "regression" else int(target.max()) + 1
        self.texts = Texts(frame, target, kinds, self.classes, rows=len(frame), seconds=READING)

    def beyond_chance(self, names: Sequence[str]) -> pd.Series:
        """Each feature's share of the loss that splits on it save, less what as many shuffled columns might."""
        fits = in_threads(lambda fold: self._fit(names, fold, SHADOWS), list(self.folds))
        shares = pd.concat([fit.by_source().sum() for fit in fits], axis=1).mean(axis=1)
        widths = pd.concat([fit.by_source().size() for fit in fits], axis=1).mean(axis=1)
        by_chance = float(np.quantile(shares[[name for name in shares.index if name.startswith("\0")]], 0.9))
        beyond: pd.Series = (shares - widths * by_chance).reindex(names, fill_value=0.0)
        return beyond

    def judged(self, names: Sequence[str]) -> tuple[float, pd.Series]:
        """The mean loss on validation rows, and each feature's share of the gain."""
        fits = in_threads(lambda fold: self._fit(names, fold), list(self.folds))
        losses = [self._loss(fit, fold) for fit, fold in zip(fits, self.folds, strict=True)]
        shares = [fit.by_source().sum().reindex(names, fill_value=0.0) for fit in fits]
        return float(np.mean(losses)), pd.concat(shares, axis=1).mean(axis=1)

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

    def _fit(self, names: Sequence[str], fold: Fold, shadows: int = 0) -> "_Fit":
        encoder = make_encoder({name: self.kinds[name] for name in names}, "tree", self.task)
        features, y = self.frame[list(names)].iloc[fold.train], self.target[fold.train]
        train = encoder.fit_transform(features, y, self.texts.learn(fold.train, names))
        random = np.random.default_rng(0)
        copied = random.integers(train.shape[1], size=shadows)
        matrix = np.column_stack([train, *(random.permutation(train[:, place]) for place in copied)])
        model = self._boosting(matrix.shape[1]).fit(matrix, y)
        gains = np.zeros(matrix.shape[1])
        for tree in (tree for trees in model._predictors for tree in trees):
            nodes = tree.nodes[tree.nodes["is_leaf"] == 0]
            np.add.at(gains, nodes["feature_idx"], nodes["gain"])
        sources = [*encoder.sources_, *(f"\0{place}" for place in range(shadows))]
        return _Fit(encoder, model, pd.Series(gains / (gains.sum() or 1.0), index=sources))

    def _boosting(self, width: int) -> HistGradientBoostingClassifier | HistGradientBoostingRegressor:
        kind = HistGradientBoostingClassifier if self.classes else HistGradientBoostingRegressor
        return kind(
            max_iter=ITERATIONS,
            learning_rate=0.08,
            max_leaf_nodes=15,
            min_samples_leaf=20,
            l2_regularization=1.0,
            max_features=0.3 if width > 100 else 0.7,
            early_stopping=False,
            random_state=0,
        )

    def _loss(self, fit: "_Fit", fold: Fold) -> float:
        y = self.target[fold.valid]
        matrix = fit.encoder.transform(self.frame[list(fit.encoder.kinds)].iloc[fold.valid])
        if not self.classes:
            return float(np.sqrt(mean_squared_error(y, fit.model.predict(matrix))))
        chances = _all_classes(fit.model, matrix, self.classes)
        return float(log_loss(y, chances, labels=np.unique(self.target)))


@dataclass(frozen=True)
class _Fit:
    """A boosting on a fold, and the share that each column of its matrix has in what splits save."""

    encoder: FeatureEncoder
    model: HistGradientBoostingClassifier | HistGradientBoostingRegressor
    shares: pd.Series

    def by_source(self) -> Any:  # noqa: ANN401 -- pandas' groups have no public type
        """The shares grouped by the feature that a column comes from; shadows' names begin with a null character."""
        return self.shares.groupby(level=0)


def _all_classes(model: HistGradientBoostingClassifier, matrix: Array, classes: int) -> Array:
    chances: Array = np.full((len(matrix), classes), 1e-6)
    chances[:, model.classes_.astype(np.intp)] += model.predict_proba(matrix)
    chances /= chances.sum(axis=1, keepdims=True)
    return chances
