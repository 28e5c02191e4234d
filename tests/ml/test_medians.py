"""Where absolute errors count, medians are foretold."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor

from ml.declaration import Search
from ml.learning.dataset import make_dataset
from ml.learning.medians import tell_medians, untied
from ml.learning.scorers import predict_output
from ml.learning.search import search
from ml.learning.split import split_rows
from tests.ml.frames import declare, weekly

KINDS = {"signal": "number", "noise": "number"}


@pytest.mark.parametrize("kind", [ExtraTreesRegressor, RandomForestRegressor])
def test_a_forest_says_the_mean_of_its_leaves_medians(kind: type) -> None:
    random = np.random.default_rng(0)
    matrix, target = random.normal(size=(500, 4)), random.exponential(size=500)
    matrix[::7, 1] = np.nan
    forest = kind(5, min_samples_leaf=10, random_state=0).fit(matrix, target)
    leaves = forest.apply(matrix)
    tell_medians(forest, matrix, target)
    medians = [pd.Series(target).groupby(leaf).transform("median") for leaf in leaves.T]
    assert forest.predict(matrix) == pytest.approx(np.mean(medians, axis=0))


def test_equal_targets_are_moved_apart_by_next_to_nothing() -> None:
    target = np.array([0.0, 0.0, 0.0, 10.0, 1e6])
    apart = untied(target)
    assert len(np.unique(apart)) == 5
    assert np.abs(apart - target).max() < 1.0
    assert np.array_equal(untied(np.full(3, 7.0)), np.full(3, 7.0))


@pytest.mark.parametrize("estimator", ["hist_gradient_boosting", "random_forest"])
def test_where_most_targets_are_zero_the_others_are_learned(estimator: str) -> None:
    frame = weekly(customers=100)
    frame["spend"] = np.where(frame["signal"] > 0.4, 10 * frame["signal"], 0.0)
    assert (frame["spend"] == 0).mean() > 0.6
    prediction = declare(
        target="spend",
        task="regression",
        metric="neg_mean_absolute_error",
        estimators=(estimator,),
        search=Search(2.0, trials=1),
    )
    dataset = make_dataset(frame, prediction, KINDS)
    split = split_rows(dataset, prediction)
    found = search(dataset, split, prediction, lambda _done, _note: None)
    output = predict_output(found.estimator, dataset.features.iloc[split.test], "regression")
    outcome = dataset.known_target[split.test]
    assert np.abs(output - outcome).mean() < 0.25 * np.abs(outcome).mean()
