from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from ml.declaration import Prediction, Search
from ml.errors import DataError
from ml.learning import portfolio
from ml.learning import search as searching
from ml.learning.candidates import Candidate
from ml.learning.dataset import Dataset, make_dataset
from ml.learning.encode import make_encoder
from ml.learning.fitting import GROWTH, Encoded, best_iterations, fit_fold, fit_rows, fold_output
from ml.learning.race import Race
from ml.learning.recipe import fit_recipe
from ml.learning.scorers import predict_output, score
from ml.learning.search import SearchResult, search
from ml.learning.split import split_rows
from ml.learning.words import Texts
from tests.ml.frames import KINDS, churn, declare, declare_spend, spend, weekly


def found(dataset: Dataset, prediction: Prediction) -> SearchResult:
    return search(dataset, split_rows(dataset, prediction), prediction, lambda _done, _note: None)


@pytest.mark.parametrize("name", portfolio.PORTFOLIO)
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_every_estimator_learns_the_signal(name: str, task: str) -> None:
    declared = declare if task == "classification" else declare_spend
    prediction = declared(estimators=(name,), search=Search(2.0, trials=1))
    dataset = (churn if task == "classification" else spend)(customers=40, weeks=20)
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
    dataset, prediction = churn(), declare(search=Search(2.0, trials=3))
    once, twice = found(dataset, prediction), found(dataset, prediction)
    assert len(once.trials) == 3
    assert [trial.score for trial in once.trials] == [trial.score for trial in twice.trials]
    assert np.array_equal(once.validation.output, twice.validation.output)
    assert once.recipe.parts == twice.recipe.parts
    features = dataset.features.head(50)
    outputs = [predict_output(result.final, features, "classification") for result in (once, twice)]
    assert np.array_equal(*outputs)


def test_more_rows_than_a_fold_has_get_more_iterations() -> None:
    dataset = churn(customers=40, weeks=30)
    result = found(dataset, declare(estimators=("hist_gradient_boosting",), search=Search(2.0, trials=1)))
    (part,) = result.recipe.parts
    tried = result.recipe.tried_rows
    assert part.iterations is not None
    assert result.recipe.tried_rows < len(dataset.closed) / 1.3
    for pipeline, least in ((result.estimator, 1.0), (result.final, 1.1)):
        for model in pipeline[-1].members[0].models:
            rows = model._predictors[0][0].nodes["count"][0]
            assert model.n_iter_ == round(part.iterations * max(rows / tried, 1) ** GROWTH)
            assert model.n_iter_ >= least * part.iterations


def test_rows_of_a_class_that_a_fold_can_not_learn_judge_nobody() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(240, 3))
    y = np.where(x[:, 0] > 0, "high", "low").astype(object)
    y[7] = "once"
    frame = pd.DataFrame({"customer": np.arange(240), "a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": y})
    prediction = declare(target="y", entity=("customer",), as_of=None, horizon=None, search=Search(2.0, trials=2))
    dataset = make_dataset(frame, prediction, dict.fromkeys("abc", "number"))
    result = found(dataset, replace(prediction, metric="neg_log_loss"))
    assert 7 not in result.validation.rows
    assert result.best.score > -0.3
    chances = predict_output(result.final, dataset.features, "classification", 3)
    assert np.allclose(chances.sum(axis=1), 1.0)
    assert chances[7, dataset.classes.index("once")] > chances[8, dataset.classes.index("once")]


def test_the_best_trial_has_the_best_score() -> None:
    result = found(churn(), declare(search=Search(2.0, trials=6)))
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
    assert {part.candidate.estimator for part in result.recipe.parts} == {"linear"}
    with pytest.raises(DataError, match=r"every estimator failed; .*out of order"):
        found(churn(), declare(estimators=("hist_gradient_boosting",)))


def test_an_unknown_estimator_is_refused() -> None:
    with pytest.raises(DataError, match=r"unknown estimator 'liner'\. Did you mean 'linear'"):
        found(churn(), declare(estimators=("liner",)))
    with pytest.raises(DataError, match=r"churn: the estimator 'sklearn\.svm\.SVM' can't be imported"):
        found(churn(), declare(estimators=("sklearn.svm.SVM",)))


def test_progress_only_goes_forward() -> None:
    told: list[tuple[float, str]] = []
    dataset, prediction = churn(), declare(search=Search(2.0, trials=3))
    search(dataset, split_rows(dataset, prediction), prediction, lambda done, note: told.append((done, note)))
    assert all(0 <= done <= 1 for done, _ in told)
    assert all(one[0] <= other[0] for one, other in pairwise(told))
    assert told[-1][0] == 1


def test_the_final_pipeline_learns_from_all_closed_rows_and_the_tested_one_does_not() -> None:
    dataset, prediction = churn(), declare()
    split = split_rows(dataset, prediction)
    result = found(dataset, prediction)
    spoilt = dataset.known_target.copy()
    spoilt[split.test] = 1 - spoilt[split.test]
    other = found(replace(dataset, target=spoilt), prediction)
    features = dataset.features.head(50)
    tested, final = (
        [predict_output(getattr(each, name), features, "classification") for each in (result, other)]
        for name in ("estimator", "final")
    )
    assert np.array_equal(*tested)
    assert not np.array_equal(*final)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_class_of_ones_own_is_tried_by_its_import_path(task: str) -> None:
    name = "sklearn.svm.SVR" if task == "regression" else "sklearn.naive_bayes.GaussianNB"
    declared, dataset = (declare_spend, spend()) if task == "regression" else (declare, churn())
    result = found(dataset, declared(estimators=(name,), search=Search(2.0, trials=2)))
    assert [trial.estimator for trial in result.trials] == [name]
    assert result.recipe.name == name


