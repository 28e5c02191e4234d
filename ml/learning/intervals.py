"""Lower and upper values around a regression's predictions, learned from errors on rows it had not seen."""

from typing import Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

BINS, ROWS_PER_BIN = 10, 100


class ConformalIntervals:
    """Conformal intervals by signed errors, with own quantiles for low and high predictions.

    Within a bin of predictions, the errors of unseen rows bound the next error at the promised rate (split-conformal
    and Mondrian: Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005; signed errors: Linusson,
    Johansson and Löfström, 2014). So intervals widen with the prediction, and may be longer on one side.

    Attributes:
        coverage: the promised share of outcomes between lower and upper.
        edges: the inner borders of the bins of predictions.
        below: per bin, what is added to a prediction for its lower value; at most 0.
        above: per bin, what is added for its upper value; at least 0.
        floor: the least value that an interval may have; minus infinity if targets can be negative.
    """

    def __init__(self, coverage: float) -> None:
        """Promise a coverage between 0 and 1."""
        self.coverage = coverage
        self.edges: Array = np.empty(0)
        self.below: Array = np.zeros(1)
        self.above: Array = np.zeros(1)
        self.floor = -np.inf

    def fit(self, y: Array, output: Array) -> Self:
        """Learn from targets (n,) and out-of-fold predictions (n,) of the same rows."""
        bins = int(np.clip(len(y) // ROWS_PER_BIN, 1, BINS))
        self.edges = np.unique(np.quantile(output, np.linspace(0, 1, bins + 1)[1:-1]))
        place = self._bin(output)
        errors = [np.sort((y - output)[place == number]) for number in range(len(self.edges) + 1)]
        whole = np.sort(y - output)
        tail = (1 - self.coverage) / 2
        # Ties between predictions can leave a bin nearly empty: it then takes the errors of all.
        errors = [part if len(part) >= ROWS_PER_BIN // 2 else whole for part in errors]
        self.below = np.array([min(-_upper(-part[::-1], tail), 0.0) for part in errors])
        self.above = np.array([max(_upper(part, tail), 0.0) for part in errors])
        self.floor = float(y.min()) if y.min() >= 0 else -np.inf
        return self

    def predict(self, output: Array) -> tuple[Array, Array]:
        """The lower and upper values of predictions (n,); a prediction always lies between its own."""
        place = self._bin(output)
        lower = np.minimum(np.maximum(output + self.below[place], self.floor), output)
        return lower, output + self.above[place]

    def _bin(self, output: Array) -> NDArray[np.intp]:
        return np.searchsorted(self.edges, output, side="right")


def _upper(errors: Array, tail: float) -> float:
    """The value that the next error exceeds with at most the probability `tail`; `errors` ascend."""
    rank = int(np.ceil((len(errors) + 1) * (1 - tail)))
    return float(errors[min(rank, len(errors)) - 1])
