"""Stored predictions meet their outcomes: how good each run was, as-of by as-of, once the outcomes are known."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml import ledger
from ml.declaration import Prediction
from ml.learning.dataset import Rows, read_target
from ml.learning.evaluate import declared_metric
from ml.tables import SCHEMA, TABLES
from ml.warehouse import Warehouse
from ml.warehouse.ansi import same_keys

Array = NDArray[np.float64]

LIFT = "lift_top_decile"
FEWEST_ROWS = 30  # a metric of fewer rows says nothing
FEWEST_SLICE_ROWS = 50


@dataclass(frozen=True)
class _Group:
    """The rows that a run predicted as of one day."""

    run_id: str
    as_of: datetime | None
    rows: int
    ripe_rows: int
    is_champion: bool


def measure_outcomes(prediction: Prediction, warehouse: Warehouse) -> pd.DataFrame:
    """Judge stored predictions, each as it was first made by its run, by the outcomes that are known now.

    Only what has ripened since it was last measured is measured.

    Returns:
        The rows appended to `ml.performance`: one per run and day of the as-of.
    """
    stored = warehouse.table(SCHEMA, prediction.name)
    if not warehouse.columns(stored):
        return pd.DataFrame(columns=list(TABLES["performance"]))
    ledger.create_tables(warehouse)
    joined = _joined(prediction, warehouse)
    groups = [group for group in _groups(prediction, warehouse, joined) if group.ripe_rows]
    measured = [row for group in groups for row in _measure(group, prediction, warehouse, joined)]
    whole = [row for row in measured if "slice_column" not in row]
    found = pd.DataFrame(whole, columns=list(TABLES["performance"]))
    with warehouse.transaction():
        ledger.append(warehouse, "performance", found)
        ledger.append(warehouse, "performance_slices", [row for row in measured if "slice_column" in row])
    return found


def latest_performance(prediction: Prediction, warehouse: Warehouse) -> pd.DataFrame:
    """The performance measured last of each run and as-of, in the order of the as-ofs."""
    measured = ledger.rows(warehouse, "performance", prediction.name, "as_of, measured_at")
    return measured.drop_duplicates(["run_id", "as_of"], keep="last").reset_index(drop=True)


def _joined(prediction: Prediction, warehouse: Warehouse) -> str:
    """A query of stored predictions with `outcome`, null while open, and `as_of_day`, null without time."""
    quote = warehouse.quote
    same = same_keys(prediction.keys, quote)
    keys = ", ".join(f"stored.{quote(key)}" for key in ["run_id", *prediction.keys])
    slices = "".join(f"features.{quote(name)}, " for name in prediction.slices)
    day = f"cast(stored.{quote(prediction.as_of)} as date)" if prediction.as_of else "cast(null as date)"
    return (
        f"select * from (select stored.*, features.{quote(prediction.target)} as outcome, {slices}{day} as as_of_day, "
        f"row_number() over (partition by {keys} order by stored.scored_at) as scoring "
        f"from {warehouse.table(SCHEMA, prediction.name)} as stored "
        f"left join {prediction.relation} as features on {same}) as ranked where scoring = 1"
    )


def _groups(prediction: Prediction, warehouse: Warehouse, joined: str) -> list[_Group]:
    """The groups with outcomes that have not been measured yet."""
    promoted = ledger.champions(warehouse, prediction.name).groupby("run_id")["promoted_at"].min()
    found = warehouse.query(
        "select run_id, as_of_day, count(*) as all_rows, count(outcome) as ripe_rows, max(scored_at) as scored_at "
        f"from ({joined}) as joined group by run_id, as_of_day order by as_of_day, run_id"
    )
    known = latest_performance(prediction, warehouse)
    measured = {(row["run_id"], str(row["as_of"])): row["ripe_rows"] for row in known.to_dict("records")}
    groups = []
    for row in found.to_dict("records"):
        as_of = None if pd.isna(row["as_of_day"]) else pd.Timestamp(row["as_of_day"]).to_pydatetime()
        is_champion = row["run_id"] in promoted.index and promoted[row["run_id"]] <= row["scored_at"]
        if measured.get((row["run_id"], str(pd.Timestamp(as_of) if as_of else pd.NaT))) != row["ripe_rows"]:
            groups.append(_Group(row["run_id"], as_of, row["all_rows"], row["ripe_rows"], bool(is_champion)))
    return groups


def _measure(group: _Group, prediction: Prediction, warehouse: Warehouse, joined: str) -> Iterator[dict[str, object]]:
    """The row of a group, then the rows of its slices (those that have `slice_column`)."""
    announced = ledger.announced(warehouse, group.run_id)
    if announced is None:
        return
    frame, y, classes = _ripe_rows(group, prediction, warehouse, joined)
    known = replace(prediction, metric=announced.metric)
    output = frame["prediction"].to_numpy(np.float64)
    if len(classes) > 2:  # only the probability of the predicted class is stored
        known = replace(prediction, metric="accuracy")
        output = np.eye(len(classes))[pd.Index(classes).get_indexer(pd.Index(frame["predicted_class"]))]
    about: dict[str, object] = {
        "prediction": prediction.name,
        "run_id": group.run_id,
        "as_of": group.as_of,
        "metric": known.metric,
        "measured_at": datetime.now(UTC).replace(tzinfo=None),
    }

    def judged(rows: Rows) -> dict[str, object]:
        is_one = output.ndim == 1
        means: dict[str, object] = {
            "predicted_mean": float(output[rows].mean()) if is_one else None,
            "actual_mean": float(y[rows].mean()) if is_one else None,
        }
        if len(rows) < FEWEST_ROWS:
            return means
        found = declared_metric(y[rows], output[rows], known, frame[list(prediction.entity)].iloc[rows])
        return means | {"value": found.value, "lower": found.lower, "upper": found.upper}

    whole = judged(np.arange(len(frame)))
    if "value" in whole and prediction.task == "classification" and output.ndim == 1:
        lift = declared_metric(y, output, replace(known, metric=LIFT), frame[list(prediction.entity)])
        whole |= {"lift": lift.value, "lift_lower": lift.lower, "lift_upper": lift.upper}
    if "value" in whole and known.metric == announced.metric:
        whole |= {"announced_lower": announced.lower, "announced_upper": announced.upper}
        whole["is_below_announced"] = bool(whole["upper"] < announced.lower)  # type: ignore[operator]
    yield {**about, **whole, "is_champion": group.is_champion, "rows": group.rows, "ripe_rows": group.ripe_rows}
    for column in prediction.slices:
        for level, places in frame.reset_index(drop=True).groupby(column, observed=True).indices.items():
            rows = np.asarray(places, dtype=np.intp)
            if len(rows) >= FEWEST_SLICE_ROWS:  # so few that nobody can be recognised are not told of
                yield {**about, **judged(rows), "slice_column": column, "slice_level": str(level), "rows": len(rows)}


def _ripe_rows(
    group: _Group, prediction: Prediction, warehouse: Warehouse, joined: str
) -> tuple[pd.DataFrame, Array, tuple[str, ...]]:
    """The group's rows with known outcomes as they are stored, the outcomes as numbers, and all classes."""
    target = warehouse.quote(prediction.target)
    day = f"as_of_day = date '{group.as_of:%Y-%m-%d}'" if group.as_of else "as_of_day is null"
    keys = ", ".join(warehouse.quote(key) for key in prediction.keys)
    label = ", predicted_class" if prediction.task == "classification" else ""
    slices = "".join(f", {warehouse.quote(name)}" for name in prediction.slices)
    frame = warehouse.query(
        f"select {keys}, prediction{label}{slices}, outcome as {target} from ({joined}) as joined "
        f"where outcome is not null and run_id = ? and {day} order by {keys}",
        [group.run_id],
    )
    # One row of each class, so that a group without some class still knows all of them.
    distinct = f"select distinct {target} from {prediction.relation} where {target} is not null"
    examples = warehouse.query(distinct) if prediction.task == "classification" else frame.head(0)
    outcomes, classes = read_target(pd.concat([frame, examples]), prediction)
    return frame, np.asarray(outcomes, dtype=np.float64)[: len(frame)], classes