def test_a_blend_is_no_worse_than_its_best_member() -> None:
    result = found(churn(), declare(search=Search(2.0, trials=8)))
    assert len(result.recipe.parts) > 1
    assert sum(part.weight for part in result.recipe.parts) == pytest.approx(1)
    folds = np.split(np.arange(len(result.validation.y)), [part[0] for part in result.validation.periods[1:]])
    y, output = result.validation.y, result.validation.output
    assert np.mean([score("roc_auc", "classification", y[part], output[part]) for part in folds]) >= result.best.score


def test_few_rows_are_bagged() -> None:
    result = found(churn(), declare(search=Search(2.0, trials=1)))
    assert [part.bags for part in result.recipe.parts] == [8]
    assert len(result.final[-1].members[0].models) == 8


def test_processes_fit_the_same_as_threads() -> None:
    dataset, prediction = churn(), declare(search=Search(2.0, trials=3))
    recipe = found(dataset, prediction).recipe
    texts = Texts.of(dataset, rows=len(dataset), seconds=1.0)
    threads, processes = (
        fit_recipe(recipe, dataset, [dataset.closed], prediction, texts, are_processes=are_processes)[0]
        for are_processes in (False, True)
    )
    assert np.array_equal(threads.predict_proba(dataset.features), processes.predict_proba(dataset.features))


def test_many_rows_are_thinned_for_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "FEWEST_ROWS", 200)
    result = found(churn(), declare(search=Search(seconds=0.01)))
    assert result.best.rows == 200


def test_periods_of_many_rows_share_what_they_learn_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "FEWEST_ROWS", 50)
    monkeypatch.setattr(searching, "ROWS_PER_SECOND", 60_000)
    monkeypatch.setattr(searching, "MANY_ROWS", 500)
    result = found(churn(), declare(search=Search(seconds=0.01)))
    assert len(result.validation.periods) == 3
    assert result.best.rows == 200


def test_parts_of_the_entities_are_one_period_before_the_test() -> None:
    dataset, prediction = churn(customers=100, weeks=18), declare()
    split = split_rows(dataset, prediction)
    validation = found(dataset, prediction).validation
    assert len(split.tried) > 1
    assert [len(period) for period in validation.periods] == [len(validation.rows)]
    unseen = validation.and_tested(split.test, dataset.known_target[split.test], np.full(len(split.test), 0.5))
    assert [len(period) for period in unseen.periods] == [len(validation.rows), len(split.test)]


def test_rows_go_before_members_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """A blend is fitted on half of the rows if that is what there is time for, but on no fewer."""
    monkeypatch.setattr(searching, "FEWEST_ROWS", 10)
    kept = {}
    for seconds in (1e9, 12.0, 8.0):
        monkeypatch.setattr(searching, "_time_to_fit", lambda _budget, seconds=seconds: seconds)
        monkeypatch.setattr(Race, "fitting_seconds", lambda _race, parts: 10.0 * len(parts))
        recipe = found(churn(), declare(search=Search(2.0, trials=8))).recipe
        kept[seconds] = len(recipe.parts), recipe.most_rows
    members, rows = kept[1e9]
    assert members > 2
    assert kept[12.0] == (2, int(rows * 12 / 20))
    assert kept[8.0] == (1, int(rows * 8 / 10))


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
    prediction = replace(declare_spend(search=Search(2.0, trials=4)), metric=metric)
    result = found(spend(customers=40, weeks=16), prediction)
    assert {trial.status for trial in result.trials} == {"ok"}


def test_amounts_are_never_predicted_below_zero() -> None:
    frame = weekly().assign(spend=lambda rows: np.maximum(rows["signal"], 0))
    prediction = declare_spend(estimators=("linear",), search=Search(2.0, trials=1))
    dataset = make_dataset(frame, prediction, KINDS)
    assert predict_output(found(dataset, prediction).estimator, dataset.features, "regression").min() == 0


@pytest.mark.parametrize("base", [{}, {"base": "line"}])
@pytest.mark.parametrize("name", ["hist_gradient_boosting", "boosted_extra_trees"])
def test_amounts_that_are_learned_by_their_logarithm_come_back_to_their_mean(name: str, base: dict[str, str]) -> None:
    random = np.random.default_rng(0)
    matrix = random.uniform(0, 2, (4_000, 1))
    target = np.exp(matrix[:, 0] + random.normal(size=4_000))
    encoder = make_encoder({"x": "number"}, "tree", "regression").fit(pd.DataFrame(matrix, columns=["x"]), target)
    parameters = {"loss": "log", "learning_rate": 0.1, "max_leaf_nodes": 6, "max_iter": 60, **base}
    candidate, prediction = Candidate(name, parameters), declare_spend()
    fold = Encoded(encoder, matrix[:3_000], target[:3_000], matrix[3_000:], target[3_000:])
    fit = fit_fold(candidate, fold, prediction)
    judged = fold_output(fit, fold, best_iterations([fit]), "regression", 0)
    model, scale = fit_rows(candidate, encoder, fold.learn, fold.target, prediction, 30, seed=0)
    mean = np.exp(fold.judge[:, 0] + 0.5).mean()  # of the logarithm's exponential: 0.61 of it
    assert judged.mean() == pytest.approx(mean, rel=0.1)
    assert scale.back(model.predict(fold.judge)).mean() == pytest.approx(mean, rel=0.1)
