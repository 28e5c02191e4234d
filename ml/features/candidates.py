"""What could tell of a row: candidate features along the paths, each with its SQL and its words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ml.features.graph import SNAPSHOT_COLUMNS, Graph
from ml.features.measures import FEW_LEVELS, Measure, first_of, measures
from ml.features.names import identifier, literal, unique
from ml.features.paths import Parent, Paths, View
from ml.features.population import Population
from ml.features.values import MOST_LEVELS, Values
from ml.features.windows import Window

MOST = 2_000  # candidates; what comes last stems from further away
LATEST = (3, 10)  # numbers of instants that recent means are taken over


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


def candidates(
    population: Population, graph: Graph, paths: Paths, values: Values, windows: Mapping[str, Sequence[Window]]
) -> list[Feature]:
    """All candidates, the simplest first; `windows` are those of each view by its name."""
    found = [*_own(population, graph, values), *_attributes(graph, paths, values)]
    for view in paths.views:
        found += _of_view(population, view, graph, values, windows[view.name])
    taken = {*population.columns}
    return [unique(feature, taken) for feature in found[:MOST]]


def _own(population: Population, graph: Graph, values: Values) -> Iterator[Feature]:
    """What the analyst put beside the keys."""
    start = graph.tables[population.node["unique_id"]]
    held = {*population.keys, population.target, *population.listed("exclude"), *start.personal}
    keys = {column for key in graph.parents(start.id) for column in key.columns}
    for column in start.columns.values():
        if column.name in held or column.kind not in ("number", "boolean", "category"):
            continue
        most = MOST_LEVELS if column.kind == "category" else FEW_LEVELS if column.name in keys else None
        if most is None or values.distinct(start, column.name) <= most or values.has_words(start, column.name):
            words = start.descriptions.get(column.name) or f"{column.name} of the population."
            yield Feature(
                column.name, f"keyed.{identifier(column.name)}", column.kind, _sentence(words), population.model
            )
    yield Feature(
        f"{population.as_of}_weekday",
        "dayofweek(keyed.as_of_)",
        "number",
        "Day of the week of the as-of, from Sunday, 0.",
        population.model,
    )
    if population.columns[population.as_of].type.upper() != "DATE":
        yield Feature(
            f"{population.as_of}_hour",
            "hour(keyed.as_of_)",
            "number",
            "Hour of the as-of.",
            population.model,
        )


def _attributes(graph: Graph, paths: Paths, values: Values) -> Iterator[Feature]:
    """Attributes of the tables that a row has one row of."""
    for parent in paths.parents:
        keys = {column for key in graph.parents(parent.table.id) for column in key.columns} | parent.table.identifiers
        for column in attributes(parent):
            kind = parent.table.columns[column].kind
            if column in keys and values.distinct(parent.table, column) > FEW_LEVELS:
                continue
            column_here = f"{parent.alias}__{column}"
            read, reads = f"keyed.{identifier(column_here)}", (column_here,)
            words = parent.table.descriptions.get(column) or f"{column} of {parent.table.name}."
            if kind == "date":
                expression = f"(epoch(keyed.as_of_) - epoch(cast({read} as timestamp))) / 86400"
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
                yield Feature(f"{parent.alias}_{column}", read, kind, _sentence(words), parent.path, reads=reads)
            if not are_levels and values.is_free_text(parent.table, column):
                length, words = f"length(cast({read} as varchar))", f"Length of {column} of {parent.table.name}."
                yield Feature(f"{parent.alias}_{column}_length", length, "number", words, parent.path, reads=reads)


def attributes(parent: Parent) -> list[str]:
    """The columns of a parent that may be told of a row as they are."""
    table = parent.table
    held = {*parent.key.parent_columns, *table.personal, *SNAPSHOT_COLUMNS}
    usable = [column for column in table.columns.values() if column.name not in held and column.kind != "other"]
    return [column.name for column in usable if column.name in table.timeless]


def _of_view(
    population: Population, view: View, graph: Graph, values: Values, windows: Sequence[Window]
) -> Iterator[Feature]:
    many = Running("n", "count(*)", "sum(n) over so_far")
    what = "earlier outcomes" if view.is_own else f"rows of {view.table.name}"
    if not view.is_near:
        windows = list({window.label: window for window in (windows[0], windows[-1])}.values())
    if not view.is_own:
        for window in windows:
            counted = _feature(
                view, f"{view.name}_{window.label}", inside(many, window), f"{what}, {window.words}", [many], [window]
            )
            yield replace(counted, amount_of=f"{view.table.id} n {window.label}")
        yield from _rhythm(view, what)
        yield from _trend(view, what, windows, many)
    for measure in measures(population, view, graph, values):
        yield from _of_measure(view, measure, windows, many)


def _trend(view: View, what: str, windows: Sequence[Window], many: Running) -> Iterator[Feature]:
    """How often events come of late, beside how often they came before."""
    spans = [window for window in windows if window.sql]
    if len(spans) < 2:
        return
    shortest, longest = spans[0], spans[-1]
    ratio = (
        f"cast({inside(many, shortest)} as double) * {longest.seconds / shortest.seconds:.6g} "
        f"/ nullif({inside(many, longest)}, 0)"
    )
    words = f"rate of {what} {shortest.words} beside that {longest.words}"
    yield _feature(view, f"{view.name}_trend", ratio, words, [many], [shortest, longest])


def _feature(
    view: View,
    name: str,
    expression: str,
    words: str,
    needs: Sequence[Running],
    windows: Sequence[Window] = (),
    kind: str = "number",
) -> Feature:
    asked = tuple(window for window in windows if window.sql)
    return Feature(name, expression, kind, _sentence(words), view.path, view, tuple(needs), asked)


def inside(column: Running, window: Window) -> str:
    """How much of a running total falls into a window before the as-of."""
    name = identifier(column.name)
    now = f"coalesce(now_.{name}, 0)"
    return f"({now} - coalesce({window.alias}.{name}, 0))" if window.sql else now


def _rhythm(view: View, what: str) -> Iterator[Feature]:
    """When events came."""
    first = Running("first_at", "min(at_)", "min(first_at) over so_far")
    gap = Running(
        "usual_gap",
        "min(at_)",
        "(epoch(at_) - epoch(min(usual_gap) over so_far)) / 86400 / nullif(row_number() over so_far - 1, 0)",
    )
    since = "(epoch(keyed.as_of_) - epoch({})) / 86400"
    yield _feature(
        view,
        f"{view.name}_days_since_last",
        since.format("now_.at_"),
        f"days from the last of the {what} to the as-of",
        [],
    )
    if not view.is_near:
        return
    yield _feature(
        view,
        f"{view.name}_days_since_first",
        since.format("now_.first_at"),
        f"days from the first of the {what} to the as-of",
        [first],
    )
    yield _feature(view, f"{view.name}_usual_gap", "now_.usual_gap", f"mean days between {what}", [gap])
    yield _feature(
        view,
        f"{view.name}_overdue",
        f"{since.format('now_.at_')} / nullif(now_.usual_gap, 0)",
        f"days since the last of the {what} as a multiple of their usual gap",
        [gap],
    )


def _of_measure(view: View, measure: Measure, windows: Sequence[Window], many: Running) -> Iterator[Feature]:
    if measure.kind in ("number", "flag", "length"):
        yield from _of_number(view, measure, windows)
        return
    if measure.kind == "text":
        yield latest(view, measure, f"{view.name}_{measure.name}_last")
        return
    safe, prefix = measure.name, f"{view.name}_{measure.name}"
    # A first occurrence is marked by the events' query, see `query.Writer`.
    distinct = Running(f"new_{safe}", f"count({first_of(measure)})", f"sum({identifier(f'new_{safe}')}) over so_far")
    yield _feature(
        view,
        f"{prefix}_kinds",
        inside(distinct, windows[-1].always()),
        f"how many different {measure.words} so far",
        [distinct],
    )
    if measure.kind != "key" and measure.distinct <= MOST_LEVELS:
        yield latest(view, measure, f"{prefix}_last")
    labels: set[str] = set()
    for level in measure.levels:
        label = f"{safe}_{identifier_part(level)}"
        label = label if label not in labels else f"{label}_{len(labels)}"
        labels.add(label)
        # Not n_: that counts the values of a number, which may be called like a level.
        counted = Running(
            f"rows_{label}",
            f"sum(case when {identifier(safe)} = {literal(level)} then 1 else 0 end)",
            f"sum({identifier(f'rows_{label}')}) over so_far",
        )
        for window in {windows[0].label: windows[0], windows[-1].label: windows[-1]}.values():
            share = f"cast({inside(counted, window)} as double) / nullif({inside(many, window)}, 0)"
            words = f"share of rows with {measure.words} = '{level}', {window.words}"
            yield _feature(view, f"{view.name}_{label}_share_{window.label}", share, words, [counted, many], [window])


def latest(view: View, measure: Measure, name: str) -> Feature:
    """The latest value of a text or key; of several at once, the greatest."""
    known = f"last_{measure.name}"
    last = Running(
        known, f"max({identifier(measure.name)})", f"last_value({identifier(known)} ignore nulls) over so_far"
    )
    value, words = f"now_.{identifier(known)}", f"the latest {measure.words}"
    return _feature(view, name, value, words, [last], kind="category")


def identifier_part(text: str) -> str:
    """A level as part of a column's name."""
    kept = "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in text.lower()).strip("_")
    return kept[:24] or "blank"


