"""Puts into force what people decided about runs in the page: at once, or when the warehouse is free again."""

from contextlib import suppress

from ml import decisions
from ml.boards.notes import PENDING, Decision, Notes
from ml.declaration import Prediction
from ml.errors import DataError, WarehouseError
from ml.project import Project
from ml.warehouse import Warehouse, opened

DECIDE = {"approved": decisions.approve, "rejected": decisions.reject}
DONE = "in force"


def decide(decision: Decision, prediction: Prediction, project: Project, notes: Notes) -> None:
    """Keep a decision, and put it into force if no other process holds the warehouse.

    Raises:
        WarehouseError: the decision can't be kept.
    """
    notes.add(decision)
    # Where a run is under way, it or the next one takes the decision over.
    with suppress(WarehouseError), opened(project, 0.0) as warehouse:
        settle(decision, prediction, warehouse, notes)


def settle(decision: Decision, prediction: Prediction, warehouse: Warehouse, notes: Notes) -> str:
    """Put a decision into force, or write down why that can't be; returns what became of it."""
    try:
        DECIDE[decision.decision](prediction, warehouse, decision.run_id, decision.author, decision.reason)
        outcome = DONE
    except DataError as error:
        outcome = f"refused: {error}"
    notes.settle(decision, outcome)
    return outcome


def settle_waiting(predictions: list[Prediction], warehouse: Warehouse, notes: Notes) -> list[str]:
    """Put into force what waits for some predictions; returns a sentence about each."""
    known = {prediction.name: prediction for prediction in predictions}
    waiting = [one for one in notes.decisions() if one.outcome == PENDING and one.prediction in known]
    return [
        f"{one.run_id} was {one.decision} by {one.author} in the page: "
        f"{settle(one, known[one.prediction], warehouse, notes)}."
        for one in waiting
    ]
