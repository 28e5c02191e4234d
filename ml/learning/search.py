"""Finds the best blend of estimators that a budget can buy: tries candidates on the validation folds, blends, fits."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from ml.declaration import Prediction
from ml.errors import DataError
from ml.learning.budget import Budget
from ml.learning.calibrate import Calibrator, calibrate
from ml.learning.candidates import TRIAL_SHARE, Facts, candidates
from ml.learning.cores import linear_algebra_on_one_core
from ml.learning.dataset import Dataset, Rows
from ml.learning.order import thin
from ml.learning.portfolio import LOSSES, find
from ml.learning.race import Race
from ml.learning.recipe import Part, Recipe, fit_recipe
from ml.learning.scorers import Judge
from ml.learning.split import Fold, Split
from ml.learning.standings import Trial, Tried

# Rows that a fold's training may have: enough for a good choice, few enough for several trials in the budget.
ROWS_PER_SECOND, FEWEST_ROWS = 1_500, 10_000
MOST_JUDGED = 30_000  # rows that judge one fold
MANY_ROWS = 60_000  # of which folds in time share what they may learn from: each period tells something else
# With more rows than the first number to learn from, the second number of folds by entity tells candidates apart.
ENOUGH_FOLDS = ((MANY_ROWS, 1), (10_000, 3))
# Times a member's weight beside the heaviest's: the share of its bags that there may be time for, from all to one.
BAG_SHARES = (25.0, 6.0, 3.0, 2.0, 1.5, 1.0, 0.75, 0.5, 0.35, 0.25, 0.0)
LEAST_ROWS = 0.5  # share of the rows that a blend learns from before members are left out for want of time
NONE_SUITS = "none of the declared estimators suits so many rows and this metric: leave `estimators` out"

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Validation:
    """Out-of-fold predictions of the blend: row positions, their targets and the outputs, fold after fold.

    `periods` are the positions of each period's rows among them; of all rows, where folds are parts of the entities.
    """

    rows: Rows
    y: NDArray[np.float64]
    output: NDArray[np.float64]
    periods: tuple[Rows, ...]

    def and_tested(self, rows: Rows, y: NDArray[np.float64], output: NDArray[np.float64]) -> "Validation":
        """With the test as one more period: all that was predicted unseen."""
        return Validation(
            np.concatenate([self.rows, rows]),
            np.concatenate([self.y, y]),
            np.concatenate([self.output, output]),
            (*self.periods, np.arange(len(y)) + len(self.y)),
        )


@dataclass(frozen=True)
class SearchResult:
    """What a search found: every trial, the best one, the blend's recipe and its out-of-fold predictions.

    `estimator` is fitted on the training rows, and may be tested; `final` has learned from all closed rows.
    """

    trials: tuple[Trial, ...]
    best: Trial
    recipe: Recipe
    validation: Validation
    estimator: Pipeline
    final: Pipeline


def search(
    dataset: Dataset, split: Split, prediction: Prediction, progress: Progress, budget: Budget | None = None
) -> SearchResult:
    """Try candidates in order of expected worth until the budget is spent, blend the best, and fit the blend.

    With `search.trials` the clock plays no part, so that a run repeats exactly.

    Args:
        dataset: the rows.
        split: training rows and folds. Test rows are learned from by `final` alone, when the recipe stands.
        prediction: task, metric, budget, estimators and seed.
        progress: is told the share that is done (0 to 1) and what is being tried.
        budget: a clock that runs already; by default it starts now.

    Raises:
        DataError: an estimator's name is unknown, or every trial failed.
    """
    budget = budget or Budget(prediction.search)
    _require_known(prediction)
    folds = _folds(dataset, split, prediction)
    targets = [dataset.known_target[judge] for _, judge in folds]
    judge = Judge(prediction.metric, prediction.task, targets, is_pooled=not split.are_periods)
    with _quiet():
        race = Race(dataset, folds, prediction, judge, budget)
        upcoming = candidates(
            _facts(dataset, folds, prediction, race), prediction.estimators, prediction.seed, race.standings.leader
        )
        for number, candidate in race.run(upcoming):
            progress(_done(number, budget), f"trial {number}: {candidate.estimator}")
        if not race.tried:
            reason = f"every estimator failed; the first one {race.trials[0].status}" if race.trials else NONE_SUITS
            raise DataError(f"{prediction.name}: {reason}.")
        progress(_done(len(race.trials), budget), "blending")
        recipe, validation = _blend(dataset, folds, race, judge, budget)
        progress(1.0, f"fitting {recipe.name}")
        row_sets = split.train, dataset.closed
        are_processes = race.needs_processes(len(dataset.closed))
        estimator, final = fit_recipe(recipe, dataset, row_sets, prediction, race.texts, are_processes=are_processes)
    return SearchResult(tuple(race.trials), race.standings.best.trial, recipe, validation, estimator, final)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings of estimators: a fit that has not quite converged shows in its score.

    Linear algebra keeps to one core, as its threads would only be in the way of the fits beside it.
    """
    with warnings.catch_warnings(), linear_algebra_on_one_core():
        warnings.simplefilter("ignore")
        yield


