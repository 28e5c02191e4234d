"""The values of a metric, with the row filter of a role already in the SQL."""

from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from ml.errors import DataError, ForbiddenError
from ml.reading.access import Role
from ml.reading.metrics import Metric, MetricLayer
from ml.warehouse.reader import SnapshotReader
from ml.words import nearest

TIME = "metric_time"


@dataclass(frozen=True)
class MetricQuestion:
    """What is asked of a metric: a grain of time, dimensions to group by, days, values of dimensions, a page."""

    metric: str
    grain: str | None = None
    by: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()
    limit: int | None = None
    offset: int = 0


def metric_rows(
    layer: MetricLayer, reader: SnapshotReader, role: Role, personal: frozenset[str], question: MetricQuestion
) -> pa.Table:
    """The values that a role may see: the period (`metric_time__<grain>`), the dimensions, then the metric.

    Args:
        layer: knows the metrics.
        reader: runs what it renders.
        role: limits the rows that are counted.
        personal: columns that hold personal data.
        question: what is asked.

    Raises:
        DataError: the metric has no such dimension.
        ForbiddenError: the metric can't be limited to the role's rows, or a dimension is personal.
    """
    metric = layer.metrics[question.metric]
    asked = [*question.by, *(name for name, _ in question.where)]
    _check(metric, asked, role, personal)
    conditions, parameters = _limits(metric, question, role)
    names = [*([f"{TIME}__{question.grain}"] if question.grain else []), *question.by]
    sql = layer.sql(question.metric, *names, where=conditions)
    order = f" order by {', '.join(str(place + 1) for place in range(len(names)))}" if names else ""
    page = "" if question.limit is None else f" limit {question.limit} offset {question.offset}"
    return reader.query(f"select * from ({sql}) as metric{order}{page}", parameters)


def _check(metric: Metric, dimensions: list[str], role: Role, personal: frozenset[str]) -> None:
    for name in dimensions:
        if name not in metric.dimensions:
            raise DataError(f"{metric.name} can't be grouped by {name}. {nearest(name, metric.dimensions)}")
        if _column(name).lower() in personal and not role.personal:
            raise ForbiddenError(f"{name} is personal: your role may not see it.")


def _limits(metric: Metric, question: MetricQuestion, role: Role) -> tuple[list[str], dict[str, object]]:
    """Conditions in MetricFlow's terms. Values are parameters: MetricFlow would read a value as a template."""
    day = f"{{{{ TimeDimension('{TIME}', 'day') }}}}"
    conditions, parameters = [], dict[str, object]()
    for sign, limit in ((">=", question.since), ("<=", question.until)):
        if limit:
            conditions.append(f"{day} {sign} '{limit}'")
    for name, values in (*question.where, *_of_role(metric, role)):
        marks = [f"v{len(parameters) + place}" for place in range(len(values))]
        parameters |= dict(zip(marks, values, strict=True))
        listed = ", ".join(f"${mark}" for mark in marks) or "null"
        conditions.append(f"cast({{{{ Dimension('{name}') }}}} as varchar) in ({listed})")
    return conditions, parameters


def _of_role(metric: Metric, role: Role) -> list[tuple[str, tuple[str, ...]]]:
    """The role's row filter by the metric's dimensions; where two have the name of a column, both must fit."""
    found = []
    for column, values in role.rows.items():
        dimensions = [name for name in metric.dimensions if _column(name) == column]
        if not dimensions:
            raise ForbiddenError(f"{metric.name} can't be limited to your rows, so you may not see it.")
        found += [(name, tuple(values)) for name in dimensions]
    return found


def _column(dimension: str) -> str:
    return dimension.rsplit("__", 1)[-1]
