"""Which candidates earn their keep: judged on time-ordered validation, without what others say already."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from ml.features.candidates import Feature
from ml.features.judge import Array, Fold, Judge, Judged

SIZES = (120, 80, 40, 20, 10, 5, 2, 1)  # numbers of features that are tried
UNTRIED = 40  # features, if there is no time to try
# Shares of a constant's loss, and of what the best features save of that, that more features must save.
ENOUGH, ENOUGH_OF_GAIN = 0.0035, 0.05
# Rows beyond the most frequent class for each feature, as fewer tell one from another by chance (Peduzzi et al., "A
# simulation study of the number of events per variable in logistic regression analysis", 1996).
CASES, FEW = 10, 5  # so many features may be kept of however few rows
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
        deadline: by `time.monotonic`; no further number of features is tried after it.
        progress: told the share that is done.

    Returns:
        The features (none if no candidate tells more than chance), and the share by which they lower the loss that a
        constant has on later rows.
    """
    usable = [feature for feature in features if frame[feature.name].nunique() > 1 or _varies(frame[feature.name])]
    kinds = {feature.name: feature.kind for feature in usable}
    beyond = Judge(frame, kinds, target, folds, task).beyond_chance(list(kinds))
    progress(0.5, f"{len(usable)} candidates ranked")
    if not (beyond > 0).any():
        return [], 0.0
    ranked = _unlike(frame, kinds, _ordered(beyond))
    judge = Judge(frame, {name: kinds[name] for name in ranked}, target, folds, task)
    most, constant = max(judge.cases // CASES, FEW), judge.constant_loss()
    judged = _shrunk(judge, ranked, deadline, progress) or [judge.judged(ranked[:UNTRIED])]
    best = _fewest([one for one in judged if len(one.shares) <= most] or [judge.judged(ranked[:most])], constant)
    # Few say what they tell undiluted: what gains no more than chance among them is not missed.
    beyond = judge.beyond_chance(list(best.shares.index))
    if 0 < (beyond > 0).sum() < len(beyond):
        best = _fewest([best, judge.judged(_ordered(beyond[beyond > 0]))], constant)
    by_name = {feature.name: feature for feature in usable}
    found = [Chosen(by_name[name], float(best.shares[name])) for name in _ordered(best.shares[best.shares > 0])]
    return found, 1 - best.loss / (constant or 1.0)


def _shrunk(
    judge: Judge, ranked: Sequence[str], deadline: float, progress: Callable[[float, str], None]
) -> list[Judged]:
    """Ever fewer features, the most first, as long as there is time.

    What says the same as others shares its gain with them: without the weakest, the others are ranked anew (recursive
    feature elimination: Guyon et al., "Gene selection for cancer classification", 2002).
    """
    judged: list[Judged] = []
    for done, size in enumerate(SIZES):
        if judged and len(ranked) <= size:
            continue
        if time.monotonic() > deadline:
            break
        judged.append(judge.judged(ranked[:size]))
        ranked = _ordered(judged[-1].shares)
        progress(0.5 + 0.45 * (done + 1) / len(SIZES), f"{len(ranked)} features, loss {judged[-1].loss:.4g}")
    return judged


def _fewest(judged: Sequence[Judged], constant: float) -> Judged:
    """The fewest features that are hardly worse than the best number of them; `constant` is the loss without any."""
    least = min(one.loss for one in judged)
    worse = min(ENOUGH * constant, ENOUGH_OF_GAIN * max(constant - least, 0.0))
    return min((one for one in judged if one.loss <= least + worse), key=lambda one: len(one.shares))


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
        if len(kept) == SIZES[0]:
            break
    return kept
