"""Tries candidates on the validation folds, all cores at work, until the budget is spent."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import dataclass, field

import numpy as np
from joblib import cpu_count
from numpy.typing import NDArray

from ml.declaration import Prediction
from ml.learning.blend import bounded
from ml.learning.budget import Budget
from ml.learning.calibrate import best_temperature, class_shares, levelled, temper
from ml.learning.candidates import Candidate
from ml.learning.cores import Submit, workers
from ml.learning.dataset import Dataset
from ml.learning.effort import boosted_tree_seconds
from ml.learning.encode import width
from ml.learning.fitting import WORDS, Encodings, FoldFit, best_iterations, fit_fold, fold_output, growth
from ml.learning.scorers import Judge
from ml.learning.split import Fold
from ml.learning.standings import Standings, Trial, Tried
from ml.learning.words import Texts

Array = NDArray[np.float64]

# The fewer the rows, the more of a fit is Python, which does one thing at a time: below the second number threads wait
# much for each other, below the first they only do.
FEWEST_ROWS_FOR_THREADS, ENOUGH_ROWS_FOR_THREADS = 2_000, 40_000
# Processes don't wait, but take two seconds to start, and each gets a copy of what it learns from.
SECONDS_FOR_PROCESSES, MOST_CELLS_FOR_PROCESSES = 20.0, 10_000_000
# With at most so many rows, this many fits are averaged.
BAGS = ((3_000, 8), (10_000, 4), (30_000, 2))
SAFETY = 1.5  # fits take longer than they did before, if anything
HOPELESS = 12  # so many failures before any success mean that the data are at fault
SKIPS = 8  # candidates passed over as too slow before a search ends early
MOST_OF_BUDGET = 0.4  # that may be kept for fitting the blend once
MOST_FOR_BAGS = 0.25  # that may be kept for fitting its members several times
STOPPED = "stopped: behind on its first fold, or no time left"


@dataclass
class _Running:
    """A trial under way: a future for each fold."""

    number: int
    candidate: Candidate
    futures: list["Future[FoldFit]"]
    started: float = field(default_factory=time.monotonic)
    is_raced: bool = False

    @property
    def is_done(self) -> bool:
        return all(future.done() for future in self.futures)


class Race:
    """The trials of one search. Candidates that are clearly worse on their first fold go no further."""

    def __init__(
        self, dataset: Dataset, folds: Sequence[Fold], prediction: Prediction, judge: Judge, budget: Budget
    ) -> None:
        """Take the folds to learn from and the judge of their out-of-fold outputs; look for free texts."""
        self._dataset, self._folds, self._prediction = dataset, folds, prediction
        self._judge, self._budget = judge, budget
        learned = [len(learn) for learn, _ in folds]
        self._rows, self.mean_rows = max(learned), float(np.mean(learned))
        self.texts = Texts.of(dataset, rows=self._rows, seconds=budget.seconds, seed=prediction.seed)
        self.features = width(dataset.kinds, dataset.features.iloc[folds[0][0]]) + self.texts.width
        self._encodings = Encodings(dataset, folds, prediction.task, self.texts)
        self._are_processes = self.needs_processes(self._rows)
        self.workers = cpu_count() if self._are_processes or self._rows >= FEWEST_ROWS_FOR_THREADS else 1
        target = np.concatenate([dataset.known_target[rows] for fold in folds for rows in fold])
        self._bounds = float(target.min()), float(target.max())
        self._outcome = np.concatenate([dataset.known_target[judged] for _, judged in folds])
        self._classes = len(dataset.classes)
        self._shares = class_shares(dataset.known_target[folds[0][0]], self._classes) if self._classes else None
        self._first_losses: dict[str, list[float]] = {}
        self.standings = Standings(judge)
        self.trials: list[Trial] = []

    @property
    def tried(self) -> list[Tried]:
        """The trials that came to their end."""
        return self.standings.tried

    def run(self, upcoming: Iterator[Candidate]) -> Iterator[tuple[int, Candidate]]:
        """Try one candidate after the other; yields number and candidate of each when it starts.

        The first candidate is always tried to its end.
        """
        running: list[_Running] = []
        with workers(self.workers, are_processes=self._are_processes) as submit:
            while True:
                while self._waiting(running) < self.workers:
                    candidate = self._next(upcoming, running)
                    if candidate is None:
                        break
                    running.append(self._start(candidate, submit, len(self.trials) + len(running) + 1))
                    yield running[-1].number, candidate
                if not running:
                    break
                running = self._settle(running)
        self.trials.sort(key=lambda trial: trial.number)

    def needs_processes(self, rows: int) -> bool:
        """Whether fits on so many rows are better done in processes than in threads."""
        is_small = rows < ENOUGH_ROWS_FOR_THREADS and rows * self.features <= MOST_CELLS_FOR_PROCESSES
        return is_small and self._budget.has_clock and self._budget.seconds >= SECONDS_FOR_PROCESSES

    def reserve(self) -> float:
        """The seconds that fitting the blend is likely to take: on the training rows, and on all closed ones."""
        likely = [tried for tried, _ in self.standings.likely_blend()]
        once = self.fitting_seconds([(tried, 1) for tried in likely])
        bagged = self.fitting_seconds([(tried, self.bags(tried)) for tried in likely])
        kept = max(min(once, MOST_OF_BUDGET * self._budget.seconds), min(bagged, MOST_FOR_BAGS * self._budget.seconds))
        return kept + self._budget.overhead

    def bags(self, tried: Tried) -> int:
        """How many fits of a candidate are averaged if time allows: with few rows, one would be partly luck."""
        rows = len(self._dataset.closed)
        return min(next((bags for most, bags in BAGS if rows <= most), 1), tried.candidate.family.most_bags)

    def fitting_seconds(self, parts: Sequence[tuple[Tried, int]]) -> float:
        """What it is likely to take to fit candidates in so many bags, on the training rows and on all closed ones."""
        if not parts:
            return 0.0
        # Encodings are told by their largest fold, fits by the mean of all folds.
        larger = max(len(self._dataset.closed) / self._rows, 1.0)
        styles = {tried.candidate.family.style for tried, _ in parts} | {WORDS}
        encoding = sum(self._encodings.seconds.get(style, 0.0) for style in styles)
        fitting = sum(bags * self._final_seconds(tried) for tried, bags in parts)
        fits = 2 * sum(bags for _, bags in parts)
        return SAFETY * 2 * (larger * encoding / min(self.workers, 2) + fitting / min(self.workers, fits))

    def _final_seconds(self, tried: Tried) -> float:
        """What one fit on all closed rows is likely to take."""
        rows, candidate = max(len(self._dataset.closed), self.mean_rows), tried.candidate
        if not tried.iterations:
            return tried.fit_seconds * rows / self.mean_rows
        before, now = (
            boosted_tree_seconds(candidate.estimator, candidate.parameters, size, self.features)
            for size in (self.mean_rows, rows)
        )
        return tried.fit_seconds * growth(rows, self.mean_rows) * now / before

    def _waiting(self, running: Sequence[_Running]) -> int:
        return sum(not future.done() for trial in running for future in trial.futures)

    def _next(self, upcoming: Iterator[Candidate], running: Sequence[_Running]) -> Candidate | None:
        started = len(self.trials) + len(running)
        if not self._budget.has_clock:
            # One after the other, since what is drawn depends on what was found.
            return None if running or started >= (self._budget.trials or 0) else next(upcoming, None)
        if not self.tried:  # nothing is known of how long a trial takes
            is_hopeless = self.trials and (len(self.trials) >= HOPELESS or self._budget.left <= 0)
            return None if running or is_hopeless else next(upcoming, None)
        busy = sum(self._trial_seconds(trial.candidate) * self._share_left(trial) for trial in running)
        for _ in range(SKIPS):
            candidate = next(upcoming, None)
            if candidate is None:
                return None
            if busy + self._trial_seconds(candidate) + self.reserve() <= self._budget.left:
                return candidate
        return None

    def _share_left(self, trial: _Running) -> float:
        return sum(not future.done() for future in trial.futures) / len(trial.futures)

    def _trial_seconds(self, candidate: Candidate) -> float:
        known = [tried.fit_seconds for tried in self.tried if tried.candidate.estimator == candidate.estimator]
        if known:
            each = max(known) if candidate.family.grows else known[-1]
        else:
            unit = np.mean([tried.fit_seconds / self._cost(tried.candidate) for tried in self.tried])
            each = float(unit) * self._cost(candidate)
        return SAFETY * each * len(self._folds) / self.workers

    def _cost(self, candidate: Candidate) -> float:
        trees = max(self._classes, 1) if candidate.family.grows else 1
        return candidate.family.cost * (trees if trees > 2 else 1)

    def _start(self, candidate: Candidate, submit: Submit, number: int) -> _Running:
        def work(fold: int) -> FoldFit:
            return fit_fold(candidate, self._encodings.of(fold, candidate.family.style), self._prediction)

        folds = range(len(self._folds))
        if not self._are_processes:
            return _Running(number, candidate, [submit(work, fold) for fold in folds])
        encoded = [self._encodings.of(fold, candidate.family.style) for fold in folds]
        futures = [submit(fit_fold, candidate, fold, self._prediction) for fold in encoded]
        return _Running(number, candidate, futures)

    def _settle(self, running: list[_Running]) -> list[_Running]:
        """Wait until a fold is done, or time is up; returns the trials that go on."""
        waiting = [future for trial in running for future in trial.futures if not future.done()]
        left = self._budget.left - self.reserve() if self.tried else np.inf
        timeout = max(left, 0.0) if np.isfinite(left) and left > 0 else None
        wait(waiting, timeout=timeout, return_when=FIRST_COMPLETED)
        is_late = bool(self.tried) and self._budget.left <= self.reserve()
        for trial in running:
            if is_late or self._falls_behind(trial):
                self._cancel(trial)
        done = [trial for trial in running if trial.is_done]
        for trial in done:
            self._finish(trial)
        rest = [trial for trial in running if trial not in done]
        if not is_late:
            return rest
        for trial in rest:
            self._leave(trial, time.monotonic() - trial.started, STOPPED)
        return []

    def _cancel(self, trial: _Running) -> None:
        for future in trial.futures:
            future.cancel()

    def _falls_behind(self, trial: _Running) -> bool:
        """Whether a drawn candidate's loss on the first fold is worse than that of half of all before."""
        first = trial.futures[0]
        if trial.is_raced or not first.done() or first.cancelled() or first.exception() is not None:
            return False
        curve = first.result().curve
        if curve is None:
            return False
        trial.is_raced = True
        # Losses of different kinds can't be compared.
        before = self._first_losses.setdefault(trial.candidate.loss, [])
        loss = float(curve.min())
        is_worse = trial.candidate.is_drawn and len(before) > 3 and loss > float(np.median(before))
        before.append(loss)
        return is_worse

    def _finish(self, trial: _Running) -> None:
        seconds = time.monotonic() - trial.started
        try:
            fits = [future.result() for future in trial.futures]
            iterations = best_iterations(fits)
            outputs = [self._output(number, trial.candidate, fit, iterations) for number, fit in enumerate(fits)]
            temperature, outputs = self._tempered(outputs)
            scores = self._judge.each(outputs)
            output = np.concatenate(outputs)
            value = self._judge.value(output)
        except CancelledError:
            self._leave(trial, seconds, STOPPED)
            return
        except Exception as error:
            # One estimator's trouble with the data must not end the search: it becomes a row that says why.
            self._leave(trial, seconds, f"failed: {type(error).__name__}: {error}")
            return
        parameters = {**trial.candidate.parameters, "encoding": trial.candidate.family.style}
        if iterations is not None:
            parameters["max_iter"] = iterations
        name = trial.candidate.estimator
        done = Trial(trial.number, name, parameters, self._rows, value, float(np.std(scores)), seconds, "ok")
        self.trials.append(done)
        seconds_each = float(np.mean([fit.seconds for fit in fits]))
        self.standings.add(Tried(done, trial.candidate, output, temperature, iterations, seconds_each))

    def _tempered(self, outputs: list[Array]) -> tuple[float, list[Array]]:
        """Probabilities as sure of themselves as the outcomes allow, since a blend should mix like with like."""
        if self._prediction.task == "regression":
            return 1.0, outputs
        like = np.concatenate(outputs)
        if not self._judge.is_pooled:  # each fold is a time with base rates of its own
            like = levelled(self._outcome, like, self._judge.parts)
        temperature = best_temperature(self._outcome, like, self._shares)
        return temperature, [temper(output, temperature, self._shares) for output in outputs]

    def _leave(self, trial: _Running, seconds: float, status: str) -> None:
        name, parameters = trial.candidate.estimator, trial.candidate.parameters
        self.trials.append(Trial(trial.number, name, parameters, self._rows, np.nan, np.nan, seconds, status))

    def _output(self, number: int, candidate: Candidate, fit: FoldFit, iterations: int | None) -> Array:
        fold = self._encodings.of(number, candidate.family.style)
        task = self._prediction.task
        output = fold_output(fit, fold, iterations, task, self._classes)
        return bounded(output, *self._bounds) if task == "regression" else output
