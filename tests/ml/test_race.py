import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from threading import Event
from typing import Any

import numpy as np
import pytest

from ml.declaration import Search
from ml.learning import race as racing
from ml.learning.budget import Budget
from ml.learning.candidates import Candidate, Facts, Leader, candidates
from ml.learning.fitting import FoldFit
from ml.learning.race import Race
from ml.learning.scorers import Judge
from ml.learning.split import split_rows
from tests.ml.frames import churn, declare

FACTS = Facts(
    rows=1_000,
    features=10,
    trees=1,
    fit_seconds=1.0,
    has_categories=True,
    is_amount=False,
    is_positive=False,
    is_absolute=False,
    is_squared=False,
    has_time=False,
)


class Clock(Budget):
    """A budget whose time is told by the test."""

    now = 0.0

    @property
    def spent(self) -> float:
        return self.now


def race(search: Search, budget: Budget | None = None) -> Race:
    dataset, prediction = churn(weeks=32), declare(search=search)
    folds = split_rows(dataset, prediction).folds
    judge = Judge("roc_auc", "classification", [dataset.known_target[rows] for _, rows in folds], is_pooled=False)
    return Race(dataset, folds, prediction, judge, budget or Budget(search))


def linear(count: int) -> Iterator[Candidate]:
    yield from (Candidate("linear", {"penalty": 10.0 + number}) for number in range(count))


def test_trials_are_numbered_in_the_order_of_their_start() -> None:
    ran = race(Search(2.0, trials=4))
    started = list(ran.run(linear(10)))
    assert [number for number, _ in started] == [1, 2, 3, 4]
    assert [trial.number for trial in ran.trials] == [1, 2, 3, 4]
    assert {trial.status for trial in ran.trials} == {"ok"}


def test_no_candidate_starts_that_would_leave_no_time_to_fit() -> None:
    clock = Clock(Search(60.0))
    ran = race(Search(60.0), clock)
    for number, _ in ran.run(linear(50)):
        if number == 3:
            clock.now = 59.5
    assert 3 <= len(ran.trials) <= 4


def test_where_everything_fails_the_race_ends_long_before_its_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> FoldFit:
        raise ValueError("of these data nothing can be made")

    monkeypatch.setattr(racing, "fit_fold", fails)
    ran = race(Search(600.0), Clock(Search(600.0)))
    list(ran.run(linear(1_000)))
    assert len(ran.trials) == racing.HOPELESS
    assert all(trial.status.endswith("of these data nothing can be made") for trial in ran.trials)
    assert ran.tried == []


def test_a_trial_without_time_left_is_stopped_and_says_so() -> None:
    clock = Clock(Search(60.0))
    ran = race(Search(60.0), clock)
    for number, _ in ran.run(linear(50)):
        if number == 2:
            clock.now = 61.0
    assert ran.trials[0].status == "ok"
    assert all(trial.status == "ok" or trial.status.startswith("stopped") for trial in ran.trials)
    assert np.isnan([trial.score for trial in ran.trials if trial.status != "ok"]).all()


def test_processes_are_for_rows_that_keep_python_busy_and_for_budgets_that_bear_their_start() -> None:
    assert race(Search(60.0)).needs_processes(30_000)
    assert not race(Search(60.0)).needs_processes(50_000)
    wide = race(Search(60.0))
    wide.features = 1_000
    assert not wide.needs_processes(30_000)
    assert not race(Search(5.0)).needs_processes(30_000)
    assert not race(Search(60.0, trials=3)).needs_processes(30_000)


def test_fitting_a_boosting_on_more_rows_takes_less_than_in_proportion() -> None:
    ran = race(Search(2.0, trials=1))
    parameters = {"learning_rate": 0.1, "max_leaf_nodes": 8, "max_iter": 30}
    list(ran.run(iter([Candidate("hist_gradient_boosting", parameters)])))
    (tried,) = ran.tried
    encoding = ran.fitting_seconds([(replace(tried, fit_seconds=0.0), 1)])
    ran.mean_rows = 0.1 * len(ran._dataset.closed)
    boosting, line = (
        ran.fitting_seconds([(replace(tried, iterations=iterations), 1)]) - encoding for iterations in (1, None)
    )
    assert line == pytest.approx(2 * racing.SAFETY * 10 * tried.fit_seconds)
    assert boosting < 0.5 * line


