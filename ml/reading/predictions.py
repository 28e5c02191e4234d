"""The SQL behind prediction routes, with row filters and column masks already in it."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ml.declaration import Prediction
from ml.errors import ForbiddenError, WarehouseError
from ml.publishing.tables import PUBLISHED_AT
from ml.reading.access import Role
from ml.tables import PREDICTION_COLUMNS, SCHEMA
from ml.warehouse.ansi import quoted, same_keys
from ml.warehouse.reader import SnapshotReader


@dataclass(frozen=True)
class Question:
    """What is asked of a prediction: an entity, an as-of, the highest, a page."""

    entity: tuple[str, ...] = ()
    as_of: str | None = None
    is_highest_first: bool = False
    limit: int = 100
    offset: int = 0


def prediction_rows(prediction: Prediction, reader: SnapshotReader, role: Role, question: Question) -> pa.Table:
    """The predictions that may be seen: per key what a champion said last, of the newest as-of unless asked otherwise.

    Raises:
        ForbiddenError: the role's filter can't be applied to this prediction.
    """
    where, parameters = visible(prediction, role)
    where += [
        f"cast(scores.{quoted(name)} as varchar) = ?"
        for name, _ in zip(prediction.entity, question.entity, strict=False)
    ]
    parameters += list(question.entity)
    table = reader.table(SCHEMA, prediction.name)
    keys = ", ".join(f"scores.{quoted(key)}" for key in prediction.keys)
    if prediction.as_of and question.as_of:
        where.append(f"cast(scores.{quoted(prediction.as_of)} as date) = cast(? as date)")
        parameters.append(question.as_of)
    elif prediction.as_of and not question.entity:
        where.append(f"scores.{quoted(prediction.as_of)} = (select max({quoted(prediction.as_of)}) from {table})")
    order = ["prediction desc"] if question.is_highest_first else []
    order += [f"{quoted(prediction.as_of)} desc"] if prediction.as_of else []
    order += [quoted(key) for key in prediction.entity]
    columns = ", ".join(quoted(name) for name in _columns(reader, table) if name != PUBLISHED_AT)
    sql = f"""
        with official as (select distinct run_id from {reader.table(SCHEMA, "promotions")} where prediction = ?),
        ranked as (
            select scores.*, row_number() over (partition by {keys} order by scores.scored_at desc) as place_
            from {table} as scores
            inner join official on scores.run_id = official.run_id
            {"where " + " and ".join(where) if where else ""}
        )
        select {columns} from ranked where place_ = 1
        order by {", ".join(order)} limit {question.limit} offset {question.offset}
    """
    return reader.query(sql, [prediction.name, *parameters])


def visible(prediction: Prediction, role: Role) -> tuple[list[str], list[Any]]:
    """Conditions that keep a role to its rows: those whose features have the role's values."""
    if not role.rows:
        return [], []
    own = set(prediction.keys)
    where, parameters = [], list[Any]()
    same = same_keys(prediction.keys, quoted, "features", "scores")
    for column, values in role.rows.items():
        marks = ", ".join("?" for _ in values)
        if column in own:
            where.append(f"cast(scores.{quoted(column)} as varchar) in ({marks})")
        else:
            where.append(
                f"exists (select 1 from {prediction.relation} as features where {same} "
                f"and cast(features.{quoted(column)} as varchar) in ({marks}))"
            )
        parameters += values
    return where, parameters


def require_filter(prediction: Prediction, reader: SnapshotReader, role: Role) -> None:
    """Refuse a prediction to which the filter of a role can't be applied.

    Raises:
        ForbiddenError: its feature model lacks a column that the role is limited by.
    """
    try:
        known = set(_columns(reader, prediction.relation))
    except WarehouseError:  # a feature model that is not public is not in the snapshot
        known = set(prediction.keys)
    lacking = [column for column in role.rows if column not in known]
    if lacking:
        raise ForbiddenError(f"{prediction.name} can't be limited to your rows, so you may not see it.")


def shown(table: pa.Table, prediction: Prediction, role: Role) -> pa.Table:
    """The table without the columns that the role may not see."""
    hidden = set() if role.personal else set(prediction.personal) - set(PREDICTION_COLUMNS)
    return table.select([name for name in table.column_names if name not in hidden])


def _columns(reader: SnapshotReader, relation: str) -> list[str]:
    return list(reader.query(f"select * from {relation} limit 0").column_names)
