"""What a page shows of a tile: texts, charts and tables, ready to be set."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from ml.boards.notes import Note, Target


@dataclass(frozen=True)
class Head:
    """A column of a table; `link` sorts by it, `sorted_as` is ascending, descending or empty."""

    text: str
    is_number: bool = False
    link: str = ""
    sorted_as: str = ""


@dataclass(frozen=True)
class Cell:
    """A cell of a table."""

    text: str
    is_number: bool = False
    link: str = ""


@dataclass(frozen=True)
class Table:
    """Rows to read; `pages` is 0 where all rows are shown."""

    header: tuple[Head, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: int
    page: int = 1
    pages: int = 0
    search: str = ""
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class Comparison:
    """A sentence about a number, and whether it is good news: `good`, `bad`, or empty."""

    text: str
    judgement: str


@dataclass(frozen=True)
class RunView:
    """A training run with what was decided about it."""

    run_id: str
    prediction: str
    finished: str
    metric: str
    value: str
    baseline: str
    state: str
    waits: bool
    card: str


@dataclass(frozen=True)
class TileView:
    """A tile as it is shown; `refusal` says why there is nothing to see."""

    name: str
    label: str
    text: str = ""
    is_wide: bool = False
    about: str = ""
    owner: str = ""
    until: str = ""
    value: str = ""
    period: str = ""
    comparisons: tuple[Comparison, ...] = ()
    chart: Mapping[str, Any] | None = None
    chart_text: str = ""
    table: Table | None = None
    runs: tuple[RunView, ...] = ()
    remarks: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    targets: tuple[Target, ...] = ()
    target_periods: tuple[tuple[date, str], ...] = field(default=())
    refusal: str = ""