def test_a_drawn_candidate_that_falls_behind_goes_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(racing, "FEWEST_ROWS_FOR_THREADS", 10**9)
    good = {"learning_rate": 0.1, "max_leaf_nodes": 8, "max_iter": 30}
    bad = {"learning_rate": 1e-6, "max_leaf_nodes": 2, "max_iter": 1}
    listed = [Candidate("hist_gradient_boosting", {**good, "l2_regularization": float(number)}) for number in range(5)]
    ran = race(Search(2.0, trials=6))
    # The second fold of the drawn candidate takes until the verdict on the first is known.
    verdict, real_fit, real_cancel, fits = Event(), racing.fit_fold, Race._cancel, []

    def fit(candidate: Candidate, *arguments: Any) -> FoldFit:
        fits.append(candidate)
        if candidate.is_drawn and fits.count(candidate) == 2:
            assert verdict.wait(60)
        return real_fit(candidate, *arguments)

    def cancel(self: Race, trial: Any) -> None:
        real_cancel(self, trial)
        verdict.set()

    monkeypatch.setattr(racing, "fit_fold", fit)
    monkeypatch.setattr(Race, "_cancel", cancel)
    list(ran.run(iter([*listed, Candidate("hist_gradient_boosting", bad, is_drawn=True)])))
    assert [trial.status for trial in ran.trials[:5]] == ["ok"] * 5
    assert ran.trials[5].status.startswith("stopped: behind")


