"""Features of what an entity is linked to: patients enrol in programmes that have sessions, and have friends."""

import pandas as pd
import pytest

from tests.ml.bench import Bench
from tests.ml.conftest import Place

MODELS = {
    "programmes": "select range as programme_id, 'programme ' || range as title from range(60)",
    "enrolments": (
        "select range as enrolment_id, hash(range, 'who') % 50 as patient_id, "
        "hash(range, 'what') % 60 as programme_id, "
        "timestamp '2023-02-01' + to_hours(cast(hash(range, 'when') % 12000 as integer)) as enrolled_at from range(300)"
    ),
    "sessions": (
        "select range as session_id, hash(range, 'of') % 60 as programme_id, "
        "(hash(range, 'score') % 100) / 10.0 as score, "
        "timestamp '2023-02-01' + to_hours(cast(hash(range, 'held') % 12000 as integer)) as held_at from range(240)"
    ),
}
FRIENDS = (
    "select distinct hash(range, 'one') % 50 as patient_id, cast(hash(range, 'other') % 50 as varchar) as friend_id "
    "from range(200)"
)
KEY = """\
      - name: patient_id
        data_tests: [relationships: {arguments: {to: ref('patients'), field: patient_id}}]
"""
DECLARED = f"""\
models:
  - name: programmes
  - name: enrolments
    config: {{event_time: enrolled_at}}
    columns:
{KEY}\
      - name: programme_id
        data_tests: [relationships: {{arguments: {{to: ref('programmes'), field: programme_id}}}}]
  - name: sessions
    config: {{event_time: held_at}}
    columns:
      - name: programme_id
        data_tests: [relationships: {{arguments: {{to: ref('programmes'), field: programme_id}}}}]
"""

FRIENDS_DECLARED = f"""\
models:
  - name: friends
    columns:
{KEY}\
{KEY.replace("patient_id", "friend_id", 1)}"""


@pytest.fixture
def linked(clinic: Place) -> Place:
    """The clinic with programmes."""
    models = clinic.directory / "models"
    for name, sql in MODELS.items():
        (models / f"{name}.sql").write_text(sql)
    (models / "programmes.yml").write_text(DECLARED)
    clinic.build(*MODELS)
    return clinic


