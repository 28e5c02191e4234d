"""Leaks: features that know what nobody knows at the as-of. One function per kind; `LEAKS` names them all.

A strong feature is no leak by being strong: last week's sales tell much of next week's. So one is accused only if all
others together, and the entity's own history, fall far short of it, or if it is the target but for noise (Kaufman et
al., "Leakage in data mining", 2012, call both "too good to be true"). And a later period is no leak by being other:
open rows are held against how much closed periods differ among themselves.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import spearmanr

from ml.learning.evidence import Array, Evidence, as_number
from ml.learning.findings import Finding
from ml.learning.order import thin
from ml.learning.shifts import collapsed, open_shift, untied_features
from ml.learning.twins import duplicated_rows, entity_overlap

Leak = Callable[[Evidence], Iterator[Finding]]

# A copy leaves at most this share of the target's variance: noise of a seventh of its spread. Between clearly different
# classes a measured feature leaves more (of iris setosa against the rest petal length leaves 0.15).
COPY_REST = 0.02
EASY_COPY_REST = 0.005  # the same where all others separate the classes too, as far clusters do: a fourteenth
# Of a quantity, a measurement of the same thing a moment before can leave as little as a hundredth; so a copy is
# closer: a thousandth, which is noise of 3 % of the spread.
COPY_REST_NUMBER = 0.001
NEAR_PERFECT = 0.98  # skill alone that is hardly ever honest: a fiftieth of the variance is left
VERY_STRONG = 0.9  # skill alone that deserves a warning, if all others fall far short
FAR_SHORT = 3.0  # how many times the loss of one feature all others together, or the past, leave
EASY = 0.95  # skill of all others at which a task is easy, and perfection proves nothing
TWIN_FEATURES = 0.99  # rank correlation of features that are one: both are left out of "the others"
# A plan that is not made yet is null in open rows too; it is no leak if it tells little. A model leans on a feature
# that alone has a quarter of the skill of all, or without which the loss grows by a tenth.
LEANED_ON, MISSED = 0.25, 0.1
SAMPLE_ROWS = 5_000  # for correlations
IDENTIFIER_SHARE = 0.95  # of the entities have a value of their own
IDENTIFIER_SKILL = 0.05  # what a part of an identifier may tell by the way
PREFIX_SKILL = 0.5  # what letters may honestly tell: an identifier can begin with its region
DENSE = 2.0  # a counter fills its range: at most this many integers per value
ORDER_SKILL = 0.5  # rows numbered in the order of their outcomes; cohorts alone order them less


def target_copy(evidence: Evidence) -> Iterator[Finding]:
    """Features that all but equal the target, as numbers, ranks or classes."""
    for name, losses in evidence.alone.items():
        left = _left_by(evidence, name, losses)
        limit = COPY_REST if evidence.dataset.classes else COPY_REST_NUMBER
        if left > limit or (left > EASY_COPY_REST and evidence.skill(_others(evidence, name)) >= EASY):
            continue
        if evidence.history.mean() > FAR_SHORT * left * evidence.naive.mean():
            yield Finding(
                "error",
                "target copy",
                f"'{name}' all but equals the target: it leaves {left:.2%} of its variance. "
                "Exclude it, unless it is truly known before the as-of.",
                name,
                1 - left,
                1 - limit,
            )


def single_feature(evidence: Evidence) -> Iterator[Finding]:
    """Features that alone predict almost perfectly where all others together fall far short."""
    for name, losses in evidence.alone.items():
        skill = evidence.skill(losses)
        if skill < VERY_STRONG or not beats_all_others(evidence, name):
            continue
        is_sure = skill >= NEAR_PERFECT
        yield Finding(
            "error" if is_sure else "warning",
            "single feature",
            f"'{name}' alone saves {skill:.1%} of the naive loss, and all others together fall far short of it: it "
            "looks like part of the outcome. Exclude it, unless it is truly known before the as-of.",
            name,
            skill,
            NEAR_PERFECT if is_sure else VERY_STRONG,
        )


def future_value(evidence: Evidence) -> Iterator[Finding]:
    """Features whose open rows look unlike any closed period: they are filled in when the outcome is known."""
    untied = dict(untied_features(evidence))
    for name in evidence.dataset.kinds:
        tells = evidence.gains(evidence.alone[name], evidence.naive, len(evidence.alone))
        gone, shift = collapsed(evidence, name), open_shift(evidence, name)
        if gone:
            text = f"{gone} in the open rows, while it varies in every closed period"
            yield _future(evidence, name, text, tells and _is_leaned_on(evidence, name), 1.0)
        elif tells and name in untied:
            tie = untied[name]
            text = (
                f"follows other features in closed periods (squared correlation {tie.usual:.2f}), but not in open rows"
            )
            yield _future(evidence, name, f"{text} ({tie.value:.2f})", tie.is_lost, tie.value, tie.threshold)
        elif shift is not None:
            text = f"is distributed otherwise in the open rows than in closed ones (distance {shift.value:.2f}, "
            text += f"closed periods among themselves {shift.usual:.2f})"
            is_leak = tells and beats_all_others(evidence, name, factor=1.0)
            if is_leak or shift.is_large:
                yield _future(evidence, name, text, is_leak, shift.value, shift.threshold)


def _future(
    evidence: Evidence, name: str, how: str, is_leak: bool, value: float, threshold: float | None = None
) -> Finding:
    meaning = _why_lost(evidence) if is_leak else "predictions will have to extrapolate."
    level, link = ("error", "") if is_leak else ("warning", ":")
    return Finding(level, "future value", f"'{name}' {how}{link} {meaning}", name, value, threshold)


def _why_lost(evidence: Evidence) -> str:
    if evidence.ahead is None:
        return (
            "and tells of the outcome: it seems to become known only after the as-of. Exclude it, or rebuild it as it "
            "was known at the as-of."
        )
    days = evidence.ahead.max() // np.timedelta64(1, "D")
    return (
        f"and tells of the outcome: open rows lie up to {days} days after the last known outcome, and can't know it. "
        "Exclude it, or tell closed rows from as long before their as-of, as `martlet features` does."
    )


def identifier(evidence: Evidence) -> Iterator[Finding]:
    """Identifiers whose prefix, ending, length, last digits or order tell the outcome."""
    for name in evidence.dataset.kinds:
        parts = dict(_identifier_parts(evidence, name))
        for part, outputs in parts.items():
            losses = evidence.losses(outputs)
            skill = evidence.skill(losses)
            limit = ORDER_SKILL if part == "order" else IDENTIFIER_SKILL
            if skill < limit or not evidence.gains(losses, evidence.naive, len(parts) * len(evidence.alone)):
                continue
            is_sure = part == "order" or "digit" in part or skill >= VERY_STRONG
            if is_sure or skill >= PREFIX_SKILL:
                yield Finding(
                    "error" if is_sure else "warning",
                    "identifier",
                    f"'{name}' looks like an identifier, and its {part} tells the outcome (skill {skill:.1%}): numbers "
                    "were dealt out after it was known. Exclude it.",
                    name,
                    skill,
                    limit,
                )
                break


def beats_all_others(evidence: Evidence, name: str, factor: float = FAR_SHORT) -> bool:
    """Whether a feature alone leaves far less loss than all others together, and than the entity's past."""
    losses = evidence.alone[name]
    if losses.mean() * factor > evidence.history.mean():
        return False
    others = _others(evidence, name)
    suspects = sum(evidence.skill(each) >= VERY_STRONG for each in evidence.alone.values()) or len(evidence.alone)
    if evidence.skill(others) >= EASY:
        return False
    return bool(losses.mean() * factor <= others.mean()) and evidence.gains(losses, others, suspects)


