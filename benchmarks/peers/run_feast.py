"""The latest row known before each as-of by Feast's as-of join, in its own environment: see `benchmarks/features.py`.

Only its own work is on the clock: `get_historical_features` on its DuckDB store. Feast counts a row at the as-of as
known, so it is asked a microsecond earlier.
"""

import argparse
import os
import time
from datetime import timedelta
from pathlib import Path

import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.types import Float64


def store(folder: Path) -> FeatureStore:
    """A store of one feature view: the sales of a household, at each instant that it bought something."""
    made = FeatureStore(
        config=RepoConfig(
            project="shop",
            provider="local",
            registry=str(folder / "feast.registry"),
            offline_store={"type": "duckdb"},
            online_store={"type": "sqlite", "path": str(folder / "feast.online")},
            entity_key_serialization_version=3,
        )
    )
    household = Entity(name="household", join_keys=["household_id"], value_type=ValueType.INT64)
    source = FileSource(path=str(folder / "instants.parquet"), timestamp_field="sold_at")
    view = FeatureView(
        name="sales",
        entities=[household],
        ttl=timedelta(0),  # no row grows too old
        schema=[Field(name="last", dtype=Float64)],
        source=source,
    )
    made.apply([household, view])
    return made


def main() -> None:
    """Read instants.parquet and population.parquet of a folder, write latest_by_feast.parquet beside them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("pipe", type=int)
    given = parser.parse_args()
    shop = store(given.folder)
    population = pd.read_parquet(given.folder / "population.parquet")
    asked = population.assign(event_timestamp=population["as_of"] - pd.Timedelta(microseconds=1))
    started = time.monotonic()
    found = shop.get_historical_features(entity_df=asked, features=["sales:last"]).to_df()
    seconds = time.monotonic() - started
    found[["household_id", "as_of", "last"]].to_parquet(given.folder / "latest_by_feast.parquet")
    os.write(given.pipe, str(seconds).encode())


if __name__ == "__main__":
    main()
