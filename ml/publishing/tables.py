"""Which tables are public, with all that a reader may want to know of them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from ml.features.keys import foreign_keys
from ml.manifest import Manifest, Node
from ml.tables import SCHEMA, TABLES
from ml.warehouse import Column, Warehouse

PUBLISHED_AT = "published_at"


@dataclass(frozen=True)
class PublicTable:
    """A table for readers.

    Attributes:
        schema: the schema that it has in the warehouse and for readers.
        name: its name in both.
        relation: as the warehouse quotes it.
        columns: its columns by name.
        description: what one row is.
        column_descriptions: of each column that has one.
        key: the columns of the primary key; empty if none is declared.
        indexes: other columns that readers look up by: foreign keys and clocks.
    """

    schema: str
    name: str
    relation: str
    columns: Mapping[str, Column]
    description: str
    column_descriptions: Mapping[str, str]
    key: tuple[str, ...]
    indexes: tuple[str, ...]


def public_tables(manifest: Manifest, warehouse: Warehouse) -> list[PublicTable]:
    """Public models and the tables of `ml` that exist, ordered by schema and name."""
    found = [*_models(manifest, warehouse), *_ledger(manifest, warehouse)]
    return sorted(found, key=lambda table: (table.schema, table.name))


def readable(
    table: PublicTable, warehouse: Warehouse, published_at: datetime, is_text: Callable[[Column], bool]
) -> str:
    """A query of a table, with `published_at` added to each row if it has no such column itself.

    Args:
        table: what to read.
        warehouse: quotes names.
        published_at: the moment.
        is_text: which columns go as text, because the place knows no such type.
    """
    columns = []
    for name, column in table.columns.items():
        quoted = warehouse.quote(name)
        columns.append(f"cast({quoted} as varchar) as {quoted}" if is_text(column) else quoted)
    if PUBLISHED_AT not in table.columns:
        columns.append(f"cast('{published_at}' as timestamp) as {PUBLISHED_AT}")
    return f"select {', '.join(columns)} from {table.relation}"


def _models(manifest: Manifest, warehouse: Warehouse) -> Iterator[PublicTable]:
    references: dict[str, list[str]] = {}
    for foreign in foreign_keys(manifest):
        references.setdefault(foreign.child, []).extend(foreign.columns)
    for key, node in manifest.nodes.items():
        access = (node.get("config") or {}).get("access", node.get("access"))
        if node.get("resource_type") == "model" and access == "public" and node.get("relation_name"):
            columns = warehouse.columns(node["relation_name"])
            if columns:
                clock = (node.get("config") or {}).get("event_time")
                lookups = [*references.get(key, []), *([clock] if clock else [])]
                name = node.get("alias") or node["name"]
                yield _table(node, node["schema"], name, node["relation_name"], columns, _key(node), lookups)


def _ledger(manifest: Manifest, warehouse: Warehouse) -> Iterator[PublicTable]:
    described = {node["name"]: node for node in manifest.prediction_sources().values()}
    for name in [*TABLES, *manifest.ml_exposures()]:
        relation = warehouse.table(SCHEMA, name)
        columns = warehouse.columns(relation)
        if columns:
            lookups = [column for column in columns if column == "run_id" or column.endswith("_id")]
            yield _table(described.get(name, {}), SCHEMA, name, relation, columns, (), lookups)


def _table(
    node: Node,
    schema: str,
    name: str,
    relation: str,
    columns: Mapping[str, Column],
    key: tuple[str, ...],
    lookups: list[str],
) -> PublicTable:
    known = {column["name"]: column.get("description") or "" for column in (node.get("columns") or {}).values()}
    told = {column: text for column, text in known.items() if text and column in columns}
    indexes = tuple(dict.fromkeys(column for column in lookups if column in columns and (column,) != key))
    return PublicTable(schema, name, relation, columns, node.get("description") or "", told, key, indexes)


def _key(node: Node) -> tuple[str, ...]:
    """The primary key by the constraints of the contract, of the model or of one column."""
    for constraint in node.get("constraints") or []:
        if constraint.get("type") == "primary_key":
            return tuple(constraint.get("columns") or [])
    for column in (node.get("columns") or {}).values():
        if any(constraint.get("type") == "primary_key" for constraint in column.get("constraints") or []):
            return (str(column["name"]),)
    return ()
