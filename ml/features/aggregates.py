"""What features a column of events gives: totals, means, extremes and latest values, shares of its levels."""

from collections.abc import Iterator
from dataclasses import replace

from ml.features.feature import Feature, Running, between, inside, known, looked_up, of_all, of_events, unscaled
from ml.features.layout import as_double, call, case, days, difference, indented, ratio
from ml.features.measures import Measure
from ml.features.names import identifier, identifier_part, literal
from ml.features.paths import View
from ml.features.relations import AS_OF
from ml.features.values import MOST_LEVELS
from ml.features.windows import LEVEL, Season, Spans

LATEST = (3, 10)  # numbers of instants that recent means are taken over
SMOOTHING = 10  # outcomes by whose number a mean is drawn to that of all


def of_measure(view: View, measure: Measure, spans: Spans, many: Running) -> Iterator[Feature]:
    """The features of one column; `many` counts the events."""
    if measure.kind in ("number", "flag", "length"):
        yield from _of_number(view, measure, spans)
        return
    if measure.kind == "text":
        yield latest(view, measure, f"{view.name}_{measure.name}_last")
        return
    name, prefix = measure.name, f"{view.name}_{measure.name}"
    if not view.links:  # those of several things may be the same
        new = replace(_total(f"new_{name}", as_double(f"count({identifier(name)})")), distinct=name)
        kinds = inside(view, new, spans.windows[-1].always())
        yield of_events(view, f"{prefix}_kinds", kinds, f"how many different {measure.words} so far", [new])
    if measure.kind != "key" and measure.distinct <= MOST_LEVELS:
        yield latest(view, measure, f"{prefix}_last")
    yield from _shares(view, measure, spans, many)


def amount_of(view: View, what: str) -> str:
    """What is counted or summed up and over which time, the same for all keys; of a single kind nothing is compared."""
    return "" if view.kind else f"{'outcomes' if view.is_own else view.table.id} {what}"


def _shares(view: View, measure: Measure, spans: Spans, many: Running) -> Iterator[Feature]:
    """What share of the events is of each level, over the shortest and the longest window, and when the last was."""
    column, labels = identifier(measure.name), set[str]()
    ends = {window.label: window for window in (spans.windows[0], spans.windows[-1])}
    for level in measure.levels:
        label = f"{measure.name}_{identifier_part(level)}"
        label = label if label not in labels else f"{label}_{len(labels)}"
        labels.add(label)
        # Not n_: that counts the values of a number, which may be called like a level.
        is_level, at = f"{column} = {literal(level)}", f"at_{label}"
        counted = _total(f"rows_{label}", as_double(call("count", case(is_level, "1"))))
        for window in ends.values():
            share = ratio(inside(view, counted, window), inside(view, many, window))
            words = f"share of rows with {measure.words} = '{level}', {window.words}"
            yield of_events(view, f"{view.name}_{label}_share_{window.label}", share, words, [counted, many], [window])
        if view.is_near and view.is_of_entity:
            when = _extreme("max", at, case(is_level, "at_"))
            words = f"days from the last row with {measure.words} = '{level}' to the as-of"
            yield of_events(view, f"{view.name}_{label}_days_since", days(AS_OF, looked_up(view, when)), words, [when])


def of_season(view: View, season: Season | None, name: str, words: str, total: Running) -> Iterator[Feature]:
    """What a total came to in the season of a year before, and that beside what it came to before that.

    Null where nothing was known by then.
    """
    if season:
        came, before = (
            difference(*(looked_up(view, total, one.alias) for one in pair))
            for pair in ((season.end, season.start), (season.level_end, season.level_start))
        )
        then = f"{words}, {season.words}"
        yield of_events(view, name, unscaled(total, came), then, [total], [season.start, season.end])
        step = ratio(f"{LEVEL} * {came}", before)
        of_late = f"as a multiple of its mean over {LEVEL} such times up to a year before"
        yield of_events(view, f"{name}_step", step, f"{then}, {of_late} the as-of", [total], season.windows)


def latest(view: View, measure: Measure, name: str) -> Feature:
    """The latest value of a text or key; of several at once, the greatest."""
    last = _last(measure, "max")
    return of_events(view, name, looked_up(view, last), f"the latest {measure.words}", [last], kind="category")


def _amount(measure: Measure) -> tuple[Running, Running]:
    """The sum of a number, and how many there are."""
    name, column = measure.name, identifier(measure.name)
    added = f"sum({column})" if measure.scale == 1 else f"round({as_double(f'sum({column})')} * {measure.scale})"
    total = replace(_total(f"sum_{name}", f"coalesce({added}, 0)"), scale=measure.scale)
    return total, _total(f"n_{name}", as_double(f"count({column})"))


def _of_number(view: View, measure: Measure, spans: Spans) -> Iterator[Feature]:
    prefix, words = f"{view.name}_{measure.name}", measure.words
    amount, count = _amount(measure)
    yield from _of_windows(view, measure, spans, amount, count)
    if view.is_own:
        yield _smoothed(view, measure, amount, count)
        yield from _mean_of_season(view, spans.season, prefix, words, amount, count)
    elif measure.kind == "number":
        yield from of_season(view, spans.season, f"{prefix}_sum_year_before", f"sum of {words}", amount)
    yield from _of_late(view, measure, amount, count)
    if measure.kind == "number" and view.is_near:
        yield from _extremes(view, measure)
        yield _deviation(view, measure, amount, count)


