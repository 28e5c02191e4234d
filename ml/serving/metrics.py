"""Metrics as MetricFlow defines them: rendered to SQL here, run on the snapshot, so that all get the same numbers.

MetricFlow has no public Python interface; what lies inside is used here and nowhere else, under exact pins.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
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

    def query(self, *_: Any, **__: Any) -> Any:  # noqa: ANN401 -- MetricFlow's own signature
        """Refuse: the SQL is run elsewhere."""
        raise NotImplementedError("The metric layer only renders SQL here.")

    execute = dry_run = query

    def close(self) -> None:
        """Nothing is open."""

    def render_bind_parameter_key(self, bind_parameter_key: str) -> str:
        """As DuckDB writes it."""
        return f"${bind_parameter_key}"


@dataclass(frozen=True)
class Metric:
    """A metric as people know it."""

    name: str
    label: str
    description: str
    dimensions: tuple[str, ...]


class MetricLayer:
    """Renders the metrics of one `semantic_manifest.json`."""

    def __init__(self, semantic_manifest: Path) -> None:
        """Read the manifest that dbt has written."""
        self.manifest = parse_manifest_from_dbt_generated_manifest(semantic_manifest.read_text())
        self.engine = MetricFlowEngine(SemanticManifestLookup(self.manifest), RenderOnly())
        self._lock = threading.Lock()  # requests come on several threads, and MetricFlow promises nothing

    @cached_property
    def metrics(self) -> list[Metric]:
        """All metrics with the dimensions that each can be grouped by."""
        found = []
        for metric in self.manifest.metrics:
            with self._lock:
                dimensions = self.engine.simple_dimensions_for_metrics([metric.name])
            names = sorted({one.dunder_name for one in dimensions})
            found.append(Metric(metric.name, metric.label or metric.name, metric.description or "", tuple(names)))
        return sorted(found, key=lambda metric: metric.name)

    def sql(self, metric: str, *group_by: str, where: Sequence[str] = ()) -> str:
        """The SQL of one metric: the group-by columns, then a column of the metric's name."""
        request = MetricFlowQueryRequest.create(
            metric_names=[metric], group_by_names=list(group_by), where_constraints=list(where) or None
        )
        with self._lock:
            return str(self.engine.explain(request).sql_statement.sql)
