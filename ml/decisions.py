"""Who decides which run scores: promotion, approval, rejection and rollback, each on the record (`ml.decisions`)."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

import pandas as pd

from ml import ledger
from ml.check import feature_columns, feature_kinds
from ml.declaration import Prediction
from ml.errors import DataError
from ml.ledger import Standing, StoredRun
from ml.warehouse import Warehouse
from ml.words import nearest

# All that can be decided about a run.
REQUESTED, APPROVED, REJECTED = "requested", "approved", "rejected"
PROMOTED, ROLLED_BACK, SHADOWED, KEPT = "promoted", "rolled back", "shadowed", "kept"
WAITS = "waits for approval"  # the state of a run whose promotion somebody has asked for
MARTLET = "martlet"  # the actor of what no person decided


@dataclass(frozen=True)
class Verdict:
    """What becomes of a run, and why."""

    decision: str
    reason: str


def judge(prediction: Prediction, standing: Standing, champion: StoredRun | None, changes: str) -> Verdict | None:
    """What becomes of a new run by its declaration; None where a duel with the champion must tell.

    Args:
        prediction: says who promotes.
        standing: how good the run is against its baseline.
        champion: the run that scores now, if any.
        changes: what was declared or offered to the run that the champion did not learn; empty if nothing.
    """
    if not standing.is_good:
        return Verdict(KEPT, "no better than the baseline")
    why = "first good run" if champion is None else changes
    if prediction.promote == "manual":
        return Verdict(REQUESTED, why or "a person decides, as declared")
    if why:
        return Verdict(PROMOTED, why)
    return None if prediction.promote == "auto" else Verdict(SHADOWED, "scores beside the champion, as declared")


def record(
    warehouse: Warehouse, prediction: str, run_id: str, verdict: Verdict, actor: str, before: StoredRun | None
) -> None:
    """Write a verdict down, and with it the change of champion if it means one; within the caller's transaction."""
    now = datetime.now(UTC).replace(tzinfo=None)
    row = {
        "decision_id": str(uuid.uuid4()),
        "prediction": prediction,
        "run_id": run_id,
        "decision": verdict.decision,
        "actor": actor,
        "reason": verdict.reason,
        "decided_at": now,
    }
    ledger.append(warehouse, "decisions", [row])
    if verdict.decision in (PROMOTED, APPROVED, ROLLED_BACK):
        ledger.promote(warehouse, prediction, run_id, now, actor, verdict.reason, before)


def promote(prediction: Prediction, warehouse: Warehouse, run_id: str, actor: str, reason: str) -> Verdict:
    """Make a run champion; where approvers are named, ask them to.

    Raises:
        DataError: there is no such run, it is champion already, or it did not learn today's features.
    """
    run = _run(prediction, warehouse, run_id)
    champion = ledger.champion(warehouse, prediction.name)
    if champion is not None and champion.run_id == run_id:
        raise DataError(f"{run_id} is the champion of {prediction.name} already.")
    _require_usable(prediction, warehouse, run)
    verdict = Verdict(REQUESTED if prediction.approvers else PROMOTED, reason or "by hand")
    return _decide(warehouse, run, verdict, actor, champion)


def approve(prediction: Prediction, warehouse: Warehouse, run_id: str, actor: str, reason: str) -> Verdict:
    """Grant the request to make a run champion.

    Raises:
        DataError: nothing was asked for, or the actor may not grant it.
    """
    run = _asked(prediction, warehouse, run_id, actor)
    _require_usable(prediction, warehouse, run)
    return _decide(
        warehouse, run, Verdict(APPROVED, reason or "approved"), actor, ledger.champion(warehouse, prediction.name)
    )


def reject(prediction: Prediction, warehouse: Warehouse, run_id: str, actor: str, reason: str) -> Verdict:
    """Turn down the request to make a run champion.

    Raises:
        DataError: nothing was asked for, or the actor may not turn it down.
    """
    run = _asked(prediction, warehouse, run_id, actor)
    return _decide(warehouse, run, Verdict(REJECTED, reason), actor, None)


