"""`martlet features` on a made-up clinic: foreign keys in a circle, keys of unequal type, tables without a clock."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from ml.features.peers import ratios_of
from ml.features.propose import propose
from ml.features.sample import Sample
from ml.project import Options, open_project
from ml.warehouse import opened
from tests.ml.bench import Bench
from tests.ml.conftest import DBT, ROOT, Place, clinic_in

POPULATION = """\
models:
  - name: pop_next
    config:
      meta:
        martlet: {{target: cost, task: regression, entity: {entity}, as_of: as_of_date, horizon: 60 days}}
    columns:
      - name: patient_id
        data_tests:
          - relationships: {{arguments: {{to: ref('patients'), field: patient_id}}}}
"""
SQL, YML = "models/features/feat_return.sql", "models/features/feat_return.yml"


@pytest.fixture(scope="session")
def _written_clinic(_built_clinic: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("written") / "clinic"
    shutil.copytree(_built_clinic, directory)
    rules = (ROOT / ".sqlfluff").read_text().splitlines(keepends=True)
    (directory / ".sqlfluff").write_text("".join(line for line in rules if "_path" not in line))
    result = clinic_in(directory).martlet("features", "pop_return", "--most", "15")
    assert result.exit_code == 0, result.output
    return directory


@pytest.fixture
def written(_written_clinic: Path, tmp_path: Path) -> Place:
    """The clinic with the feature model that Martlet wrote."""
    shutil.copytree(_written_clinic, tmp_path / "clinic")
    return clinic_in(tmp_path / "clinic")


@pytest.mark.parametrize("name", ["pop_return", "pop_cost"])
def test_no_cell_changes_when_the_future_is_cut_off(clinic: Place, name: str) -> None:
    bench = Bench(clinic.directory, name)
    as_of, target = bench.population.as_of, bench.population.target
    assert len(bench.features) > 100
    moments = clinic.sql(f"select distinct {as_of} as moment from {name} order by 1")["moment"]
    cuts = [moments.iloc[int(len(moments) * share)] for share in (0.9, 0.6, 0.3)]
    whole = {cut: bench.frame(f"{as_of} = timestamp '{cut}'") for cut in cuts}
    for cut in cuts:
        clinic.sql(f"delete from {name} where {as_of} > timestamp '{cut}'")
        # An outcome is known once its horizon of 28 days is over, a date at its end.
        clinic.sql(f"update pop_return set has_returned = null where as_of_date + interval 28 day > timestamp '{cut}'")
        clinic.sql(
            "delete from labs where cast(visit_id as bigint) in "
            f"(select visit_id from visits where visited_at >= timestamp '{cut}')"
        )
        clinic.sql(f"delete from visits where visited_at >= timestamp '{cut}'")
        clinic.sql(f"delete from patients where registered_at >= timestamp '{cut}'")
        clinic.sql(f"delete from closures where closed_on + interval 1 day > timestamp '{cut}'")
        again = bench.frame(f"{as_of} = timestamp '{cut}'")
        assert len(again) == len(whole[cut]) > 0
        pd.testing.assert_frame_equal(whole[cut].drop(columns=target), again.drop(columns=target), rtol=1e-9)


def test_features_are_what_their_words_say(clinic: Place) -> None:
    bench = Bench(clinic.directory, "pop_return")
    found = bench.frame().set_index(["patient_id", "as_of_date"])
    visits = clinic.sql("from visits").sort_values("visited_at")
    results = clinic.sql(
        "select patient_id, visited_at, test_id, result "
        "from labs join visits on labs.visit_id = visits.visit_id::varchar"
    )
    outcomes = clinic.sql("from pop_return where has_returned is not null")
    fee_of = clinic.sql("from doctors").set_index("doctor_id")["fee"]
    for patient, as_of in list(found.index)[:: len(found) // 60]:
        row = found.loc[(patient, as_of)]
        past = visits[(visits["patient_id"] == patient) & (visits["visited_at"] < as_of)]
        recent = past[past["visited_at"] >= as_of - pd.Timedelta(days=28)]
        assert row["visits_28d"] == len(recent)
        assert row["visits_ever"] == len(past)
        assert row["visits_cost_sum_84d"] == pytest.approx(
            past[past["visited_at"] >= as_of - pd.Timedelta(days=84)]["cost"].sum()
        )
        fees = fee_of.loc[past[past["visited_at"] >= as_of - pd.Timedelta(days=84)]["doctor_id"]]
        assert row["visits_doctors_fee_sum_84d"] == fees.sum()
        assert same(row["visits_cost_mean_28d"], recent["cost"].mean())
        assert same(row["visits_cost_mean_last_3"], past["cost"].tail(3).mean())
        assert same(row["visits_cost_max"], past["cost"].max())
        assert same(row["visits_cost_deviation"], past["cost"].std(ddof=0))
        assert same(row["visits_is_insured_mean_ever"], past["is_insured"].mean())
        assert same(row["visits_kind_urgent_share_ever"], (past["kind"] == "urgent").mean() if len(past) else np.nan)
        urgent = past[past["kind"] == "urgent"]["visited_at"].max()
        assert same(row["visits_kind_urgent_days_since"], (as_of - urgent) / pd.Timedelta(days=1))
        assert row["visits_kind_kinds"] == past["kind"].nunique()
        assert (row["visits_kind_last"] if len(past) else None) == (past["kind"].iloc[-1] if len(past) else None)
        last = past["visited_at"].max()
        assert same(row["visits_days_since_last"], (as_of - last) / pd.Timedelta(days=1))
        gaps = past["visited_at"].diff().dropna() / pd.Timedelta(days=1)
        assert same(row["visits_usual_gap"], gaps.mean())
        own = results[(results["patient_id"] == patient) & (results["visited_at"] < as_of)]
        assert same(row["labs_result_mean_ever"], own["result"].mean())
        assert same(row["labs_result_max"], own["result"].max())
        lately = own[own["visited_at"] >= as_of - pd.Timedelta(days=84)]
        assert row["labs_result_sum_84d"] == pytest.approx(lately["result"].sum())
        sugar = own[own["test_id"] == 1].dropna()
        assert same(row["labs_sugar_result_mean_ever"], sugar["result"].mean())
        assert same(row["labs_sugar_result_min"], sugar["result"].min())
        taken = own[own["test_id"] == 1]
        assert row["labs_sugar_ever"] == len(taken)
        assert same(row["labs_sugar_days_since_last"], (as_of - taken["visited_at"].max()) / pd.Timedelta(days=1))
        latest = sugar[sugar["visited_at"] == sugar["visited_at"].max()]["result"].mean()
        assert same(row["labs_sugar_result_last"], latest)
        known = outcomes[
            (outcomes["patient_id"] == patient) & (outcomes["as_of_date"] + pd.Timedelta(days=28) <= as_of)
        ]
        assert same(row["outcomes_has_returned_mean_ever"], known["has_returned"].astype(float).mean())


def test_a_mean_is_told_beside_that_of_the_peers(clinic: Place) -> None:
    bench = Bench(clinic.directory, "pop_return")
    found = bench.frame()
    clinic_of = clinic.sql("from patients").set_index("patient_id")["clinic_id"]
    visits = clinic.sql("from visits").sort_values("visited_at")
    everybody = found.groupby("as_of_date")["visits_cost_sum_84d"].mean()
    compared = 0
    for row in found.iloc[:: len(found) // 40].to_dict("records"):
        past = visits[visits["visited_at"] < row["as_of_date"]]
        own = past[past["patient_id"] == row["patient_id"]]["cost"].mean()
        peers = past[past["clinic_id"] == clinic_of[row["patient_id"]]]["cost"].mean()  # of whomever, there
        assert same(row["visits_cost_mean_ever_beside_patients__clinic_id"], own / peers)
        compared += not np.isnan(own / peers)
        mean = everybody[row["as_of_date"]]
        assert same(row["visits_cost_sum_84d_beside_all"], row["visits_cost_sum_84d"] / mean if mean else np.nan)
    assert compared > 20
    names = [ratio.name for ratio in bench.ratios]
    # Judged in memory, they are what the warehouse says.
    pd.testing.assert_frame_equal(
        found[names], ratios_of(found, bench.ratios, "as_of_date"), rtol=1e-12, check_dtype=False
    )


def test_what_happened_to_what_the_latest_event_belongs_to_is_told(clinic: Place) -> None:
    bench = Bench(clinic.directory, "pop_return")
    views = [view for view in bench.paths.views if view.anchor.latest]
    # A patient keeps a doctor for some visits, but not a place; and the table of visits alone holds doctors.
    assert [(view.table.name, view.anchor.columns) for view in views] == [("visits", ("last_doctor_id",))]
    assert "last_doctor_id" not in {feature.name for feature in bench.features}
    found = bench.frame()
    visits = clinic.sql("from visits").sort_values("visited_at")
    changed = 0
    for row in found.iloc[:: len(found) // 60].to_dict("records"):
        past = visits[visits["visited_at"] < row["as_of_date"]]
        doctors = past[past["patient_id"] == row["patient_id"]]["doctor_id"]
        seen = past[past["doctor_id"] == doctors.iloc[-1]] if len(doctors) else past[:0]
        recent = seen[seen["visited_at"] >= row["as_of_date"] - pd.Timedelta(days=28)]
        assert row["visits_by_last_doctor_id_28d"] == len(recent)
        assert row["visits_by_last_doctor_id_ever"] == len(seen)
        assert same(row["visits_by_last_doctor_id_cost_mean_ever"], seen["cost"].mean())
        changed += doctors.nunique() > 1
    assert changed > 20


def test_what_an_entity_belongs_to_once_is_followed_if_it_is_one(clinic: Place) -> None:
    def followed() -> list[tuple[str, ...]]:
        return [view.anchor.columns for view in Bench(clinic.directory, "pop_return").paths.views if view.anchor.latest]

    clinic.sql(
        "delete from visits where (patient_id, visited_at) not in "
        "(select (patient_id, min(visited_at)) from visits group by patient_id)"
    )
    assert ("last_doctor_id",) in followed()
    clinic.sql(
        "insert into visits "
        "select * replace (visit_id + 100000 as visit_id, (doctor_id + 1) % 12 as doctor_id) from visits"
    )
    assert ("last_doctor_id",) not in followed()


def same(one: object, other: object) -> bool:
    both = [np.nan if pd.isna(value) else float(value) for value in (one, other)]  # type: ignore[arg-type]
    return bool(np.isclose(both[0], both[1], rtol=1e-9, equal_nan=True))


def test_events_at_the_as_of_are_not_known_yet(clinic: Place) -> None:
    clinic.sql("delete from visits where patient_id = 7")
    for moment, number in (("2023-12-31 23:59:59.999999", 1), ("2024-01-01 00:00:00", 2), ("2024-01-01 00:00:00", 3)):
        clinic.sql(f"insert into visits values ({number}, 7, timestamp '{moment}', 'check', {number}, true, 3, 5)")
    clinic.sql("insert into pop_return values (7, date '2024-01-01', true), (7, date '2024-01-02', true)")
    bench = Bench(clinic.directory, "pop_return")
    rows = bench.frame("patient_id = 7 and as_of_date in (date '2024-01-01', date '2024-01-02')")
    assert rows["visits_ever"].tolist() == [1, 3]
    assert rows["visits_cost_last"].tolist() == [1.0, 2.5]  # of equal moments the mean
    never = bench.frame("patient_id = 7 and as_of_date < date '2023-12-31'")
    assert (never["visits_ever"] == 0).all()
    assert never["visits_cost_mean_ever"].isna().all()


def test_a_date_is_known_at_its_end_where_as_ofs_have_hours(clinic: Place) -> None:
    clinic.sql("delete from closures")
    clinic.sql("insert into closures select clinic_id, date '2024-03-05' from clinics")
    bench = Bench(clinic.directory, "pop_cost")
    rows = bench.frame("visited_at >= date '2024-03-04' and visited_at < date '2024-03-08'")
    counted = rows["closures_by_patients__clinic_id_ever"]
    assert counted.tolist() == (rows["visited_at"] >= pd.Timestamp("2024-03-06")).astype(int).tolist()
    assert set(counted) == {0, 1}


def test_what_is_no_number_spoils_no_sum(clinic: Place) -> None:
    clinic.sql("alter table visits alter cost type double")
    clinic.sql("update visits set cost = 'nan' where visit_id % 10 = 1")
    clinic.sql("update visits set cost = 'infinity' where visit_id % 10 = 2")
    found = Bench(clinic.directory, "pop_return").frame("as_of_date = date '2024-07-25'").set_index("patient_id")
    means = clinic.sql(
        "select patient_id, avg(cost) as cost from visits "
        "where visited_at < date '2024-07-25' and isfinite(cost) group by 1"
    ).set_index("patient_id")["cost"]
    assert len(means) > 50
    assert np.allclose(found["visits_cost_mean_ever"].reindex(means.index), means)
    assert np.isfinite(found["visits_cost_deviation"].dropna()).all()


@pytest.mark.parametrize(
    ("kind", "error"), [("decimal(12, 2)", 0.0), ("decimal(9, 0)", 0.0), ("decimal(38, 18)", 1e-12)]
)
def test_decimals_are_added_up_exactly(clinic: Place, kind: str, error: float) -> None:
    clinic.sql(f"alter table visits alter cost type {kind}")
    bench = Bench(clinic.directory, "pop_return")
    found = bench.frame("as_of_date = date '2024-07-25'").set_index("patient_id")["visits_cost_sum_84d"]
    exact = clinic.sql(
        "select patient_id, cast(sum(cost) as double) as cost from visits "
        "where visited_at < date '2024-07-25' and visited_at >= date '2024-07-25' - 84 group by 1"
    ).set_index("patient_id")["cost"]
    assert exact.nunique() > 20
    assert found.reindex(exact.index).tolist() == pytest.approx(exact.tolist(), rel=error, abs=0)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("result + 0", True),
        # On one scale, whatever the test.
        ("result % 100", False),
        # What is normal is the same for all: it only names the test.
        ("floor(result / 100)", False),
    ],
)
def test_readings_are_told_apart_where_they_are_of_unlike_things(clinic: Place, change: str, told: bool) -> None:
    clinic.sql(f"update labs set result = {change}")
    names = {feature.name for feature in Bench(clinic.directory, "pop_return").features}
    kinds = {"sugar", "sodium", "urea"}
    assert {one for one in kinds if f"labs_{one}_result_last" in names} == (kinds if told else set())


def test_kinds_of_readings_are_called_by_their_names(clinic: Place) -> None:
    told = {feature.name: feature.description for feature in Bench(clinic.directory, "pop_return").features}
    assert told["labs_sugar_result_last"] == "The latest result of labs where test_id = '1' (sugar)."
    clinic.sql("alter table labs alter test_id type varchar using (['salt', 'it''s', 'urea'])[test_id]")
    told = {feature.name: feature.description for feature in Bench(clinic.directory, "pop_return").features}
    assert told["labs_it_s_result_last"] == "The latest result of labs where test_id = 'it's'."


@pytest.mark.parametrize(
    ("kind", "levels", "usable"),
    [
        ("varchar", "'it''s', '{{ x }}', ' '", 2),
        ("varchar", "'A', 'a', '%'", 3),
        ("enum('x', 'y', 'z')", "'x', 'y', 'z'", 3),
        ("double", "'nan', '-1.5', 'infinity'", 1),
        ("double", "'nan', '1e300', 'infinity'", 0),
        ("uuid", "md5('1')::uuid, md5('2')::uuid, md5('3')::uuid", 3),
        ("date", "date '2020-01-01', date '2021-01-01', date '2022-01-01'", 0),
    ],
)
def test_kinds_of_readings_may_be_called_anything(clinic: Place, kind: str, levels: str, usable: int) -> None:
    clinic.sql(f"alter table labs alter test_id type {kind} using ([{levels}])[test_id]")
    bench = Bench(clinic.directory, "pop_return")
    found = bench.frame()
    told = [feature.name for feature in bench.features if feature.view and feature.view.kind]
    assert len([name for name in told if name.endswith("_result_last")]) == usable
    assert all(found[name].notna().any() for name in told if name.endswith("_ever"))


def test_columns_are_the_same_whatever_their_case(clinic: Place) -> None:
    path = clinic.directory / "models" / "clinic.yml"
    text = path.read_text()
    names = ("patient_id", "clinic_id", "visit_id", "full_name", "cost")
    for name in names:
        text = text.replace(f"name: {name}", f"name: {name.upper()}").replace(
            f"field: {name}", f"field: {name.upper()}"
        )
    path.write_text(text)
    clinic.parse()
    bench = Bench(clinic.directory, "pop_return")
    assert {"visits_cost_sum_84d", "labs_result_max"} <= {feature.name for feature in bench.features}
    assert not [feature for feature in bench.features if "full_name" in feature.name]


def test_the_graph_is_read_with_its_oddities(clinic: Place) -> None:
    bench = Bench(clinic.directory, "pop_return")
    names = {feature.name for feature in bench.features}
    assert not any("full_name" in name for name in names)  # personal
    assert "labs_result_last" in names  # by a number here and a text there, with the clock of its parent
    assert "patients_by_patients__clinic_id_28d" in names  # the circle of clinics and their heads ends
    assert any("prices has no clock" in note for note in bench.paths.notes)
    assert "model.clinic.pop_cost" not in bench.graph.tables  # another population knows its own target


def test_what_numbers_things_is_no_amount(clinic: Place) -> None:
    clinic.sql("alter table visits add column statusId integer")
    clinic.sql("alter table visits add column letterId integer")
    clinic.sql("alter table visits add column note varchar")
    clinic.sql(
        "update visits set statusId = visit_id % 3, letterId = visit_id, "
        "note = concat('note ', visit_id, repeat('x', visit_id % 7))"
    )
    clinic.sql("alter table visits add column gradeId integer")
    clinic.sql("update visits set gradeId = case when visit_id % 5 < 3 then visit_id % 3 else 10 + visit_id % 60 end")
    clinic.sql("alter table visits add column weight double")
    clinic.sql("update visits set weight = visit_id % 11 where visit_id % 2 = 0")
    clinic.sql("alter table visits add column month_seen integer")
    clinic.sql("update visits set month_seen = 12 * year(visited_at) + month(visited_at)")
    names = {feature.name for feature in Bench(clinic.directory, "pop_return").features}
    assert not any("month_seen" in name for name in names)  # a calendar
    assert "visits_statusid_1_share_ever" in names  # few levels: a code
    assert "visits_gradeid_2_share_ever" in names  # many levels, of which three are most rows
    assert {"visits_weight_mean_ever", "visits_weight_known_mean_ever"} <= names  # null in every second row
    assert "visits_note_length_mean_ever" in names  # free text
    assert "visits_note_length_sum_ever" not in names
    assert not any(name.startswith(("visits_letterid", "visits_visit_id", "visits_statusid_mean")) for name in names)


def test_of_free_text_the_length_and_the_latest_and_a_parents_own_are_told(clinic: Place) -> None:
    clinic.sql("alter table visits add column note varchar")
    clinic.sql("update visits set note = concat('came ', visit_id, ' times for ', repeat('pain ', visit_id % 7))")
    clinic.sql("alter table patients add column history varchar")
    clinic.sql("update patients set history = concat('since ', born_year, ' no ', sex, ' relative but ', patient_id)")
    bench = Bench(clinic.directory, "pop_return")
    told = {feature.name: feature for feature in bench.features}
    assert {"visits_note_length_mean_ever", "visits_note_text_last", "patients_history"} <= set(told)
    assert told["patients_history"].kind == told["visits_note_text_last"].kind == "category"
    frame = bench.frame("as_of_date = date '2024-06-13'").set_index("patient_id")
    latest = clinic.sql(
        "select patient_id, arg_max(note, visited_at) as note from visits "
        "where visited_at < date '2024-06-13' group by patient_id having count(*) = count(distinct visited_at)"
    ).set_index("patient_id")["note"]
    assert len(latest) > 50
    assert frame["visits_note_text_last"][latest.index].tolist() == latest.tolist()
    assert frame["patients_history"].str.startswith("since ").all()


def test_two_ways_to_the_entity_are_followed_where_they_differ(clinic: Place) -> None:
    def ways() -> set[str]:
        views = Bench(clinic.directory, "pop_return").paths.views
        visits = [view for view in views if view.table.name == "visits" and view.anchor.columns == ("patient_id",)]
        return {column.sql for view in visits for column in view.columns}

    # Visits of the patient, of those whom the patient referred, and to the clinic that the patient heads.
    assert ways() == {"events.patient_id", "patients.referred_by", "clinics.head_patient_id"}
    clinic.sql(
        "update visits set patient_id = clinics.head_patient_id from clinics where clinics.clinic_id = visits.clinic_id"
    )
    assert ways() == {"events.patient_id", "patients.referred_by"}


def test_the_model_builds_without_martlet_and_trains(written: Place) -> None:
    text, described = (written.directory / SQL).read_text(), yaml.safe_load((written.directory / YML).read_text())
    model, exposure = described["models"][0], described["exposures"][0]
    assert "visits_" in text
    assert all(column["description"] and column["data_type"] for column in model["columns"])
    assert sum("of the importance" in column["description"] for column in model["columns"]) == len(model["columns"]) - 3
    assert exposure["config"]["meta"]["martlet"]["horizon"] == "28 days"
    command = [DBT, "build", "--select", "feat_return", "--profiles-dir", "."]
    done = subprocess.run(command, cwd=written.directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    types = written.sql("describe feat_return").set_index("column_name")["column_type"].str.lower().to_dict()
    assert types == {column["name"]: column["data_type"] for column in model["columns"]}
    assert written.count("feat_return") == written.count("pop_return")
    trained = written.martlet("train", "--select", "return")
    assert trained.exit_code == 0, trained.output
    assert written.sql("select is_good from ml.runs")["is_good"][0]


def test_the_model_keeps_the_rules_of_the_project(written: Place) -> None:
    command = [sys.executable, "-m", "sqlfluff", "lint", "--disable-progress-bar", SQL]
    done = subprocess.run(command, cwd=written.directory, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert not list((written.directory / "models" / "features").glob(".*"))


def test_what_the_analyst_changed_is_kept(written: Place) -> None:
    path = written.directory / SQL
    theirs = path.read_text()
    mine = theirs.replace("select * from features", "select * from features where true")
    path.write_text(mine)
    kept = written.martlet("features", "pop_return", "--most", "15")
    assert kept.exit_code == 1
    assert kept.output.count("unchanged") == 1, "of the YAML, which nobody has changed, and which comes out the same"
    assert "-select * from features where true" in kept.output
    assert path.read_text() == mine
    forced = written.martlet("features", "pop_return", "--most", "15", "--force")
    assert forced.exit_code == 0
    assert path.read_text() == theirs


def test_another_folder_and_a_taken_name(clinic: Place) -> None:
    folder = clinic.directory / "models" / "mine"
    result = clinic.martlet("features", "pop_return", "--most", "15", "--output-dir", "models/mine")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in folder.iterdir()) == ["feat_return.sql", "feat_return.yml"]
    text = (folder / "feat_return.yml").read_text()
    # A date that lies after the as-of was not known then.
    assert "patients_days_since_left_on is left out" in " ".join(result.output.split())
    assert "left_on" not in text
    (folder / "feat_return.yml").unlink()
    models, exposure = text.split("\nexposures:")
    (folder / "declared.yml").write_text("exposures:" + exposure.replace("feat_return", "patients"))
    taken = clinic.martlet("features", "pop_return", "--output-dir", "models/mine")
    assert taken.exit_code == 2
    assert "there is an exposure 'return' already" in taken.output
    assert models.startswith("version: 2")


SPOILED = [
    ("pop_retrun", "true", "There is no model 'pop_retrun'. Did you mean 'pop_return'?"),
    ("visits", "true", "the key 'target' is missing under config.meta.martlet"),
    ("pop_return", "drop table pop_return", "it is not in the warehouse. Run `dbt build --select +pop_return` first."),
    ("pop_return", "insert into pop_return from pop_return limit 1", "there are several rows for patient_id = "),
    ("pop_return", "update pop_return set patient_id = null where patient_id = 3", "rows have a null in patient_id"),
    ("pop_return", "alter table pop_return alter as_of_date type varchar", "the as-of 'as_of_date' is a VARCHAR"),
    ("pop_return", "alter table pop_return add column as_of_ date", "have a column 'as_of_' themselves: rename yours"),
    ("pop_return", "alter table pop_return drop has_returned", "'target' names the column 'has_returned'"),
    ("pop_return", "update pop_return set has_returned = true", "the target is the same in every closed row"),
    ("pop_return", "delete from pop_return where patient_id > 1", "are needed to judge features"),
]


@pytest.mark.parametrize(("population", "change", "message"), SPOILED)
def test_bad_populations_are_refused(clinic: Place, population: str, change: str, message: str) -> None:
    if change != "true":
        clinic.sql(change)
    result = clinic.martlet("features", population)
    assert result.exit_code in (1, 2)
    assert message in " ".join(result.output.split())
    assert not (clinic.directory / SQL).exists()


def test_a_population_without_foreign_keys_is_joined_by_the_names_of_keys(clinic: Place) -> None:
    path = clinic.directory / "models" / "clinic.yml"
    head, _, tail = path.read_text().partition("  - name: pop_return")
    path.write_text(head + "  - name: pop_return" + tail.split("    columns:")[0])
    clinic.parse()
    bench = Bench(clinic.directory, "pop_return")
    assert any("patient_id is taken for one by its name" in note for note in bench.graph.notes)
    assert "visits_28d" in {feature.name for feature in bench.features}


def test_a_parent_whose_key_is_not_unique_is_not_followed(clinic: Place) -> None:
    clinic.sql("insert into patients from patients limit 1")
    bench = Bench(clinic.directory, "pop_return")
    assert any("the key of patients is not unique" in note for note in bench.graph.notes)


def test_a_table_of_sums_is_known_when_its_period_is_over(clinic: Place) -> None:
    (clinic.directory / "models" / "visit_months.sql").write_text(
        "select patient_id, date_trunc('month', visited_at)::date as month, count(*) as visits\n"
        "from {{ ref('visits') }} group by all\n"
    )
    (clinic.directory / "models" / "visit_months.yml").write_text(
        "models:\n  - name: visit_months\n    config: {event_time: month}\n    columns:\n      - name: patient_id\n"
        "        data_tests:\n          - relationships: {arguments: {to: ref('patients'), field: patient_id}}\n"
    )
    clinic.build("visit_months")
    bench = Bench(clinic.directory, "pop_return")
    assert bench.graph.tables["model.clinic.visit_months"].delay.days == 31
    assert any("visit_months is taken as known 31 days after its month" in note for note in bench.graph.notes)
    rows = bench.frame("as_of_date between date '2024-02-01' and date '2024-03-31'")
    months = clinic.sql("from visit_months")
    for row in rows.itertuples():
        known = months[
            (months["patient_id"] == row.patient_id) & (months["month"] + pd.Timedelta(days=31) <= row.as_of_date)
        ]
        assert row.visit_months_ever == len(known)


MEANS = """\
select patients.patient_id, days.day as as_of_date, avg(visits.cost) as cost
from {{ ref('patients') }} as patients
cross join (
    select cast(unnest(generate_series(date '2023-06-01', date '2024-10-01', interval 60 day)) as date) as day
) as days
inner join {{ ref('visits') }} as visits
    on patients.patient_id = visits.patient_id
    and visits.visited_at >= days.day and visits.visited_at < days.day + interval 60 day
