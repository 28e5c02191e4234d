"""The boards as assets of Apache Superset: complete, and right when its driver reads them from the snapshot."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
import yaml
from click.testing import CliRunner

from ml.boards.board import MetricTile
from ml.boards.superset import dataset_name
from ml.cli import main
from ml.project import Options, open_project
from ml.reading.access import Role
from ml.reading.metric_rows import MetricQuestion, metric_rows
from ml.serving.serve import make_service
from ml.serving.service import Service
from tests.ml.conftest import ROOT, Built

pytest.importorskip("metricflow", reason="the extra `metrics` is not installed")

Files = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def places(built_project: Built) -> str:
    return f"{{published: {built_project.warehouse.parents[1] / 'published'}}}"


@pytest.fixture(scope="module")
def service(built_project: Built, places: str) -> Service:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DBT_TARGET_PATH", str(built_project.target))
        return make_service(open_project(Options(project_dir=str(ROOT), vars=places)))


@pytest.fixture
def files(built_project: Built, places: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    monkeypatch.setenv("DBT_TARGET_PATH", str(built_project.target))
    archive = tmp_path / "boards.zip"
    result = CliRunner().invoke(main, ["superset", str(archive), "--project-dir", str(ROOT), "--vars", places])
    assert result.exit_code == 0, result.output
    with zipfile.ZipFile(archive) as opened:
        return {name.removeprefix("martlet/"): yaml.safe_load(opened.read(name)) for name in opened.namelist()}


def test_everything_leads_to_something(files: Files, service: Service) -> None:
    kinds = {kind: [one for name, one in files.items() if name.startswith(kind)] for kind in ("datasets", "charts")}
    (database,) = (one for name, one in files.items() if name.startswith("databases/"))
    datasets, charts = ({one["uuid"] for one in kinds[kind]} for kind in ("datasets", "charts"))
    assert {one["database_uuid"] for one in kinds["datasets"]} == {database["uuid"]}
    assert {one["dataset_uuid"] for one in kinds["charts"]} == datasets
    placed = []
    for name, board in service.boards.items():
        position = files[f"dashboards/{name}.yaml"]["position"]
        metas = [one["meta"] for key, one in position.items() if key.startswith("CHART-")]
        placed += [meta["uuid"] for meta in metas]
        assert [meta["chartId"] for meta in metas] == list(range(1, len(metas) + 1)), "or Superset drops the dashboard"
        assert [meta["sliceName"] for meta in metas] == [one.label for one in board.tiles if one.name != "runs"]
        for row in (one for one in position.values() if isinstance(one, dict) and one.get("type") == "ROW"):
            assert sum(position[key]["meta"]["width"] for key in row["children"]) <= 12
    assert sorted(placed) == sorted(charts)


def test_metrics_are_those_of_the_metric_layer_when_the_driver_reads_them(files: Files, service: Service) -> None:
    """A dataset may only be grouped by what it has; `max(value)` of one row is that row: no average of averages."""
    database = files["databases/martlet.yaml"]
    arguments = database["extra"]["engine_params"]["connect_args"]
    engine = sqlalchemy.create_engine(database["sqlalchemy_uri"], connect_args=arguments)
    library, compared = service.library, 0
    with engine.connect() as connection:
        for board in service.boards.values():
            for tile in (one for one in board.tiles if hasattr(one, "metric")):
                name = dataset_name(tile)
                dataset = files[f"datasets/martlet/{name}.yaml"]
                (metric,) = dataset["metrics"]
                groups = "period, series" if tile.by else "period"
                sql = f"select {metric['expression']} from ({dataset['sql']}) as virtual_table group by {groups}"
                told = [float(value) for (value,) in connection.execute(sqlalchemy.text(sql))]
                question = MetricQuestion(tile.metric, tile.grain, (tile.by,) if tile.by else (), where=tile.where)
                table = metric_rows(library.layer, library.reader, Role(), library.personal, question)
                known = [float(value) for value in table[tile.metric].to_pylist() if value is not None]
                assert sorted(told) == pytest.approx(sorted(known), rel=1e-12), name
                compared += 1
        with pytest.raises(sqlalchemy.exc.DBAPIError, match="disabled"):
            connection.execute(sqlalchemy.text("select * from read_csv('/etc/passwd')"))
    assert compared >= 19


def test_tiles_of_one_metric_share_a_dataset_only_with_the_same_limits() -> None:
    def named(**limits: tuple[str, ...]) -> str:
        return dataset_name(MetricTile("tile", "Tile", metric="revenue", where=tuple(limits.items())))

    assert named() == "revenue_month"
    assert named(department=("Grocery", "Fuel")).startswith("revenue_month_department_fuel_grocery_")
    different = [named(), named(department=("Fuel",)), named(department=("fuel!",)), named(region=("Fuel",))]
    assert len(set(different)) == 4
    assert named(department=("Fuel", "Grocery")) == named(department=("Grocery", "Fuel"))


@pytest.mark.soak
@pytest.mark.skipif(not (ROOT / "docs" / "superset" / "home").is_dir(), reason="`make superset` sets it up")
def test_superset_answers_every_chart_of_this_checkout() -> None:
    script = ROOT / "docs" / "superset" / "start.py"
    done = subprocess.run([sys.executable, script, "check"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"answered \d+ charts; \d+ of metrics say what the metric layer says", done.stdout)


def test_models_are_tables_of_the_snapshot_without_personal_columns(files: Files, service: Service) -> None:
    published = service.library.reader.columns()
    tables = [one for name, one in files.items() if name.startswith("datasets/") and "schema" in one]
    assert len(tables) >= 10
    for table in tables:
        known = published[table["schema"], table["table_name"]]
        assert {column["column_name"] for column in table["columns"]} == set(known) - {"published_at"}
    risk = files["charts/customers_at_risk.yaml"]["params"]
    assert risk["adhoc_filters"][0]["comparator"] == [True]
    assert risk["order_by_cols"] == ['["expected_loss", false]']
