"""The columns of events that features are made of."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ml.features.graph import SNAPSHOT_COLUMNS, Graph, Table
from ml.features.layout import as_double
from ml.features.names import identifier
from ml.features.paths import KIND, EventColumn, View
from ml.features.population import Population
from ml.features.values import MOST_LEVELS, MOSTLY, Values
from ml.warehouse import Column

# How many columns of a kind are measured, at most: of near events beside as many numbers as the view says, and of their
# parents and of events further away. A text of few levels goes before one of many.
NEAR = {"boolean": 4, "category": 3, "text": 3}
MORE_NUMBERS = 3  # for each of so many numbers that a view measures, a boolean and a category may be
FEW = {"number": 2, "boolean": 1, "category": 2, "text": 1}
LEVELS = 4  # of a category, whose shares are counted
BEGINNING = 500  # characters of an event's text that are a feature
FEW_LEVELS = 30  # of a category whose levels are counted apart
LEAST_SHARE, LEAST_SHARE_OF_MANY = 0.02, 0.05  # of a level that is counted apart, where levels are few and many
CODED = 0.5  # share of the rows that the levels counted apart have, where numbers of many levels are codes


@dataclass(frozen=True)
class Measure:
    """A column of events, or of a parent of theirs.

    Its kind is number, flag (a boolean as 0 and 1), length (of a text: its sum would tell of how many there are),
    category, many (a category whose levels are too many to count all apart), text (whose words are read), or key.
    A decimal times its `scale` is a whole number.
    """

    name: str
    sql: str
    kind: str
    levels: tuple[str, ...]
    distinct: int
    words: str
    scale: int = 1


def measures(population: Population, view: View, graph: Graph, values: Values) -> Iterator[Measure]:
    """The columns of a view's events that features are made of, each under a name of its own."""
    # Case does not count in SQL.
    taken = {"at_", KIND, *(f"key_{place}" for place, _ in enumerate(view.columns, 1))}
    for measure in _found(population, view, graph, values):
        while measure.name.lower() in taken:
            measure = replace(measure, name=f"{measure.name}_")
        taken.add(measure.name.lower())
        yield measure


def _found(population: Population, view: View, graph: Graph, values: Values) -> Iterator[Measure]:
    if view.is_own:
        yield from _outcome(population, graph, values)
        return
    if view.kind:
        for name in view.kind.numbers:
            column, distinct = view.table.columns[name], values.distinct(view.table, name)
            words = f"{name} of {view.table.name} {view.kind.words}"
            found = Measure(name, EventColumn("events", name).sql, "key", (), distinct, words)
            yield _of_kind(found, "number", view.table, column, values)
        return
    held = {column.name for column in view.columns if column.alias == "events"} | {view.table.clock or ""}
    yield from _measures_of(view.table, "events", held, graph, values, _most(view), has_texts=view.is_near)
    # What the key's own events are is told by a view of theirs.
    parents = [parent for parent in view.parents if parent.alias != view.columns[0].alias]
    for parent in parents if view.is_near else ():
        keys = {*parent.key.parent_columns, parent.table.clock or ""}
        keys |= {column.name for column in view.columns if column.alias == parent.alias}
        if parent.table.clock is None:
            keys |= set(parent.table.columns) - parent.table.timeless
        yield from _measures_of(parent.table, parent.alias, keys, graph, values, FEW)


def _most(view: View) -> dict[str, int]:
    """How many columns of each kind are measured of a view's events."""
    if not view.is_near and not view.anchor.latest:
        return FEW
    several = view.numbers // MORE_NUMBERS
    most = {kind: max(least, several) for kind, least in NEAR.items() if kind != "text"}
    return {**most, "number": view.numbers, "text": NEAR["text"]}


def _outcome(population: Population, graph: Graph, values: Values) -> Iterator[Measure]:
    column = population.columns[population.target]
    sql = f"events.{identifier(column.name)}"
    if column.kind == "boolean":
        yield Measure(column.name, as_double(sql), "flag", (), 2, column.name)
    elif population.task == "regression" or column.kind == "number":
        yield Measure(column.name, _number(column, sql), "number", (), 2, column.name, _scale(column))
    else:
        levels = _levels(values, graph.tables[population.node["unique_id"]], column.name)
        yield Measure(column.name, sql, "category", tuple(levels), len(levels), column.name)


