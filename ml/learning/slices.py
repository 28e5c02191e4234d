"""How good a run is for each part of its rows, and how far the parts lie apart. Frames in, frames out."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.declaration import Prediction
from ml.learning.dataset import label
from ml.learning.encode import MISSING
from ml.learning.measures import Measure, accuracy, mean_error
from ml.learning.resample import SAMPLES, bootstrap, entity_clusters
from ml.learning.scorers import MEASURED, measures_of, score

Array = NDArray[np.float64]
PartMeasure = Callable[[NDArray[np.intp], Array], Array]  # (rows, their weights) to one value per weighting

COLUMNS = ("slice_column", "slice_kind", "slice_level", "metric", "value", "lower", "upper", "rows", "entities")
MIN_ROWS, MIN_ENTITIES = 50, 20  # a level with fewer is not shown by itself
MAX_LEVELS = 20
OTHERS, GAP = "(other levels)", "(largest difference)"
SLOW_SAMPLES = 50  # for a scorer that must be called once per sample


@dataclass(frozen=True)
class _Part:
    """The rows of one level, or of all small levels together."""

    kind: str
    level: str
    rows: NDArray[np.intp]
    entities: int


def slice_table(
    levels: pd.DataFrame,
    y: Array,
    output: Array,
    acts: NDArray[np.bool_] | None,
    prediction: Prediction,
    keys: pd.DataFrame,
) -> pd.DataFrame:
    """The declared metric by the levels of each column, with 95 % intervals that draw entities.

    Beside it stands, of two classes, the selection rate (demographic parity compares it: Dwork et al., 2012), of
    several the accuracy, of a regression the mean error. Levels of fewer than 50 rows or 20 entities, and all after the
    20 largest, are taken together, so that no small group can be recognised. The gap of a column is the largest
    difference between its named levels. Even between levels that are alike a gap is above zero by chance: its interval
    and the levels' own tell how much it means.

    Args:
        levels: the slice columns of the same rows; null is a level too.
        y: target values, or positions of classes.
        output: as `predict_output` gives it.
        acts: of two classes, which rows count as predicted positive; else None.
        prediction: task, metric and seed.
        keys: the entity columns of the same rows.

    Returns:
        Rows with `COLUMNS`; `slice_kind` is level, other or gap. Values are null for parts that lack rows or a class.
    """
    clusters = entity_clusters(keys)
    measures, samples = _measures(y, output, acts, prediction)
    tables = [
        _column(str(name), list(_parts(levels[name], clusters)), measures, clusters, prediction.seed, samples)
        for name in levels
    ]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))


def _measures(
    y: Array, output: Array, acts: NDArray[np.bool_] | None, prediction: Prediction
) -> tuple[dict[str, PartMeasure], int]:
    """The measures of a part by name, and how many bootstrap samples they can afford."""

    def of(measure: Measure) -> PartMeasure:
        return lambda rows, weights: measure(y[rows], output[rows], weights)

    known = measures_of(prediction.task, output)
    name, samples = prediction.metric, SAMPLES
    if name in known:
        measures = {name: of(known[name])}
    elif MEASURED.get(name, ("", 0.0))[0] in known:
        same, sign = MEASURED[name]
        measures = {name: of(lambda y, output, weights: sign * known[same](y, output, weights))}
    else:
        measures, samples = {name: of(_scorer(prediction))}, SLOW_SAMPLES
    if prediction.task == "regression":
        measures["mean_error"] = of(mean_error)
    elif acts is None:
        measures["accuracy"] = of(accuracy)
    else:
        chosen = acts.astype(np.float64)
        measures["selection_rate"] = lambda rows, weights: _quotient(weights @ chosen[rows], weights.sum(axis=1))
    return measures, samples


def _scorer(prediction: Prediction) -> Measure:
    """Any scorer of scikit-learn as a measure: rows are repeated as often as they were drawn."""

    def measure(y: Array, output: Array, weights: Array) -> Array:
        values = np.full(len(weights), np.nan)
        for place, row in enumerate(weights):
            drawn = np.repeat(np.arange(len(y)), row.astype(np.intp))
            try:
                values[place] = score(prediction.metric, prediction.task, y[drawn], output[drawn])
            except ValueError:  # a sample that lacks a class
                continue
        return values

    return measure


def _parts(column: pd.Series, clusters: NDArray[np.intp]) -> Iterator[_Part]:
    """The levels that are large enough, largest first, then the rows of all others."""
    texts = np.array([MISSING if pd.isna(value) else label(value) for value in column], dtype=object)
    counts = pd.Series(texts).value_counts()
    rest = np.ones(len(texts), dtype=np.bool_)
    named = 0
    for level in sorted(counts.index, key=lambda text: (-counts[text], text)):
        rows = np.flatnonzero(texts == level)
        entities = len(np.unique(clusters[rows]))
        if named < MAX_LEVELS and len(rows) >= MIN_ROWS and entities >= MIN_ENTITIES:
            named += 1
            rest[rows] = False
            yield _Part("level", level, rows, entities)
    if rest.any():
        rows = np.flatnonzero(rest)
        yield _Part("other", OTHERS, rows, len(np.unique(clusters[rows])))


def _column(
    name: str,
    parts: list[_Part],
    measures: Mapping[str, PartMeasure],
    clusters: NDArray[np.intp],
    seed: int,
    samples: int,
) -> pd.DataFrame:
    named = [place for place, part in enumerate(parts) if part.kind == "level"]

    def statistics(weights: Array) -> Array:
        columns = []
        for measure in measures.values():
            values = np.column_stack([_measured(part, measure, weights) for part in parts])
            columns.append(np.column_stack([values, _gap(values[:, named])]))
        return np.hstack(columns)

    ends = [figures.reshape(len(measures), -1) for figures in bootstrap(statistics, clusters, seed, samples)]
    sides = [parts[place] for place in named]
    whole = _Part("gap", GAP, np.concatenate([part.rows for part in sides] or [np.empty(0, np.intp)]), 0)
    shown = [*parts, whole] if len(named) > 1 else parts
    rows = [
        {
            "slice_column": name,
            "slice_kind": part.kind,
            "slice_level": part.level,
            "metric": metric,
            **{end: figures[number, place] for end, figures in zip(("value", "lower", "upper"), ends, strict=True)},
            "rows": len(part.rows),
            "entities": part.entities or len(np.unique(clusters[part.rows])),
        }
        for number, metric in enumerate(measures)
        for place, part in enumerate(shown)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _measured(part: _Part, measure: PartMeasure, weights: Array) -> Array:
    """The measure of a part for each weighting; NaN if the part is too small to say anything, or lacks a class."""
    if len(part.rows) < MIN_ROWS or part.entities < MIN_ENTITIES:
        return np.full(len(weights), np.nan)
    values = measure(part.rows, weights[:, part.rows])
    return np.where(np.isfinite(values), values, np.nan)


def _gap(values: Array) -> Array:
    """The largest difference in each row (samples, levels); NaN where fewer than two levels have a value."""
    known = np.isfinite(values)
    high = np.where(known, values, -np.inf).max(axis=1, initial=-np.inf)
    low = np.where(known, values, np.inf).min(axis=1, initial=np.inf)
    return np.where(known.sum(axis=1) > 1, high - low, np.nan)


def _quotient(above: Array, below: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(above / below, dtype=np.float64)
