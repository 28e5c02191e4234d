"""Is there data enough for a target: periods, drift, history, label delay, columns, and a model that beats nothing."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from scipy.stats import norm, spearmanr, t

from ml.learning.curve import Curve
from ml.learning.dataset import Dataset
from ml.learning.evidence import Array, Evidence
from ml.learning.findings import Finding
from ml.learning.measures import clustered_weights, roc_auc, roc_auc_ovr
from ml.learning.split import FOLDS

SHOWN_PERIODS = 12
# With 30 rows of a class the area under the ROC curve is known to about 0.05 (Hanley and McNeil, 1982): a gain of a
# tenth is hardly told from chance.
FEW_OUTCOMES = 30
DOUBT = 0.05  # chance that worthless data pass for enough, over both ways in which a model is judged
SAMPLES = 400
# A fold each, the test, and one horizon before the first of them to learn from.
NEEDED_HORIZONS = FOLDS + 2
LATE_REMEDY = (
    "See why outcomes come late. If these rows lie ahead, as those of a plan do, tell closed rows from as long before "
    "their as-of, as `martlet features` does."
)
YEAR = 365.25  # days; seasons that were seen once can't be told from trends
DRIFT = 0.25  # of the base rate, or of a spread of the target: what a plan would notice
DRIFT_CHANCE = 0.01
MOSTLY_MISSING = 0.95
MUCH_TO_GAIN = 0.02  # skill that twice the data would add, for certain, at which collecting comes first
LATE_STEPS = 2  # as-ofs by which outcomes may be later than the horizon says


def periods(dataset: Dataset, counts: pd.DataFrame) -> pd.DataFrame:
    """Rows and outcomes per period: as-ofs, grouped to a dozen at most.

    Args:
        dataset: closed rows, all or some.
        counts: how many `rows` there are, and how many of them are `closed`, by as-of.

    Returns:
        A row per period, oldest first: `first` and `last` as-of, `rows`, `closed`, `outcome` (the mean target; of
        several classes the share of the most frequent one; NaN if none is closed).
    """
    moments = counts.sort_index()
    group = np.arange(len(moments)) * min(SHOWN_PERIODS, len(moments)) // max(len(moments), 1)
    frame = moments.rename_axis("as_of").reset_index().assign(group=group)
    outcome = pd.DataFrame({"as_of": pd.Series(dataset.as_of), "y": outcomes(dataset)})
    known = outcome.groupby("as_of")["y"].agg(["count", "sum"]).reset_index()
    frame = frame.merge(known, on="as_of", how="left").fillna({"count": 0, "sum": 0.0})
    grouped = frame.groupby("group").agg(
        first=("as_of", "min"),
        last=("as_of", "max"),
        rows=("rows", "sum"),
        closed=("closed", "sum"),
        known=("count", "sum"),
        total=("sum", "sum"),
    )
    grouped["outcome"] = grouped["total"] / grouped["known"].where(grouped["known"] > 0)
    return grouped.drop(columns=["known", "total"]).reset_index(drop=True)


def outcomes(dataset: Dataset) -> Array:
    """What is averaged of a target: its value, 1 for the positive class, or 1 for the most frequent of several."""
    target = dataset.known_target
    if len(dataset.classes) <= 2:
        return target
    most = np.bincount(target.astype(np.intp)).argmax()
    is_most: Array = (target == most).astype(np.float64)
    return is_most


def few_outcomes(evidence: Evidence) -> Iterator[Finding]:
    """Classes of few rows."""
    dataset = evidence.dataset
    for place, rows in enumerate(np.bincount(dataset.known_target.astype(np.intp)) if dataset.classes else ()):
        if rows < FEW_OUTCOMES:
            yield Finding(
                "warning",
                "outcomes",
                f"Only {rows} closed rows are of class '{dataset.classes[place]}': below {FEW_OUTCOMES} no score is "
                "known to better than 0.05.",
                value=float(rows),
                threshold=FEW_OUTCOMES,
            )


def drift(evidence: Evidence) -> Iterator[Finding]:
    """Whether the latest period's outcomes lie outside what earlier periods foretell (a prediction interval)."""
    dataset = evidence.dataset
    if dataset.as_of is None:
        return
    closed = pd.Series(outcomes(dataset)).groupby(dataset.as_of).mean()
    width = max(len(closed) // SHOWN_PERIODS, 1)
    means = closed.groupby(np.arange(len(closed))[::-1] // width).mean().sort_index(ascending=False).to_numpy()
    before, last = means[:-1], float(means[-1])
    if len(before) < 4:  # a spread of fewer is no measure
        return
    usual, spread = float(before.mean()), float(before.std(ddof=1))
    scale = abs(usual) if dataset.classes else float(np.std(dataset.known_target))
    limit = float(t.isf(DRIFT_CHANCE / 2, len(before) - 1)) * spread * np.sqrt(1 + 1 / len(before))
    if abs(last - usual) > max(limit, DRIFT * scale):
        yield Finding(
            "warning",
            "drift",
            f"The mean outcome of the latest period is {last:.4g}, of all earlier ones {usual:.4g}: what was learned "
            "may not hold. Look for what changed, and retrain often.",
            value=last - usual,
            threshold=max(limit, DRIFT * scale),
        )


def history(evidence: Evidence, counts: pd.DataFrame) -> Iterator[Finding]:
    """History against the horizon, and the delay of outcomes."""
    dataset, horizon = evidence.dataset, evidence.prediction.horizon
    if dataset.as_of is None:
        return
    first, last = pd.Timestamp(dataset.as_of.min()), pd.Timestamp(dataset.as_of.max())
    days = (last - first) / pd.Timedelta(days=1)
    if not dataset.has_periods:
        yield Finding(
            "warning",
            "history",
            f"All closed rows have one as-of, {first:%Y-%m-%d}: entities are split into teaching and "
            "judging ones, so nobody knows what another time will change. Add earlier as-ofs.",
            value=days,
        )
        return
    seasons = "" if days >= YEAR else "; a season was seen once at most, so collect at least a year"
    yield Finding(
        "info",
        "history",
        f"Closed as-ofs span {days:.0f} days ({first:%Y-%m-%d} to {last:%Y-%m-%d}){seasons}.",
        value=days,
    )
    if not horizon:
        return
    spans = days / (horizon / pd.Timedelta(days=1))
    if spans < NEEDED_HORIZONS:
        yield Finding(
            "warning",
            "history",
            f"The history is {spans:.1f} horizons long; below {NEEDED_HORIZONS} there are not {FOLDS} periods to "
            "validate on that lie apart. Add history, or shorten the horizon.",
            value=spans,
            threshold=NEEDED_HORIZONS,
        )
    delay = (counts.index.max() - last) / pd.Timedelta(days=1)
    steps = np.diff(counts.sort_index().index.to_numpy()) / np.timedelta64(1, "D")
    due = horizon / pd.Timedelta(days=1) + LATE_STEPS * (float(np.median(steps)) if len(steps) else 0.0)
    late = delay > due
    yield Finding(
        "warning" if late else "info",
        "label delay",
        f"The newest known outcome is of {last:%Y-%m-%d}, {delay:.0f} days before the newest as-of"
        + (f"; after the horizon it should be {due:.0f} at most. {LATE_REMEDY}" if late else "."),
        value=delay,
        threshold=due,
    )


def columns(evidence: Evidence) -> Iterator[Finding]:
    """Features that are constant, or hardly ever known, in the closed rows."""
    for name in evidence.dataset.kinds:
        column = evidence.dataset.features[name]
        missing = float(column.isna().mean())
        if missing == 1:
            continue  # said of the whole table already, or of its open rows
        if missing == 0 and column.iloc[:100].nunique() == 1 and column.nunique() == 1:
            yield Finding(
                "warning", "features", f"'{name}' has one value in all closed rows: it can't help.", name, 1.0
            )
        elif missing >= MOSTLY_MISSING:
            yield Finding(
                "warning",
                "features",
                f"'{name}' is null in {missing:.1%} of the closed rows.",
                name,
                missing,
                MOSTLY_MISSING,
            )


def enough(evidence: Evidence) -> Iterator[Finding]:
    """Whether a quick model beats saying the same of every row, on rows that it did not learn from.

    It may do so in either of two ways, each tested at half of `DOUBT`: by its loss, row by row, or by how it
    ranks rows.
    """
    losses = evidence.losses(evidence.together)
    low, high = _interval(
        evidence, lambda weights: 1 - (weights @ losses) / np.maximum(weights @ evidence.naive, 1e-300)
    )
    skill, level = evidence.skill(losses), DOUBT / 2
    text = f"A quick model saves {skill:.1%} of the naive loss on rows that it did not learn from"
    text += f" (95 % interval {low:.1%} to {high:.1%}; {len(evidence.judged)} rows)"
    if evidence.gains(losses, evidence.naive, 1, level) or _ranks(evidence, level):
        yield Finding("info", "skill", f"{text}.", value=skill)
        if losses.mean() >= evidence.history.mean():
            yield Finding(
                "warning",
                "skill",
                "The quick model's loss is no lower than the best naive guess's: features should tell more.",
                value=skill,
                threshold=evidence.skill(evidence.history),
            )
        return
    wanted = "rows"
    if evidence.dataset.classes:
        rarest = int(np.bincount(evidence.dataset.known_target.astype(np.intp)).argmin())
        wanted = f"outcomes, of '{evidence.dataset.classes[rarest]}' before all"
    yield Finding(
        "error",
        "enough data",
        f"{text}, which chance alone would do: the data can't carry this prediction yet. Collect more {wanted}, or "
        "features that tell of the target.",
        value=low,
        threshold=0.0,
    )


def outlook(curve: Curve | None) -> Iterator[Finding]:
    """What twice the data would buy."""
    if curve is None:
        return
    points = ", ".join(f"{skill:.1%} from {rows}" for rows, skill in zip(curve.rows, curve.skills, strict=True))
    yield Finding("info", "learning curve", f"Skill by rows learned from: {points}.", value=curve.skills[-1])
    first = curve.gain_lower >= MUCH_TO_GAIN
    advice = "Collect more rows first" if first else "New features will pay more than more rows"
    yield Finding(
        "info",
        "twice the data",
        f"Twice the {curve.rows_now} rows would add {curve.gain:.1%} of skill (90 % interval {curve.gain_lower:.1%} to "
        f"{curve.gain_upper:.1%}). {advice}.",
        value=curve.gain,
        threshold=MUCH_TO_GAIN,
    )


def _ranks(evidence: Evidence, level: float) -> bool:
    """Whether outputs rank rows better than chance: the area under the ROC curve, or the correlation of ranks."""
    outputs, y = evidence.together, evidence.dataset.known_target[evidence.judged]
    if not evidence.dataset.classes:
        if np.ptp(outputs) == 0:
            return False
        entities = len(np.unique(evidence.clusters))
        value = float(spearmanr(outputs[:, 0], y).statistic)
        return bool(np.arctanh(min(value, 0.999)) * np.sqrt(max(entities - 3, 1)) > norm.isf(level))
    two = outputs.shape[1] == 2

    def area(weights: Array) -> Array:
        return roc_auc(y, outputs[:, 1], weights) if two else roc_auc_ovr(y, outputs, weights)

    return _interval(evidence, area, level)[0] > 0.5


def _interval(evidence: Evidence, measure: Callable[[Array], Array], tail: float = 0.025) -> tuple[float, float]:
    """A bootstrap interval over entities of the judged rows, with the same chance outside on either side."""
    drawn = np.concatenate([measure(weights) for weights in clustered_weights(evidence.clusters, SAMPLES, seed=0)])
    low, high = np.nanquantile(drawn, [tail, 1 - tail])
    return float(low), float(high)
