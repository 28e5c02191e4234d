"""Turns a feature model's rows into a dataset."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.declaration import Prediction
from ml.errors import DataError

Rows = NDArray[np.intp]


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
