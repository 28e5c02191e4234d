"""From probabilities to acts: the threshold that stated costs ask for, or the rows that a stated capacity allows."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.declaration import Decision
from ml.learning.evaluate import Metric
from ml.learning.resample import bootstrap, mean_interval

Array = NDArray[np.float64]
Clusters = NDArray[np.intp]

PARTS = 5  # groups of entities; the threshold of all others is tried on each
PLAIN_THRESHOLD = 0.5


@dataclass(frozen=True)
class Rule:
    """How rows are chosen: by a probability that they must exceed, or by a number of rows an as-of.

    `why` says where the threshold comes from; empty for a capacity.
    """

    decision: Decision
    threshold: float | None
    why: str = ""

    def acts(self, output: Array, as_of: NDArray[np.datetime64] | None = None) -> NDArray[np.bool_]:
        """Which rows (n,) are acted on, given their probabilities and, with time, their as-ofs."""
        if self.threshold is not None:
            return np.asarray(output > self.threshold, dtype=np.bool_)
        chosen = np.zeros(len(output), dtype=np.bool_)
        groups = np.zeros(len(output), dtype=np.intp) if as_of is None else np.unique(as_of, return_inverse=True)[1]
        for group in np.unique(groups):
            rows = np.flatnonzero(groups == group)
            chosen[rows[np.argsort(-output[rows], kind="stable")[: self.decision.capacity]]] = True
        return chosen


def make_rule(decision: Decision, y: Array, output: Array, clusters: Clusters) -> Rule:
    """The rule for a decision, learned from out-of-fold probabilities of rows with known outcomes.

    If probabilities are right, it pays to act above cost_false_positive / (cost_false_positive + cost_false_negative)
    (Elkan, "The foundations of cost-sensitive learning", 2001). Where they are not, the threshold that was cheapest on
    known outcomes is better (Sheng and Ling, "Thresholding for making classifiers cost-sensitive", 2006), but it also
    follows noise. So it is tried on entities that it was not chosen on, and taken only if it saves there by more than
    chance would, even if one more entity came and brought the dearer of the two errors: seldom, costly errors may not
    have shown yet.

    Args:
        decision: costs, or a capacity, for which nothing is to be learned.
        y: ones and zeros (n,).
        output: probabilities of the same rows.
        clusters: their entities.
    """
    if decision.capacity is not None:
        return Rule(decision, None)
    false_positive, false_negative = _costs(decision)
    theory = false_positive / (false_positive + false_negative)
    saved = np.zeros(len(y))
    part = clusters % PARTS
    for number in range(PARTS):
        held, others = part == number, part != number
        if held.any() and others.any():
            tried = cheapest_threshold(decision, y[others], output[others], theory)
            by_theory = row_costs(decision, y[held], output[held] > theory)
            saved[held] = by_theory - row_costs(decision, y[held], output[held] > tried)
    dearer = max(false_positive, false_negative)
    _, lower, _ = mean_interval(np.append(saved, -dearer), np.append(clusters, clusters.max() + 1))
    if lower > 0:
        return Rule(decision, cheapest_threshold(decision, y, output, theory), "cheapest on validation rows")
    return Rule(decision, theory, "cost_false_positive / (cost_false_positive + cost_false_negative)")


def cheapest_threshold(decision: Decision, y: Array, output: Array, theory: float) -> float:
    """The threshold with the least total cost on these rows; of equals, the one nearest to `theory`."""
    false_positive, false_negative = _costs(decision)
    order = np.argsort(output, kind="stable")
    values, starts = np.unique(output[order], return_index=True)
    missed = np.append(0.0, np.cumsum(y[order]))[np.append(starts, len(y))]
    spared = np.append(0.0, np.cumsum(1 - y[order]))[np.append(starts, len(y))]
    costs = false_negative * missed + false_positive * ((1 - y).sum() - spared)
    # Leaving out the k lowest values takes any threshold from the k-th on to just below the next one.
    least = np.append(-np.inf, values)
    most = np.append(np.nextafter(values, -np.inf), np.inf)
    thresholds = np.clip(theory, least, most)
    best = np.flatnonzero(np.isclose(costs, costs.min()))
    return float(thresholds[best[np.argmin(np.abs(thresholds[best] - theory))]])


def row_costs(decision: Decision, y: Array, acted: NDArray[np.bool_]) -> Array:
    """What each row's decision cost (n,): nothing where it was right."""
    false_positive, false_negative = _costs(decision)
    return np.where(acted, false_positive * (1 - y), false_negative * y)


def decision_metrics(
    rule: Rule, y: Array, output: Array, clusters: Clusters, seed: int, as_of: NDArray[np.datetime64] | None = None
) -> Mapping[str, list[Metric]]:
    """What following the rule brings on rows with known outcomes, with 95 % intervals that draw entities.

    Returns:
        For the predictor `pipeline`: precision_at_decision, recall_at_decision and selection_rate; with costs also
        cost_per_row and cost_saved_per_row, against the cheaper one of acting on none and on all rows. For the
        predictor `baseline`: cost_per_row of the cheaper, cost_of_none and cost_of_all.
    """
    acted = rule.acts(output, as_of).astype(np.float64)
    figures = {
        "precision_at_decision": (acted * y, acted),
        "recall_at_decision": (acted * y, y),
        "selection_rate": (acted, np.ones(len(y))),
    }
    if rule.threshold is None:
        return {"pipeline": _measured(figures, clusters, seed)}
    cost = row_costs(rule.decision, y, acted > 0)
    none, every = (row_costs(rule.decision, y, np.full(len(y), choice)) for choice in (False, True))
    cheaper = none if none.mean() <= every.mean() else every
    rows = np.ones(len(y))
    figures |= {"cost_per_row": (cost, rows), "cost_saved_per_row": (cheaper - cost, rows)}
    plain = {"cost_per_row": (cheaper, rows), "cost_of_none": (none, rows), "cost_of_all": (every, rows)}
    return {"pipeline": _measured(figures, clusters, seed), "baseline": _measured(plain, clusters, seed)}


def _measured(figures: Mapping[str, tuple[Array, Array]], clusters: Clusters, seed: int) -> list[Metric]:
    """Ratios of sums, each with its interval."""

    def ratios(weights: Array) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.column_stack([(weights @ above) / (weights @ below) for above, below in figures.values()])

    values, lower, upper = bootstrap(ratios, clusters, seed)
    ends = zip(figures, values.tolist(), lower.tolist(), upper.tolist(), strict=True)
    return [Metric(name, value, low, high, len(clusters)) for name, value, low, high in ends]


def _costs(decision: Decision) -> tuple[float, float]:
    """Of a false positive and of a false negative; the declaration has proved that both are there."""
    return decision.cost_false_positive or 0.0, decision.cost_false_negative or 0.0
