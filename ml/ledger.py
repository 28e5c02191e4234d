"""Writes and reads the schema `ml`: what a run, its metrics, its predictions and its promotion leave behind.

Append-only; every row carries its run.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import pandas as pd

from ml.declaration import Prediction
from ml.learning.evaluate import Metric
from ml.tables import SCHEMA, TABLES
from ml.warehouse import Column, Warehouse

MOST_NAMED = 6  # changes of features that a message names


@dataclass(frozen=True)
class StoredRun:
    """A run as it is stored: what scoring, deciding and the next training must know of it."""

    run_id: str
    prediction: str
    features: Mapping[str, str]
    declaration_sha256: str
    pipeline_uri: str
    pipeline_sha256: str
    is_good: bool
    last_as_of: datetime | None
    finished_at: datetime


@dataclass(frozen=True)
class Standing:
    """How good a run is on its test rows, against the baseline, in the declared metric (higher is better)."""

    metric: str
    value: float
    lower: float
    upper: float
    baseline: float

    @property
    def is_good(self) -> bool:
        """Whether the pipeline beats the baseline."""
        return self.value > self.baseline

    def __str__(self) -> str:
        """As a person would say it."""
        name, value, interval, baseline = self.shown
        return f"{name} {value} ({interval}), baseline {baseline}"

    @property
    def shown(self) -> tuple[str, str, str, str]:
        """Metric, value, interval and baseline as texts; an error that scikit-learn negates is shown as the error."""
        name, sign = (self.metric.removeprefix("neg_"), -1) if self.metric.startswith("neg_") else (self.metric, 1)
        low, high = sorted((sign * self.lower, sign * self.upper))
        return name, f"{sign * self.value:.4g}", f"{low:.4g} to {high:.4g}", f"{sign * self.baseline:.4g}"


def prediction_columns(prediction: Prediction, model: Mapping[str, Column]) -> dict[str, str]:
    """Columns and types of the table that a prediction fills; keys keep the feature model's types."""
    columns = {key: model[key].type for key in prediction.keys}
    columns["prediction"] = "double"
    if prediction.task == "classification":
        columns["predicted_class"] = "varchar"
    else:
        columns |= {"lower": "double", "upper": "double"}
    return columns | {"reasons": "varchar", "run_id": "varchar", "scored_at": "timestamp"}


def create_tables(warehouse: Warehouse) -> None:
    """Create the tables and columns that the ledger lacks; what exists stays as it is."""
    for name, columns in TABLES.items():
        warehouse.create_table(SCHEMA, name, columns)


def append(warehouse: Warehouse, table: str, rows: pd.DataFrame | list[dict[str, Any]]) -> None:
    """Append rows to a table of the ledger; columns of the table that the rows lack become null."""
    frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(rows)
    if len(frame):
        warehouse.append(warehouse.table(SCHEMA, table), frame)


def champion(warehouse: Warehouse, prediction: str) -> StoredRun | None:
    """The run last promoted for a prediction; None before the first."""
    promotions = warehouse.table(SCHEMA, "promotions")
    if not warehouse.columns(promotions):
        return None
    return _stored_run(
        warehouse,
        f"inner join {promotions} as promotions on promotions.run_id = runs.run_id "
        "where promotions.prediction = ? order by promotions.promoted_at desc",
        prediction,
    )


def last_run(warehouse: Warehouse, prediction: str) -> StoredRun | None:
    """The run that was finished last for a prediction, champion or not; None before the first."""
    return _stored_run(warehouse, "where runs.prediction = ? order by runs.finished_at desc", prediction)


def stored_run(warehouse: Warehouse, run_id: str) -> StoredRun | None:
    """A run by its id; None if it is not stored."""
    return _stored_run(warehouse, "where runs.run_id = ? order by runs.finished_at", run_id)


def run_row(warehouse: Warehouse, run_id: str) -> dict[str, Any]:
    """All that a run records of itself."""
    found = warehouse.query(f"select * from {warehouse.table(SCHEMA, 'runs')} where run_id = ?", [run_id])
    return {str(name): value for name, value in found.to_dict("records")[0].items()}


def run_ids(warehouse: Warehouse, prediction: str) -> list[str]:
    """The ids of all runs of a prediction, the oldest first."""
    found = rows(warehouse, "runs", prediction, "finished_at")
    return found["run_id"].tolist()


