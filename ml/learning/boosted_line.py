"""A boosting of what a line leaves over."""

from collections.abc import Iterator
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge

from ml.learning.boosted_extra_trees import BoostedExtraTreesRegressor

Array = NDArray[np.float64]

PENALTY = 10.0  # of the line's squared weights, on columns of deviation 1
REACH = 10.0  # deviations from the mean that a column counts, at most


class BoostedLine(HistGradientBoostingRegressor):  # type: ignore[misc]  # scikit-learn has no types
    """Trees know no value beyond those that they have met; a line goes on, and they learn what it misses.

    Missing values are the mean for the line. Parameters are those of the boosting.
    """

    def fit(self, matrix: Array, target: Array, **judged: Array) -> Self:
        """Fit the line, then the boosting; `judged` are its `X_val` and `y_val`."""
        self.middle_ = np.nan_to_num(np.nanmean(matrix, axis=0))
        deviation = np.nan_to_num(np.nanstd(matrix, axis=0))
        self.width_ = np.where(deviation > 0, deviation, 1.0)
        scaled = self._scaled(matrix)
        self.line_ = Ridge(PENALTY).fit(scaled, target)
        left = target - self.line_.predict(scaled)
        del scaled  # as large as the matrix
        if judged:
            judged["y_val"] = judged["y_val"] - self.straight(judged["X_val"])
        super().fit(matrix, left, **judged)
        return self

    def straight(self, matrix: Array) -> Array:
        """(rows,) what the line says."""
        return np.asarray(self._scaled(matrix) @ self.line_.coef_ + self.line_.intercept_)

    def predict(self, matrix: Array) -> Array:
        """(rows,) the line and the boosting together."""
        return np.asarray(self.straight(matrix) + super().predict(matrix))

    def staged_predict(self, matrix: Array) -> Iterator[Array]:
        """The same after each iteration."""
        line = self.straight(matrix)
        for output in super().staged_predict(matrix):
            yield line + output

    def _scaled(self, matrix: Array) -> Array:
        scaled: Array = matrix - self.middle_
        scaled /= self.width_
        np.clip(scaled, -REACH, REACH, out=scaled)
        np.nan_to_num(scaled, copy=False)
        return scaled


class BoostedLineOfExtraTrees(BoostedLine, BoostedExtraTreesRegressor):
    """The same with trees whose splits are drawn at random."""
