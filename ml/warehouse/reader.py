"""Reads published snapshots, and nothing else of the host: read-only, external access off, configuration locked."""

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from ml.errors import WarehouseError
from ml.warehouse.ansi import literal, quoted
from ml.warehouse.lookups import LookUps


@dataclass(frozen=True)
class Snapshot:
    """A snapshot that is open: what the link said, the name of the file, the database and what stands beside it."""

    link: str
    version: str
    database: duckdb.DuckDBPyConnection
    lookups: LookUps


class SnapshotReader:
    """The snapshot behind a link, opened anew when the link has moved; may be used by several threads at once."""

    def __init__(self, link: Path, catalog: str) -> None:
        """Read what `link` leads to, under the database name that models have in SQL.

        Raises:
            WarehouseError: nothing is published there.
        """
        self._link, self._catalog = link, catalog
        self._lock = threading.Lock()
        self._snapshot = self._open(self._target())

    @property
    def catalog(self) -> str:
        """The database name that models have in SQL."""
        return self._catalog

    @property
    def link(self) -> Path:
        """The link that readers open."""
        return self._link

    @property
    def version(self) -> str:
        """The name of the snapshot that is read; it changes with every publish."""
        return self._opened().version

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

    def look_up(self, name: str, key: Sequence[str]) -> str | None:
        """What stands beside the snapshot under a key, as JSON text; None if nothing does."""
        return self._opened().lookups.find(name, key)

    def query(self, sql: str, parameters: Sequence[object] | Mapping[str, object] = ()) -> pa.Table:
        """The result of a query, whose parameters are `?` by place or `$name` by name.

        Raises:
            WarehouseError: it can't be answered.
        """
        given = dict(parameters) if isinstance(parameters, Mapping) else list(parameters)
        with self._opened().database.cursor() as cursor:
            try:
                return cursor.execute(sql, given).to_arrow_table()
            except duckdb.Error as error:
                raise WarehouseError(f"The snapshot refused: {error}") from error

    def _target(self) -> str:
        """What the link says; reading just that is the cheapest way to see that it has moved."""
        try:
            return os.readlink(self._link)
        except OSError:
            return self._link.name

    def _opened(self) -> Snapshot:
        target = self._target()
        if target != self._snapshot.link:
            with self._lock:
                if target != self._snapshot.link:
                    self._snapshot = self._open(target)
        return self._snapshot

    def _open(self, target: str) -> Snapshot:
        path = self._link.parent / target
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
        return Snapshot(target, path.stem, database, LookUps(path))
