"""Whether a training keeps to its budget, and how much memory it takes, from 300 rows to millions.

Run it with `make benchmark-budget`. The rows are made up: 40 numbers with nulls, 5 categories, an outcome that some of
them tell of, forty weekly as-ofs. The latest as-of is open. Each training is `martlet train` in a process of its own.
"""

import os
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from pathlib import Path

from children import measured, report

STARTED = time.monotonic()
ROWS = (300, 3_000, 30_000, 300_000, 3_000_000)
NUMBERS, CATEGORIES, AS_OFS = 40, 5, 40

PROJECT = """\
name: budget
version: "1.0.0"
profile: budget
flags: {send_anonymous_usage_stats: false}
models: {budget: {+materialized: table}}
"""
PROFILES = "budget: {target: dev, outputs: {dev: {type: duckdb, path: budget.duckdb, threads: 2}}}\n"
DECLARED = """\
exposures:
  - name: outcome
    type: ml
    owner: {name: Benchmark, email: benchmark@example.com}
    depends_on: [ref('features')]
    config:
      meta:
        martlet: {target: y, task: classification, entity: id, as_of: as_of, horizon: 7 days}
"""


def main() -> None:
    """Train on made-up tables of growing size and print a table."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--rows", nargs="*", type=int, default=ROWS)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    print("| rows | features | seconds | time / budget | peak MiB |\n|---|---|---|---|---|")
    for rows in options.rows:
        with tempfile.TemporaryDirectory() as folder:
            prepare(Path(folder), rows)
            seconds, peak = measured(__file__, "--train", folder, str(options.seconds))
        share = seconds / options.seconds
        print(f"| {rows:,} | {NUMBERS + CATEGORIES} | {seconds:.1f} | {share:.2f} | {peak:,.0f} |", flush=True)


def prepare(folder: Path, rows: int) -> None:
    """Write a project whose feature model makes up that many rows, and build it."""
    (folder / "models").mkdir()
    (folder / "dbt_project.yml").write_text(PROJECT)
    (folder / "profiles.yml").write_text(PROFILES)
    (folder / "models/outcome.yml").write_text(DECLARED)
    (folder / "models/features.sql").write_text(model(rows))
    subprocess.run([Path(sys.executable).with_name("dbt"), "--quiet", "run"], cwd=folder, check=True)


def model(rows: int) -> str:
    """The feature model in SQL: hashes are as good as random numbers, and the same each time."""

    def chance(salt: str) -> str:
        return f"(hash(range, '{salt}') % 1000003) / 1000003.0"

    numbers = [
        f"case when {chance(f'null {place}')} > 0.1 then round({chance(f'n{place}')} * {10 ** (place % 5)}, 3) end "
        f"as n{place}"
        for place in range(NUMBERS)
    ]
    categories = [
        f"'level ' || floor(power({chance(f'c{place}')}, 2) * {5 + 20 * place}) as c{place}"
        for place in range(CATEGORIES)
    ]
    columns = ",\n    ".join([*numbers, *categories, f"{chance('noise')} as noise"])
    return f"""\
with rows as (
  select
    range // {AS_OFS} as id,
    date '2024-01-01' + cast(7 * (range % {AS_OFS}) as integer) as as_of,
    {columns}
  from range({rows})
)
select
  * exclude (noise),
  case
    when as_of < date '2024-01-01' + {7 * (AS_OFS - 1)}
      then cast(coalesce(n0, 0.5) + coalesce(n6, 5) / 10 * coalesce(n5, 0.5) + length(c3) / 20 + noise > 1.9 as integer)
  end as y
from rows
"""


def train(folder: str, seconds: str, pipe: str) -> None:
    """`martlet train`, with starting Python."""
    os.chdir(folder)
    from ml.cli import main as martlet

    try:
        martlet(["train", "--seconds", seconds])
    except SystemExit as ended:  # which is how a command line ends
        if ended.code:
            raise
    report(pipe, time.monotonic() - STARTED)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--train"]:
        train(*sys.argv[2:])
    else:
        main()
