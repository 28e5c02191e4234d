"""Who sees what on pages, and what people write there: sessions, forms, row filters, notes, decisions, declarations."""

import csv
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from ml.project import Options, open_project
from ml.serving.app import make_app
from ml.serving.serve import make_service
from tests.ml.conftest import CELLAR, Place

ROLES = (
    "roles: {piedmont: {rows: {cultivar: [barolo, barbera]}}, nowhere: {rows: {country: [it]}}, full: {personal: true}}"
)
BOARD = """
models:
  - name: feat_alcohol
    description: "One row per bottle. <script>alert(1)</script> **Old** ones too."
    columns:
      - {name: proline, config: {meta: {contains_pii: true}}}
exposures:
  - name: bottles
    label: Bottles
    type: dashboard
    owner: {name: Cellar master}
    depends_on: [ref('feat_alcohol')]
    config:
      meta:
        martlet:
          filters:
            - {name: cultivar, model: feat_alcohol}
            - {name: prediction_name, model: feat_alcohol}
          tiles:
            - {name: list, model: feat_alcohol, label: All bottles, order: [-ash], rows: 5}
            - name: chart
              model: feat_alcohol
              chart: {mark: point, encoding: {x: {field: ash}, y: {field: malic_acid}, color: {field: cultivar}}}
            - {show: runs}
"""


