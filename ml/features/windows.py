"""Spans of time before the as-of that events are counted over."""

from dataclasses import dataclass, replace
from datetime import timedelta

DAY = 86_400
FALLBACK = (3_600, DAY, 7 * DAY, 28 * DAY, 91 * DAY, 364 * DAY)  # seconds, where no horizon gives the measure
FACTORS = (1, 3, 13)  # of the horizon
YEAR = 364 * DAY  # so that days of the week agree
LEVEL = 4  # horizons that a season is compared with
YEARS = 2  # that events, or as-ofs, must span to tell of seasons


@dataclass(frozen=True)
class Window:
    """A span before the as-of; all that was before it if there is no `sql`.

    It is one before the last known moment where rows lie ahead, unless `is_of_as_of`.
    """

    label: str
    words: str
    seconds: int = 0
    sql: str = ""
    is_of_as_of: bool = False

    @property
    def alias(self) -> str:
        """The as-of join that looks up what was before the window."""
        return f"before_{self.label}_"

    @staticmethod
    def always() -> "Window":
        """All that was before the as-of."""
        return Window("ever", "ever before the as-of")


@dataclass(frozen=True)
class Season:
    """A year before the time that is to be predicted, and before that of the last known moment.

    Attributes:
        start: the window that begins when that time began.
        end: the window that begins when it was over.
        level_start: the window that begins a year and `LEVEL` horizons before the last known moment.
        level_end: the window that begins a year before the last known moment.
    """

    start: Window
    end: Window
    level_start: Window
    level_end: Window

    @property
    def words(self) -> str:
        """When it was."""
        days = (self.start.seconds - self.end.seconds) // DAY
        return f"in the {days} days that are to be predicted, a year ({YEAR // DAY} days) earlier"

    @property
    def windows(self) -> tuple[Window, ...]:
        """All of them; where rows are told up to their as-of, a year before that is one window, not two."""
        return tuple(dict.fromkeys((self.start, self.end, self.level_start, self.level_end)))


@dataclass(frozen=True)
class Spans:
    """Over which time a view is told: its windows, shortest first, and the season, if it spans years."""

    windows: tuple[Window, ...]
    season: Season | None = None


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


def has_seasons(span: timedelta) -> bool:
    """Whether so much time tells of seasons."""
    return span.total_seconds() >= YEARS * YEAR


def choose_season(horizon: timedelta | None, span: timedelta, ahead: timedelta) -> Season | None:
    """The season, if events span years, the horizon is of days to half a year, and it was over when rows are told.

    Args:
        horizon: of the prediction.
        span: from the first event to the last.
        ahead: how long before their as-of rows are told, at most.
    """
    if horizon is None or not timedelta(days=1) <= horizon <= timedelta(seconds=YEAR / 2):
        return None
    seconds = int(horizon.total_seconds())
    if not has_seasons(span) or ahead.total_seconds() > YEAR - seconds:
        return None
    start, end, level_start = window(YEAR), window(YEAR - seconds), window(YEAR + LEVEL * seconds)
    if not ahead:
        return Season(start, end, level_start, start)
    own_start, own_end = (replace(one, label=f"{one.label}_ago", is_of_as_of=True) for one in (start, end))
    return Season(own_start, own_end, level_start, start)
