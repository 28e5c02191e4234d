"""Periods of time: where they begin and end, and what people call them."""

from datetime import date, timedelta


def start(day: date, grain: str) -> date:
    """The first day of the period of a day; weeks begin on Monday."""
    if grain == "week":
        return day - timedelta(days=day.weekday())
    months = {"month": day.month, "quarter": day.month - (day.month - 1) % 3, "year": 1}
    return day.replace(month=months[grain], day=1) if grain in months else day


def following(first: date, grain: str) -> date:
    """The first day of the period after the one that begins on a day."""
    days = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}
    return start(first + timedelta(days=days[grain]), grain)


def end(day: date, grain: str) -> date:
    """The last day of the period of a day."""
    return following(start(day, grain), grain) - timedelta(days=1)


def before(first: date, grain: str) -> date:
    """The first day of the period before the one that begins on a day."""
    return start(first - timedelta(days=1), grain)


def called(first: date, grain: str) -> str:
    """What people call a period by its first day."""
    if grain == "quarter":
        return f"Q{(first.month + 2) // 3} {first.year}"
    names = {"year": f"{first:%Y}", "month": f"{first:%b %Y}", "week": f"week of {long(first)}"}
    return names.get(grain, long(first))


def long(day: date) -> str:
    """A day as people write it."""
    return f"{day.day} {day:%b %Y}"
