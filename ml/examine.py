"""Reads the rows of a feature model and has them judged for leaks and readiness; stores and tells what was found."""

import math
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from ml import ledger
from ml.declaration import Prediction
from ml.errors import DataError
from ml.learning import readiness
from ml.learning.cores import linear_algebra_on_one_core
from ml.learning.curve import learning_curve
from ml.learning.dataset import Dataset, make_dataset
from ml.learning.evidence import Evidence
from ml.learning.findings import LEVELS, Finding
from ml.learning.leaks import find_leaks
from ml.learning.scorers import default_metric
from ml.warehouse import Warehouse

OPEN_ROWS = 20_000  # a sample of so many open rows shows any shift that matters
# Of closed rows and features no more values are read (6 GB), nor more rows for each second of the search's budget: they
# would leave it no time to try anything.
MOST_CELLS, ROWS_PER_SECOND, ALWAYS_READ = 160_000_000, 20_000, 300_000
ENOUGH_ENTITIES = 10_000  # that are read whole, with all their past, rather than rows of everyone


@dataclass(frozen=True)
class Checked:
    """What a check saw: kinds of the feature columns by name, row counts, findings, and the rows if it read them.

    Of entities there are at least as many as it says.
    """

    prediction: Prediction
    kinds: Mapping[str, str]
    closed_rows: int
    open_rows: int
    entities: int
    findings: tuple[Finding, ...]
    periods: pd.DataFrame | None = None
    evidence: Evidence | None = None

    @property
    def is_ready(self) -> bool:
        """Whether nothing forbids training."""
        return not any(finding.level == "error" for finding in self.findings)

    @property
    def one_in(self) -> int:
        """Of how many closed rows one is read, as memory and time are bounded."""
        search = self.prediction.search
        shares = [self.closed_rows * len(self.kinds) / MOST_CELLS, 1.0]
        if search.trials is None:
            shares.append(self.closed_rows / max(ROWS_PER_SECOND * search.seconds, ALWAYS_READ))
        return math.ceil(max(shares))

    @property
    def dealt_by(self) -> tuple[str, ...]:
        """The columns whose values decide which rows are read."""
        enough = self.entities >= ENOUGH_ENTITIES * self.one_in
        return self.prediction.entity if enough else self.prediction.keys

    @property
    def verdict(self) -> str:
        """Ready, ready with warnings, or not ready."""
        if not self.is_ready:
            return "not ready"
        return "ready with warnings" if any(finding.level == "warning" for finding in self.findings) else "ready"

    @property
    def summary(self) -> str:
        """The verdict and the counts of rows."""
        return f"{self.verdict}; {self.closed_rows} closed rows, {self.open_rows} open"

    def require(self, *, force: bool = False) -> None:
        """Refuse to go on; with `force`, only where nothing could be trained at all.

        Raises:
            DataError: something forbids training; every such finding is named.
        """
        errors = [finding for finding in self.findings if finding.level == "error" and (finding.forbids or not force)]
        if not errors:
            return
        remedy = "" if any(finding.forbids for finding in errors) else " Mend that, or train with --force."
        messages = " ".join(finding.message for finding in errors)
        raise DataError(f"{self.prediction.name} can't be trained: {messages}{remedy}")


def examine(checked: Checked, warehouse: Warehouse) -> Checked:
    """The check with all that the rows themselves show; their order of importance is errors, warnings, the rest."""
    evidence = read_evidence(checked, warehouse)
    closed, prediction = evidence.dataset, evidence.prediction
    counts, periods = None, None
    if prediction.as_of:
        counts = _counts(prediction, warehouse)
        periods = readiness.periods(closed, counts)
    checked = replace(checked, evidence=evidence, periods=periods)
    if error := _unsplit(evidence):
        return replace(checked, findings=(*checked.findings, Finding("error", "split", error)))
    if checked.one_in > 1:
        text = f"{len(closed)} of {checked.closed_rows} closed rows are read, dealt out by "
        text += f"{' and '.join(checked.dealt_by)}: all would need more memory ({MOST_CELLS:,} values) or more time "
        text += "(`search.seconds`) than is taken."
        checked = replace(checked, findings=(*checked.findings, Finding("info", "rows", text, None, len(closed))))
    with linear_algebra_on_one_core():  # quick models are fitted on all cores at once
        found = [*checked.findings, *find_leaks(evidence), *_ready(evidence, counts)]
    findings = tuple(sorted(found, key=lambda one: LEVELS.index(one.level)))
    return replace(checked, findings=findings)


def _unsplit(evidence: Evidence) -> str:
    """Why the closed rows can't be split; empty if they can."""
    try:
        evidence.split  # noqa: B018 -- made by the first who asks
    except DataError as error:
        return str(error)
    return ""


def _ready(evidence: Evidence, counts: pd.DataFrame | None) -> Iterator[Finding]:
    yield from readiness.enough(evidence)
    yield from readiness.few_outcomes(evidence)
    yield from readiness.columns(evidence)
    if counts is not None:
        yield from readiness.drift(evidence)
        yield from readiness.history(evidence, counts)
    yield from readiness.outlook(learning_curve(evidence))


