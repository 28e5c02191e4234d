"""All tiles of a board as somebody sees them, and the file of each."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pyarrow as pa

from ml.boards import metric_tiles, model_tiles
from ml.boards.board import AnyTile, Board, Filter, MetricTile, ModelTile
from ml.boards.metric_tiles import metric_view
from ml.boards.model_tiles import model_view
from ml.boards.notes import Notes
from ml.boards.run_tiles import runs_view
from ml.boards.state import State
from ml.boards.views import TileView
from ml.errors import ForbiddenError, NotFoundError
from ml.reading.sight import Sight

MOST_FILED = 1_000_000  # rows of a CSV file
WORKERS = ThreadPoolExecutor(2, thread_name_prefix="tiles")


def board_view(board: Board, state: State, sight: Sight, notes: Notes) -> list[TileView]:
    """The tiles of a board in their order; one that may not be seen says so."""
    return list(WORKERS.map(lambda tile: _view(tile, board, state, sight, notes), board.tiles))


def _view(tile: AnyTile, board: Board, state: State, sight: Sight, notes: Notes) -> TileView:
    try:
        if isinstance(tile, MetricTile):
            view = metric_view(tile, board, state, sight, notes)
        elif isinstance(tile, ModelTile):
            view = model_view(tile, board, state, sight)
        else:
            view = runs_view(tile, state, sight, notes)
    except ForbiddenError as error:
        return TileView(tile.name, tile.label, tile.text, refusal=str(error))
    written = [note for note in notes.notes(board.name) if note.tile == tile.name]
    # A note may tell of rows that a role does not see.
    seen = [note for note in written if not sight.caller.role.rows or note.author == sight.caller.name]
    return replace(view, notes=tuple(seen))


def require_seen(board: Board, name: str, sight: Sight, notes: Notes) -> None:
    """Refuse a tile that the caller does not see.

    Raises:
        NotFoundError: the board has no such tile.
        ForbiddenError: the caller may not see it.
    """
    tile = board.tile(name)
    if tile is None:
        raise NotFoundError(f"The board '{board.name}' has no tile '{name}'.")
    view = _view(tile, board, State(), sight, notes)
    if view.refusal:
        raise ForbiddenError(view.refusal)


def choices_of(board: Board, sight: Sight) -> list[tuple[Filter, list[str]]]:
    """The filters of a board, each with the values to choose from."""
    return [(one, sight.choices(one.model, one.name)) for one in board.filters]


def completed(state: State, choices: list[tuple[Filter, list[str]]]) -> State:
    """The choices of somebody, with the first value where one has to be chosen."""
    first = {one.name: tuple(values[:1]) for one, values in choices if one.is_required and values}
    return replace(state, chosen={**first, **state.chosen})


def file_of(board: Board, name: str, state: State, sight: Sight) -> pa.Table:
    """What the file of a tile holds: all of its rows as they are in the snapshot.

    Raises:
        NotFoundError: the board has no such tile, or it has no rows.
        ForbiddenError: the caller may not see them.
    """
    tile = board.tile(name)
    if isinstance(tile, MetricTile):
        question, _ = metric_tiles.asked_of(tile, board, state, sight.metric(tile.metric))
        return sight.metric_rows(question)
    if isinstance(tile, ModelTile):
        question_, _ = model_tiles.asked_of(tile, board, state, sight.model(tile.model))
        columns = tile.columns if not tile.chart else question_.columns
        return sight.all_rows(tile.model, replace(question_, columns=columns, limit=MOST_FILED))
    raise NotFoundError(f"The board '{board.name}' has no rows called '{name}'.")
