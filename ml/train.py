"""Trains one prediction: check, split, search, test once, refit, store; then the run's rows in one transaction."""

import json
import math
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
from ml.learning import pipelines
from ml.learning.baselines import Baseline
from ml.learning.budget import Budget
from ml.learning.dataset import Dataset, Rows, Split, thin
from ml.learning.duel import Duel, duel
from ml.learning.evaluate import (
    Metric,
    declared_metric,
    expected,
    importances,
    metric_table,
    predict_output,
    with_more_rows,
)
from ml.learning.evidence import Evidence
from ml.learning.findings import Finding
from ml.learning.profiles import profiles
from ml.learning.search import SearchResult, Validation, search
from ml.ledger import Standing
from ml.meter import core_seconds
from ml.project import Project
from ml.report import ProgressCallback
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


@dataclass(frozen=True)
class Trial:
    """A searched and tested pipeline with all that was measured of it, before it is stored."""

    dataset: Dataset
    split: Split
    found: SearchResult
    baseline: Baseline
    metrics: Mapping[tuple[str, str], list[Metric]]
    importances: pd.DataFrame
    tested: Array
    unseen: Validation

    @property
    def standing(self) -> Standing:
        """How good it is on the test rows, against the baseline."""
        first = self.metrics["test", "pipeline"][0]
        return Standing(first.metric, first.value, first.lower, first.upper, self.metrics["test", "baseline"][0].value)

    def metric_rows(self) -> pd.DataFrame:
        """All metrics as rows of `ml.metrics`, without the run."""
        return pd.DataFrame(
            {"split": split, "predictor": predictor, **vars(metric)}
            for (split, predictor), metrics in self.metrics.items()
            for metric in metrics
        )


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
    tried = _try(evidence, progress, budget)
    told = _tell(tried, prediction, levels)
    model = pipelines.assemble(tried.found.final, tried.dataset, prediction, tried.unseen, tried.importances)
    model.threshold = told.threshold
    uri, sha256, size = pipelines.store(pipelines.dump(model), project.pipelines_root)
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
        **_about(prediction, tried),
        **told.about(),
    }
    sample = thin(tried.dataset, np.arange(len(tried.dataset)), PROFILED_ROWS)
    learned = model.predict(tried.dataset.features.iloc[sample])["prediction"].to_numpy()
    profiled = profiles(tried.dataset, sample, learned)
    verdict = _record(warehouse, row, tried, told, profiled, prediction, project, spent)
    card = write_card(_card(prediction, row, tried, told, checked.findings), project.target_directory)
    standing = tried.standing
    return Run(row["run_id"], prediction.name, row["estimator"], standing, verdict.decision, verdict.reason, str(card))


def _try(evidence: Evidence, progress: ProgressCallback, budget: Budget) -> Trial:
    dataset, split, prediction = evidence.dataset, evidence.split, evidence.prediction
    found = search(dataset, split, prediction, progress, budget)
    progress(1.0, "testing")
    naive = evidence.baseline

    def measured(rows: Rows, output: Any) -> list[Metric]:  # noqa: ANN401 -- an array of one or two dimensions
        return metric_table(dataset.known_target[rows], output, prediction, dataset.keys.iloc[rows])

    tested = predict_output(found.estimator, dataset.features.iloc[split.test], prediction.task, len(dataset.classes))
    unseen = found.validation.and_tested(split.test, dataset.known_target[split.test], tested)
    metrics = {
        ("validation", "pipeline"): measured(found.validation.rows, found.validation.output),
        ("test", "pipeline"): measured(split.test, tested),
        ("test", "baseline"): measured(split.test, naive.output(split.test)),
    }
    seconds = budget.overhead / 2 if budget.has_clock else math.inf
    worth = importances(found.estimator, dataset, split.test, prediction, seconds)
    validated, first = metrics["validation", "pipeline"][0], metrics["test", "pipeline"][0]
    likely = _expected(validated, first, unseen, dataset, split, prediction)
    metrics["expected", "pipeline"] = [likely]
    return Trial(dataset, split, found, naive, metrics, worth, tested, unseen)


def _tell(tried: Trial, prediction: Prediction, levels: pd.DataFrame) -> Account:
    declared = replace(prediction, metric=tried.standing.metric)
    tested = tried.split.test, tried.tested
    return account(
        declared, tried.dataset, tried.found.estimator, tried.found.validation, tested, tried.importances, levels
    )


def _card(
    prediction: Prediction, row: Mapping[str, Any], tried: Trial, told: Account, findings: Sequence[Finding]
) -> Card:
    metrics = pd.concat([tried.metric_rows(), told.metric_rows()], ignore_index=True)
    found = [vars(finding) for finding in findings]
    return Card(prediction, row, metrics, tried.importances, told.curves, told.slices, found)


