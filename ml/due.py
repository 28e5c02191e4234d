"""Says whether a prediction must be trained, and why: never trained, declared anew, or as `retrain` declares."""

from collections.abc import Mapping
from datetime import UTC, datetime

from ml import ledger
from ml.check import feature_columns, feature_kinds
from ml.declaration import Prediction
from ml.ledger import StoredRun
from ml.newest import newest
from ml.warehouse import Warehouse
from ml.watch.watch import alarms


def why_due(prediction: Prediction, warehouse: Warehouse) -> str:
    """Why a prediction is to be trained now; empty if it is not.

    A run that learned what is declared today from the features of today is followed by another only when outcomes are
    new to it, and `retrain` says so.
    """
    last = ledger.last_run(warehouse, prediction.name)
    if last is None:
        return "never trained"
    kinds = feature_kinds(prediction, feature_columns(prediction, warehouse))
    return changes(last, prediction, kinds) or _why_again(prediction, warehouse, last)


def changes(run: StoredRun, prediction: Prediction, kinds: Mapping[str, str]) -> str:
    """What is declared or offered today that a run did not learn; empty if nothing."""
    if run.declaration_sha256 != prediction.sha256():
        return "the declaration changed"
    return "; ".join(ledger.signature_changes(run.features, kinds))


def _why_again(prediction: Prediction, warehouse: Warehouse, last: StoredRun) -> str:
    every = prediction.retrain.every
    known, learned = _known_until(prediction, warehouse), last.last_as_of or last.finished_at
    if known is None or known <= learned:
        return ""
    if every is not None and known - learned >= every:
        return f"outcomes of {(known - learned).days} more days are known"
    found = [alarm for alarm in alarms(prediction, warehouse) if alarm.kind in prediction.retrain.when]
    return "; ".join(alarm.message for alarm in found)


def _known_until(prediction: Prediction, warehouse: Warehouse) -> datetime | None:
    """The newest as-of whose outcomes are known; without time, now."""
    if prediction.as_of is None:
        return datetime.now(UTC).replace(tzinfo=None)
    return newest(warehouse, prediction.relation, prediction.as_of, prediction.target).closed