def _measures_of(
    table: Table,
    alias: str,
    held: set[str],
    graph: Graph,
    values: Values,
    most: Mapping[str, int],
    has_texts: bool = False,
) -> Iterator[Measure]:
    keys = graph.keys_of(table.id)
    left, passed = dict(most), {*held, *table.personal, *SNAPSHOT_COLUMNS}
    for column in _few_levels_first(table, values):
        name = column.name
        is_calendar = name not in keys and name in values.calendar(table)
        if name in passed or is_calendar or column.kind in ("date", "other"):
            continue
        distinct = values.distinct(table, name)
        is_parents = alias != "events"
        label, sql = f"{alias}_{name}" if is_parents else name, f"{identifier(alias)}.{identifier(name)}"
        found = Measure(label, sql, "key", (), distinct, f"{name} of {table.name}")
        is_code = name in table.identifiers and _are_codes(values, table, name)
        if name in keys or (name in table.identifiers and not is_code):
            # A key that is another in each row tells nothing that their number does not.
            if 1 < distinct < MOSTLY * values.rows(table):
                yield found
            continue
        kind = "category" if is_code else column.kind
        measure = _of_kind(found, kind, table, column, values)
        budget = "text" if measure.kind == "length" else kind
        if distinct > 1 and left[budget]:
            left[budget] -= 1
            yield measure
            if measure.kind == "number" and not is_parents and left["boolean"] and values.is_often_null(table, name):
                left["boolean"] -= 1
                is_known, words = as_double(f"{sql} is not null"), f"whether {found.words} is known"
                yield replace(found, kind="flag", name=f"{found.name}_known", sql=is_known, words=words, distinct=2)
            if has_texts and measure.kind == "length" and values.has_words(table, name):
                yield replace(found, kind="text", name=f"{found.name}_text", sql=f"left({sql}, {BEGINNING})")


def _few_levels_first(table: Table, values: Values) -> list[Column]:
    """The columns in their order, but texts of many levels last."""
    return sorted(
        table.columns.values(),
        key=lambda column: column.kind == "category" and values.distinct(table, column.name) > FEW_LEVELS,
    )


def _of_kind(found: Measure, kind: str, table: Table, column: Column, values: Values) -> Measure:
    """A column as a number, a flag, a category, or, of free text, its length."""
    sql = found.sql
    if kind == "boolean":
        return replace(found, kind="flag", sql=as_double(sql), distinct=2)
    if kind == "number":
        number = values.finite(table, column.name, _number(column, sql))
        return replace(found, kind="number", sql=number, scale=_scale(column))
    text = sql if column.kind == "category" else f"cast({sql} as varchar)"
    if found.distinct <= FEW_LEVELS:
        return replace(found, kind="category", sql=text, levels=tuple(_levels(values, table, column.name, LEAST_SHARE)))
    if not values.is_free_text(table, column.name):
        levels = _levels(values, table, column.name, LEAST_SHARE_OF_MANY)
        return replace(found, kind="many", sql=text, levels=tuple(levels))
    length = as_double(f"length(cast({sql} as varchar))")
    return replace(found, kind="length", name=f"{found.name}_length", sql=length, words=f"length of {found.words}")


def _number(column: Column, sql: str) -> str:
    """A number to sum up: a whole one as a double, whose running totals take a third of the time."""
    is_whole = "INT" in column.type.upper() or re.match(r"DECIMAL\(\d+, ?0\)", column.type.upper())
    return as_double(sql) if is_whole else sql


def _scale(column: Column) -> int:
    """By what a decimal is multiplied to be a whole number; 1 of other types."""
    found = re.match(r"DECIMAL\(\d+, ?(\d+)\)", column.type.upper())
    return int(10 ** int(found[1])) if found else 1


def _are_codes(values: Values, table: Table, column: str) -> bool:
    """Whether numbers that are called like keys are levels, such as a type or a status."""
    distinct = values.distinct(table, column)
    if distinct <= FEW_LEVELS:
        return True
    levels = values.levels(table, column)[:LEVELS]
    return distinct <= MOST_LEVELS and sum(share for _, share in levels) >= CODED


def _levels(values: Values, table: Table, column: str, least: float = 0.0) -> list[str]:
    """The levels that are counted apart."""
    # dbt would render braces.
    return [level for level, share in values.levels(table, column) if share >= least and "{" not in level][:LEVELS]