def _total(name: str, gathered: str) -> Running:
    return Running(name, gathered, f"sum({identifier(name)}) over so_far", together="sum")


def _extreme(which: str, name: str, sql: str) -> Running:
    return Running(name, call(which, sql), f"{which}({identifier(name)}) over so_far", together=which)


def _of_windows(view: View, measure: Measure, spans: Spans, amount: Running, count: Running) -> Iterator[Feature]:
    """Sums and means over each window."""
    prefix, words = f"{view.name}_{measure.name}", measure.words
    for window in spans.windows:
        if measure.kind == "number" and view.is_near and not view.is_own:
            sums = inside(view, amount, window)
            said = f"sum of {words}, {window.words}"
            summed = of_events(view, f"{prefix}_sum_{window.label}", sums, said, [amount], [window])
            yield replace(summed, amount_of=amount_of(view, f"{measure.sql} sum {window.label}"))
        mean = ratio(inside(view, amount, window), inside(view, count, window))
        said = f"mean of {words}, {window.words}"
        meant = of_events(view, f"{prefix}_mean_{window.label}", mean, said, [amount, count], [window])
        yield replace(meant, amount_of=amount_of(view, f"{measure.sql} mean {window.label}"))


def _last(measure: Measure, of_several: str) -> Running:
    short = f"last_{measure.name}"
    gathered = f"{of_several}({identifier(measure.name)})"
    return Running(short, gathered, f"last_value({identifier(short)} ignore nulls) over so_far")


def _of_late(view: View, measure: Measure, amount: Running, count: Running) -> Iterator[Feature]:
    """The latest value, and means over the latest times."""
    name, prefix, words = measure.name, f"{view.name}_{measure.name}", measure.words
    last = _last(measure, "avg")
    yield of_events(view, f"{prefix}_last", looked_up(view, last), f"the latest {words}", [last])
    few = LATEST[:1] if view.kind else LATEST[-1:]
    for times in LATEST if view.is_near and not view.kind else few:
        parts = [
            replace(one, name=late, running=f"sum({identifier(late)}) over last_{times}", together="")
            for one, late in ((amount, f"sum{times}_{name}"), (count, f"n{times}_{name}"))
        ]
        mean, said = ratio(*(known(view, one) for one in parts)), f"mean of {words} at the last {times} times"
        meant = of_events(view, f"{prefix}_mean_last_{times}", mean, said, parts)
        yield replace(meant, amount_of=amount_of(view, f"{measure.sql} mean last {times}"))


def _extremes(view: View, measure: Measure) -> Iterator[Feature]:
    for extreme, word in (("min", "least"), ("max", "greatest")):
        found = _extreme(extreme, f"{extreme}_{measure.name}", identifier(measure.name))
        said = f"{word} {measure.words} so far"
        yield of_events(view, f"{view.name}_{measure.name}_{extreme}", looked_up(view, found), said, [found])


def _deviation(view: View, measure: Measure, amount: Running, count: Running) -> Feature:
    column = identifier(measure.name)
    squares = _total(f"squares_{measure.name}", f"coalesce(sum(cast({column} as double) * {column}), 0)")
    mean, mean_square = (ratio(known(view, one), looked_up(view, count)) for one in (amount, squares))
    # Rounding may leave the variance of equal numbers a little below zero.
    variance = indented(f"{mean_square}\n- {call('power', mean, '2')}")
    said = f"standard deviation of {measure.words} so far"
    root = f"sqrt(abs(\n{variance}\n))"
    return of_events(view, f"{view.name}_{measure.name}_deviation", root, said, [squares, amount, count])


def _smoothed(view: View, measure: Measure, amount: Running, count: Running) -> Feature:
    """The mean of a key, drawn to that of all keys the more, the fewer it is of; averaged over several keys.

    After Micci-Barreca, "A preprocessing scheme for high-cardinality categorical attributes in classification and
    prediction problems", SIGKDD Explorations 3(1), 2001.
    """
    total, many = (unscaled(one, f"coalesce(now_.{identifier(one.name)}, 0)") for one in (amount, count))
    overall = ratio(*(unscaled(one, f"overall_.{identifier(one.name)}") for one in (amount, count)))
    amounts = indented(f"{total}\n+ {SMOOTHING} * {overall}")
    mean = of_all(view, f"(\n{amounts}\n)\n/ ({many} + {SMOOTHING})", "avg")
    words = f"mean of {measure.words} so far, drawn to that of all by {SMOOTHING} outcomes"
    found = of_events(view, f"{view.name}_{measure.name}_smoothed", mean, words, [amount, count])
    return replace(found, overall=(amount, count))


def _mean_of_season(
    view: View, season: Season | None, prefix: str, words: str, amount: Running, count: Running
) -> Iterator[Feature]:
    """The mean of the outcomes that became known in the season of a year before."""
    if season:
        mean = ratio(*(between(view, total, season.end.alias, season.start.alias) for total in (amount, count)))
        said = f"mean of {words} that became known {season.words}"
        asked = [season.start, season.end]
        yield of_events(view, f"{prefix}_mean_year_before", mean, said, [amount, count], asked)