def champions(warehouse: Warehouse, prediction: str) -> pd.DataFrame:
    """All promotions of a prediction, the oldest first."""
    return rows(warehouse, "promotions", prediction, "promoted_at")


def decisions(warehouse: Warehouse, prediction: str) -> pd.DataFrame:
    """All decisions about a prediction's runs, the oldest first."""
    return rows(warehouse, "decisions", prediction, "decided_at")


def rows(warehouse: Warehouse, table: str, prediction: str, order: str) -> pd.DataFrame:
    """All rows of a table of the ledger about a prediction; none if there is no such table yet."""
    relation = warehouse.table(SCHEMA, table)
    if not warehouse.columns(relation):
        return pd.DataFrame(columns=list(TABLES[table]))
    return warehouse.query(f"select * from {relation} where prediction = ? order by {order}", [prediction])


def parse_features(text: str) -> dict[str, str]:
    """The features of a run, as `ml.runs` keeps them: name to kind."""
    return {str(name): str(kind) for name, kind in json.loads(text).items()}


def _stored_run(warehouse: Warehouse, clauses: str, parameter: str) -> StoredRun | None:
    runs = warehouse.table(SCHEMA, "runs")
    if not warehouse.columns(runs):
        return None
    wanted = ", ".join(f"runs.{field.name}" for field in fields(StoredRun))
    found = warehouse.query(f"select {wanted} from {runs} as runs {clauses} limit 1", [parameter])
    if found.empty:
        return None
    run = {str(name): value for name, value in found.to_dict("records")[0].items()}
    last = run["last_as_of"]
    run |= {"features": parse_features(run["features"]), "last_as_of": None if pd.isna(last) else last}
    return StoredRun(**run)


def promote(
    warehouse: Warehouse,
    prediction: str,
    run_id: str,
    promoted_at: datetime,
    actor: str,
    reason: str,
    before: StoredRun | None,
) -> None:
    """Put on record that a run is champion from now on; `before` is the champion that it follows."""
    row = {
        "prediction": prediction,
        "run_id": run_id,
        "promoted_at": promoted_at,
        "actor": actor,
        "reason": reason,
        "previous_run_id": before.run_id if before else None,
    }
    append(warehouse, "promotions", [row])


def standing(warehouse: Warehouse, run_id: str) -> Standing | None:
    """The standing of a run; None if it is not stored."""
    runs, metrics = warehouse.table(SCHEMA, "runs"), warehouse.table(SCHEMA, "metrics")
    found = warehouse.query(
        f"select metrics.* from {metrics} as metrics inner join {runs} as runs on metrics.run_id = runs.run_id "
        "and metrics.metric = runs.metric where runs.run_id = ? and metrics.split = 'test'",
        [run_id],
    )
    rows = {row["predictor"]: row for row in found.to_dict("records")}
    if len(rows) < 2:
        return None
    pipeline = rows["pipeline"]
    return Standing(
        pipeline["metric"], pipeline["value"], pipeline["lower"], pipeline["upper"], rows["baseline"]["value"]
    )


def announced(warehouse: Warehouse, run_id: str) -> Metric | None:
    """What a run announced that it would reach on rows to come; None if it is not stored."""
    runs, metrics = warehouse.table(SCHEMA, "runs"), warehouse.table(SCHEMA, "metrics")
    found = warehouse.query(
        f"select metrics.metric, metrics.value, metrics.lower, metrics.upper, metrics.rows from {metrics} as metrics "
        f"inner join {runs} as runs on metrics.run_id = runs.run_id and metrics.metric = runs.metric "
        "where runs.run_id = ? and metrics.split = 'expected'",
        [run_id],
    )
    return Metric(**found.to_dict("records")[0]) if len(found) else None  # type: ignore[misc]


def signature_changes(known: Mapping[str, str], current: Mapping[str, str]) -> list[str]:
    """What differs between the features that a run learned and today's: the first changes, and how many more."""
    appeared = [f"'{name}' appeared" for name in current if name not in known]
    vanished = [f"'{name}' vanished" for name in known if name not in current]
    changed = [
        f"'{name}' changed from {known[name]} to {kind}"
        for name, kind in current.items()
        if known.get(name, kind) != kind
    ]
    found = vanished + changed + appeared
    return found if len(found) <= MOST_NAMED else [*found[:MOST_NAMED], f"{len(found) - MOST_NAMED} more changes"]
