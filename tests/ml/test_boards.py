"""The boards in a browser, on the grocer's whole data: numbers, charts, filters."""

import csv
import io
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request

from ml.boards.numbers import shown
from ml.project import Options, open_project
from ml.serving.serve import make_service
from tests.ml.conftest import MARTLET, ROOT, Built

pytest.importorskip("metricflow", reason="the extra `metrics` is not installed")

BOARDS = ("trading", "customers", "predictions")
MOST_BYTES = 400 * 1024
DRAWN = "[...document.querySelectorAll('.chart')].every(place => place.dataset.drawn)"
CHARTS = """[...document.querySelectorAll('.chart')].map(place => {
    const box = (place.querySelector('svg') || place).getBoundingClientRect();
    return [place.dataset.spec, place.dataset.drawn, box.width, box.height,
            place.querySelectorAll('svg path, svg rect').length];
})"""
# Rules of WCAG 2.0 to 2.2, levels A and AA.
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}


@pytest.fixture(scope="module")
def address(built_project: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of the grocer's boards, on this machine alone."""
    folder = tmp_path_factory.mktemp("served")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = f"{{published: {built_project.warehouse.parents[1] / 'published'}, notes: {folder}/notes.sqlite}}"
    own = {"MARTLET_WAREHOUSE": str(built_project.warehouse), "DBT_TARGET_PATH": str(built_project.target)}
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("DBT_", "MARTLET_"))} | own
    process = subprocess.Popen(
        [*MARTLET, "serve", "--port", str(port), "--vars", f"{places[:-1]}, access: {folder}/access.json}}"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        _await(f"http://127.0.0.1:{port}/health", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _await(health: str, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            httpx.get(health)
            return
        except httpx.ConnectError:
            assert process.poll() is None, process.stdout.read() if process.stdout else ""
    pytest.fail("The server does not answer.")


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page of its own for each test; what a script complains of fails the test."""
    context = chromium.new_context(viewport={"width": 1400, "height": 900})
    found = context.new_page()
    complaints: list[str] = []
    found.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    found.on("pageerror", lambda error: complaints.append(str(error)))
    yield found
    context.close()
    assert complaints == []


@pytest.fixture(scope="module")
def snapshot(built_project: Built) -> Iterator[duckdb.DuckDBPyConnection]:
    path = built_project.warehouse.parents[1] / "published" / "martlet.duckdb"
    with duckdb.connect(str(path), read_only=True) as database:
        yield database


@pytest.mark.parametrize("board", BOARDS)
def test_a_board_draws_every_chart_from_this_host_alone(page: Page, address: str, board: str) -> None:
    requests: list[Request] = []
    page.on("requestfinished", lambda request: requests.append(request))
    page.goto(f"{address}/boards/{board}")
    page.wait_for_function(DRAWN)
    for name, drawn, width, height, marks in page.evaluate(CHARTS):
        assert (drawn, width > 200, height > 100, marks > 3) == ("yes", True, True, True), name
    assert {request.url.split("/")[2] for request in requests} == {address.split("/")[2]}
    assert sum(request.sizes()["responseBodySize"] for request in requests) <= MOST_BYTES
    assert not page.locator(".refusal").count()


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 390)])
def test_a_board_is_for_everybody(chromium: Browser, address: str, board: str, scheme: str, width: int) -> None:
    """Axe finds nothing, on a desk in the light and on a phone in the dark; nothing is wider than the screen."""
    context = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    try:
        page = context.new_page()
        page.goto(f"{address}/boards/{board}")
        page.wait_for_function(DRAWN)
        for notes in page.locator("details").all():
            notes.evaluate("place => place.open = true")
        found = Axe().run(page, options=RULES)
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    finally:
        context.close()


def test_definitions_and_the_start_page_are_for_everybody_too(page: Page, address: str) -> None:
    for path in ("/", "/about/metric/average_basket_value", "/about/model/rpt_household_risk", "/signin"):
        page.goto(address + path)
        found = Axe().run(page, options=RULES)
        assert found.violations_count == 0, found.generate_report()


def test_the_numbers_are_those_of_mf_query(page: Page, address: str, built_project: Built, tmp_path: Path) -> None:
    metrics = ("revenue", "baskets", "average_basket_value", "active_households", "shelf_discount_rate")
    told = tmp_path / "told.csv"
    command = ["query", "--metrics", ",".join(metrics), "--group-by", "metric_time__month", "--csv", str(told)]
    environment = os.environ | {
        "MARTLET_WAREHOUSE": str(built_project.warehouse),
        "DBT_TARGET_PATH": str(built_project.target),
    }
    mf = ROOT / ".venv" / "bin" / "mf"
    result = subprocess.run([mf, *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    rows = {row["metric_time__month"][:7]: row for row in csv.DictReader(told.read_text().splitlines())}
    page.goto(f"{address}/boards/trading")
    units = {"revenue": "USD", "average_basket_value": "USD per basket", "shelf_discount_rate": "ratio"}
    for metric in metrics:
        tile = page.locator(f"#{metric}")
        assert tile.locator(".value a").inner_text() == shown(float(rows["2017-12"][metric]), units.get(metric, ""))
        assert tile.locator(".period").inner_text() == "Dec 2017"
        tile.locator("summary", has_text="Numbers").click()
        listed = [row.locator("td").nth(1).inner_text() for row in tile.locator("tbody tr").all()]
        known = [rows[month][metric] for month in sorted(rows, reverse=True) if month.startswith("2017-")]
        assert listed == [shown(float(value), units.get(metric, "")) for value in known]


def test_target_and_period_before_are_judged_in_words(page: Page, address: str) -> None:
    page.goto(f"{address}/boards/trading")
    revenue = page.locator("#revenue .compared li").all_inner_texts()
    assert [re.sub(r"[\d.,]+", "#", text) for text in revenue] == [
        "+# % against Nov #: better",
        "# % above the target of $#: reached",
    ]
    missed = page.locator("#private_label_share .compared li").last
    assert missed.inner_text().endswith(": missed")
    assert missed.get_attribute("class") == "bad"


def test_a_filter_changes_the_numbers_and_the_link_shows_them_again(
    page: Page, address: str, snapshot: duckdb.DuckDBPyConnection
) -> None:
    page.goto(f"{address}/boards/trading")
    page.get_by_role("combobox", name="Department").select_option("Meat")
    page.get_by_label("From").fill("2017-03-15")
    page.get_by_label("To", exact=True).fill("2017-10-20")
    page.get_by_role("button", name="Apply").press("Enter")
    page.wait_for_url("**department=Meat**")
    sold = "select sum(sales_value) from marts.fct_basket_items where department = 'Meat' and trading_date"
    (expected,) = snapshot.execute(f"{sold} between '2017-10-01' and '2017-10-31'").fetchone() or (None,)
    assert page.locator("#revenue .value").inner_text() == f"{shown(float(expected), 'USD')} Oct 2017"
    assert "target" not in page.locator("#revenue .compared").inner_text(), "a target holds for the whole only"
    assert page.locator("#revenue table tbody tr").count() == 8
    assert "Not filtered by department." in page.locator("#campaign_reach").inner_text()
    assert set(page.locator("#departments tbody td:nth-child(2)").all_inner_texts()) == {"Meat"}
    again = page.context.new_page()
    again.goto(page.url)
    assert again.locator("#revenue .value").inner_text() == page.locator("#revenue .value").inner_text()
    assert again.get_by_role("combobox", name="Department").input_value() == "Meat"
    page.get_by_role("link", name="Reset").click()
    assert page.locator("#revenue .period").inner_text() == "Dec 2017"


@pytest.mark.parametrize("board", ["trading", "customers"])
def test_every_number_leads_to_its_definition(page: Page, address: str, board: str) -> None:
    page.goto(f"{address}/boards/{board}")
    links = [one.get_attribute("href") or "" for one in page.locator(".value a, .tile h2 a").all()]
    assert len(links) > 15
    for link in sorted(set(links)):
        page.goto(address + link)
        text = page.locator("main").inner_text()
        assert "Owner" in text, link
        assert "Data until" in text or "dim_" in link, link
        assert "Lineage" in text, link
        assert ("Formula" in text and "mf query --metrics" in text) == ("/metric/" in link), link
    page.goto(f"{address}/about/metric/average_basket_value")
    page.get_by_role("link", name="baskets", exact=True).click()
    assert "count_distinct(basket_id) of fct_basket_items" in page.locator("main").inner_text()


def test_a_table_is_searched_sorted_turned_over_and_taken_along(
    page: Page, address: str, snapshot: duckdb.DuckDBPyConnection
) -> None:
    page.goto(f"{address}/boards/customers")
    risk = page.locator("#at_risk")

    def first(column: int) -> list[str]:
        return risk.locator(f"tbody td:nth-child({column})").all_inner_texts()

    listed = "select cast(household_id as varchar) from reporting.rpt_household_risk where is_at_risk"
    known = [key for (key,) in snapshot.execute(f"{listed} order by expected_loss desc").fetchall()]
    assert first(1) == known[:15]
    risk.get_by_role("link", name="Next").click()
    assert first(1) == known[15:30]
    risk.get_by_role("link", name="Household id").click()
    known = [key for (key,) in snapshot.execute(f"{listed} order by household_id").fetchall()]
    assert first(1) == known[:15]
    assert risk.locator("th", has_text="Household id").get_attribute("aria-sort") == "ascending"
    risk.get_by_role("searchbox").fill("critical")
    risk.get_by_role("button", name="Search").click()
    assert set(first(3)) == {"Critical"}
    assert first(1) == sorted(first(1), key=int), "it is still sorted"
    with page.expect_download() as download:
        risk.get_by_role("link", name="CSV").click()
    (total,) = snapshot.execute(f"select count(*) from ({listed} and risk_band = 'Critical')").fetchone() or (0,)
    rows = list(csv.DictReader(Path(download.value.path()).read_text().splitlines()))
    assert len(rows) == total
    assert {row["risk_band"] for row in rows} == {"Critical"}


def test_a_reason_leads_to_what_its_feature_means(page: Page, address: str) -> None:
    page.goto(f"{address}/boards/customers")
    page.locator("#at_risk tbody td:nth-child(8) a").first.click()
    page.wait_for_url("**/about/model/feat_household_lapse#*")
    assert page.locator("tr:target td").last.inner_text()


def test_a_board_can_be_read_without_script_printed_and_used_by_keyboard(chromium: Browser, address: str) -> None:
    context = chromium.new_context(java_script_enabled=False)
    bare = context.new_page()
    bare.goto(f"{address}/boards/trading")
    assert bare.locator("#revenue .value a").inner_text().startswith("$")
    bare.keyboard.press("Tab")
    bare.keyboard.press("Enter")
    assert bare.url.endswith("#main"), "the first stop leads past the navigation"
    bare.emulate_media(media="print")
    assert bare.locator("#revenue .value").is_visible()
    assert not bare.get_by_role("button", name="Apply").is_visible()
    assert len(bare.pdf()) > 20_000
    context.close()


def test_notes_and_targets_are_left_in_the_page(page: Page, address: str) -> None:
    page.goto(f"{address}/boards/trading?department=Meat")
    tile = page.locator("#revenue")
    tile.locator("summary", has_text="Notes").click()
    tile.get_by_label("Note", exact=True).fill("Scales broke in <b>shop 12</b>.")
    tile.get_by_label("About the day").fill("2017-11-20")
    tile.get_by_role("button", name="Leave note").click()
    page.wait_for_url("**department=Meat#revenue")
    assert "Scales broke in <b>shop 12</b>. about 2017-11-20" in tile.locator(".notes li").inner_text()
    page.goto(f"{address}/boards/trading")
    tile.get_by_label("Target for").select_option("Dec 2017")
    tile.get_by_role("spinbutton").fill("500000")
    tile.get_by_label("Why").fill("a new shop")
    tile.get_by_role("button", name="Set target").click()
    page.wait_for_url("**/boards/trading#revenue")
    assert "below the target of $500,000: missed" in tile.locator(".compared").inner_text()
    assert "500,000 (a new shop)" in tile.locator(".notes").inner_text()


def test_fifty_people_at_once_see_the_same_board(address: str) -> None:
    def look(_: int) -> tuple[int, str]:
        answer = httpx.get(f"{address}/boards/trading", timeout=60)
        return answer.status_code, re.search(r'id="revenue".*?class="value".*?>(\$[\d,]+)<', answer.text, re.S)[1]

    with ThreadPoolExecutor(50) as people:
        assert len(set(people.map(look, range(50)))) == 1


def test_an_address_that_makes_no_sense_is_told_so(page: Page, address: str) -> None:
    for path, code, message in (
        ("/boards/trade", 404, "There is no board 'trade'."),
        ("/boards/trading?since=soon", 400, "'since' must be a day such as 2017-12-31, not 'soon'."),
        ("/boards/customers?at_risk.sort=nothing", 400, "has no column 'nothing'"),
        ("/about/metric/revenu", 404, "There is no metric 'revenu'."),
        ("/cards/../../etc/passwd", 404, ""),
    ):
        answer = httpx.get(address + path, headers={"Accept": "text/html"})
        assert (answer.status_code, message in answer.text.replace("&#39;", "'")) == (code, True), path
    elsewhere = httpx.get(f"{address}/boards/trading", headers={"Host": "evil.example"})
    assert elsewhere.status_code == 400, "another name for this machine is not answered"


def test_a_role_gets_metrics_of_its_rows(
    built_project: Built, snapshot: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The row filter reaches into metrics: by the dimension of the column's name."""
    from fastapi.testclient import TestClient

    from ml.serving.app import make_app

    monkeypatch.setenv("DBT_TARGET_PATH", str(built_project.target))
    folder = built_project.warehouse.parents[1]
    roles = "{young: {rows: {age_band: ['19-24']}}}"
    given = f"{{published: {folder / 'published'}, access: {tmp_path / 'roles.json'}, roles: {roles}}}"
    service = make_service(open_project(Options(project_dir=str(ROOT), vars=given)))
    secret = service.tokens.add("young", ("metrics", "predictions"), "young", service.roles)
    client, own = TestClient(make_app(service)), {"Authorization": f"Bearer {secret}"}
    told = client.get("/metrics/revenue?by=household__age_band", headers=own).json()
    sold = "select sum(sales_value) from marts.fct_basket_items join marts.dim_households using (household_id)"
    (expected,) = snapshot.execute(f"{sold} where age_band = '19-24'").fetchone() or (None,)
    assert [(row["household__age_band"], row["revenue"]) for row in told] == [("19-24", float(expected))]
    lines = client.get("/metrics/revenue?format=csv", headers=own).text.splitlines()
    assert float(list(csv.reader(io.StringIO("\n".join(lines))))[1][0]) == float(expected)
    refused = client.get("/metrics/campaign_reach?by=nothing", headers=own)
    assert (refused.status_code, "can't be grouped by nothing" in refused.json()["detail"]) == (400, True)
    client.post("/signin", data={"token": secret})
    board = client.get("/boards/trading").text
    assert shown(_of_month(snapshot, "2017-12"), "USD") in board
    assert "rpt_trading_department_weeks can't be limited to your rows" in board.replace("&#39;", "'")


def _of_month(snapshot: duckdb.DuckDBPyConnection, month: str) -> float:
    sql = """
        select sum(sales_value) from marts.fct_basket_items join marts.dim_households using (household_id)
        where age_band = '19-24' and strftime(trading_date, '%Y-%m') = ?
    """
    return float((snapshot.execute(sql, [month]).fetchone() or (0,))[0])
