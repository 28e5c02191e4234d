"""Requests per second of look-ups by key at a million predictions, beside a route without work; how fast boards are.

Run it with `make benchmark-serving` (after `make run`), or with `--rows 100000`. Look-ups: made-up predictions of a
project of one model, published, served, and asked for by 16 connections in a process of their own; each route for some
seconds in turn, three times. Boards: the grocer's, each fetched after a start (cold), again (warm), then by 50 at once.
"""

import argparse
import asyncio
import contextlib
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import duckdb
import httpx

ROOT = Path(__file__).parents[1]
MARTLET = (sys.executable, "-m", "ml")
CONNECTIONS, SECONDS, ROUNDS = 16, 4.0, 3
BOARDS = ("trading", "customers", "predictions")
PROJECT = {
    "dbt_project.yml": """
name: shop
version: "1.0.0"
profile: shop
flags: {send_anonymous_usage_stats: false}
models: {shop: {+materialized: table, +access: public}}
""",
    "profiles.yml": "shop: {target: dev, outputs: {dev: {type: duckdb, path: shop.duckdb}}}",
    "models/feat_churn.sql": """
with customers as (select range as customer, random() as spend, random() as visits from range(800))
select *, spend + visits + 0.6 * random() < 1.3 as churned from customers
""",
    "models/churn.yml": """
exposures:
  - name: churn
    type: ml
    owner: {name: Nobody}
    depends_on: [ref('feat_churn')]
    config: {meta: {martlet: {target: churned, task: classification, entity: customer}}}
""",
}
REASONS = '[{"feature": "spend", "value": "0.5", "contribution": 0.25}]'


def main() -> None:
    """Measure, and print two tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        look_ups(Path(folder), rows)
    boards()


def look_ups(folder: Path, rows: int) -> None:
    """Requests per second of both routes, round by round."""
    for name, text in PROJECT.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    martlet(folder, "run")
    with duckdb.connect(str(folder / "shop.duckdb")) as database:
        (run,) = database.execute("select run_id from ml.promotions").fetchone() or ("",)
        database.execute(
            "insert into ml.churn (customer, prediction, predicted_class, reasons, run_id, scored_at) "
            f"select range + 1000, random(), 'true', '{REASONS}', '{run}', now() from range({rows})"
        )
    started = time.perf_counter()
    martlet(folder, "publish")
    print(f"published {rows:,} predictions in {time.perf_counter() - started:.1f} s\n")
    with served(folder) as port:
        paths = {"no work": ["/health"], "look-up": [f"/predictions/churn/{1000 + key}" for key in sample(rows)]}
        rates: dict[str, list[float]] = {name: [] for name in paths}
        for _ in range(ROUNDS):
            for name, found in paths.items():
                with get_context("spawn").Pool(1) as client:
                    rates[name].append(client.apply(rate, (port, found)))
    shares = [ours / floor for ours, floor in zip(rates["look-up"], rates["no work"], strict=True)]
    print("| route | requests/s, median (least to most) |\n|---|---|")
    for name, found in rates.items():
        print(f"| {name} | {statistics.median(found):,.0f} ({min(found):,.0f} to {max(found):,.0f}) |")
    print(f"\nlook-ups reach {statistics.median(shares):.0%} of the route without work ({min(shares):.0%} at least)\n")


def sample(rows: int) -> list[int]:
    """Some keys, the same ones each time."""
    return random.Random(0).sample(range(rows), min(rows, 20_000))  # noqa: S311 -- any will do


def rate(port: int, paths: list[str]) -> float:
    """Answered requests per second over all connections."""
    return asyncio.run(_rate(port, paths))


async def _rate(port: int, paths: list[str]) -> float:
    until = time.perf_counter() + SECONDS
    answered = await asyncio.gather(
        *(_ask(port, paths[place::CONNECTIONS] or paths, until) for place in range(CONNECTIONS))
    )
    return sum(answered) / SECONDS


async def _ask(port: int, paths: list[str], until: float) -> int:
    """Ask over one connection, one request after the other; returns how many were answered with 200."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answered = 0
    while time.perf_counter() < until:
        path = paths[answered % len(paths)]
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if not head.startswith(b"http/1.1 200"):
            sys.exit(f"{path}: {head!r}")
        await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
        answered += 1
    writer.close()
    return answered


def boards() -> None:
    """How long the grocer's boards take, cold and warm, and for fifty at once."""
    print("| board | cold s | warm s | KiB of HTML | 50 at once s | errors |\n|---|---|---|---|---|---|")
    for board in BOARDS:
        with served(ROOT) as port, httpx.Client(timeout=60) as client:
            address = f"http://127.0.0.1:{port}/boards/{board}"
            cold, _ = timed(client, address)
            warm, size = min(timed(client, address) for _ in range(5))
            started = time.perf_counter()
            with ThreadPoolExecutor(50) as people:
                codes = list(people.map(lambda _, to=address: httpx.get(to, timeout=60).status_code, range(50)))
            together = time.perf_counter() - started
        errors = sum(code != 200 for code in codes)
        print(f"| {board} | {cold:.2f} | {warm:.3f} | {size / 1024:.0f} | {together:.1f} | {errors} |", flush=True)


def timed(client: httpx.Client, address: str) -> tuple[float, int]:
    """Seconds and bytes of one answer."""
    started = time.perf_counter()
    answer = client.get(address)
    answer.raise_for_status()
    return time.perf_counter() - started, answer.num_bytes_downloaded


@contextlib.contextmanager
def served(project: Path) -> Iterator[int]:
    """A server of a project, which no audit limit stops; gives its port as soon as it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = "import ml.serving.guards as guards, ml.cli as cli; guards.REQUESTS_A_MINUTE = 10**9; cli.main()"
    command = [sys.executable, "-c", script, "serve", "--port", str(port), "--project-dir", str(project)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        while True:
            with contextlib.suppress(httpx.ConnectError):
                httpx.get(f"http://127.0.0.1:{port}/health")
                break
            if process.poll() is not None:
                sys.exit("The server has ended.")
        yield port
    finally:
        process.terminate()
        process.wait()


def martlet(folder: Path, *arguments: str) -> None:
    """Run a command on a project."""
    subprocess.run(
        [*MARTLET, *arguments, "--project-dir", str(folder), "--quiet"],
        check=True,
        stdout=subprocess.DEVNULL,
        env={key: value for key, value in os.environ.items() if not key.startswith(("DBT_", "MARTLET_"))},
    )


if __name__ == "__main__":
    main()
