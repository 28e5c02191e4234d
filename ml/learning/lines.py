"""Fitted lines folded into their encoder: from columns to each line's sum, without the matrix between.

A line of scaled, bent and one-hot columns is a sum over features: a weight for a number, one for its logarithm and one
for each knot, and an amount for each level of a category. What is left to the estimator is its link.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge

from ml.learning.blend import Member, SeveralEncoders
from ml.learning.encode import BLOCK_ROWS, LARGEST, FeatureEncoder, add_bends

Array = NDArray[np.float64]

LINES = (LogisticRegression, PoissonRegressor, Ridge)


def folded(encoder: Any, members: Sequence[Member]) -> tuple[Any, list[Member]]:  # noqa: ANN401 -- one encoder or several
    """The encoder and the members, with every encoding folded that only lines read."""
    encoders = encoder.encoders if isinstance(encoder, SeveralEncoders) else [encoder]
    made: list[Any] = []
    moved: dict[int, Member] = {}
    start, first = 0, 0
    for one in encoders:
        places = [place for place, member in enumerate(members) if member.start == start]
        start += len(one.sources_)
        models = [model for place in places for model in members[place].models]
        is_line = bool(models) and one.numbers_ is not None and all(type(model) in LINES for model in models)
        made.append(FoldedEncoder.of(one, models) if is_line else one)
        links = iter([_link(model, number, made[-1]) for number, model in enumerate(models)] if is_line else models)
        for place in places:
            own = [next(links) for _ in members[place].models]
            stop = first + len(made[-1].sources_)
            moved[place] = Member(**{**vars(members[place]), "models": own, "start": first, "stop": stop})
        first += len(made[-1].sources_)
    return SeveralEncoders(made), [moved[place] for place in range(len(members))]


def _link(model: Any, number: int, encoder: "FoldedEncoder") -> Any:  # noqa: ANN401 -- scikit-learn has no types
    """The model as one that takes its own sums as they are."""
    link = copy(model)
    own = np.eye(len(encoder.sources_))[encoder.starts[number] : encoder.starts[number + 1]]
    link.coef_ = own if np.ndim(model.coef_) == 2 else own[0]
    link.intercept_ = np.zeros_like(model.intercept_)
    link.n_features_in_ = len(encoder.sources_)
    return link


@dataclass(frozen=True)
class FoldedEncoder:
    """Gives the sums of lines instead of what an encoder would give them to add up.

    Attributes:
        encoder: the fitted encoder.
        weights: (columns of the encoder, sums) of all lines.
        constants: (sums,).
        starts: where the sums of each line start, and where the last one ends.
    """

    encoder: FeatureEncoder
    weights: Array
    constants: Array
    starts: tuple[int, ...]

    @classmethod
    def of(cls, encoder: FeatureEncoder, models: Sequence[Any]) -> "FoldedEncoder":
        """Fold lines that were fitted on what the encoder gives."""
        coefficients = [np.atleast_2d(model.coef_) for model in models]
        starts = np.cumsum([0, *(len(each) for each in coefficients)])
        constants = np.concatenate([np.atleast_1d(model.intercept_) for model in models])
        return cls(encoder, np.vstack(coefficients).T, constants, tuple(int(start) for start in starts))

    @property
    def sources_(self) -> range:
        """The sums, each a column."""
        return range(self.starts[-1])

    def write(self, features: pd.DataFrame, matrix: Array) -> None:
        """Write the sums of each row: (rows, sums)."""
        columns, numbers = self.encoder.number_columns(features), self._numbers
        imputer = self.encoder.numbers_[0]
        indicated = imputer.indicator_.features_
        matrix[:] = numbers.constants
        for start in range(0, len(matrix), BLOCK_ROWS):
            part = slice(start, start + BLOCK_ROWS)
            block = np.stack([column[part] for column in columns], axis=1)
            missing = np.isnan(block)
            filled = np.where(missing, imputer.statistics_, np.clip(block, -LARGEST, LARGEST))
            bent = (filled, np.arcsinh(filled), *(np.maximum(filled - knot, 0) for knot in numbers.knots))
            for values, weight in zip(bent, numbers.weights, strict=True):
                matrix[part] += values @ weight
            matrix[part] += missing[:, indicated] @ numbers.missing
        for codes, table, first in self.encoder.level_parts(features, numbers.width):
            matrix += (table @ self.weights[first : first + table.shape[1]])[codes]

    @cached_property
    def _numbers(self) -> "_Numbers":
        """The part of the numbers, which is the same for every batch."""
        imputer, bends, scaler = (step for _, step in self.encoder.numbers_.steps)
        width, plain = len(scaler.scale_), len(imputer.statistics_)
        shape = (-1, plain + len(imputer.indicator_.features_), self.starts[-1])
        weights = (self.weights[:width] / scaler.scale_[:, None]).reshape(shape)
        # An indicator is 0 or 1, and so has two amounts, however it is bent.
        flags = (add_bends(np.full((1, shape[1]), amount), **bends.kw_args) for amount in (0.0, 1.0))
        absent, present = ((bent.reshape(*shape[:2], 1) * weights)[:, plain:].sum(axis=0) for bent in flags)
        constants = self.constants - scaler.mean_ @ weights.reshape(width, -1) + absent.sum(axis=0)
        knots = bends.kw_args["knots"][:, :plain]
        return _Numbers(width, constants, weights[:, :plain], present - absent, knots)


@dataclass(frozen=True)
class _Numbers:
    """What numbers add to the sums.

    Attributes:
        width: how many columns of the encoder they were.
        constants: (sums,) before any number or level is added.
        weights: (line itself, its logarithm, what exceeds each knot; columns; sums).
        missing: (columns with an indicator, sums) what a missing one adds.
        knots: (knots, columns).
    """

    width: int
    constants: Array
    weights: Array
    missing: Array
    knots: Array
