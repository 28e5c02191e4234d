"""The tile of training runs: how good each is, what was decided, and what waits for somebody to decide."""

from typing import Any

from ml.boards.board import RunsTile
from ml.boards.notes import Decision, Notes
from ml.boards.numbers import cell
from ml.boards.state import State
from ml.boards.views import RunView, TileView
from ml.charts import number
from ml.errors import ForbiddenError
from ml.reading.sight import Sight
from ml.tables import SCHEMA

MOST_RUNS = 50
REQUESTED = "requested"


def runs_view(tile: RunsTile, state: State, sight: Sight, notes: Notes) -> TileView:
    """The newest runs, those of the prediction that a filter `prediction_name` chooses.

    Raises:
        ForbiddenError: runs tell of all rows, and the caller sees some only.
    """
    sight.caller.require("predictions")
    if sight.caller.role.rows:
        raise ForbiddenError("Runs can't be limited to your rows, so you may not see them.")
    chosen = state.chosen.get("prediction_name", ())
    rows = [row for row in _runs(sight) if not chosen or row["prediction"] in chosen]
    written = {one.run_id: one for one in notes.decisions()}
    runs = tuple(_run(row, written.get(row["run_id"]), sight) for row in rows[:MOST_RUNS])
    owners = dict.fromkeys(
        sight.library.predictions[row["prediction"]].owner.name
        for row in rows
        if row["prediction"] in sight.library.predictions
    )
    return TileView(tile.name, tile.label, tile.text, is_wide=True, owner=", ".join(owners), runs=runs)


def _runs(sight: Sight) -> list[dict[str, Any]]:
    reader = sight.library.reader
    tables = {name: reader.table(SCHEMA, name) for name in ("runs", "metrics", "decisions", "promotions")}
    sql = f"""
        with decided as (
            select run_id, arg_max(decision, decided_at) as decision from {tables["decisions"]} group by run_id
        ),
        champions as (
            select arg_max(run_id, promoted_at) as run_id from {tables["promotions"]} group by prediction
        ),
        tested as (
            select run_id, metric, predictor, value, lower, upper from {tables["metrics"]} where split = 'test'
        )
        select
            runs.run_id, runs.prediction, runs.finished_at, runs.metric,
            own.value, own.lower, own.upper, naive.value as baseline_value, runs.baseline,
            case when champions.run_id is not null then 'champion' else coalesce(decided.decision, 'kept') end as state
        from {tables["runs"]} as runs
        left join tested as own
            on runs.run_id = own.run_id and runs.metric = own.metric and own.predictor = 'pipeline'
        left join tested as naive
            on runs.run_id = naive.run_id and runs.metric = naive.metric and naive.predictor = 'baseline'
        left join decided on runs.run_id = decided.run_id
        left join champions on runs.run_id = champions.run_id
        order by runs.finished_at desc, runs.run_id
    """
    rows: list[dict[str, Any]] = sight.library.reader.query(sql).to_pylist()
    return rows


def _run(row: dict[str, Any], written: Decision | None, sight: Sight) -> RunView:
    state = "waits for approval" if row["state"] == REQUESTED else row["state"]
    if written is not None and row["state"] == REQUESTED:
        state = f"{written.decision} by {written.author}: {written.outcome}"
    is_open = written is None or written.outcome.startswith("refused")
    interval = f" ({number(row['lower'])} to {number(row['upper'])})" if row["lower"] is not None else ""
    return RunView(
        run_id=row["run_id"],
        prediction=row["prediction"],
        finished=cell(row["finished_at"]),
        metric=row["metric"],
        value=f"{number(row['value'])}{interval}",
        baseline=f"{number(row['baseline_value'])} ({row['baseline']})",
        state=state,
        waits=row["state"] == REQUESTED and is_open,
        card=f"/cards/{row['run_id']}" if sight.library.card(row["run_id"]) else "",
    )
