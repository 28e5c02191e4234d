"""What features a column of events gives: totals, means, extremes and latest values, shares of its levels."""

from collections.abc import Iterator
from dataclasses import replace

from ml.features.feature import Feature, Running, inside, looked_up, of_all, of_events, unscaled
from ml.features.layout import as_double, call, difference, indented, ratio
from ml.features.measures import Measure
from ml.features.names import identifier, literal
from ml.features.paths import View
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
    windows, safe, prefix = spans.windows, measure.name, f"{view.name}_{measure.name}"
    new = as_double(f"count({identifier(safe)})")
    distinct = Running(f"new_{safe}", new, f"sum({identifier(f'new_{safe}')}) over so_far", distinct=safe)
    if not view.links:  # those of several things may be the same
        yield of_events(
            view,
            f"{prefix}_kinds",
            inside(view, distinct, windows[-1].always()),
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
            as_double(f"count(case when {identifier(safe)} = {literal(level)} then 1 end)"),
            f"sum({identifier(f'rows_{label}')}) over so_far",
        )
        for window in {windows[0].label: windows[0], windows[-1].label: windows[-1]}.values():
            share = ratio(inside(view, counted, window), inside(view, many, window))
            words = f"share of rows with {measure.words} = '{level}', {window.words}"
            yield of_events(view, f"{view.name}_{label}_share_{window.label}", share, words, [counted, many], [window])


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
    known = f"last_{measure.name}"
    last = Running(
        known, f"max({identifier(measure.name)})", f"last_value({identifier(known)} ignore nulls) over so_far"
    )
    return of_events(view, name, looked_up(view, last), f"the latest {measure.words}", [last], kind="category")


def identifier_part(text: str) -> str:
    """A level as part of a column's name."""
    kept = "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in text.lower()).strip("_")
    return kept[:24] or "blank"


def _of_number(view: View, measure: Measure, spans: Spans) -> Iterator[Feature]:
    name, prefix, words = measure.name, f"{view.name}_{measure.name}", measure.words
    column = identifier(name)

    def total(short_name: str, gathered: str) -> Running:
        return Running(f"{short_name}_{name}", gathered, f"sum({identifier(f'{short_name}_{name}')}) over so_far")

    added = f"sum({column})" if measure.scale == 1 else f"round({as_double(f'sum({column})')} * {measure.scale})"
    count = total("n", as_double(f"count({column})"))
    amount = replace(total("sum", f"coalesce({added}, 0)"), scale=measure.scale)
    source = "outcomes" if view.is_own else view.table.id
    for window in spans.windows:
        asked = [window]
        if measure.kind == "number" and view.is_near and not view.is_own:
            summed = of_events(
                view,
                f"{prefix}_sum_{window.label}",
                inside(view, amount, window),
                f"sum of {words}, {window.words}",
                [amount],
                asked,
            )
            yield replace(summed, amount_of=f"{source} {measure.sql} sum {window.label}")
        mean = ratio(inside(view, amount, window), inside(view, count, window))
        meant = of_events(
            view, f"{prefix}_mean_{window.label}", mean, f"mean of {words}, {window.words}", [amount, count], asked
        )
        yield replace(meant, amount_of=f"{source} {measure.sql} mean {window.label}")
    if view.is_own:
        yield _smoothed(view, measure, amount, count)
        yield from _mean_of_season(view, spans.season, prefix, words, amount, count)
    elif measure.kind == "number":
        yield from of_season(view, spans.season, f"{prefix}_sum_year_before", f"sum of {words}", amount)
    last = Running(
        f"last_{name}", f"avg({column})", f"last_value({identifier(f'last_{name}')} ignore nulls) over so_far"
    )
    yield of_events(view, f"{prefix}_last", looked_up(view, last), f"the latest {words}", [last])
    for times in LATEST if view.is_near else LATEST[-1:]:
        parts = [
            replace(
                one,
                name=f"{short}{times}_{name}",
                running=f"sum({identifier(f'{short}{times}_{name}')}) over last_{times}",
            )
            for short, one in (("sum", amount), ("n", count))
        ]
        mean = ratio(*(unscaled(one, looked_up(view, one)) for one in parts))
        meant = of_events(
            view, f"{prefix}_mean_last_{times}", mean, f"mean of {words} at the last {times} times", parts
        )
        yield replace(meant, amount_of=f"{source} {measure.sql} mean last {times}")
    if measure.kind != "number" or not view.is_near:
        return
    for extreme in ("min", "max"):
        known = Running(
            f"{extreme}_{name}", f"{extreme}({column})", f"{extreme}({identifier(f'{extreme}_{name}')}) over so_far"
        )
        word = {"min": "least", "max": "greatest"}[extreme]
        yield of_events(view, f"{prefix}_{extreme}", looked_up(view, known), f"{word} {words} so far", [known])
    squares = total("squares", f"coalesce(sum(cast({column} as double) * {column}), 0)")
    mean, mean_square = (
        ratio(unscaled(one, looked_up(view, one)), looked_up(view, count)) for one in (amount, squares)
    )
    # Rounding may leave the variance of equal numbers a little below zero.
    variance = indented(f"{mean_square}\n- {call('power', mean, '2')}")
    yield of_events(
        view,
        f"{prefix}_deviation",
        f"sqrt(abs(\n{variance}\n))",
        f"standard deviation of {words} so far",
        [squares, amount, count],
    )


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
        asked = [season.start, season.end]
        totals = (
            unscaled(
                total,
                difference(
                    *(f"coalesce({looked_up(view, total, one.alias)}, 0)" for one in (season.end, season.start))
                ),
            )
            for total in (amount, count)
        )
        said = f"mean of {words} that became known {season.words}"
        yield of_events(view, f"{prefix}_mean_year_before", ratio(*totals), said, [amount, count], asked)
