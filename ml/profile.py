"""Describes every column of every source, so that an analyst knows a source before modelling it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pandas as pd

from ml import ledger
from ml.manifest import Manifest, Node
from ml.report import ProgressCallback
from ml.tables import SCHEMA, TABLES
from ml.warehouse import Warehouse


def profile_sources(
    manifest: Manifest, warehouse: Warehouse, progress: ProgressCallback, *, only_new: bool = False
) -> pd.DataFrame:
    """Profile all sources but those that martlet fills, and store the rows in `ml.source_profiles`.

    Args:
        manifest: names the sources.
        warehouse: reads them and keeps the rows.
        progress: is told which source is at hand.
        only_new: leave out sources that have been profiled before.

    Returns:
        One row per source column: type, rows, nulls, distinct values, min, max, quantiles and top values (JSON).
    """
    ledger.create_tables(warehouse)
    known = _known(warehouse) if only_new else set()
    sources = [node for node in manifest.loaded_sources().values() if (node["source_name"], node["name"]) not in known]
    rows: list[dict[str, object]] = []
    for number, node in enumerate(sources):
        progress(number / len(sources), f"{node['source_name']}.{node['name']}")
        rows += _columns(node, warehouse)
    profiles = pd.DataFrame(rows, columns=list(TABLES["source_profiles"]))
    profiles["profiled_at"] = datetime.now(UTC).replace(tzinfo=None)
    with warehouse.transaction():
        ledger.append(warehouse, "source_profiles", profiles)
    return profiles


def _known(warehouse: Warehouse) -> set[tuple[str, str]]:
    kept = warehouse.table(SCHEMA, "source_profiles")
    found = warehouse.query(f"select distinct source_name, table_name from {kept}")
    return set(zip(found["source_name"], found["table_name"], strict=True))


def _columns(node: Node, warehouse: Warehouse) -> Iterator[dict[str, object]]:
    relation = warehouse.source(node)
    for column in warehouse.columns(relation).values():
        found = warehouse.profile(relation, column)
        yield {
            **found,
            "source_name": node["source_name"],
            "table_name": node["name"],
            "column_name": column.name,
            "column_type": column.type,
            "quantiles": json.dumps(found["quantiles"]),
            "top_values": json.dumps(found["top_values"]),
        }
