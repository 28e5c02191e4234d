"""Tiles of public models: a table to search, sort and page through, or a chart with its rows."""

from dataclasses import replace

import pyarrow as pa

from ml.boards import charts, periods
from ml.boards.board import Board, ModelTile, fields_of
from ml.boards.numbers import cell
from ml.boards.state import State, limits_of
from ml.boards.views import Cell, Head, Table, TileView
from ml.reading.model_rows import ModelQuestion
from ml.reading.models import Model, words
from ml.reading.sight import Sight

MOST_CHARTED = 5000
MOST_LISTED = 200  # of a chart's rows on the page; the CSV file has all
RUN_ID = "run_id"


def model_view(tile: ModelTile, board: Board, state: State, sight: Sight) -> TileView:
    """A tile of a model with the rows that the caller may see.

    Raises:
        ForbiddenError: nothing of it may be seen.
        DataError: it can't be sorted by what the address says.
    """
    model = sight.model(tile.model)
    question, remarks = asked_of(tile, board, state, model)
    last = sight.last_of(tile.model)
    view = TileView(
        tile.name,
        tile.label,
        tile.text,
        tile.is_wide or not tile.chart,
        about=f"/about/model/{model.name}",
        owner=model.owner,
        until=periods.long(last) if last else "",
        remarks=remarks,
    )
    if tile.chart:
        return _charted(view, tile, model, question, sight)
    return replace(view, table=_table(tile, board, model, question, state, sight))


def asked_of(tile: ModelTile, board: Board, state: State, model: Model) -> tuple[ModelQuestion, tuple[str, ...]]:
    """The question that a tile asks of its model, and what of the board's choices it can't follow."""
    where, remarks = limits_of(tile.where, board, state, lambda one: one.name if one.name in model.columns else "")
    dated = bool(model.clock) and tile.follows_dates
    if (state.since or state.until) and not dated:
        remarks = (*remarks, "Not filtered by date.")
    table = state.table(tile.name)
    question = ModelQuestion(
        tuple(dict.fromkeys(fields_of(tile.chart))) if tile.chart else tile.columns,
        where,
        state.since if dated else None,
        state.until if dated else None,
        table.search,
        (table.sort, *tile.order) if table.sort else tile.order,
    )
    return question, remarks


def _charted(view: TileView, tile: ModelTile, model: Model, question: ModelQuestion, sight: Sight) -> TileView:
    found = sight.rows(tile.model, replace(question, limit=MOST_CHARTED))
    rows = [{name: charts.plain(value) for name, value in row.items()} for row in found.to_pylist()]
    table = Table(
        tuple(Head(words(name), model.columns[name].is_number) for name in found.column_names),
        _cells(found.slice(0, MOST_LISTED), model, sight),
        found.num_rows,
    )
    remarks = view.remarks
    if found.num_rows == MOST_CHARTED:
        remarks = (*remarks, f"The first {MOST_CHARTED:,} rows.")
    chart = charts.declared(tile.chart, rows, model) if rows else None
    text = f"{tile.label}: {found.num_rows} rows by {', '.join(words(name).lower() for name in found.column_names)}."
    return replace(view, chart=chart, chart_text=text, table=table, remarks=remarks)


def _table(tile: ModelTile, board: Board, model: Model, question: ModelQuestion, state: State, sight: Sight) -> Table:
    asked = state.table(tile.name)
    total = sight.count(tile.model, question)
    pages = max(1, -(-total // tile.rows))
    page = min(asked.page, pages)
    found = sight.rows(tile.model, replace(question, limit=tile.rows, offset=(page - 1) * tile.rows))

    def link(page: int, sort: str) -> str:
        """The same board with another choice for this table."""
        changed = state.with_table(tile.name, replace(asked, page=page, sort=sort))
        return f"/boards/{board.name}{changed.query}#{tile.name}"

    order = question.order[0] if question.order else ""
    return Table(
        tuple(_head(name, model, order, link(1, _next_sort(name, order))) for name in found.column_names),
        _cells(found, model, sight),
        total,
        page,
        pages,
        asked.search,
        before=link(page - 1, asked.sort) if page > 1 else "",
        after=link(page + 1, asked.sort) if page < pages else "",
    )


def _head(name: str, model: Model, order: str, link: str) -> Head:
    sorted_as = {name: "ascending", f"-{name}": "descending"}.get(order, "")
    return Head(words(name), model.columns[name].is_number, link, sorted_as)


def _next_sort(name: str, order: str) -> str:
    return f"-{name}" if order == name else name


def _cells(table: pa.Table, model: Model, sight: Sight) -> tuple[tuple[Cell, ...], ...]:
    return tuple(tuple(_cell(name, value, model, sight) for name, value in row.items()) for row in table.to_pylist())


def _cell(name: str, value: object, model: Model, sight: Sight) -> Cell:
    column = model.columns[name]
    if isinstance(value, str) and name == RUN_ID and sight.library.card(value):
        return Cell(value, link=f"/cards/{value}")
    if isinstance(value, str) and column.described_in in sight.library.models:
        return Cell(words(value), link=f"/about/model/{column.described_in}#{value}")
    is_key = name.endswith("_id") and value is not None
    return Cell(str(value) if is_key else cell(value, column.unit), column.is_number)