def _require_known(prediction: Prediction) -> None:
    for name in prediction.estimators:
        try:
            find(name)
        except DataError as error:
            raise DataError(f"{prediction.name}: {error}") from error


def _folds(dataset: Dataset, split: Split, prediction: Prediction) -> list[Fold]:
    rows = max(FEWEST_ROWS, int(ROWS_PER_SECOND * prediction.search.seconds))
    learned = max(len(split.train), *(len(learn) for learn, _ in split.tried))
    if split.are_periods:
        enough = len(split.tried)
        rows = max(FEWEST_ROWS, rows // enough) if learned > MANY_ROWS else rows
    else:
        enough = next((folds for more_than, folds in ENOUGH_FOLDS if learned > more_than), len(split.tried))
    return [_thinned(dataset, learn, judge, rows) for learn, judge in split.tried[:enough]]


def _thinned(dataset: Dataset, learn: Rows, judge: Rows, most: int) -> Fold:
    """A fold of fewer rows; none to judge by is of a class that it can not learn: such rows tell nothing."""
    learn, judge = thin(dataset, learn, most), thin(dataset, judge, MOST_JUDGED)
    if dataset.classes:
        judge = judge[np.isin(dataset.known_target[judge], dataset.known_target[learn])]
    return learn, judge


def _facts(dataset: Dataset, folds: Sequence[Fold], prediction: Prediction, race: Race) -> Facts:
    target, loss = dataset.known_target[folds[0][0]], LOSSES.get(prediction.metric)
    is_amount = prediction.task == "regression" and loss is None and float(target.min()) >= 0
    return Facts(
        rows=max(len(learn) for learn, _ in folds),
        features=race.features,
        trees=len(dataset.classes) if len(dataset.classes) > 2 else 1,
        fit_seconds=TRIAL_SHARE * prediction.search.seconds * race.workers / len(folds),
        has_categories="category" in dataset.kinds.values(),
        is_amount=is_amount and float(target.max()) > 0,
        is_positive=loss in ("poisson", "gamma"),
        is_absolute=loss == "absolute_error",
        is_squared=prediction.task == "regression" and loss is None,
        has_time=dataset.has_periods,
    )


def _done(number: int, budget: Budget) -> float:
    share = budget.spent / budget.seconds if budget.has_clock else (number - 1) / (budget.trials or 1)
    return min(share, 1.0)


def _blend(
    dataset: Dataset, folds: Sequence[Fold], race: Race, judge: Judge, budget: Budget
) -> tuple[Recipe, Validation]:
    parts = _affordable(race.standings.blend(), race, budget, len(dataset.closed))
    output = np.tensordot([weight for _, weight, _ in parts], [tried.output for tried, _, _ in parts], axes=1)
    rows = np.concatenate([judged for _, judged in folds])
    y = dataset.known_target[rows]
    calibrator = Calibrator()
    if dataset.classes:
        calibrator = calibrate(y, output, judge.parts, are_periods=not judge.is_pooled)
    share = _time_to_fit(budget) / max(race.fitting_seconds([(tried, bags) for tried, _, bags in parts]), 1e-9)
    recipe = Recipe(
        parts=tuple(
            Part(tried.candidate, tried.iterations, weight, tried.temperature, bags) for tried, weight, bags in parts
        ),
        calibrator=calibrator,
        most_rows=max(FEWEST_ROWS, int(len(dataset.closed) * min(share, 1.0))),
        tried_rows=round(race.mean_rows),
    )
    periods = (np.arange(len(rows)),) if judge.is_pooled else judge.parts
    return recipe, Validation(rows, y, calibrator.apply(output), periods)


def _affordable(
    chosen: Sequence[tuple[Tried, float]], race: Race, budget: Budget, rows: int
) -> list[tuple[Tried, float, int]]:
    """Candidates with weight and number of bags, as time allows: bags go first, then rows, then light members.

    The more a member weighs, the more its bags steady the mean.
    """
    time_to_fit, heaviest = _time_to_fit(budget), max(weight for _, weight in chosen)
    for share in BAG_SHARES:
        bags = [max(round(race.bags(tried) * min(share * weight / heaviest, 1.0)), 1) for tried, weight in chosen]
        if race.fitting_seconds([(tried, many) for (tried, _), many in zip(chosen, bags, strict=True)]) <= time_to_fit:
            break
    parts = sorted(((*pair, many) for pair, many in zip(chosen, bags, strict=True)), key=lambda part: -part[1])
    least = min(max(LEAST_ROWS, FEWEST_ROWS / rows), 1.0)
    while len(parts) > 1 and least * race.fitting_seconds([(one, many) for one, _, many in parts]) > time_to_fit:
        parts.pop()
    total = sum(weight for _, weight, _ in parts)
    return [(tried, weight / total, many) for tried, weight, many in parts]


def _time_to_fit(budget: Budget) -> float:
    return budget.left - budget.overhead if budget.has_clock else np.inf
