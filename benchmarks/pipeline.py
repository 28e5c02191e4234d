"""Time and memory of `martlet run` on the grocer's whole data, beside the bare SQL of the same models.

Run it with `make benchmark`. The first run starts from nothing; the second finds that nothing has changed. The bare
SQL is what dbt compiled, run as plain statements in one database process: the least that any tool could take. Read the
ratios: absolute times depend on the machine and on what else it does.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb

ROOT = Path(__file__).parents[1]
GOAL = {"first run": 90.0, "second run": 10.0}
GOAL_MEBIBYTES = 4096


def main() -> None:
    """Measure and print a table."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        rows = [(name, *measured(place)) for name in GOAL]
        bare = bare_sql(place)
        built = sum(step["seconds"] for step in first_steps(place) if step["kind"] == "build")
    print(f"{'':24}{'seconds':>10}{'goal':>8}{'peak MiB':>10}{'goal':>8}")
    for name, seconds, mebibytes in rows:
        print(f"{name:24}{seconds:10.1f}{GOAL[name]:8.0f}{mebibytes:10.0f}{GOAL_MEBIBYTES:8.0f}")
    print(f"{'dbt in the first run':24}{built:10.1f}")
    print(f"{'bare SQL of its models':24}{bare:10.1f}")
    print(
        f"\nThe first run took {rows[0][1] / bare:.1f} times the bare SQL; dbt with its tests {built / bare:.1f} times."
    )


def measured(place: Path) -> tuple[float, float]:
    """Seconds and peak MiB of one `martlet run` in a warehouse of its own."""
    environment = os.environ | {
        "MARTLET_WAREHOUSE": str(place / "martlet.duckdb"),
        "DBT_TARGET_PATH": str(place / "target"),
        "DBT_LOG_PATH": str(place / "logs"),
    }
    places = f"{{pipelines: {place / 'pipelines'}, published: {place / 'published'}}}"
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "ml", "run", "--vars", places], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit("martlet run failed")
    record = place / "target" / "martlet_run_results.json"
    (place / "first.json").exists() or record.rename(place / "first.json")
    return time.monotonic() - started, usage.ru_maxrss / 1024


def first_steps(place: Path) -> list[dict[str, Any]]:
    """The steps of the first run, as it recorded them."""
    steps: list[dict[str, Any]] = json.loads((place / "first.json").read_text())["results"]
    return steps


def bare_sql(place: Path) -> float:
    """Seconds that the compiled models take as plain statements in one process."""
    bare = place / "bare"
    bare.mkdir()
    with duckdb.connect(str(bare / "martlet.duckdb")) as database:
        database.execute(f"set file_search_path = '{ROOT}'; set memory_limit = '2GB'; set threads = 2")
        database.execute(f"attach '{place / 'martlet.duckdb'}' as finished (read_only)")
        given = database.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = 'finished' "
            "and schema_name in ('ml', 'reference')"
        ).fetchall()
        for schema, table in given:
            database.execute(f"create schema if not exists {schema}")
            database.execute(f"create table {schema}.{table} as from finished.{schema}.{table}")
        database.execute("detach finished")
        statements = list(compiled(place / "target"))
        started = time.monotonic()
        for statement in statements:
            database.execute(statement)
        return time.monotonic() - started


def compiled(target: Path) -> Iterator[str]:
    """One statement per model, parents first."""
    nodes = json.loads((target / "manifest.json").read_text())["nodes"]
    models = {key: node for key, node in nodes.items() if node["resource_type"] == "model"}
    order = TopologicalSorter({key: set(node["depends_on"]["nodes"]) & set(models) for key, node in models.items()})
    for key in order.static_order():
        node = models[key]
        sql = (target / "compiled" / node["package_name"] / node["original_file_path"]).read_text()
        kind = "view" if node["config"]["materialized"] == "view" else "table"
        yield f"create schema if not exists {node['schema']}"
        yield f"create {kind} {node['relation_name']} as {sql}"


if __name__ == "__main__":
    main()
