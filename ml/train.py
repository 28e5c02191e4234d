"""Trains one prediction: check, split, search, test once, refit, store; then the run's rows in one transaction."""

import json
import platform
import secrets
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml import decisions, ledger
from ml.account import Account, account, require_two_classes, slice_levels
from ml.card import Card, write_card
from ml.check import check
from ml.decisions import KEPT, PROMOTED, Verdict, judge
from ml.declaration import Prediction
from ml.due import changes
from ml.examine import read_evidence, record_check
from ml.learning import pipelines, storage
from ml.learning.budget import Budget
from ml.learning.duel import Duel, duel
from ml.learning.evaluate import predict_output
from ml.learning.findings import Finding
from ml.learning.order import thin
from ml.learning.profiles import profiles
from ml.ledger import Standing
from ml.meter import core_seconds
from ml.project import Project
from ml.report import ProgressCallback
from ml.tested import Tested, search_and_test
from ml.warehouse import Warehouse

Array = NDArray[np.float64]

PROFILED_ROWS = 20_000  # whose predictions are described
LIBRARIES = ("scikit-learn", "pandas", "numpy", "skops", "dbt-core", "martlet")


@dataclass(frozen=True)
class Run:
    """What one training run found out."""

    run_id: str
    prediction: str
    estimator: str
    standing: Standing
    decision: str
    reason: str
    card: str

    @property
    def summary(self) -> str:
        """As a person would say it."""
        return f"{self.estimator}, {self.standing}; {self.decision}: {self.reason}"


def train(
    prediction: Prediction,
    warehouse: Warehouse,
    project: Project,
    progress: ProgressCallback,
    *,
    force: bool = False,
) -> Run:
    """Train a prediction on the closed rows of its feature model.

    The latest closed period is held back, looked at once, and only then joined to the rows that the stored pipeline
    learns from. A good run becomes champion if there is none yet that learned what is declared today. `force` trains
    though the check found leaks, or too little data; the run says so.

    Raises:
        DataError: the data can't carry the prediction; nothing is stored.
    """
    started, spent, budget = datetime.now(UTC).replace(tzinfo=None), core_seconds(), Budget(prediction.search)
    progress(0.0, "checking")
    checked = check(prediction, warehouse)
    record_check(checked, warehouse)
    checked.require(force=force)
    evidence = checked.evidence or read_evidence(checked, warehouse)
    levels = slice_levels(checked, warehouse) if prediction.slices else evidence.dataset.keys[[]]
    warehouse.let_go()
    require_two_classes(prediction, evidence.dataset)
    budget.rows, budget.cells = len(evidence.dataset), evidence.dataset.features.size
    tested = search_and_test(evidence, progress, budget)
    told = _tell(tested, prediction, levels)
    model = pipelines.assemble(tested.found.final, tested.dataset, prediction, tested.unseen, tested.importances)
    model.threshold = told.threshold
    uri, sha256, size = storage.store(pipelines.dump(model), project.pipelines_root)
    row = {
        "run_id": f"{prediction.name}-{started:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}",
        "started_at": started,
        "pipeline_uri": uri,
        "pipeline_sha256": sha256,
        "pipeline_bytes": size,
        "git_commit": _git_commit(project),
        "manifest_sha256": project.manifest.sha256,
        "data_fingerprint": warehouse.fingerprint(prediction.relation),
        "feature_code_sha256": project.manifest.code_sha256(prediction.model_id),
        "is_forced": not checked.is_ready,
        **_about(prediction, tested),
        **told.about(),
    }
    sample = thin(tested.dataset, np.arange(len(tested.dataset)), PROFILED_ROWS)
    learned = model.predict(tested.dataset.features.iloc[sample])["prediction"].to_numpy()
    profiled = profiles(tested.dataset, sample, learned)
    verdict = _record(warehouse, row, tested, told, profiled, prediction, project, spent)
    card = write_card(_card(prediction, row, tested, told, checked.findings), project.target_directory)
    standing = tested.standing
    return Run(row["run_id"], prediction.name, row["estimator"], standing, verdict.decision, verdict.reason, str(card))


def _tell(tested: Tested, prediction: Prediction, levels: pd.DataFrame) -> Account:
    declared = replace(prediction, metric=tested.standing.metric)
    rows = tested.split.test, tested.output
    return account(
        declared, tested.dataset, tested.found.estimator, tested.found.validation, rows, tested.importances, levels
    )


def _card(
    prediction: Prediction, row: Mapping[str, Any], tested: Tested, told: Account, findings: Sequence[Finding]
) -> Card:
    metrics = pd.concat([tested.metric_rows(), told.metric_rows()], ignore_index=True)
    found = [vars(finding) for finding in findings]
    return Card(prediction, row, metrics, tested.importances, told.curves, told.slices, found)


