"""Tiles of metrics: the last value beside target and period before, and the course over time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from ml.boards import charts, periods
from ml.boards.board import Annotations, Board, Filter, MetricTile
from ml.boards.notes import Notes
from ml.boards.numbers import MINUS, change, shown
from ml.boards.state import State, limits_of
from ml.boards.views import Cell, Comparison, Head, Table, TileView
from ml.errors import ForbiddenError
from ml.reading.metric_rows import MetricQuestion
from ml.reading.metrics import Metric
from ml.reading.model_rows import ModelQuestion
from ml.reading.sight import Sight

MOST_EVENTS = 60
FUTURE_TARGETS = 3


@dataclass(frozen=True)
class Point:
    """The value of a metric in a period, and of a value of a dimension if there is one."""

    starts_on: date
    series: str
    value: float | None


def metric_view(tile: MetricTile, board: Board, state: State, sight: Sight, notes: Notes) -> TileView:
    """A tile of a metric with the data that the caller may see.

    Raises:
        ForbiddenError: nothing of it may be seen.
    """
    metric = sight.metric(tile.metric)
    question, remarks = asked_of(tile, board, state, metric)
    last = sight.last_day(metric.name)
    found, is_partial = _finished(_points(tile, metric, sight, question), tile, metric, last)
    written = {} if sight.caller.role.rows else notes.targets(tile.metric, tile.grain)
    published = {} if sight.caller.role.rows else _targets(tile, board, sight)
    # A target holds for the whole only.
    targets = {} if tile.by or question.where else published | {day: one.target_value for day, one in written.items()}
    events = _events(board.annotations, found, sight) if found else []
    common: dict[str, Any] = {
        "about": f"/about/metric/{metric.name}",
        "owner": metric.owner,
        "until": periods.long(last) if last else "",
        "remarks": remarks,
        "targets": tuple(written[day] for day in sorted(written, reverse=True)),
    }
    if tile.by:
        return _by_series(tile, metric, found, events, common)
    return _number(tile, metric, found, targets, events, common | {"period": " so far" if is_partial else ""})


def asked_of(tile: MetricTile, board: Board, state: State, metric: Metric) -> tuple[MetricQuestion, tuple[str, ...]]:
    """The question that a tile asks of its metric, and what of the board's choices it can't follow."""

    def dimension_of(one: Filter) -> str:
        return next((name for name in one.dimensions if name in metric.dimensions), "")

    where, remarks = limits_of(tile.where, board, state, dimension_of)
    question = MetricQuestion(
        metric.name,
        tile.grain,
        (tile.by,) if tile.by else (),
        periods.start(state.since, tile.grain) if state.since else None,
        periods.end(state.until, tile.grain) if state.until else None,
        where,
    )
    return question, remarks


def _points(tile: MetricTile, metric: Metric, sight: Sight, question: MetricQuestion) -> list[Point]:
    found = []
    for row in sight.metric_rows(question).to_pylist():
        values = list(row.values())
        day, value = values[0], row[metric.name]
        if day is not None:
            series = str(values[1] if values[1] is not None else "none") if tile.by else ""
            day = day if type(day) is date else day.date()
            found.append(Point(day, series, None if value is None else float(value)))
    return found


def _finished(points: list[Point], tile: MetricTile, metric: Metric, last: date | None) -> tuple[list[Point], bool]:
    """The points of periods that are over, or all if there are none such; and whether the last is not over."""
    known = [point for point in points if point.value is not None]
    if metric.is_stock or last is None:
        return known, False
    over = [point for point in known if periods.end(point.starts_on, tile.grain) <= last]
    return (over, False) if over else (known, bool(known))


def _targets(tile: MetricTile, board: Board, sight: Sight) -> dict[date, float]:
    """The published targets by period."""
    where = board.targets
    if where is None or where.grain != tile.grain:
        return {}
    columns = (where.starts_on, where.value)
    question = ModelQuestion(columns, where=((where.metric, (tile.metric,)),))
    rows = sight.rows(where.model, question).to_pylist()
    return {row[columns[0]]: float(row[columns[1]]) for row in rows if row[columns[1]] is not None}


def _events(annotations: Annotations | None, points: list[Point], sight: Sight) -> list[dict[str, object]]:
    if annotations is None:
        return []
    question = ModelQuestion((annotations.date, annotations.label), order=(annotations.date,))
    try:
        rows = sight.rows(annotations.model, question).to_pylist()
    except ForbiddenError:
        return []
    first, last = points[0].starts_on, points[-1].starts_on + timedelta(days=31)
    named = [(row[annotations.date], f"{annotations.name}: {row[annotations.label]}") for row in rows]
    seen = [(day, text) for day, text in named if day is not None and first <= day <= last]
    return [{"day": charts.plain(day), "text": text} for day, text in seen[:MOST_EVENTS]]


def _number(
    tile: MetricTile,
    metric: Metric,
    points: list[Point],
    targets: Mapping[date, float],
    events: list[dict[str, object]],
    common: dict[str, Any],
) -> TileView:
    if not points:
        return TileView(tile.name, tile.label, tile.text, tile.is_wide, **{**common, "period": "no data in these days"})
    current = points[-1]
    period = periods.called(current.starts_on, tile.grain) + common["period"]
    rows = [
        {
            "starts_on": charts.plain(point.starts_on),
            "value": point.value,
            "target": targets.get(point.starts_on),
        }
        for point in points
    ]
    has_targets = any(row["target"] is not None for row in rows)
    header = [
        Head("Period"),
        Head(tile.label, is_number=True),
        *([Head("Target", is_number=True)] if has_targets else []),
    ]
    table = [
        (
            Cell(periods.called(point.starts_on, tile.grain)),
            Cell(shown(point.value, metric.unit), is_number=True),
            *([Cell(shown(targets.get(point.starts_on), metric.unit), is_number=True)] if has_targets else []),
        )
        for point in reversed(points)
    ]
    chart = charts.course(rows, tile.label, metric.unit, tile.grain, events) | dict(tile.chart)
    fields = common | {"period": period}
    return TileView(
        tile.name,
        tile.label,
        tile.text,
        tile.is_wide,
        **fields,
        value=shown(current.value, metric.unit),
        comparisons=tuple(_comparisons(tile, metric, points, targets)),
        chart=chart if len(points) > 1 else None,
        chart_text=f"{tile.label} by {tile.grain}, {len(points)} periods until {period}.",
        table=Table(tuple(header), tuple(table), len(table)),
        target_periods=_settable(tile, points),
    )


def _settable(tile: MetricTile, points: list[Point]) -> tuple[tuple[date, str], ...]:
    """The periods that a target can be set for: the last, and a few to come."""
    days = [points[-1].starts_on]
    for _ in range(FUTURE_TARGETS):
        days.append(periods.following(days[-1], tile.grain))
    return tuple((day, periods.called(day, tile.grain)) for day in days)


def _comparisons(
    tile: MetricTile, metric: Metric, points: list[Point], targets: Mapping[date, float]
) -> list[Comparison]:
    """How the last value lies to the period before and to its target; said in words, not by colour alone."""
    current, unit = points[-1], metric.unit
    value = current.value
    if value is None:
        return []
    earlier = periods.before(current.starts_on, tile.grain)
    previous = next((point.value for point in points if point.starts_on == earlier), None)
    found = []
    if previous is not None:
        sign = "+" if value > previous else MINUS if value < previous else "="
        text = f"{sign}{change(value, previous, unit)} against {periods.called(earlier, tile.grain)}"
        found.append(_judged(text, _is_good(value, previous, metric), ("better", "worse")))
    target = targets.get(current.starts_on)
    if target is not None:
        side = "above" if value > target else "below"
        text = f"{change(value, target, unit)} {side} the target of {shown(target, unit)}"
        reached = _is_good(value, target, metric) if value != target else bool(metric.direction) or None
        found.append(_judged(text, reached, ("reached", "missed")))
    return found


def _is_good(value: float, other: float, metric: Metric) -> bool | None:
    """Whether a value is on the good side of another; None if they are equal, or nobody has said which that is."""
    return None if value == other or not metric.direction else (value > other) == (metric.direction == "up_is_good")


def _judged(text: str, is_good: bool | None, words: tuple[str, str]) -> Comparison:
    if is_good is None:
        return Comparison(text, "")
    return Comparison(f"{text}: {words[0] if is_good else words[1]}", "good" if is_good else "bad")


def _by_series(
    tile: MetricTile, metric: Metric, points: list[Point], events: list[dict[str, object]], common: dict[str, Any]
) -> TileView:
    totals: dict[str, float] = {}
    for point in points:
        totals[point.series] = totals.get(point.series, 0.0) + (point.value or 0.0)
    largest = sorted(totals, key=lambda name: -totals[name])[: tile.series]
    kept = sorted((one for one in points if one.series in largest), key=lambda one: largest.index(one.series))
    rows = [{"starts_on": charts.plain(one.starts_on), "series": one.series, "value": one.value} for one in kept]
    by = tile.by.rsplit("__", 1)[-1].replace("_", " ")
    if len(totals) > len(largest):
        common = common | {"remarks": (*common["remarks"], f"The {len(largest)} largest of {len(totals)}.")}
    return TileView(
        tile.name,
        tile.label,
        tile.text,
        is_wide=True,
        **common,
        chart={**charts.courses(rows, tile.label, metric.unit, tile.grain, by.capitalize(), events), **tile.chart}
        if rows
        else None,
        chart_text=f"{tile.label} by {tile.grain} and {by}.",
        table=_pivoted(tile, metric, kept, largest),
    )


def _pivoted(tile: MetricTile, metric: Metric, points: list[Point], series: list[str]) -> Table:
    values = {(point.starts_on, point.series): point.value for point in points}
    days = sorted({point.starts_on for point in points}, reverse=True)
    rows = [
        (
            Cell(periods.called(day, tile.grain)),
            *(Cell(shown(values.get((day, name)), metric.unit), is_number=True) for name in series),
        )
        for day in days
    ]
    return Table((Head("Period"), *(Head(name, is_number=True) for name in series)), tuple(rows), len(rows))
