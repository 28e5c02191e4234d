"""Open rows that lie further ahead than anything is known of, as those of the next six months do in a plan."""

import numpy as np
from numpy.typing import NDArray

FAR = 0.25  # share of the open rows that must lie more than a horizon after what is known
END = 0.95  # share of the open rows that lie no further ahead than closed rows are told from

Moments = NDArray[np.datetime64]
Spans = NDArray[np.timedelta64]


def spans_ahead(as_of: Moments, known_until: np.datetime64, horizon: np.timedelta64) -> Spans | None:
    """By how much the as-ofs of open rows lie after what is known; None if few do by more than a horizon."""
    ahead = as_of - known_until
    if not len(ahead) or np.mean(ahead > horizon) < FAR:
        return None
    spans: Spans = np.maximum(ahead, np.timedelta64(0, "us"))
    return spans


def told_until(as_of: Moments, spans: Spans, seed: int) -> Moments:
    """The moments up to which closed rows are told, each as long before its as-of as some open row lies ahead."""
    drawn: Moments = as_of - np.random.default_rng(seed).choice(spans, len(as_of))
    return drawn
