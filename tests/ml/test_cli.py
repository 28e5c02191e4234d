"""Commands end to end on the tiny project: outcomes, exit codes, and what a machine can read."""

import json
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ml.cli import main
from tests.ml.conftest import MARTLET, Place


def test_every_command_has_help_with_an_example() -> None:
    for name, command in main.commands.items():
        assert f"Example: martlet {name}" in (command.help or ""), name
        assert all(option.help for option in command.params if isinstance(option, click.Option)), name


def test_a_project_that_knows_nothing_of_martlet_goes_from_nothing_to_predictions(fresh_cellar: Place) -> None:
    result = fresh_cellar.martlet("run")
    assert result.exit_code == 0, result.output
    assert fresh_cellar.count("ml.cultivar") == fresh_cellar.count("ml.alcohol") == 22
    cultivar = fresh_cellar.sql("from ml.cultivar")
    assert set(cultivar["predicted_class"]) <= {"barolo", "grignolino", "barbera"}
    assert cultivar["prediction"].between(1 / 3, 1).all()
    alcohol = fresh_cellar.sql("from ml.alcohol")
    assert (alcohol["lower"] <= alcohol["prediction"]).all()
    assert (alcohol["prediction"] <= alcohol["upper"]).all()
    truth = fresh_cellar.sql("select bottle, cultivar as truth from wines").merge(cultivar, on="bottle")
    assert (truth["truth"] == truth["predicted_class"]).mean() > 0.8


def test_a_second_run_with_nothing_changed_does_nothing(cellar: Place) -> None:
    before = cellar.warehouse.read_bytes()
    result = cellar.martlet("run")
    assert result.exit_code == 0, result.output
    assert "Nothing has changed" in result.output
    steps = json.loads((cellar.target / "martlet_run_results.json").read_text())["results"]
    assert {step["kind"] for step in steps} == {"score"}
    assert {step["status"] for step in steps} == {"skipped"}
    assert cellar.warehouse.read_bytes() == before


def test_a_changed_model_is_built_again_and_only_what_it_touches_is_trained(cellar: Place) -> None:
    model = cellar.directory / "models" / "feat_alcohol.sql"
    model.write_text(model.read_text().replace("exclude (bottle, alcohol)", "exclude (bottle, alcohol, hue)"))
    result = cellar.martlet("run")
    assert result.exit_code == 0, result.output
    runs = cellar.sql("select prediction, count(*) as runs from ml.runs group by 1").set_index("prediction")["runs"]
    assert runs.to_dict() == {"alcohol": 2, "cultivar": 1}
    reason = cellar.sql("select reason from ml.promotions where prediction = 'alcohol' order by promoted_at")["reason"]
    assert reason.tolist() == ["first good run", "'hue' vanished"]


def test_a_build_by_somebody_else_is_noticed(cellar: Place) -> None:
    (cellar.target / "run_results.json").write_text('{"metadata": {"invocation_id": "other"}, "results": []}')
    result = cellar.martlet("run")
    assert result.exit_code == 0, result.output
    assert "Nothing has changed" not in result.output


def test_select_and_exclude_choose_predictions(cellar: Place) -> None:
    result = cellar.martlet("train", "-s", "exposure:alcohol")
    assert result.exit_code == 0, result.output
    result = cellar.martlet("train", "--exclude", "alcohol", "--trials", "1")
    assert result.exit_code == 0, result.output
    assert cellar.count("ml.runs where prediction = 'alcohol'") == 2
    assert cellar.count("ml.runs where prediction = 'cultivar'") == 2
    assert cellar.count("ml.promotions") == 2, "a run that learned the same does not displace the champion"


def test_json_log_and_results_can_be_read_by_a_machine(cellar: Place) -> None:
    result = cellar.martlet("score", "--rescore", "--log-format", "json")
    assert result.exit_code == 0, result.output
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert [event["name"] for event in events if event.get("status") == "success"] == ["alcohol", "cultivar"]
    record = json.loads((cellar.target / "martlet_run_results.json").read_text())
    assert record["success"] is True
    assert record["metadata"]["command"] == "score"
    assert [step["details"]["rows"] for step in record["results"]] == [22, 22]


def test_check_tells_what_is_ready(cellar: Place) -> None:
    result = cellar.martlet("check")
    assert result.exit_code == 0, result.output
    assert "check cultivar: ready; 156 closed rows, 22 open" in result.output


