"""Features of the season: what came after the same day of a year before."""

import pandas as pd
import pytest

from tests.ml.bench import Bench
from tests.ml.conftest import Place

HORIZON, YEAR = pd.Timedelta(days=28), pd.Timedelta(days=364)
END = pd.Timestamp("2024-11-01")  # nothing is known from here on


@pytest.fixture
def seasonal(clinic: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """The clinic as if its one and a half years of outcomes were many."""
    monkeypatch.setattr("ml.features.windows.YEARS", 1)
    return clinic


def test_a_season_is_what_came_after_the_same_day_of_a_year_before(seasonal: Place) -> None:
    checked = compare_with_visits(seasonal, Bench(seasonal.directory, "pop_return").frame())
    assert checked > 20


def test_rows_ahead_are_told_of_the_season_of_their_as_of(seasonal: Place) -> None:
    seasonal.sql(f"delete from visits where visited_at >= timestamp '{END}' - interval 60 day")
    seasonal.sql(f"update pop_return set has_returned = null where as_of_date + interval 88 day > timestamp '{END}'")
    bench = Bench(seasonal.directory, "pop_return")
    found = bench.frame()
    assert found["days_ahead"].max() > 60
    assert compare_with_visits(seasonal, found) > 20
    told = next(one for one in bench.features if one.name == "visits_year_before")
    assert told.description == "Rows of visits, in the 28 days that are to be predicted, a year (364 days) earlier."


def compare_with_visits(place: Place, found: pd.DataFrame) -> int:
    """Look at some rows; the number of those that have a season."""
    visits, outcomes = place.sql("from visits"), place.sql("from pop_return where has_returned is not null")
    checked, stepped = 0, 0
    for row in found.iloc[:: len(found) // 80].to_dict("records"):
        start = row["as_of_date"] - YEAR
        own = visits[visits["patient_id"] == row["patient_id"]]
        inside = own[(own["visited_at"] >= start) & (own["visited_at"] < start + HORIZON)]
        is_known = (own["visited_at"] < start).any()
        assert row["visits_year_before"] == pytest.approx(len(inside) if is_known else float("nan"), nan_ok=True)
        known = row["as_of_date"] - pd.Timedelta(days=row.get("days_ahead", 0)) - YEAR
        before = own[(own["visited_at"] >= known - 4 * HORIZON) & (own["visited_at"] < known)]
        if (own["visited_at"] < known - 4 * HORIZON).any() and len(before):
            assert row["visits_year_before_step"] == pytest.approx(4 * len(inside) / len(before))
            stepped += 1
        of_own = outcomes[outcomes["patient_id"] == row["patient_id"]]
        then = of_own[(of_own["as_of_date"] <= start) & (of_own["as_of_date"] + HORIZON > start)]["has_returned"]
        mean = then.astype(float).mean()
        assert row["outcomes_has_returned_mean_year_before"] == pytest.approx(mean, nan_ok=True)
        checked += is_known and len(then) > 0
    assert stepped > 10
    return checked
