"""Which candidates earn their keep: judged on time-ordered validation, without what others say already."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from ml.features.feature import Feature
from ml.features.judge import Array, Fold, Judge, Judged

RANKED = (120, 80)  # numbers of features that are ranked anew before fewer are kept
MOST = 60  # features to keep, as many as people write by hand
DOUBT = 3.5  # standard errors by which fewer features must be better
ALIKE = 0.98  # rank correlation from which on two features say the same
COMPARED = 4_000  # rows that correlations are computed on


@dataclass(frozen=True)
class Chosen:
    """A feature with its share of the gain of all that were chosen."""

    feature: Feature
    share: float


def choose(
    frame: pd.DataFrame,
    features: Sequence[Feature],
    target: Array,
    folds: Sequence[Fold],
    task: str,
    most: int,
    deadline: float,
    progress: Callable[[float, str], None],
) -> tuple[list[Chosen], float]:
    """The features that lower the loss on later rows, most important first.

    Args:
        frame: a row for each of the target, a column for each feature.
        features: the candidates, simplest first.
        target: numbers, or positions of classes.
        folds: see `judge.make_folds`.
        task: classification or regression.
        most: features to keep at most.
        deadline: by `time.monotonic`; no further number of features is tried after it.
        progress: told the share that is done.

    Returns:
        The features (none if no candidate tells more than chance), and the share by which they lower the loss that a
        constant has on later rows.
    """
    usable = [feature for feature in features if frame[feature.name].nunique() > 1 or _varies(frame[feature.name])]
    kinds = {feature.name: feature.kind for feature in usable}
    ranked = _ranked(frame, kinds, target, folds, task)
    progress(0.5, f"{len(usable)} candidates ranked")
    if not ranked:
        return [], 0.0
    judge = Judge(frame, {name: kinds[name] for name in ranked}, target, folds, task)
    best = _most(_shrunk(judge, ranked, most, deadline, progress))
    by_name = {feature.name: feature for feature in usable}
    found = [Chosen(by_name[name], float(best.shares[name])) for name in _ordered(best.shares[best.shares > 0])]
    return found, 1 - best.loss / (judge.constant_loss() or 1.0)


def _ranked(frame: pd.DataFrame, kinds: dict[str, str], target: Array, folds: Sequence[Fold], task: str) -> list[str]:
    """The names of what is unlike the others, the worthiest first; none if nothing tells more than chance.

    A free text becomes so many numbers that it has to tell more than chance itself.
    """
    judge = Judge(frame, kinds, target, folds, task)
    beyond = judge.beyond_chance(list(kinds))
    if not (beyond > 0).any():
        return []
    return _unlike(frame, kinds, [name for name in _ordered(beyond) if beyond[name] > 0 or name not in judge.texts])


def _shrunk(
    judge: Judge, ranked: Sequence[str], most: int, deadline: float, progress: Callable[[float, str], None]
) -> list[Judged]:
    """At most so many features, then a quarter of them and so on down to one, as long as there is time.

    What says the same as others shares its gain with them: without the weakest, the others are ranked anew (recursive
    feature elimination: Guyon et al., "Gene selection for cancer classification", 2002).
    """
    for size in RANKED:
        if most < min(size, len(ranked)) and time.monotonic() < deadline:
            ranked = _ordered(judge.judged(ranked[:size]).shares)
    judged: list[Judged] = []
    size = min(most, len(ranked))
    while size and (not judged or time.monotonic() < deadline):
        judged.append(judge.judged(ranked[:size]))
        ranked = _ordered(judged[-1].shares)
        progress(1 - 0.5 * size / most, f"{size} features, loss {judged[-1].loss:.4g}")
        size = max(size // 4, 1) if size > 1 else 0
    return judged


def _most(judged: Sequence[Judged]) -> Judged:
    """The most features that are not worse than the best number of them beyond all doubt: by `DOUBT` standard errors.

    What a boosting on its own can't use, a blend of estimators can: of few rows, more features were always better, even
    where a boosting lost 3.3 standard errors by them. (Rows of an entity or a time hang together: these are too small.)
    """
    best = min(judged, key=lambda one: one.loss)

    def is_worse(one: Judged) -> bool:
        more = one.losses - best.losses
        return bool(more.mean() > DOUBT * more.std() / np.sqrt(len(more)))

    return max((one for one in judged if one is best or not is_worse(one)), key=lambda one: len(one.shares))


def _ordered(worth: pd.Series) -> list[str]:
    """The names, the worthiest first."""
    return [str(name) for name in worth.sort_values(ascending=False, kind="stable").index]


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
        if len(kept) == RANKED[0]:
            break
    return kept