def _of_number(view: View, measure: Measure, windows: Sequence[Window]) -> Iterator[Feature]:
    name, prefix, words = measure.name, f"{view.name}_{measure.name}", measure.words
    column = identifier(name)

    def total(short_name: str, gathered: str) -> Running:
        return Running(f"{short_name}_{name}", gathered, f"sum({identifier(f'{short_name}_{name}')}) over so_far")

    count, amount = total("n", f"count({column})"), total("sum", f"coalesce(sum({column}), 0)")
    source = "outcomes" if view.is_own else view.table.id
    squares = f"coalesce(sum(cast({column} as double) * {column}), 0)"
    for window in windows:
        asked = [window]
        if measure.kind == "number" and view.is_near and not (view.is_own or measure.is_parents):
            value = f"cast({inside(amount, window)} as double)"
            summed = _feature(
                view, f"{prefix}_sum_{window.label}", value, f"sum of {words}, {window.words}", [amount], asked
            )
            yield replace(summed, amount_of=f"{source} {measure.sql} sum {window.label}")
        mean = f"cast({inside(amount, window)} as double) / nullif({inside(count, window)}, 0)"
        meant = _feature(
            view, f"{prefix}_mean_{window.label}", mean, f"mean of {words}, {window.words}", [amount, count], asked
        )
        yield replace(meant, amount_of=f"{source} {measure.sql} mean {window.label}")
    last = Running(
        f"last_{name}", f"avg({column})", f"last_value({identifier(f'last_{name}')} ignore nulls) over so_far"
    )
    yield _feature(view, f"{prefix}_last", f"now_.{identifier(last.name)}", f"the latest {words}", [last])
    for times in LATEST if view.is_near else LATEST[-1:]:
        parts = [
            Running(
                f"sum{times}_{name}", amount.gathered, f"sum({identifier(f'sum{times}_{name}')}) over last_{times}"
            ),
            Running(f"n{times}_{name}", count.gathered, f"sum({identifier(f'n{times}_{name}')}) over last_{times}"),
        ]
        mean = f"cast(now_.{identifier(parts[0].name)} as double) / nullif(now_.{identifier(parts[1].name)}, 0)"
        meant = _feature(view, f"{prefix}_mean_last_{times}", mean, f"mean of {words} at the last {times} times", parts)
        yield replace(meant, amount_of=f"{source} {measure.sql} mean last {times}")
    if measure.kind != "number" or not view.is_near:
        return
    for extreme in ("min", "max"):
        found = Running(
            f"{extreme}_{name}", f"{extreme}({column})", f"{extreme}({identifier(f'{extreme}_{name}')}) over so_far"
        )
        word = {"min": "least", "max": "greatest"}[extreme]
        yield _feature(view, f"{prefix}_{extreme}", f"now_.{identifier(found.name)}", f"{word} {words} so far", [found])
    spread = Running(
        f"deviation_{name}",
        squares,
        # Rounding may leave the variance of equal numbers a little below zero; their squares' sum has no null.
        f"sqrt(abs(sum({identifier(f'deviation_{name}')}) over so_far / nullif({count.running}, 0) "
        f"- power(cast({amount.running} as double) / nullif({count.running}, 0), 2)))",
    )
    yield _feature(
        view,
        f"{prefix}_deviation",
        f"now_.{identifier(spread.name)}",
        f"standard deviation of {words} so far",
        [spread, amount, count],
    )


def _sentence(words: str) -> str:
    words = " ".join(words.split())
    return words[:1].upper() + words[1:].rstrip(".") + "."
