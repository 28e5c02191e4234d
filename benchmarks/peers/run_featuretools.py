"""Counts, sums and means over windows by featuretools, in its own environment: see `benchmarks/features.py`.

Only its own work is on the clock: deep feature synthesis at the cutoff times, once per window.
"""

import argparse
import os
import time
import warnings
from pathlib import Path

import featuretools as ft
import pandas as pd

WINDOWS = (28, 84, 364)
PRIMITIVES = ("count", "sum", "mean")
NAMES = {"COUNT(lines)": "n", "SUM(lines.sales)": "sum", "MEAN(lines.sales)": "mean"}


def main() -> None:
    """Read lines.parquet and population.parquet of a folder, write by_featuretools.parquet beside them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("pipe", type=int)
    given = parser.parse_args()
    warnings.simplefilter("ignore", FutureWarning)  # of featuretools, about pandas 3
    lines, population = (pd.read_parquet(given.folder / f"{name}.parquet") for name in ("lines", "population"))
    lines = lines.assign(line_id=range(len(lines)), sales=lines["sales"].astype("float64"))
    started = time.monotonic()
    shop = ft.EntitySet("shop").add_dataframe(lines, "lines", index="line_id", time_index="sold_at")
    shop = shop.normalize_dataframe("lines", "households", "household_id", make_time_index=False)
    shop.add_last_time_indexes()  # without, a window drops who bought for the first time before it
    features = ft.dfs(
        entityset=shop,
        target_dataframe_name="households",
        agg_primitives=list(PRIMITIVES),
        trans_primitives=[],
        max_depth=1,
        features_only=True,
    )
    cutoffs = population.rename(columns={"as_of": "time"})
    parts = []
    for days in (*WINDOWS, None):
        found = ft.calculate_feature_matrix(
            features,
            shop,
            cutoff_time=cutoffs,
            cutoff_time_in_index=True,
            training_window=f"{days} days" if days else None,
            include_cutoff_time=False,
        )
        parts.append(found.rename(columns={name: f"{short}_{days or 'ever'}" for name, short in NAMES.items()}))
    table = pd.concat(parts, axis=1).reset_index().rename(columns={"time": "as_of"})
    seconds = time.monotonic() - started
    table.to_parquet(given.folder / "by_featuretools.parquet")
    os.write(given.pipe, str(seconds).encode())


if __name__ == "__main__":
    main()
