"""Rows per second and peak memory of scoring, warehouse to warehouse, beside the naive way and the floor.

Run it with `make benchmark-scoring`, or with `--rows 10000000`. Made-up rows of 33 features (27 numbers with nulls, 6
categories); each way in a process of its own, from opening the file to the commit. Naive: the whole table as one frame,
through the fitted scikit-learn transformers and estimator, inserted at once. Floor: Arrow batches through Python and
back, unpredicted. Compiled loops are kept on disk, so the first run of all compiles them.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from children import measured, report
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from ml.learning.accelerate import accelerated
from ml.learning.blend import BlendClassifier, Member, TargetScale
from ml.learning.calibrate import Calibrator
from ml.learning.cores import ahead
from ml.learning.encode import make_encoder
from ml.learning.pipelines import FittedPrediction, dump, load
from ml.learning.reasons import contributions
from ml.score import BATCH_ROWS
from ml.warehouse.duck import DuckDB

NUMBERS = [f"number_{place}" for place in range(27)]
CATEGORIES = [f"category_{place}" for place in range(6)]
KINDS = {**dict.fromkeys(NUMBERS, "number"), **dict.fromkeys(CATEGORIES, "category")}
MODELS = {
    "trees": ("tree", HistGradientBoostingClassifier(max_iter=300, max_leaf_nodes=31, early_stopping=False)),
    "linear": ("linear", LogisticRegression()),
}
TRAINED = 50_000
MEMORY_LIMIT = "1GB"  # DuckDB keeps what it read up to here, and needs less


def main() -> None:
    """Measure every way and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        prepare(place, rows)
        print("| model | way | rows/s | peak MiB | times naive | largest difference |\n|---|---|---|---|---|---|")
        floor = way_of(place, "trees", "floor")
        print(f"| none | floor | {rows / floor[0]:,.0f} | {floor[1]:.0f} | | |")
        for model in MODELS:
            naive = way_of(place, model, "naive")
            for way in ("naive", "ours", "reasons"):
                seconds, peak = naive if way == "naive" else way_of(place, model, way)
                difference = largest_difference(place, model, way)
                print(
                    f"| {model} | {way} | {rows / seconds:,.0f} | {peak:.0f} | {naive[0] / seconds:.1f} "
                    f"| {difference:.1e} |",
                    flush=True,
                )


def prepare(place: Path, rows: int) -> None:
    """Make the rows and fit both models."""
    numbers = ", ".join(f"case when random() > 0.1 then exp(3 * random()) - 3 end as {name}" for name in NUMBERS)
    categories = ", ".join(
        f"'level ' || (pow(random(), 2) * {8 + 12 * number})::int as {name}" for number, name in enumerate(CATEGORIES)
    )
    with duckdb.connect(str(place / "file.duckdb")) as database:
        database.execute("select setseed(0.5)")
        database.execute(f"create table rows as select range as id, {numbers}, {categories} from range({rows})")
        frame = database.execute(f"from rows where id < {TRAINED}").df()
    signal = frame[NUMBERS].fillna(0).to_numpy() @ np.linspace(-0.3, 0.3, len(NUMBERS))
    target = (signal + np.random.default_rng(0).normal(size=len(frame)) > np.median(signal)).astype(int)
    for name, (style, estimator) in MODELS.items():
        encoder = make_encoder(KINDS, style)
        matrix = encoder.fit_transform(frame, target)
        member = Member(0, matrix.shape[1], [estimator.fit(matrix, target)], [TargetScale()], 1.0)
        blend = BlendClassifier([member], 2, Calibrator())
        fitted = Pipeline([("encoder", encoder), ("model", blend)])
        typical: dict[str, float | str | None] = {
            **frame[NUMBERS].median().to_dict(),
            **{category: str(frame[category].mode()[0]) for category in CATEGORIES},
        }
        model = FittedPrediction(fitted, "classification", ("no", "yes"), KINDS, None, typical, list(KINDS))
        (place / name).write_bytes(dump(model))


def way_of(place: Path, model: str, way: str) -> tuple[float, float]:
    """Seconds and peak MiB of one way; loading modules and the pipeline is left out of the seconds."""
    return measured(__file__, "--way", str(place), model, way)


def run(place: Path, name: str, way: str) -> float:
    """Seconds of one way."""
    model = load((place / name).read_bytes())
    started = time.monotonic()
    with duckdb.connect(str(place / "file.duckdb")) as database:
        warehouse = DuckDB(database, place)
        warehouse.configure({"settings": {"memory_limit": MEMORY_LIMIT}})
        relation = f"scored_{name}_{way}"
        database.execute(f"create table {relation} (id bigint, prediction double, reasons varchar)")
        with warehouse.transaction():
            if way == "naive":
                frame = database.execute("from rows").df()
                predicted = naively(model, frame)
                warehouse.append(relation, pd.DataFrame({"id": frame["id"], "prediction": predicted}))
            elif way == "floor":
                with database.cursor() as cursor:
                    for batch in cursor.execute("from rows").to_arrow_reader(BATCH_ROWS):
                        database.register("batch", batch)
                        database.execute(f"insert into {relation} by name select id, number_0 as prediction from batch")
            else:
                stream(warehouse, relation, model, with_reasons=way == "reasons")
    return time.monotonic() - started


def naively(model: FittedPrediction, frame: pd.DataFrame) -> NDArray[np.float64]:
    """The probabilities by scikit-learn's transformers and estimator alone, on the whole frame at once."""
    encoder, blend = model.estimator
    numbers = frame[NUMBERS].to_numpy(np.float64)
    parts = [numbers if encoder.numbers_ is None else encoder.numbers_.transform(numbers)]
    parts += [transformer.transform(frame[names].to_numpy(object)) for names, transformer in encoder.categories_]
    estimator = blend.members[0].models[0]
    return np.asarray(estimator.predict_proba(np.hstack(parts))[:, 1])


def stream(warehouse: DuckDB, relation: str, model: FittedPrediction, *, with_reasons: bool) -> None:
    """Our way, as `martlet score` goes it."""
    rows = int(warehouse.query("select count(*) as rows from rows")["rows"][0])
    fast = accelerated(model, rows, is_explained=with_reasons)
    for frame in ahead(warehouse.batches("from rows", BATCH_ROWS)):
        scored = pd.DataFrame({"id": frame["id"], "prediction": fast.predict(frame)["prediction"]})
        if with_reasons:
            scored["reasons"] = contributions(fast, frame)
        warehouse.append(relation, scored)


def largest_difference(place: Path, model: str, way: str) -> float:
    """How far a prediction lies from the naive way's."""
    with duckdb.connect(str(place / "file.duckdb"), read_only=True) as database:
        found = database.execute(
            f"select max(abs(a.prediction - b.prediction)) from scored_{model}_naive as a "
            f"join scored_{model}_{way} as b using (id)"
        ).fetchone()
    return float(found[0]) if found else float("nan")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--way"]:
        seconds = run(Path(sys.argv[2]), sys.argv[3], sys.argv[4])
        report(sys.argv[5], seconds)
    else:
        main()
