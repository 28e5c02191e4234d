"""How far open rows lie from closed ones, feature by feature, against how far closed periods lie from each other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.stats import kstwobign, norm

from ml.learning.dataset import Dataset, Rows
from ml.learning.evidence import ALPHA, Array, Evidence, as_number

MIN_OPEN_ROWS = 5  # fewer open rows tell nothing of a distribution
MOST_LEVELS = 0.2  # of the rows: samples of a text with more levels differ by chance
TIED = 0.2  # squared correlation with what other features say at which a feature counts as tied to them
LOOSER, LOST = 0.5, 0.1  # the share of it that remains in open rows if a tie has loosened, or is lost
LIMIT = 5.0  # multiples of the usual spread beyond which a value counts no more
NEAR_ONE = 0.999  # correlations are cut here, where their transform becomes infinite
RIDGE = 0.01  # keeps features that repeat each other apart
SMALL, LARGE = 0.1, 0.3  # distances (of distributions, 0 to 1) that matter with other evidence, and by themselves
BEYOND = 2.0  # how many times the largest distance between closed periods an open one must be
CONSTANT = 0.999  # share of one value at which a column has collapsed
CHANCE = 1e-6  # that a column which varies in closed periods is constant in the open rows by luck


@dataclass(frozen=True)
class Shift:
    """The distance of the open rows from the last closed period, and the usual one between closed periods."""

    value: float
    usual: float
    threshold: float

    @property
    def is_large(self) -> bool:
        """Whether it matters without any other evidence."""
        return self.value >= max(LARGE, self.threshold)


def collapsed(evidence: Evidence, name: str) -> str:
    """How a column that varies in every closed period has collapsed in the open rows; empty if it has not."""
    if not _comparable(evidence, name):
        return ""
    opened = evidence.opened.features[name]
    if _top_share(opened) < CONSTANT:
        return ""
    usual = max(_top_share(evidence.dataset.features[name].iloc[rows]) for rows in evidence.periods)
    entities = len(evidence.opened.keys.drop_duplicates())  # an entity's rows may repeat one value
    if usual >= CONSTANT or usual**entities > CHANCE:
        return ""
    return "is null" if opened.isna().mean() >= CONSTANT else "has one value"


def open_shift(evidence: Evidence, name: str) -> Shift | None:
    """A shift of the open rows that is neither chance nor usual between closed periods; None if there is none."""
    if not _comparable(evidence, name) or _has_many_levels(evidence, name):
        return None
    blocks = evidence.periods
    closed, opened = evidence.dataset.features[name], evidence.opened.features[name]
    value = distance(closed.iloc[blocks[-1]], opened)
    among = [distance(closed.iloc[before], closed.iloc[after]) for before, after in pairwise(blocks)]
    usual = max(among, default=0.0)
    rows = 1 / (1 / _entities(evidence.dataset, blocks[-1]) + 1 / _entities(evidence.opened, np.arange(len(opened))))
    level = ALPHA / len(evidence.dataset.kinds)  # over as many features as there are (Bonferroni)
    is_text = evidence.dataset.kinds[name] == "category"
    chance = _chance_of_levels(closed.iloc[blocks[-1]], opened, rows, level) if is_text else _chance(rows, level)
    threshold = max(SMALL, chance, BEYOND * usual)
    return Shift(value, usual, threshold) if value >= threshold else None


def _chance(rows: float, level: float) -> float:
    """Kolmogorov and Smirnov's limit for the distance of two samples that have as much to say as so many rows."""
    return float(kstwobign.isf(level) / np.sqrt(rows))


def _chance_of_levels(first: pd.Series, second: pd.Series, rows: float, level: float) -> float:
    """The same for texts: what rare levels make of it by themselves, and how far chance goes beyond.

    The latter by McDiarmid ("On the method of bounded differences", 1989): a row moves the distance by its own weight.
    """
    both = pd.concat([first, second], ignore_index=True)
    share = both.value_counts(normalize=True, dropna=False).to_numpy()
    apart = np.minimum(np.sqrt(2 / np.pi * share * (1 - share) / rows), 2 * share)
    return float(apart.sum() / 2 + np.sqrt(np.log(1 / level) / (2 * rows)))


@dataclass(frozen=True)
class Tie:
    """The squared correlation of a feature with what all others say of it, in open rows and usually."""

    value: float
    usual: float
    threshold: float

    @property
    def is_lost(self) -> bool:
        """Whether next to nothing of it remains."""
        return self.value <= LOST * self.usual


