"""Snapshots: complete, read-only, moved in one step, and never taken from a reader that has one open."""

import stat
from pathlib import Path

import duckdb

from tests.ml.conftest import Place


def link(place: Place) -> Path:
    return place.directory / "published" / "cellar.duckdb"


def test_a_snapshot_holds_the_predictions_and_is_read_only(cellar: Place) -> None:
    target = link(cellar).resolve()
    assert stat.S_IMODE(target.stat().st_mode) == 0o444
    with duckdb.connect(str(link(cellar)), read_only=True) as reader:
        assert reader.execute("select count(*) from ml.cultivar").fetchall() == [(22,)]


def test_a_reader_keeps_its_snapshot_and_the_next_one_gets_the_new(cellar: Place) -> None:
    with duckdb.connect(str(link(cellar)), read_only=True) as reader:
        assert cellar.martlet("score", "-s", "cultivar", "--rescore").exit_code == 0
        assert cellar.martlet("publish").exit_code == 0
        assert reader.execute("select count(*) from ml.cultivar").fetchall() == [(22,)]
        with duckdb.connect(str(link(cellar)), read_only=True) as later:
            assert later.execute("select count(*) from ml.cultivar").fetchall() == [(44,)]


def test_the_newest_three_are_kept_and_leftovers_removed(cellar: Place) -> None:
    leftover = link(cellar).with_name("cellar-20260101T000000-abcdef.draft")
    leftover.write_bytes(b"of a publish that was killed")
    for _ in range(4):
        assert cellar.martlet("publish").exit_code == 0
    files = sorted(file for file in link(cellar).parent.iterdir() if not file.is_symlink())
    snapshots = [file for file in files if file.suffix == ".duckdb"]
    assert len(snapshots) == 3
    assert [file.with_suffix(".lookups") for file in snapshots] == sorted(set(files) - set(snapshots))
    assert link(cellar).resolve() == snapshots[-1].resolve()
    assert not leftover.exists()


def test_with_nothing_built_there_is_a_remedy(cellar: Place) -> None:
    cellar.sql("drop schema ml cascade")
    before = link(cellar).resolve()
    result = cellar.martlet("publish")
    assert result.exit_code == 2
    assert "Run `dbt build` first" in result.stderr
    assert link(cellar).resolve() == before
