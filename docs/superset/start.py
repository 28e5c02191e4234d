"""Sets up Apache Superset with the project's boards, and drives it once: `make superset`; `serve` leaves it running.

Superset lives in an environment of its own; this script runs in Martlet's.
"""

import argparse
import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from ml.project import Options, open_project
from ml.reading.access import Role
from ml.reading.metric_rows import MetricQuestion, metric_rows
from ml.serving.serve import make_service

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
HOME, ENVIRONMENT = HERE / "home", HERE / "environment"
ADMIN, PORT = "admin", 8088


def main() -> None:
    """Prepare, check, or serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=("prepare", "check", "serve"))
    {"prepare": prepare, "check": check, "serve": serve}[parser.parse_args().verb]()


def prepare() -> None:
    """Make Superset's own database with an administrator, and write the boards for it."""
    HOME.mkdir(exist_ok=True)
    for name in ("secret", "password"):
        if not (HOME / name).exists():
            with os.fdopen(os.open(HOME / name, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(32))
    superset("db", "upgrade")
    names = ("--firstname", "Board", "--lastname", "Admin", "--email", "admin@example.com")
    superset("fab", "create-admin", "--username", ADMIN, "--password", password(), *names)
    superset("init")
    subprocess.run([sys.executable, "-m", "ml", "superset", str(HOME / "assets.zip")], cwd=ROOT, check=True)
    with running(free_port()) as client:
        renew(client)
    print(f"Superset is set up; `{sys.executable} {HERE.relative_to(ROOT) / 'start.py'} serve` starts it.")


def serve() -> None:
    """Serve until interrupted."""
    print(f"http://127.0.0.1:{PORT}, user {ADMIN}, password in {HOME / 'password'}; Ctrl-C ends it.")
    with contextlib.suppress(KeyboardInterrupt):
        subprocess.run(command("run", "-p", str(PORT), "--with-threads"), env=environment(), check=False)


def check() -> None:
    """Ask every chart for its rows and compare what metrics say with the metric layer."""
    service = make_service(open_project(Options(project_dir=str(ROOT))))
    library, tiles = service.library, {}
    for board in service.boards.values():
        tiles |= {(board.label, tile.label): tile for tile in board.tiles}
    compared = asked = 0
    with running(free_port()) as client:
        dashboards = client.get("/api/v1/dashboard/").raise_for_status().json()["result"]
        if {one["slug"] for one in dashboards} != set(service.boards):
            sys.exit(f"Superset has the dashboards {[one['slug'] for one in dashboards]}.")
        for dashboard in dashboards:
            charts = client.get(f"/api/v1/dashboard/{dashboard['id']}/charts").raise_for_status().json()["result"]
            for chart in charts:
                tile = tiles[dashboard["dashboard_title"], chart["slice_name"]]
                rows, asked = data(client, chart["form_data"]), asked + 1
                if not hasattr(tile, "metric"):
                    continue
                question = MetricQuestion(tile.metric, tile.grain, (tile.by,) if tile.by else (), where=tile.where)
                table = metric_rows(library.layer, library.reader, Role(), library.personal, question)
                known = [value for value in table[tile.metric].to_pylist() if value is not None]
                told = [row["value"] for row in rows]
                if [round(float(one), 6) for one in sorted(known)] != [round(float(one), 6) for one in sorted(told)]:
                    sys.exit(f"{chart['slice_name']}: Superset says {told}, the metric layer {known}.")
                compared += 1
    print(f"Superset answered {asked} charts; {compared} of metrics say what the metric layer says.")


def data(client: httpx.Client, form: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of a chart."""
    if form["viz_type"] == "table":
        filters = [
            {"col": one["subject"], "op": one["operator"], "val": one["comparator"]} for one in form["adhoc_filters"]
        ]
        order = [json.loads(one) for one in form["order_by_cols"]]
        query = {"columns": form["all_columns"], "row_limit": 100, "orderby": order, "filters": filters}
    else:
        query = {"columns": ["period", *form.get("groupby", [])], "metrics": ["value"], "row_limit": 10_000}
    source = {"id": int(form["datasource"].split("__")[0]), "type": "table"}
    asked = {"datasource": source, "queries": [query], "result_format": "json", "result_type": "full"}
    answer = client.post("/api/v1/chart/data", json=asked)
    if answer.status_code != 200:
        sys.exit(f"{form.get('slice_id')}: {answer.text}")
    rows: list[dict[str, Any]] = answer.json()["result"][0]["data"]
    return rows


def renew(client: httpx.Client) -> None:
    """Give Superset the boards as they are declared now."""
    with (HOME / "assets.zip").open("rb") as file:
        answer = client.post("/api/v1/assets/import/", files={"bundle": ("assets.zip", file, "application/zip")})
    if answer.status_code != 200:
        sys.exit(f"Superset did not take the boards: {answer.text[:500]}")


@contextlib.contextmanager
def running(port: int) -> Iterator[httpx.Client]:
    """A Superset on this machine alone, and a client that is signed in."""
    log = HOME / "superset.log"
    with log.open("w") as file:
        process = subprocess.Popen(command("run", "-p", str(port)), env=environment(), stdout=file, stderr=file)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
            while True:
                with contextlib.suppress(httpx.ConnectError):
                    client.get("/health")
                    break
                if process.poll() is not None:
                    sys.exit(f"Superset has ended; {log} says why.")
            given = {"username": ADMIN, "password": password(), "provider": "db"}
            answer = client.post("/api/v1/security/login", json=given).raise_for_status()
            client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            token = client.get("/api/v1/security/csrf_token/").raise_for_status().json()["result"]
            client.headers.update({"X-CSRFToken": token, "Referer": str(client.base_url)})
            yield client
    finally:
        process.terminate()
        process.wait()


def superset(*arguments: str) -> None:
    """Run one of Superset's commands; what it says is shown only if it fails."""
    done = subprocess.run(command(*arguments), env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"superset {' '.join(arguments[:2])} failed:\n{done.stdout}{done.stderr}")


def command(*arguments: str) -> list[str]:
    """One of Superset's commands."""
    found = shutil.which("superset", path=str(ENVIRONMENT / "bin"))
    if found is None:
        sys.exit(f"There is no Superset in {ENVIRONMENT}: run `make superset`.")
    return [found, *arguments]


def environment() -> dict[str, str]:
    """The variables that Superset needs."""
    own = {"SUPERSET_HOME": HOME, "SUPERSET_CONFIG_PATH": HERE / "superset_config.py", "FLASK_APP": "superset"}
    return os.environ | {name: str(value) for name, value in own.items()}


def password() -> str:
    """Of the administrator."""
    return (HOME / "password").read_text()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


if __name__ == "__main__":
    main()
