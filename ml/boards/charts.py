"""Charts in Vega-Lite's terms: the defaults of metrics, and what is declared, completed from the model's columns."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from math import isfinite
from typing import Any

from ml.boards.numbers import vega_format
from ml.reading.models import Model, ModelColumn

Rows = Sequence[Mapping[str, Any]]
HEIGHT = 180
GREY = "#8a8a8a"  # seen on light and on dark
MONTHS = ("month", "quarter", "year")


def course(rows: Rows, label: str, unit: str, grain: str, events: Rows) -> dict[str, Any]:
    """A line over time with its targets, and a tick for each event.

    Args:
        rows: `starts_on`, `value` and `target` of each period.
        label: what the metric is called.
        unit: what it is counted in.
        grain: the grain of the periods.
        events: `day` and `text` of what happened.
    """
    line = _over_time("value", label, unit, _axis(rows, grain))
    layers: list[dict[str, Any]] = [{"mark": {"type": "line", "point": {"size": 18}}, "encoding": line}]
    if any(row.get("target") is not None for row in rows):
        aim = {**line, "y": {**line["y"], "field": "target"}}
        aim["tooltip"] = [line["tooltip"][0], {**line["tooltip"][1], "field": "target", "title": f"{label}: target"}]
        layers.append({"mark": {"type": "line", "strokeDash": [4, 3], "color": GREY}, "encoding": aim})
    tick = {"type": "tick", "orient": "vertical", "size": 10, "y": "height", "yOffset": -5, "opacity": 0.7}
    return _chart(rows, {"layer": [*layers, *_events(events, tick)]})


def courses(rows: Rows, label: str, unit: str, grain: str, by: str, events: Rows) -> dict[str, Any]:
    """A line over time for each value of a dimension; rows have `starts_on`, `series` and `value`."""
    legend = {"orient": "bottom", "columns": 4, "symbolType": "stroke", "symbolStrokeWidth": 3}
    line = _over_time("value", label, unit, _axis(rows, grain))
    line["color"] = {"field": "series", "type": "nominal", "title": by, "sort": None, "legend": legend}
    line["tooltip"] = [{"field": "series", "title": by}, *line["tooltip"]]
    rule = {"type": "rule", "strokeDash": [2, 3], "opacity": 0.45, "size": 2}
    layers = [{"mark": {"type": "line", "point": {"size": 12}}, "encoding": line}, *_events(events, rule)]
    return _chart(rows, {"layer": layers}, height=260)


def declared(chart: Mapping[str, Any], rows: Rows, model: Model) -> dict[str, Any]:
    """A declared chart with the rows of its model; types and titles that are not said come from the columns."""
    return _chart(rows, _completed(chart, model), height=chart.get("height", 260))


def _chart(rows: Rows, content: Mapping[str, Any], height: object = HEIGHT) -> dict[str, Any]:
    autosize = {"type": "fit", "contains": "padding"}
    data = {"values": [dict(row) for row in rows]}
    return {"data": data, "width": "container", "height": height, "autosize": autosize, **content}


def _axis(rows: Rows, grain: str) -> dict[str, Any]:
    """Ticks at months where there are several, else at days."""
    days = sorted(str(row["starts_on"]) for row in rows)
    is_long = grain in MONTHS or (days and days[0][:7] != days[-1][:7])
    ticks = {"tickCount": "month", "format": "%b %y"} if is_long else {"format": "%-d %b"}
    return {**ticks, "labelOverlap": "greedy", "labelSeparation": 8}


def _over_time(field: str, label: str, unit: str, axis: Mapping[str, Any]) -> dict[str, Any]:
    form = vega_format(unit)
    value = {"field": field, "type": "quantitative", "title": label, "format": form}
    amount = {"field": field, "type": "quantitative", "title": None, "scale": {"zero": False}}
    return {
        "x": {"field": "starts_on", "type": "temporal", "title": None, "axis": axis},
        "y": {**amount, "axis": {"format": form, "tickCount": 4}},
        "tooltip": [{"field": "starts_on", "type": "temporal", "title": "From"}, value],
    }


def _events(events: Rows, mark: Mapping[str, Any]) -> list[dict[str, Any]]:
    if not events:
        return []
    encoding = {"x": {"field": "day", "type": "temporal"}, "tooltip": {"field": "text", "type": "nominal"}}
    return [{"data": {"values": [dict(row) for row in events]}, "mark": mark, "encoding": encoding}]


def _completed(part: Any, model: Model, channel: str = "") -> Any:  # noqa: ANN401 -- any JSON
    if isinstance(part, list):
        return [_completed(one, model) for one in part]
    if not isinstance(part, Mapping):
        return part
    whole = {key: _completed(value, model, key) for key, value in part.items()}
    column = model.columns.get(str(whole.get("field")))
    # The end of a range follows its beginning.
    if column is not None and channel not in ("x2", "y2", "sort"):
        counted = "aggregate" in whole or whole.get("bin")
        whole.setdefault("type", "quantitative" if counted else _type(column))
        whole.setdefault("title", column.title)
    return whole


def _type(column: ModelColumn) -> str:
    return "quantitative" if column.is_number else "temporal" if column.is_time else "nominal"


def plain(value: object) -> object:
    """A value as JSON has it; days are meant as those of whoever looks."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, date):
        return f"{value.isoformat()}T00:00:00"
    if isinstance(value, Decimal):
        return float(value)
    return None if isinstance(value, float) and not isfinite(value) else value
