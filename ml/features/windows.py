"""Spans of time before the as-of that events are counted over."""

from dataclasses import dataclass
from datetime import timedelta

DAY = 86_400
FALLBACK = (3_600, DAY, 7 * DAY, 28 * DAY, 91 * DAY, 364 * DAY)  # seconds, where no horizon gives the measure
FACTORS = (1, 3, 13)  # of the horizon


@dataclass(frozen=True)
class Window:
    """A span before the as-of; all that was before it if there is no `sql`."""

    label: str
    words: str
    seconds: int = 0
    sql: str = ""

    @property
    def alias(self) -> str:
        """The as-of join that looks up what was before the window."""
        return f"before_{self.label}_"

    @staticmethod
    def always() -> "Window":
        """All that was before the as-of."""
        return Window("ever", "ever before the as-of")


def window(seconds: int) -> Window:
    """A window of so many seconds."""
    for size, unit, word in ((DAY, "d", "day"), (3_600, "h", "hour"), (60, "min", "minute")):
        if seconds % size == 0:
            count = seconds // size
            words = f"in the {count} {word}s before the as-of" if count > 1 else f"in the {word} before the as-of"
            return Window(f"{count}{unit}", words, seconds, f"interval {count} {word}")
    return Window(f"{seconds}s", f"in the {seconds} seconds before the as-of", seconds, f"interval {seconds} second")


def choose_windows(horizon: timedelta | None, span: timedelta, gap: timedelta | None) -> list[Window]:
    """Windows for events that span so much time, shortest first; the last one is all time.

    Args:
        horizon: of the prediction: outcomes of a span are told best by spans like it.
        span: from the first event to the last.
        gap: the usual time between two events of one key; without a horizon windows shorter than that are useless.
    """
    longest = span.total_seconds()
    if horizon is not None and horizon.total_seconds() >= 60:
        lengths = [int(horizon.total_seconds()) * factor for factor in FACTORS]
    else:
        least = gap.total_seconds() if gap is not None else 0.0
        fitting = [length for length in FALLBACK if length >= least]
        lengths = fitting[:: max(1, len(fitting) // 3)][:3] or [FALLBACK[-1]]
    return [*(window(length) for length in lengths if length < longest), Window.always()]
