"""Made-up dbt projects whose names, types and foreign keys are as odd as a warehouse allows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import duckdb
import numpy as np
import yaml

from tests.ml.conftest import Place

T = TypeVar("T")
BEGIN, DAYS = "timestamp '2020-01-01'", 700
# Among them words of SQL, and names that queries of features use themselves.
TABLES = ("users", "Posts", "orderItems", "Order", "group", "events", "keyed", "now_", "Häuser", "stg_shop__visits")
TABLES += ("int_visits", "wanted", "population_x", "a", "features", "visits_events")
KEYS = ("Id", "id", "{}_id", "{}Id", "order")
COLUMNS = ("value", "Kind", "select", "Größe", "with space", "n", "at_", "key_1", "price %", "x'y", "as_of_", "rank")
COLUMNS += ("first_value", "value_1", "time", "Tags", "from", "level")
CLOCKS = ("CreationDate", "at", "Date", "when", "happened_at")
CLOCK_TYPES = ("TIMESTAMP", "DATE", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_S", "TIMESTAMP_NS")
# Types, and what a number of each row and column makes of them.
VALUES = {
    "INTEGER": "{h} % 200",
    "DOUBLE": "case {h} % 40 when 0 then 'nan' when 1 then 'infinity' else ({h} % 1000) / 7.0 end",
    "DECIMAL(12, 2)": "({h} % 10000) / 100",
    "BOOLEAN": "{h} % 2 = 0",
    "VARCHAR": "['it''s', '{{{{ x }}}}', '', ' ', 'A', 'a', '1', '100%'][(1 + {h} % 8)::integer]",
    "TEXT": "repeat('w ', ({h} % 30)::integer) || {h}",
    "DATE": "date '2019-01-01' + ({h} % 700)::integer",
    "INTEGER[]": "[1, 2]",
    "STRUCT(a INTEGER)": "{{'a': 1}}",
    "JSON": "'{{\"a\": 1}}'",
    "BLOB": "'x'",
    "TIME": "time '01:02:03'",
    "HUGEINT": "({h} % 9) * 100000000000000000000",
    "UUID": "md5(({h})::varchar)",
    "ENUM('x', 'y', 'z')": "['x', 'y', 'z'][(1 + {h} % 3)::integer]",
    "INTERVAL": "interval 1 day",
    "FLOAT": "null",
}
TARGETS = {
    "BOOLEAN": "{h} % 2 = 0",
    "DOUBLE": "({h} % 100) / 10.0",
    "VARCHAR": "['a', 'b', 'c'][(1 + {h} % 3)::integer]",
}


@dataclass(frozen=True)
class OddTable:
    """A table with its primary key, and its clock if it has one."""

    name: str
    key: str
    key_type: str
    rows: int
    clock: str | None
    clock_type: str
    is_source: bool

    @property
    def reference(self) -> str:
        """As dbt names it."""
        return f"source('raw', '{self.name}')" if self.is_source else f"ref('{self.name}')"


class OddProject:
    """A project whose tables are in the warehouse, and whose population is `pop_odd`."""

    def __init__(self, seed: int, directory: Path) -> None:
        self.random = np.random.default_rng(seed)
        self.seed, self.directory = seed, directory
        self.place = Place(directory, directory / "odd.duckdb", directory / "target")
        self.tables = [self._table(name) for name in self._some(TABLES, 2, 6)]
        self.as_of_type = self._one(CLOCK_TYPES[:3])
        self._write()

    def cut(self, moment: str) -> None:
        """Delete what happens from a moment on: events, rows of the population, and outcomes not known by then."""
        with self._opened() as database:
            database.execute(f"delete from pop_odd where cast(as_of as timestamp) > {moment}")
            known = "cast(as_of as timestamp) + interval 28 day"
            database.execute(f"update pop_odd set target = null where {known} > {moment}")
            for table in self.tables:
                if table.clock:
                    is_coarser = table.clock_type == "DATE" and self.as_of_type != "DATE"
                    end = "interval 1 day - interval 1 microsecond" if is_coarser else "interval 0 day"
                    happened = f"cast({_quoted(table.clock)} as timestamp) + {end}"
                    database.execute(f"delete from {_quoted(table.name)} where {happened} >= {moment}")

    def _one(self, values: Sequence[T]) -> T:
        return values[int(self.random.integers(len(values)))]

    def _some(self, values: Sequence[T], least: int, most: int) -> list[T]:
        """Some of the values, none twice."""
        places = self.random.permutation(len(values))[: int(self.random.integers(least, most + 1))]
        return [values[int(place)] for place in places]

    def _table(self, name: str) -> OddTable:
        return OddTable(
            name,
            key=self._one(KEYS).format(name.lower()),
            key_type=self._one(("BIGINT", "INTEGER", "VARCHAR")),
            rows=self._one((30, 100, 300)),
            clock=self._one((*CLOCKS, None)),
            clock_type=self._one(CLOCK_TYPES),
            is_source=self._one((True, False)),
        )

    def _write(self) -> None:
        (self.directory / "models").mkdir(parents=True)
        with self._opened() as database:
            told = {table: self._fill(table, database) for table in self.tables}
            models = [one for table, one in told.items() if not table.is_source] + [self._populate(database)]
        sources = [one for table, one in told.items() if table.is_source]
        files = {
            "dbt_project.yml": {
                "name": "odd",
                "version": "1.0.0",
                "profile": "odd",
                "flags": {"send_anonymous_usage_stats": False},
            },
            "profiles.yml": {"odd": {"target": "dev", "outputs": {"dev": {"type": "duckdb", "path": "odd.duckdb"}}}},
            "models/odd.yml": {"models": models, "sources": [{"name": "raw", "schema": "main", "tables": sources}]},
        }
        for path, content in files.items():
            (self.directory / path).write_text(yaml.safe_dump(content, allow_unicode=True))
        for model in models:
            (self.directory / "models" / f"{model['name']}.sql").write_text("select 1 as never_run")

    def _fill(self, table: OddTable, database: duckdb.DuckDBPyConnection) -> dict[str, object]:
        """Make a table, and tell what dbt is told of it."""
        columns = {table.key: f"i::{table.key_type}"}
        if table.clock:
            columns[table.clock] = f"({BEGIN} + to_seconds(({{h}} % {DAYS * 86_400})::bigint))::{table.clock_type}"
        told: list[dict[str, object]] = [{"name": table.key, "data_tests": ["unique"]}]
        number = self._one(("{h}", "{group}"))  # of a group, one key nearly tells the others
        parents = self._some(self.tables, 0, 3)
        for parent in [*parents, *parents[: self._one((0, 0, 1))]]:  # some tables link rows of one kind
            name = self._free(columns, (f"{parent.name}Id", "ParentId", "owner", parent.key))
            of_type = self._one((parent.key_type, parent.key_type, "VARCHAR"))
            columns[name] = f"({number} % {parent.rows + 5})::{of_type}"  # some lead nowhere
            is_constraint = not table.is_source and self._one((True, False))
            told.append({"name": name, **(_constraint(parent) if is_constraint else _relation(parent))})
        for _ in range(int(self.random.integers(7))):
            name, of_type = self._free(columns, COLUMNS), self._one(list(VALUES))
            columns[name] = f"({VALUES[of_type]})::{of_type}"
            told.append({"name": name, "description": "It's {% raw %}{{ odd }}{% endraw %}: 100 %."})
        self._create(table.name, columns, table.rows, database)
        return {"name": table.name, "config": {"event_time": table.clock} if table.clock else {}, "columns": told}

    def _populate(self, database: duckdb.DuckDBPyConnection) -> dict[str, object]:
        entities = self._some(self.tables, 1, 2)
        columns = {f"{table.name}_key": f"({{h}} % {table.rows})::{table.key_type}" for table in entities}
        keys = list(columns)
        columns["as_of"] = f"({BEGIN} + to_days(7 * (1 + {{h}} % 99)::integer))::{self.as_of_type}"
        of_type = self._one(list(TARGETS))
        columns |= {"target": f"({TARGETS[of_type]})::{of_type}", "Extra col": VALUES["VARCHAR"]}
        self._create("pop_odd", columns, 500, database)
        named = ", ".join(map(_quoted, [*keys, "as_of"]))
        database.execute(f"create or replace table pop_odd as select distinct on ({named}) * from pop_odd")
        task = "regression" if of_type == "DOUBLE" else "classification"
        meta = {"target": "target", "task": task, "entity": keys, "as_of": "as_of", "horizon": "28 days"}
        told = [{"name": key, **_relation(table)} for key, table in zip(keys, entities, strict=True)]
        return {"name": "pop_odd", "config": {"meta": {"martlet": meta}}, "columns": told}

    def _create(self, name: str, columns: dict[str, str], rows: int, database: duckdb.DuckDBPyConnection) -> None:
        """Make a table; a twentieth of all values is missing, but none of a primary key and of the population."""
        read = []
        for place, (column, sql) in enumerate(columns.items()):
            number, group = (f"(hash({one}, '{self.seed} {name} {place}') >> 8)" for one in ("i", "i % 9"))
            value = sql.format(h=number, group=group)
            if place and name != "pop_odd":
                value = f"case when {number} % 21 > 0 then {value} end"
            read.append(f"{value} as {_quoted(column)}")
        database.execute(f"create table {_quoted(name)} as select {', '.join(read)} from range({rows}) as rows (i)")

    def _free(self, columns: dict[str, str], names: tuple[str, ...]) -> str:
        name = self._one(names)
        while name.lower() in {column.lower() for column in columns}:
            name += "_"
        return name

    def _opened(self) -> duckdb.DuckDBPyConnection:
        database = duckdb.connect(str(self.place.warehouse))
        database.execute("set timezone = 'UTC'")
        return database


def _relation(parent: OddTable) -> dict[str, object]:
    return {"data_tests": [{"relationships": {"arguments": {"to": parent.reference, "field": parent.key}}}]}


def _constraint(parent: OddTable) -> dict[str, object]:
    return {"constraints": [{"type": "foreign_key", "to": parent.reference, "to_columns": [parent.key]}]}


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
