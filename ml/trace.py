"""Where a stored prediction comes from: the row, its run, code, features, data, and who decided."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from ml import ledger
from ml.declaration import Prediction
from ml.errors import DataError
from ml.tables import SCHEMA
from ml.warehouse import Warehouse

RUN_COLUMNS = (
    *("run_id", "estimator", "started_at", "finished_at", "rows_trained", "first_as_of", "last_as_of"),
    *("feature_model", "feature_code_sha256", "data_fingerprint", "git_commit", "manifest_sha256"),
    *("declaration_sha256", "pipeline_uri", "pipeline_sha256", "versions", "seed", "is_forced"),
)


@dataclass(frozen=True)
class Trace:
    """The chain behind one stored prediction: the stored row, the row of its run, and the decisions about that run."""

    row: Mapping[str, Any]
    run: Mapping[str, Any]
    standing: str
    decisions: tuple[Mapping[str, Any], ...]

    def lines(self) -> list[tuple[str, str]]:
        """The chain as pairs of what and which, in the order in which one asks."""
        told = [(name, value) for name, value in self.row.items() if name != "reasons"]
        reasons = json.loads(self.row.get("reasons") or "[]")
        told.append(("reasons", ", ".join(f"{one['feature']} {one['contribution']:+.3g}" for one in reasons)))
        told += [(name, self.run.get(name)) for name in RUN_COLUMNS if name != "run_id"]
        told.append(("test", self.standing))
        told += [
            ("decision", f"{one['decision']} by {one['actor']} at {one['decided_at']:%Y-%m-%d %H:%M}: {one['reason']}")
            for one in self.decisions
        ]
        return [(name, "" if value is None or value is pd.NaT else str(value)) for name, value in told]


def trace(prediction: Prediction, warehouse: Warehouse, entity: Sequence[str], as_of: datetime | None) -> Trace:
    """The chain behind the prediction that was stored last for an entity (at an as-of).

    Args:
        prediction: the declaration.
        warehouse: holds the schema `ml`.
        entity: the values of the entity's columns, as text.
        as_of: the as-of; the newest by default.

    Raises:
        DataError: no such prediction is stored, or the number of values is wrong.
    """
    if len(entity) != len(prediction.entity):
        raise DataError(
            f"{prediction.name} is about {', '.join(prediction.entity)}: give {len(prediction.entity)} value(s), "
            f"not {len(entity)}."
        )
    table, quote = warehouse.table(SCHEMA, prediction.name), warehouse.quote
    where = [f"cast({quote(name)} as varchar) = ?" for name in prediction.entity]
    parameters: list[object] = list(entity)
    order = "scored_at desc"
    if prediction.as_of:
        order = f"{quote(prediction.as_of)} desc, {order}"
        if as_of is not None:
            where.append(f"cast({quote(prediction.as_of)} as timestamp) = ?")
            parameters.append(as_of)
    sql = f"select * from {table} where {' and '.join(where)} order by {order} limit 1"
    stored = warehouse.query(sql, parameters) if warehouse.columns(table) else pd.DataFrame()
    if stored.empty:
        raise DataError(
            f"No prediction of {prediction.name} is stored for {', '.join(entity)}"
            + (f" as of {as_of:%Y-%m-%d}." if as_of else ".")
        )
    row = {str(name): value for name, value in stored.to_dict("records")[0].items()}
    run = ledger.run_row(warehouse, row["run_id"])
    decided = ledger.rows(warehouse, "decisions", prediction.name, "decided_at")
    about = decided[decided["run_id"] == row["run_id"]].to_dict("records")
    standing = ledger.standing(warehouse, row["run_id"])
    return Trace(row, run, str(standing or "unknown"), tuple({str(k): v for k, v in one.items()} for one in about))