group by patients.patient_id, days.day
"""
ANSWERS = "select patient_id, visit_id, cast(visited_at as date) as as_of_date, {} as cost from {{{{ ref('visits') }}}}"
FIRST = """\
select patient_id, cast(visited_at as date) as as_of_date, cast(max(cost) as float) as cost
from {{ ref('visits') }} group by all
"""
EARLIER = """
union all
select patient_id, cast(day as date) as as_of_date, cast(patient_id as float) as cost
from {{ ref('patients') }}
cross join generate_series(date '2001-01-01', date '2002-12-31', interval 7 day) as days (day)
"""


@pytest.mark.parametrize(
    ("sql", "entity", "days"),
    [
        (MEANS, "patient_id", 0),
        (FIRST + EARLIER, "patient_id", 60),  # most rows are older than the table: they tell nothing
        (FIRST, "patient_id", 60),  # the day's own cost, in another type
        (ANSWERS.format("cost"), "visit_id", 60),
        (ANSWERS.format("round(cost / 7)"), "visit_id", 60),  # it can't be recognised, but a row is an entity
        (ANSWERS.format("cost > 50"), "visit_id", 60),
    ],
)
def test_a_table_is_known_later_if_its_rows_hold_the_outcome(clinic: Place, sql: str, entity: str, days: int) -> None:
    # A mean of later visits is called like what each visit tells at once; the cost of a visit itself is told later.
    (clinic.directory / "models" / "pop_next.sql").write_text(sql)
    declared = clinic.directory / "models" / "clinic.yml"
    declared.write_text(declared.read_text().replace("models:\n", POPULATION.format(entity=entity), 1))
    clinic.build("pop_next")
    bench = Bench(clinic.directory, "pop_next")
    assert bench.graph.tables["model.clinic.visits"].delay.days == days


def test_outcomes_are_told_only_where_a_horizon_says_when_they_are_known(clinic: Place) -> None:
    assert not any(view.is_own for view in Bench(clinic.directory, "pop_cost").paths.views)
    assert any(view.is_own for view in Bench(clinic.directory, "pop_return").paths.views)


def test_outcomes_are_not_told_where_open_rows_would_not_know_the_latest(clinic: Place) -> None:
    clinic.sql("update pop_return set has_returned = null where as_of_date > date '2024-10-01'")
    bench = Bench(clinic.directory, "pop_return")
    assert not any(view.is_own for view in bench.paths.views)
    assert any("earlier outcomes are left out: open rows lie up to" in note for note in bench.paths.notes)


def test_of_a_dbt_snapshot_the_version_that_was_valid_is_told(clinic: Place) -> None:
    (clinic.directory / "models" / "plans.sql").write_text(
        "select patient_id, '{{ var('plan', 'basic') }}' as plan,\n"
        "timestamp '{{ var('since', '2024-01-10') }}' as since\n"
        "from {{ ref('patients') }}\n"
    )
    (clinic.directory / "snapshots").mkdir()
    (clinic.directory / "snapshots" / "plan_versions.yml").write_text(
        "snapshots:\n  - name: plan_versions\n    relation: ref('plans')\n"
        "    config: {unique_key: patient_id, strategy: timestamp, updated_at: since}\n"
    )
    path = clinic.directory / "models" / "clinic.yml"
    head, population, tail = path.read_text().partition("  - name: pop_return")
    test = "          - relationships: {arguments: {to: ref('patients'), field: patient_id}}\n"
    more = test + test.replace("ref('patients')", "ref('plan_versions')")
    path.write_text(head + population + tail.replace(test, more, 1))
    clinic.build("plans", "plan_versions")
    later = "{plan: premium, since: '2024-07-01'}"
    clinic.build("plans", "plan_versions", variables=later)
    clinic.parse()
    rows = Bench(clinic.directory, "pop_return").frame()
    told = rows.groupby("as_of_date")["plan_versions_plan"].agg(
        lambda plans: "".join(sorted(set(plans.fillna("none"))))
    )
    assert told[told.index <= "2024-01-10"].unique().tolist() == ["none"]
    assert told[(told.index > "2024-01-10") & (told.index <= "2024-07-01")].unique().tolist() == ["basic"]
    assert told[told.index > "2024-07-01"].unique().tolist() == ["premium"]


def test_sums_over_all_time_are_no_attributes(clinic: Place) -> None:
    path = clinic.directory / "models" / "patients.sql"
    path.write_text(path.read_text().replace("select\n", "select\n    0 as lifetime_visits,\n", 1))
    (clinic.directory / "models" / "dim_patients.sql").write_text(
        "select patients.* exclude (lifetime_visits), count(visit_id) as visits_ever\n"
        "from {{ ref('patients') }} as patients left join {{ ref('visits') }} as visits using (patient_id)\n"
        "group by all\n"
    )
    yml = clinic.directory / "models" / "clinic.yml"
    head, population, tail = yml.read_text().partition("  - name: pop_return")
    yml.write_text(head + population + tail.replace("ref('patients')", "ref('dim_patients')", 1))
    clinic.build("patients", "dim_patients")
    names = {feature.name for feature in Bench(clinic.directory, "pop_return").features}
    assert "patients_sex" in names
    assert not any("visits_ever" in name and name.startswith("patients_") for name in names)


def test_what_takes_long_to_compute_comes_last_but_for_the_entitys_own(clinic: Place) -> None:
    project = open_project(Options(project_dir=str(clinic.directory)))
    with opened(project, 0.0, read_only=True) as warehouse:
        proposed = propose("pop_return", project.manifest, warehouse)
        groups = Sample(proposed, warehouse, 1_000).groups()
        costs = [len(group) * proposed.values.rows(group[0].view.table) for group in groups if group[0].view]
    assert all(feature.view is None for feature in groups[0])
    assert sorted(feature.name for group in groups for feature in group) == sorted(
        feature.name for feature in proposed.features
    )
    views = [group[0].view for group in groups[1:]]
    own = [bool(view and view.anchor.columns == ("patient_id",) and not view.links) for view in views]
    assert own == sorted(own, reverse=True)
    assert costs[sum(own) :] == sorted(costs[sum(own) :])
    assert len(costs) > sum(own) + 2


def test_of_entities_with_very_many_events_some_are_asked_for(clinic: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    project = open_project(Options(project_dir=str(clinic.directory)))
    closed = clinic.sql("select patient_id, count(has_returned) as rows from pop_return group by 1")
    with opened(project, 0.0, read_only=True) as warehouse:
        sampled = Sample(propose("pop_return", project.manifest, warehouse), warehouse, 10_000)
        everybody, _ = sampled.frame(0.0, lambda _: None)
        monkeypatch.setattr("ml.features.sample.EVENT_CELLS", 1)
        monkeypatch.setattr("ml.features.sample.LEAST_ENTITIES", 20)
        some, _ = sampled.frame(0.0, lambda _: None)
    assert len(everybody) == closed["rows"].sum()
    assert 5 <= some["patient_id"].nunique() <= 45
    counts = some.groupby("patient_id").size()
    assert counts.tolist() == closed.set_index("patient_id")["rows"].loc[counts.index].tolist()
