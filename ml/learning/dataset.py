"""Turns a feature model's rows into a dataset, and splits it so that no row learns from its own future."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.declaration import Prediction
from ml.errors import DataError

Rows = NDArray[np.intp]
Fold = tuple[Rows, Rows]

FOLDS = 3  # periods to validate on, where there is time
# Parts of the entities where there is none: the fewer the rows, the more each fold must learn from.
MANY_FOLDS, FEW_FOLDS, FEW_ROWS = 8, 5, 3_000
TEST_SHARE = 0.2  # of the entities, where there is no time
# A period to validate on grows by whole as-ofs until it holds this many rows; of few rows at most the first share, of
# many at least the second: a few thousand rows of two days would choose for the weather of those days.
PERIOD_ROWS, MOST_OF_FEW, LEAST_OF_MANY = 2_000, 0.1, 0.05


@dataclass(frozen=True)
class Dataset:
    """Rows of a feature model, ready to learn from or to score.

    Attributes:
        features: one column per feature, float64 for numbers and booleans, text or categorical for categories (NaN:
            missing). Dates are days after the as-of where there is one (mostly negative), else datetimes.
        target: float64 per row: the value, or the position of its class in `classes`; NaN while unknown.
            None if no row has one.
        keys: the entity columns.
        as_of: datetime64[us] per row, or None.
        kinds: feature name to number, boolean, category or date, in the order of the columns.
        classes: the labels of a classification as text; of two, the positive one is the second.
    """

    features: pd.DataFrame
    target: NDArray[np.float64] | None
    keys: pd.DataFrame
    as_of: NDArray[np.datetime64] | None
    kinds: dict[str, str]
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.features)

    @property
    def closed(self) -> Rows:
        """The positions of the rows whose target is known."""
        return np.flatnonzero(~np.isnan(self.known_target))

    @property
    def known_target(self) -> NDArray[np.float64]:
        """The target of every row; NaN throughout if none is known."""
        return np.full(len(self), np.nan) if self.target is None else self.target

    @cached_property
    def has_periods(self) -> bool:
        """Whether closed rows have several as-ofs, so that later ones can judge what earlier ones taught."""
        return self.as_of is not None and len(np.unique(self.as_of[self.closed])) > 1


@dataclass(frozen=True)
class Split:
    """Positions of rows. Fitting rows stand in blocks that lie apart: ordered by time, or by entity without time.

    Attributes:
        train: rows to learn from.
        test: rows to be judged on, once.
        folds: pairs of (train, validation), all within `train`.
        tested_from: the first as-of of the test, or None without time.
        tested_to: the last as-of of the test, or None without time.
    """

    train: Rows
    test: Rows
    folds: tuple[Fold, ...]
    tested_from: np.datetime64 | None
    tested_to: np.datetime64 | None


def make_dataset(frame: pd.DataFrame, prediction: Prediction, kinds: Mapping[str, str]) -> Dataset:
    """The dataset of a frame from the warehouse; `kinds` alone decides types, so that any batch is read alike.

    Args:
        frame: rows of the feature model.
        prediction: says which columns are entity, as-of, target or excluded.
        kinds: number, boolean, category or date for each column of the feature model.

    Raises:
        DataError: a column is missing or can't be read as its kind, or no feature is left.
    """
    aside = {*prediction.keys, *prediction.exclude, prediction.target}
    names = {name: kind for name, kind in kinds.items() if name not in aside}
    if not names:
        raise DataError(f"{prediction.name}: no feature is left beside entity, as-of, target and excluded columns.")
    missing = [name for name in (*prediction.keys, *names) if name not in frame.columns]
    if missing:
        raise DataError(f"{prediction.name}: the feature model has no column {', '.join(map(repr, missing))}.")
    as_of = _datetimes(frame[prediction.as_of]) if prediction.as_of else None
    features = pd.DataFrame({name: _feature(frame[name], kind, as_of) for name, kind in names.items()})
    target, classes = read_target(frame, prediction)
    keys = frame[list(prediction.entity)].reset_index(drop=True)
    return Dataset(features, target, keys, as_of, names, classes)


def epoch_days(moments: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """Days from 1970, NaN where missing. By microseconds, since nanoseconds reach back to 1677 only."""
    days = moments.astype("datetime64[us]").astype(np.int64) / 86_400e6
    return np.where(np.isnat(moments), np.nan, days)


def label(value: object) -> str:
    """A class as text, the same for 1, 1.0 and '1', and for true of any kind."""
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)


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
    folds = tuple(_time_folds(dataset, train, as_of, horizon)) or _entity_folds(dataset, train)
    if not folds or not _both_usable(dataset, train, test):
        raise _too_little(dataset, prediction, train, test)
    return _split(dataset, train, test, folds)


def block_order(dataset: Dataset, rows: Rows) -> Rows:
    """The rows ordered by as-of, or by entity without time, so that contiguous parts hardly know of each other."""
    entity = entity_hash(dataset, rows)
    keys = (entity,) if dataset.as_of is None else (entity, dataset.as_of[rows])
    return rows[np.lexsort(keys)]


def thin(dataset: Dataset, rows: Rows, at_most: int) -> Rows:
    """A stable sample of at most that many rows, spread evenly over time and entities, in the order given."""
    if len(rows) <= at_most:
        return rows
    text = dataset.keys.iloc[rows]
    if dataset.as_of is not None:
        text = text.assign(**{"\x00as_of": dataset.as_of[rows]})
    hashes = _hash(text)
    return rows[np.sort(np.argpartition(hashes, at_most)[:at_most])]


def _feature(column: pd.Series, kind: str, as_of: NDArray[np.datetime64] | None) -> NDArray[np.generic] | pd.Series:
    try:
        if kind == "category":
            if isinstance(column.dtype, pd.CategoricalDtype) and column.cat.categories.dtype == "str":
                return column.reset_index(drop=True)
            return column.astype("str").reset_index(drop=True)
        if kind == "date":
            dates = _datetimes(column)
            # Days before the as-of mean the same next month; calendar dates never come again.
            return dates if as_of is None else (dates - as_of) / np.timedelta64(1, "D")
        return column.astype("float64").to_numpy()
    except (ValueError, TypeError) as error:
        raise DataError(f"Column '{column.name}' can't be read as a {kind}: {error}.") from error


def _datetimes(column: pd.Series) -> NDArray[np.datetime64]:
    return pd.to_datetime(column, utc=True).dt.tz_localize(None).to_numpy("datetime64[us]")


def read_target(frame: pd.DataFrame, prediction: Prediction) -> tuple[NDArray[np.float64] | None, tuple[str, ...]]:
    """The target of a frame's rows as in `Dataset.target`, and the classes; None if no row has one."""
    if prediction.target not in frame.columns:
        return None, ()
    column = frame[prediction.target]
    known = column.notna().to_numpy()
    if not known.any():
        return None, ()
    if prediction.task == "regression":
        return np.asarray(_feature(column, "number", None), dtype=np.float64), ()
    codes, values = pd.factorize(column[known], sort=True)
    classes = [label(value) for value in values]
    place = _positions(classes, prediction)
    target = np.full(len(frame), np.nan)
    target[known] = place[codes]
    return target, tuple(classes[position] for position in np.argsort(place))


