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
    return tuple(name for name in names if role.personal or not model.is_personal(name))


def model_rows(model: Model, reader: SnapshotReader, role: Role, question: ModelQuestion) -> pa.Table:
    """A page of the rows that a role may see; what it may not see neither shows nor sorts.

    Raises:
        DataError: the model has no such column.
        ForbiddenError: the model can't be limited to the role's rows, or is asked to be limited by what is hidden.
    """
    columns = visible_columns(model, role, question.columns)
    if not columns:
        raise ForbiddenError(f"All that is asked of {model.name} is personal: your role may not see it.")
    where, parameters = _limits(model, role, question, columns)
    order = [
        f"{quoted(name.removeprefix('-'))} {'desc' if name.startswith('-') else 'asc'} nulls last"
        for name in question.order
        if not _is_hidden(model, role, name.removeprefix("-"))
    ]
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
    hidden = [name for name, _ in question.where if _is_hidden(model, role, name)]
    if hidden:  # what is hidden must not be found out by asking for it either
        raise ForbiddenError(f"{model.name} can't be limited by '{hidden[0]}', which is personal.")
    for name, values in (*question.where, *role.rows.items()):
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


def _is_hidden(model: Model, role: Role, name: str) -> bool:
    """Whether the role may not see a column.

    Raises:
        DataError: the model has no such column.
    """
    if name not in model.columns:
        raise DataError(f"{model.name} has no column '{name}'. {nearest(name, model.columns)}")
    return not role.personal and model.is_personal(name)