def _about(prediction: Prediction, tested: Tested) -> dict[str, Any]:
    """What a run records of itself, apart from where and from what state of the project it was made."""
    dataset, split = tested.dataset, tested.split
    versions = {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}
    row = {
        "prediction": prediction.name,
        "task": prediction.task,
        "target": prediction.target,
        "metric": tested.standing.metric,
        "estimator": tested.found.recipe.name,
        "baseline": tested.baseline.name,
        "is_good": tested.standing.is_good,
        "rows_trained": len(dataset),
        "rows_tested": len(split.test),
        "positive_rate": float(dataset.known_target.mean()) if len(dataset.classes) == 2 else None,
        "feature_model": prediction.feature_model,
        "features": json.dumps(dataset.kinds),
        "declaration": prediction.to_json(),
        "declaration_sha256": prediction.sha256(),
        "versions": json.dumps(versions),
        "seed": prediction.seed,
    }
    if dataset.as_of is not None:
        row |= {"first_as_of": dataset.as_of.min(), "last_as_of": dataset.as_of.max()}
        row |= {"tested_from": split.tested_from, "tested_to": split.tested_to}
    return row


def _record(
    warehouse: Warehouse,
    row: dict[str, Any],
    tested: Tested,
    told: Account,
    profiled: pd.DataFrame,
    prediction: Prediction,
    project: Project,
    spent: float,
) -> Verdict:
    """Write the whole run in one transaction, with what becomes of it."""
    run_id = row["run_id"]
    trials = pd.DataFrame([{**vars(one), "parameters": json.dumps(one.parameters)} for one in tested.found.trials])
    ledger.create_tables(warehouse)
    before = ledger.champion(warehouse, prediction.name)
    verdict = _verdict(prediction, tested, before, project)
    with warehouse.transaction():
        finished = datetime.now(UTC).replace(tzinfo=None)
        row |= {"finished_at": finished, "seconds": (finished - row["started_at"]).total_seconds()}
        row["core_seconds"] = core_seconds() - spent
        ledger.append(warehouse, "runs", [row])
        ledger.append(warehouse, "trials", trials.rename(columns={"number": "trial"}).assign(run_id=run_id))
        ledger.append(warehouse, "metrics", tested.metric_rows().assign(run_id=run_id))
        ledger.append(warehouse, "metrics", told.metric_rows().assign(run_id=run_id))
        ledger.append(warehouse, "curves", told.curves.assign(run_id=run_id))
        ledger.append(warehouse, "slices", told.slices.assign(run_id=run_id))
        ledger.append(warehouse, "importances", tested.importances.assign(run_id=run_id))
        ledger.append(warehouse, "profiles", profiled.assign(run_id=run_id))
        decisions.record(warehouse, prediction.name, run_id, verdict, decisions.MARTLET, before)
    return verdict


def _verdict(prediction: Prediction, tested: Tested, champion: ledger.StoredRun | None, project: Project) -> Verdict:
    """What becomes of the run: by its declaration, or by a duel with the champion."""
    changed = "" if champion is None else changes(champion, prediction, tested.dataset.kinds)
    declared = judge(prediction, tested.standing, champion, changed)
    if declared is not None:
        return declared
    fought = _duel(prediction, tested, champion, project)
    if fought is None:
        return Verdict(KEPT, "no outcome is new to the champion, so which is better can't be told")
    if fought.is_won:
        return Verdict(PROMOTED, f"better than the champion: {fought}")
    return Verdict(KEPT, f"not better than the champion beyond chance: {fought}")


def _duel(prediction: Prediction, tested: Tested, champion: ledger.StoredRun | None, project: Project) -> Duel | None:
    """The test rows that closed after the champion learned, predicted by both; None if there are none."""
    dataset, test = tested.dataset, tested.split.test
    if champion is None or dataset.as_of is None or champion.last_as_of is None:
        return None
    is_new = dataset.as_of[test] > np.datetime64(champion.last_as_of)
    stored = storage.fetch(champion.pipeline_uri, champion.pipeline_sha256, project.pipelines_root)
    model = pipelines.load(stored, prediction.estimators)
    if not is_new.any() or model.classes != dataset.classes:
        return None
    rows = test[is_new]
    theirs = predict_output(model.estimator, dataset.features.iloc[rows], prediction.task, len(dataset.classes))
    declared = replace(prediction, metric=tested.standing.metric)
    return duel(dataset.known_target[rows], tested.output[is_new], theirs, declared, dataset.keys.iloc[rows])


def _git_commit(project: Project) -> str | None:
    """The commit of the project, if it is a git checkout and git is here."""
    try:
        found = subprocess.run(
            ["git", "rev-parse", "HEAD"],  # noqa: S607 -- whichever git the user has
            cwd=project.directory,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return None
    return found.stdout.strip() or None
