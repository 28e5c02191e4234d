"""The warehouse on DuckDB. Nothing outside this module names the engine."""

import glob
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from ml.errors import WarehouseError, WarehouseMissingError
from ml.manifest import Node
from ml.warehouse.ansi import literal, quoted
from ml.warehouse.protocol import Column

KINDS = {
    "number": (
        "TINYINT",
        "SMALLINT",
        "INTEGER",
        "BIGINT",
        "HUGEINT",
        "UTINYINT",
        "USMALLINT",
        "UINTEGER",
        "UBIGINT",
        "UHUGEINT",
        "FLOAT",
        "DOUBLE",
        "DECIMAL",
    ),
    "boolean": ("BOOLEAN",),
    "category": ("VARCHAR", "ENUM", "UUID"),
    "date": ("DATE", "TIMESTAMP"),
}
RETRY_SECONDS = 0.2
LEAST_MEMORY = "256MB"
TOP_VALUES = 5
QUANTILES = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}


def open_duckdb(connection: Mapping[str, Any], directory: Path, *, wait: float, read_only: bool) -> "DuckDB":
    """Open the database file of a dbt-duckdb profile target; relative paths start at the project.

    Raises:
        WarehouseError: no such file, held by another process for longer than `wait`, or not writable.
    """
    path = Path(directory, str(connection.get("path") or ":memory:"))
    if path.name == ":memory:":
        raise WarehouseError("The profile keeps its database in memory, where nothing outlives dbt: give it a `path`.")
    if not path.is_file():
        raise WarehouseMissingError(f"There is no warehouse at {path} yet. Run `dbt build` (or `martlet run`) first.")
    config: dict[str, str | bool | int | float | list[str]] = {
        str(key): str(value) for key, value in (connection.get("config_options") or {}).items()
    }
    deadline = time.monotonic() + wait
    while True:
        try:
            database = duckdb.connect(str(path), read_only=read_only, config=config)
            break
        except duckdb.Error as error:
            if "lock" not in str(error) or time.monotonic() >= deadline:
                raise WarehouseError(_why_not_open(path, error, wait)) from error
            time.sleep(RETRY_SECONDS)
    warehouse = DuckDB(database, directory)
    warehouse.configure(connection)
    return warehouse


