"""The model card of a run: everything that it knows of itself, from rows to one page that needs nothing else.

The parts follow Mitchell et al., "Model cards for model reporting" (2019).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ml.charts import NOTHING, Chart, level_chart, line_chart, number, records, strip
from ml.declaration import Prediction
from ml.errors import CardError
from ml.files import write_whole
from ml.ledger import Standing
from ml.pages import render

TOP_FEATURES = 15
QUALITY = (
    ("calibration", "Calibration", "probability announced", "rate found", True),
    ("decile", "Tenths of the rows", "mean predicted", "mean found", True),
    ("gain", "Gain", "share of rows", "share of positives found", True),
)
NEGATED = "neg_"  # scikit-learn's mark for an error that is turned into a score


@dataclass(frozen=True)
class Card:
    """What a card is made of.

    Attributes:
        prediction: the declaration.
        run: the row of `ml.runs`.
        metrics: rows of `ml.metrics`.
        importances: rows of `ml.importances`.
        curves: rows of `ml.curves`.
        slices: rows of `ml.slices`.
        findings: of the check, each with `level`, `check` and `message`.
    """

    prediction: Prediction
    run: Mapping[str, Any]
    metrics: pd.DataFrame
    importances: pd.DataFrame
    curves: pd.DataFrame
    slices: pd.DataFrame
    findings: Sequence[Mapping[str, Any]] = ()


def write_card(card: Card, target_directory: Path) -> Path:
    """Write a card to `cards/<run_id>.html` in one step; returns the path.

    Raises:
        CardError: the place can't be written.
    """
    path = target_directory / "cards" / f"{card.run['run_id']}.html"
    try:
        write_whole(path, render_card(card))
    except OSError as error:
        raise CardError(
            f"{card.run['run_id']} is stored, but its card {path} can't be written: {error}. "
            "Free the disk or make the folder writable."
        ) from error
    return path


def render_card(card: Card) -> str:
    """The card as one HTML page, with its own styles and drawings and without scripts."""
    return render(
        "card.html.j2",
        card=card,
        prediction=card.prediction,
        run=card.run,
        standing=_standing(card).shown,
        verdict=_verdict(card),
        features=json.loads(card.run["features"]),
        versions=json.loads(card.run["versions"]),
        declaration=json.dumps(json.loads(card.run["declaration"]), indent=2),
        decision=json.loads(card.run.get("decision") or "{}"),
        metrics=list(_metric_rows(card)),
        quality=list(_quality(card)),
        dependence=list(_dependence(card)),
        importances=_importance_rows(card),
        top_features=TOP_FEATURES,
        slices=list(_slices(card)),
        limits=list(_limits(card)),
    )


def _standing(card: Card) -> Standing:
    rows = card.metrics[(card.metrics["split"] == "test") & (card.metrics["metric"] == card.run["metric"])]
    pipeline, plain = (rows[rows["predictor"] == name].iloc[0] for name in ("pipeline", "baseline"))
    return Standing(card.run["metric"], pipeline["value"], pipeline["lower"], pipeline["upper"], plain["value"])


def _verdict(card: Card) -> str:
    standing = _standing(card)
    if not standing.is_good:
        return "It is no better than the baseline and must not be used."
    if standing.lower > standing.baseline:
        return "It is better than the baseline by more than its interval."
    return "It is better than the baseline, but the baseline lies within its interval: the lead may be chance."


def _metric_rows(card: Card) -> Iterator[tuple[str, ...]]:
    """Metric, its test value, interval and baseline, its validation value, and the rows tested."""
    values = {(row.split, row.predictor, row.metric): row for row in records(card.metrics)}
    for name in dict.fromkeys(card.metrics["metric"]):
        test, plain = values.get(("test", "pipeline", name)), values.get(("test", "baseline", name))
        first = test or plain
        validated = values.get(("validation", "pipeline", name))
        if first is None:
            continue
        sign = -1 if name.startswith(NEGATED) else 1
        shown = [number(sign * row.value) if row is not None else NOTHING for row in (test, plain, validated)]
        yield (name.removeprefix(NEGATED), shown[0], _interval(test, sign), *shown[1:], number(first.rows))


def _interval(row: Any, sign: int = 1) -> str:  # noqa: ANN401 -- a row of a frame
    if row is None or not pd.notna(row.lower):
        return NOTHING
    low, high = sorted((sign * row.lower, sign * row.upper))
    return f"{number(low)} to {number(high)}"


def _quality(card: Card) -> Iterator[Chart]:
    """The curves of the test rows; of several classes each has its own chart."""
    tested = card.curves[card.curves["split"] == "test"]
    for curve, title, x_label, y_label, diagonal in QUALITY:
        points = tested[tested["curve"] == curve]
        if curve == "decile" and card.run["task"] == "classification":
            continue  # calibration says the same in more detail
        for label, part in points.groupby("class_label", sort=False, dropna=False):
            named = f"{title}: {label}" if points["class_label"].nunique() > 1 else title
            header = (x_label, y_label, "lower", "upper", "rows")
            chart = line_chart(named, (x_label, y_label), part, header, diagonal=diagonal)
            yield _with_lift(chart, tested, label) if curve == "gain" else chart


def _with_lift(chart: Chart, tested: pd.DataFrame, label: object) -> Chart:
    """The gain's table tells the lift too."""
    lift = tested[(tested["curve"] == "lift") & (tested["class_label"] == label)]["y"]
    by_share = dict(zip((row[0] for row in chart.rows), map(number, lift), strict=False))
    rows = tuple((*row, by_share.get(row[0], NOTHING)) for row in chart.rows)
    return Chart(**{**vars(chart), "header": (*chart.header, "lift"), "rows": rows})


