"""Rows that lie further ahead than any event: closed rows are told from as long before their as-of."""

import pandas as pd
import pytest

from tests.ml.bench import Bench
from tests.ml.conftest import Place

LAST = pd.Timestamp("2024-07-01")  # nothing is known from here on


@pytest.fixture
def ended(clinic: Place) -> Place:
    """The clinic as if no visit were known after June, with as-ofs up to December."""
    clinic.sql(f"delete from visits where visited_at >= timestamp '{LAST}'")
    clinic.sql(f"update pop_return set has_returned = null where as_of_date + interval 28 day > timestamp '{LAST}'")
    return clinic


def test_closed_rows_are_told_from_as_long_before_as_open_rows_lie_ahead(ended: Place) -> None:
    bench = Bench(ended.directory, "pop_return")
    assert any("open rows lie up to 1" in note and "newest row of visits" in note for note in bench.paths.notes)
    told = {feature.name: feature.description for feature in bench.features}
    assert told["visits_28d"] == "Rows of visits, in the 28 days before the last known moment."
    found = bench.frame().set_index(["patient_id", "as_of_date"])
    visits = ended.sql("from visits").sort_values("visited_at")
    outcomes = ended.sql("from pop_return where has_returned is not null")
    newest = visits["visited_at"].max()
    lagging = (found["days_ahead"] > 28) & (found.index.get_level_values("as_of_date") < LAST)
    assert lagging.mean() > 0.3
    for patient, as_of in list(found.index)[:: len(found) // 60]:
        row = found.loc[(patient, as_of)]
        known = as_of - pd.Timedelta(days=row["days_ahead"])
        past = visits[(visits["patient_id"] == patient) & (visits["visited_at"] < known)]
        assert row["visits_ever"] == len(past)
        assert row["visits_28d"] == (past["visited_at"] >= known - pd.Timedelta(days=28)).sum()
        if as_of > newest:
            assert row["days_ahead"] == (as_of - newest).days
        of_own = outcomes[outcomes["patient_id"] == patient]
        own = of_own[of_own["as_of_date"] + pd.Timedelta(days=28) <= known]["has_returned"]
        assert row["outcomes_has_returned_mean_ever"] == pytest.approx(own.astype(float).mean(), nan_ok=True)


def test_no_cell_of_a_closed_row_changes_when_later_visits_are_cut_off(ended: Place) -> None:
    bench = Bench(ended.directory, "pop_return")
    moment = "date '2024-03-07'"
    where = f"as_of_date = {moment}"
    whole = bench.frame(where)
    assert (whole["days_ahead"] == 0).sum() < len(whole) / 2
    ended.sql(f"delete from visits where visited_at >= {moment}")
    told = [feature.name for feature in bench.features if not feature.name.startswith("outcomes")]
    pd.testing.assert_frame_equal(whole[told], bench.frame(where)[told], rtol=1e-9)


def test_rows_a_little_ahead_are_told_as_usual(clinic: Place) -> None:
    clinic.sql("delete from visits where visited_at >= timestamp '2024-12-10'")
    clinic.sql("update pop_return set has_returned = null where as_of_date > date '2024-11-12'")
    assert "days_ahead" not in {feature.name for feature in Bench(clinic.directory, "pop_return").features}


def test_spans_of_hours_are_drawn_to_the_second(clinic: Place) -> None:
    declared = clinic.directory / "models" / "clinic.yml"
    declared.write_text(declared.read_text().replace("horizon: 28 days", "horizon: 1 hour"))
    clinic.parse()
    clinic.sql("delete from visits where visited_at >= timestamp '2024-12-24 12:00:00'")
    clinic.sql(
        "update pop_return set has_returned = coalesce(has_returned, false) where as_of_date < date '2024-12-20'"
    )
    found = Bench(clinic.directory, "pop_return").frame()
    visits = clinic.sql("from visits")
    closed = found[found["as_of_date"] < pd.Timestamp("2024-12-20")]
    assert closed["days_ahead"].between(0, 3).all()
    assert (closed["days_ahead"] % 1 > 0).mean() > 0.9
    for row in closed.iloc[:: len(closed) // 40].to_dict("records"):
        known = row["as_of_date"] - pd.Timedelta(seconds=round(86400 * row["days_ahead"]))
        past = (visits["patient_id"] == row["patient_id"]) & (visits["visited_at"] < known)
        assert row["visits_ever"] == past.sum()


@pytest.mark.parametrize("kept", ["false", "visited_at < date '2024-09-01'"])
def test_where_closed_rows_know_events_no_fresher_no_row_lies_ahead(clinic: Place, kept: str) -> None:
    clinic.sql(f"delete from visits where not ({kept})")
    clinic.sql("update pop_return set has_returned = null where as_of_date > date '2024-12-01'")
    assert "days_ahead" not in {feature.name for feature in Bench(clinic.directory, "pop_return").features}
