"""Features of what an entity is linked to: patients enrol in programmes, and programmes have sessions."""

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


def test_no_cell_changes_when_later_sessions_and_enrolments_are_cut_off(linked: Place) -> None:
    bench = Bench(linked.directory, "pop_return")
    told = [feature.name for feature in bench.features if feature.name.startswith("sessions_")]
    assert len(told) > 10
    cut = linked.sql("select quantile_disc(as_of_date, 0.5) as moment from pop_return")["moment"][0]
    whole = bench.frame(f"as_of_date = timestamp '{cut}'")[told]
    linked.sql(f"delete from sessions where held_at >= timestamp '{cut}'")
    linked.sql(f"delete from enrolments where enrolled_at >= timestamp '{cut}'")
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


def linked_views(place: Place) -> list[str]:
    views = Bench(place.directory, "pop_return").paths.views
    return [view.name for view in views if view.table.name == "sessions" and len(view.clocks) == 2]
