"""Fits one peer on one table and writes what it predicts of the test rows; runs in the peer's environment.

A peer is told the metric, the seconds and the number of cores, and is otherwise left at its defaults. Imports and
reading are not on its clock. The target of the test rows never reaches it.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

CORES = 2
SCORERS = {
    "roc_auc": {"flaml": "roc_auc", "autogluon": "roc_auc"},
    "neg_log_loss": {"flaml": "log_loss", "autogluon": "log_loss"},
    "neg_root_mean_squared_error": {"flaml": "rmse", "autogluon": "root_mean_squared_error"},
    "neg_mean_absolute_error": {"flaml": "mae", "autogluon": "mean_absolute_error"},
}
Predict = Callable[[pd.DataFrame], np.ndarray]
Fit = Callable[[pd.DataFrame, pd.Series, dict[str, Any], float], Predict]


def fit_flaml(features: pd.DataFrame, y: pd.Series, table: dict[str, Any], seconds: float) -> Predict:
    """FLAML's search with its own choice of estimators and validation."""
    from flaml import AutoML

    model = AutoML()
    is_regression = table["task"] == "regression"
    model.fit(
        features,
        y,
        task="regression" if is_regression else "classification",
        metric=SCORERS[table["metric"]]["flaml"],
        time_budget=seconds,
        n_jobs=CORES,
        seed=0,
        verbose=0,
    )
    return model.predict if is_regression else model.predict_proba


def fit_autogluon(presets: str) -> Fit:
    """AutoGluon with one of its presets."""

    def fit(features: pd.DataFrame, y: pd.Series, table: dict[str, Any], seconds: float) -> Predict:
        from autogluon.tabular import TabularPredictor

        model = TabularPredictor(
            label="y",
            problem_type=table["task"],
            eval_metric=SCORERS[table["metric"]]["autogluon"],
            path="model",
            verbosity=1,
        )
        model.fit(features.assign(y=y), time_limit=seconds, presets=presets, num_cpus=CORES, num_gpus=0)
        return model.predict if table["task"] == "regression" else model.predict_proba

    return fit


def fit_boosting(features: pd.DataFrame, y: pd.Series, table: dict[str, Any], seconds: float) -> Predict:
    """scikit-learn's histogram gradient boosting as it comes; it takes the seconds that it takes."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    texts = make_column_selector(dtype_include=["object", "string", "category"])
    few = [name for name in texts(features) if features[name].nunique() <= 250]  # more, and it refuses
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan)
    encode = make_column_transformer((encoder, texts), remainder="passthrough", verbose_feature_names_out=False)
    encode.set_output(transform="pandas")
    is_regression = table["task"] == "regression"
    kind = HistGradientBoostingRegressor if is_regression else HistGradientBoostingClassifier
    model = make_pipeline(encode, kind(categorical_features=few or None, random_state=0)).fit(features, y)
    return model.predict if is_regression else model.predict_proba


SYSTEMS: dict[str, Fit] = {
    "boosting": fit_boosting,
    "flaml": fit_flaml,
    "autogluon_medium": fit_autogluon("medium_quality"),
    "autogluon_best": fit_autogluon("best_quality"),
}
MODULES = {
    "boosting": "sklearn.ensemble",
    "flaml": "flaml",
    "autogluon_medium": "autogluon.tabular",
    "autogluon_best": "autogluon.tabular",
}


def main() -> None:
    """Read a table's folder; write predictions.parquet and run.json into another."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("system", choices=SYSTEMS)
    parser.add_argument("table", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("seconds", type=float)
    options = parser.parse_args()
    table = json.loads((options.table / "table.json").read_text())
    train, test = (pd.read_parquet(options.table / f"{part}.parquet") for part in ("train", "test"))
    features, y = train.drop(columns=["y", "id", "as_of"], errors="ignore"), train["y"]
    os.chdir(options.output)  # where peers leave files of their own
    import_module(MODULES[options.system])
    started = time.monotonic()
    predict = SYSTEMS[options.system](features, y, table, options.seconds)
    fitted = time.monotonic()
    output = np.asarray(predict(test[features.columns]))
    predicted = time.monotonic()
    columns = ["value"] if output.ndim == 1 else [str(position) for position in range(output.shape[1])]
    pd.DataFrame(output, columns=columns).to_parquet(options.output / "predictions.parquet")
    (options.output / "run.json").write_text(
        json.dumps({"seconds": fitted - started, "seconds_predicting": predicted - fitted})
    )


if __name__ == "__main__":
    main()
