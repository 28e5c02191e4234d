"""A feature: its SQL, the running columns that it reads, and its words."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ml.features.layout import call, difference
from ml.features.names import identifier
from ml.features.paths import View
from ml.features.windows import Window

LONGEST = 63  # characters of a name
LEAST = 24  # that a name may have, however long its view's is
ROOM = 101  # characters of a line for the names of a feature and of its view


@dataclass(frozen=True)
class Running:
    """A column that is known after each instant of a key.

    `gathered` aggregates the events of one instant; `running` goes over the instants up to now; `together` aggregates
    the values of several keys to that of all, empty if nothing does. Where it has a column that is `distinct`, only
    events count at which a key has a value of that column for the first time. Decimals are added up as `scale` times
    their amount: whole numbers, which doubles hold exactly.
    """

    name: str
    gathered: str
    running: str
    together: str = ""
    distinct: str = ""
    scale: int = 1


@dataclass(frozen=True)
class Feature:
    """A candidate.

    Attributes:
        name: of its column.
        expression: SQL on `keyed`, or on the as-of joins of its view.
        kind: number, boolean or category.
        description: in words.
        path: the tables it came by.
        view: the events that it is made of; None for an attribute.
        needs: the running columns that it reads.
        windows: whose starts it looks up.
        overall: the totals over all keys that it reads.
        reads: columns of `keyed` that come from parents.
        is_age: days from an attribute's date to the as-of; below zero, the date lay ahead.
        amount_of: what it counts, sums or averages and over which time, in the same words for all keys of a table.
        parts: the features that it is a ratio of, see `peers`.
    """

    name: str
    expression: str
    kind: str
    description: str
    path: str
    view: View | None = None
    needs: tuple[Running, ...] = ()
    windows: tuple[Window, ...] = ()
    overall: tuple[Running, ...] = ()
    reads: tuple[str, ...] = ()
    is_age: bool = False
    amount_of: str = ""
    parts: tuple["Feature", ...] = ()


def of_events(
    view: View,
    name: str,
    expression: str,
    words: str,
    needs: Sequence[Running],
    windows: Sequence[Window] = (),
    kind: str = "number",
) -> Feature:
    """A feature made of the events of a view; `windows` are those whose starts its expression looks up."""
    asked = tuple(window for window in windows if window.sql)
    return Feature(name, expression, kind, sentence(words), view.path, view, tuple(needs), asked)


def looked_up(view: View, column: Running, alias: str = "now_") -> str:
    """A running column as an as-of join finds it, of all things together where links lead to several."""
    return of_all(view, f"{alias}.{identifier(column.name)}", column.together)


def of_all(view: View, sql: str, together: str) -> str:
    """What an as-of join finds, aggregated where links lead to several."""
    return call(together, sql) if view.links else sql


def inside(view: View, column: Running, window: Window) -> str:
    """How much of a running total falls into a window before the as-of."""
    return between(view, column, "now_", window.alias if window.sql else "")


def between(view: View, column: Running, later: str, earlier: str) -> str:
    """How much a running total has grown from one as-of join to another; since ever if there is no earlier one."""
    totals = [f"coalesce({looked_up(view, column, alias)}, 0)" for alias in (later, earlier) if alias]
    return unscaled(column, difference(*totals) if earlier else totals[0])


def known(view: View, column: Running) -> str:
    """A running total at the as-of, in the unit of what was added up."""
    return unscaled(column, looked_up(view, column))


def unscaled(column: Running, total: str) -> str:
    """A total in the unit of what was added up."""
    return f"{total} / {column.scale}" if column.scale > 1 else total


def unique(feature: Feature, taken: set[str]) -> Feature:
    """The feature under a name of its own: simple, not too long, not taken by another (case does not count)."""
    plain = re.sub(r"[^a-z0-9_]+", "_", feature.name.lower()).strip("_") or "feature"
    plain = plain if plain[0].isalpha() else f"f_{plain}"
    if feature.view is None and feature.expression == f"keyed.{identifier(feature.name)}":
        return feature  # the population's own column keeps its name
    longest = max(LEAST, min(LONGEST, ROOM - len(feature.view.steps))) if feature.view else LONGEST
    name, number = plain[:longest], 1
    while name in taken:
        number += 1
        ending = f"_{number}"
        name = plain[: longest - len(ending)] + ending
    taken.add(name)
    return replace(feature, name=name)


def sentence(words: str) -> str:
    """Words as a sentence."""
    words = " ".join(words.split())
    return words[:1].upper() + words[1:].rstrip(".") + "."
