"""A feature: its SQL, the running columns that it reads, and its words."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ml.features.layout import difference
from ml.features.names import identifier
from ml.features.paths import View
from ml.features.windows import Window

LONGEST = 63  # characters of a name


@dataclass(frozen=True)
class Running:
    """A column that is known after each instant of a key.

    `gathered` aggregates the events of one instant; `running` goes over the instants up to now.
    """

    name: str
    gathered: str
    running: str


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


def inside(column: Running, window: Window) -> str:
    """How much of a running total falls into a window before the as-of."""
    name = identifier(column.name)
    now = f"coalesce(now_.{name}, 0)"
    return difference(now, f"coalesce({window.alias}.{name}, 0)") if window.sql else now


def unique(feature: Feature, taken: set[str]) -> Feature:
    """The feature under a name of its own: simple, not too long, not taken by another (case does not count)."""
    plain = re.sub(r"[^a-z0-9_]+", "_", feature.name.lower()).strip("_") or "feature"
    plain = plain if plain[0].isalpha() else f"f_{plain}"
    if feature.view is None and feature.expression == f"keyed.{identifier(feature.name)}":
        return feature  # the population's own column keeps its name
    name, number = plain[:LONGEST], 1
    while name in taken:
        number += 1
        ending = f"_{number}"
        name = plain[: LONGEST - len(ending)] + ending
    taken.add(name)
    return replace(feature, name=name)


def sentence(words: str) -> str:
    """Words as a sentence."""
    words = " ".join(words.split())
    return words[:1].upper() + words[1:].rstrip(".") + "."
