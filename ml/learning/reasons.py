"""Why a row got its prediction: the features that moved it, signed, in the unit of the prediction."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.declaration import MOST_REASONS, REASONS

if TYPE_CHECKING:
    from ml.learning.pipelines import FittedPrediction

Array = NDArray[np.float64]

TOP = REASONS
WALKED = MOST_REASONS  # features that are walked one by one; all weaker ones together are one step
OTHERS = "other features"
LONGEST = 200  # characters of a text that are stored with a reason
CELLS = 4_000_000  # matrix cells predicted at once


def contributions(
    model: "FittedPrediction", features: pd.DataFrame, reference: pd.DataFrame | None = None, top: int = TOP
) -> list[str]:
    """The strongest contributions to each row's prediction, as JSON text.

    They are Shapley values by sampled orders of the features (Štrumbelj and Kononenko, 2014): along an order, a
    reference row turns feature by feature into the row, and each feature is credited with what its step changed. One
    order and its reverse are averaged; the same for all rows, so that a row's reasons do not depend on its batch. Of
    several classes, the probability of the predicted one is explained.

    Args:
        model: the fitted prediction; only its most important features are walked one by one.
        features: rows to explain, as in `Dataset.features`.
        reference: the one row that contributions are counted from; the model's typical row by default.
        top: how many features to name.

    Returns:
        For each row a list of {"feature", "value", "contribution"}, strongest first, then the rest together as
        "other features": all contributions add up to the prediction less the reference's prediction.
    """
    names, steps = walk(model, features, model.reference_frame() if reference is None else reference)
    named = steps[:, : len(names)]
    order = np.argsort(-np.abs(named), axis=1, kind="stable")[:, :top]
    strongest = np.take_along_axis(named, order, axis=1)
    rest = steps.sum(axis=1) - strongest.sum(axis=1)
    texts = [json.dumps(name) for name in names]
    values = [_json_values(features[name], model.kinds[name]) for name in names]
    return [
        _row(texts, values, row, places, amounts, other)
        for row, (places, amounts, other) in enumerate(
            zip(order.tolist(), strongest.tolist(), rest.tolist(), strict=True)
        )
    ]


def walk(model: "FittedPrediction", features: pd.DataFrame, reference: pd.DataFrame) -> tuple[list[str], Array]:
    """The contributions as numbers.

    Returns:
        The names of the features walked one by one, and (rows, names + 1) contributions; the last column is that of
        all other features together. A row's sum is its prediction less the reference's prediction.
    """
    encoder = model.estimator[0]
    columns = {name: places for name, places in encoder.columns().items() if len(places)}
    names = [name for name in model.strongest if name in columns][:WALKED]
    others = [places for name, places in columns.items() if name not in names]
    groups = [columns[name] for name in names] + ([np.concatenate(others)] if others else [])
    start = encoder.transform(reference)[0]
    order = np.random.default_rng(0).permutation(len(groups))
    steps = np.zeros((len(features), len(names) + 1))
    rows = max(1, CELLS // (len(start) * (len(groups) + 1)))
    for first in range(0, len(features), rows):
        part = slice(first, first + rows)
        matrix = encoder.transform(features.iloc[part])
        for way in (order, order[::-1]):
            steps[part, : len(groups)][:, way] += np.diff(_outputs(model, matrix, start, groups, way), axis=1) / 2
    return names, steps


def _outputs(
    model: "FittedPrediction", matrix: Array, start: Array, groups: Sequence[NDArray[np.intp]], way: NDArray[np.intp]
) -> Array:
    """(rows, groups + 1) outputs while the reference turns into each row, group after group."""
    stages = np.empty((len(way) + 1, *matrix.shape))
    stages[0] = start
    for stage, group in enumerate(way):
        stages[stage + 1] = stages[stage]
        stages[stage + 1][:, groups[group]] = matrix[:, groups[group]]
    output = model.output(stages.reshape(-1, matrix.shape[1]))
    output = output.reshape(len(stages), len(matrix), *output.shape[1:])
    if output.ndim == 3:
        output = np.take_along_axis(output, output[-1].argmax(axis=1)[None, :, None], axis=2)[:, :, 0]
    return output.T


def _row(
    names: Sequence[str],
    values: Sequence[Sequence[str]],
    row: int,
    places: Sequence[int],
    amounts: Sequence[float],
    other: float,
) -> str:
    """The JSON text of one row's reasons, from the JSON texts of names and values."""
    reasons = [
        f'{{"feature": {names[place]}, "value": {values[place][row]}, "contribution": {amount:.6g}}}'
        for place, amount in zip(places, amounts, strict=True)
    ]
    return f'[{", ".join(reasons)}, {{"feature": "{OTHERS}", "value": null, "contribution": {other:.6g}}}]'


def _json_values(column: pd.Series, kind: str) -> list[str]:
    """Each value as JSON text; equal values are written once."""
    codes, values = pd.factorize(column)
    if kind == "category" or column.dtype.kind == "M":
        texts = [json.dumps(_beginning(str(value))) for value in values]
    elif kind == "boolean":
        texts = ["true" if value else "false" for value in values]
    else:
        texts = [repr(float(f"{value:.10g}")) for value in np.asarray(values, dtype=np.float64).tolist()]
    known = np.array([*texts, "null"], dtype=object)
    found: list[str] = known[codes].tolist()  # a missing value has the code -1
    return found


def _beginning(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"
