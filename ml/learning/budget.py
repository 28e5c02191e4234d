"""How much of a training run's budget is spent."""

import time

from ml.declaration import Search

OVERHEAD, LEAST_OVERHEAD = 0.08, 1.0  # of the budget, and seconds, for weighing, testing and storing


class Budget:
    """Seconds that run from the start of a training run, or a number of trials, for which the clock plays no part."""

    def __init__(self, search: Search) -> None:
        """Start the clock."""
        self._started = time.monotonic()
        self.seconds = search.seconds
        self.trials = search.trials

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
        """The seconds that weighing, testing and storing may take; small budgets give at most a third for it."""
        return min(max(OVERHEAD * self.seconds, LEAST_OVERHEAD), self.seconds / 3)
