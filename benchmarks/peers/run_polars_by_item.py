"""Features that are mostly distinct counts, by polars, in its own environment: see `benchmarks/features.py`."""

import argparse
import os
import time
from pathlib import Path

import polars as pl
from run_polars import KEYS, SALES, inside

WINDOWS = (28, 84)
DEPARTMENT = pl.col("department")


def main() -> None:
    """Read items.parquet and population.parquet of a folder, write items_by_polars.parquet beside them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("pipe", type=int)
    given = parser.parse_args()
    names = given.folder.joinpath("departments.txt").read_text().splitlines()
    started = time.monotonic()
    items = pl.read_parquet(given.folder / "items.parquet")
    items = items.with_columns(SALES.cast(pl.Float64), DEPARTMENT.cast(pl.Categorical)).sort("sold_at")
    population = pl.read_parquet(given.folder / "population.parquet").sort("as_of")
    counts = {name: pl.col(f"{name}_id").n_unique() for name in ("basket", "product", "store")}
    counts["department"] = DEPARTMENT.drop_nulls().n_unique()
    sums = {f"sales_{place}": SALES.filter(name == DEPARTMENT).sum() for place, name in enumerate(names)}
    kinds = {**counts, **sums, "most": SALES.max()}
    table, first = population, population["as_of"].min()
    for days in WINDOWS:
        found = inside(items, first, days, kinds).rename({name: f"{name}_{days}d" for name in kinds})
        table = table.join(found, on=KEYS, how="left")
    nothing = pl.col(*(f"{name}_{days}d" for name in (*counts, *sums) for days in WINDOWS))
    table.with_columns(nothing.fill_null(0)).write_parquet(given.folder / "items_by_polars.parquet")
    os.write(given.pipe, str(time.monotonic() - started).encode())


if __name__ == "__main__":
    main()
