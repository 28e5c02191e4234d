"""How much of a training run's budget is spent."""

import time

from ml.declaration import Search

# For starting, weighing, testing and storing: of the budget, seconds, and seconds for each value of a feature.
OVERHEAD, LEAST_OVERHEAD, OVERHEAD_OF_CELL = 0.1, 1.0, 1.2e-7
# For intervals of what is measured: seconds for each row, as long as more rows do not mean fewer bootstrap samples.
MEASURING_OF_ROW, MOST_MEASURING = 3e-5, 4.0


class Budget:
    """Seconds that run from the start of a training run, or a number of trials, for which the clock plays no part.

    Attributes:
        rows: how many rows there are to learn from.
        cells: how many values of features these have.
    """

    def __init__(self, search: Search) -> None:
        """Start the clock."""
        self._started = time.monotonic()
        self.seconds = search.seconds
        self.trials = search.trials
        self.rows = self.cells = 0

    @property
    def has_clock(self) -> bool:
        """Whether seconds count, rather than trials."""
        return self.trials is None

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    @property
    def left(self) -> float:
        """Seconds until the end, at least 0; without end if trials count."""
        return max(self.seconds - self.spent, 0.0) if self.has_clock else float("inf")

    @property
    def overhead(self) -> float:
        """The seconds that all but search and fits may take; small budgets give at most a third for it."""
        wanted = max(OVERHEAD * self.seconds, LEAST_OVERHEAD, OVERHEAD_OF_CELL * self.cells)
        return min(wanted + min(MEASURING_OF_ROW * self.rows, MOST_MEASURING), self.seconds / 3)
