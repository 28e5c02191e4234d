"""Metrics as MetricFlow defines them: rendered to SQL here, run on the snapshot, so that all get the same numbers.

MetricFlow has no public Python interface; what lies inside is used here and nowhere else, under exact pins.
"""

import threading
from collections.abc import Mapping, Sequence
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
    """A metric as people know it.

    Attributes:
        name: its name.
        label: its name for people.
        description: what it means.
        dimensions: what it can be grouped by.
        formula: how it is computed.
        inputs: the metrics that it is computed from.
        models: the models that its numbers come from.
        owner: who answers for it.
        unit: what it is counted in.
        direction: `up_is_good`, `down_is_good`, or empty.
        target_rule: how its targets were set.
        is_stock: whether a period shows its last state, so that the present period is as good as those before.
        is_defined: whether it stands for itself; others are `part_of` a metric, as their `meta` says.
    """

    name: str
    label: str
    description: str
    dimensions: tuple[str, ...]
    formula: str = ""
    inputs: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    owner: str = ""
    unit: str = ""
    direction: str = ""
    target_rule: str = ""
    is_stock: bool = False
    is_defined: bool = True


class MetricLayer:
    """Renders the metrics of one `semantic_manifest.json`."""

    def __init__(self, semantic_manifest: Path) -> None:
        """Read the manifest that dbt has written."""
        self.manifest = parse_manifest_from_dbt_generated_manifest(semantic_manifest.read_text())
        self.engine = MetricFlowEngine(SemanticManifestLookup(self.manifest), RenderOnly())
        self._lock = threading.Lock()  # requests come on several threads, and MetricFlow promises nothing
        self._rendered: dict[tuple[str, ...], str] = {}

    @cached_property
    def _measures(self) -> dict[str, Any]:
        """Each measure by name, with its semantic model."""
        return {one.name: (one, model) for model in self.manifest.semantic_models for one in model.measures}

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        """All metrics by name, with the dimensions that each can be grouped by."""
        found = {}
        for metric in sorted(self.manifest.metrics, key=lambda metric: metric.name):
            with self._lock:
                dimensions = self.engine.simple_dimensions_for_metrics([metric.name])
            found[metric.name] = _metric(metric, self._measures, sorted({one.dunder_name for one in dimensions}))
        return found

    @cached_property
    def clocks(self) -> dict[str, list[tuple[str, str]]]:
        """By metric the relations that it reads, each with the SQL of its time."""
        found = {}
        for metric in self.manifest.metrics:
            pairs = []
            for measure, model in (self._measures[one.name] for one in metric.type_params.input_measures):
                name = measure.agg_time_dimension or (model.defaults and model.defaults.agg_time_dimension)
                (time,) = (one for one in model.dimensions if one.name == name)
                pairs.append((model.node_relation.relation_name, time.expr or time.name))
            found[metric.name] = list(dict.fromkeys(pairs))
        return found

    def sql(self, metric: str, *group_by: str, where: Sequence[str] = ()) -> str:
        """The SQL of one metric: the group-by columns, then a column of the metric's name."""
        asked = (metric, *group_by, "", *where)
        if asked not in self._rendered:
            request = MetricFlowQueryRequest.create(
                metric_names=[metric], group_by_names=list(group_by), where_constraints=list(where) or None
            )
            with self._lock:
                self._rendered[asked] = str(self.engine.explain(request).sql_statement.sql)
        return self._rendered[asked]


def _metric(metric: Any, measures: Mapping[str, Any], dimensions: Sequence[str]) -> Metric:  # noqa: ANN401 -- theirs
    meta = metric.config.meta if metric.config else {}
    parts = metric.type_params
    found = [measures[one.name] for one in parts.input_measures]
    ratio = [one.name for one in (parts.numerator, parts.denominator) if one]
    inputs = ratio or [one.name for one in parts.metrics or []]
    return Metric(
        name=metric.name,
        label=metric.label or metric.name,
        description=metric.description or "",
        dimensions=tuple(dimensions),
        formula=" \N{DIVISION SIGN} ".join(ratio) if ratio else _formula(metric, measures),
        inputs=tuple(inputs),
        models=tuple(dict.fromkeys(model.node_relation.alias for _, model in found)),
        owner=str(meta.get("owner") or ""),
        unit=str(meta.get("unit") or ""),
        direction=str(meta.get("direction") or ""),
        target_rule=str(meta.get("target") or ""),
        is_stock=any(measure.non_additive_dimension for measure, _ in found),
        is_defined="part_of" not in meta,
    )


def _formula(metric: Any, measures: Mapping[str, Any]) -> str:  # noqa: ANN401 -- MetricFlow's own class
    parts = metric.type_params
    if parts.measure is None:
        return str(parts.expr or metric.type.value)
    measure, model = measures[parts.measure.name]
    return f"{measure.agg.value}({measure.expr or measure.name}) of {model.node_relation.alias}"
