"""Stable orders and samples of a dataset's rows."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.learning.dataset import Dataset, Rows


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


def entity_hash(dataset: Dataset, rows: Rows) -> NDArray[np.uint64]:
    """A number of each row's entity, the same in every process, spread evenly over all."""
    return _hash(dataset.keys.iloc[rows])


def _hash(frame: pd.DataFrame) -> NDArray[np.uint64]:
    return np.asarray(pd.util.hash_pandas_object(frame, index=False), dtype=np.uint64)
