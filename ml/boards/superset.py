"""Writes boards as assets of Apache Superset: a database, datasets, charts and a dashboard for each board.

A metric becomes a dataset of the SQL that the metric layer renders, one row a period: nobody can average an average.
"""

import json
import re
import uuid
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import yaml

from ml.boards.board import Board, MetricTile, ModelTile, RunsTile, fields_of
from ml.boards.numbers import RATIO
from ml.errors import WarehouseError
from ml.files import write_whole
from ml.reading.library import Library
from ml.reading.metric_rows import TIME
from ml.reading.metrics import Metric, MetricLayer
from ml.reading.models import Model
from ml.warehouse.ansi import literal, quoted

VERSION = "1.0.0"
ROOT = "martlet"
COLUMNS = 12  # of Superset's grid
VALUE = "value"
# Even a read-only connection could read the host's files.
LOCKED = {"read_only": True, "config": {"enable_external_access": False, "lock_configuration": True}}


@dataclass
class Assets:
    """What is written: files by their path in the archive. `name` is the project's; it makes ids that stay the same."""

    name: str
    library: Library
    files: dict[str, Any] = field(default_factory=dict)

    def id(self, *parts: str) -> str:
        """The id of something, the same each time."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(("martlet", self.name, *parts))))


def write_assets(name: str, library: Library, boards: dict[str, Board], snapshot: Path, path: Path) -> int:
    """Write all boards into an archive that Superset's `/api/v1/assets/import/` reads; returns the number of charts.

    Args:
        name: of the project.
        library: knows models and metrics.
        boards: what to write.
        snapshot: the link that Superset opens.
        path: of the archive.

    Raises:
        WarehouseError: the archive can't be written.
    """
    assets = Assets(name, library)
    assets.files["metadata.yaml"] = {
        "version": VERSION,
        "type": "assets",
        "timestamp": datetime.now(UTC).isoformat(),
    }
    assets.files[f"databases/{name}.yaml"] = _database(assets, snapshot)
    for board in boards.values():
        assets.files[f"dashboards/{board.name}.yaml"] = _dashboard(assets, board)
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for place, content in assets.files.items():
            archive.writestr(f"{ROOT}/{place}", yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
    try:
        write_whole(path, packed.getvalue())
    except OSError as error:
        raise WarehouseError(f"{path} can't be written: {error}.") from error
    return sum(place.startswith("charts/") for place in assets.files)


def _database(assets: Assets, snapshot: Path) -> dict[str, Any]:
    return {
        "database_name": assets.name,
        "sqlalchemy_uri": f"duckdb:///{snapshot}",
        "expose_in_sqllab": True,
        "allow_dml": False,
        "allow_ctas": False,
        "allow_cvas": False,
        "allow_run_async": False,
        "extra": {"engine_params": {"connect_args": LOCKED}},
        "uuid": assets.id("database"),
        "version": VERSION,
    }


def _dashboard(assets: Assets, board: Board) -> dict[str, Any]:
    charts = [chart for tile in board.tiles if not isinstance(tile, RunsTile) for chart in _charts(assets, board, tile)]
    return {
        "dashboard_title": board.label,
        "description": board.description,
        "slug": board.name,
        "uuid": assets.id("dashboard", board.name),
        "position": _position(charts),
        "metadata": {"color_scheme": "supersetColors"},
        "certified_by": board.owner.name,
        "version": VERSION,
    }


@dataclass(frozen=True)
class Placed:
    """A chart on a dashboard, and how much of the grid it takes."""

    key: str
    title: str
    width: int
    height: int


def _charts(assets: Assets, board: Board, tile: MetricTile | ModelTile) -> Iterator[Placed]:
    key = assets.id("chart", board.name, tile.name)
    if isinstance(tile, MetricTile):
        dataset, parameters = _metric_dataset(assets, tile), _metric_chart(tile)
        width, height = (COLUMNS, 60) if tile.by else (3, 36)
    else:
        dataset, parameters = _model_dataset(assets, tile), _table(tile)
        width, height = COLUMNS, 60
    assets.files[f"charts/{board.name}_{tile.name}.yaml"] = {
        "slice_name": tile.label,
        "description": tile.text or None,
        "viz_type": parameters["viz_type"],
        "params": parameters,
        "uuid": key,
        "version": VERSION,
        "dataset_uuid": dataset,
    }
    yield Placed(key, tile.label, width, height)


def dataset_name(tile: MetricTile) -> str:
    """What tells a metric's dataset from all others: metric, grain, dimension, and the limits of `where`."""
    parts = [tile.metric, tile.grain, tile.by or ""]
    for column, values in sorted(tile.where):
        alike = re.sub(r"\W+", "_", "_".join(sorted(values))).strip("_").lower()
        parts.append(f"{column}_{alike[:40]}_{zlib.crc32(json.dumps(sorted(values)).encode()):08x}")
    return "_".join(part for part in parts if part)


