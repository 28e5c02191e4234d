"""Data that can't carry a prediction are refused in words; nothing is stored but the check itself."""

import json

import pytest

from tests.ml.conftest import Place

WINES = "select * exclude (cultivar, alcohol), cultivar, alcohol from wines"
OPEN = "bottle % 8 = 0"


def spoiled(prediction: str, select: str) -> str:
    return f"create or replace table feat_{prediction} as {select}"


@pytest.mark.parametrize(
    ("prediction", "select", "code", "message"),
    [
        ("cultivar", "select * exclude (cultivar) from wines", 2, "'target' names the column 'cultivar'"),
        ("cultivar", "select * exclude (bottle), bottle as botle from wines", 2, "Did you mean 'botle'?"),
        ("cultivar", "select * replace ('barolo' as cultivar) from wines", 1, "is 'barolo' in every closed row"),
        ("cultivar", "select * replace (null::varchar as cultivar) from wines", 1, "is null in every row"),
        ("cultivar", "select * replace (hue as cultivar) from wines", 1, "it looks like a quantity"),
        ("cultivar", "select * replace (bottle as cultivar) from wines", 1, "more than 100 values"),
        ("cultivar", "select * replace (date '2017-01-01' + bottle::int as cultivar) from wines", 1, "is a DATE"),
        ("alcohol", "select * replace (cultivar as alcohol) from wines", 1, "the target 'alcohol' is a category"),
        ("alcohol", "select * replace (1.5 as alcohol) from wines", 1, "nothing to learn"),
        (
            "alcohol",
            "from wines union all from wines where bottle = 7",
            1,
            "several rows for one bottle (such as bottle = 7)",
        ),
        ("alcohol", "select * replace (nullif(bottle, 7) as bottle) from wines", 1, "'bottle' is null in 1 rows"),
        ("alcohol", "from wines limit 30", 1, "only 30 closed rows; at least 50 are needed"),
        (
            "cultivar",
            "from wines where cultivar <> 'barolo' or bottle < 5",
            1,
            "only 4 closed rows have 'cultivar' = 'barolo'",
        ),
        ("alcohol", "select *, 1 / (bottle - 7)::double as gap from wines", 1, "'gap' is infinite in 1 rows"),
        ("alcohol", "select bottle, alcohol from wines", 1, "no column is left as a feature"),
    ],
)
def test_training_is_refused(prediction: str, select: str, code: int, message: str, cellar: Place) -> None:
    cellar.sql(spoiled(prediction, select))
    before = cellar.count("ml.runs")
    cellar.sql("delete from ml.checks")
    for command in ("check", "train"):
        result = cellar.martlet(command, "-s", prediction)
        assert result.exit_code == code, result.output
        assert message.lower() in result.stderr.lower().replace("\n", " ")
    assert cellar.count("ml.runs") == before
    verdicts = cellar.sql("select level from ml.checks where check_name = 'verdict'")["level"]
    assert verdicts.tolist() == (["error"] * 2 if code == 1 else [])


@pytest.mark.parametrize(
    ("prediction", "metric", "message"),
    [
        ("cultivar", "rocauc", "has no scorer 'rocauc'. Did you mean 'roc_auc'?"),
        ("cultivar", "roc_auc", "the scorer 'roc_auc' does not fit a classification of 3 classes"),
        ("alcohol", "neg_log_loss", "the scorer 'neg_log_loss' does not fit a regression"),
    ],
)
def test_a_metric_that_is_unknown_or_does_not_fit_is_refused(
    prediction: str, metric: str, message: str, cellar: Place
) -> None:
    declarations = cellar.directory / "models" / "cellar.yml"
    declarations.write_text(
        declarations.read_text().replace(
            f"target: {prediction}\n", f"target: {prediction}\n          metric: {metric}\n"
        )
    )
    result = cellar.martlet("run", "-s", prediction)
    assert result.exit_code == 1, result.output
    assert message.lower() in result.stderr.lower()


