"""What could tell of a row: candidate features along the paths, each with its SQL and its words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from ml.features.aggregates import amount_of, of_measure, of_season
from ml.features.feature import Feature, Running, inside, looked_up, of_all, of_events, sentence, unique
from ml.features.graph import SNAPSHOT_COLUMNS, Graph
from ml.features.layout import as_double, days, ratio
from ml.features.measures import FEW_LEVELS, measures
from ml.features.names import identifier
from ml.features.paths import Parent, Paths, View
from ml.features.population import Population
from ml.features.relations import AS_OF
from ml.features.values import MOST_LEVELS, Values
from ml.features.windows import Spans, Window, has_seasons

MOST = 2_000  # candidates; what comes last stems from further away


def candidates(
    population: Population,
    graph: Graph,
    paths: Paths,
    values: Values,
    spans: Mapping[str, Spans],
    known: timedelta,
) -> list[Feature]:
    """All candidates, the simplest first; `spans` are those of each view by its name, `known` is that of outcomes."""
    found = [*_own(population, graph, values), *_of_as_of(population, known), *_attributes(graph, paths, values)]
    for view in paths.views:
        told = _of_view(population, view, graph, values, spans[view.name])
        # Of several things together, no order of events is known.
        found += [one for one in told if not view.links or all(column.together for column in one.needs)]
    taken = {*population.columns}
    return [unique(feature, taken) for feature in found[:MOST]]


def _own(population: Population, graph: Graph, values: Values) -> Iterator[Feature]:
    """What the analyst put beside the keys."""
    start = graph.tables[population.node["unique_id"]]
    held = {*population.keys, population.target, *population.listed("exclude"), *start.personal}
    keys = graph.foreign(start.id)
    for column in start.columns.values():
        if column.name in held or column.kind not in ("number", "boolean", "category"):
            continue
        most = MOST_LEVELS if column.kind == "category" else FEW_LEVELS if column.name in keys else None
        if most is None or values.distinct(start, column.name) <= most or values.has_words(start, column.name):
            words = start.descriptions.get(column.name) or f"{column.name} of the population."
            yield Feature(
                column.name, f"keyed.{identifier(column.name)}", column.kind, sentence(words), population.model
            )


def _of_as_of(population: Population, known: timedelta) -> Iterator[Feature]:
    """What time it is."""
    told = {"weekday": (f"dayofweek({AS_OF})", "Day of the week of the as-of, from Sunday, 0.")}
    if population.columns[population.as_of].type.upper() != "DATE":
        told["hour"] = f"hour({AS_OF})", "Hour of the as-of."
    if has_seasons(known):
        told["month"] = f"month({AS_OF})", "Month of the as-of, from January, 1."
    for name, (sql, words) in told.items():
        yield Feature(f"{population.as_of}_{name}", sql, "number", words, population.model)


def _attributes(graph: Graph, paths: Paths, values: Values) -> Iterator[Feature]:
    """Attributes of the tables that a row has one row of."""
    for parent in paths.parents:
        keys = graph.foreign(parent.table.id) | parent.table.identifiers
        for column in attributes(parent):
            kind = parent.table.columns[column].kind
            if column in keys and values.distinct(parent.table, column) > FEW_LEVELS:
                continue
            column_here = f"{parent.alias}__{column}"
            read, reads = f"keyed.{identifier(column_here)}", (column_here,)
            words = parent.table.descriptions.get(column) or f"{column} of {parent.table.name}."
            if kind == "date":
                expression = days(AS_OF, f"cast({read} as timestamp)")
                words = f"Days from {column} of {parent.table.name} to the as-of."
                yield Feature(
                    f"{parent.alias}_days_since_{column}",
                    expression,
                    "number",
                    words,
                    parent.path,
                    reads=reads,
                    is_age=True,
                )
                continue
            are_levels = kind != "category" or 1 < values.distinct(parent.table, column) <= MOST_LEVELS
            if are_levels or values.has_words(parent.table, column):
                read = values.finite(parent.table, column, read)
                yield Feature(f"{parent.alias}_{column}", read, kind, sentence(words), parent.path, reads=reads)
            if not are_levels and values.is_free_text(parent.table, column):
                length, words = f"length(cast({read} as varchar))", f"Length of {column} of {parent.table.name}."
                yield Feature(f"{parent.alias}_{column}_length", length, "number", words, parent.path, reads=reads)


def attributes(parent: Parent) -> list[str]:
    """The columns of a parent that may be told of a row as they are."""
    table = parent.table
    held = {*parent.key.parent_columns, *table.personal, *SNAPSHOT_COLUMNS}
    usable = [column for column in table.columns.values() if column.name not in held and column.kind != "other"]
    return [column.name for column in usable if column.name in table.timeless]


def _of_view(population: Population, view: View, graph: Graph, values: Values, spans: Spans) -> Iterator[Feature]:
    many = Running("n", as_double("count(*)"), "sum(n) over so_far", together="sum")
    what = "earlier outcomes" if view.is_own else f"rows of {view.table.name}"
    if view.kind:
        what = f"{what} {view.kind.words}"
    if view.kind or not view.is_near:
        few = {window.label: window for window in (spans.windows[0], spans.windows[-1])}
        spans = replace(spans, windows=tuple(few.values()), season=None)
    for window in spans.windows:
        name, words = f"{view.name}_{window.label}", f"{what}, {window.words}"
        counted = of_events(view, name, inside(view, many, window), words, [many], [window])
        yield replace(counted, amount_of=amount_of(view, f"n {window.label}"))
    if not view.is_own:
        yield from of_season(view, spans.season, f"{view.name}_year_before", what, many)
        yield from _rhythm(view, what)
        yield from _trend(view, what, spans.windows, many)
    for measure in measures(population, view, graph, values):
        yield from of_measure(view, measure, spans, many)


def _trend(view: View, what: str, windows: Sequence[Window], many: Running) -> Iterator[Feature]:
    """How often events come of late, beside how often they came before."""
    spans = [window for window in windows if window.sql]
    if view.kind or len(spans) < 2:
        return
    shortest, longest = spans[0], spans[-1]
    times = f"{longest.seconds / shortest.seconds:.6g}"
    rates = ratio(f"{times} * {inside(view, many, shortest)}", inside(view, many, longest))
    words = f"rate of {what} {shortest.words} beside that {longest.words}"
    yield of_events(view, f"{view.name}_trend", rates, words, [many], [shortest, longest])


def _rhythm(view: View, what: str) -> Iterator[Feature]:
    """When events came."""
    first = Running("first_at", "min(at_)", "first_value(first_at) over so_far", together="min")
    gap = Running(
        "usual_gap",
        "min(at_)",
        ratio(days("at_", "first_value(usual_gap) over so_far"), "row_number() over so_far - 1"),
    )
    yield of_events(
        view,
        f"{view.name}_days_since_last",
        days(AS_OF, of_all(view, "now_.at_", "max")),
        f"days from the last of the {what} to the as-of",
        [],
    )
    if view.kind or not view.is_near:
        return
    yield of_events(
        view,
        f"{view.name}_days_since_first",
        days(AS_OF, looked_up(view, first)),
        f"days from the first of the {what} to the as-of",
        [first],
    )
    yield of_events(view, f"{view.name}_usual_gap", looked_up(view, gap), f"mean days between {what}", [gap])
    yield of_events(
        view,
        f"{view.name}_overdue",
        ratio(days(AS_OF, "now_.at_"), looked_up(view, gap)),
        f"days since the last of the {what} as a multiple of their usual gap",
        [gap],
    )
