"""Publishes into PostgreSQL: everything into new schemas beside the live ones, then one transaction swaps them.

Readers see the old tables or the new ones, never half of either, and block nothing.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ml.errors import PublishError
from ml.publishing.tables import PUBLISHED_AT, PublicTable, readable
from ml.warehouse import Column, Warehouse
from ml.warehouse.ansi import literal, quoted

if TYPE_CHECKING:
    import psycopg

MARK = "Published by Martlet; replaced as a whole by the next publish."
READER = "martlet_reader"
READER_SETTINGS = {"default_transaction_read_only": "on", "statement_timeout": "60s"}
LOCK = 6277853  # the advisory lock of a publisher: there is one at a time
LOCK_SECONDS = 10  # that the swap or the removal of old tables waits for a reader
SWAP_TRIES = 10  # of a swap that no statement of a reader spans
BATCH_ROWS = 100_000
# Types of the engines as PostgreSQL names them; what is not listed goes as text.
TYPES = {
    "BOOLEAN": "boolean",
    "TINYINT": "smallint",
    "SMALLINT": "smallint",
    "UTINYINT": "smallint",
    "INT": "integer",
    "INTEGER": "integer",
    "USMALLINT": "integer",
    "BIGINT": "bigint",
    "UINTEGER": "bigint",
    "UBIGINT": "numeric",
    "HUGEINT": "numeric",
    "UHUGEINT": "numeric",
    "FLOAT": "real",
    "DOUBLE": "double precision",
    "DATE": "date",
    "TIME": "time",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
    "UUID": "uuid",
}


@dataclass(frozen=True)
class PostgresPublished:
    """What was published, and what was left undone without harm."""

    tables: int
    rows: int
    notes: tuple[str, ...]

    @property
    def summary(self) -> str:
        """As a person would say it."""
        return "; ".join((f"{self.tables} tables, {self.rows} rows in PostgreSQL", *self.notes))


def publish_postgres(
    tables: list[PublicTable], warehouse: Warehouse, url: str, published_at: datetime
) -> PostgresPublished:
    """Publish tables into the PostgreSQL database of a URL, each under the schema that it has in the warehouse.

    Raises:
        PublishError: the database can't be reached or refuses, a schema there is somebody else's, or another publish is
            under way. What readers see stays as it was.
    """
    try:
        import psycopg
    except ImportError as error:
        raise PublishError("To publish into PostgreSQL, install `martlet[postgres]`.") from error
    try:
        with psycopg.connect(url, autocommit=True, application_name="martlet publish") as connection:
            return _Publication(connection, warehouse, published_at).publish(tables)
    except psycopg.Error as error:
        raise PublishError(f"PostgreSQL: {str(error).strip()}. What readers see there is as it was.") from error


class _Publication:
    """One publish over one connection."""

    def __init__(self, connection: "psycopg.Connection[Any]", warehouse: Warehouse, published_at: datetime) -> None:
        self._connection, self._warehouse, self._published_at = connection, warehouse, published_at

    def publish(self, tables: list[PublicTable]) -> PostgresPublished:
        schemas = sorted({table.schema for table in tables})
        if not self._value("select pg_try_advisory_lock(%s)", LOCK):
            raise PublishError("Another publish into this PostgreSQL database is under way: let it end, try again.")
        for schema in schemas:
            self._refuse_foreign(schema)
        notes = self._make_reader()
        for schema in schemas:
            self._do(f"drop schema if exists {quoted(_draft(schema))} cascade")
            self._do(f"create schema {quoted(_draft(schema))}")
            self._do(f"comment on schema {quoted(_draft(schema))} is {literal(MARK)}")
        rows = sum(self._fill(table) for table in tables)
        if not notes:
            for schema in schemas:
                self._do(f"grant usage on schema {quoted(_draft(schema))} to {READER}")
                self._do(f"grant select on all tables in schema {quoted(_draft(schema))} to {READER}")
        self._swap(schemas)
        notes += self._drop_old()
        return PostgresPublished(len(tables), rows, tuple(notes))

    def _refuse_foreign(self, schema: str) -> None:
        found = self._connection.execute(
            "select obj_description(oid, 'pg_namespace') from pg_namespace where nspname = %s", [schema]
        ).fetchone()
        if found is not None and found[0] != MARK:
            raise PublishError(
                f"The schema '{schema}' of this PostgreSQL database was not made by Martlet. Publish into a database "
                "of its own, or drop the schema."
            )

    def _make_reader(self) -> list[str]:
        """A role that may only read, with a time limit; without the right to make one, readers keep their own."""
        if not self._value("select count(*) from pg_roles where rolname = %s", READER):
            if not self._value("select rolcreaterole or rolsuper from pg_roles where rolname = current_user"):
                return [f"no role {READER}: this user may not create roles"]
            self._do(f"create role {READER} login")
            for setting, value in READER_SETTINGS.items():
                self._do(f"alter role {READER} set {setting} = {literal(value)}")
        return []

    def _fill(self, table: PublicTable) -> int:
        place = f"{quoted(_draft(table.schema))}.{quoted(table.name)}"
        typed = {name: _type(column) for name, column in table.columns.items()} | {PUBLISHED_AT: "timestamp"}
        self._do(f"create table {place} ({', '.join(f'{quoted(name)} {type_}' for name, type_ in typed.items())})")
        rows = self._copy(table, place)
        if table.key:
            self._do(f"alter table {place} add primary key ({', '.join(map(quoted, table.key))})")
        for column in table.indexes:
            self._do(f"create index on {place} ({quoted(column)})")
        self._do(f"comment on table {place} is {literal(table.description)}")
        for column, description in table.column_descriptions.items():
            self._do(f"comment on column {place}.{quoted(column)} is {literal(description)}")
        self._do(f"analyze {place}")
        return rows

    def _copy(self, table: PublicTable, place: str) -> int:
        import pyarrow as pa
        import pyarrow.csv

        sql, rows = readable(table, self._warehouse, self._published_at, lambda column: _type(column) == "text"), 0
        options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="all_valid")  # null alone is unquoted
        with self._connection.cursor() as cursor, cursor.copy(f"copy {place} from stdin (format csv)") as copy:
            for batch in self._warehouse.arrow_batches(sql, BATCH_ROWS):
                sink = pa.BufferOutputStream()
                pyarrow.csv.write_csv(batch, sink, options)
                copy.write(sink.getvalue().to_pybytes())
                rows += batch.num_rows
        return rows

    def _swap(self, schemas: list[str]) -> None:
        """All schemas in one transaction, between the statements of readers if they leave a gap.

        PostgreSQL looks up a statement's tables one by one, so one that begins just now could read tables of both
        publishes. Who reads in a long transaction keeps none waiting: after some tries the swap goes without locks.
        """
        import psycopg

        for _ in range(SWAP_TRIES):
            try:
                self._rename(schemas, "200ms", are_locked=True)  # before a second has passed, when deadlocks are ended
            except psycopg.errors.LockNotAvailable:
                continue
            return
        self._rename(schemas, f"{LOCK_SECONDS}s", are_locked=False)

    def _rename(self, schemas: list[str], patience: str, *, are_locked: bool) -> None:
        stamp = f"{self._published_at:%Y%m%d%H%M%S%f}"
        with self._connection.transaction():
            self._do(f"set local lock_timeout = '{patience}'")
            held = self._tables(schemas) if are_locked else []
            if held:
                self._do(f"lock table {', '.join(held)} in access exclusive mode")
            for schema in schemas:
                if self._value("select count(*) from pg_namespace where nspname = %s", schema):
                    self._do(f"alter schema {quoted(schema)} rename to {quoted(f'{schema}__old_{stamp}')}")
                self._do(f"alter schema {quoted(_draft(schema))} rename to {quoted(schema)}")

    def _tables(self, schemas: list[str]) -> list[str]:
        """The tables that readers see now."""
        found = self._connection.execute(
            "select schemaname, tablename from pg_tables where schemaname = any(%s) order by 1, 2", [schemas]
        ).fetchall()
        return [f"{quoted(schema)}.{quoted(table)}" for schema, table in found]

    def _drop_old(self) -> list[str]:
        """Old schemas, of this publish and of those before; one that a reader still uses is left for the next time."""
        import psycopg

        old = self._connection.execute(
            "select nspname from pg_namespace where nspname ~ '__old_[0-9]{20}$' "
            "and obj_description(oid, 'pg_namespace') = %s order by nspname",
            [MARK],
        ).fetchall()
        left = []
        for (schema,) in old:
            try:
                with self._connection.transaction():
                    self._do("set local lock_timeout = '1s'")
                    self._do(f"drop schema {quoted(schema)} cascade")
            except psycopg.errors.LockNotAvailable:
                left.append(schema)
        return [f"{len(left)} old schema(s) are still read; the next publish drops them"] if left else []

    def _do(self, statement: str) -> None:
        self._connection.execute(statement.encode())

    def _value(self, query: str, *parameters: object) -> Any:  # noqa: ANN401 -- of one cell
        found = self._connection.execute(query.encode(), parameters or None).fetchone()
        return found[0] if found else None


def _type(column: Column) -> str:
    name = column.type.upper()
    decimal = re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", name)
    if decimal:
        return f"numeric({decimal[1]}, {decimal[2]})"
    return TYPES.get(name, "text")


def _draft(schema: str) -> str:
    return f"{schema}__new"