def _expected(
    validated: Metric, tested: Metric, unseen: Validation, dataset: Dataset, split: Split, prediction: Prediction
) -> Metric:
    """What is announced for rows to come: from all that was predicted unseen, or with time from period to period."""

    def measured(part: Rows) -> Metric:
        keys = dataset.keys.iloc[unseen.rows[part]]
        return declared_metric(unseen.y[part], unseen.output[part], prediction, keys)

    if not dataset.has_periods:
        folds = float(np.mean([len(learn) for learn, _ in split.folds]))
        reach = with_more_rows(validated.value, tested.value, folds, len(split.train), len(dataset.closed))
        return expected(tested, measured(np.arange(len(unseen.y))), (), reach)
    return expected(tested, None, [measured(part) for part in unseen.parts])


def _about(prediction: Prediction, tried: Trial) -> dict[str, Any]:
    """What a run records of itself, apart from where and from what state of the project it was made."""
    dataset, split = tried.dataset, tried.split
    versions = {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}
    row = {
        "prediction": prediction.name,
        "task": prediction.task,
        "target": prediction.target,
        "metric": tried.standing.metric,
        "estimator": tried.found.recipe.name,
        "baseline": tried.baseline.name,
        "is_good": tried.standing.is_good,
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
    tried: Trial,
    told: Account,
    profiled: pd.DataFrame,
    prediction: Prediction,
    project: Project,
    spent: float,
) -> Verdict:
    """Write the whole run in one transaction, with what becomes of it."""
    run_id = row["run_id"]
    trials = pd.DataFrame([{**vars(trial), "parameters": json.dumps(trial.parameters)} for trial in tried.found.trials])
    ledger.create_tables(warehouse)
    before = ledger.champion(warehouse, prediction.name)
    verdict = _verdict(prediction, tried, before, project)
    with warehouse.transaction():
        finished = datetime.now(UTC).replace(tzinfo=None)
        row |= {"finished_at": finished, "seconds": (finished - row["started_at"]).total_seconds()}
        row["core_seconds"] = core_seconds() - spent
        ledger.append(warehouse, "runs", [row])
        ledger.append(warehouse, "trials", trials.rename(columns={"number": "trial"}).assign(run_id=run_id))
        ledger.append(warehouse, "metrics", tried.metric_rows().assign(run_id=run_id))
        ledger.append(warehouse, "metrics", told.metric_rows().assign(run_id=run_id))
        ledger.append(warehouse, "curves", told.curves.assign(run_id=run_id))
        ledger.append(warehouse, "slices", told.slices.assign(run_id=run_id))
        ledger.append(warehouse, "importances", tried.importances.assign(run_id=run_id))
        ledger.append(warehouse, "profiles", profiled.assign(run_id=run_id))
        decisions.record(warehouse, prediction.name, run_id, verdict, decisions.MARTLET, before)
    return verdict


def _verdict(prediction: Prediction, tried: Trial, champion: ledger.StoredRun | None, project: Project) -> Verdict:
    """What becomes of the run: by its declaration, or by a duel with the champion."""
    changed = "" if champion is None else changes(champion, prediction, tried.dataset.kinds)
    declared = judge(prediction, tried.standing, champion, changed)
    if declared is not None:
        return declared
    fought = _duel(prediction, tried, champion, project)
    if fought is None:
        return Verdict(KEPT, "no outcome is new to the champion, so which is better can't be told")
    if fought.is_won:
        return Verdict(PROMOTED, f"better than the champion: {fought}")
    return Verdict(KEPT, f"not better than the champion beyond chance: {fought}")


def _duel(prediction: Prediction, tried: Trial, champion: ledger.StoredRun | None, project: Project) -> Duel | None:
    """The test rows that closed after the champion learned, predicted by both; None if there are none."""
    dataset, test = tried.dataset, tried.split.test
    if champion is None or dataset.as_of is None or champion.last_as_of is None:
        return None
    is_new = dataset.as_of[test] > np.datetime64(champion.last_as_of)
    stored = pipelines.fetch(champion.pipeline_uri, champion.pipeline_sha256, project.pipelines_root)
    model = pipelines.load(stored, prediction.estimators)
    if not is_new.any() or model.classes != dataset.classes:
        return None
    rows = test[is_new]
    theirs = predict_output(model.estimator, dataset.features.iloc[rows], prediction.task, len(dataset.classes))
    declared = replace(prediction, metric=tried.standing.metric)
    return duel(dataset.known_target[rows], tried.tested[is_new], theirs, declared, dataset.keys.iloc[rows])


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
