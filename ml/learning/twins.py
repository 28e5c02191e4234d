"""Rows that stand on both sides of the split: exact duplicates, and one entity under several names."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binom
from sklearn.neighbors import NearestNeighbors

from ml.learning.dataset import Rows, thin
from ml.learning.encode import make_encoder
from ml.learning.evidence import Array, Evidence
from ml.learning.findings import Finding

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
TRAIN_ROWS, TEST_ROWS = 4_000, 1_000


def duplicated_rows(evidence: Evidence) -> Iterator[Finding]:
    """Test rows that equal a training row in every feature and in the target.

    Where features take few values, different entities are alike by chance. But then many more are alike if a few
    features are left out, of the same rows and of others; of true copies, hardly more.
    """
    dataset, learn, judge = evidence.dataset, evidence.split.train, evidence.split.test
    names = list(dataset.kinds)
    columns = {name: _hashed(dataset.features[name]) for name in names}
    target = pd.util.hash_array(dataset.known_target)

    def equals(chosen: Sequence[str]) -> NDArray[np.intp]:
        return _equal_rows(np.column_stack([target, *(columns[name] for name in chosen)]), learn, judge)

    found = equals(names)
    is_copy = (found > 0) & (found <= COMMON_PROFILE)
    share = float(is_copy.mean())
    if is_copy.sum() < FEW_COPIES or share < TOLD_SHARE:
        return
    random = np.random.default_rng(0)
    fewer = len(names) - max(len(names) // 4, 1)
    draws = [random.choice(names, fewer, replace=False).tolist() for _ in range(DRAWS)] if fewer else []
    nearly = [equals(chosen) for chosen in draws]
    if draws and np.mean([near[is_copy] / found[is_copy] for near in nearly]) > BY_CHANCE:
        return
    if draws and np.mean([(near > 0) & (found == 0) for near in nearly]) > share:
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
    """Without time: test rows with a training row much nearer than density explains: one entity under several ids.

    In a space of d dimensions the nearest of k neighbours lies within a share r of the distance of the k-th with
    chance 1 - (1 - r^d)^(k - 1); d is estimated from the fifth and the tenth neighbour, which few copies disturb
    (after Facco et al., "Estimating the intrinsic dimension of datasets by a minimal neighborhood information", 2017).
    """
    dataset = evidence.dataset
    learn = thin(dataset, evidence.split.train, TRAIN_ROWS)
    judge = thin(dataset, evidence.split.test, TEST_ROWS)
    if dataset.as_of is not None or len(learn) <= NEIGHBOURS:
        return
    distances, nearest = _neighbours(evidence, learn, judge)
    spread = distances[:, -1] > 0
    if not spread.any():
        return
    ratio = distances[spread, MIDDLE - 1] / distances[spread, -1]
    dimension = np.log(2) / max(-np.log(np.clip(np.median(ratio), 1e-9, 1 - 1e-9)), 1e-9)
    expected = 1 - (1 - CLOSE**dimension) ** (NEIGHBOURS - 1)
    # Copies to the last digit are the business of `duplicated_rows`.
    close = (distances[:, 0] > EQUAL * distances[:, -1]) & (distances[:, 0] < CLOSE * distances[:, -1])
    share, chance = float(close.mean()), float(binom.sf(close.sum() - 1, len(judge), expected))
    if share - expected < TOLD_SHARE or chance > CHANCE or not _agree(evidence, judge[close], learn[nearest[close, 0]]):
        return
    yield Finding(
        "error" if share - expected >= FORBIDDEN_SHARE else "warning",
        "entity overlap",
        f"{share:.1%} of the test rows have a training row that is almost the same, outcome included (by chance it "
        f"would be {expected:.1%}): one thing seems to have several ids, so that it is learned and tested. Declare as "
        "`entity` what the rows are about.",
        None,
        share,
        expected + FORBIDDEN_SHARE,
    )


def _neighbours(evidence: Evidence, learn: Rows, judge: Rows) -> tuple[Array, NDArray[np.intp]]:
    dataset = evidence.dataset
    encoder = make_encoder(dataset.kinds, "linear", evidence.prediction.task)
    try:
        near = NearestNeighbors(n_neighbors=NEIGHBOURS).fit(
            encoder.fit_transform(dataset.features.iloc[learn], dataset.known_target[learn])
        )
    except ValueError:  # no feature varies
        return np.zeros((len(judge), NEIGHBOURS)), np.zeros((len(judge), NEIGHBOURS), np.intp)
    distances, nearest = near.kneighbors(encoder.transform(dataset.features.iloc[judge]))
    return distances, nearest


def _agree(evidence: Evidence, rows: Rows, others: Rows) -> bool:
    target = evidence.dataset.known_target
    near = np.abs(target[rows] - target[others])
    limit = 0.5 if evidence.dataset.classes else 0.1 * float(np.std(target))
    return bool((near < limit).mean() >= AGREE)


def _hashed(column: pd.Series) -> NDArray[np.uint64]:
    return np.asarray(pd.util.hash_pandas_object(column, index=False), dtype=np.uint64)


def _equal_rows(parts: NDArray[np.uint64], learn: Rows, judge: Rows) -> NDArray[np.intp]:
    """How many learned rows equal each judged one, given a hash of each column."""
    weights = np.random.default_rng(1).integers(1, 2**63, parts.shape[1], dtype=np.uint64) | np.uint64(1)
    codes = pd.factorize((parts * weights).sum(axis=1, dtype=np.uint64))[0]
    counts: NDArray[np.intp] = np.bincount(codes[learn], minlength=int(codes.max()) + 1)[codes[judge]]
    return counts