def _is_leaned_on(evidence: Evidence, name: str) -> bool:
    """Whether a model would lean on a feature: alone it tells much of what all tell, or without it much is lost."""
    whole = evidence.losses(evidence.together)
    if evidence.skill(evidence.alone[name]) >= LEANED_ON * max(evidence.skill(whole), 0.0):
        return True
    without = _others(evidence, name)
    return bool(without.mean() >= (1 + MISSED) * whole.mean()) and evidence.gains(whole, without, len(evidence.alone))


def _others(evidence: Evidence, name: str) -> Array:
    """The losses of all features but one and its twins, together or the best of them alone."""
    rows = thin(evidence.dataset, evidence.judged, SAMPLE_ROWS)
    mine = _ranks(evidence, name, rows)
    names = [
        other
        for other in evidence.dataset.kinds
        if other != name and _correlation(mine, _ranks(evidence, other, rows)) < TWIN_FEATURES
    ]
    if not names:
        return evidence.naive
    together = evidence.losses(evidence.outputs(names))
    return min([together, *(evidence.alone[other] for other in names)], key=lambda losses: float(losses.mean()))


def _ranks(evidence: Evidence, name: str, rows: NDArray[np.intp]) -> Array:
    column = evidence.dataset.features[name].iloc[rows]
    if evidence.dataset.kinds[name] == "category":
        return pd.factorize(column, sort=True)[0].astype(np.float64)
    return as_number(column)