def test_check_profile_describes_every_source_column(cellar: Place) -> None:
    (cellar.directory / "models" / "sources.yml").write_text(
        "sources:\n  - name: bottles\n    config:\n      meta:\n"
        "        external_location: \"read_csv('seeds/{name}.csv')\"\n    tables: [{name: wines}]\n"
    )
    assert cellar.martlet("run").exit_code == 0
    result = cellar.martlet("check", "--profile")
    assert result.exit_code == 0, result.output
    assert cellar.count("ml.source_profiles") == 2 * 15, "once when the source was met, once when asked"
    profiles = cellar.sql("from ml.source_profiles order by profiled_at desc limit 15").set_index("column_name")
    assert profiles.loc["bottle", "distinct_values"] == profiles.loc["bottle", "rows"] == 178
    assert json.loads(profiles.loc["cultivar", "top_values"])[0] == ["grignolino", 71]
    assert json.loads(profiles.loc["alcohol", "quantiles"])["q50"] == pytest.approx(13.05, abs=0.05)
    assert "cultivar" in result.output


def test_profile_with_a_name_is_the_profile_to_use(cellar: Place) -> None:
    result = cellar.martlet("check", "--profile", "grocer")
    assert result.exit_code == 2
    assert "has no profile 'grocer'. Known: cellar." in result.stderr


@pytest.mark.parametrize("command", sorted(main.commands))
def test_outside_a_project_there_is_a_clear_message(command: str) -> None:
    required = [one for one in main.commands[command].params if one.required]
    named = [part for one in required for part in (*one.opts[: isinstance(one, click.Option)], "2024-07-01")]
    result = CliRunner().invoke(main, [command, *named])
    assert result.exit_code == 2
    assert "no dbt_project.yml" in result.stderr
    assert "--project-dir" in result.stderr


@pytest.mark.parametrize("command", ["check", "train", "score", "publish"])
def test_a_missing_or_stale_manifest_is_named_with_its_remedy(command: str, cellar: Place) -> None:
    stat = (cellar.target / "manifest.json").stat()
    model = cellar.directory / "models" / "feat_alcohol.sql"
    model.write_text(model.read_text() + "-- changed\n")
    import os

    os.utime(model, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    result = cellar.martlet(command)
    assert result.exit_code == 2
    assert "manifest.json is stale: models/feat_alcohol.sql was changed" in result.stderr
    assert "dbt parse" in result.stderr
    (cellar.target / "manifest.json").unlink()
    result = cellar.martlet(command)
    assert result.exit_code == 2
    assert "manifest.json is missing" in result.stderr


def test_an_unknown_prediction_is_answered_with_the_nearest(cellar: Place) -> None:
    result = cellar.martlet("train", "-s", "cultivars")
    assert result.exit_code == 2
    assert "There is no prediction 'cultivars'. Did you mean 'cultivar'?" in result.stderr


def test_a_failing_model_stops_the_run_and_is_named(cellar: Place) -> None:
    (cellar.directory / "models" / "feat_alcohol.sql").write_text("select nothing from {{ ref('wines') }}")
    runs = cellar.count("ml.runs")
    result = cellar.martlet("run")
    assert result.exit_code == 1
    assert "model.cellar.feat_alcohol" in result.stderr
    assert cellar.count("ml.runs") == runs


def test_a_locked_warehouse_names_the_process_and_can_be_waited_for(
    cellar: Place, holder: Callable[[Path], "subprocess.Popen[str]"]
) -> None:
    process = holder(cellar.warehouse)
    for command in ("run", "train", "score", "publish"):
        result = cellar.martlet(command)
        assert result.exit_code == 2, result.output
        assert f"held by process {process.pid}" in result.stderr
        assert "--wait" in result.stderr
    waiting = cellar.start("score", "--rescore", "--wait", "60", "--log-format", "json")
    assert process.stdin is not None
    process.stdin.close()
    output, errors = waiting.communicate(timeout=60)
    assert waiting.returncode == 0, output + errors


@pytest.mark.parametrize(
    ("how", "moment"), [(signal.SIGINT, "progress"), (signal.SIGTERM, "start"), (signal.SIGKILL, "progress")]
)
def test_a_run_that_is_stopped_leaves_the_warehouse_as_it_was(cellar: Place, how: signal.Signals, moment: str) -> None:
    tables = ("runs", "trials", "metrics", "importances", "profiles", "promotions")
    before = {table: cellar.count(f"ml.{table}") for table in tables}
    process = cellar.start("train", "-s", "cultivar", "--seconds", "120", "--log-format", "json")
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line).get("event") == moment:
            process.send_signal(how)
            break
    rest = "".join(process.stdout)
    assert process.wait(timeout=60) != 0
    if how is signal.SIGINT:
        assert process.returncode == 1
        assert "Interrupted" in rest
    assert {table: cellar.count(f"ml.{table}") for table in tables} == before
    assert cellar.martlet("train", "-s", "cultivar", "--trials", "1").exit_code == 0


