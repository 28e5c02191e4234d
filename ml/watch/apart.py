"""Can new rows be told apart from those learned from, and by what? A classifier tries, on demand.

It sees what no single column shows: features that each look as before, but no longer go together.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline

from ml.declaration import Prediction
from ml.errors import DataError
from ml.learning.dataset import Dataset, make_dataset
from ml.learning.encode import make_encoder
from ml.learning.evaluate import Metric, declared_metric, importances, predict_output
from ml.learning.split import split_rows
from ml.ledger import StoredRun
from ml.tables import SCHEMA
from ml.warehouse import Warehouse
from ml.warehouse.ansi import same_keys

MOST_ROWS = 10_000  # of each side
SHOWN = 10
IS_NEW = "is_new_"


@dataclass(frozen=True)
class Apart:
    """How well rows are told apart: 0.5 is not at all, 1 is always; with the features that tell, strongest first."""

    auc: Metric
    features: tuple[tuple[str, float], ...]
    rows: int
    new_rows: int

    @property
    def is_apart(self) -> bool:
        """Whether new rows are told apart beyond chance."""
        return self.auc.lower > 0.5


def tell_apart(prediction: Prediction, warehouse: Warehouse, run: StoredRun) -> Apart:
    """Train a classifier on rows that a run learned from against the newest that it scored; judge on other entities.

    The classifier two-sample test of Lopez-Paz and Oquab, "Revisiting classifier two-sample tests", 2017.

    Raises:
        DataError: nothing has been scored by the run, or a side has too few entities to be judged.
    """
    dataset = _both_sides(prediction, warehouse, run)
    question = replace(
        prediction, task="classification", target=IS_NEW, as_of=None, horizon=None, metric="roc_auc", decision=None
    )
    split = split_rows(dataset, question)
    model = HistGradientBoostingClassifier(random_state=prediction.seed, max_iter=60, early_stopping=False)
    estimator = make_pipeline(make_encoder(dataset.kinds, "tree"), model)
    estimator.fit(dataset.features.iloc[split.train], dataset.known_target[split.train])
    output = predict_output(estimator, dataset.features.iloc[split.test], "classification", 2)
    auc = declared_metric(dataset.known_target[split.test], output, question, dataset.keys.iloc[split.test])
    worth = importances(estimator, dataset, split.test, question).head(SHOWN)
    told = tuple((name, float(value)) for name, value in zip(worth["feature"], worth["importance"], strict=True))
    new = int(dataset.known_target.sum())
    return Apart(auc, tuple((name, value) for name, value in told if value > 0), len(dataset) - new, new)


def _both_sides(prediction: Prediction, warehouse: Warehouse, run: StoredRun) -> Dataset:
    """The rows that the run learned from (0) and the newest that it scored (1), a sample of each."""
    quote = warehouse.quote
    names = ", ".join(f"features.{quote(name)}" for name in [*prediction.keys, *run.features])
    known = f"features.{quote(prediction.target)} is not null"
    if prediction.as_of and run.last_as_of is not None:
        known += f" and cast(features.{quote(prediction.as_of)} as timestamp) <= timestamp '{run.last_as_of}'"
    same = same_keys(prediction.keys, quote)
    stored = f"{warehouse.table(SCHEMA, prediction.name)} as stored on {same} and stored.run_id = '{run.run_id}'"
    newest = ""
    if prediction.as_of:
        latest = f"select max({quote(prediction.as_of)}) from {warehouse.table(SCHEMA, prediction.name)}"
        newest = f" where features.{quote(prediction.as_of)} = ({latest} where run_id = '{run.run_id}')"
    order = f"order by {', '.join(f'features.{quote(key)}' for key in prediction.keys)}"
    sides = [
        warehouse.query(f"select {names} from {prediction.relation} as features where {known} {order}"),
        warehouse.query(
            f"select distinct {names} from {prediction.relation} as features inner join {stored}{newest} {order}"
        ),
    ]
    if sides[1].empty:
        raise DataError(f"{run.run_id} has scored nothing yet that could be told apart from what it learned.")
    random = np.random.default_rng(prediction.seed)
    picked = [side.iloc[np.sort(random.permutation(len(side))[:MOST_ROWS])] for side in sides]
    frame = pd.concat([side.assign(**{IS_NEW: number}) for number, side in enumerate(picked)], ignore_index=True)
    question = replace(prediction, task="classification", target=IS_NEW, positive=None)
    # Dates count from the as-of, which itself must not tell.
    return replace(make_dataset(frame, question, run.features), as_of=None)
