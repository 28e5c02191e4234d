"""Rows that stand on both sides of the split: exact duplicates, and one entity under several names."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binom
from sklearn.neighbors import NearestNeighbors

from ml.learning.dataset import Rows
from ml.learning.encode import make_encoder
from ml.learning.evidence import Array, Evidence
from ml.learning.findings import Finding
from ml.learning.order import thin

# Honest tables hold up to a sixth of rows alike, as public ones show; every fifth is a mistake. A hundredth is
# within the noise of a test.
FORBIDDEN_SHARE, TOLD_SHARE = 0.2, 0.01
FEW_COPIES = 3  # one or two alike happen wherever things are measured coarsely
COMMON_PROFILE = 5  # rows alike more often than this are a usual profile (all zero, say), not copies
DRAWS = 8  # of features, of which a quarter is left out
BY_CHANCE = 1.5  # how many times more rows are then alike, if they were alike by chance
CHANCE = 1e-4
NEIGHBOURS, MIDDLE = 10, 5
CLOSE = 0.2  # a copy lies this much nearer than the tenth neighbour
EQUAL = 1e-6  # nearer than this, only rounding differs
AGREE = 0.9  # copies of a row have its outcome
SAME_OUTCOME = 0.5  # of the rows that equal a copy in every feature have its outcome too
TRAIN_ROWS, TEST_ROWS = 4_000, 1_000

Hashes = NDArray[np.uint64]


def duplicated_rows(evidence: Evidence) -> Iterator[Finding]:
    """Test rows that equal a training row in every feature and in the target.

    Where features take few values, different entities are alike by chance. But then most of those that are alike differ
    in the target, or many more are alike if a few features are left out; of true copies, hardly more.
    """
    dataset, learn, judge = evidence.dataset, evidence.split.train, evidence.split.test
    columns = [_hashed(dataset.features[name]) for name in dataset.kinds]
    target = pd.util.hash_array(dataset.known_target)
    found = _equal_rows([target, *columns], learn, judge)
    is_copy = (found > 0) & (found <= COMMON_PROFILE)
    share = float(is_copy.mean())
    if is_copy.sum() < FEW_COPIES or share < TOLD_SHARE:
        return
    alike = _equal_rows(columns, learn, judge[is_copy])
    if np.mean(found[is_copy] / alike) < SAME_OUTCOME or _is_chance(columns, [target], learn, judge, found, is_copy):
        return
    yield Finding(
        "error" if share >= FORBIDDEN_SHARE else "warning",
        "duplicated rows",
        f"{share:.1%} of the test rows equal a training row in every feature and in the target: the test would be "
        "looked up, not predicted. Keep each thing once in the feature model.",
        None,
        share,
        FORBIDDEN_SHARE,
    )


def entity_overlap(evidence: Evidence) -> Iterator[Finding]:
    """Without time: test rows with a training row much nearer than density explains: one entity under several ids."""
    dataset = evidence.dataset
    learn = thin(dataset, evidence.split.train, TRAIN_ROWS)
    judge = thin(dataset, evidence.split.test, TEST_ROWS)
    if dataset.has_periods or len(learn) <= NEIGHBOURS:
        return
    near = _nearness(evidence, list(dataset.kinds), learn, judge)
    if not near.is_unlikely or not _agree(evidence, judge[near.close], near.nearest[near.close]):
        return
    if _is_grid(evidence, near, learn, judge):
        return
    yield Finding(
        "error" if near.share - near.expected >= FORBIDDEN_SHARE else "warning",
        "entity overlap",
        f"{near.share:.1%} of the test rows have a training row that is almost the same, outcome included (by chance "
        f"it would be {near.expected:.1%}): one thing seems to have several ids, so that it is learned and tested. "
        "Declare as `entity` what the rows are about.",
        None,
        near.share,
        near.expected + FORBIDDEN_SHARE,
    )


@dataclass(frozen=True)
class _Nearness:
    """Which rows have a neighbour much nearer than density explains, which one it is, and what share is expected."""

    close: NDArray[np.bool_]
    nearest: Rows
    expected: float

    @property
    def share(self) -> float:
        return float(self.close.mean())

    @property
    def is_unlikely(self) -> bool:
        chance = float(binom.sf(self.close.sum() - 1, len(self.close), self.expected))
        return self.share - self.expected >= TOLD_SHARE and chance <= CHANCE


def _nearness(evidence: Evidence, names: Sequence[str], learn: Rows, judge: Rows) -> _Nearness:
    """Hold the nearest neighbours against what density explains.

    In a space of d dimensions the nearest of k neighbours lies within a share r of the distance of the k-th with
    chance 1 - (1 - r^d)^(k - 1); d is estimated from the fifth and the tenth neighbour, which few copies disturb
    (after Facco et al., "Estimating the intrinsic dimension of datasets by a minimal neighborhood information", 2017).
    """
    distances, places = _neighbours(evidence, names, learn, judge)
    spread = distances[:, -1] > 0
    ratio = distances[spread, MIDDLE - 1] / distances[spread, -1] if spread.any() else np.ones(1)
    dimension = np.log(2) / max(-np.log(np.clip(np.median(ratio), 1e-9, 1 - 1e-9)), 1e-9)
    expected = 1 - (1 - CLOSE**dimension) ** (NEIGHBOURS - 1)
    # Copies to the last digit are the business of `duplicated_rows`.
    close = (distances[:, 0] > EQUAL * distances[:, -1]) & (distances[:, 0] < CLOSE * distances[:, -1])
    return _Nearness(close, learn[places[:, 0]], float(expected))


def _is_grid(evidence: Evidence, near: _Nearness, learn: Rows, judge: Rows) -> bool:
    """Whether rows are near because most features take few values, in which different things are alike by chance.

    What differs between near rows, a number of the row say, is then no nearer than density explains.
    """
    dataset = evidence.dataset
    columns = {name: _hashed(dataset.features[name]) for name in dataset.kinds}
    rows, others = judge[near.close], near.nearest[near.close]
    equal = [name for name, column in columns.items() if (column[rows] == column[others]).mean() >= AGREE]
    moving = [name for name in columns if name not in equal]
    if not equal or not moving or _nearness(evidence, moving, learn, judge).is_unlikely:
        return False
    coarse = [columns[name] for name in equal]
    return _is_chance(coarse, [], learn, judge, _equal_rows(coarse, learn, judge), near.close)


def _is_chance(
    columns: Sequence[Hashes],
    kept: Sequence[Hashes],
    learn: Rows,
    judge: Rows,
    found: NDArray[np.intp],
    alike: NDArray[np.bool_],
) -> bool:
    """Whether many more rows are alike if a quarter of the columns is left out, of those alike already or of others.

    `found` is how many learned rows equal each judged one in all columns, those that are kept included.
    """
    fewer = len(columns) - max(len(columns) // 4, 1)
    if not fewer:
        return False
    random = np.random.default_rng(0)
    draws = [random.choice(len(columns), fewer, replace=False) for _ in range(DRAWS)]
    nearly = [_equal_rows([*kept, *(columns[place] for place in chosen)], learn, judge) for chosen in draws]
    if np.mean([near[alike] / np.maximum(found[alike], 1) for near in nearly]) > BY_CHANCE:
        return True
    return bool(np.mean([(near > 0) & (found == 0) for near in nearly]) > alike.mean())


def _neighbours(evidence: Evidence, names: Sequence[str], learn: Rows, judge: Rows) -> tuple[Array, NDArray[np.intp]]:
    """Distances of the nearest learned rows of each judged one, and their places."""
    dataset = evidence.dataset
    encoder = make_encoder({name: dataset.kinds[name] for name in names}, "linear", evidence.prediction.task)
    features = dataset.features[list(names)]
    try:
        near = NearestNeighbors(n_neighbors=NEIGHBOURS).fit(
            encoder.fit_transform(features.iloc[learn], dataset.known_target[learn])
        )
    except ValueError:  # no feature varies
        return np.zeros((len(judge), NEIGHBOURS)), np.zeros((len(judge), NEIGHBOURS), np.intp)
    distances, nearest = near.kneighbors(encoder.transform(features.iloc[judge]))
    return distances, nearest


def _agree(evidence: Evidence, rows: Rows, others: Rows) -> bool:
    target = evidence.dataset.known_target
    near = np.abs(target[rows] - target[others])
    limit = 0.5 if evidence.dataset.classes else 0.1 * float(np.std(target))
    return bool((near < limit).mean() >= AGREE)


def _hashed(column: pd.Series) -> Hashes:
    return np.asarray(pd.util.hash_pandas_object(column, index=False), dtype=np.uint64)


def _equal_rows(columns: Sequence[Hashes], learn: Rows, judge: Rows) -> NDArray[np.intp]:
    """How many learned rows equal each judged one, given a hash of each column."""
    random = np.random.default_rng(1)
    mixed = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        mixed += column * (random.integers(1, 2**63, dtype=np.uint64) | np.uint64(1))
    codes = pd.factorize(mixed)[0]
    counts: NDArray[np.intp] = np.bincount(codes[learn], minlength=int(codes.max()) + 1)[codes[judge]]
    return counts
