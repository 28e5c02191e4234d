"""Splits a dataset into train, test and folds, so that no row learns from its own future."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from ml.declaration import Prediction
from ml.errors import DataError
from ml.learning.dataset import Dataset, Rows
from ml.learning.order import block_order, entity_hash

Fold = tuple[Rows, Rows]

FOLDS = 3  # periods to validate on, where there is time
# Parts of the entities where there is none: the fewer the rows, the more each fold must learn from.
MANY_FOLDS, FEW_FOLDS, FEW_ROWS = 8, 5, 3_000
TEST_SHARE = 0.2  # of the entities, where there is no time
# A period to validate on grows by whole as-ofs until it holds this many rows; of few rows at most the first share, of
# many at least the second: a few thousand rows of two days would choose for the weather of those days.
PERIOD_ROWS, MOST_OF_FEW, LEAST_OF_MANY = 2_000, 0.1, 0.05
LEAST_LEARNED = 0.5  # of the rows before the test, that a fold must learn from


@dataclass(frozen=True)
class Split:
    """Positions of rows. Fitting rows stand in blocks that lie apart: ordered by time, or by entity without time.

    Attributes:
        train: rows to learn from.
        test: rows to be judged on, once.
        folds: pairs of (train, validation), all within `train`.
        tried: the pairs that candidates are tried on: `folds`, or of all rows before the test, see `_tried`.
        are_periods: whether those are periods that follow each other; else parts of the entities.
        tested_from: the first as-of of the test, or None without time.
        tested_to: the last as-of of the test, or None without time.
    """

    train: Rows
    test: Rows
    folds: tuple[Fold, ...]
    tried: tuple[Fold, ...]
    are_periods: bool
    tested_from: np.datetime64 | None
    tested_to: np.datetime64 | None


def split_rows(dataset: Dataset, prediction: Prediction) -> Split:
    """Split the closed rows into train, test and validation folds.

    With time, the test is the latest horizon's worth of as-ofs, and rows train only if their outcome was known by the
    first of them (purging: de Prado, Advances in Financial Machine Learning, 2018, ch. 7); the folds repeat this on
    ever earlier periods. A period grows by whole as-ofs until it holds enough rows to judge by. Without time, or with
    a single as-of, entities are dealt out by a stable hash.

    Raises:
        DataError: a side would be empty, or would hold one class only.
    """
    closed = block_order(dataset, dataset.closed)
    if not len(closed):
        raise DataError(f"{prediction.name}: no row has a known '{prediction.target}'.")
    as_of = dataset.as_of
    if as_of is None or not dataset.has_periods:
        return _split_by_entity(dataset, prediction, closed)
    horizon = np.timedelta64(prediction.horizon or timedelta(0)).astype("timedelta64[us]")
    train, test = _last_period(closed, as_of, horizon)
    periods = tuple(_time_folds(dataset, train, as_of, horizon))
    folds = periods or _entity_folds(dataset, train)
    if not folds or not _both_usable(dataset, train, test):
        raise _too_little(dataset, prediction, train, test)
    earlier = closed[as_of[closed] < as_of[test].min()]
    tried = _tried(dataset, folds, earlier)
    return _split(dataset, train, test, folds, tried, are_periods=tried is periods)


def _tried(dataset: Dataset, folds: tuple[Fold, ...], earlier: Rows) -> tuple[Fold, ...]:
    """Where the horizon is so long beside the history that purging leaves little to fit on: folds by entity, unpurged.

    A choice by few rows is luck. So weights, iterations and calibration see outcomes that became known after the test
    began; the estimators that are tested do not.
    """
    if max(len(learn) for learn, _ in folds) >= LEAST_LEARNED * len(earlier):
        return folds
    return _entity_folds(dataset, earlier) or folds


def _last_period(rows: Rows, as_of: NDArray[np.datetime64], horizon: np.timedelta64) -> Fold:
    """Cut off the last horizon's worth of the rows, given in time order; what comes before is purged."""
    times = as_of[rows]
    by_time = np.searchsorted(times, times[-1] - horizon, side="right")
    wanted = min(max(PERIOD_ROWS, int(len(rows) * LEAST_OF_MANY)), int(len(rows) * MOST_OF_FEW))
    by_rows = len(rows) - max(wanted, 1)
    # The period starts with the first row of an as-of: none is torn apart.
    first = times[min(by_time, by_rows)]
    known = (times < first) & (times + horizon <= first)
    return rows[known], rows[times >= first]