def test_sessions_are_told_of_the_programmes_that_a_patient_is_in(linked: Place) -> None:
    found = Bench(linked.directory, "pop_return").frame().set_index(["patient_id", "as_of_date"])
    known = linked.sql(
        "select patient_id, score, greatest(held_at, enrolled_at) as known_at "
        "from sessions inner join enrolments on sessions.programme_id = enrolments.programme_id"
    )
    assert found["sessions_ever"].max() > 10
    for patient, as_of in list(found.index)[:: len(found) // 60]:
        past = known[(known["patient_id"] == patient) & (known["known_at"] < as_of)]
        row = found.loc[(patient, as_of)]
        assert row["sessions_ever"] == len(past)
        assert row["sessions_28d"] == (past["known_at"] >= as_of - pd.Timedelta(days=28)).sum()
        mean = past["score"].mean()
        assert row["sessions_score_mean_ever"] == pytest.approx(mean, nan_ok=True)


def test_no_cell_changes_when_later_sessions_enrolments_and_outcomes_are_cut_off(linked: Place) -> None:
    bench = Bench(linked.directory, "pop_return")
    told = [
        feature.name for feature in bench.features if feature.name.startswith(("sessions_", "outcomes_by_programme_id"))
    ]
    assert len(told) > 12
    cut = linked.sql("select quantile_disc(as_of_date, 0.5) as moment from pop_return")["moment"][0]
    whole = bench.frame(f"as_of_date = timestamp '{cut}'")[told]
    linked.sql(f"delete from sessions where held_at >= timestamp '{cut}'")
    linked.sql(f"delete from enrolments where enrolled_at >= timestamp '{cut}'")
    linked.sql(f"update pop_return set has_returned = null where as_of_date + interval 28 day > timestamp '{cut}'")
    pd.testing.assert_frame_equal(whole, bench.frame(f"as_of_date = timestamp '{cut}'")[told], rtol=1e-9)


def test_a_crowd_that_all_patients_share_is_not_linked(linked: Place) -> None:
    assert linked_views(linked)
    linked.sql("insert into enrolments select 1000 + range, range % 50, range % 60, date '2023-06-01' from range(9000)")
    assert not linked_views(linked)


def test_events_that_hold_the_patient_are_not_linked_to_others(linked: Place) -> None:
    linked.sql("alter table sessions add column patient_id integer")
    path = linked.directory / "models" / "programmes.yml"
    path.write_text(path.read_text() + KEY)
    linked.parse()
    assert not linked_views(linked)


def test_outcomes_of_patients_in_the_same_programmes_are_told_once_their_horizon_is_over(linked: Place) -> None:
    found = Bench(linked.directory, "pop_return").frame().set_index(["patient_id", "as_of_date"])
    linked.sql(
        "create view links as "
        "select patient_id, programme_id, min(enrolled_at) as known_at from enrolments group by all"
    )
    linked.sql(
        "create view known as select links.programme_id, pop_return.has_returned::double as outcome, "
        # An outcome is known at the end of its horizon, just before what begins then.
        "greatest(pop_return.as_of_date + interval 28 day - interval 1 microsecond, links.known_at) as known_at "
        "from pop_return inner join links using (patient_id) where has_returned is not null"
    )
    right = linked.sql(
        "with things as (select patient_id, as_of_date, count(known.outcome) as outcomes, "
        "sum(known.outcome) as returned, (select avg(outcome) from known where known_at < as_of_date) as usual "
        "from pop_return inner join links using (patient_id) "
        "left join known on known.programme_id = links.programme_id and known.known_at < as_of_date "
        "where links.known_at < as_of_date group by patient_id, as_of_date, links.programme_id) "
        "select patient_id, as_of_date, sum(outcomes) as outcomes, sum(returned) / nullif(sum(outcomes), 0) as rate, "
        "avg((coalesce(returned, 0) + 10 * usual) / (outcomes + 10)) as smoothed from things group by all"
    ).set_index(["patient_id", "as_of_date"])
    assert right["outcomes"].max() > 100
    told = found.loc[right.index]
    assert (told["outcomes_by_programme_id_ever"] == right["outcomes"]).all()
    for name, values in (("mean_ever", right["rate"]), ("smoothed", right["smoothed"])):
        column = told[f"outcomes_by_programme_id_has_returned_{name}"]
        assert column.to_numpy() == pytest.approx(values.to_numpy(), nan_ok=True)


def test_what_happens_to_friends_is_told_though_friendships_have_no_clock(clinic: Place) -> None:
    (clinic.directory / "models" / "friends.sql").write_text(FRIENDS)
    (clinic.directory / "models" / "friends.yml").write_text(FRIENDS_DECLARED)
    clinic.build("friends")
    found = Bench(clinic.directory, "pop_return").frame().set_index(["patient_id", "as_of_date"])
    right = clinic.sql(
        "select pop_return.patient_id, pop_return.as_of_date, count(visits.visit_id) as visits, "
        "count(case when visits.visited_at >= as_of_date - interval 28 day then 1 end) as of_late "
        "from pop_return left join (friends inner join patients as own on friends.patient_id = own.patient_id "
        "inner join patients as theirs on friends.friend_id = theirs.patient_id) "
        "on friends.patient_id = pop_return.patient_id and own.registered_at < as_of_date "
        "and theirs.registered_at < as_of_date left join visits "
        "on visits.patient_id = friends.friend_id and visits.visited_at < as_of_date group by all"
    ).set_index(["patient_id", "as_of_date"])
    told = found.loc[right.index]
    assert (told["visits_by_friend_id_ever"] == right["visits"]).all()
    assert (told["visits_by_friend_id_28d"] == right["of_late"]).all()
    assert right["of_late"].max() > 3
    outcomes = clinic.sql(
        "select rows.patient_id, rows.as_of_date, count(past.has_returned) as outcomes "
        "from pop_return as rows inner join friends on rows.patient_id = friends.patient_id "
        "inner join patients as own on friends.patient_id = own.patient_id and own.registered_at < rows.as_of_date "
        "inner join patients as theirs on friends.friend_id = theirs.patient_id "
        "and theirs.registered_at < rows.as_of_date "
        "left join pop_return as past on past.patient_id = theirs.patient_id "
        "and past.as_of_date + interval 28 day <= rows.as_of_date group by all"
    ).set_index(["patient_id", "as_of_date"])
    assert (found.loc[outcomes.index, "outcomes_by_friend_id_ever"] == outcomes["outcomes"]).all()
    assert outcomes["outcomes"].max() > 20


def linked_views(place: Place) -> list[str]:
    views = Bench(place.directory, "pop_return").paths.views
    return [view.name for view in views if view.table.name == "sessions" and len(view.clocks) == 2]
