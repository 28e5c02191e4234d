"""Where lines, dots and ticks of a chart lie, in the units of its drawing; how they look is the template's matter."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil, floor, isfinite, log10
from numbers import Real
from typing import Any

import pandas as pd

WIDTH, HEIGHT = 360.0, 230.0
LEFT, RIGHT, TOP, BOTTOM = 50.0, 12.0, 10.0, 40.0
LEVEL_LEFT, LEVEL_HEIGHT = 130.0, 22.0
LONGEST_LEVEL = 18  # letters that fit beside the axis
NOTHING = "\N{EN DASH}"


@dataclass(frozen=True)
class Tick:
    """A place on an axis, and its text."""

    at: float
    text: str


@dataclass(frozen=True)
class Dot:
    """A point and its interval, in units of the drawing."""

    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True)
class Series:
    """One line: its dots, and the outline of the band between the ends of their intervals."""

    name: str
    dots: tuple[Dot, ...]

    @property
    def line(self) -> str:
        """The line as the points of a polyline."""
        return " ".join(f"{dot.x:.1f},{dot.y:.1f}" for dot in self.dots)

    @property
    def band(self) -> str:
        """The band as the points of a polygon."""
        there = [f"{dot.x:.1f},{dot.high:.1f}" for dot in self.dots]
        return " ".join(there + [f"{dot.x:.1f},{dot.low:.1f}" for dot in reversed(self.dots)])


@dataclass(frozen=True)
class Chart:
    """A chart to draw, and the same numbers as a table.

    `reference` is a line to compare with (x1, y1, x2, y2), or None. With `is_levels` the vertical axis has names.
    """

    title: str
    x_label: str
    y_label: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    series: tuple[Series, ...]
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    reference: tuple[float, float, float, float] | None = None
    is_levels: bool = False
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    right: float = field(default=WIDTH - RIGHT)
    top: float = TOP

    @property
    def bottom(self) -> float:
        """Where the horizontal axis lies."""
        return self.height - BOTTOM


def number(value: Any) -> str:  # noqa: ANN401 -- whatever a row holds
    """A number in few letters; a dash for none."""
    if not isinstance(value, Real) or not isfinite(given := float(value)):
        return NOTHING
    if given.is_integer() and abs(given) < 1e15:
        return f"{int(given):,}"
    return f"{given:,.0f}" if abs(given) >= 10_000 else f"{given:.4g}"


def records(frame: pd.DataFrame) -> list[Any]:
    """The rows of a frame, columns as attributes."""
    return list(frame.itertuples(index=False))


def line_chart(
    title: str, labels: tuple[str, str], points: pd.DataFrame, header: Sequence[str], *, diagonal: bool = False
) -> Chart:
    """A chart of numbers over numbers, one line per class.

    Args:
        title: says what is shown.
        labels: of the horizontal and of the vertical axis.
        points: rows of `ml.curves`.
        header: the titles of the table's columns: x, y, lower, upper, rows.
        diagonal: whether to draw the line on which both axes say the same.
    """
    ends = [*points["y"], *points["lower"], *points["upper"]]
    xs, ys = _span(points["x"]), _span(ends)
    if diagonal:
        xs = ys = (min(xs[0], ys[0]), max(xs[1], ys[1]))
    across, up = _scale(xs, LEFT, WIDTH - RIGHT), _scale(ys, HEIGHT - BOTTOM, TOP)
    reference = (across(xs[0]), up(xs[0]), across(xs[1]), up(xs[1])) if diagonal else None
    dated = points["level"].notna().all()
    ticks = _dates(points, across) if dated else tuple(Tick(across(value), number(value)) for value in _nice(xs))
    return Chart(
        title,
        *labels,
        x_ticks=ticks,
        y_ticks=tuple(Tick(up(value), number(value)) for value in _nice(ys)),
        series=_series(points, lambda point, value: (across(point.x), up(value))),
        header=tuple(header),
        rows=_rows(points),
        reference=reference,
    )


def level_chart(title: str, label: str, points: pd.DataFrame, header: Sequence[str]) -> Chart:
    """A chart with a line of its own for each level of a category; the arguments are as in `line_chart`."""
    levels = list(dict.fromkeys(points["level"]))
    height = TOP + LEVEL_HEIGHT * len(levels) + BOTTOM
    xs = _span([*points["y"], *points["lower"], *points["upper"]])
    across = _scale(xs, LEVEL_LEFT, WIDTH - RIGHT)
    place = {level: TOP + LEVEL_HEIGHT * (number_ + 0.5) for number_, level in enumerate(levels)}
    series = tuple(
        Series(
            str(name or ""),
            tuple(
                Dot(across(point.y), place[point.level], across(point.lower), across(point.upper))
                for point in records(part)
            ),
        )
        for name, part in points.groupby("class_label", sort=False, dropna=False)
    )
    return Chart(
        title,
        label,
        "",
        x_ticks=tuple(Tick(across(value), number(value)) for value in _nice(xs, 4)),
        y_ticks=tuple(Tick(place[level], _short(level)) for level in levels),
        series=series,
        header=tuple(header),
        rows=_rows(points),
        is_levels=True,
        height=height,
        left=LEVEL_LEFT,
    )


def strip(values: Iterable[float]) -> Callable[[float], float]:
    """A scale from 0 to 100 over some values and zero or not, for small drawings inside a table."""
    return _scale(_span(values), 2, 98)


def _series(points: pd.DataFrame, place: Callable[..., tuple[float, float]]) -> tuple[Series, ...]:
    found = []
    for name, part in points.groupby("class_label", sort=False, dropna=False):
        dots = [
            Dot(*place(point, point.y), place(point, point.lower)[1], place(point, point.upper)[1])
            for point in records(part.sort_values("x"))
        ]
        found.append(Series(str(name) if isinstance(name, str) else "", tuple(dots)))
    return tuple(found)


def _rows(points: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    """The points as texts: the class where there are several, then x (or its level), y, lower, upper, rows."""
    several = points["class_label"].nunique() > 1
    return tuple(
        (
            *((str(point.class_label),) if several else ()),
            str(point.level) if isinstance(point.level, str) else number(point.x),
            *(number(value) for value in (point.y, point.lower, point.upper, point.rows)),
        )
        for point in records(points)
    )


def _span(values: Iterable[float]) -> tuple[float, float]:
    """The least and the greatest value, apart from each other."""
    known = [float(value) for value in values if isfinite(value)] or [0.0, 1.0]
    low, high = min(known), max(known)
    margin = (high - low) * 0.04 or abs(high) * 0.1 or 0.5
    # Shares, and amounts that begin near nothing, are seen best from zero on.
    low = 0.0 if 0 <= low <= 0.3 * high else low - margin
    return low, 1.0 if 0.75 < high <= 1 and low >= 0 else high + margin


def _scale(span: tuple[float, float], start: float, end: float) -> Callable[[float], float]:
    low, high = span
    return lambda value: start + (end - start) * (value - low) / (high - low)


def _nice(span: tuple[float, float], about: int = 5) -> list[float]:
    """Round values inside a span."""
    low, high = span
    rough = (high - low) / about
    power = 10.0 ** floor(log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return [round(place * step, 12) for place in range(first, last + 1)]


def _dates(points: pd.DataFrame, across: Callable[[float], float]) -> tuple[Tick, ...]:
    """Ticks at some of the points themselves, which know their dates."""
    ordered = points.drop_duplicates("x").sort_values("x")
    some = ordered.iloc[:: max(1, ceil(len(ordered) / 3))]
    return tuple(Tick(across(point.x), str(point.level)) for point in records(some))


def _short(level: str) -> str:
    return level if len(level) <= LONGEST_LEVEL else level[: LONGEST_LEVEL - 1] + "…"