def record_check(checked: Checked, warehouse: Warehouse) -> str:
    """Append a check to `ml.checks`: the verdict, then a row per finding, then one per period; returns its id."""
    level = {"ready": "info", "ready with warnings": "warning", "not ready": "error"}[checked.verdict]
    rows = [Finding(level, "verdict", checked.summary, value=float(checked.closed_rows)), *checked.findings]
    if checked.periods is not None:
        rows += [_period(row) for row in checked.periods.to_dict("records")]
    frame = pd.DataFrame([vars(row) for row in rows]).rename(columns={"check": "check_name"})
    frame = frame.astype({"feature": "object", "value": "float64", "threshold": "float64"})
    check_id = str(uuid.uuid4())
    ledger.create_tables(warehouse)
    ledger.append(
        warehouse,
        "checks",
        frame.assign(
            check_id=check_id,
            finding=np.arange(len(frame)),
            prediction=checked.prediction.name,
            checked_at=datetime.now(UTC).replace(tzinfo=None),
        ),
    )
    return check_id


def told(checked: Checked) -> tuple[list[str], list[tuple[object, ...]]]:
    """The findings as columns and rows of a table for people."""
    return ["level", "check", "what was found"], [(one.level, one.check, one.message) for one in checked.findings]


def period_rows(periods: pd.DataFrame) -> tuple[list[str], list[tuple[object, ...]]]:
    """The periods as columns and rows of a table for people."""
    rows: list[tuple[object, ...]] = [
        (f"{row['first']:%Y-%m-%d}", f"{row['last']:%Y-%m-%d}", row["rows"], row["closed"], _outcome(row))
        for row in periods.to_dict("records")
    ]
    return ["first as-of", "last as-of", "rows", "closed", "mean outcome"], rows


def _outcome(row: dict[Any, Any]) -> str:
    return "open" if np.isnan(row["outcome"]) else f"{row['outcome']:.4g}"


def _period(row: dict[Any, Any]) -> Finding:
    span = f"{row['first']:%Y-%m-%d} to {row['last']:%Y-%m-%d}"
    message = f"{span}: {row['rows']} rows, {row['closed']} closed, mean outcome {_outcome(row)}"
    return Finding("info", "period", message, value=row["outcome"])


def _counts(prediction: Prediction, warehouse: Warehouse) -> pd.DataFrame:
    """All rows, and all closed ones, by as-of."""
    as_of, target = warehouse.quote(str(prediction.as_of)), warehouse.quote(prediction.target)
    counted = warehouse.query(
        f"select {as_of} as as_of, count(*) as rows, count({target}) as closed from {prediction.relation} "
        "group by 1 order by 1"
    )
    moments = pd.to_datetime(counted["as_of"], utc=True).dt.tz_localize(None).astype("datetime64[us]")
    return counted[["rows", "closed"]].set_index(pd.DatetimeIndex(moments))


def read_evidence(checked: Checked, warehouse: Warehouse) -> Evidence:
    """The closed rows, or one in `Checked.one_in` of them, and some open rows; the prediction gets its metric."""
    closed, prediction = _read(checked, warehouse, closed_rows(checked, warehouse)), checked.prediction
    metric = prediction.metric or default_metric(prediction.task, closed)
    return Evidence(closed, _opened(checked, warehouse), replace(prediction, metric=metric))


def closed_rows(checked: Checked, warehouse: Warehouse) -> str:
    """Which rows of the feature model are read as closed ones: ordered by their keys, so that a seed repeats a run."""
    return _rows(checked, warehouse, "is not null", checked.one_in, checked.dealt_by)


def _opened(checked: Checked, warehouse: Warehouse) -> Dataset:
    """Open rows: all, or about `OPEN_ROWS` of them."""
    one_in = round(checked.open_rows / OPEN_ROWS)
    return _read(checked, warehouse, _rows(checked, warehouse, "is null", one_in, checked.prediction.keys))


def _rows(checked: Checked, warehouse: Warehouse, target: str, one_in: int, dealt_by: Sequence[str]) -> str:
    """Rows whose target is null or not, or one in so many of them, dealt out by some columns; ordered by their keys."""
    prediction = checked.prediction
    wanted = f"{warehouse.quote(prediction.target)} {target} and {warehouse.one_in(one_in, dealt_by)}"
    order = ", ".join(warehouse.quote(key) for key in prediction.keys)
    return f"from {prediction.relation} where {wanted} order by {order}"


def _read(checked: Checked, warehouse: Warehouse, rows: str) -> Dataset:
    prediction, quote = checked.prediction, warehouse.quote
    names = [quote(name) for name in (*prediction.keys, prediction.target)]
    for name, kind in checked.kinds.items():
        is_number = kind in ("number", "boolean")
        names.append(f"cast({quote(name)} as double) as {quote(name)}" if is_number else quote(name))
    return make_dataset(warehouse.frame(f"select {', '.join(names)} {rows}"), prediction, checked.kinds)
