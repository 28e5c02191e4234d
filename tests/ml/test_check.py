"""Data that can't carry a prediction are refused in words, and the warehouse stays as it was."""

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
        ("alcohol", "select *, [hue] as hues from wines", 1, "'hues' is of a type that can't be a feature"),
        ("alcohol", "select bottle, alcohol from wines", 1, "no column is left as a feature"),
        (
            "alcohol",
            "select number as bottle, number % 9 / 7.0 as alcohol, 'id' || number as note from range(100000) r(number)",
            1,
            "the text column 'note' has about",
        ),
    ],
)
def test_training_is_refused(prediction: str, select: str, code: int, message: str, cellar: Place) -> None:
    cellar.sql(spoiled(prediction, select))
    before = cellar.warehouse.read_bytes()
    for command in ("check", "train"):
        result = cellar.martlet(command, "-s", prediction)
        assert result.exit_code == code, result.output
        assert message.lower() in result.stderr.lower().replace("\n", " ")
    assert cellar.warehouse.read_bytes() == before


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
        f"{kind}:\n  - name: {node}\n    columns:\n      - {{name: hue, config: {{meta: {{contains_pii: true}}}}}}\n"
    )
    result = fresh_cellar.martlet("run", "-s", "alcohol")
    assert result.exit_code == 0, result.output
    features = json.loads(fresh_cellar.sql("select features from ml.runs")["features"][0])
    assert "hue" not in features
    assert "ash" in features
    assert "'hue' holds personal data: it is no feature" in fresh_cellar.martlet("check", "-s", "alcohol").output


def test_an_all_null_feature_only_warns(cellar: Place) -> None:
    cellar.sql(spoiled("alcohol", "select *, null::double as sweetness from wines"))
    result = cellar.martlet("check", "-s", "alcohol")
    assert result.exit_code == 0, result.output
    assert "'sweetness' is null in every row" in result.output
    assert cellar.martlet("train", "-s", "alcohol", "--trials", "2").exit_code == 0
