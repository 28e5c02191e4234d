"""What a training run leaves behind on the tiny project: rows, a card, and all that is needed to repeat it."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ml.account import slice_levels
from ml.check import check
from ml.declaration import Search, read_predictions
from ml.project import Options, open_project
from ml.tables import TABLES
from ml.warehouse import opened
from tests.ml.conftest import Place
from tests.ml.frames import declare, weekly

STATE = ("pipeline_sha256", "data_fingerprint", "manifest_sha256", "versions", "seed", "declaration_sha256")


def test_a_number_of_trials_repeats_a_run_exactly(cellar: Place) -> None:
    cellar.declare("alcohol", "slices: [cultivar]")
    runs = []
    for _ in range(2):  # in processes of their own, which hash strings differently
        process = cellar.start("train", "--trials", "3")
        output, errors = process.communicate(timeout=300)
        assert process.returncode == 0, output + errors
        runs.append({prediction: cellar.last_run(prediction) for prediction in ("cultivar", "alcohol")})
    for prediction in ("cultivar", "alcohol"):
        first, second = runs[0][prediction], runs[1][prediction]
        assert first != second
        for table, columns in {
            "runs": ", ".join(STATE),
            "metrics": "* exclude (run_id)",
            "importances": "* exclude (run_id)",
            "curves": "* exclude (run_id)",
            "slices": "* exclude (run_id)",
            "profiles": "* exclude (run_id)",
            "trials": "* exclude (run_id, seconds)",
        }.items():
            one, two = (
                cellar.sql(f"select {columns} from ml.{table} where run_id = '{run}'") for run in (first, second)
            )
            assert one.equals(two), table
            assert len(one) > 0 or (table == "slices" and prediction == "cultivar")


def test_a_run_records_what_it_was_made_from(cellar: Place) -> None:
    cellar.declare("alcohol", "slices: [cultivar]")
    assert cellar.martlet("train", "-s", "alcohol").exit_code == 0
    run = cellar.sql(f"select * from ml.runs where run_id = '{cellar.last_run('alcohol')}'").iloc[0]
    for column in ("pipeline_sha256", "manifest_sha256", "declaration_sha256"):
        assert re.fullmatch("[0-9a-f]{64}", run[column]), column
    assert (cellar.directory / "warehouse" / "pipelines" / f"{run['pipeline_sha256']}.skops").is_file()
    assert {"python", "scikit-learn", "numpy", "martlet"} <= set(json.loads(run["versions"]))
    assert (run["seed"], json.loads(run["declaration"])["slices"]) == (0, ["cultivar"])
    assert 0 < run["core_seconds"] < 600
    before = run["data_fingerprint"]
    cellar.sql("update feat_alcohol set ash = ash + 1 where bottle = 1")
    assert cellar.martlet("train", "-s", "alcohol").exit_code == 0
    after = cellar.sql(f"select data_fingerprint from ml.runs where run_id = '{cellar.last_run('alcohol')}'")
    assert after["data_fingerprint"][0] != before


def test_of_more_rows_than_memory_is_given_some_are_read(cellar: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    cellar.declare("alcohol", "slices: [cultivar]")
    monkeypatch.setattr("ml.examine.MOST_CELLS", 1_500)
    result = cellar.martlet("train", "-s", "alcohol", "--trials", "1")
    assert result.exit_code == 0, result.output
    name = cellar.last_run("alcohol")
    run = cellar.sql(f"select * from ml.runs where run_id = '{name}'").iloc[0]
    (closed,) = cellar.sql("select count(alcohol) as closed from feat_alcohol")["closed"]
    assert 0.3 * closed < run["rows_trained"] < 0.7 * closed
    found = cellar.sql("select message from ml.checks where prediction = 'alcohol' and check_name = 'rows'")
    assert f"{run['rows_trained']} of {closed} closed rows are read" in found["message"].iloc[-1]
    sliced = cellar.sql(f"select distinct slice_level, rows from ml.slices where run_id = '{name}'")
    assert sliced["rows"].sum() == run["rows_tested"]
    project = open_project(Options(project_dir=str(cellar.directory)))
    declared = read_predictions(project.manifest)["alcohol"]
    with opened(project, 0.0) as warehouse:
        checked = check(declared, warehouse)
        assert checked.evidence is not None
        levels = slice_levels(checked, warehouse)["cultivar"]
    assert levels.astype("str").tolist() == checked.evidence.dataset.features["cultivar"].tolist()


def test_of_more_rows_than_the_budget_has_time_for_some_entities_are_read_whole(
    cellar: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"ROWS_PER_SECOND": 20, "ALWAYS_READ": 0, "ENOUGH_ENTITIES": 10}.items():
        monkeypatch.setattr(f"ml.examine.{name}", value)
    weekly(weeks=20).to_parquet(cellar.directory / "weekly.parquet")
    cellar.sql(f"create table feat_churn as select * from '{cellar.directory}/weekly.parquet'")
    declared = declare(relation="feat_churn", search=Search(seconds=20))
    with opened(open_project(Options(project_dir=str(cellar.directory))), 0.0) as warehouse:
        checked = check(declared, warehouse)
    assert checked.evidence is not None
    read = checked.evidence.dataset.keys["customer"].value_counts()
    assert set(read) == {20}
    assert len(read) < 0.6 * 60
    (found,) = [finding.message for finding in checked.findings if finding.check == "rows"]
    assert f"{read.sum()} of 1200 closed rows are read, dealt out by customer: " in found


def test_a_run_in_a_git_checkout_records_its_commit(cellar: Place) -> None:
    commands = ("init", "add dbt_project.yml", "-c user.name=a -c user.email=a@example.com commit -m first")
    for command in commands:
        subprocess.run(["git", *command.split()], cwd=cellar.directory, check=True, capture_output=True)
    commit = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=cellar.directory, text=True)
    assert cellar.martlet("train", "-s", "alcohol").exit_code == 0
    run = cellar.sql(f"select git_commit from ml.runs where run_id = '{cellar.last_run('alcohol')}'").iloc[0]
    assert run["git_commit"] == commit.strip()


def test_every_run_writes_its_card_and_names_it_for_machines(cellar: Place) -> None:
    cellar.declare("alcohol", "slices: [cultivar]")
    assert cellar.martlet("train").exit_code == 0
    results = json.loads((cellar.target / "martlet_run_results.json").read_text())["results"]
    assert len(results) == 2
    for result in results:
        card = Path(result["details"]["card"])
        assert card == cellar.target / "cards" / f"{result['details']['run_id']}.html"
        assert result["details"]["run_id"] in card.read_text(encoding="utf-8")
    assert "by cultivar" in Path(results[0]["details"]["card"]).read_text(encoding="utf-8")


def test_a_card_that_cannot_be_written_is_told_and_the_run_is_kept(cellar: Place) -> None:
    shutil.rmtree(cellar.target / "cards", ignore_errors=True)
    (cellar.target / "cards").write_text("a file in the way of the folder")
    runs = cellar.count("ml.runs")
    result = cellar.martlet("train")
    assert result.exit_code == 1
    assert result.stderr.count("is stored, but its card") == 2, "one prediction does not stop the other"
    assert cellar.count("ml.runs") == runs + 2


def test_columns_of_a_later_version_are_added_to_the_tables_of_an_earlier_one(cellar: Place) -> None:
    cellar.sql("alter table ml.runs drop column core_seconds")
    cellar.sql("drop table ml.curves")
    assert cellar.martlet("train", "-s", "alcohol").exit_code == 0
    assert set(cellar.sql("select * from ml.runs limit 0")) == set(TABLES["runs"])
    assert cellar.sql("select core_seconds from ml.runs")["core_seconds"].notna().sum() == 1
    assert cellar.count("ml.curves") > 0


def test_a_slice_must_be_a_column_of_names(cellar: Place) -> None:
    cellar.declare("cultivar", "slices: [hues, hue]")
    result = cellar.martlet("train", "-s", "cultivar")
    assert result.exit_code == 2
    assert "'slices' names the column 'hues', which feat_cultivar does not have. Did you mean 'hue'?" in result.stderr
    cellar.declare("cultivar", "slices: [hue]", instead_of="slices: [hues, hue]")
    assert "'slices' names 'hue', which is a number (DOUBLE)" in cellar.martlet("train", "-s", "cultivar").stderr


def test_a_decision_about_three_classes_is_refused_before_anything_is_learned(cellar: Place) -> None:
    cellar.declare("cultivar", "decision: {capacity: 5}")
    runs = cellar.count("ml.runs")
    result = cellar.martlet("train", "-s", "cultivar")
    assert result.exit_code == 1
    assert "'decision' needs two classes, but 'cultivar' has 3 (barbera, barolo, grignolino …)" in result.stderr
    assert cellar.count("ml.runs") == runs


def test_costs_move_the_predicted_class_and_are_recorded(cellar: Place) -> None:
    model = cellar.directory / "models" / "feat_cultivar.sql"
    model.write_text(model.read_text().replace("else cultivar end", "else (cultivar = 'barolo') end"))
    cellar.declare("cultivar", "decision: {cost_false_positive: 1, cost_false_negative: 99}")
    result = cellar.martlet("run", "-s", "cultivar")
    assert result.exit_code == 0, result.output
    run = cellar.sql(f"select * from ml.runs where run_id = '{cellar.last_run('cultivar')}'").iloc[0]
    assert json.loads(run["decision"])["cost_false_negative"] == 99
    assert 0 < run["decision_threshold"] < 0.5
    assert cellar.martlet("score", "-s", "cultivar", "--rescore").exit_code == 0
    scored = cellar.sql(f"select * from ml.cultivar where run_id = '{run['run_id']}'")
    assert ((scored["prediction"] > run["decision_threshold"]) == (scored["predicted_class"] == "true")).all()
    metrics = cellar.sql(f"select * from ml.metrics where run_id = '{run['run_id']}' and split = 'test'")
    assert {"cost_per_row", "cost_saved_per_row", "recall_at_decision"} <= set(metrics["metric"])
    assert set(metrics.loc[metrics["metric"] == "cost_of_all", "predictor"]) == {"baseline"}


def test_rows_of_a_single_as_of_are_learned_from_and_scored(cellar: Place) -> None:
    model = cellar.directory / "models" / "feat_alcohol.sql"
    model.write_text(model.read_text().replace("select\n", "select\n    date '2024-05-01' as tasted_on,\n", 1))
    cellar.declare("alcohol", "as_of: tasted_on\n          horizon: 28 days")
    result = cellar.martlet("run", "-s", "alcohol")
    assert result.exit_code == 0, result.output
    run = cellar.sql(f"select * from ml.runs where run_id = '{cellar.last_run('alcohol')}'").iloc[0]
    assert run["is_good"]
    assert run["tested_from"] == run["tested_to"] == run["last_as_of"]
    assert 10 < run["rows_tested"] < run["rows_trained"] / 2
    open_rows = cellar.count("feat_alcohol where alcohol is null")
    assert cellar.count(f"ml.alcohol where run_id = '{run['run_id']}'") == open_rows > 0
