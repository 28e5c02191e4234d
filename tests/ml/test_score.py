"""Scoring: only what waits, all or nothing, and never with features other than those learned."""

import json

import pytest

from tests.ml.conftest import Place


def test_only_open_rows_without_a_prediction_are_scored(cellar: Place) -> None:
    assert cellar.martlet("score").exit_code == 0
    assert cellar.count("ml.cultivar") == 22, "nothing was waiting"
    cellar.sql("update feat_cultivar set cultivar = null where bottle in (1, 2, 3)")
    result = cellar.martlet("score", "-s", "cultivar")
    assert result.exit_code == 0, result.output
    assert cellar.count("ml.cultivar") == 25
    batch = cellar.sql("from ml.score_batches order by scored_at desc limit 1").iloc[0]
    assert (batch["rows"], bool(batch["is_rescore"])) == (3, False)


def test_rescore_appends_and_keeps_what_was_said(cellar: Place) -> None:
    assert cellar.martlet("score", "-s", "cultivar", "--rescore").exit_code == 0
    twice = cellar.sql(
        "select bottle, count(distinct prediction) as said, count(distinct scored_at) as times "
        "from ml.cultivar group by 1"
    )
    assert len(twice) == 22
    assert (twice["times"] == 2).all()
    assert (twice["said"] == 1).all(), "the same champion says the same of the same row"


@pytest.mark.parametrize(("asked", "named"), [(0, None), (2, 3)])  # the rest together is one more
def test_as_many_reasons_are_stored_as_are_declared(asked: int, named: int | None, cellar: Place) -> None:
    cellar.declare("alcohol", f"reasons: {asked}")
    assert cellar.martlet("score", "-s", "alcohol", "--rescore").exit_code == 0
    latest = "from ml.alcohol where scored_at = (select max(scored_at) from ml.alcohol)"
    stored = cellar.sql(f"select json_array_length(reasons) as named, count(*) as rows {latest} group by 1")
    assert stored.astype(object).where(stored.notna(), None).to_dict("records") == [{"named": named, "rows": 22}]


def test_one_row_alone_is_scored_as_among_others(cellar: Place) -> None:
    before = cellar.sql("select prediction, reasons from ml.alcohol where bottle = 8").iloc[0]
    cellar.sql("delete from ml.alcohol where bottle = 8")
    assert cellar.martlet("score", "-s", "alcohol").exit_code == 0
    after = cellar.sql("select prediction, reasons from ml.alcohol where bottle = 8").iloc[0]
    assert after["prediction"] == pytest.approx(before["prediction"], abs=1e-12)
    assert json.loads(after["reasons"])[0]["feature"] == json.loads(before["reasons"])[0]["feature"]


def test_keys_keep_their_names_and_types(cellar: Place) -> None:
    types = cellar.sql("select column_name, data_type from information_schema.columns where table_name = 'alcohol'")
    assert dict(zip(types["column_name"], types["data_type"], strict=True)) == {
        "bottle": "INTEGER",
        "prediction": "DOUBLE",
        "lower": "DOUBLE",
        "upper": "DOUBLE",
        "reasons": "VARCHAR",
        "run_id": "VARCHAR",
        "scored_at": "TIMESTAMP",
    }


@pytest.mark.parametrize(
    ("select", "message"),
    [
        ("select * exclude (hue) from feat_alcohol", "'hue' vanished"),
        ("select *, 1 as age from feat_alcohol", "'age' appeared"),
        ("select * replace (hue::varchar as hue) from feat_alcohol", "'hue' changed from number to category"),
    ],
)
def test_features_other_than_those_learned_are_refused(select: str, message: str, cellar: Place) -> None:
    cellar.sql(f"create or replace table feat_alcohol as {select}")
    cellar.sql("delete from ml.alcohol")
    result = cellar.martlet("score", "-s", "alcohol")
    assert result.exit_code == 1
    assert message in result.stderr
    assert "martlet train --select alcohol" in result.stderr
    assert cellar.count("ml.alcohol") == 0


def test_without_a_champion_there_is_a_remedy(cellar: Place) -> None:
    cellar.sql("delete from ml.promotions")
    result = cellar.martlet("score")
    assert result.exit_code == 1
    assert "has no champion" in result.stderr


def test_an_altered_or_missing_pipeline_is_never_loaded(cellar: Place) -> None:
    pipelines = sorted((cellar.directory / "warehouse" / "pipelines").iterdir())
    for pipeline in pipelines:
        pipeline.write_bytes(pipeline.read_bytes() + b"x")
    result = cellar.martlet("score", "--rescore")
    assert result.exit_code == 1
    assert "was altered" in result.stderr
    for pipeline in pipelines:
        pipeline.unlink()
    assert "is missing" in cellar.martlet("score", "--rescore").stderr
    assert cellar.count("ml.cultivar") == 22


def test_several_open_rows_of_one_entity_are_refused(cellar: Place) -> None:
    cellar.sql("insert into feat_alcohol from feat_alcohol where bottle = 8")
    result = cellar.martlet("score", "-s", "alcohol", "--rescore")
    assert result.exit_code == 1
    assert "several open rows for bottle = 8" in result.stderr