def _dependence(card: Card) -> Iterator[Chart]:
    points = card.curves[card.curves["curve"] == "partial_dependence"]
    kinds = json.loads(card.run["features"])
    what = "mean prediction" if card.run["task"] == "regression" else "mean probability"
    for name, part in points.groupby("feature", sort=False):
        several = ("class",) if part["class_label"].nunique() > 1 else ()
        header = (*several, str(name), what, "lower 10 %", "upper 10 %", "rows")
        if kinds.get(str(name)) in ("category", "boolean"):
            yield level_chart(str(name), what, part, header)
        else:
            yield line_chart(str(name), (str(name), what), part, header)


def _importance_rows(card: Card) -> list[tuple[int, str, str, float, float, float]]:
    """Rank, feature, kind, importance, its deviation, and the width of its bar in percent."""
    kinds = json.loads(card.run["features"])
    largest = max(card.importances["importance"].max(), 1e-12)
    return [
        (
            int(row.importance_rank),
            str(row.feature),
            str(kinds.get(str(row.feature), "")),
            float(row.importance),
            float(row.importance_std),
            100 * max(float(row.importance) / largest, 0.0),
        )
        for row in records(card.importances.sort_values("importance_rank"))
    ]


def _slices(card: Card) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    """Column, metric, and its rows, each with where its interval lies between 0 and 100."""
    for (column, metric), rows in card.slices.groupby(["slice_column", "metric"], sort=False):
        sign = -1 if str(metric).startswith(NEGATED) else 1
        parts = rows[rows["slice_kind"] != "gap"]
        scale = strip([sign * value for end in ("value", "lower", "upper") for value in parts[end]])
        found = []
        for row in records(rows):
            # A gap is a distance: it has no sign to turn, and no place among the levels.
            turned = 1 if row.slice_kind == "gap" else sign
            drawn = row.slice_kind != "gap" and pd.notna(row.value)
            found.append(
                {
                    "level": row.slice_level,
                    "kind": row.slice_kind,
                    "value": number(turned * row.value),
                    "interval": _interval(row, turned),
                    "rows": number(row.rows),
                    "entities": number(row.entities),
                    "marks": [scale(sign * value) for value in (row.lower, row.value, row.upper)] if drawn else None,
                }
            )
        yield str(column), str(metric).removeprefix(NEGATED), found


def _limits(card: Card) -> Iterator[str]:
    """What the run must not be used for, and how far its numbers reach."""
    prediction, run = card.prediction, card.run
    if not run["is_good"]:
        yield "Do not use it at all: it is no better than the baseline."
    yield (
        f"It answers for rows like those of {prediction.feature_model}: one per {' and '.join(prediction.keys)}. "
        "Whoever that model leaves out was neither learned from nor tested on."
    )
    if prediction.horizon is not None:
        yield f"It answers for {_days(prediction)} after the as-of, not for a shorter or a longer time."
    if prediction.as_of is not None:
        yield (
            f"It learned from as-ofs between {str(run['first_as_of'])[:10]} and {str(run['last_as_of'])[:10]}. "
            "A season, a price or a rule that these days have not seen is unknown to it."
        )
    yield "The 95 % intervals answer for other entities in the same period, not for other periods."
    if run["task"] == "regression":
        yield (
            f"`lower` and `upper` hold {prediction.interval:.0%} of the outcomes over all rows, "
            "not within every group of them."
        )
    else:
        yield "A probability is right on average over many rows that share it, and no certainty about one."
    yield "Importances and dependences tell what predictions follow, not what would happen if a feature were changed."
    if card.slices.empty:
        yield "No slices are declared: whether it serves all groups alike is unknown."
    else:
        yield "Slices tell of groups as recorded in the data; small groups are taken together and remain unknown."
    yield "No person should be refused something on its word alone."


def _days(prediction: Prediction) -> str:
    seconds = prediction.horizon.total_seconds() if prediction.horizon else 0.0
    unit, length = ("days", 86400) if seconds >= 86400 else ("hours", 3600)
    return f"{number(seconds / length)} {unit}"