def rollback(prediction: Prediction, warehouse: Warehouse, run_id: str | None, actor: str, reason: str) -> Verdict:
    """Give the place back to the run that the champion once followed, or to another earlier champion.

    No approval is asked for: what scored before was approved then, and a rollback has to be fast.

    Raises:
        DataError: there is no earlier champion, the named run never was one, or features have changed since.
    """
    champion = ledger.champion(warehouse, prediction.name)
    if champion is None:
        raise DataError(f"{prediction.name} has no champion, so there is nothing to roll back.")
    earlier = ledger.champions(warehouse, prediction.name)
    wanted = run_id or _followed(champion.run_id, earlier)
    if wanted is None:
        raise DataError(f"{champion.run_id} is the first champion of {prediction.name}: there is none before it.")
    if wanted == champion.run_id or wanted not in set(earlier["run_id"]):
        others = set(earlier["run_id"]) - {champion.run_id}
        raise DataError(f"{wanted} is no earlier champion of {prediction.name}. {nearest(wanted, others)}")
    run = _run(prediction, warehouse, wanted)
    _require_usable(prediction, warehouse, run)
    return _decide(warehouse, run, Verdict(ROLLED_BACK, reason or f"instead of {champion.run_id}"), actor, champion)


def state_of_runs(warehouse: Warehouse, prediction: str) -> dict[str, str]:
    """The state of every run that something was decided about: what was decided last, and the champion's."""
    champion = ledger.champion(warehouse, prediction)
    last = _last(ledger.decisions(warehouse, prediction))
    earlier = dict.fromkeys(ledger.champions(warehouse, prediction)["run_id"], "was champion")
    asked = {run_id: WAITS for run_id, decision in last.items() if decision == REQUESTED}
    return last | earlier | asked | ({champion.run_id: "champion"} if champion is not None else {})


def shadow(warehouse: Warehouse, prediction: str) -> StoredRun | None:
    """The run that scores beside the champion: the newest one whose last decision says so."""
    last = _last(ledger.decisions(warehouse, prediction))
    shadows = [run_id for run_id, decision in last.items() if decision == SHADOWED]
    return ledger.stored_run(warehouse, shadows[-1]) if shadows else None


def _last(decisions: pd.DataFrame) -> dict[str, str]:
    """What was decided last about each run, the run decided on last at the end."""
    last = decisions.drop_duplicates("run_id", keep="last")
    return dict(zip(last["run_id"], last["decision"], strict=True))


def _decide(warehouse: Warehouse, run: StoredRun, verdict: Verdict, actor: str, before: StoredRun | None) -> Verdict:
    ledger.create_tables(warehouse)
    with warehouse.transaction():
        record(warehouse, run.prediction, run.run_id, verdict, actor, before)
    return verdict


def _run(prediction: Prediction, warehouse: Warehouse, run_id: str) -> StoredRun:
    run = ledger.stored_run(warehouse, run_id)
    if run is None or run.prediction != prediction.name:
        known = ledger.run_ids(warehouse, prediction.name)
        raise DataError(f"{prediction.name} has no run '{run_id}'. {nearest(run_id, known)}")
    return run


def _asked(prediction: Prediction, warehouse: Warehouse, run_id: str, actor: str) -> StoredRun:
    """The run that a pending request is about, if the actor may decide on it."""
    run = _run(prediction, warehouse, run_id)
    decisions = ledger.decisions(warehouse, prediction.name)
    last = decisions[decisions["run_id"] == run_id].tail(1)
    if last.empty or last["decision"].iloc[0] != REQUESTED:
        raise DataError(f"Nobody has asked to promote {run_id}. `martlet promote {run_id}` does.")
    if prediction.approvers and actor not in prediction.approvers:
        raise DataError(
            f"{actor} is no approver of {prediction.name}: {', '.join(prediction.approvers)} are "
            f"({prediction.path}: approvers)."
        )
    if prediction.approvers and last["actor"].iloc[0] == actor:
        raise DataError(f"{actor} asked to promote {run_id}: somebody else must decide.")
    return run


def _require_usable(prediction: Prediction, warehouse: Warehouse, run: StoredRun) -> None:
    """Refuse a run that could not score today's features."""
    kinds = feature_kinds(prediction, feature_columns(prediction, warehouse))
    changes = ledger.signature_changes(run.features, kinds)
    if changes:
        raise DataError(
            f"{prediction.feature_model} is not what {run.run_id} learned: {', '.join(changes)}. "
            "Restore the model first."
        )


def _followed(run_id: str, champions: pd.DataFrame) -> str | None:
    """The run that a champion followed when it first became one."""
    first = champions[champions["run_id"] == run_id].head(1)["previous_run_id"].dropna()
    return str(first.iloc[0]) if len(first) else None