def test_a_folder_that_cannot_be_written_is_told_and_nothing_is_stored(cellar: Place) -> None:
    pipelines = cellar.directory / "warehouse" / "pipelines"
    shutil.rmtree(pipelines)
    pipelines.write_text("a file in the way of the folder")
    runs = cellar.count("ml.runs")
    result = cellar.martlet("train", "-s", "alcohol")
    assert result.exit_code == 1
    assert "can't be stored" in result.stderr
    assert cellar.count("ml.runs") == runs


def test_a_read_only_warehouse_is_told_with_its_remedy(cellar: Place) -> None:
    profiles = cellar.directory / "profiles.yml"
    profiles.write_text(profiles.read_text().replace("threads: 2", "config_options: {access_mode: READ_ONLY}"))
    result = cellar.martlet("train", "-s", "alcohol")
    assert result.exit_code == 2
    assert "read-only" in result.stderr
    assert "writable" in result.stderr


def test_a_full_disk_stores_nothing(cellar: Place) -> None:
    runs, snapshots = cellar.count("ml.runs"), sorted((cellar.directory / "published").iterdir())
    for command in ("train -s cultivar", "score --rescore", "publish"):
        line = f"ulimit -f 1; exec {' '.join(MARTLET)} {command} --project-dir {cellar.directory}"
        result = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
        assert result.returncode in (1, 2), result.stdout + result.stderr
        assert "Error:" in result.stderr
        assert "Traceback" not in result.stderr
    assert cellar.count("ml.runs") == runs
    assert cellar.count("ml.cultivar") == 22
    assert sorted((cellar.directory / "published").iterdir()) == snapshots


def test_a_killed_run_is_finished_by_the_next(fresh_cellar: Place) -> None:
    for step in ("build", "train", "publish"):
        process = fresh_cellar.start("run", "--log-format", "json")
        assert process.stdout is not None
        reached = False
        for line in process.stdout:
            event = json.loads(line)
            if event.get("event") == "start" and event["kind"] == step:
                reached = True
                process.kill()
                break
        process.wait(timeout=60)
        assert reached, step
    result = fresh_cellar.martlet("run")
    assert result.exit_code == 0, result.output
    for name in ("cultivar", "alcohol"):
        assert fresh_cellar.count(f"ml.{name}") == fresh_cellar.count(f"(select distinct bottle from ml.{name})") == 22
        assert fresh_cellar.count(f"ml.promotions where prediction = '{name}'") == 1
    left = list((fresh_cellar.directory / "published").glob("cellar-*"))
    snapshots = {path.stem for path in left if path.suffix == ".duckdb"}
    assert {path.stem for path in left if path.suffix == ".lookups"} == snapshots, "no half snapshot is left"
    assert len(left) == 2 * len(snapshots)
    assert "Nothing has changed" in fresh_cellar.martlet("run").output


def test_run_of_one_prediction_builds_what_reads_it_and_nothing_else(fresh_cellar: Place) -> None:
    models = fresh_cellar.directory / "models"
    (models / "readers.yml").write_text(
        "sources:\n  - name: ml\n    tables:\n"
        "      - {name: alcohol, config: {meta: {martlet: {prediction: alcohol}}}}\n"
        "      - {name: cultivar, config: {meta: {martlet: {prediction: cultivar}}}}\n"
        "models:\n  - name: bottles\n    columns:\n      - name: bottle\n        data_tests:\n"
        "          - relationships: {arguments: {to: ref('labels'), field: bottle}}\n"
    )
    (models / "bottles.sql").write_text("select bottle from {{ ref('wines') }}")
    (models / "strong.sql").write_text(
        "select bottle from {{ ref('bottles') }} inner join {{ source('ml', 'alcohol') }} using (bottle)"
    )
    (models / "labels.sql").write_text("select bottle from {{ source('ml', 'cultivar') }}")
    result = fresh_cellar.martlet("run", "--select", "alcohol")
    assert result.exit_code == 0, result.output
    tables = set(fresh_cellar.sql("select table_name from duckdb_tables() where schema_name = 'main'")["table_name"])
    assert tables == {"wines", "feat_alcohol", "bottles", "strong"}
    assert fresh_cellar.count("strong") == 22
    assert "Nothing has changed" not in fresh_cellar.martlet("run").output, "the rest was still to do"
    assert fresh_cellar.count("labels") == 22
