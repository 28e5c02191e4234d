"""Is a challenger better than the champion, on rows that neither has learned from, by more than chance?"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.declaration import Prediction
from ml.learning.evaluate import declared_samples
from ml.learning.resample import entity_clusters

Array = NDArray[np.float64]

FEWEST_ENTITIES = 30  # of fewer, a bootstrap says little


@dataclass(frozen=True)
class Duel:
    """What a challenger gains on the champion in the declared metric, with its 95 % interval (higher is better)."""

    metric: str
    gain: float
    lower: float
    upper: float
    rows: int
    entities: int

    @property
    def is_won(self) -> bool:
        """Whether the challenger is better by more than noise."""
        return self.entities >= FEWEST_ENTITIES and self.lower > 0

    @property
    def is_lost(self) -> bool:
        """Whether the challenger is worse by more than noise."""
        return self.entities >= FEWEST_ENTITIES and self.upper < 0

    def __str__(self) -> str:
        """As a person would say it."""
        return (
            f"{self.metric} {self.gain:+.4g} (95 % interval {self.lower:+.4g} to {self.upper:+.4g}) "
            f"on {self.rows} rows of {self.entities} entities"
        )


def duel(y: Array, challenger: Array, champion: Array, prediction: Prediction, keys: pd.DataFrame) -> Duel:
    """Judge two outputs for the same rows by a paired bootstrap that draws entities (Efron and Tibshirani, 1993).

    Each draw is given to both, so that what is hard for both plays no part in the difference.

    Args:
        y: the outcomes, (n,): values or positions of classes.
        challenger: its output for the rows, as `predict_output` gives it.
        champion: its output for the same rows.
        prediction: task, metric and seed.
        keys: the entity columns of the rows.
    """
    clusters = entity_clusters(keys)
    value, drawn = declared_samples(y, challenger, prediction, clusters)
    before, drawn_before = declared_samples(y, champion, prediction, clusters)
    gains = drawn - drawn_before
    gains = gains[np.isfinite(gains)]
    lower, upper = np.quantile(gains, [0.025, 0.975]) if len(gains) else (np.nan, np.nan)
    entities = int(clusters.max()) + 1
    return Duel(prediction.metric, value - before, float(lower), float(upper), len(y), entities)
