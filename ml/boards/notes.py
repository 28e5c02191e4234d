"""What people write on boards: notes, targets and decisions, in small tables of their own that no publish touches."""

import csv
import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass, fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from ml.errors import WarehouseError
from ml.files import write_whole

PENDING = "waits"
TABLES = """
create table if not exists board_notes (
    board text not null, tile text not null, about_date text not null, note text not null,
    author text not null, written_at text not null
);
create table if not exists board_targets (
    metric text not null, grain text not null, starts_on text not null, target_value real not null,
    reason text not null, author text not null, written_at text not null
);
create table if not exists board_decisions (
    run_id text not null, prediction text not null, decision text not null, reason text not null,
    author text not null, written_at text not null, outcome text not null
);
"""


@dataclass(frozen=True)
class Note:
    """A remark on a tile, perhaps on a day of it."""

    board: str
    tile: str
    about_date: str
    note: str
    author: str
    written_at: str


@dataclass(frozen=True)
class Target:
    """A value to reach in a period; the last one written holds."""

    metric: str
    grain: str
    starts_on: str
    target_value: float
    reason: str
    author: str
    written_at: str


@dataclass(frozen=True)
class Decision:
    """A run approved or rejected; `outcome` is what became of it, or that it waits for the warehouse."""

    run_id: str
    prediction: str
    decision: str
    reason: str
    author: str
    written_at: str
    outcome: str


KINDS: dict[str, type[Note] | type[Target] | type[Decision]] = {
    "board_notes": Note,
    "board_targets": Target,
    "board_decisions": Decision,
}


class Notes:
    """The tables, in one file beside the warehouse; safe to use from several threads and processes."""

    def __init__(self, path: Path) -> None:
        """The file is made when something is first written."""
        self.path = path
        self._read: tuple[int, dict[str, list[Any]]] = (0, {})

    def add(self, row: Note | Target | Decision) -> None:
        """Write a row.

        Raises:
            WarehouseError: the file can't be written.
        """
        (table,) = (name for name, kind in KINDS.items() if isinstance(row, kind))
        marks = ", ".join("?" for _ in fields(row))
        with self._opened() as database:
            for statement in TABLES.split(";"):
                database.execute(statement)
            database.execute(f"insert into {table} values ({marks})", astuple(row))

    def notes(self, board: str) -> list[Note]:
        """The notes on a board, the oldest first."""
        return [Note(*row) for row in self._rows("board_notes") if row[0] == board]

    def targets(self, metric: str, grain: str) -> dict[date, Target]:
        """The targets of a metric by the start of their period."""
        rows = [row for row in self._rows("board_targets") if row[:2] == (metric, grain)]
        return {date.fromisoformat(row[2]): Target(*row) for row in rows}

    def decisions(self) -> list[Decision]:
        """All decisions, the oldest first."""
        return [Decision(*row) for row in self._rows("board_decisions")]

    def settle(self, decision: Decision, outcome: str) -> None:
        """Write down what became of a decision that waited.

        Raises:
            WarehouseError: the file can't be written.
        """
        with self._opened() as database:
            database.execute(
                "update board_decisions set outcome = ? where run_id = ? and written_at = ?",
                (outcome, decision.run_id, decision.written_at),
            )

    def export(self, folder: Path) -> list[tuple[Path, int]]:
        """Write each table as a CSV file that can be reviewed and used as a seed; returns files and row counts.

        Raises:
            WarehouseError: the folder can't be written.
        """
        written = []
        for table, kind in KINDS.items():
            rows = self._rows(table)
            path, text = folder / f"{table}.csv", io.StringIO()
            csv.writer(text, lineterminator="\n").writerows([[field.name for field in fields(kind)], *rows])
            try:
                write_whole(path, text.getvalue())
            except OSError as error:
                raise WarehouseError(f"{path} can't be written: {error}.") from error
            written.append((path, len(rows)))
        return written

    def listed(self) -> list[tuple[str, list[str], list[Any]]]:
        """Each table with its name, its columns and its rows."""
        return [(table, [one.name for one in fields(kind)], self._rows(table)) for table, kind in KINDS.items()]

    def _rows(self, table: str) -> list[Any]:
        """All rows in the order of writing; the file is read again when it has changed."""
        try:
            changed = self.path.stat().st_mtime_ns
        except FileNotFoundError:
            return []
        if self._read[0] != changed:
            with self._opened() as database:
                rows = {name: list(database.execute(f"select * from {name} order by rowid")) for name in KINDS}
            self._read = changed, rows
        return self._read[1][table]

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """A connection of its own for each use; what was done is kept unless it failed."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=10)) as database, database:
                yield database
        except (OSError, sqlite3.Error) as error:
            raise WarehouseError(f"The notes in {self.path} can't be read or written: {error}.") from error


def now() -> str:
    """The moment of writing, in UTC."""
    return datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
