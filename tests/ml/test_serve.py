"""The API: the same numbers as the warehouse, to whoever may see them and to nobody else."""

import json
import socket
import subprocess
import time
from collections.abc import Iterator

import httpx
import pyarrow as pa
import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings

from ml.project import Options, open_project
from ml.serving.app import make_app
from ml.serving.guards import REQUESTS_A_MINUTE
from ml.serving.serve import make_service
from tests.ml.conftest import CELLAR, MARTLET, Place

ROLES = "roles: {piedmont: {rows: {cultivar: [barolo, barbera]}}, nowhere: {rows: {country: [it]}}}"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A cellar whose feature models are public, after a run; its vars name two roles."""
    import shutil

    directory = tmp_path_factory.mktemp("served") / "cellar"
    shutil.copytree(CELLAR, directory)
    project = directory / "dbt_project.yml"
    text = project.read_text().replace("+materialized: table", "+materialized: table\n    +access: public")
    project.write_text(text.replace("vars: {", f"vars: {{{ROLES}, "))
    place = Place(directory, directory / "cellar.duckdb", directory / "target")
    result = place.martlet("run")
    assert result.exit_code == 0, result.output
    return place


@pytest.fixture
def api(served: Place) -> Iterator[TestClient]:
    """The API over it, without any token."""
    (served.directory / "warehouse" / "access.json").unlink(missing_ok=True)
    service = make_service(open_project(Options(project_dir=str(served.directory))))
    with TestClient(make_app(service)) as client:
        yield client


def token(served: Place, name: str, *options: str) -> dict[str, str]:
    result = served.martlet("token", name, *options)
    assert result.exit_code == 0, result.output
    return {"Authorization": f"Bearer {result.stdout.strip().rsplit(' ', 1)[1]}"}


def test_predictions_are_those_of_the_warehouse_in_every_form(api: TestClient, served: Place) -> None:
    ours = served.sql("select bottle, prediction from ml.alcohol order by bottle")
    given = api.get("/predictions/alcohol").json()
    assert [(row["bottle"], row["prediction"]) for row in given] == ours.to_records(index=False).tolist()
    assert given[0]["reasons"][0].keys() == {"feature", "value", "contribution"}
    lines = api.get("/predictions/alcohol?format=csv").text.splitlines()
    assert len(lines) == len(ours) + 1
    with pa.ipc.open_stream(api.get("/predictions/alcohol?format=arrow").content) as stream:
        assert stream.read_all()["prediction"].to_pylist() == ours["prediction"].tolist()
    highest = api.get("/predictions/alcohol?highest_first=true&limit=3").json()
    assert [row["prediction"] for row in highest] == sorted(ours["prediction"], reverse=True)[:3]
    (one,) = api.get("/predictions/alcohol/8").json()
    assert one["bottle"] == 8
    assert api.get("/predictions/alcohol/9999").status_code == 404
    assert "GET /predictions lists them" in api.get("/predictions/alcohl").json()["detail"]


def test_a_look_up_by_key_says_what_the_table_says(api: TestClient, served: Place) -> None:
    listed = {row["bottle"]: row for row in api.get("/predictions/alcohol").json()}
    assert len(listed) == served.count("ml.alcohol")
    by_key = {key: api.get(f"/predictions/alcohol/{key}") for key in listed}
    assert {key: answer.json() for key, answer in by_key.items()} == {key: [row] for key, row in listed.items()}
    again = api.get("/predictions/alcohol/8", headers={"If-None-Match": by_key[8].headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    # A snapshot of an older Martlet has no look-ups beside it.
    for file in (served.directory / "published").glob("*.lookups"):
        file.unlink()
    older = make_app(make_service(open_project(Options(project_dir=str(served.directory)))))
    with TestClient(older) as client:
        assert client.get("/predictions/alcohol/8").json() == [listed[8]]
    assert served.martlet("publish").exit_code == 0


def test_pages_lead_to_the_next_and_the_same_snapshot_is_not_sent_twice(api: TestClient, served: Place) -> None:
    seen, address = [], "/predictions/alcohol?limit=10"
    while address:
        page = api.get(address)
        seen += [row["bottle"] for row in page.json()]
        address = page.links.get("next", {}).get("url", "")
    assert seen == served.sql("select bottle from ml.alcohol order by bottle")["bottle"].tolist()
    first = api.get("/predictions/alcohol")
    again = api.get("/predictions/alcohol", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert served.martlet("publish").exit_code == 0
    later = api.get("/predictions/alcohol", headers={"If-None-Match": first.headers["etag"]})
    assert later.status_code == 200
    assert later.headers["x-snapshot"] != first.headers["x-snapshot"]


def test_tokens_open_what_their_scopes_say_until_they_are_revoked(api: TestClient, served: Place) -> None:
    assert api.get("/runs").status_code == 200, "without any token, on this machine, all may read"
    reader = token(served, "reader", "--scope", "predictions")
    metrics = token(served, "board", "--scope", "metrics")
    assert api.get("/runs").status_code == 401
    assert api.get("/runs", headers={"Authorization": "Bearer martlet_wrong"}).status_code == 401
    assert api.get("/runs", headers=reader).status_code == 200
    assert api.get("/metrics", headers=reader).status_code == 403
    assert api.get("/metrics", headers=metrics).status_code == 200
    assert api.get("/health").status_code == 200
    kept = (served.directory / "warehouse" / "access.json").read_text()
    assert reader["Authorization"].split()[1] not in kept
    assert (served.directory / "warehouse" / "access.json").stat().st_mode & 0o077 == 0
    assert "reader" in served.martlet("token").stdout
    assert served.martlet("token", "reader", "--revoke").exit_code == 0
    assert api.get("/runs", headers=reader).status_code == 401
    log = (served.directory / "logs" / "martlet_access.jsonl").read_text()
    assert reader["Authorization"].split()[1] not in log
    assert {"reader", None} <= {json.loads(line)["token"] for line in log.splitlines()}


def test_a_role_sees_its_rows_by_no_way_any_others(api: TestClient, served: Place) -> None:
    mine = served.sql(
        "select bottle from ml.alcohol join feat_alcohol using (bottle) where cultivar in ('barolo', 'barbera')"
    )["bottle"].tolist()
    other = served.sql("select bottle from ml.alcohol join feat_alcohol using (bottle) where cultivar = 'grignolino'")
    assert len(other) > 0
    role = token(served, "piedmont", "--scope", "predictions", "--scope", "metrics", "--role", "piedmont")
    for query in ("", "?highest_first=true", "?limit=1000", "?offset=3", "?format=csv", "?as_of=2020-01-01"):
        answer = api.get(f"/predictions/alcohol{query}", headers=role)
        assert answer.status_code == 200, query
        if "csv" in query:
            seen = [int(line.split(",")[0]) for line in answer.text.splitlines()[1:]]
        else:
            seen = [row["bottle"] for row in answer.json()]
        assert set(seen) <= set(mine), query
        assert seen or "offset" in query
    for bottle in other["bottle"]:
        hidden, none = (api.get(f"/predictions/alcohol/{key}", headers=role) for key in (bottle, 9999))
        assert hidden.status_code == none.status_code == 404
        assert hidden.json()["detail"].replace(str(bottle), "") == none.json()["detail"].replace("9999", "")
    assert api.get("/runs", headers=role).status_code == 403, "runs tell of all rows"
    elsewhere = token(served, "elsewhere", "--scope", "predictions", "--role", "nowhere")
    refused = api.get("/predictions/alcohol", headers=elsewhere)
    assert (refused.status_code, "can't be limited to your rows" in refused.json()["detail"]) == (403, True)
    tried = api.get("/predictions/alcohol/8' or '1'='1", headers=role)
    assert tried.status_code == 404


def test_what_if_changes_the_prediction_by_what_is_posted(api: TestClient, served: Place) -> None:
    stored = api.get("/predictions/alcohol/8").json()[0]
    same = api.post("/predictions/alcohol/what-if", json={"entity": "8"}).json()
    assert same["prediction"] == pytest.approx(stored["prediction"], rel=1e-12)
    assert same["reasons"][0]["feature"] == stored["reasons"][0]["feature"]
    assert same["run_id"] == stored["run_id"]
    feature = same["reasons"][0]["feature"]
    changed = api.post("/predictions/alcohol/what-if", json={"entity": "8", "features": {feature: None}})
    assert changed.status_code == 200, changed.text
    assert changed.json()["prediction"] != same["prediction"]
    alone = api.post("/predictions/alcohol/what-if", json={"features": {"ash": 2.4, "cultivar": "barolo"}})
    assert alone.json()["lower"] <= alone.json()["prediction"] <= alone.json()["upper"]
    for asked, code, message in (
        ({"features": {"ahs": 2.4}}, 400, "Did you mean 'ash'?"),
        ({"features": {"ash": "much"}}, 400, "can't be read as a number"),
        ({"entity": "9999"}, 404, "knows no 9999"),
    ):
        refused = api.post("/predictions/alcohol/what-if", json=asked)
        assert (refused.status_code, message in refused.json()["detail"]) == (code, True), refused.text
    role = token(served, "asker", "--scope", "score", "--role", "piedmont")
    mine, other = (
        served.sql(f"select bottle from feat_alcohol where alcohol is null and cultivar = '{one}' limit 1")["bottle"][0]
        for one in ("barolo", "grignolino")
    )
    assert api.post("/predictions/alcohol/what-if", json={"entity": str(mine)}, headers=role).status_code == 200
    assert api.post("/predictions/alcohol/what-if", json={"entity": str(other)}, headers=role).status_code == 404
    assert api.post("/predictions/alcohol/what-if", json={"features": {}}, headers=role).status_code == 403


def test_too_many_requests_are_turned_away(api: TestClient) -> None:
    codes = {api.get("/health").status_code for _ in range(REQUESTS_A_MINUTE + 1)}
    assert codes == {200, 429}


def test_what_tokens_ask_for_must_exist(served: Place) -> None:
    for options, message in (
        (("x",), "Give --scope metrics or --scope predictions"),
        (("x", "--scope", "prediction"), "Did you mean 'predictions'?"),
        (("x", "--scope", "metrics", "--role", "piemont"), "Did you mean 'piedmont'?"),
        (("x", "--revoke"), "There is no token 'x'"),
    ):
        result = served.martlet("token", *options)
        assert (result.exit_code, message in result.stderr) == (2, True), options


def test_a_server_listens_to_this_machine_alone_unless_tokens_guard_it(served: Place) -> None:
    (served.directory / "warehouse" / "access.json").unlink(missing_ok=True)
    result = served.martlet("serve", "--host", "0.0.0.0")  # noqa: S104 -- to be refused
    assert (result.exit_code, "everybody could read everything" in result.stderr) == (2, True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [*MARTLET, "serve", "--port", str(port), "--project-dir", str(served.directory)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            try:
                health = httpx.get(f"http://127.0.0.1:{port}/health").json()
                break
            except httpx.ConnectError:
                continue
        told = httpx.get(f"http://127.0.0.1:{port}/predictions/alcohol/8")
    finally:
        process.terminate()
        process.wait()
    assert health["status"] == "ok"
    assert told.json()[0]["bottle"] == 8


def test_without_a_snapshot_there_is_a_remedy(fresh_cellar: Place) -> None:
    fresh_cellar.parse()
    result = fresh_cellar.martlet("serve")
    assert (result.exit_code, "Run `martlet publish`" in result.stderr) == (2, True)


def test_the_api_keeps_what_its_document_says(api: TestClient, served: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    caller = token(served, "machine", "--scope", "predictions", "--scope", "metrics", "--scope", "score")
    monkeypatch.setattr("ml.serving.guards.REQUESTS_A_MINUTE", 10**9)
    schema = schemathesis.openapi.from_asgi("/openapi.json", api.app)
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) >= 7
    for operation in operations:

        @settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def check(case: schemathesis.Case) -> None:
            case.call_and_validate(headers=caller)

        check()
