"""The warehouse protocol on its engine."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from ml.errors import WarehouseError, WarehouseMissingError
from ml.project import Options, open_project
from ml.warehouse import Warehouse, open_warehouse
from ml.warehouse.duck import open_duckdb
from tests.ml.conftest import Place


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    path = tmp_path / "test.duckdb"
    duckdb.connect(str(path)).close()
    opened = open_duckdb({"path": "test.duckdb", "settings": {"threads": 1}}, tmp_path, wait=0, read_only=False)
    yield opened
    opened.close()


def test_columns_have_the_kinds_that_features_have(warehouse: Warehouse) -> None:
    warehouse.create_table(
        "s",
        "kinds",
        {
            "whole": "bigint",
            "money": "decimal(12,2)",
            "huge": "hugeint",
            "real": "float",
            "yes": "boolean",
            "word": "varchar",
            "one_of": "enum('a', 'b')",
            "day": "date",
            "moment": "timestamp with time zone",
            "precise": "timestamp_ns",
            "list": "integer[]",
            "pair": "struct(a integer)",
            "bytes": "blob",
        },
    )
    kinds = {name: column.kind for name, column in warehouse.columns("s.kinds").items()}
    assert kinds == {
        **dict.fromkeys(["whole", "money", "huge", "real"], "number"),
        "yes": "boolean",
        **dict.fromkeys(["word", "one_of"], "category"),
        **dict.fromkeys(["day", "moment", "precise"], "date"),
        **dict.fromkeys(["list", "pair", "bytes"], "other"),
    }
    assert warehouse.columns("s.nothing") == {}


def test_a_transaction_is_all_or_nothing(warehouse: Warehouse) -> None:
    warehouse.create_table("s", "t", {"a": "bigint", "b": "varchar"})
    table = warehouse.table("s", "t")

    def write_and_fail() -> None:
        with warehouse.transaction():
            warehouse.append(table, pd.DataFrame({"a": [1]}))
            warehouse.append(table, pd.DataFrame({"no_such_column": [1]}))

    with pytest.raises(WarehouseError, match="no_such_column"):
        write_and_fail()
    assert warehouse.query(f"select * from {table}").empty
    with warehouse.transaction():
        warehouse.append(table, pd.DataFrame({"b": ["x"], "a": [1]}))
    assert warehouse.query(f"select * from {table}").to_dict("records") == [{"a": 1, "b": "x"}]


def test_batches_are_bounded_and_complete(warehouse: Warehouse) -> None:
    frames = list(warehouse.batches("select range as number from range(10000)", 3000))
    assert max(map(len, frames)) <= 3000
    assert sorted(pd.concat(frames)["number"]) == list(range(10000))


def test_what_has_been_read_is_let_go_and_can_be_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with duckdb.connect(str(tmp_path / "test.duckdb")) as database:
        database.execute("create table much as select random() as number from range(2000000)")
    monkeypatch.setattr("ml.warehouse.duck.LEAST_MEMORY", "2MB")
    warehouse = open_duckdb({"path": "test.duckdb", "settings": {"threads": 1}}, tmp_path, wait=0, read_only=True)
    held = "select sum(memory_usage_bytes) as bytes, current_setting('memory_limit') as most from duckdb_memory()"
    first = warehouse.query("select sum(number) as total from much")
    before = warehouse.query(held)
    warehouse.let_go()
    after = warehouse.query(held)
    assert before["bytes"][0] > 10_000_000
    assert after["bytes"][0] < 2_000_000
    assert after["most"][0] == before["most"][0]
    assert warehouse.query("select sum(number) as total from much").equals(first)
    warehouse.close()


def test_a_fingerprint_follows_rows_not_their_order(warehouse: Warehouse) -> None:
    some = "(select range as a from range(5))"
    assert warehouse.fingerprint(some) == warehouse.fingerprint("(select 4 - range as a from range(5))")
    assert warehouse.fingerprint(some) != warehouse.fingerprint("(select range as a from range(6))")


def test_sources_are_read_from_tables_or_external_locations(warehouse: Warehouse, tmp_path: Path) -> None:
    (tmp_path / "wines.csv").write_text("a\n1\n")
    table = {"relation_name": '"d"."s"."t"', "name": "t"}
    located = {"name": "wines", "config": {"meta": {"external_location": "read_csv('{name}.csv')"}}}
    plain = {"name": "wines", "meta": {"external_location": "{name}.csv"}}
    assert warehouse.source(table) == '"d"."s"."t"'
    assert warehouse.source(located) == "read_csv('wines.csv')"
    assert warehouse.source(plain) == "'wines.csv'"
    assert warehouse.query(f"select * from {warehouse.source(plain)}")["a"].tolist() == [1]
    before = warehouse.source_state([located, plain])
    assert before is not None
    (tmp_path / "wines.csv").write_text("a\n1\n2\n")
    assert warehouse.source_state([located, plain]) != before
    assert warehouse.source_state([located, table]) is None, "only files can be seen to be unchanged"


def test_a_profile_describes_a_column(warehouse: Warehouse) -> None:
    warehouse.create_table("s", "t", {"a": "double", "b": "varchar"})
    rows = pd.DataFrame({"a": [1.0, 2.0, 3.0, None], "b": ["x", "y", "x", None]})
    warehouse.append("s.t", rows)
    columns = warehouse.columns("s.t")
    found = warehouse.profile("s.t", columns["a"])
    assert (found["rows"], found["nulls"], found["distinct_values"]) == (4, 1, 3)
    assert (found["min_value"], found["max_value"]) == ("1.0", "3.0")
    assert found["quantiles"]["q50"] == 2.0  # type: ignore[index]
    assert warehouse.profile("s.t", columns["b"])["top_values"] == [("x", 2), ("y", 1)]


def test_what_can_not_be_opened_is_named(tmp_path: Path, fresh_cellar: Place) -> None:
    with pytest.raises(WarehouseMissingError, match="no warehouse at .*/none.duckdb"):
        open_duckdb({"path": "none.duckdb"}, tmp_path, wait=0, read_only=False)
    with pytest.raises(WarehouseError, match="in memory"):
        open_duckdb({}, tmp_path, wait=0, read_only=False)
    (tmp_path / "text.duckdb").write_text("no database at all, only a text that is long enough to be read as one")
    with pytest.raises(WarehouseError, match="can't be opened"):
        open_duckdb({"path": "text.duckdb"}, tmp_path, wait=0, read_only=False)
    project = open_project(Options(project_dir=str(fresh_cellar.directory)))
    with pytest.raises(WarehouseError, match="type 'duckdbb' is not supported. Did you mean 'duckdb'"):
        open_warehouse(replace(project, connection={"type": "duckdbb"}))
