"""Time travel on a kiosk's year of orders: a replay knows nothing of its future, is resumed, and meets its outcomes."""

import json
import re
import shutil
import signal
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from ml.learning.measures import lift_top_decile
from tests.ml.conftest import ROOT, Place

KIOSK = ROOT / "tests" / "projects" / "kiosk"
DATES = ("--from", "2024-07-01", "--to", "2024-09-23", "--every", "7d")


def kiosk_in(directory: Path) -> Place:
    return Place(directory, directory / "warehouse" / "replay" / "kiosk.duckdb", directory / "target")


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Thirteen weeks, interrupted in the middle and taken up again."""
    directory = tmp_path_factory.mktemp("replay") / "kiosk"
    shutil.copytree(KIOSK, directory)
    kiosk = kiosk_in(directory)
    process = kiosk.start("replay", *DATES)
    assert process.stdout is not None
    for line in process.stdout:  # until the fourth date is being worked on
        if re.search(r"build 2024-07-22", line):
            process.send_signal(signal.SIGINT)
            break
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1, errors
    assert "Interrupted" in errors
    done = json.loads((kiosk.warehouse.parent / "replay.json").read_text())["done"]
    assert len(done) == 3
    result = kiosk.martlet("replay", *DATES)
    assert result.exit_code == 0, result.output
    assert "10 dates replayed" in result.stdout
    return kiosk


def test_each_row_was_scored_once_before_its_outcome_and_met_it_afterwards(replayed: Place) -> None:
    assert not (replayed.directory / "kiosk.duckdb").exists(), "the live warehouse is not touched"
    rows = replayed.sql(
        "select as_of_date, count(*) as rows, count(distinct customer_id) as customers from ml.order_again "
        "group by 1 order by 1"
    )
    dates = pd.date_range("2024-06-24", "2024-09-23", freq="7D")  # two as-ofs were open at the first date
    assert rows["as_of_date"].tolist() == list(dates)
    assert (rows["rows"] == rows["customers"]).all()
    judged = replayed.sql("select * from ml.performance order by as_of, measured_at").drop_duplicates(
        "as_of", keep="last"
    )
    assert judged["as_of"].tolist() == list(dates)
    assert (judged["ripe_rows"] == judged["rows"]).all()
    assert judged["is_champion"].all()
    assert (judged["value"] > 0.6).all()
    assert (judged["predicted_mean"] - judged["actual_mean"]).abs().mean() < 0.05
    assert not judged["is_below_announced"].any()
    assert ((judged["lift_lower"] <= judged["lift"]) & (judged["lift"] <= judged["lift_upper"])).all()
    joined = replayed.sql(
        "select orders_again, prediction from ml.order_again join feat_order using (customer_id, as_of_date) "
        f"where as_of_date = '{dates[3].date()}'"
    )
    weights = np.ones((1, len(joined)))
    (expected,) = lift_top_decile(joined["orders_again"].to_numpy(float), joined["prediction"].to_numpy(), weights)
    assert judged["lift"].iloc[3] == pytest.approx(expected)


def test_clean_weeks_raise_no_alarm(replayed: Place) -> None:
    drift = replayed.sql("select * from ml.drift")
    assert len(drift[["as_of", "feature"]].drop_duplicates()) >= 14 * 7
    assert drift[drift["is_alarm"]][["as_of", "feature", "statistic", "value"]].to_numpy().tolist() == []


def test_a_date_knows_nothing_of_what_came_later(replayed: Place, tmp_path: Path) -> None:
    directory = tmp_path / "kiosk"
    shutil.copytree(KIOSK, directory)
    model = directory / "models" / "orders.sql"
    # A world that ends at the date: what is later was never written down.
    model.write_text(model.read_text().replace("range(0, 366)", "range(0, 182)"))
    declaration = directory / "models" / "kiosk.yml"  # and nobody is asked, for nobody lived then
    declaration.write_text(declaration.read_text().replace("horizon:", "promote: manual\n          horizon:"))
    other = kiosk_in(directory)
    assert other.martlet("replay", "--from", "2024-07-01", "--to", "2024-07-01").exit_code == 0
    sql = "select customer_id, as_of_date, prediction from ml.order_again where as_of_date <= '2024-07-01' order by all"
    ours, theirs = replayed.sql(sql), other.sql(sql)
    assert len(ours) > 900
    pd.testing.assert_frame_equal(ours, theirs)


def test_a_finished_replay_may_be_prolonged_and_another_one_is_refused(replayed: Place, tmp_path: Path) -> None:
    again = replayed.martlet("replay", *DATES[:2], "--to", "2024-09-30", "--every", "7 days")
    assert again.exit_code == 0, again.output
    assert "1 dates replayed" in again.stdout
    other = replayed.martlet("replay", *DATES[:4], "--every", "14d")
    assert other.exit_code == 2
    assert "holds another replay (every differ)" in other.stderr
    assert "--fresh" in other.stderr
    backwards = replayed.martlet("replay", "--from", "2024-09-30", "--to", "2024-07-01")
    assert (backwards.exit_code, "lies before" in backwards.stderr) == (2, True)


def test_a_project_without_time_travel_is_refused(cellar: Place) -> None:
    result = cellar.martlet("replay", *DATES)
    assert result.exit_code == 2
    assert "nothing reads var 'as_of'" in result.stderr
    assert not (cellar.directory / "warehouse" / "replay").exists()


def test_a_model_that_knows_the_future_is_refused(tmp_path: Path) -> None:
    directory = tmp_path / "kiosk"
    shutil.copytree(KIOSK, directory)
    model = directory / "models" / "feat_order.sql"
    text = model.read_text()
    start, end = text.index("{% if"), text.index("{% endif %}")
    model.write_text(text[:start] + "date '2024-12-30'" + text[end + len("{% endif %}") :])
    result = kiosk_in(directory).martlet("replay", *DATES)
    assert result.exit_code == 1
    assert "feat_order knows more than could be known at 2024-07-01" in result.stderr


def test_sources_that_are_tables_of_the_live_warehouse_are_copied(tmp_path: Path) -> None:
    directory = tmp_path / "kiosk"
    shutil.copytree(KIOSK, directory)
    kiosk = kiosk_in(directory)
    text = (directory / "models" / "orders.sql").read_text()
    start, end = text.index("{% if var('as_of')"), text.index("{% endif %}", text.index("{% if var('as_of')"))
    text = re.sub(r"{{ .*? }}", "2024-12-30", text[:start] + "true" + text[end + len("{% endif %}") :])
    text = text.replace("{% if var('fault') == 'doubles' %}2{% else %}1{% endif %}", "1")
    with duckdb.connect(str(directory / "kiosk.duckdb")) as live:
        live.execute(f"create schema raw; create table raw.orders as {text}")
    before = (directory / "kiosk.duckdb").stat().st_mtime_ns
    (directory / "models" / "orders.sql").write_text(
        "select * from {{ source('raw', 'orders') }} "
        "where ordered_on < cast('{{ var(\"as_of\") or '2024-12-30' }}' as timestamp)"
    )
    (directory / "models" / "sources.yml").write_text("sources: [{name: raw, tables: [{name: orders}]}]")
    result = kiosk.martlet("replay", "--from", "2024-05-27", "--to", "2024-06-03")
    assert result.exit_code == 0, result.output
    assert kiosk.count("ml.order_again") > 900
    assert (directory / "kiosk.duckdb").stat().st_mtime_ns == before
