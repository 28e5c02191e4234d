"""What the trials of a search found, which of them would be blended by now, and what fitting that blend takes."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.learning.blend import weigh
from ml.learning.candidates import Candidate, Leader
from ml.learning.portfolio import Parameters
from ml.learning.scorers import Judge

Array = NDArray[np.float64]

BEST_BLENDED, KIND_BLENDED = 20, 3  # trials that may join the blend: the best, and the best of every kind
WEIGHING_SHARE = 0.04  # of the time that has gone by, for weighing again


@dataclass(frozen=True)
class Trial:
    """One candidate, tried on every fold.

    `score` is the score of its out-of-fold predictions and `score_std` its deviation between folds, both NaN unless
    the status is "ok"; `rows` is the number of rows that the largest fold learned from; `status` is "ok",
    "failed: …" or "stopped: …".
    """

    number: int
    estimator: str
    parameters: Parameters
    rows: int
    score: float
    score_std: float
    seconds: float
    status: str


@dataclass(frozen=True)
class Tried:
    """A trial with what it leaves behind.

    That is its tempered out-of-fold output, their temperature, the best number of iterations, and a fit's seconds.
    """

    trial: Trial
    candidate: Candidate
    output: Array
    temperature: float
    iterations: int | None
    fit_seconds: float


class Standings:
    """Trials that came to their end, and the blend that they would make."""

    def __init__(self, judge: Judge) -> None:
        """Start without any."""
        self._judge = judge
        self.tried: list[Tried] = []
        self._blend: list[tuple[Tried, float]] = []
        self._weighed = 0  # trials that the blend has considered
        self._next_weighing = 0.0

    def add(self, tried: Tried) -> None:
        """Take in a trial."""
        self.tried.append(tried)

    @property
    def best(self) -> Tried:
        """The trial of the highest score."""
        return max(self.tried, key=lambda tried: tried.trial.score)

    def leader(self) -> Leader | None:
        """The best boosting so far."""
        boostings = [tried for tried in self.tried if tried.candidate.family.grows]
        best = max(boostings, key=lambda tried: tried.trial.score, default=None)
        return Leader(best.candidate, best.iterations) if best else None

    def blend(self) -> list[tuple[Tried, float]]:
        """The trials with their weights that would be blended now."""
        if self._weighed < len(self.tried):
            contenders = self._contenders()
            weighting = weigh([tried.output for tried in contenders], self._judge.value)
            self._blend = [(contenders[place], float(weighting.weights[place])) for place in weighting.chosen]
            self._weighed = len(self.tried)
        return self._blend

    def likely_blend(self) -> list[tuple[Tried, float]]:
        """The blend as it was when weighing it was last worth its time."""
        now = time.monotonic()
        if now >= self._next_weighing:
            self.blend()
            took = time.monotonic() - now
            self._next_weighing = now + took / WEIGHING_SHARE
        return self._blend

    def _contenders(self) -> Sequence[Tried]:
        """The best trials, and the best of every kind, since it is what differs that helps a blend."""
        ranked = sorted(self.tried, key=lambda tried: (-tried.trial.score, tried.trial.number))
        places: Counter[tuple[str, ...]] = Counter()
        chosen = []
        for rank, tried in enumerate(ranked):
            kind = tried.candidate.kind
            places[kind] += 1
            if rank < BEST_BLENDED or places[kind] <= KIND_BLENDED:
                chosen.append(tried)
        return chosen
