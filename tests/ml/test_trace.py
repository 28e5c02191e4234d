"""From a stored prediction back to what it was made from, and from the sources forward to the boards."""

import json
import re

from tests.ml.conftest import Place


def test_a_stored_prediction_leads_back_to_run_code_data_and_decision(cellar: Place) -> None:
    result = cellar.martlet("trace", "alcohol", "8", "--log-format", "json")
    assert result.exit_code == 0, result.output
    table = next(event for line in result.stdout.splitlines() if (event := json.loads(line)).get("event") == "table")
    told = {row["what"]: row["which"] for row in table["rows"]}
    run = cellar.sql(f"select * from ml.runs where run_id = '{cellar.last_run('alcohol')}'").iloc[0]
    for name in ("run_id", "estimator", "data_fingerprint", "feature_code_sha256", "pipeline_sha256", "feature_model"):
        assert told[name] == run[name], name
    assert re.fullmatch("[0-9a-f]{64}", told["feature_code_sha256"])
    assert told["decision"].startswith("promoted by martlet at ")
    assert told["decision"].endswith("first good run")
    stored = cellar.sql("select prediction from ml.alcohol where bottle = 8")["prediction"][0]
    assert float(told["prediction"]) == stored


def test_the_hash_of_the_feature_code_follows_what_the_model_is_made_from(cellar: Place) -> None:
    seed = cellar.directory / "seeds" / "wines.csv"
    before = cellar.sql("select feature_code_sha256 as sha from ml.runs where prediction = 'alcohol'")["sha"][0]
    lines = seed.read_text().splitlines()
    seed.write_text("\n".join([*lines[:-1], lines[-1].replace("1", "2", 1)]) + "\n")
    assert cellar.martlet("run", "-s", "alcohol").exit_code == 0
    assert cellar.martlet("train", "-s", "alcohol").exit_code == 0
    after = cellar.sql(f"select feature_code_sha256 as sha from ml.runs where run_id = '{cellar.last_run('alcohol')}'")
    assert after["sha"][0] != before


def test_what_is_not_stored_is_refused_with_what_is_asked_for(cellar: Place) -> None:
    missing = cellar.martlet("trace", "alcohol", "9999")
    assert (missing.exit_code, "No prediction of alcohol is stored for 9999" in missing.stderr) == (1, True)
    many = cellar.martlet("trace", "alcohol", "8", "9")
    assert (many.exit_code, "is about bottle: give 1 value(s), not 2" in many.stderr) == (1, True)
    wrong = cellar.martlet("trace", "alcohl", "8")
    assert (wrong.exit_code, "Did you mean 'alcohol'?" in wrong.stderr) == (2, True)


def test_the_lineage_goes_from_seeds_over_run_and_prediction(cellar: Place) -> None:
    result = cellar.martlet("lineage")
    assert result.exit_code == 0, result.output
    places = {place["name"]: place for place in json.loads((cellar.target / "lineage.json").read_text())}
    assert places["ml.alcohol"]["reads"] == [cellar.last_run("alcohol")]
    assert places[cellar.last_run("alcohol")]["reads"] == ["feat_alcohol"]
    assert places["feat_alcohol"]["reads"] == ["wines"]
    assert places["wines"]["layer"] == "seed"
    page = (cellar.target / "lineage.html").read_text()
    assert page.count('id="feat_alcohol"') == 1
    assert 'href="#wines"' in page
    assert "http" not in page, "the page needs no network"
