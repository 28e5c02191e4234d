"""The reference project on its whole data, end to end: what a new user gets from `make run`."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from ml.declaration import read_predictions
from ml.manifest import Manifest
from ml.tables import TABLES
from tests.ml.conftest import DBT, ROOT, Built

PREDICTIONS = ("campaign_redemption", "category_demand", "household_lapse", "household_spend")


@pytest.fixture(scope="module")
def warehouse(built_project: Built) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(built_project.warehouse), read_only=True) as database:
        yield database


@pytest.fixture(scope="module")
def manifest(built_project: Built) -> Manifest:
    return Manifest.read(built_project.target / "manifest.json")


@pytest.mark.parametrize("name", ["first build", "run", "second run", "last build", "compile"])
def test_every_step_ends_well(name: str, built_project: Built) -> None:
    output = built_project.outputs[name]
    assert output.returncode == 0, output.stdout + output.stderr
    assert "deprecat" not in (output.stdout + output.stderr).lower()


def test_the_first_build_made_no_prediction_and_the_last_one_kept_them(built_project: Built) -> None:
    for name, fewest in (("first build", 400), ("last build", 200)):
        summary = re.search(r"PASS=(\d+) WARN=(\d+) ERROR=(\d+) SKIP=(\d+)", built_project.outputs[name].stdout)
        assert summary is not None
        assert int(summary[1]) > fewest
        assert summary.groups()[1:] == ("0", "0", "0"), summary[0]


@pytest.mark.parametrize("name", ["last build", "compile"])
def test_dbt_takes_up_what_martlet_parsed(name: str, built_project: Built) -> None:
    assert "Unable to do partial parsing" not in built_project.outputs[name].stdout


def test_the_run_tells_what_it_did(built_project: Built) -> None:
    output = built_project.outputs["run"].stdout
    for prediction in PREDICTIONS:
        assert f"train {prediction}" in output
        assert f"score {prediction}" in output
    for word in ("models before predictions", "models on predictions", "publish", "baseline", "Look next"):
        assert word in output


def test_a_second_run_with_nothing_changed_did_nothing(built_project: Built) -> None:
    output = built_project.outputs["second run"].stdout
    assert "Nothing has changed" in output
    assert "train" not in output
    assert output.count("no row is waiting") == 2 * len(PREDICTIONS)


@pytest.mark.parametrize(
    "table", sorted({*TABLES, *PREDICTIONS} - {"performance", "performance_slices"})
)  # nothing is ripe on the first day
def test_every_table_of_ml_has_rows(table: str, warehouse: duckdb.DuckDBPyConnection) -> None:
    assert warehouse.execute(f"select count(*) from ml.{table}").fetchall()[0][0] > 0


def test_every_reporting_model_has_rows(warehouse: duckdb.DuckDBPyConnection, manifest: Manifest) -> None:
    reports = [node["relation_name"] for node in manifest.nodes.values() if node["name"].startswith("rpt_")]
    assert len(reports) >= 8
    reports = [name for name in reports if "rpt_prediction_calibration" not in name]  # nothing is ripe on the first day
    empty = [name for name in reports if not warehouse.execute(f"select 1 from {name} limit 1").fetchall()]
    assert empty == []


def test_every_open_row_has_exactly_one_prediction(warehouse: duckdb.DuckDBPyConnection, manifest: Manifest) -> None:
    for name, prediction in read_predictions(manifest).items():
        keys = ", ".join(prediction.keys)
        waiting = warehouse.execute(f"select {keys} from {prediction.relation} where {prediction.target} is null")
        assert sorted(waiting.fetchall()) == sorted(warehouse.execute(f"select {keys} from ml.{name}").fetchall()), name


def test_champions_beat_their_baselines_and_say_why_they_were_promoted(warehouse: duckdb.DuckDBPyConnection) -> None:
    champions = warehouse.execute(
        "select prediction, is_good, reason, actor from ml.promotions join ml.runs using (prediction, run_id)"
    ).fetchall()
    assert sorted(champions) == [(name, True, "first good run", "martlet") for name in PREDICTIONS]


def test_no_row_was_tested_that_could_have_been_learned_from(warehouse: duckdb.DuckDBPyConnection) -> None:
    runs = warehouse.execute(
        "select prediction, first_as_of, tested_from, tested_to, last_as_of from ml.runs"
    ).fetchall()
    for name, first, tested_from, tested_to, last in runs:
        assert first < tested_from <= tested_to == last, name


def test_metrics_have_intervals_that_hold_their_values(warehouse: duckdb.DuckDBPyConnection) -> None:
    metrics = warehouse.execute("select value, lower, upper from ml.metrics where isfinite(value)").fetchall()
    assert len(metrics) > 60
    assert all(lower <= value <= upper for value, lower, upper in metrics)


def test_reasons_name_features_that_the_run_learned(warehouse: duckdb.DuckDBPyConnection) -> None:
    for name in PREDICTIONS:
        reasons, features = warehouse.execute(
            f"select reasons, features from ml.{name} join ml.runs using (run_id) limit 1"
        ).fetchall()[0]
        named = [reason["feature"] for reason in json.loads(reasons)]
        assert len(named) >= 3
        assert set(named) - {"other features"} <= set(json.loads(features)), name


def test_the_snapshot_has_the_public_tables(built_project: Built) -> None:
    link = built_project.warehouse.parents[1] / "published" / "martlet.duckdb"
    with duckdb.connect(str(link), read_only=True) as reader:
        schemas = reader.execute("select distinct schema_name from duckdb_tables()").fetchall()
        assert {"marts", "reporting", "features", "ml"} <= {name for (name,) in schemas}
        assert not {"staging", "intermediate"} & {name for (name,) in schemas}


def test_five_questions_of_analysts_are_answered(built_project: Built, warehouse: duckdb.DuckDBPyConnection) -> None:
    compiled = sorted((built_project.target / "compiled" / "martlet" / "analyses").glob("*.sql"))
    assert len(compiled) >= 5
    for path in compiled:
        assert warehouse.execute(path.read_text()).fetchall(), path.name


def test_nothing_in_the_package_knows_of_groceries() -> None:
    words = re.compile(r"household|basket|campaign|coupon|grocer|journey|promotion_|redemption", re.IGNORECASE)
    examples = re.compile(
        r"Example: martlet .*|-s household_lapse|household_lapse     train|`household_lapse`|household_lapse`"
    )
    for path in sorted((ROOT / "ml").rglob("*.py")):
        for line in path.read_text().splitlines():
            assert not words.search(examples.sub("", line)), f"{path.name}: {line}"


@pytest.mark.soak
def test_a_build_that_adds_what_became_known_equals_one_from_the_sources(tmp_path: Path) -> None:
    """All tables, cell by cell: grown over three Mondays, and built at the last of them alone."""
    grown, whole = tmp_path / "grown" / "martlet.duckdb", tmp_path / "whole" / "martlet.duckdb"
    for warehouse, dates in ((grown, ("2017-10-02", "2017-10-09", "2017-10-16")), (whole, ("2017-10-16",))):
        warehouse.parent.mkdir()
        environment = {**os.environ, "MARTLET_WAREHOUSE": str(warehouse), "DBT_TARGET_PATH": str(tmp_path / "target")}
        for date in dates:
            command = [DBT, "build", "--select", "+path:models/features", "--exclude-resource-type", "test"]
            command += ["--exclude-resource-type", "unit_test", "--vars", f"{{as_of: '{date}'}}"]
            done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout
    with duckdb.connect() as database:
        database.execute(f"attach '{grown}' as grown (read_only); attach '{whole}' as whole (read_only)")
        tables = database.execute(
            "select table_schema || '.' || table_name from information_schema.tables where table_catalog = 'whole' "
            "and table_type = 'BASE TABLE' and table_schema in ('intermediate', 'marts', 'features')"
        ).fetchall()
        assert len(tables) > 30
        for (table,) in tables:
            for one, other in (("grown", "whole"), ("whole", "grown")):
                found = f"from {one}.{table} except all from {other}.{table}"
                assert database.execute(f"select count(*) from ({found})").fetchall() == [(0,)], (table, one)
