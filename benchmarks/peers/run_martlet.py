"""Trains and scores one table with Martlet, as its users do: a dbt project, `martlet train`, `martlet score`.

Runs in Martlet's environment. The clock runs over the whole `martlet train`, from starting Python to the stored run.
The test rows are rows without a target, which is what Martlet scores.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from ml import ledger
from ml.declaration import Prediction, read_predictions
from ml.learning import pipelines, storage
from ml.learning.dataset import make_dataset
from ml.project import Options, open_project
from ml.warehouse import opened

NAME = "outcome"

PROJECT = """\
name: benchmark
version: "1.0.0"
profile: benchmark
flags: {send_anonymous_usage_stats: false}
models: {benchmark: {+materialized: table}}
"""
PROFILES = "benchmark: {target: dev, outputs: {dev: {type: duckdb, path: benchmark.duckdb, threads: 2}}}\n"
MODEL = """\
select * from read_parquet('{folder}/train.parquet')
union all by name
select cast(null as {type}) as y, * exclude (y) from read_parquet('{folder}/test.parquet')
"""


def write_project(place: Path, folder: Path, table: dict[str, Any]) -> None:
    """The smallest project that declares the table as a prediction."""
    is_regression = table["task"] == "regression"
    declared = {
        "target": "y",
        "task": "regression" if is_regression else "classification",
        "entity": "id",
        "metric": table["metric"],
    }
    if table["horizon"] is not None:
        declared |= {"as_of": "as_of", "horizon": f"{table['horizon']} days"}
    exposure = {
        "name": NAME,
        "type": "ml",
        "owner": {"name": "Benchmark", "email": "benchmark@example.com"},
        "depends_on": ["ref('features')"],
        "config": {"meta": {"martlet": declared}},
    }
    models = place / "models"
    models.mkdir()
    (place / "dbt_project.yml").write_text(PROJECT)
    (place / "profiles.yml").write_text(PROFILES)
    target_type = "double" if is_regression else "bigint"
    (models / "features.sql").write_text(MODEL.format(folder=folder.resolve(), type=target_type))
    (models / "features.yml").write_text(json.dumps({"models": [{"name": "features"}], "exposures": [exposure]}))


def command(place: Path, *arguments: str) -> float:
    """Seconds that a command took; what it said stops the benchmark if it failed."""
    started = time.monotonic()
    done = subprocess.run(arguments, cwd=place, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(arguments)} failed:\n{done.stdout}\n{done.stderr}")
    return time.monotonic() - started


def train(place: Path, seconds: float) -> dict[str, Any]:
    """Train by the command line; if Martlet finds the data unfit, say so and insist, as the peers never refuse."""
    start = [sys.executable, "-m", "ml", "train", "--seconds", str(seconds)]
    started = time.monotonic()
    done = subprocess.run(start, cwd=place, capture_output=True, text=True, check=False)
    if not done.returncode:
        return {"seconds": time.monotonic() - started}
    said = done.stdout + done.stderr
    if "--force" not in said:
        sys.exit(f"Training failed:\n{said}")
    return {"seconds": command(place, *start, "--force"), "refused": said[said.find("Error:") :].strip()}


def output_of(place: Path, prediction: Prediction, run: ledger.StoredRun, test: pd.DataFrame) -> np.ndarray:
    """What the stored pipeline of a run says of the test rows: all classes, which the table of predictions lacks."""
    project = open_project(Options(project_dir=str(place)))
    model = pipelines.load(storage.fetch(run.pipeline_uri, run.pipeline_sha256, project.pipelines_root))
    features = make_dataset(test.drop(columns=["y"]), prediction, run.features).features
    output = model.output(model.estimator[0].transform(features))
    return np.column_stack([1 - output, output]) if output.ndim == 1 and model.classes else output


def scored(place: Path, test: pd.DataFrame, table: dict[str, Any]) -> tuple[pd.DataFrame, bool]:
    """The predictions in the order of the test rows, and whether a champion made them."""
    project = open_project(Options(project_dir=str(place)))
    prediction = read_predictions(project.manifest)[NAME]
    with opened(project, 0.0, read_only=True) as warehouse:
        champion, last = ledger.champion(warehouse, NAME), ledger.last_run(warehouse, NAME)
    assert last is not None  # noqa: S101 -- training succeeded
    if champion is None or table["task"] == "multiclass":
        output = output_of(place, prediction, champion or last, test)
        columns = ["value"] if output.ndim == 1 else [str(position) for position in range(output.shape[1])]
        return pd.DataFrame(output, columns=columns), champion is not None
    with duckdb.connect(str(place / "benchmark.duckdb"), read_only=True) as database:
        stored = database.sql(f"select * from ml.{NAME}").df()
    keys = ["id", "as_of"] if "as_of" in test else ["id"]
    joined = test[keys].merge(stored, on=keys, how="left", validate="one_to_one")
    if table["task"] == "binary":
        return pd.DataFrame({"0": 1 - joined["prediction"], "1": joined["prediction"]}), True
    return joined.rename(columns={"prediction": "value"})[["value", "lower", "upper"]], True


def announced(place: Path) -> dict[str, Any]:
    """The interval for the declared metric that the run announced, and what it consisted of."""
    with duckdb.connect(str(place / "benchmark.duckdb"), read_only=True) as database:
        rows = database.sql(
            "select metrics.split, metrics.value, metrics.lower, metrics.upper from ml.metrics as metrics "
            "inner join ml.runs as runs using (run_id, metric) where metrics.predictor = 'pipeline'"
        ).df()
        estimator, is_good = database.sql("select estimator, is_good from ml.runs").fetchall()[0]
    found = rows.set_index("split")
    row = found.loc["expected" if "expected" in found.index else "test"]
    return {
        "announced": [float(row["value"]), float(row["lower"]), float(row["upper"])],
        "announced_by": str(row.name),
        "estimator": estimator,
        "is_good": bool(is_good),
    }


def main() -> None:
    """Read a table's folder; write predictions.parquet and run.json into another."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("seconds", type=float)
    options = parser.parse_args()
    table = json.loads((options.table / "table.json").read_text())
    martlet = (sys.executable, "-m", "ml")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        os.chdir(place)
        write_project(place, options.table, table)
        command(place, str(Path(sys.executable).with_name("dbt")), "build", "--quiet")
        trained = train(place, options.seconds)
        run = trained | announced(place)
        predicting = command(place, *martlet, "score") if run["is_good"] else None
        test = pd.read_parquet(options.table / "test.parquet")
        predictions, by_champion = scored(place, test, table)
        predictions.to_parquet(options.output / "predictions.parquet")
        run |= {"seconds_predicting": predicting, "by_champion": by_champion}
        (options.output / "run.json").write_text(json.dumps(run))


if __name__ == "__main__":
    main()