def _metric_dataset(assets: Assets, tile: MetricTile) -> str:
    """A dataset of a metric at a grain: one row a period, or a period and value of a dimension."""
    layer = assets.library.layer
    if not isinstance(layer, MetricLayer):  # a board with metrics is not read without a layer
        raise TypeError("There is no metric layer.")
    metric, name = layer.metrics[tile.metric], dataset_name(tile)
    where = [f"cast({{{{ Dimension('{one}') }}}} as varchar) in {_texts(values)}" for one, values in tile.where]
    sql = layer.sql(tile.metric, f"{TIME}__{tile.grain}", *([tile.by] if tile.by else []), where=where)
    # A snapshot that is opened by itself has a database of another name.
    sql = sql.replace(f"{quoted(assets.library.reader.catalog)}.", "")
    series = f", {tile.by} as series" if tile.by else ""
    told = f"select {TIME}__{tile.grain} as period{series}, {tile.metric} as {VALUE} from (\n{sql}\n) as metric"
    columns = [
        _column("period", "TIMESTAMP", "The period, by its first day."),
        _column(VALUE, "DOUBLE", metric.formula),
    ]
    if tile.by:
        columns.append(_column("series", "VARCHAR", tile.by))
    dataset = _dataset(assets, name, metric.description, columns, main="period") | {
        "sql": f"select * from ({told}) as told where {VALUE} is not null",
        "metrics": [_value(metric)],
    }
    assets.files[f"datasets/{assets.name}/{name}.yaml"] = dataset
    return str(dataset["uuid"])


def _texts(values: tuple[str, ...]) -> str:
    return f"({', '.join(literal(value) for value in values)})"


def _value(metric: Metric) -> dict[str, Any]:
    return {
        "metric_name": VALUE,
        "verbose_name": metric.label,
        "expression": f"max({VALUE})",
        "description": f"{metric.description} Computed by the metric layer for each period: never add up or average.",
        "d3format": ".1%" if metric.unit == RATIO else "$,.2f" if metric.unit.startswith("USD") else ",.2~f",
    }


def _model_dataset(assets: Assets, tile: ModelTile) -> str:
    """The table of a public model; of all boards that show it together."""
    model: Model = assets.library.model(tile.model)
    seen = [column for column in model.columns.values() if not model.is_personal(column.name)]
    columns = [_column(column.name, column.type.upper(), column.description) for column in seen]
    _, schema, table = (part.strip('"') for part in model.relation.split("."))
    dataset = _dataset(assets, table, model.description, columns, main=model.clock or None) | {
        "schema": schema,
        "metrics": [{"metric_name": "rows", "verbose_name": "Rows", "expression": "count(*)"}],
    }
    assets.files[f"datasets/{assets.name}/{table}.yaml"] = dataset
    return str(dataset["uuid"])


def _dataset(
    assets: Assets, name: str, description: str, columns: list[dict[str, Any]], main: str | None
) -> dict[str, Any]:
    return {
        "table_name": name,
        "main_dttm_col": main,
        "description": description.strip(),
        "columns": columns,
        "uuid": assets.id("dataset", name),
        "version": VERSION,
        "database_uuid": assets.id("database"),
    }


def _column(name: str, type_: str, description: str) -> dict[str, Any]:
    return {
        "column_name": name,
        "is_dttm": type_.startswith(("DATE", "TIMESTAMP")),
        "is_active": True,
        "type": type_,
        "groupby": True,
        "filterable": True,
        "description": description or None,
    }


def _metric_chart(tile: MetricTile) -> dict[str, Any]:
    grains = {"day": "P1D", "week": "P1W", "month": "P1M", "quarter": "P3M", "year": "P1Y"}
    shared = {"x_axis": "period", "time_grain_sqla": grains[tile.grain], "adhoc_filters": [], "row_limit": 10_000}
    if tile.by:
        lines = {"viz_type": "echarts_timeseries_line", "metrics": [VALUE], "groupby": ["series"]}
        return lines | shared | {"limit": tile.series, "show_legend": True}
    return {"viz_type": "big_number", "metric": VALUE, "compare_lag": 1, "show_trend_line": True} | shared


def _table(tile: ModelTile) -> dict[str, Any]:
    filters = [
        {
            "expressionType": "SIMPLE",
            "clause": "WHERE",
            "subject": name,
            "operator": "IN",
            "operatorId": "IN",
            "comparator": [_typed(value) for value in values],
        }
        for name, values in tile.where
    ]
    return {
        "viz_type": "table",
        "query_mode": "raw",
        "all_columns": list(dict.fromkeys(fields_of(tile.chart)) or tile.columns),
        "order_by_cols": [json.dumps([name.lstrip("-"), not name.startswith("-")]) for name in tile.order],
        "adhoc_filters": filters,
        "row_limit": 1000,
        "server_pagination": False,
        "page_length": tile.rows,
    }


def _typed(value: str) -> object:
    return {"true": True, "false": False}.get(value, value)


def _position(charts: list[Placed]) -> dict[str, Any]:
    """Rows of charts, filled from left to right."""
    rows: list[list[Placed]] = []
    for chart in charts:
        if not rows or sum(one.width for one in rows[-1]) + chart.width > COLUMNS:
            rows.append([])
        rows[-1].append(chart)
    names = [f"ROW-{number}" for number in range(len(rows))]
    parents = ["ROOT_ID", "GRID_ID"]
    position: dict[str, Any] = {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": {"id": "ROOT_ID", "type": "ROOT", "children": ["GRID_ID"]},
        "GRID_ID": {"id": "GRID_ID", "type": "GRID", "children": names, "parents": ["ROOT_ID"]},
    }
    number = 0
    for name, row in zip(names, rows, strict=True):
        keys = [f"CHART-{one.key}" for one in row]
        style = {"background": "BACKGROUND_TRANSPARENT"}
        position[name] = {"id": name, "type": "ROW", "children": keys, "parents": parents, "meta": style}
        for key, one in zip(keys, row, strict=True):
            number += 1
            # Without `chartId` Superset drops the whole dashboard, and does not say so.
            meta = {
                "chartId": number,
                "uuid": one.key,
                "sliceName": one.title,
                "width": one.width,
                "height": one.height,
            }
            position[key] = {"id": key, "type": "CHART", "children": [], "parents": [*parents, name], "meta": meta}
    return position
