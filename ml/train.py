"""Trains one prediction: check, split, search, test once, refit, store; then the run's rows in one transaction."""

import json
import platform
import secrets
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from ml import ledger
from ml.check import check, feature_columns, feature_kinds
from ml.declaration import Prediction
from ml.examine import record_check
from ml.learning import pipelines
from ml.learning.baselines import Baseline, baseline
from ml.learning.dataset import Dataset, Rows, Split, make_dataset, split_rows
from ml.learning.evaluate import Metric, default_metric, importances, metric_table, predict_output, profiles
from ml.learning.search import SearchResult, refit, search
from ml.ledger import Standing
from ml.project import Project
from ml.report import ProgressCallback
from ml.warehouse import Warehouse

LIBRARIES = ("scikit-learn", "pandas", "numpy", "skops", "dbt-core", "martlet")


@dataclass(frozen=True)
class Run:
    """What one training run found out."""

    run_id: str
    prediction: str
    estimator: str
    standing: Standing
    is_good: bool
    is_champion: bool

    @property
    def summary(self) -> str:
        """As a person would say it."""
        verdict = "champion" if self.is_champion else "stored" if self.is_good else "no better than the baseline"
        return f"{self.estimator}, {self.standing}; {verdict}"


@dataclass(frozen=True)
class Trial:
    """A searched and tested pipeline with all that was measured of it, before it is stored."""

    dataset: Dataset
    split: Split
    found: SearchResult
    baseline: Baseline
    metrics: Mapping[tuple[str, str], list[Metric]]
    importances: pd.DataFrame

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


def due(prediction: Prediction, warehouse: Warehouse) -> bool:
    """Whether no run has learned what is declared today from the features of today."""
    kinds = feature_kinds(prediction, feature_columns(prediction, warehouse))
    last = ledger.last_run(warehouse, prediction.name)
    return last is None or bool(_changes(last, prediction, kinds))


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
    started = datetime.now(UTC).replace(tzinfo=None)
    progress(0.0, "checking")
    checked = check(prediction, warehouse)
    record_check(checked, warehouse)
    checked.require(force=force)
    tried = _try(prediction, _closed_rows(prediction, checked.kinds, warehouse), progress)
    model = _fit_all(tried, prediction)
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
        "is_forced": not checked.is_ready,
        **_about(prediction, tried),
    }
    learned = model.predict(tried.dataset.features)["prediction"].to_numpy()
    promoted = _record(warehouse, row, tried, profiles(tried.dataset, learned), prediction)
    standing = tried.standing
    return Run(row["run_id"], prediction.name, row["estimator"], standing, standing.is_good, promoted)


def _try(declared: Prediction, dataset: Dataset, progress: ProgressCallback) -> Trial:
    metric = declared.metric or default_metric(declared.task, dataset)
    prediction = replace(declared, metric=metric)
    split = split_rows(dataset, prediction)
    found = search(dataset, split, prediction, progress)
    progress(1.0, "testing and refitting")
    naive = baseline(dataset, split, prediction)

    def measured(rows: Rows, output: Any) -> list[Metric]:  # noqa: ANN401 -- an array of one or two dimensions
        return metric_table(dataset.known_target[rows], output, prediction, dataset.keys.iloc[rows])

    tested = predict_output(found.estimator, dataset.features.iloc[split.test], prediction.task, len(dataset.classes))
    metrics = {
        ("validation", "pipeline"): measured(found.validation.rows, found.validation.output),
        ("test", "pipeline"): measured(split.test, tested),
        ("test", "baseline"): measured(split.test, naive.output(split.test)),
    }
    worth = importances(found.estimator, dataset, split.test, prediction)
    return Trial(dataset, split, found, naive, metrics, worth)


def _fit_all(tried: Trial, prediction: Prediction) -> pipelines.FittedPrediction:
    """The best estimator fitted anew on every closed row, the tested ones too."""
    everything = np.arange(len(tried.dataset))
    estimator = refit(tried.found, tried.dataset, everything, prediction)
    return pipelines.assemble(estimator, tried.dataset, prediction, tried.found.validation, tried.importances)


def _closed_rows(prediction: Prediction, kinds: Mapping[str, str], warehouse: Warehouse) -> Dataset:
    names = ", ".join(warehouse.quote(name) for name in [*prediction.keys, prediction.target, *kinds])
    order = ", ".join(warehouse.quote(key) for key in prediction.keys)  # so that a seed repeats a run
    frame = warehouse.query(
        f"select {names} from {prediction.relation} where {warehouse.quote(prediction.target)} is not null "
        f"order by {order}"
    )
    return make_dataset(frame, prediction, kinds)


def _about(prediction: Prediction, tried: Trial) -> dict[str, Any]:
    """What a run records of itself, apart from where and from what state of the project it was made."""
    dataset, split = tried.dataset, tried.split
    versions = {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}
    row = {
        "prediction": prediction.name,
        "task": prediction.task,
        "target": prediction.target,
        "metric": tried.standing.metric,
        "estimator": tried.found.best.estimator,
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
    warehouse: Warehouse, row: dict[str, Any], tried: Trial, profiled: pd.DataFrame, prediction: Prediction
) -> bool:
    """Write the whole run in one transaction; returns whether it became champion."""
    run_id = row["run_id"]
    trials = pd.DataFrame([{**vars(trial), "parameters": json.dumps(trial.parameters)} for trial in tried.found.trials])
    ledger.create_tables(warehouse)
    with warehouse.transaction():
        finished = datetime.now(UTC).replace(tzinfo=None)
        row |= {"finished_at": finished, "seconds": (finished - row["started_at"]).total_seconds()}
        before = ledger.champion(warehouse, prediction.name)
        reason = _why_champion(before, prediction, tried)
        ledger.append(warehouse, "runs", [row])
        ledger.append(warehouse, "trials", trials.rename(columns={"number": "trial"}).assign(run_id=run_id))
        ledger.append(warehouse, "metrics", tried.metric_rows().assign(run_id=run_id))
        ledger.append(warehouse, "importances", tried.importances.assign(run_id=run_id))
        ledger.append(warehouse, "profiles", profiled.assign(run_id=run_id))
        if reason:
            ledger.promote(warehouse, prediction.name, run_id, finished, "martlet", reason, before)
    return bool(reason)


def _why_champion(champion: ledger.StoredRun | None, prediction: Prediction, tried: Trial) -> str:
    """The reason to promote a run; empty if it is not good, or a champion stands that learned the same."""
    if not tried.standing.is_good:
        return ""
    if champion is None:
        return "first good run"
    return _changes(champion, prediction, tried.dataset.kinds)


def _changes(run: ledger.StoredRun, prediction: Prediction, kinds: Mapping[str, str]) -> str:
    """What is declared or offered today that a run did not learn; empty if nothing."""
    if run.declaration_sha256 != prediction.sha256():
        return "the declaration changed"
    return "; ".join(ledger.signature_changes(run.features, kinds))


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
