"""Answers to look-ups by key, written beside a snapshot: SQLite finds one of a million in microseconds."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ml.warehouse.ansi import quoted

SUFFIX = ".lookups"
SEPARATOR = "\x1f"  # between the parts of a key
BATCH_ROWS = 50_000


@dataclass(frozen=True)
class LookUp:
    """A table of a snapshot to be looked up in.

    Attributes:
        name: what it is asked for by.
        query: its rows, in SQL on the snapshot.
        key: the columns to be looked up by.
        order: the column by which the rows of one key are ordered, the newest first; None if there is one row.
        columns: what is told of a row.
    """

    name: str
    query: str
    key: tuple[str, ...]
    order: str | None
    columns: tuple[str, ...]


def write_lookups(snapshot: Path, path: Path, lookups: Sequence[LookUp]) -> None:
    """Write the rows of each key as JSON text.

    Raises:
        OSError: the file can't be written.
    """
    try:
        with duckdb.connect(str(snapshot), read_only=True) as source, closing(sqlite3.connect(path)) as target, target:
            target.execute("pragma journal_mode = off")
            for lookup in lookups:
                target.execute(f"create table {quoted(lookup.name)} (key text primary key, rows text) without rowid")
                target.executemany(f"insert into {quoted(lookup.name)} values (?, ?)", _answers(source, lookup))
    except sqlite3.Error as error:
        raise OSError(f"{path}: {error}") from error


def _answers(source: duckdb.DuckDBPyConnection, lookup: LookUp) -> Iterator[tuple[str, str]]:
    """Each key, in order, with its rows."""
    described = source.execute(f"describe {lookup.query}").fetchall()
    types = {str(name): str(type_) for name, type_, *_ in described}
    fields = ", ".join(f"{quoted(name)} := {_json(name, types[name])}" for name in lookup.columns)
    key = f"concat_ws(chr({ord(SEPARATOR)}), {', '.join(quoted(name) for name in lookup.key)})"
    order = f" order by {quoted(lookup.order)} desc" if lookup.order else ""
    sql = f"""
        select {key} as key, cast(to_json(list(struct_pack({fields}){order})) as varchar) as rows
        from ({lookup.query}) as found group by key order by key
    """
    result = source.execute(sql)
    while rows := result.fetchmany(BATCH_ROWS):
        yield from rows


def _json(name: str, type_: str) -> str:
    """A column as the API writes it (see `ml.serving.answers.plain`)."""
    column = quoted(name)
    if type_.startswith("TIMESTAMP"):
        return f"strftime({column}, '%Y-%m-%dT%H:%M:%S.%f')"
    if type_ in ("DOUBLE", "FLOAT"):
        return f"case when isfinite({column}) then {column} end"
    return f"cast({column} as json)" if name == "reasons" else column


class LookUps:
    """The answers beside a snapshot; none where an older Martlet has published it."""

    def __init__(self, snapshot: Path) -> None:
        """Open what stands beside a snapshot."""
        path = snapshot.with_suffix(SUFFIX)
        self._queries: Mapping[str, str] = {}
        if path.is_file():
            # Immutable: it is never written again, so that nothing has to be locked or checked.
            self._database = sqlite3.connect(f"file:{path}?immutable=1", uri=True, check_same_thread=False)
            tables = self._database.execute("select name from sqlite_master where type = 'table'").fetchall()
            self._queries = {name: f"select rows from {quoted(name)} where key = ?" for (name,) in tables}

    def find(self, name: str, key: Sequence[str]) -> str | None:
        """The rows of a key as JSON text; None if it has none, or nothing can be looked up by this name."""
        if name not in self._queries:
            return None
        row = self._database.execute(self._queries[name], (SEPARATOR.join(key),)).fetchone()
        return str(row[0]) if row else None
