"""What a board can draw of a run: calibration, deciles, gain and lift, partial dependence. Frames in, frames out."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from ml.learning.dataset import Dataset, Rows, epoch_days
from ml.learning.encode import MISSING
from ml.learning.measures import CALIBRATION_BINS
from ml.learning.order import thin
from ml.learning.resample import mean_interval, rate_interval
from ml.learning.scorers import predict_output
from ml.learning.words import comes_again

Array = NDArray[np.float64]
Clusters = NDArray[np.intp]

COLUMNS = ("split", "curve", "point", "feature", "class_label", "level", "x", "y", "lower", "upper", "rows")
DECILES = 10
DRAWN_CLASSES = 6  # of several classes, the most frequent ones are drawn
DEPENDENCE_FEATURES, DEPENDENCE_ROWS, GRID, LEVELS = 8, 300, 12, 12
TAIL = 0.02  # share of rows at either end that a grid leaves out: few rows are there to learn from
SPREAD = (0.1, 0.9)  # quantiles over rows


def quality_curves(split: str, y: Array, output: Array, clusters: Clusters, classes: tuple[str, ...]) -> pd.DataFrame:
    """How outputs compare with what came.

    Args:
        split: names the rows: validation or test.
        y: target values, or positions of classes (n,).
        output: as `predict_output` gives it.
        clusters: the entity of each row.
        classes: the labels; empty for a regression.

    Returns:
        Rows with `COLUMNS`; `point` numbers the points of a split and curve. With 95 % intervals by entity:
        `calibration` (15 bins of equal width; x: mean probability announced, y: rate found; of several classes, of the
        predicted one), `decile` (the tenths of rows, highest output first; x: mean output, y: rate or mean found),
        `gain` (x: share of rows taken from the top, y: share of the positives among them) and `lift` (y: their rate
        over the overall rate). A regression has `decile` only.
    """
    points = list(_calibration(y, output, clusters, classes))
    for label, came, given in _one_class_each(y, output, classes):
        points += _deciles(label, came, given, clusters, is_rate=bool(classes))
        points += _gain(label, came, given, clusters) if classes else ()
    return _numbered(points, split)


def partial_dependence(
    estimator: Pipeline, dataset: Dataset, rows: Rows, importances: pd.DataFrame, split: str = "test"
) -> pd.DataFrame:
    """How the output moves with the most important features, all else as it is.

    This is Friedman's partial dependence ("Greedy function approximation", 2001). A feature's encoded columns are
    exchanged for those of each value of a grid, on a sample of the rows. `lower` and `upper` hold the middle 80 % of
    the single rows' curves, each shifted to the mean level (centred individual conditional expectation: Goldstein et
    al., 2015): wide apart, the feature works differently on different rows.

    Args:
        estimator: the encoder and the model.
        dataset: the rows, and kinds and classes.
        rows: which rows may be sampled.
        importances: a row per feature with `importance_rank`.
        split: names the rows.

    Returns:
        Rows with `COLUMNS` and the curve `partial_dependence`; x is the value (of a date: days since 1970), `level` its
        text for categories, booleans and dates, y the mean output.
    """
    rows = thin(dataset, rows, DEPENDENCE_ROWS)
    encoder, model = estimator[0], estimator[-1]
    frame = dataset.features.iloc[rows]
    matrix, places = encoder.transform(frame), encoder.columns()
    task = "classification" if dataset.classes else "regression"
    points: list[dict[str, object]] = []
    for name in importances.sort_values("importance_rank")["feature"]:
        if len({point["feature"] for point in points}) == DEPENDENCE_FEATURES:
            break
        grid = _grid(frame[name], dataset.kinds[name])
        if len(grid) < 2 or not len(places[name]):
            continue
        like = frame.iloc[[0] * len(grid)].copy()
        like[name] = grid.astype(frame[name].dtype).to_numpy()
        stack = np.repeat(matrix[None], len(grid), axis=0)
        stack[:, :, places[name]] = encoder.transform(like)[:, None, places[name]]
        output = predict_output(model, stack.reshape(-1, matrix.shape[1]), task, len(dataset.classes))
        output = output.reshape(len(grid), len(matrix), *output.shape[1:])
        points += _dependence(name, dataset.kinds[name], grid, output, dataset.classes)
    return _numbered(points, split)


def _one_class_each(y: Array, output: Array, classes: tuple[str, ...]) -> Iterator[tuple[str | None, Array, Array]]:
    """Label, what came and what was said: of the value, of the positive class, or of each of several classes."""
    if not classes:
        yield None, y, output
    elif output.ndim == 1:
        yield classes[1], y, output
    else:
        for place in _most_frequent(y, output):
            yield classes[place], (y == place).astype(np.float64), output[:, place]


def _most_frequent(y: Array, output: Array) -> list[int]:
    counts = np.bincount(y.astype(np.intp), minlength=output.shape[1])
    return sorted(np.argsort(-counts, kind="stable")[:DRAWN_CLASSES].tolist())


def _calibration(y: Array, output: Array, clusters: Clusters, classes: tuple[str, ...]) -> Iterator[dict[str, object]]:
    if not classes:
        return
    given, came, label = output, y, classes[1] if output.ndim == 1 else None
    if output.ndim == 2:
        given, came = output.max(axis=1), (output.argmax(axis=1) == y).astype(np.float64)
    bins = np.minimum((given * CALIBRATION_BINS).astype(np.intp), CALIBRATION_BINS - 1)
    for number in np.unique(bins):
        part = bins == number
        yield _point("calibration", label, given[part].mean(), rate_interval(came[part], clusters[part]), part.sum())


def _deciles(
    label: str | None, came: Array, given: Array, clusters: Clusters, *, is_rate: bool
) -> Iterator[dict[str, object]]:
    interval = rate_interval if is_rate else mean_interval
    for part in np.array_split(np.argsort(-given, kind="stable"), min(DECILES, len(given))):
        yield _point("decile", label, given[part].mean(), interval(came[part], clusters[part]), len(part))


def _gain(label: str | None, came: Array, given: Array, clusters: Clusters) -> Iterator[dict[str, object]]:
    order = np.argsort(-given, kind="stable")
    positive = came == 1
    if not positive.any():
        return
    gains = []
    for part in range(1, DECILES + 1):
        taken = np.zeros(len(came), dtype=np.float64)
        taken[order[: round(len(came) * part / DECILES)]] = 1
        gains.append((taken.mean(), taken.sum(), rate_interval(taken[positive], clusters[positive])))
    for share, rows, gain in gains:
        yield _point("gain", label, share, gain, rows)
    for share, rows, gain in gains:
        if share > 0:  # fewer rows than deciles leave the first ones empty
            yield _point("lift", label, share, tuple(value / share for value in gain), rows)


def _grid(column: pd.Series, kind: str) -> pd.Series:
    """The values to go through: quantiles of numbers and dates, both booleans, frequent levels; none of free text."""
    if kind == "category":
        levels = column.value_counts(dropna=False).head(LEVELS if comes_again(column) else 0)
        return pd.Series(levels.index.astype("str"), dtype=column.dtype)
    known = column.dropna()
    if kind == "boolean" or known.nunique() <= GRID:
        return pd.Series(np.sort(known.unique()))
    quantiles = known.quantile(np.linspace(TAIL, 1 - TAIL, GRID), interpolation="nearest")
    return pd.Series(np.unique(quantiles.to_numpy()))


def _dependence(
    name: str, kind: str, grid: pd.Series, output: Array, classes: tuple[str, ...]
) -> Iterator[dict[str, object]]:
    """`output` is (grid, rows) or (grid, rows, classes)."""
    drawn = [(classes[1] if classes else None, output)]
    if output.ndim == 3:
        shares = output.mean(axis=(0, 1))
        wanted = sorted(np.argsort(-shares, kind="stable")[:DRAWN_CLASSES].tolist())
        drawn = [(classes[place], output[:, :, place]) for place in wanted]
    for label, single in drawn:
        mean = single.mean(axis=1)
        centred = single - single.mean(axis=0) + mean.mean()
        lower, upper = np.quantile(centred, SPREAD, axis=1)
        for place, value in enumerate(grid):
            interval = (mean[place], min(lower[place], mean[place]), max(upper[place], mean[place]))
            x, level = _position(value, kind)
            point = _point("partial_dependence", label, x, interval, single.shape[1])
            yield point | {"feature": name, "level": level}


def _position(value: object, kind: str) -> tuple[float, str | None]:
    """A value's place on an axis (NaN for a category), and its text where a number would not tell it."""
    if kind == "category":
        return np.nan, MISSING if pd.isna(value) else str(value)  # type: ignore[call-overload]
    if isinstance(value, pd.Timestamp):
        return float(epoch_days(np.array(value.to_datetime64()))), f"{value:%Y-%m-%d}"
    number = float(value)  # type: ignore[arg-type]
    return number, ("true" if number else "false") if kind == "boolean" else None


def _point(curve: str, label: str | None, x: float, interval: tuple[float, ...], rows: float) -> dict[str, object]:
    y, lower, upper = interval
    return {"curve": curve, "class_label": label, "x": x, "y": y, "lower": lower, "upper": upper, "rows": int(rows)}


def _numbered(points: list[dict[str, object]], split: str) -> pd.DataFrame:
    frame = pd.DataFrame(points, columns=list(COLUMNS)).assign(split=split)
    frame["point"] = frame.groupby("curve", sort=False).cumcount() + 1
    texts, numbers = ["feature", "class_label", "level"], ["x", "y", "lower", "upper"]
    frame[texts] = frame[texts].astype(object).where(frame[texts].notna(), None)
    return frame.astype({**dict.fromkeys(numbers, np.float64), "rows": np.int64, "point": np.int64})
