"""Faults planted in a kiosk's orders are found, each by the alarm that is meant for it; clean weeks raise none."""

import json
import shutil
from pathlib import Path

import pytest

from tests.ml.conftest import Place
from tests.ml.test_replay import KIOSK

TRAINED, LATER = "2024-07-01", "2024-07-29"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kiosk with a champion of the first half of the year."""
    directory = tmp_path_factory.mktemp("trained") / "kiosk"
    shutil.copytree(KIOSK, directory)
    run(Place(directory, directory / "kiosk.duckdb", directory / "target"), TRAINED)
    return directory


@pytest.fixture
def kiosk(trained: Path, tmp_path: Path) -> Place:
    directory = tmp_path / "kiosk"
    shutil.copytree(trained, directory, symlinks=True)
    return Place(directory, directory / "kiosk.duckdb", directory / "target")


def run(kiosk: Place, as_of: str, **given: str) -> list[dict[str, str]]:
    """A `martlet run` as of a date; returns the alarms of its watch."""
    result = kiosk.martlet("run", "--vars", json.dumps({"as_of": as_of, **given}))
    assert result.exit_code == 0, result.output
    steps = json.loads((kiosk.target / "martlet_run_results.json").read_text())["results"]
    return [alarm for step in steps if step["kind"] == "watch" for alarm in step["details"]["alarms"]]


def drifted(kiosk: Place) -> set[str]:
    found = kiosk.sql("select feature from ml.drift where is_alarm and as_of = (select max(as_of) from ml.drift)")
    return set(found["feature"])


@pytest.mark.parametrize(
    ("fault", "feature", "as_of"),
    [
        ("none", None, LATER),
        ("unit", "amount_28d", LATER),
        ("category", "last_channel", LATER),
        ("stops", "orders_28d", LATER),
        ("doubles", "orders_28d", LATER),
        ("slow", "amount_28d", "2024-08-26"),
    ],
)
def test_a_fault_of_the_source_is_found(fault: str, feature: str | None, as_of: str, kiosk: Place) -> None:
    alarms = run(kiosk, as_of, fault=fault)
    if feature is None:
        assert alarms == []
        return
    assert [alarm["kind"] for alarm in alarms] == ["drift"]
    assert feature in drifted(kiosk)
    assert feature in alarms[0]["message"]
    assert "martlet train" in alarms[0]["remedy"]
    assert kiosk.martlet("watch").exit_code == 1, "a scheduler sees it too"


def test_a_classifier_tells_new_rows_apart_only_when_they_differ(kiosk: Place) -> None:
    run(kiosk, LATER, fault="unit")
    result = kiosk.martlet("watch", "--classify", "--log-format", "json")
    steps = json.loads((kiosk.target / "martlet_run_results.json").read_text())["results"]
    (found,) = [step["details"] for step in steps if step["kind"] == "classify"]
    assert found["roc_auc"]["lower"] > 0.6
    assert "amount_28d" in list(found["features"])[:2]
    assert result.exit_code == 1


def test_an_outcome_that_means_something_else_is_found_when_it_is_ripe(kiosk: Place) -> None:
    assert run(kiosk, "2024-07-08", fault="flip") == []
    alarms = run(kiosk, LATER, fault="flip")
    assert [alarm["kind"] for alarm in alarms] == ["performance"]
    assert "announced was at least" in alarms[0]["message"]


def test_a_leak_that_dies_in_production_is_found(tmp_path: Path) -> None:
    directory = tmp_path / "kiosk"
    shutil.copytree(KIOSK, directory)
    kiosk = Place(directory, directory / "kiosk.duckdb", directory / "target")
    models = directory / "models"
    orders, feature = (models / "orders.sql").read_text(), (models / "feat_order.sql").read_text()
    start = orders.index("{% if var('as_of') %}")
    end = orders.index("{% endif %}", start) + len("{% endif %}")
    (models / "all_orders.sql").write_text(orders[:start] + "true" + orders[end:])
    # What will be ordered, wrong in one of five cases, and from the fault on nothing any more.
    hint = """
    case
        when features.as_of_date >= date '{{ var("fault_from") }}' then 0
        else cast((ahead.customer_id is not null) <> (hash(features.customer_id, features.as_of_date) % 5 = 0) as int)
    end as hint,
    case
        when features.as_of_date + 14"""
    join = """left join (
    select distinct f.customer_id, f.as_of_date from features as f inner join {{ ref('all_orders') }} as o
        on f.customer_id = o.customer_id and o.ordered_on >= f.as_of_date and o.ordered_on < f.as_of_date + 14
) as ahead on features.customer_id = ahead.customer_id and features.as_of_date = ahead.as_of_date
left join returned"""
    feature = feature.replace("\n    case\n        when features.as_of_date + 14", hint).replace(
        "left join returned", join
    )
    (models / "feat_order.sql").write_text(feature)
    assert run(kiosk, TRAINED, fault_from="2024-07-08") == []
    before = kiosk.sql(
        "select value from ml.metrics where split = 'test' and predictor = 'pipeline' and metric = 'roc_auc'"
    )
    assert before["value"][0] > 0.8
    run(kiosk, "2024-07-08", fault_from="2024-07-08")
    assert "hint" in drifted(kiosk), "the day on which it dies"
    alarms = run(kiosk, "2024-07-22", fault_from="2024-07-08")
    assert {alarm["kind"] for alarm in alarms} == {"drift", "performance"}


def test_new_outcomes_and_alarms_make_a_prediction_due_again(kiosk: Place) -> None:
    path = kiosk.directory / "models" / "kiosk.yml"
    plain = path.read_text()
    runs = kiosk.count("ml.runs")
    run(kiosk, "2024-07-08")
    assert kiosk.count("ml.runs") == runs, "nothing was declared that would ask for it"
    path.write_text(plain.replace("horizon: 14 days", "horizon: 14 days\n          retrain: {every: 28 days}"))
    run(kiosk, "2024-07-22")
    assert kiosk.count("ml.runs") == runs
    run(kiosk, LATER)
    assert kiosk.count("ml.runs") == runs + 1
    decision = kiosk.sql("select decision, reason from ml.decisions order by decided_at desc limit 1").iloc[0]
    assert decision["decision"] in ("kept", "promoted")
    assert "95 % interval" in decision["reason"], "both were judged on the same new outcomes"
    path.write_text(plain.replace("horizon: 14 days", "horizon: 14 days\n          retrain: {when: [drift]}"))
    run(kiosk, "2024-08-05", fault="unit", fault_from=LATER)
    assert kiosk.count("ml.runs") == runs + 1, "the drift is seen after this scoring"
    run(kiosk, "2024-08-12", fault="unit", fault_from=LATER)
    assert kiosk.count("ml.runs") == runs + 2
