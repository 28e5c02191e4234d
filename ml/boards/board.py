"""A board and its tiles, as declared."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ml.declaration import Owner

Where = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Filter:
    """A choice for the whole board.

    Its values are those of the column of its name in a model. It limits tiles of models that have such a column, and
    metrics that have one of the dimensions.
    """

    name: str
    label: str
    model: str
    dimensions: tuple[str, ...] = ()
    is_required: bool = False


@dataclass(frozen=True)
class Targets:
    """Where targets of metrics stand: a model with columns for the metric's name, the period's start and the value."""

    model: str
    metric: str
    starts_on: str
    value: str
    grain: str


@dataclass(frozen=True)
class Annotations:
    """What happened: a model with a column for the day, and one that says what it was; `name` says what all are."""

    model: str
    date: str
    label: str
    name: str


@dataclass(frozen=True)
class Tile:
    """What all tiles have; `chart` is in Vega-Lite's terms, where the default does not do."""

    name: str
    label: str
    text: str = ""
    is_wide: bool = False
    where: Where = ()
    chart: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class MetricTile(Tile):
    """A metric: its last value and its course, or with `by` its course by the values of a dimension."""

    metric: str = ""
    grain: str = "month"
    by: str = ""
    series: int = 8


@dataclass(frozen=True)
class ModelTile(Tile):
    """A public model: a table to search and sort, or a chart of it. `order` may say `-column` for the highest first."""

    model: str = ""
    columns: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    rows: int = 10
    follows_dates: bool = True


@dataclass(frozen=True)
class RunsTile(Tile):
    """Training runs, what was decided about each, and what waits for a decision."""


AnyTile = MetricTile | ModelTile | RunsTile


@dataclass(frozen=True)
class Board:
    """A page of tiles."""

    name: str
    label: str
    description: str
    owner: Owner
    tiles: tuple[AnyTile, ...]
    filters: tuple[Filter, ...] = ()
    targets: Targets | None = None
    annotations: Annotations | None = None

    def tile(self, name: str) -> AnyTile | None:
        """A tile by its name."""
        return next((tile for tile in self.tiles if tile.name == name), None)


def fields_of(chart: object) -> Iterator[str]:
    """The columns that a chart names, at any depth."""
    if isinstance(chart, Mapping):
        for key, value in chart.items():
            if key == "field" and isinstance(value, str):
                yield value
            else:
                yield from fields_of(value)
    elif isinstance(chart, list):
        for value in chart:
            yield from fields_of(value)
