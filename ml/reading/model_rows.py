"""The rows of a public model, with row filter and column mask of a role already in the SQL."""

from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from ml.errors import DataError, ForbiddenError
from ml.reading.access import Role
from ml.reading.models import Model
from ml.warehouse.ansi import quoted
from ml.warehouse.reader import SnapshotReader
from ml.words import nearest


@dataclass(frozen=True)
class ModelQuestion:
    """What is asked of a model: columns, values, days of its clock, a text in any column, an order, a page."""

    columns: tuple[str, ...]
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()
    since: date | None = None
    until: date | None = None
    search: str = ""
    order: tuple[str, ...] = ()
    is_distinct: bool = False
    limit: int | None = None
    offset: int = 0


def visible_columns(model: Model, role: Role, names: tuple[str, ...]) -> tuple[str, ...]:
    """Those of some columns that the role may see."""
    return tuple(name for name in names if role.personal or name not in model.personal)


def model_rows(model: Model, reader: SnapshotReader, role: Role, question: ModelQuestion) -> pa.Table:
    """A page of the rows that a role may see.

    Raises:
        DataError: the model has no such column.
        ForbiddenError: the model can't be limited to the role's rows.
    """
    columns = visible_columns(model, role, question.columns)
    if not columns:
        raise ForbiddenError(f"All that is asked of {model.name} is personal: your role may not see it.")
    where, parameters = _limits(model, role, question, columns)
    order = [_order(model, role, name) for name in question.order]
    page = "" if question.limit is None else f" limit {question.limit} offset {question.offset}"
    distinct = "distinct " if question.is_distinct else ""
    sql = f"select {distinct}{', '.join(quoted(name) for name in columns)} from {model.relation}{where}"
    return reader.query(f"{sql}{' order by ' if order else ''}{', '.join(order)}{page}", parameters)


def count_rows(model: Model, reader: SnapshotReader, role: Role, question: ModelQuestion) -> int:
    """How many rows there are on all pages together."""
    columns = visible_columns(model, role, question.columns)
    where, parameters = _limits(model, role, question, columns)
    return int(reader.query(f"select count(*) from {model.relation}{where}", parameters)[0][0].as_py())


def _limits(model: Model, role: Role, question: ModelQuestion, columns: tuple[str, ...]) -> tuple[str, list[object]]:
    conditions, parameters = [], list[object]()
    lacking = [name for name in role.rows if name not in model.columns]
    if lacking:
        raise ForbiddenError(f"{model.name} can't be limited to your rows, so you may not see it.")
    # What is hidden must not be found out by asking for it either.
    asked = [(_seen(model, role, name), values) for name, values in question.where]
    for name, values in (*asked, *role.rows.items()):
        conditions.append(f"cast({quoted(name)} as varchar) in ({', '.join('?' for _ in values) or 'null'})")
        parameters += values
    for sign, limit in ((">=", question.since), ("<=", question.until)):
        if limit and model.clock:
            conditions.append(f"cast({quoted(model.clock)} as date) {sign} ?")
            parameters.append(limit)
    if question.search:
        texts = ", ".join(quoted(name) for name in columns)
        conditions.append(f"contains(lower(concat_ws(chr(31), {texts})), lower(?))")
        parameters.append(question.search)
    return (f" where {' and '.join(conditions)}" if conditions else ""), parameters


def _order(model: Model, role: Role, name: str) -> str:
    column = _seen(model, role, name.removeprefix("-"))
    return f"{quoted(column)} {'desc' if name.startswith('-') else 'asc'} nulls last"


def _seen(model: Model, role: Role, name: str) -> str:
    allowed = visible_columns(model, role, tuple(model.columns))
    if name not in allowed:
        raise DataError(f"{model.name} has no column '{name}'. {nearest(name, allowed)}")
    return name