@pytest.fixture(scope="module")
def bottles(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A cellar with a board, after a run in which a person was asked to promote."""
    directory = tmp_path_factory.mktemp("boards") / "cellar"
    shutil.copytree(CELLAR, directory)
    project, models = directory / "dbt_project.yml", directory / "models" / "cellar.yml"
    text = project.read_text().replace("+materialized: table", "+materialized: table\n    +access: public")
    project.write_text(text.replace("vars: {", f"vars: {{{ROLES}, "))
    declared = models.read_text().replace("  - name: feat_alcohol\n", "", 1)
    manual = "          entity: bottle\n          promote: manual\n          approvers: [ada, bob]\n"
    models.write_text(declared.replace("          entity: bottle\n", manual, 1))
    board = BOARD.replace("            - {name: prediction_name, model: feat_alcohol}\n", "")
    (directory / "models" / "board.yml").write_text(board)
    place = Place(directory, directory / "cellar.duckdb", directory / "target")
    result = place.martlet("run")
    assert "asked to promote" in result.output or place.count("ml.decisions") == 2, result.output
    return place


@pytest.fixture
def open_page(bottles: Place) -> Iterator[Callable[..., TestClient]]:
    """Opens a browser at the boards; with a token's name and scopes it is signed in. All tokens are gone before."""
    access = bottles.directory / "warehouse" / "access.json"
    access.unlink(missing_ok=True)
    (bottles.directory / "warehouse" / "notes.sqlite").unlink(missing_ok=True)
    service = make_service(open_project(Options(project_dir=str(bottles.directory))))
    clients = []

    def opened(name: str = "", *scopes: str, role: str = "") -> TestClient:
        client = TestClient(make_app(service), headers={"Accept": "text/html"})
        clients.append(client)
        if name:
            secret = service.tokens.add(name, scopes, role, service.roles)
            assert client.post("/signin", data={"token": secret, "back": "/boards/bottles"}).status_code == 200
        return client

    yield opened
    for client in clients:
        client.close()


def csrf_of(page: str) -> str:
    return (re.search(r'name="csrf" value="([^"]+)"', page) or ["", ""])[1]


def test_who_is_not_signed_in_is_led_to_it_and_back(open_page: Callable[..., TestClient], bottles: Place) -> None:
    open_page("reader", "metrics", "predictions")
    stranger = open_page()
    led = stranger.get("/boards/bottles?cultivar=barolo", follow_redirects=False)
    assert (led.status_code, led.headers["location"]) == (303, "/signin?back=/boards/bottles%3Fcultivar%3Dbarolo")
    wrong = stranger.post("/signin", data={"token": "martlet_wrong"})
    assert (wrong.status_code, "not known" in wrong.text) == (401, True)
    made_up = TestClient(stranger.app, cookies={"martlet_session": "eyJjc3JmIjoieCJ9.x.y"})
    assert made_up.get("/boards/bottles", follow_redirects=False).status_code == 303
    secret = bottles.martlet("token", "late", "--scope", "predictions").stdout.strip().rsplit(" ", 1)[1]
    back = stranger.post("/signin", data={"token": secret, "back": "/boards/bottles"}, follow_redirects=False)
    assert back.headers["location"] == "/boards/bottles"
    cookie = back.headers["set-cookie"].lower()
    assert all(word in cookie for word in ("httponly", "samesite=strict", "max-age"))
    assert secret not in cookie
    assert stranger.get("/boards/bottles").status_code == 200
    assert bottles.martlet("token", "late", "--revoke").exit_code == 0
    assert "Sign in" in stranger.get("/boards/bottles").text, "a revoked token ends its sessions"
    for elsewhere in ("https://evil.example", "//evil.example", "/\\evil.example"):
        sent = stranger.post("/signin", data={"token": "x", "back": elsewhere})
        assert 'value="/"' in sent.text, elsewhere


def test_a_form_counts_only_from_the_page_and_with_the_scope(open_page: Callable[..., TestClient]) -> None:
    writer, reader = open_page("ada", "metrics", "note"), open_page("bob", "metrics")
    page = writer.get("/boards/bottles").text
    note = {"note": "Corked.", "csrf": csrf_of(page)}
    assert writer.post("/boards/bottles/list/notes", data=note | {"csrf": "guessed"}).status_code == 403
    assert writer.post("/boards/bottles/list/notes", data={"note": "Corked."}).status_code == 422
    other = note | {"csrf": csrf_of(reader.get("/boards/bottles").text)}
    assert writer.post("/boards/bottles/list/notes", data=other).status_code == 403, "another's form"
    refused = reader.post("/boards/bottles/list/notes", data=other)
    assert (refused.status_code, "lacks the scope" in refused.text) == (403, True)
    assert "Leave note" not in reader.get("/boards/bottles").text
    kept = writer.post("/boards/bottles/list/notes", data=note)
    assert "Corked." in kept.text
    assert "Corked." in reader.get("/boards/bottles").text, "everybody sees it"
    assert writer.post("/boards/bottles/nothing/notes", data=note).status_code == 404
    assert writer.post("/boards/bottles/runs/notes", data=note).status_code == 403, "a tile that is not seen"
    out = writer.post("/signout", data={"csrf": csrf_of(page)}, follow_redirects=False)
    assert out.headers["location"] == "/signin"
    assert "Sign in" in writer.get("/boards/bottles").text


def test_nothing_that_is_written_is_run(open_page: Callable[..., TestClient]) -> None:
    page = open_page()
    first = page.get("/boards/bottles")
    note = {"note": "<img src=x onerror=alert(1)></script>", "csrf": csrf_of(first.text)}
    shown = page.post("/boards/bottles/list/notes", data=note)
    assert "&lt;img src=x" in shown.text
    assert "<img src=x" not in shown.text
    about = page.get("/about/model/feat_alcohol").text
    assert "<script>alert" not in about
    assert "<strong>Old</strong>" in about
    policy = first.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "default-src 'none'" in policy


def test_what_people_wrote_is_listed_and_exported_as_seeds(
    open_page: Callable[..., TestClient], bottles: Place, tmp_path: Path
) -> None:
    page = open_page()
    note = {"note": 'Two, "three"', "about_date": "2026-11-01", "csrf": csrf_of(page.get("/boards/bottles").text)}
    page.post("/boards/bottles/chart/notes", data=note)
    listed = bottles.martlet("notes")
    assert (listed.exit_code, "bottles" in listed.stdout) == (0, True)
    result = bottles.martlet("notes", "--to", str(tmp_path / "seeds"))
    assert result.exit_code == 0, result.output
    with (tmp_path / "seeds" / "board_notes.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["tile"], row["note"], row["about_date"]) == ("chart", 'Two, "three"', "2026-11-01")
    assert (tmp_path / "seeds" / "board_targets.csv").read_text().startswith("metric,grain,starts_on,target_value,")


def test_a_role_sees_its_rows_by_no_page_any_others(open_page: Callable[..., TestClient], bottles: Place) -> None:
    own = open_page("leaflet", "predictions", "metrics", role="piedmont")
    hidden = bottles.sql("select bottle from feat_alcohol where cultivar = 'grignolino'")["bottle"].astype(str)
    known = set(bottles.sql("select bottle from feat_alcohol where cultivar <> 'grignolino'")["bottle"].astype(str))
    queries = (
        *("", "?list.sort=ash", "?list.sort=-cultivar", "?list.page=3", "?list.page=999", "?list.search=grignolino"),
        *(
            "?cultivar=grignolino",
            "?cultivar=barolo&cultivar=grignolino",
            "?list.search=%25",
            "?cultivar=%27%20or%201=1--",
        ),
    )
    for query in queries:
        page = own.get(f"/boards/bottles{query}")
        assert page.status_code == 200, query
        told = re.sub(r"(value=\"|cultivar=|search=)grignolino", "", page.text)
        assert "grignolino" not in told, query
        for tile in ("list", "chart"):
            lines = list(csv.DictReader(own.get(f"/boards/bottles/{tile}.csv{query}").text.splitlines()))
            assert {row["cultivar"] for row in lines} <= {"barolo", "barbera"}, query
            if tile == "list":
                assert {row["bottle"] for row in lines} <= known - set(hidden), query
    assert len(list(csv.DictReader(own.get("/boards/bottles/list.csv").text.splitlines()))) == len(known)
    error = own.get("/boards/bottles?list.sort=grignolino")
    assert (error.status_code, "has no column" in error.text) == (400, True)
    assert "can&#39;t be limited to your rows" in own.get("/boards/bottles").text, "the tile of runs"
    assert own.get("/about/model/feat_alcohol").status_code == 200
    elsewhere = open_page("elsewhere", "predictions", "metrics", role="nowhere")
    page = elsewhere.get("/boards/bottles").text
    assert page.count("can&#39;t be limited to your rows") == 3
    assert elsewhere.get("/boards/bottles/list.csv").status_code == 403


def test_a_note_of_others_is_not_for_who_sees_some_rows_only(open_page: Callable[..., TestClient]) -> None:
    writer, own = open_page("ada", "metrics", "note"), open_page("leaf", "metrics", "note", role="piedmont")
    for person, text in ((writer, "Bottle 77 leaks."), (own, "Mine is fine.")):
        form = {"note": text, "csrf": csrf_of(person.get("/boards/bottles").text)}
        assert person.post("/boards/bottles/list/notes", data=form).status_code == 200
    assert "Bottle 77 leaks." not in own.get("/boards/bottles").text
    assert "Mine is fine." in own.get("/boards/bottles").text
    assert "Mine is fine." in writer.get("/boards/bottles").text


def test_a_personal_column_needs_a_role_that_may_see_it(open_page: Callable[..., TestClient], bottles: Place) -> None:
    plain, full = open_page("plain", "predictions", "metrics"), open_page("full", "predictions", "metrics", role="full")
    secret = str(bottles.sql("select proline from feat_alcohol order by ash desc")["proline"][0])
    for path in ("/boards/bottles", "/boards/bottles/list.csv", "/about/model/feat_alcohol"):
        assert "roline" not in plain.get(path).text, path
        assert "roline" in full.get(path).text, path
    searched = plain.get(f"/boards/bottles/list.csv?list.search={secret}").text.splitlines()
    assert all(secret in line for line in searched[1:]), "a hidden column is not searched"
    sorted_by = [person.get("/boards/bottles/list.csv?list.sort=proline").text.splitlines() for person in (plain, full)]
    assert sorted_by[0] == plain.get("/boards/bottles/list.csv").text.splitlines(), "what is hidden does not sort"
    values = [float(row["proline"]) for row in csv.DictReader(sorted_by[1])]
    assert values == sorted(values)


def test_scopes_hold_on_pages(open_page: Callable[..., TestClient]) -> None:
    scorer = open_page("scorer", "score")
    assert scorer.get("/boards/bottles").text.count("lacks the scope") == 3
    assert scorer.get("/boards/bottles/list.csv").status_code == 403
    assert scorer.get("/about/model/feat_alcohol").status_code == 403


def test_a_run_that_waits_is_approved_in_the_page(
    open_page: Callable[..., TestClient], bottles: Place, holder: "Callable[[Path], subprocess.Popen[str]]"
) -> None:
    run_id = str(bottles.sql("select run_id from ml.runs where prediction = 'cultivar'")["run_id"][0])
    bob, eve = open_page("bob", "predictions", "approve"), open_page("eve", "predictions", "approve")
    page = bob.get("/boards/bottles")
    assert "waits for approval" in page.text
    form = {"run_id": run_id, "decision": "approved", "reason": "tasted it", "back": "/boards/bottles#runs"}
    told = eve.post("/decisions", data=form | {"csrf": csrf_of(eve.get("/boards/bottles").text)}).text
    assert "eve is no approver of cultivar: ada, bob are" in told, "what the command line refuses is refused here"
    wrong = form | {"csrf": csrf_of(page.text), "decision": "adored"}
    assert bob.post("/decisions", data=wrong).status_code == 400
    process = holder(bottles.warehouse)
    told = bob.post("/decisions", data=form | {"csrf": csrf_of(page.text)}).text
    assert "approved by bob: waits" in told
    assert 'value="approved"' not in told, "nobody decides twice"
    assert process.stdin is not None
    process.stdin.close()
    process.wait()
    result = bottles.martlet("run")
    assert f"{run_id} was approved by bob in the page: in force." in result.output
    decided = bottles.sql("select decision, actor, reason from ml.decisions where prediction = 'cultivar'")
    assert ("approved", "bob", "tasted it") in decided.itertuples(index=False, name=None)
    assert bottles.count("ml.cultivar") > 0, "the champion scores"
    assert "champion" in bob.get("/boards/bottles").text


@pytest.mark.parametrize(
    ("was", "now", "message"),
    [
        (
            "model: feat_alcohol, label",
            "model: feat_alcohl, label",
            "'feat_alcohl' is no public model. Did you mean 'feat_alcohol'?",
        ),
        ("order: [-ash]", "order: [-ahs]", "tile 1 ('list'): feat_alcohol has no column 'ahs'. Did you mean 'ash'?"),
        ("rows: 5", "rows: 0", "tile 1 ('list'): 'rows' must be at least 1, not 0."),
        ("rows: 5", "row: 5", "tile 1 ('list'): unknown key 'row'. Did you mean 'rows'?"),
        ("field: ash", "field: ahs", "tile 2 ('chart'): feat_alcohol has no column 'ahs'."),
        ("show: runs", "show: run", "tile 3 ('run'): show 'run' is unknown. Did you mean 'runs'?"),
        ("name: chart", "name: list", "two tiles are called 'list'."),
        ("name: chart", "name: The chart", "must be of small letters"),
        ("{show: runs}", "{label: Runs}", "tile 3: give one of 'metric', 'model' or 'show: runs'."),
        ("{show: runs}", "{metric: revenue}", "there is no metric 'revenue'. Metrics need `martlet[metrics]`"),
        ("{name: cultivar, model", "{name: cultivra, model", "filter 1: feat_alcohol has no column 'cultivra'."),
        ("tiles:", "grain: moth\n          tiles:", "grain 'moth' is unknown. Did you mean 'month'?"),
    ],
)
def test_a_wrong_declaration_is_told_with_file_tile_and_remedy(
    bottles: Place, tmp_path: Path, was: str, now: str, message: str
) -> None:
    directory = tmp_path / "cellar"
    shutil.copytree(bottles.directory, directory, symlinks=True)
    board = directory / "models" / "board.yml"
    assert was in board.read_text()
    board.write_text(board.read_text().replace(was, now, 1))
    place = Place(directory, directory / "cellar.duckdb", directory / "target")
    place.parse()
    result = place.martlet("serve")
    assert result.exit_code == 2
    assert message in result.stderr.replace("\n", " ")
    assert "models/board.yml: exposure 'bottles'" in result.stderr.replace("\n", " ")