class DuckDB:
    """One connection to a DuckDB file; see `ml.warehouse.protocol.Warehouse` for what each method promises."""

    snapshot_suffix = ".duckdb"

    def __init__(self, database: duckdb.DuckDBPyConnection, directory: Path) -> None:
        """Take over an open connection; relative paths of files start at `directory`."""
        self._database = database
        self._directory = directory

    def configure(self, connection: Mapping[str, Any]) -> None:
        """Apply the extensions and settings of the profile, as dbt does."""
        self._run(f"set file_search_path = {literal(self._directory)}")
        for extension in connection.get("extensions") or []:
            self._run(f"load {extension if isinstance(extension, str) else extension['name']}")
        for key, value in (connection.get("settings") or {}).items():
            self._run(f"set {key} = {literal(value)}")

    def columns(self, relation: str) -> dict[str, Column]:
        """The columns of a quoted relation by name; empty if there is no such relation."""
        with _explained():
            try:
                described = self._database.execute(f"describe select * from {relation}").fetchall()
            except duckdb.CatalogException:
                return {}
        return {name: Column(name, type_, _kind(type_)) for name, type_, *_ in described}

    def query(self, sql: str, parameters: Sequence[object] = ()) -> pd.DataFrame:
        """The result of a query as one frame."""
        with _explained():  # values are only read here
            return self._run(sql, parameters).df()

    def frame(self, sql: str) -> pd.DataFrame:
        """The same for many rows, by way of Arrow: faster, but decimals stay objects and null booleans None."""
        with _explained():
            table = self._run(sql).to_arrow_table()
        # Each column is let go as soon as pandas has it.
        frame: pd.DataFrame = table.to_pandas(date_as_object=False, split_blocks=True, self_destruct=True)
        return frame

    def batches(self, sql: str, rows: int) -> Iterator[pd.DataFrame]:
        """The result of a query in frames of about `rows` rows, read on a cursor of its own."""
        for batch in self.arrow_batches(sql, rows):
            if batch.num_rows:
                yield batch.to_pandas(strings_to_categorical=True, date_as_object=False)

    def arrow_batches(self, sql: str, rows: int) -> Iterator[pa.RecordBatch]:
        """The same as Arrow record batches; one without rows if there are none."""
        with self._database.cursor() as cursor, _explained():
            reader = cursor.execute(sql).to_arrow_reader(rows)
            yield pa.RecordBatch.from_pylist([], schema=reader.schema)
            yield from reader

    def let_go(self) -> None:
        """Give back the memory that holds what has been read: a lower limit makes DuckDB do so."""
        (limit,) = self._run("select current_setting('memory_limit')").fetchall()[0]
        try:
            self._run(f"set memory_limit = '{LEAST_MEMORY}'")
        except WarehouseError:
            return  # more than that is in use, and the limit has stayed as it was
        number, unit = limit.split()
        # DuckDB shows one digit and cuts off the rest.
        self._run(f"set memory_limit = '{float(number) + 0.05:.2f}{unit}'")

    def table(self, schema: str, name: str) -> str:
        """The quoted name of a table."""
        return f"{self.quote(schema)}.{self.quote(name)}"

    def quote(self, name: str) -> str:
        """A column's name, quoted."""
        return quoted(name)

    def one_in(self, number: int, names: Sequence[str]) -> str:
        """An SQL condition that holds of one row in `number`, or of all, dealt out by what its named columns hold."""
        values = ", ".join(map(self.quote, names))
        # With a word of its own, or rows that somebody dealt out by the same hash would all be taken.
        return f"hash({values}, 'one in') % {number} = 0" if number > 1 else "true"

    def days(self, moment: str) -> str:
        """An SQL expression of the days from 1970 to a date or timestamp, as a double."""
        return f"(epoch_us({moment}) / 8.64e10)"

    def create_table(self, schema: str, name: str, columns: Mapping[str, str]) -> None:
        """Create a table (and its schema) from column types; if it exists, add the columns that it lacks."""
        typed = ", ".join(f"{self.quote(column)} {type_}" for column, type_ in columns.items())
        self._run(f"create schema if not exists {self.quote(schema)}")
        self._run(f"create table if not exists {self.table(schema, name)} ({typed})")
        known = self.columns(self.table(schema, name))
        for column in [column for column in columns if column not in known]:
            self._run(f"alter table {self.table(schema, name)} add column {self.quote(column)} {columns[column]}")

    def append(self, relation: str, frame: pd.DataFrame) -> None:
        """Append the rows of a frame, columns matched by name."""
        with _explained():
            self._database.register("appended_rows", frame)
            try:
                self._database.execute(f"insert into {relation} by name select * from appended_rows")
            finally:
                self._database.unregister("appended_rows")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside happen together, or not at all."""
        self._run("begin transaction")
        try:
            yield
        except BaseException:
            self._run("rollback")
            raise
        self._run("commit")

    def fingerprint(self, relation: str) -> str:
        """A hash of all rows of a relation, whatever their order."""
        sql = f"select count(*), sum(hash(whole)), bit_xor(hash(whole)) from {relation} as whole"
        rows, total, mixed = self._run(sql).fetchall()[0]
        return f"{rows:x}-{int(total or 0):x}-{int(mixed or 0):x}"

    def source(self, node: Node) -> str:
        """The relation (or expression) that reads a dbt source, from its node of the manifest."""
        location = _external_location(node)
        if location is None:
            return str(node["relation_name"])
        return location if "(" in location else literal(location)

    def source_state(self, nodes: Iterable[Node]) -> str | None:
        """Path, size and time of every file that the sources read; None if one of them reads no local file."""
        state = []
        for node in nodes:
            location = _external_location(node) or ""
            pattern = re.search(r"'([^']+)'", location)
            files = sorted(glob.glob(str(self._directory / (pattern[1] if pattern else location)))) if location else []
            if not files:
                return None
            stats = ((file, os.stat(file)) for file in files)
            state += [f"{file}:{stat.st_size}:{stat.st_mtime_ns}" for file, stat in stats]
        return "\n".join(state)

    def profile(self, relation: str, column: Column) -> dict[str, object]:
        """One column of a relation: rows, nulls, distinct_values, min_value, max_value, quantiles, top_values."""
        name = self.quote(column.name)
        grouped = f"with counted as (select {name} as value, count(*) as rows from {relation} group by 1) "
        counts = self._run(
            grouped + "select sum(rows), sum(rows) filter (value is null), count(value), "
            "cast(min(value) as varchar), cast(max(value) as varchar) from counted"
        ).fetchall()[0]
        top = self._run(
            grouped + f"select cast(value as varchar), rows from counted where value is not null "
            f"order by rows desc, value limit {TOP_VALUES}"
        ).fetchall()
        quantiles = {}
        if column.kind == "number":
            wanted = list(QUANTILES.values())
            found = self._run(f"select approx_quantile({name}, {wanted}) from {relation}").fetchall()[0][0]
            quantiles = dict(zip(QUANTILES, (float(value) for value in found or []), strict=False))
        rows, nulls, distinct, smallest, largest = counts
        return {
            "rows": int(rows or 0),
            "nulls": int(nulls or 0),
            "distinct_values": int(distinct),
            "min_value": smallest,
            "max_value": largest,
            "quantiles": quantiles,
            "top_values": top,
        }

    def snapshot(self, queries: Mapping[tuple[str, str], str], path: Path) -> None:
        """Write the results of queries, by schema and name, as tables of a new database file."""
        self._run(f"attach {literal(path)} as snapshot")
        try:
            for (schema, name), query in queries.items():
                self._run(f"create schema if not exists snapshot.{self.quote(schema)}")
                self._run(f"create table snapshot.{self.table(schema, name)} as {query}")
        finally:
            self._run("detach snapshot")

    def close(self) -> None:
        """Give the database back to others."""
        self._database.close()

    def _run(self, sql: str, parameters: Sequence[object] = ()) -> duckdb.DuckDBPyConnection:
        with _explained():
            return self._database.execute(sql, list(parameters))


@contextmanager
def _explained() -> Iterator[None]:
    """Turn the engine's errors into Martlet's, with a remedy where one is known."""
    try:
        yield
    except (duckdb.InterruptException, RuntimeError) as error:
        if "interrupt" not in str(error).lower():
            raise
        raise KeyboardInterrupt from error
    except duckdb.Error as error:
        text = str(error)
        if "No space left" in text:
            text += " The disk is full: make room and run again; nothing was half-written."
        elif "read-only" in text:
            text += " Make the file and its folder writable, then run again."
        raise WarehouseError(f"The warehouse refused: {text}") from error


def _kind(type_: str) -> str:
    if "[" in type_:  # a list of what its base type names
        return "other"
    base = re.split(r"[ (_]", type_)[0]
    return next((kind for kind, names in KINDS.items() if base in names), "other")


def is_table(node: Node) -> bool:
    """Whether a dbt source is a table of the database, not a file that is read where it lies."""
    return bool(node.get("relation_name")) and _external_location(node) is None


def _external_location(node: Node) -> str | None:
    """Where dbt-duckdb reads a source that is no table: its `external_location`, names filled in."""
    metas = ((node.get("config") or {}).get("meta"), node.get("source_meta"), node.get("meta"))
    found = [meta["external_location"] for meta in metas if meta and meta.get("external_location")]
    if not found:
        return None
    return str(found[0]).format(**{key: value for key, value in node.items() if isinstance(value, str)})


def _why_not_open(path: Path, error: duckdb.Error, wait: float) -> str:
    text = str(error)
    holder = re.search(r"PID (\d+)", text)
    if not holder:
        return f"The warehouse {path} can't be opened: {text}"
    return (
        f"The warehouse {path} is held by {_process(holder[1])}; waited {wait:g} s. "
        "Let it finish or stop it, or wait longer with --wait SECONDS."
    )


def _process(pid: str) -> str:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:  # another user's process, or no /proc here
        command = ""
    return f"process {pid} ({command[:120]})" if command else f"process {pid}"
