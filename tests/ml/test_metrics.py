"""The KPI reports say what the metric layer says, and each KPI is named, owned and documented."""

import datetime as dt
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from fastapi.testclient import TestClient

pytest.importorskip("metricflow", reason="the extra `metrics` is not installed")

from ml.project import Options, open_project
from ml.reading.metrics import MetricLayer
from ml.serving.app import make_app
from ml.serving.serve import make_service
from tests.ml.conftest import ROOT, Built

# Counted, because dbt 1.11 drops metrics that are written in the newer spec without an error.
KPIS = 20
PARTS = 10
GRAINS = {"month": "reporting.rpt_kpi_months", "week": "reporting.rpt_kpi_weeks"}
DOCUMENT = ROOT / "docs" / "kpis.md"


@pytest.fixture(scope="module")
def metrics(built_project: Built) -> dict[str, dict[str, Any]]:
    manifest = json.loads((built_project.target / "semantic_manifest.json").read_text())
    return {metric["name"]: metric for metric in manifest["metrics"]}


@pytest.fixture(scope="module")
def kpis(metrics: dict[str, dict[str, Any]]) -> list[str]:
    return [name for name, metric in metrics.items() if "part_of" not in metric["config"]["meta"]]


@pytest.fixture(scope="module")
def layer(built_project: Built) -> MetricLayer:
    return MetricLayer(built_project.target / "semantic_manifest.json")


@pytest.fixture(scope="module")
def warehouse(built_project: Built, layer: MetricLayer) -> Iterator[duckdb.DuckDBPyConnection]:
    """The finished warehouse, read-only and under the name that the rendered SQL gives it."""
    name = layer.manifest.semantic_models[0].node_relation.database
    with duckdb.connect() as connection:
        connection.execute(f"attach '{built_project.warehouse}' as \"{name}\" (read_only)")
        connection.execute(f'use "{name}"')
        yield connection


def values(connection: duckdb.DuckDBPyConnection, sql: str) -> dict[tuple[Any, ...], float]:
    """Rows as key columns → value; timestamps at midnight become dates and rows without a value are left out."""
    return {
        tuple(key.date() if isinstance(key, dt.datetime) else key for key in keys): float(value)
        for *keys, value in connection.execute(sql).fetchall()
        if value is not None
    }


def test_every_metric_is_there(metrics: dict[str, dict[str, Any]], kpis: list[str]) -> None:
    assert len(kpis) == KPIS
    assert len(metrics) == KPIS + PARTS


def test_every_metric_has_owner_unit_and_direction(metrics: dict[str, dict[str, Any]]) -> None:
    for name, metric in metrics.items():
        meta = metric["config"]["meta"]
        assert metric["label"], name
        assert metric["description"], name
        assert meta["owner"], name
        assert meta["unit"], name
        assert meta["direction"] in {"up_is_good", "down_is_good"}, name
        assert meta.get("part_of", name) in metrics, name


def test_every_kpi_is_documented(metrics: dict[str, dict[str, Any]], kpis: list[str]) -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", DOCUMENT.read_text(), flags=re.MULTILINE))
    assert set(rows) == set(kpis)
    for name, row in rows.items():
        meta = metrics[name]["config"]["meta"]
        cells = [cell.strip() for cell in row.split("|")]
        assert cells[1:4] == [meta["owner"], meta["unit"], meta["direction"].removesuffix("_is_good")], name
        assert cells[4] == meta.get("target", "none"), name


def test_the_definitions_table_lists_every_kpi(warehouse: duckdb.DuckDBPyConnection, kpis: list[str]) -> None:
    listed = warehouse.execute("select kpi from marts.dim_kpis").fetchall()
    assert {name for (name,) in listed} == set(kpis)


@pytest.mark.parametrize("grain", GRAINS)
def test_reports_equal_the_metric_layer(
    grain: str, warehouse: duckdb.DuckDBPyConnection, layer: MetricLayer, kpis: list[str]
) -> None:
    """Every KPI in every month or week: the same rows, the same values."""
    reported = values(warehouse, f"select kpi, {grain}_start_date, kpi_value from {GRAINS[grain]}")
    measured = {
        (name, *key): value
        for name in kpis
        for key, value in values(warehouse, layer.sql(name, f"metric_time__{grain}")).items()
    }
    assert {name for name, _ in measured} == set(kpis), "a KPI without any value proves nothing"
    assert reported == pytest.approx(measured, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize(
    ("metric", "column"),
    [
        ("revenue", "revenue"),
        ("baskets", "baskets"),
        ("active_households", "households"),
        ("average_basket_value", "revenue_per_basket"),
        ("items_per_basket", "items_per_basket"),
        ("shelf_discount_rate", "shelf_discount_rate"),
        ("coupon_discount_rate", "coupon_discount_rate"),
        ("private_label_share", "private_label_share"),
        ("promoted_share", "promoted_share"),
    ],
)
def test_departments_equal_the_metric_layer(
    metric: str, column: str, warehouse: duckdb.DuckDBPyConnection, layer: MetricLayer
) -> None:
    measured = values(warehouse, layer.sql(metric, "basket_item__department", "metric_time__week"))
    report = "reporting.rpt_trading_department_weeks"
    reported = values(warehouse, f"select week_start_date, department, {column} from {report}")
    assert measured
    assert reported == pytest.approx(measured, rel=1e-9, abs=1e-6)


def test_a_ratio_is_not_the_mean_of_its_departments(warehouse: duckdb.DuckDBPyConnection, layer: MetricLayer) -> None:
    """Why both parts of a ratio are kept: the mean over departments is far off the truth."""
    (truth,) = values(warehouse, layer.sql("average_basket_value")).values()
    report = "reporting.rpt_trading_department_weeks"
    ((mean,),) = warehouse.execute(f"select avg(revenue_per_basket) from {report}").fetchall()
    assert mean < truth / 2


def test_the_api_gives_the_numbers_of_the_metric_layer(
    built_project: Built,
    layer: MetricLayer,
    warehouse: duckdb.DuckDBPyConnection,
    kpis: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    places = f"published: {built_project.warehouse.parents[1] / 'published'}, access: {tmp_path / 'access.json'}"
    monkeypatch.setenv("DBT_TARGET_PATH", str(built_project.target))
    service = make_service(open_project(Options(project_dir=str(ROOT), vars=f"{{{places}}}")))
    with TestClient(make_app(service)) as client:
        listed = {metric["name"]: metric for metric in client.get("/metrics").json()}
        assert set(kpis) <= set(listed)
        for name in kpis:
            rows = client.get(f"/metrics/{name}?grain=month&since=2017-02-01&until=2017-11-30").json()
            given = {row["metric_time__month"][:10]: row[name] for row in rows if row[name] is not None}
            truth = values(warehouse, layer.sql(name, "metric_time__month"))
            wanted = {str(day): value for (day,), value in truth.items() if "2017-02" <= str(day) < "2017-12"}
            assert given == pytest.approx(wanted, rel=1e-12), name
        refused = client.get("/metrics/revenue?by=no_such_dimension")
        assert (refused.status_code, "can't be grouped by" in refused.json()["detail"]) == (400, True)
