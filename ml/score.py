"""Scores open rows with the champion: warehouse to warehouse in batches of bounded memory, stored all at once."""

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pandas as pd

from ml import decisions, ledger
from ml.check import duplicated_key, feature_columns, feature_kinds
from ml.declaration import Prediction
from ml.errors import DataError
from ml.learning import pipelines, storage
from ml.learning.accelerate import accelerated
from ml.learning.cores import ahead
from ml.learning.dataset import make_dataset
from ml.learning.reasons import contributions
from ml.project import Project
from ml.report import ProgressCallback
from ml.tables import SCHEMA
from ml.warehouse import Column, Warehouse
from ml.warehouse.ansi import same_keys

BATCH_ROWS = 51_200  # whole parts of `scorers.PART_ROWS`


@dataclass(frozen=True)
class Scored:
    """What one scoring did; `rows` is 0 when nothing was waiting, `shadow_rows` are those of the run on trial."""

    prediction: str
    run_id: str
    rows: int
    shadow_rows: int = 0

    @property
    def summary(self) -> str:
        """As a person would say it."""
        told = f"{self.rows} rows scored" if self.rows else "no row is waiting"
        return f"{told}, {self.shadow_rows} by the shadow run" if self.shadow_rows else told


def score(
    prediction: Prediction,
    warehouse: Warehouse,
    project: Project,
    progress: ProgressCallback,
    *,
    rescore: bool = False,
) -> Scored:
    """Score the rows with a null target that have no stored prediction yet; with `rescore`, all of them.

    A shadow run that learned today's features scores the same rows beside the champion.

    Raises:
        DataError: there is no champion, or the features are not those that it learned.
    """
    columns = feature_columns(prediction, warehouse)
    kinds = feature_kinds(prediction, columns)
    champion, shadow = _champion(prediction, warehouse, kinds), decisions.shadow(warehouse, prediction.name)
    ledger.create_tables(warehouse)
    warehouse.create_table(SCHEMA, prediction.name, ledger.prediction_columns(prediction, columns))
    official = ledger.champions(warehouse, prediction.name)["run_id"].tolist()
    batch = _Batch(prediction, warehouse, project, columns, progress, rescore)
    rows = _score(champion, official, batch)
    is_usable = shadow is not None and not ledger.signature_changes(shadow.features, kinds)
    shadow_rows = _score(shadow, [shadow.run_id], batch) if shadow is not None and is_usable else 0
    return Scored(prediction.name, champion.run_id, rows, shadow_rows)


@dataclass(frozen=True)
class _Batch:
    """What is to be scored, and where."""

    prediction: Prediction
    warehouse: Warehouse
    project: Project
    columns: Mapping[str, Column]
    progress: ProgressCallback
    is_rescore: bool


def _score(run: ledger.StoredRun, among: Sequence[str], batch: _Batch) -> int:
    """Score by one run the open rows that none of some runs has scored; returns how many there were."""
    started, prediction, warehouse = time.monotonic(), batch.prediction, batch.warehouse
    waiting = _waiting(prediction, warehouse, () if batch.is_rescore else among)
    total = int(warehouse.query(f"select count(*) as rows from ({waiting}) as waiting")["rows"][0])
    if total == 0:
        return 0
    _refuse_duplicates(prediction, warehouse, waiting)
    stored = storage.fetch(run.pipeline_uri, run.pipeline_sha256, batch.project.pipelines_root)
    loaded = pipelines.load(stored, prediction.estimators)
    model = accelerated(loaded, total, is_explained=prediction.reasons > 0)
    scored_at = datetime.now(UTC).replace(tzinfo=None)
    table = warehouse.table(SCHEMA, prediction.name)
    done = 0
    first = last = None
    with warehouse.transaction():
        for frame in ahead(_batches(warehouse, waiting, prediction, batch.columns)):
            rows = _predict(model, frame, prediction, run.features)
            warehouse.append(table, rows.assign(run_id=run.run_id, scored_at=scored_at))
            if prediction.as_of:
                moments = pd.to_datetime(frame[prediction.as_of])
                first = min(moments.min(), first or moments.min())
                last = max(moments.max(), last or moments.max())
            done += len(frame)
            batch.progress(done / total, f"{done} of {total} rows")
        row = {
            "batch_id": str(uuid.uuid4()),
            "prediction": prediction.name,
            "run_id": run.run_id,
            "scored_at": scored_at,
            "rows": done,
            "seconds": time.monotonic() - started,
            "first_as_of": first,
            "last_as_of": last,
            "is_rescore": batch.is_rescore,
        }
        ledger.append(warehouse, "score_batches", [row])
    return done


def _champion(prediction: Prediction, warehouse: Warehouse, kinds: Mapping[str, str]) -> ledger.StoredRun:
    champion = ledger.champion(warehouse, prediction.name)
    remedy = f"Run `martlet train --select {prediction.name}`."
    if champion is None:
        raise DataError(f"{prediction.name} has no champion: no good run is stored yet. {remedy}")
    changes = ledger.signature_changes(champion.features, kinds)
    if changes:
        raise DataError(
            f"{prediction.feature_model} is not what {champion.run_id} learned: {', '.join(changes)}. "
            f"Restore the model, or: {remedy}"
        )
    return champion


def _waiting(prediction: Prediction, warehouse: Warehouse, among: Sequence[str]) -> str:
    """A query of the open rows that none of some runs has scored; of all of them, if no runs are named."""
    quote = warehouse.quote
    sql = f"select features.* from {prediction.relation} as features where {quote(prediction.target)} is null"
    if not among:
        return sql
    same = same_keys(prediction.keys, quote)
    stored = warehouse.table(SCHEMA, prediction.name)
    runs = ", ".join(f"'{run_id}'" for run_id in among)
    return f"{sql} and not exists (select 1 from {stored} as stored where {same} and stored.run_id in ({runs}))"


def _refuse_duplicates(prediction: Prediction, warehouse: Warehouse, waiting: str) -> None:
    example = duplicated_key(prediction.keys, warehouse, f"({waiting}) as waiting")
    if example:
        raise DataError(f"{prediction.feature_model} has several open rows for {example}; it must have one.")


def _batches(
    warehouse: Warehouse, waiting: str, prediction: Prediction, columns: Mapping[str, Column]
) -> Iterator[pd.DataFrame]:
    names = ", ".join(
        # Decimals are for money in SQL; the pipeline learned doubles.
        f"cast({warehouse.quote(name)} as double) as {warehouse.quote(name)}"
        if column.kind == "number" and name not in prediction.keys
        else warehouse.quote(name)
        for name, column in columns.items()
        if name in prediction.keys or not (name in prediction.exclude or prediction.is_personal(name))
    )
    yield from warehouse.batches(f"select {names} from ({waiting}) as waiting", BATCH_ROWS)


def _predict(
    model: pipelines.FittedPrediction, frame: pd.DataFrame, prediction: Prediction, kinds: Mapping[str, str]
) -> pd.DataFrame:
    dataset = make_dataset(frame, prediction, dict(kinds))
    predicted = model.predict(dataset.features)
    explained = prediction.reasons > 0
    predicted["reasons"] = contributions(model, dataset.features, top=prediction.reasons) if explained else None
    keys = frame[list(prediction.keys)].reset_index(drop=True)
    return pd.concat([keys, predicted.reset_index(drop=True)], axis=1)
