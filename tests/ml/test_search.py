from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from ml.declaration import Prediction, Search
from ml.errors import DataError
from ml.learning import portfolio
from ml.learning import search as searching
from ml.learning.dataset import Dataset, make_dataset, split_rows
from ml.learning.scorers import predict_output, score
from ml.learning.search import SearchResult, refit, search
from tests.ml.frames import KINDS, churn, declare, declare_spend, spend, weekly


def found(dataset: Dataset, prediction: Prediction) -> SearchResult:
    return search(dataset, split_rows(dataset, prediction), prediction, lambda _done, _note: None)


@pytest.mark.parametrize("name", portfolio.PORTFOLIO)
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_every_estimator_learns_the_signal(name: str, task: str) -> None:
    declared = declare if task == "classification" else declare_spend
    prediction = declared(estimators=(name,), search=Search(trials=1))
    dataset = churn() if task == "classification" else spend()
    split = split_rows(dataset, prediction)
    result = search(dataset, split, prediction, lambda _done, _note: None)
    output = predict_output(result.estimator, dataset.features.iloc[split.test], task)
    y = dataset.known_target[split.test]
    assert result.best.estimator == name
    assert result.best.status == "ok"
    if task == "classification":
        assert score("roc_auc", task, y, output) > 0.75
    else:
        assert score("r2", task, y, output) > 0.3


def test_a_number_of_trials_repeats_exactly() -> None:
    dataset, prediction = churn(), declare(search=Search(trials=3))
    once, twice = found(dataset, prediction), found(dataset, prediction)
    assert len(once.trials) == 3
    assert [trial.score for trial in once.trials] == [trial.score for trial in twice.trials]
    assert np.array_equal(once.validation.output, twice.validation.output)
    assert once.best.parameters == twice.best.parameters


def test_the_best_trial_has_the_best_score() -> None:
    result = found(churn(), declare(search=Search(trials=6)))
    assert result.best.score == max(trial.score for trial in result.trials)
    assert [trial.number for trial in result.trials] == list(range(1, len(result.trials) + 1))


def test_a_tiny_budget_still_finishes_the_first_trial() -> None:
    result = found(churn(), declare(search=Search(seconds=0.001)))
    assert [trial.status for trial in result.trials] == ["ok"]


def test_validation_holds_rows_of_the_folds_only() -> None:
    dataset, prediction = churn(), declare()
    split = split_rows(dataset, prediction)
    validation = search(dataset, split, prediction, lambda _done, _note: None).validation
    assert np.array_equal(validation.rows, np.concatenate([judge for _, judge in split.folds]))
    assert np.array_equal(validation.y, dataset.known_target[validation.rows])
    assert len(validation.output) == len(validation.rows)


def test_a_failing_trial_becomes_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("out of order")

    broken = replace(portfolio.PORTFOLIO["hist_gradient_boosting"], make=fail)
    monkeypatch.setitem(portfolio.PORTFOLIO, "hist_gradient_boosting", broken)
    result = found(churn(), declare())
    assert result.trials[0].status == "failed: RuntimeError: out of order"
    assert np.isnan(result.trials[0].score)
    assert result.best.estimator == "linear"
    with pytest.raises(DataError, match=r"every estimator failed; .*out of order"):
        found(churn(), declare(estimators=("hist_gradient_boosting",)))


def test_an_unknown_estimator_is_refused() -> None:
    with pytest.raises(DataError, match=r"unknown estimator 'liner'\. Did you mean 'linear'"):
        found(churn(), declare(estimators=("liner",)))


def test_progress_only_goes_forward() -> None:
    told: list[tuple[float, str]] = []
    dataset, prediction = churn(), declare(search=Search(trials=3))
    search(dataset, split_rows(dataset, prediction), prediction, lambda done, note: told.append((done, note)))
    assert all(0 <= done <= 1 for done, _ in told)
    assert all(one[0] <= other[0] for one, other in pairwise(told))
    assert told[-1][0] == 1


def test_refit_learns_from_the_rows_given() -> None:
    dataset, prediction = churn(), declare()
    result = found(dataset, prediction)
    again = refit(result, dataset, split_rows(dataset, prediction).train, prediction)
    features = dataset.features.head(50)
    same = predict_output(result.estimator, features, "classification")
    assert np.array_equal(predict_output(again, features, "classification"), same)
    everything = refit(result, dataset, dataset.closed, prediction)
    assert not np.array_equal(predict_output(everything, features, "classification"), same)


def test_many_rows_are_thinned_for_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "FEWEST_ROWS", 200)
    result = found(churn(), declare(search=Search(seconds=0.01)))
    assert result.best.rows == 200


def test_several_classes_keep_their_places_when_a_fold_lacks_one() -> None:
    frame = weekly()
    random = np.random.default_rng(0)
    frame["churned"] = random.choice(["a", "b", "c"], len(frame))
    early = frame["as_of"] < frame["as_of"].max() - pd.Timedelta(days=40)
    frame.loc[early & (frame["churned"] == "b"), "churned"] = "a"
    prediction = declare(metric="accuracy")
    result = found(make_dataset(frame, prediction, KINDS), prediction)
    assert result.best.status == "ok"
    assert result.validation.output.shape[1] == 3
    assert np.allclose(result.validation.output.sum(axis=1), 1)


@pytest.mark.parametrize("metric", portfolio.LOSSES)
def test_every_objective_can_be_learned(metric: str) -> None:
    prediction = replace(declare_spend(search=Search(trials=4)), metric=metric)
    result = found(spend(customers=40, weeks=16), prediction)
    assert {trial.status for trial in result.trials} == {"ok"}


def test_amounts_are_never_predicted_below_zero() -> None:
    frame = weekly().assign(spend=lambda rows: np.maximum(rows["signal"], 0))
    prediction = declare_spend(estimators=("linear",), search=Search(trials=1))
    dataset = make_dataset(frame, prediction, KINDS)
    assert predict_output(found(dataset, prediction).estimator, dataset.features, "regression").min() == 0
