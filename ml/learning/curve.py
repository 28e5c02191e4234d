"""A learning curve: what a quick model loses on ever more rows, and what twice the rows would save.

Losses fall with the number of rows n as a + b n^-c (Hestness et al., "Deep learning scaling is predictable,
empirically", 2017; Viering and Loog, "The shape of learning curves", 2022). With
four sizes only, c is taken from a few values.
"""

from dataclasses import dataclass

import numpy as np

from ml.learning.cores import in_threads
from ml.learning.evidence import Array, Evidence
from ml.learning.measures import clustered_weights
from ml.learning.order import block_order, thin

SHARES = (0.125, 0.25, 0.5, 1.0)
MIN_ROWS = 10  # to learn from, at the smallest size
POWERS = (0.25, 0.5, 1.0)  # of heavy tails, of means, of parametric models: the span that is met
SAMPLES = 400
COVERAGE = 0.9


@dataclass(frozen=True)
class Curve:
    """Skill (share of the naive loss that is saved) by rows learned from, and what doubling all rows would add.

    The interval holds 90 % of bootstrap samples of the judged entities; that other rows would have been learned from
    is in it only as far as folds differ.
    """

    rows: tuple[int, ...]
    skills: tuple[float, ...]
    rows_now: int
    gain: float
    gain_lower: float
    gain_upper: float


def learning_curve(evidence: Evidence) -> Curve | None:
    """The curve over growing parts of every fold's learning rows; None if there are too few rows for three sizes."""
    least = min(len(learn) for learn, _ in evidence.folds)
    shares = [share for share in SHARES if share * least >= MIN_ROWS]
    if len(shares) < 3:
        return None
    names = list(evidence.dataset.kinds)

    def losses(share: float) -> Array:
        parts = []
        for learn, judge in evidence.folds:
            fewer = block_order(evidence.dataset, thin(evidence.dataset, learn, int(share * len(learn))))
            parts.append(evidence.fold_output(names, evidence.best_model, fewer, judge))
        return evidence.losses(np.vstack(parts))

    found = [*in_threads(losses, shares[:-1]), evidence.losses(evidence.together)]
    rows = np.array([share * np.mean([len(learn) for learn, _ in evidence.folds]) for share in shares])
    weights = np.vstack(list(clustered_weights(evidence.clusters, SAMPLES, seed=0)))
    weights = np.vstack([np.ones(len(evidence.clusters)), weights])
    naive = weights @ evidence.naive
    relative = np.column_stack([weights @ part for part in found]) / naive[:, None]
    now = len(evidence.split.train) + len(evidence.split.test)
    gains = _doubling(rows, relative, now)
    tail = (1 - COVERAGE) / 2
    low, high = np.nanquantile(gains[1:], [tail, 1 - tail])
    return Curve(
        tuple(int(count) for count in rows),
        tuple(float(value) for value in 1 - relative[0]),
        now,
        float(gains[0]),
        float(low),
        float(high),
    )


def _doubling(rows: Array, losses: Array, now: int) -> Array:
    """For each row of losses (samples, sizes) the loss saved by going from `now` rows to twice as many."""
    best, gain = np.full(len(losses), np.inf), np.zeros(len(losses))
    for power in POWERS:
        design = np.column_stack([np.ones_like(rows), (rows / rows[0]) ** -power])
        floor, slope = np.linalg.pinv(design) @ losses.T
        # No loss lies below zero, and more rows do no harm: bounded least squares of two parameters.
        one = design[:, 1] @ losses.T / (design[:, 1] @ design[:, 1])
        floor, slope = np.where(floor < 0, 0.0, floor), np.where(floor < 0, one, slope)
        floor, slope = np.where(slope < 0, losses.mean(axis=1), floor), np.maximum(slope, 0.0)
        error = ((losses.T - design @ np.vstack([floor, slope])) ** 2).sum(axis=0)
        saved = slope * ((now / rows[0]) ** -power - (2 * now / rows[0]) ** -power)
        gain = np.where(error < best, saved, gain)
        best = np.minimum(error, best)
    return gain
