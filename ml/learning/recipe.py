"""How a final pipeline is made of candidates, and the making of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from joblib import cpu_count
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from ml.declaration import Prediction
from ml.learning.blend import BlendClassifier, BlendRegressor, Member, SeveralEncoders
from ml.learning.calibrate import Calibrator, class_shares
from ml.learning.candidates import Candidate
from ml.learning.cores import in_threads, workers
from ml.learning.dataset import Dataset, Rows
from ml.learning.encode import FeatureEncoder
from ml.learning.fitting import encode, fit_rows, growth
from ml.learning.order import block_order, thin
from ml.learning.words import Texts, Words

Array = NDArray[np.float64]

BAG_SHARE = 0.125  # of the rows, left out of each bag


@dataclass(frozen=True)
class Part:
    """A candidate of the blend: its number of iterations, weight, temperature, and how many times it is fitted."""

    candidate: Candidate
    iterations: int | None
    weight: float
    temperature: float
    bags: int

    @property
    def style(self) -> str:
        """How its features are encoded."""
        return self.candidate.family.style


@dataclass(frozen=True)
class Recipe:
    """How a pipeline is made.

    Attributes:
        parts: heaviest first.
        calibrator: of their mean.
        most_rows: that the budget allows to learn from.
        tried_rows: that the parts' iterations were found with.
    """

    parts: tuple[Part, ...]
    calibrator: Calibrator
    most_rows: int
    tried_rows: int

    @property
    def name(self) -> str:
        """The estimators by weight: a single name, or "blend of …"."""
        names = list(dict.fromkeys(part.candidate.estimator for part in self.parts))
        return names[0] if len(self.parts) == 1 else f"blend of {', '.join(names)}"

    @property
    def styles(self) -> list[str]:
        """The encodings that are needed."""
        return list(dict.fromkeys(part.style for part in self.parts))


@dataclass(frozen=True)
class _Rows:
    """A set of rows in every encoding of a recipe."""

    encoders: dict[str, FeatureEncoder]
    matrices: dict[str, Array]
    target: Array


def fit_recipe(
    recipe: Recipe,
    dataset: Dataset,
    row_sets: Sequence[Rows],
    prediction: Prediction,
    texts: Texts,
    *,
    are_processes: bool = False,
) -> list[Pipeline]:
    """The recipe fitted on each set of rows, all cores at work, in threads or in processes (see `cores.workers`).

    A part with several bags is fitted on random parts of the rows, and their outputs are averaged (Breiman, "Bagging
    predictors", 1996; without replacement: Bühlmann and Yu, "Analyzing bagging", 2002).
    """
    thinned = [block_order(dataset, thin(dataset, rows, recipe.most_rows)) for rows in row_sets]
    whole = _encoded(recipe, dataset, thinned, prediction, in_threads(texts.learn, thinned))
    jobs = [(rows, part, bag) for rows in whole for part in recipe.parts for bag in range(part.bags)]

    with workers(cpu_count(), are_processes=are_processes) as submit:
        futures = [submit(_fit, rows, part, bag, prediction, recipe.tried_rows) for rows, part, bag in jobs]
        fitted = iter([future.result() for future in futures])
    pipelines = []
    for rows in whole:
        encoders = SeveralEncoders(list(rows.encoders.values()))
        starts = encoders.starts()
        shares = class_shares(rows.target, len(dataset.classes)) if dataset.classes else None
        members = []
        for part in recipe.parts:
            models, scales = zip(*(next(fitted) for _ in range(part.bags)), strict=True)
            stop = starts[part.style] + rows.matrices[part.style].shape[1]
            span = starts[part.style], stop
            members.append(Member(*span, list(models), list(scales), part.weight, part.temperature, shares))
        model = _joined(members, recipe, dataset, rows.target)
        pipelines.append(Pipeline([("encode", encoders), ("model", model)]))
    return pipelines


def _fit(rows: _Rows, part: Part, bag: int, prediction: Prediction, tried: int) -> tuple[BaseEstimator, object]:
    chosen = _bag(len(rows.target), bag, part.bags, prediction.seed)
    matrix, target, seed = rows.matrices[part.style][chosen], rows.target[chosen], prediction.seed + bag
    iterations = None if part.iterations is None else round(part.iterations * growth(len(target), tried))
    return fit_rows(part.candidate, rows.encoders[part.style], matrix, target, prediction, iterations, seed)


def _encoded(
    recipe: Recipe, dataset: Dataset, row_sets: Sequence[Rows], prediction: Prediction, words: Sequence[Words]
) -> list[_Rows]:
    """Each set of rows in all encodings; all of them at once, since most recipes need one or two encodings only."""
    wanted = [(place, style) for place in range(len(row_sets)) for style in recipe.styles]
    made = in_threads(lambda one: encode(dataset, row_sets[one[0]], one[1], prediction.task, words[one[0]]), wanted)
    found = []
    for place, rows in enumerate(row_sets):
        own = {style: done for (of, style), done in zip(wanted, made, strict=True) if of == place}
        encoders = {style: encoder for style, (encoder, _, _) in own.items()}
        matrices = {style: matrix for style, (_, matrix, _) in own.items()}
        found.append(_Rows(encoders, matrices, dataset.known_target[rows]))
    return found


def _bag(rows: int, bag: int, bags: int, seed: int) -> NDArray[np.intp] | slice:
    """Positions, ascending, of the rows of a bag; all of them, uncopied, if there is one bag only."""
    if bags == 1:
        return slice(None)
    out = np.random.default_rng([seed, bag]).permutation(rows)[: int(rows * BAG_SHARE)]
    return np.delete(np.arange(rows), out)


def _joined(members: list[Member], recipe: Recipe, dataset: Dataset, target: Array) -> BaseEstimator:
    if dataset.classes:
        return BlendClassifier(members, len(dataset.classes), recipe.calibrator)
    return BlendRegressor(members, float(target.min()), float(target.max()))
