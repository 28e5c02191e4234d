"""All kinds of features over windows by polars, in its own environment: see `benchmarks/features.py`.

The as-ofs are a week apart, so windows are groups of `group_by_dynamic`, which labels them by their starts.
"""

import argparse
import os
import time
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

WINDOWS = (7, 28, 84, 364)
EPOCH = datetime(1970, 1, 1)  # where polars counts groups of days from
CENT = 0.01
KEYS = ["household_id", "as_of"]
SALES = pl.col("sales")
KINDS = {
    "n": pl.len(),
    "large": (SALES > 5).sum(),
    "sum": SALES.sum(),
    "mean": SALES.mean(),
    "share": (SALES > 5).mean(),
    "prices": SALES.n_unique(),
    "least": SALES.min(),
    "most": SALES.max(),
}


def main() -> None:
    """Read lines.parquet and population.parquet of a folder, write all_by_polars.parquet beside them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("pipe", type=int)
    given = parser.parse_args()
    started = time.monotonic()
    lines = pl.read_parquet(given.folder / "lines.parquet").with_columns(SALES.cast(pl.Float64)).sort("sold_at")
    population = pl.read_parquet(given.folder / "population.parquet").sort("as_of")
    first = population["as_of"].min()
    latest = lines.group_by("household_id", "sold_at").agg(SALES.max().alias("last")).sort("sold_at")
    joined = population.join_asof(
        latest,
        left_on="as_of",
        right_on="sold_at",
        by="household_id",
        allow_exact_matches=False,
        check_sortedness=False,  # which they are, but polars can't tell by group
    )
    recency = (pl.col("as_of").dt.date() - pl.col("sold_at").dt.date()).dt.total_days()
    table = joined.with_columns(recency.alias("recency"))
    for days in WINDOWS:
        found = inside(lines, first, days, KINDS)
        half = days // 2
        early = inside(lines, first, days - half, {"early": SALES.sum()}, half)
        late = inside(lines, first, half, {"late": SALES.sum()})
        found = found.join(late, on=KEYS, how="left").join(early, on=KEYS, how="left")
        known = pl.when(pl.col("early") > CENT / 2).then(pl.col("early"))  # its sums of floats slide, and miss zero
        trend = (pl.col("late").fill_null(0) / half) / (known / (days - half))
        found = found.with_columns(trend.alias("trend"))
        found = found.rename({name: f"{name}_{days}d" for name in (*KINDS, "trend")}).drop("late", "early")
        table = table.join(found, on=KEYS, how="left")
    nothing = pl.col(*(f"{name}_{days}d" for name in ("n", "large", "sum", "prices") for days in WINDOWS))
    table.with_columns(nothing.fill_null(0)).drop("sold_at").write_parquet(given.folder / "all_by_polars.parquet")
    os.write(given.pipe, str(time.monotonic() - started).encode())


def inside(lines: pl.DataFrame, first: datetime, days: int, kinds: dict[str, pl.Expr], until: int = 0) -> pl.DataFrame:
    """The aggregates of so many days that end so many before each as-of; the first of these tells the grid."""
    back = timedelta(days=days + until)
    shifted = lines.with_columns((pl.col("sold_at") - first + back + EPOCH).alias("clock"))
    found = shifted.group_by_dynamic(
        "clock", every="7d", period=f"{days}d", group_by="household_id", closed="left", offset=f"{-7 * (days // 7)}d"
    ).agg(**kinds)
    as_of = (pl.col("clock") - EPOCH + first).cast(pl.Datetime("us")).alias("as_of")
    return found.with_columns(as_of).drop("clock")


if __name__ == "__main__":
    main()