def test_candidates_repeat_by_seed_and_never_end() -> None:
    def drawn(seed: int) -> list[Candidate]:
        upcoming = candidates(FACTS, (), seed, lambda: None)
        return [next(upcoming) for _ in range(60)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_amounts_are_learned_by_other_losses_too() -> None:
    def losses(facts: Facts) -> set[str]:
        return {one.parameters.get("loss", "") for one in islice(candidates(facts, (), 0, lambda: None), 80)}

    assert losses(replace(FACTS, is_squared=True)) == {""}
    assert losses(replace(FACTS, is_squared=True, is_amount=True)) == {"", "poisson", "log"}
    assert losses(replace(FACTS, is_squared=True, is_amount=True, has_time=True)) == {"", "poisson"}


def test_more_boostings_learn_by_a_loss_that_leads() -> None:
    leads = Leader(Candidate("hist_gradient_boosting", {"loss": "poisson", "learning_rate": 0.1}), iterations=None)

    def losses(leader: Leader | None, has_time: bool = False) -> list[str]:
        facts = replace(FACTS, is_squared=True, is_amount=True, has_time=has_time)
        first = islice(candidates(facts, (), 0, lambda: leader), 12)
        return [one.parameters["loss"] for one in first if one.estimator != "linear" and "loss" in one.parameters]

    assert losses(None) == ["poisson"]
    assert losses(leads) == ["poisson", "poisson", "log"]
    assert losses(leads, has_time=True) == ["poisson"]


def test_what_learns_all_classes_at_once_comes_before_further_boostings() -> None:
    def first(facts: Facts) -> list[Candidate]:
        return list(islice(candidates(facts, (), 0, lambda: None), 18))

    several = [one.estimator for one in first(replace(FACTS, trees=5))]
    assert several[3:5] == ["extra_trees", "neural_network"]
    assert several.index("neural_network") < several.index("boosted_extra_trees")
    two = [one.estimator for one in first(FACTS)]
    assert two.index("neural_network") > two.index("boosted_extra_trees")
    forests = [
        one.parameters["max_features"] for one in first(replace(FACTS, trees=5)) if one.estimator == "extra_trees"
    ]
    assert forests.count("sqrt") == 1


def test_boostings_of_several_classes_take_no_steps_that_diverge() -> None:
    hasty = Leader(
        Candidate("hist_gradient_boosting", {"learning_rate": 0.3, "max_leaf_nodes": 8, "max_iter": 900}), 900
    )
    for trees, fastest in ((1, 0.3), (26, 0.15)):
        drawn = islice(candidates(replace(FACTS, trees=trees, fit_seconds=1.0 * trees), (), 0, lambda: hasty), 60)
        rates = [one.parameters["learning_rate"] for one in drawn if one.family.grows]
        assert max(rates) == pytest.approx(fastest)


def test_only_wanted_estimators_are_tried() -> None:
    upcoming = candidates(FACTS, ("linear", "sklearn.naive_bayes.GaussianNB"), 0, lambda: None)
    names = [next(upcoming).estimator for _ in range(20)]
    assert names[0] == "sklearn.naive_bayes.GaussianNB"
    assert set(names[1:]) == {"linear"}


def test_some_drawn_boostings_are_near_to_the_leader() -> None:
    leader = Candidate("hist_gradient_boosting", {"learning_rate": 0.05, "max_leaf_nodes": 16, "max_iter": 7}, "codes")
    upcoming = candidates(FACTS, ("hist_gradient_boosting",), 0, lambda: Leader(leader, 3))
    drawn = [candidate for candidate in (next(upcoming) for _ in range(60)) if candidate.is_drawn]
    near = [one for one in drawn if one.style == "codes" and one.parameters["max_leaf_nodes"] in (10, 16, 24)]
    assert len(drawn) / 4 < len(near) < len(drawn)
    assert all(one.parameters["max_iter"] > 7 for one in drawn)


def test_after_a_leader_that_was_cut_short_all_take_larger_steps() -> None:
    def rates(iterations: int) -> list[float]:
        leader = Candidate("hist_gradient_boosting", {"learning_rate": 0.06, "max_leaf_nodes": 16, "max_iter": 400})
        upcoming = candidates(FACTS, ("hist_gradient_boosting",), 0, lambda: Leader(leader, iterations))
        return [next(upcoming).parameters["learning_rate"] for _ in range(40)]

    unhurried, hurried = rates(200), rates(400)
    assert min(unhurried) < 0.06
    assert min(hurried) > 2 * min(unhurried)
    assert max(hurried) <= 0.3
    assert all(fast >= slow for fast, slow in zip(hurried[:5], unhurried[:5], strict=True))


def test_lines_of_many_features_are_solved_by_steps_that_do_not_grow_with_their_square() -> None:
    def solvers(facts: Facts) -> set[object]:
        tried = islice(candidates(facts, ("linear", "kernel"), 0, lambda: None), 8)
        return {candidate.parameters.get("solver") for candidate in tried}

    classes = replace(FACTS, is_squared=False, is_amount=False, is_absolute=False)
    assert solvers(classes) == {None}
    assert solvers(replace(classes, features=1_500)) == {"lbfgs"}
    assert solvers(replace(classes, features=1_500, is_squared=True)) == {None}


def test_leaves_are_large_enough_for_medians_where_absolute_errors_count() -> None:
    def leaves(facts: Facts) -> list[int]:
        tried = list(islice(candidates(facts, ("extra_trees", "random_forest"), 0, lambda: None), 20))
        return [candidate.parameters["min_samples_leaf"] for candidate in tried]

    assert min(leaves(FACTS)) == 1
    assert min(leaves(replace(FACTS, is_absolute=True))) == 10
    assert max(leaves(replace(FACTS, is_absolute=True))) == 20


def test_what_grows_is_bounded_by_the_size_of_the_data() -> None:
    small, large = (
        next(candidates(replace(FACTS, rows=rows), (), 0, lambda: None)).parameters["max_iter"]
        for rows in (1_000, 1_000_000)
    )
    assert large < small


def test_the_budget_tells_what_is_left() -> None:
    clock = Clock(Search(10.0))
    clock.now = 4.0
    assert clock.left == 6.0
    clock.now = 12.0
    assert clock.left == 0.0
    assert Budget(Search(10.0, trials=2)).left == float("inf")
    started = time.monotonic()
    assert Budget(Search(10.0)).spent <= time.monotonic() - started + 1.0
