"""How far the rows of a prediction reach: their newest as-of, and the newest whose outcome is known."""

from datetime import datetime
from typing import NamedTuple

import pandas as pd

from ml.warehouse import Warehouse


class Newest(NamedTuple):
    """The newest as-of of all rows, and of those with a known outcome; None if there is none."""

    as_of: datetime | None
    closed: datetime | None


def newest(warehouse: Warehouse, relation: str, as_of: str, target: str) -> Newest:
    """Ask a relation for the ends of its as-ofs."""
    moment, outcome = warehouse.quote(as_of), warehouse.quote(target)
    row = warehouse.query(
        f"select max({moment}) as newest, max(case when {outcome} is not null then {moment} end) as closed "
        f"from {relation}"
    ).iloc[0]
    ends = (pd.Timestamp(row["newest"]), pd.Timestamp(row["closed"]))
    return Newest(*(None if pd.isna(end) else end.to_pydatetime() for end in ends))