def test_a_feature_model_that_is_not_built_is_named(cellar: Place) -> None:
    cellar.sql("drop table feat_alcohol")
    result = cellar.martlet("train", "-s", "alcohol")
    assert result.exit_code == 2
    assert "feat_alcohol is not in the warehouse. Run `dbt build --select +feat_alcohol`" in result.stderr


def test_one_bad_prediction_does_not_stop_the_others(cellar: Place) -> None:
    cellar.sql(spoiled("alcohol", "select * replace (1.5 as alcohol) from wines"))
    result = cellar.martlet("train", "--trials", "1")
    assert result.exit_code == 1
    assert cellar.count("ml.runs where prediction = 'cultivar'") == 2


@pytest.mark.parametrize("marked", ["model", "upstream"])
def test_personal_data_never_become_features(marked: str, fresh_cellar: Place) -> None:
    folder, kind = ("models", "models") if marked == "model" else ("seeds", "seeds")
    node = "feat_alcohol" if marked == "model" else "wines"
    (fresh_cellar.directory / "seeds" / "wines.yml").unlink()
    declarations = fresh_cellar.directory / "models" / "cellar.yml"
    declarations.write_text(declarations.read_text().replace("  - name: feat_alcohol\n", "", 1))
    (fresh_cellar.directory / folder / "personal.yml").write_text(
        # Case does not count in SQL.
        f"{kind}:\n  - name: {node}\n    columns:\n      - {{name: Hue, config: {{meta: {{contains_pii: true}}}}}}\n"
    )
    result = fresh_cellar.martlet("run", "-s", "alcohol")
    assert result.exit_code == 0, result.output
    features = json.loads(fresh_cellar.sql("select features from ml.runs")["features"][0])
    assert "hue" not in features
    assert "ash" in features
    assert "'hue' holds personal data: it is no feature" in fresh_cellar.martlet("check", "-s", "alcohol").output


def test_a_feature_that_is_all_null_or_a_list_only_warns(cellar: Place) -> None:
    cellar.sql(spoiled("alcohol", "select *, null::double as sweetness, [hue] as hues from wines"))
    result = cellar.martlet("check", "-s", "alcohol")
    assert result.exit_code == 0, result.output
    assert "'sweetness' is null in every row" in result.output
    assert "'hues' is no feature: it is a DOUBLE[]" in result.output
    assert cellar.martlet("train", "-s", "alcohol", "--trials", "2").exit_code == 0


def test_a_text_of_very_many_levels_only_warns(cellar: Place) -> None:
    texts = "select number as bottle, number % 97 / 7.0 as hue, 'id' || hash(number) as note"
    cellar.sql(spoiled("alcohol", f"{texts}, number % 97 / 7.0 + 9 * random() as alcohol from range(12000) r(number)"))
    result = cellar.martlet("train", "-s", "alcohol", "--trials", "2")
    assert result.exit_code == 0, result.output
    message = cellar.sql("select message from ml.checks where feature = 'note' and level = 'warning'")["message"][0]
    assert "is a text of about" in message
    assert "note" in cellar.sql("select features from ml.runs order by finished_at desc limit 1")["features"][0]


def test_the_words_of_a_free_text_are_read_and_named_as_a_reason(cellar: Place) -> None:
    note = "'bottle ' || number || ' smells of ' || ['oak', 'plum', 'hay'][number % 3 + 1] || ' and of rain'"
    alcohol = "case when number < 1900 then 9 + 3 * (number % 3) + hash(number) % 10 / 2.0 end"
    columns = f"number as bottle, hash(number, 'hue') % 90 / 7.0 as hue, {note} as note, {alcohol} as alcohol"
    cellar.sql(spoiled("alcohol", f"select {columns} from range(2000) as r(number)"))
    result = cellar.martlet("train", "-s", "alcohol", "--trials", "4")
    assert result.exit_code == 0, result.output
    told = cellar.sql("select level, message from ml.checks where feature = 'note'")
    assert told["level"].tolist() == ["info"]
    assert "its words are read" in told["message"][0]
    assert cellar.martlet("score", "-s", "alcohol").exit_code == 0
    scored = cellar.sql("select bottle, prediction, reasons from ml.alcohol where bottle >= 1900")
    assert len(scored) == 100
    assert scored["prediction"].groupby(scored["bottle"] % 3).mean().round().tolist() == [11, 14, 17]
    assert scored["reasons"].str.contains("note").all()


