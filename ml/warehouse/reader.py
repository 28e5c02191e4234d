"""Reads published snapshots, and nothing else of the host: read-only, external access off, configuration locked."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from ml.errors import WarehouseError
from ml.warehouse.ansi import literal, quoted


class SnapshotReader:
    """The snapshot behind a link, opened anew when the link has moved; may be used by several threads at once."""

    def __init__(self, link: Path, catalog: str) -> None:
        """Read what `link` leads to, under the database name that models have in SQL.

        Raises:
            WarehouseError: nothing is published there.
        """
        self._link, self._catalog = link, catalog
        self._lock = threading.Lock()
        self._path: Path | None = None
        self._database = self._opened()

    @property
    def version(self) -> str:
        """The name of the snapshot that is read; it changes with every publish."""
        self._opened()
        return self._path.stem if self._path else ""

    def table(self, schema: str, name: str) -> str:
        """The quoted name of a published table."""
        return ".".join(quoted(part) for part in (self._catalog, schema, name))

    def columns(self) -> dict[tuple[str, str], dict[str, str]]:
        """The types of all columns by schema and table."""
        found: dict[tuple[str, str], dict[str, str]] = {}
        sql = "select schema_name, table_name, column_name, data_type from duckdb_columns() where database_name = ?"
        for row in self.query(f"{sql} order by table_oid, column_index", [self._catalog]).to_pylist():
            schema, table, column, type_ = row.values()
            found.setdefault((schema, table), {})[column] = type_
        return found

    def query(self, sql: str, parameters: Sequence[object] | Mapping[str, object] = ()) -> pa.Table:
        """The result of a query, whose parameters are `?` by place or `$name` by name.

        Raises:
            WarehouseError: it can't be answered.
        """
        given = dict(parameters) if isinstance(parameters, Mapping) else list(parameters)
        with self._opened().cursor() as cursor:
            try:
                return cursor.execute(sql, given).to_arrow_table()
            except duckdb.Error as error:
                raise WarehouseError(f"The snapshot refused: {error}") from error

    def _opened(self) -> duckdb.DuckDBPyConnection:
        path = self._link.resolve()
        with self._lock:
            if path != self._path:
                self._database, self._path = self._open(path), path
            return self._database

    def _open(self, path: Path) -> duckdb.DuckDBPyConnection:
        if not path.is_file():
            raise WarehouseError(
                f"Nothing is published at {self._link} yet. Run `martlet publish` (or `martlet run`) first."
            )
        try:
            database = duckdb.connect()
            database.execute(f"attach {literal(path)} as {quoted(self._catalog)} (read_only)")
            # Even a read-only connection could read the host's files; and nobody may turn this back.
            database.execute("set enable_external_access = false")
            database.execute("set lock_configuration = true")
        except duckdb.Error as error:
            raise WarehouseError(f"The snapshot {path} can't be opened: {error}") from error
        return database