def _correlation(first: Array, second: Array) -> float:
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return abs(float(spearmanr(first, second).statistic))


def _left_by(evidence: Evidence, name: str, losses: Array) -> float:
    """The share of variance that is left: of classes by the feature's spread within each, else out of fold or by ranks.

    A number that can be cut into classes without error is no copy of them if it spreads within each as things do.
    """
    left = max(1 - evidence.skill(losses), 0.0)
    if evidence.dataset.kinds[name] != "number":
        return left
    values = as_number(evidence.dataset.features[name].iloc[evidence.judged])
    if np.ptp(values) == 0:
        return 1.0
    y = evidence.dataset.known_target[evidence.judged]
    if not evidence.dataset.classes:
        return min(left, 1 - _correlation(values, y) ** 2)
    within = pd.Series(values).groupby(y).transform("mean").to_numpy()
    spread = float(((values - within) ** 2).mean() / values.var())
    return max(left, spread)


def _identifier_parts(evidence: Evidence, name: str) -> Iterator[tuple[str, Array]]:
    """Outputs by each part of a column that has a value of its own for (nearly) every entity."""
    column = evidence.dataset.features[name]
    kind = evidence.dataset.kinds[name]
    if kind not in ("category", "number") or (kind == "number" and (column % 1 > 0).any()):
        return
    if not _numbers_things(evidence, column):
        return
    if kind == "category":
        text = column.fillna("")
        for part, piece in {
            "first character": text.str[:1],
            "first two characters": text.str[:2],
            "last character": text.str[-1:],
            "length": text.str.len().astype("str"),
        }.items():
            yield part, evidence.level_outputs(piece.to_numpy(object))
        return
    values = column.to_numpy(np.float64)
    for part, base in {"last binary digit": 2, "last digit": 10}.items():
        pieces = np.where(np.isnan(values), -1, values % base).astype(object)
        yield part, evidence.level_outputs(pieces)
    if evidence.dataset.as_of is None and np.ptp(column.dropna()) <= DENSE * column.nunique():
        yield "order", evidence.number_outputs(as_number(column))


def _numbers_things(evidence: Evidence, column: pd.Series) -> bool:
    """Whether values are another in (nearly) every row, or another for each entity, which then keeps it."""
    keys, some = evidence.dataset.keys, evidence.some_entities
    # What holds of all entities holds of some, which takes less time to see.
    return _tells_apart(column.iloc[some], keys.iloc[some]) and (len(some) == len(keys) or _tells_apart(column, keys))


def _tells_apart(column: pd.Series, keys: pd.DataFrame) -> bool:
    known = column.dropna()
    different, entities = known.nunique(), len(keys.drop_duplicates())
    if len(known) < len(column) / 2 or different < IDENTIFIER_SHARE * entities:
        return False
    if different >= IDENTIFIER_SHARE * len(known):
        return True
    pairs = keys.loc[known.index].assign(**{"\x00value": known}).drop_duplicates()
    return len(pairs) * IDENTIFIER_SHARE <= entities


LEAKS: tuple[Leak, ...] = (
    target_copy,
    identifier,
    single_feature,
    future_value,
    entity_overlap,
    duplicated_rows,
)


def find_leaks(evidence: Evidence) -> Iterator[Finding]:
    """Everything that the six kinds of checks find; of one feature only the first, the plainest."""
    accused: set[str] = set()
    for leak in LEAKS:
        for finding in leak(evidence):
            if finding.feature is None or finding.feature not in accused:
                yield finding
            if finding.feature is not None and finding.level == "error":
                accused.add(finding.feature)
