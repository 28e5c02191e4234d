"""Seconds of measuring drift: 40 columns of a million rows against the profile of another million.

Run it with `make benchmark-drift`. *Floor* reads minimum, maximum and mean of each column; *ours* is what `martlet run`
does, one pass in SQL against stored bins; *numpy* reads the columns and bins them in memory. The indices must agree.
"""

import sys
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from children import measured, report

from ml.declaration import Owner, Prediction
from ml.learning.dataset import Dataset
from ml.learning.profiles import profiles, stability_index
from ml.warehouse.duck import DuckDB
from ml.watch.bins import NULL, count_bins, references_of

ROWS, COLUMNS = 1_000_000, 40
WAYS = ("floor", "ours", "numpy")
NAMES = [f"x{number}" for number in range(COLUMNS)]


def main() -> None:
    """Measure each way in a process of its own and print a table."""
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        print("| way | seconds | peak MiB | times floor |\n|---|---|---|---|")
        floor = 0.0
        for way in WAYS:
            seconds, peak = measured(__file__, "--way", folder, way)
            floor = floor or seconds
            print(f"| {way} | {seconds:.1f} | {peak:.0f} | {seconds / floor:.1f} |", flush=True)
        ours, plain = (pd.read_json(Path(folder) / f"{way}.json", typ="series") for way in ("ours", "numpy"))
        if not np.allclose(ours[NAMES], plain[NAMES], atol=1e-9):
            sys.exit("The two ways disagree.")


def prepare(folder: Path) -> None:
    """Write a million current rows, and the profile of a million others; a tenth of the columns has drifted."""
    random = np.random.default_rng(0)

    def rows(shift: float) -> pd.DataFrame:
        frame = pd.DataFrame({name: random.normal(size=ROWS) for name in NAMES})
        frame[NAMES[: COLUMNS // 10]] += shift
        return frame.mask(random.random(frame.shape) < 0.02)

    kinds = dict.fromkeys(NAMES, "number")
    reference = Dataset(rows(0.0), None, pd.DataFrame(index=range(ROWS)), None, kinds)
    profiles(reference, np.arange(1), np.zeros(1)).to_pickle(folder / "profiles.pkl")
    with duckdb.connect(str(folder / "rows.duckdb")) as database:
        database.register("frame", rows(0.3))
        database.execute(
            "create table current_rows as "
            "select row_number() over () as id, *, cast(null as date) as as_of_day from frame"
        )


def run(folder: Path, way: str) -> float:
    """Do it one way; returns the seconds."""
    with duckdb.connect(str(folder / "rows.duckdb")) as database:
        started = time.monotonic()
        if way == "floor":
            parts = ", ".join(f"min({name}), max({name}), avg({name})" for name in NAMES)
            database.execute(f"select {parts} from current_rows").fetchall()
            return time.monotonic() - started
        known = references_of(pd.read_pickle(folder / "profiles.pkl"))  # noqa: S301 -- written a moment ago
        found = by_sql(DuckDB(database, folder), known) if way == "ours" else by_numpy(database, known)
        seconds = time.monotonic() - started
    pd.Series(found).to_json(folder / f"{way}.json", double_precision=15)
    return seconds


def by_sql(warehouse: DuckDB, known: list) -> dict[str, float]:  # type: ignore[type-arg]
    """Indices from counts in SQL."""
    prediction = Prediction(
        "p", "p", Owner("", ""), "", "current_rows", "current_rows", None, "y", "regression", ("id",)
    )
    wanted = [reference for reference in known if reference.feature in NAMES]
    counted = count_bins(prediction, warehouse, wanted, "select * from current_rows")
    found = {}
    for reference in wanted:
        part = counted[counted["feature"] == reference.feature].set_index("bin")["rows"]
        inside = [float(part.get(place, 0)) for place in range(1, len(reference.counts) + 1)]
        inside[0] += part.get(0, 0)
        inside[-1] += part.get(len(reference.counts) + 1, 0)
        expected = np.array([*reference.counts, reference.nulls], float)
        found[reference.feature] = stability_index(expected, np.array([*inside, part.get(NULL, 0)], float))
    return found


def by_numpy(database: duckdb.DuckDBPyConnection, known: list) -> dict[str, float]:  # type: ignore[type-arg]
    """Indices from histograms of the columns in memory."""
    frame = database.execute(f"select {', '.join(NAMES)} from current_rows").df()
    found = {}
    for reference in known:
        if reference.feature in NAMES:
            values = frame[reference.feature].to_numpy()
            inside = values[~np.isnan(values)]
            edges = np.asarray(reference.edges)
            counts = np.histogram(np.clip(inside, edges[0], edges[-1]), edges)[0]
            expected = np.array([*reference.counts, reference.nulls], float)
            found[reference.feature] = stability_index(expected, np.array([*counts, len(values) - len(inside)], float))
    return found


if __name__ == "__main__":
    if sys.argv[1:2] == ["--way"]:
        report(sys.argv[4], run(Path(sys.argv[2]), sys.argv[3]))
    else:
        main()