def _positions(classes: list[str], prediction: Prediction) -> Rows:
    """For each class the position that it gets: the positive one comes last."""
    place = np.arange(len(classes))
    if prediction.positive is None:
        return place
    wanted = prediction.positive.lower()
    matches = [position for position, text in enumerate(classes) if text.lower() == wanted]
    if not matches:
        raise DataError(
            f"{prediction.name}: no row's '{prediction.target}' is the positive class '{prediction.positive}'; "
            f"its values are {', '.join(classes[:10])}."
        )
    rest = np.delete(place, matches[0])
    return np.argsort(np.append(rest, matches[0]))


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
    return _split(dataset, train, test, folds)


def _split(dataset: Dataset, train: Rows, test: Rows, folds: tuple[Fold, ...]) -> Split:
    tested = None if dataset.as_of is None else dataset.as_of[test]
    first, last = (None, None) if tested is None else (tested.min(), tested.max())
    return Split(train, test, folds, first, last)


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


def entity_hash(dataset: Dataset, rows: Rows) -> NDArray[np.uint64]:
    """A number of each row's entity, the same in every process, spread evenly over all."""
    return _hash(dataset.keys.iloc[rows])


def _hash(frame: pd.DataFrame) -> NDArray[np.uint64]:
    return np.asarray(pd.util.hash_pandas_object(frame, index=False), dtype=np.uint64)


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