LEAKY = (
    "select * replace (case when {open} then null else alcohol end as alcohol), "
    "alcohol + 0.001 * (bottle % 3) as strength from {wines}"
)


def test_a_leak_is_refused_and_put_on_record(cellar: Place) -> None:
    cellar.sql(spoiled("alcohol", LEAKY.format(open=OPEN, wines="wines")))
    before = cellar.count("ml.runs")
    for command in ("check", "train"):
        result = cellar.martlet(command, "-s", "alcohol")
        assert result.exit_code == 1, result.output
        assert "'strength' all but equals the target" in result.stderr.replace("\n", " ")
    assert "train with --force" in result.stderr.replace("\n", " ")
    assert cellar.count("ml.runs") == before
    found = cellar.sql("from ml.checks where level = 'error' and check_name = 'target copy'")
    assert found["feature"].tolist() == ["strength"] * 2
    assert (found["value"] > found["threshold"]).all()


def test_a_forced_run_says_so(cellar: Place) -> None:
    cellar.sql(spoiled("alcohol", LEAKY.format(open=OPEN, wines="wines")))
    result = cellar.martlet("train", "-s", "alcohol", "--trials", "1", "--force")
    assert result.exit_code == 0, result.output
    forced = cellar.sql("select is_forced from ml.runs where prediction = 'alcohol' order by finished_at")["is_forced"]
    assert forced.tolist() == [False, True]


def test_force_on_clean_data_is_no_forced_run(cellar: Place) -> None:
    assert cellar.martlet("train", "-s", "alcohol", "--trials", "1", "--force").exit_code == 0
    assert cellar.count("ml.runs where is_forced") == 0


def test_force_does_not_train_what_can_not_be_trained(cellar: Place) -> None:
    cellar.sql(spoiled("alcohol", "select * replace (1.5 as alcohol) from wines"))
    result = cellar.martlet("train", "-s", "alcohol", "--force")
    assert result.exit_code == 1
    assert "nothing to learn" in result.stderr
    assert "--force" not in result.stderr


def test_the_main_job_refuses_a_leak(cellar: Place) -> None:
    wines = "{{ ref('wines') }}"
    (cellar.directory / "models" / "feat_alcohol.sql").write_text(LEAKY.format(open=OPEN, wines=wines))
    result = cellar.martlet("run", "-s", "alcohol")
    assert result.exit_code == 1, result.output
    assert "'strength' all but equals the target" in result.stderr.replace("\n", " ")
    assert cellar.count("ml.runs where prediction = 'alcohol'") == 1


def test_a_check_leaves_its_verdict_its_findings_and_the_learning_curve(cellar: Place) -> None:
    cellar.sql("delete from ml.checks")
    result = cellar.martlet("check")
    assert result.exit_code == 0, result.output
    checks = cellar.sql("from ml.checks order by prediction, finding")
    assert checks.groupby("prediction")["check_id"].nunique().to_dict() == {"alcohol": 1, "cultivar": 1}
    assert (checks[checks["finding"] == 0]["check_name"] == "verdict").all()
    assert set(checks["level"]) == {"info"}, checks[checks["level"] != "info"]
    assert {"skill", "learning curve", "twice the data"} <= set(checks["check_name"])
    assert "Twice the 156 rows would add" in result.output.replace("\n", " ")


def test_a_table_of_an_earlier_version_gets_its_missing_columns(cellar: Place) -> None:
    cellar.sql("alter table ml.runs drop column is_forced")
    cellar.sql("drop table ml.checks")
    assert cellar.martlet("train", "-s", "alcohol", "--trials", "1").exit_code == 0
    runs = cellar.sql("select is_forced from ml.runs where prediction = 'alcohol' order by finished_at")["is_forced"]
    assert runs.isna().tolist() == [True, False]
    assert not runs.iloc[1]