def _time_folds(
    dataset: Dataset, train: Rows, as_of: NDArray[np.datetime64], horizon: np.timedelta64
) -> Iterator[Fold]:
    rest = train
    for _ in range(FOLDS):
        if len(rest) == 0:
            return
        learn, judge = _last_period(rest, as_of, horizon)
        if not _both_usable(dataset, learn, judge):
            return
        yield learn, judge
        rest = rest[as_of[rest] < as_of[judge].min()]


def _split_by_entity(dataset: Dataset, prediction: Prediction, closed: Rows) -> Split:
    # The size of the hash deals test and train, its remainder deals the folds: so the two are independent.
    is_test = entity_hash(dataset, closed) < np.uint64(TEST_SHARE * 2**64)
    train, test = closed[~is_test], closed[is_test]
    folds = _entity_folds(dataset, train)
    if not folds or not _both_usable(dataset, train, test):
        raise _too_little(dataset, prediction, train, test)
    return _split(dataset, train, test, folds, folds, are_periods=False)


def _split(
    dataset: Dataset, train: Rows, test: Rows, folds: tuple[Fold, ...], tried: tuple[Fold, ...], *, are_periods: bool
) -> Split:
    tested = None if dataset.as_of is None else dataset.as_of[test]
    first, last = (None, None) if tested is None else (tested.min(), tested.max())
    return Split(train, test, folds, tried, are_periods, first, last)


def _entity_folds(dataset: Dataset, train: Rows) -> tuple[Fold, ...]:
    count = MANY_FOLDS if len(train) <= FEW_ROWS else FEW_FOLDS
    hashes = entity_hash(dataset, train)
    part = (hashes % np.uint64(count)).astype(np.intp)
    if len(np.unique(hashes)) == len(train):
        # Each row is an entity of its own: the folds may have like shares of every class, or of low and high values.
        part[np.lexsort((hashes, dataset.known_target[train]))] = np.arange(len(train)) % count
    folds = [(train[part != number], train[part == number]) for number in range(count)]
    return tuple(fold for fold in folds if _both_usable(dataset, *fold))


def _both_usable(dataset: Dataset, *sides: Rows) -> bool:
    return all(_variety(dataset, rows) >= (2 if dataset.classes else 1) for rows in sides)


def _variety(dataset: Dataset, rows: Rows) -> int:
    """How many classes the rows hold, or one for any number of values."""
    return len(np.unique(dataset.known_target[rows])) if dataset.classes else min(len(rows), 1)


def _too_little(dataset: Dataset, prediction: Prediction, train: Rows, test: Rows) -> DataError:
    have = f"{len(dataset.closed)} rows with a known '{prediction.target}'"
    need = "more entities"
    if dataset.as_of is not None and dataset.has_periods:
        have += f" at {len(np.unique(dataset.as_of[dataset.closed]))} as-ofs"
        need = f"as-ofs that span more than twice the horizon ({prediction.horizon or timedelta(0)})"
    if dataset.classes:
        need += ", with two classes on each side"
    sides = f"{_describe(dataset, train)} to train and {_describe(dataset, test)} to test"
    return DataError(
        f"{prediction.name}: too little to split: {have} leave {sides}. Needed: {need}. "
        "Add history to the feature model, or shorten the horizon."
    )


def _describe(dataset: Dataset, rows: Rows) -> str:
    return f"{len(rows)} rows" + (f" of {_variety(dataset, rows)} classes" if dataset.classes else "")
