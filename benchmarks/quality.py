"""Martlet beside FLAML, AutoGluon and scikit-learn's default gradient boosting: equal seconds, equal cores, equal rows.

`prepare` writes the tables, `run` lets each system learn each table in a process of its own, one at a time, and
`report` compares what they predicted. A result is a JSON file; `run` skips what is there already. docs/benchmarks.md
has the commands that set up the environments.
"""

import argparse
import json
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
from quality_report import judged, report

ROOT = Path(__file__).parents[1]
PEERS = Path(__file__).parent / "peers"
# The environment that each system runs in; martlet's own is given by --martlet-root.
ENVIRONMENTS = {
    "martlet": "",
    "flaml": "flaml",
    "autogluon_best": "autogluon",
    "boosting": "flaml",
    "autogluon_medium": "autogluon",
}
PATIENCE = 10  # times the budget until a system that does not end is stopped; it gets no score
LEAST_PATIENCE = 300.0


def main() -> None:
    """Do what the command line asks for."""
    options = _parser().parse_args()
    options.work(options)


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--data", type=Path, default=ROOT / "benchmarks/tables", help="folder of the prepared tables")
    common.add_argument("--environments", type=Path, default=ROOT / "benchmarks/environments", help="of the peers")
    common.add_argument("--results", type=Path, default=ROOT / "benchmarks/results", help="folder of JSON files")
    common.add_argument("--tables", nargs="*", default=[], help="names; all by default")
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    prepares = commands.add_parser("prepare", parents=[common])
    prepares.add_argument("--add", nargs="*", type=Path, default=[], help="Parquet files of one's own, with a column y")
    prepares.add_argument("--horizon", type=int, default=1, help="days from as-of to outcome of the files of --add")
    prepares.set_defaults(work=prepare)
    runs = commands.add_parser("run", parents=[common])
    runs.add_argument("--systems", nargs="*", choices=ENVIRONMENTS, default=list(ENVIRONMENTS))
    runs.add_argument("--seconds", type=float, default=60.0)
    runs.add_argument("--martlet-root", type=Path, default=ROOT, help="checkout with Martlet and its .venv")
    runs.add_argument("--again", nargs="*", choices=ENVIRONMENTS, default=[], help="systems whose results to replace")
    runs.set_defaults(work=run)
    reports = commands.add_parser("report", parents=[common])
    reports.add_argument("--systems", nargs="*", choices=ENVIRONMENTS, default=list(ENVIRONMENTS))
    reports.add_argument("--output", type=Path, help="file to write; printed by default")
    reports.set_defaults(work=write_report)
    return parser


def prepare(options: argparse.Namespace) -> None:
    """Write the tables."""
    python = options.environments / "tables/bin/python"
    own = ["--add", *options.add, "--horizon", str(options.horizon)]
    command = [python, ROOT / "benchmarks/tables.py", options.data, "--tables", *options.tables, *own]
    subprocess.run(command, check=True)


def run(options: argparse.Namespace) -> None:
    """Let the systems learn the tables, small tables first; say how each did."""
    options.results.mkdir(parents=True, exist_ok=True)
    for table in tables(options):
        for system in options.systems:
            file = options.results / f"{table['name']}.{system}.json"
            if file.exists() and system not in options.again:
                continue
            result = run_one(system, table, options)
            draft = file.with_suffix(".draft")
            draft.write_text(json.dumps(result, indent=1))
            draft.replace(file)
            print(f"{table['name']:20} {system:18} {result.get('score', result.get('error', ''))!s:.80}", flush=True)


def tables(options: argparse.Namespace) -> list[dict[str, Any]]:
    """What is known of the prepared tables, the smallest first."""
    found = [json.loads(path.read_text()) for path in options.data.glob("*/table.json")]
    wanted = [table for table in found if not options.tables or table["name"] in options.tables]
    return sorted(wanted, key=lambda table: table["rows_train"])


def run_one(system: str, table: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """One system on one table: its score on the test rows, its seconds, and the load of the machine before."""
    folder = (options.data / table["name"]).resolve()
    result = {
        "system": system,
        "table": table,
        "budget": options.seconds,
        "load_before": os.getloadavg()[0],
        "started_at": time.strftime("%Y-%m-%dT%H:%M:%S"),
    }
    with tempfile.TemporaryDirectory() as place:
        failure = _fit(system, folder, Path(place), options)
        if failure:
            return result | {"error": failure}
        predicted = pd.read_parquet(Path(place) / "predictions.parquet")
        result |= json.loads((Path(place) / "run.json").read_text())
    known = pd.read_parquet(folder / "test.parquet", columns=["y"])["y"].to_numpy()
    return result | judged(table, known, predicted)


def _fit(system: str, folder: Path, place: Path, options: argparse.Namespace) -> str:
    """Run a system; returns why it failed, or nothing."""
    # Threads that spin waste a shared machine; ray would give way to whatever else runs on it.
    environment = os.environ | {"OMP_WAIT_POLICY": "passive", "RAY_worker_niceness": "0"}
    if system == "martlet":
        root = options.martlet_root.resolve()
        environment |= {"PYTHONPATH": str(root)}
        start = [root / ".venv/bin/python", PEERS / "run_martlet.py"]
    else:
        environment.pop("PYTHONPATH", None)
        start = [(options.environments / ENVIRONMENTS[system]).absolute() / "bin/python", PEERS / "run_peer.py", system]
    patience = max(PATIENCE * options.seconds, LEAST_PATIENCE)
    with (place / "log").open("w+") as log:
        process = subprocess.Popen(
            [*start, folder, place, str(options.seconds)],
            cwd=place,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(patience)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # with the workers that it started
            process.wait()
            return f"stopped after {patience:.0f} s"
        log.seek(0)
        return f"exit code {code}: {log.read()[-2000:]}" if code else ""


def write_report(options: argparse.Namespace) -> None:
    """Compare the results that are there."""
    results = [json.loads(path.read_text()) for path in sorted(options.results.glob("*.json"))]
    text = report(
        [
            result
            for result in results
            if result["system"] in options.systems and (not options.tables or result["table"]["name"] in options.tables)
        ]
    )
    if options.output:
        options.output.write_text(text)
    else:
        print(text)


if __name__ == "__main__":
    main()
