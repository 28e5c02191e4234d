"""Lower and upper values around a regression's predictions, learned from errors on rows it had not seen."""

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

BINS, ROWS_PER_BIN = 10, 100
DECAY = 0.5  # of a period's weight, for each period that is later
MOST_STRETCH = 3.0  # beyond it, periods have so little in common that no interval would tell anything


class ConformalIntervals:
    """Conformal intervals by signed errors, with own quantiles for low and high predictions.

    Within a bin of predictions, the errors of unseen rows bound the next error at the promised rate (split-conformal
    and Mondrian: Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005; signed errors: Linusson,
    Johansson and Löfström, 2014). So intervals widen with the prediction, and may be longer on one side.

    Attributes:
        coverage: the promised share of outcomes between lower and upper.
        edges: the inner borders of the bins of predictions.
        stretch: how much wider they are than the errors within each period ask for.
        below: per bin, what is added to a prediction for its lower value; at most 0.
        above: per bin, what is added for its upper value; at least 0.
        floor: the least value that an interval may have; minus infinity if targets can be negative.
    """

    def __init__(self, coverage: float) -> None:
        """Promise a coverage between 0 and 1."""
        self.coverage = coverage
        self.stretch = 1.0
        self.edges: Array = np.empty(0)
        self.below: Array = np.zeros(1)
        self.above: Array = np.zeros(1)
        self.floor = -np.inf

    def fit(self, y: Array, output: Array, periods: Sequence[NDArray[np.intp]] = ()) -> Self:
        """Learn from targets (n,) and out-of-fold predictions (n,) of the same rows.

        Where time passes, the next period differs from those before, as they do from each other: positions of the rows
        of each period, the oldest first, are then given. A period weighs half of the one after it (weights that decay:
        Barber, Candès, Ramdas and Tibshirani, "Conformal prediction beyond exchangeability", Annals of Statistics
        51(2), 2023), and the intervals are stretched until those learned from all other periods cover a period at the
        promised rate, in the mean of all periods and in that of late ones (as in cross-conformal prediction: Vovk,
        2015, by periods).
        """
        weight = np.ones(len(y))
        for age, period in enumerate(reversed(periods)):
            weight[period] = DECAY**age / len(period)
        self._fit(y, output, weight)
        if len(periods) > 1:
            self.stretch = self._stretch(y, output, weight, periods)
            self.below, self.above = self.below * self.stretch, self.above * self.stretch
        return self

    def _stretch(self, y: Array, output: Array, weight: Array, periods: Sequence[NDArray[np.intp]]) -> float:
        """The least factor, from 1 on, at which other periods' intervals cover periods as promised."""
        needed = []
        for period in periods:
            rest = np.setdiff1d(np.arange(len(y)), period)
            other = ConformalIntervals(self.coverage)._fit(y[rest], output[rest], weight[rest])
            place = other._bin(output[period])
            error = y[period] - output[period]
            side = np.where(error < 0, other.below[place], other.above[place])
            # The factor at which the interval would just reach the outcome.
            needed.append(np.divide(error, side, out=np.full(len(error), np.inf), where=side != 0))
        factors, rows = np.concatenate(needed), np.concatenate(periods)
        factors = np.where(y[rows] == output[rows], 0.0, factors)
        alike = np.concatenate([np.full(len(period), 1 / len(period)) for period in periods])
        order = np.argsort(factors)
        reached = [1.0]
        for share in (alike[order], weight[rows][order]):
            last = int(np.searchsorted(np.cumsum(share) / share.sum(), self.coverage))
            reached.append(float(factors[order][min(last, len(order) - 1)]))
        return min(max(reached), MOST_STRETCH)

    def _fit(self, y: Array, output: Array, weight: Array) -> Self:
        bins = int(np.clip(len(y) // ROWS_PER_BIN, 1, BINS))
        self.edges = np.unique(np.quantile(output, np.linspace(0, 1, bins + 1)[1:-1]))
        place = self._bin(output)
        error, tail = y - output, (1 - self.coverage) / 2
        parts = [place == number for number in range(len(self.edges) + 1)]
        # Ties between predictions can leave a bin nearly empty: it then takes the errors of all.
        parts = [part if part.sum() >= ROWS_PER_BIN // 2 else np.full(len(y), fill_value=True) for part in parts]
        self.below = np.array([min(-_upper(-error[part], weight[part], tail), 0.0) for part in parts])
        self.above = np.array([max(_upper(error[part], weight[part], tail), 0.0) for part in parts])
        self.floor = float(y.min()) if y.min() >= 0 else -np.inf
        return self

    def predict(self, output: Array) -> tuple[Array, Array]:
        """The lower and upper values of predictions (n,); a prediction always lies between its own."""
        place = self._bin(output)
        lower = np.minimum(np.maximum(output + self.below[place], self.floor), output)
        return lower, output + self.above[place]

    def _bin(self, output: Array) -> NDArray[np.intp]:
        return np.searchsorted(self.edges, output, side="right")


def _upper(errors: Array, weight: Array, tail: float) -> float:
    """The value that the next error, of mean weight, exceeds with at most the probability `tail`."""
    order = np.argsort(errors)
    reached = np.cumsum(weight[order]) / (weight.sum() + weight.mean())
    # Equal weights must not miss their rank by rounding.
    place = int(np.searchsorted(reached, (1 - tail) * (1 - 1e-12)))
    return float(errors[order[min(place, len(errors) - 1)]])
