"""Looks after one prediction: judges what has ripened, measures drift, and says what is wrong right now."""

from dataclasses import dataclass

import pandas as pd

from ml import decisions, ledger
from ml.declaration import Prediction
from ml.project import Project
from ml.warehouse import Warehouse
from ml.watch.drift import Limits, measure_drift
from ml.watch.outcomes import latest_performance, measure_outcomes

SHOWN = 5  # features that are named; the others are counted


@dataclass(frozen=True)
class Alarm:
    """Something that is wrong: `kind` and `subject` name it, whenever it is seen."""

    kind: str
    subject: str
    message: str
    remedy: str


@dataclass(frozen=True)
class Watched:
    """What a look found: alarms, and how many performances and drift statistics were added."""

    prediction: str
    alarms: tuple[Alarm, ...]
    performances: int
    statistics: int

    @property
    def summary(self) -> str:
        """As a person would say it."""
        told = f"{self.performances} as-ofs judged, {self.statistics} statistics of drift"
        return f"{told}; {'; '.join(alarm.message for alarm in self.alarms) or 'nothing is wrong'}"


def watch(prediction: Prediction, warehouse: Warehouse, project: Project) -> Watched:
    """Measure what is new of a prediction's champion, and of its shadow, and tell what is wrong with the champion."""
    judged = measure_outcomes(prediction, warehouse)
    champion, shadow = ledger.champion(warehouse, prediction.name), decisions.shadow(warehouse, prediction.name)
    limits, measured = Limits.of(project.variables), 0
    for run in filter(None, (champion, shadow)):
        measured += len(measure_drift(prediction, warehouse, run, limits))
    return Watched(prediction.name, tuple(alarms(prediction, warehouse)), len(judged), measured)


def alarms(prediction: Prediction, warehouse: Warehouse) -> list[Alarm]:
    """What is wrong with the champion by what was measured last."""
    champion = ledger.champion(warehouse, prediction.name)
    if champion is None:
        return []
    found = [
        _drifted(prediction, _latest_drift(prediction, warehouse, champion.run_id)),
        _declined(prediction, _latest_champion(latest_performance(prediction, warehouse), champion.run_id)),
    ]
    return [alarm for alarm in found if alarm is not None]


def _latest_drift(prediction: Prediction, warehouse: Warehouse, run_id: str) -> pd.DataFrame:
    """The alarms of the newest as-of (without time: of the last measurement)."""
    drift = ledger.rows(warehouse, "drift", prediction.name, "as_of, measured_at")
    drift = drift[drift["run_id"] == run_id]
    if prediction.as_of is not None:
        drift = drift[drift["as_of"] == drift["as_of"].max()]
    newest: pd.DataFrame = drift[(drift["measured_at"] == drift["measured_at"].max()) & drift["is_alarm"]]
    return newest


def _latest_champion(performance: pd.DataFrame, run_id: str) -> pd.DataFrame:
    return performance[(performance["run_id"] == run_id) & performance["value"].notna()].tail(1)


def _drifted(prediction: Prediction, drift: pd.DataFrame) -> Alarm | None:
    names = drift.sort_values("value", ascending=False)["feature"].drop_duplicates().tolist()
    if not names:
        return None
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return Alarm(
        "drift",
        prediction.name,
        f"{', '.join(names[:SHOWN])}{more} no longer look as they did in training{_as_of(drift)}",
        f"Compare them with their sources (see ml.drift); changed for good: `martlet train -s {prediction.name}`.",
    )


def _declined(prediction: Prediction, latest: pd.DataFrame) -> Alarm | None:
    if not latest["is_below_announced"].eq(True).any():
        return None
    row, name = latest.iloc[0], prediction.name
    return Alarm(
        "performance",
        name,
        f"{row['metric']} is {row['value']:.4g}{_as_of(latest)}, announced was at least {row['announced_lower']:.4g}",
        f"See what changed (ml.drift), then `martlet train -s {name}` or `martlet rollback {name}`.",
    )


def _as_of(rows: pd.DataFrame) -> str:
    newest = rows["as_of"].max()
    return "" if pd.isna(newest) else f" (as of {newest:%Y-%m-%d})"