def untied_features(evidence: Evidence) -> Iterator[tuple[str, Tie]]:
    """Features that other features foretell in every closed period, but no longer in the open rows.

    A value made from the outcome is tied to whatever else tells of the outcome, until the outcome is missing; so its
    worth can be seen to collapse without any open outcome. What others say of a feature comes from the inverse
    covariance of all numbers (Lauritzen, Graphical Models, 1996), learned from all closed periods.
    """
    names = [
        name
        for name, kind in evidence.dataset.kinds.items()
        if kind in ("number", "boolean") and _comparable(evidence, name) and not collapsed(evidence, name)
    ]
    closed = [evidence.dataset.features[names].iloc[rows].astype(np.float64) for rows in evidence.periods]
    opened = evidence.opened.features[names].astype(np.float64)
    rows = [_entities(evidence.dataset, evidence.periods[-1]), _entities(evidence.opened, np.arange(len(opened)))]
    if min(rows) <= MIN_OPEN_ROWS:
        return
    # Fisher's test for two correlations, over as many features as there are (Bonferroni).
    limit = norm.isf(ALPHA / max(len(names), 1)) * np.sqrt(sum(1 / (count - 3) for count in rows))
    whole = pd.concat(closed)
    center, scale = whole.median(), whole.quantile(0.9) - whole.quantile(0.1)
    names = [name for name in names if scale[name] > 0]

    def scaled(frame: pd.DataFrame) -> pd.DataFrame:
        return ((frame - center) / scale).clip(-LIMIT, LIMIT).fillna(0.0)

    closed, opened = [scaled(frame) for frame in closed], scaled(opened)
    while len(names) >= 2:  # the loosest first: without it, what was tied to it is judged anew
        usual = np.min([_ties(frame[names], closed) for frame in closed], axis=0)
        now = _ties(opened[names], closed)
        apart = np.arctanh(np.sqrt(np.clip(usual, 0, NEAR_ONE))) - np.arctanh(np.sqrt(np.clip(now, 0, NEAR_ONE)))
        apart[(usual < TIED) | (now > LOOSER * usual)] = -np.inf
        worst = int(apart.argmax())
        if apart[worst] <= limit:
            return
        yield names[worst], Tie(float(now[worst]), float(usual[worst]), float(LOOSER * usual[worst]))
        del names[worst]


def _ties(frame: pd.DataFrame, closed: Sequence[pd.DataFrame]) -> Array:
    """The squared correlation of each column with what the others say of it, learned from all closed periods."""
    covariance = np.cov(np.vstack([part[frame.columns].to_numpy() for part in closed]), rowvar=False)
    inverse = np.linalg.inv(covariance + RIDGE * np.eye(len(frame.columns)))
    matrix = frame.to_numpy()
    said = matrix - matrix @ inverse / np.diag(inverse)
    return np.array([_correlation(matrix[:, place], said[:, place]) ** 2 for place in range(matrix.shape[1])])


def distance(first: pd.Series, second: pd.Series) -> float:
    """Between two samples of a feature, 0 to 1, a null being a value: Kolmogorov's, or half the sum over levels."""
    if first.dtype.kind in "fM":
        ordered = as_number(pd.concat([first, second], ignore_index=True))
        one, two = np.sort(ordered[: len(first)]), np.sort(ordered[len(first) :])
        cuts = np.unique(ordered)
        below = (np.searchsorted(part, cuts, side="right") / len(part) for part in (one, two))
        return float(np.abs(next(below) - next(below)).max())
    shares = [part.value_counts(normalize=True, dropna=False) for part in (first, second)]
    return float(shares[0].sub(shares[1], fill_value=0).abs().sum() / 2)


def _comparable(evidence: Evidence, name: str) -> bool:
    """Whether there are open rows enough, and the column says something of entities, not of the calendar alone."""
    if len(evidence.opened) < MIN_OPEN_ROWS or not len(evidence.dataset):
        return False
    if evidence.dataset.as_of is None:
        return True
    last = evidence.dataset.as_of[evidence.periods[-1]]
    column = evidence.dataset.features[name].iloc[evidence.periods[-1]]
    return bool((column.groupby(last).nunique(dropna=False) > 1).any())


def _has_many_levels(evidence: Evidence, name: str) -> bool:
    is_text = evidence.dataset.kinds[name] == "category"
    return is_text and evidence.opened.features[name].nunique() > MOST_LEVELS * len(evidence.opened)


def _correlation(first: Array, second: Array) -> float:
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def _top_share(column: pd.Series) -> float:
    return float(column.value_counts(normalize=True, dropna=False).iloc[0]) if len(column) else 1.0


def _entities(dataset: Dataset, rows: Rows) -> int:
    return len(dataset.keys.iloc[rows].drop_duplicates())
