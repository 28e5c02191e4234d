"""Made-up feature models whose truth is known, and declarations for them."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from ml.declaration import Owner, Prediction, Search
from ml.learning.dataset import Dataset, make_dataset
from ml.learning.evaluate import importances
from ml.learning.pipelines import FittedPrediction, assemble
from ml.learning.search import search
from ml.learning.split import split_rows

KINDS = {"signal": "number", "noise": "number", "member": "boolean", "region": "category", "joined": "date"}
QUICK = Search(2.0, trials=2)


def declare(**settings: object) -> Prediction:
    """A declaration; whatever is not given has a plain value."""
    plain: dict[str, Any] = {
        "name": "churn",
        "label": "Churn",
        "owner": Owner("Analytics", "analytics@example.com"),
        "path": "features.yml",
        "feature_model": "feat_churn",
        "relation": '"features"."feat_churn"',
        "database": None,
        "target": "churned",
        "task": "classification",
        "entity": ("customer",),
        "as_of": "as_of",
        "horizon": timedelta(days=28),
        "metric": "roc_auc",
        "search": QUICK,
    }
    return Prediction(**{**plain, **settings})


def declare_spend(**settings: object) -> Prediction:
    """A declaration of a regression."""
    return declare(target="spend", task="regression", metric="neg_root_mean_squared_error", **settings)


def weekly(customers: int = 60, weeks: int = 24, seed: int = 0) -> pd.DataFrame:
    """One row per customer and week: `signal` decides `churned` and `spend`, `noise` nothing."""
    random = np.random.default_rng(seed)
    rows = customers * weeks
    week = np.repeat(np.arange(weeks), customers)
    as_of = np.datetime64("2024-01-01", "us") + week * np.timedelta64(7, "D")
    signal = random.normal(size=rows)
    region = random.choice(["north", "south", "west"], size=rows)
    chance = 1 / (1 + np.exp(-(2 * signal - 1)))
    return pd.DataFrame(
        {
            "customer": np.tile(np.arange(customers), weeks),
            "as_of": as_of,
            "signal": signal,
            "noise": random.normal(size=rows),
            "member": pd.Series(random.random(rows) < 0.5, dtype="object").mask(random.random(rows) < 0.1, None),
            "region": pd.Series(region, dtype="object").mask(random.random(rows) < 0.1, None),
            "joined": as_of - random.integers(1, 400, size=rows) * np.timedelta64(1, "D"),
            "churned": random.random(rows) < chance,
            "spend": np.exp(1 + 0.5 * signal + 0.3 * random.normal(size=rows)),
        }
    )


def churn(**sizes: int) -> Dataset:
    """The weekly rows as a dataset of the classification."""
    return make_dataset(weekly(**sizes), declare(), KINDS)


def spend(**sizes: int) -> Dataset:
    """The weekly rows as a dataset of the regression."""
    return make_dataset(weekly(**sizes), declare_spend(), KINDS)


def fitted(
    prediction: Prediction, frame: pd.DataFrame | None = None, kinds: Mapping[str, str] = KINDS
) -> tuple[FittedPrediction, Dataset]:
    """A fitted prediction as a training run makes it, and the rows that it learned from."""
    dataset = make_dataset(weekly() if frame is None else frame, prediction, kinds)
    split = split_rows(dataset, prediction)
    found = search(dataset, split, prediction, lambda _done, _note: None)
    ranks = importances(found.estimator, dataset, split.test, prediction)
    return assemble(found.final, dataset, prediction, found.validation, ranks), dataset
