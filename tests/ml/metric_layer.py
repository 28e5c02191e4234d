"""The metric layer for tests: MetricFlow renders a metric to SQL, without dbt and without a second warehouse client.

MetricFlow has no public Python interface; what lies inside is used here and nowhere else, under exact pins.
"""

from pathlib import Path
from typing import Any

from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
from metricflow.protocols.sql_client import SqlEngine
from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup


class RenderOnly:
    """As much of a SQL client as rendering needs; it can't run anything."""

    sql_engine_type = SqlEngine.DUCKDB
    sql_plan_renderer = DuckDbSqlPlanRenderer()

    def query(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("The metric layer only renders SQL here.")

    execute = dry_run = query

    def close(self) -> None:
        """Nothing is open."""

    def render_bind_parameter_key(self, bind_parameter_key: str) -> str:
        return f"${bind_parameter_key}"


class MetricLayer:
    """Renders the metrics of one `semantic_manifest.json`."""

    def __init__(self, semantic_manifest: Path) -> None:
        self.manifest = parse_manifest_from_dbt_generated_manifest(semantic_manifest.read_text())
        self.engine = MetricFlowEngine(SemanticManifestLookup(self.manifest), RenderOnly())

    def sql(self, metric: str, *group_by: str) -> str:
        """The SQL of one metric: the group-by columns, then a column of the metric's name."""
        request = MetricFlowQueryRequest.create(metric_names=[metric], group_by_names=list(group_by))
        return str(self.engine.explain(request).sql_statement.sql)
