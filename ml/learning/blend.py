"""What is fitted in the end: a weighted blend of bagged estimators over one encoded matrix."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin

from ml.learning.calibrate import Calibrator, temper
from ml.learning.encode import FeatureEncoder
from ml.learning.packing import packed, unpacked

Array = NDArray[np.float64]

STEPS = 25  # greedy steps: the finest weight is one of these
LIGHTEST = 0.04  # members below this weight are left out: they cost time and hardly count
LOGARITHMS = ("log", "amount")  # kinds of scales


class SeveralEncoders(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Encoders of different styles side by side: one matrix, of which each member of a blend reads its columns."""

    def __init__(self, encoders: Sequence[FeatureEncoder]) -> None:
        """Take fitted encoders of the same features."""
        self.encoders = encoders

    @property
    def kinds(self) -> dict[str, str]:
        """Feature name to kind."""
        return self.encoders[0].kinds

    def fit(self, features: pd.DataFrame, target: ArrayLike | None = None) -> Self:
        """Nothing is left to learn: the encoders are fitted."""
        return self

    def transform(self, features: pd.DataFrame) -> Array:
        """All encodings of the rows, one after the other: (rows, sum of widths)."""
        ends = np.cumsum([len(encoder.sources_) for encoder in self.encoders])
        matrix = np.empty((len(features), ends[-1]))
        for encoder, part in zip(self.encoders, np.split(matrix, ends[:-1], axis=1), strict=True):
            encoder.write(features, part)
        return matrix

    def columns(self) -> dict[str, NDArray[np.intp]]:
        """The positions of the output columns that stem from each feature, over all encodings."""
        places = {encoder.style: encoder.columns() for encoder in self.encoders}
        starts = self.starts()
        return {
            name: np.concatenate([starts[style] + columns[name] for style, columns in places.items()])
            for name in self.kinds
        }

    def starts(self) -> dict[str, int]:
        """Where the columns of each style start."""
        widths = np.cumsum([0, *(len(encoder.sources_) for encoder in self.encoders)])
        return {encoder.style: int(start) for encoder, start in zip(self.encoders, widths, strict=False)}


class Member:
    """One estimator of a blend, fitted once or several times (bagged).

    Attributes:
        start: the first of its columns.
        stop: the first column that is no longer its own.
        models: the fitted estimators, whose outputs are averaged.
        scales: how each of them had its target scaled while learning (see `TargetScale`).
        weight: its share of the blend.
        temperature: of its probabilities (see `calibrate.temper`).
        shares: of the classes that it learned from, which its temperature keeps to.
    """

    shares: Array | None = None  # pipelines of Martlet 0.1 have none

    def __init__(
        self,
        start: int,
        stop: int,
        models: list[Any],
        scales: list["TargetScale"],
        weight: float,
        temperature: float = 1.0,
        shares: Array | None = None,
    ) -> None:
        """Put the parts together."""
        self.start = start
        self.stop = stop
        self.models = models
        self.scales = scales
        self.weight = weight
        self.temperature = temperature
        self.shares = shares

    def __getstate__(self) -> dict[str, Any]:
        """What is stored: models whose trees are packed."""
        return {**self.__dict__, "models": [packed(model) for model in self.models]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take up what was stored."""
        self.__dict__.update(state, models=[unpacked(model) for model in state["models"]])

    def values(self, matrix: Array) -> Array:
        """(n,) values of a regression."""
        part = np.ascontiguousarray(matrix[:, self.start : self.stop])
        pairs = zip(self.models, self.scales, strict=True)
        outputs = [scale.back(np.asarray(model.predict(part), np.float64)) for model, scale in pairs]
        return np.asarray(np.mean(outputs, axis=0))

    def chances(self, matrix: Array, classes: int) -> Array:
        """(n, classes) probabilities; a class that a model never met has none."""
        part = np.ascontiguousarray(matrix[:, self.start : self.stop])
        total = np.zeros((len(matrix), classes))
        for model in self.models:
            total[:, model.classes_.astype(np.intp)] += model.predict_proba(part)
        return temper(total / len(self.models), self.temperature, self.shares)


class TargetScale:
    """How a target is scaled before learning and back after: not at all, by logarithm, or to mean 0 and deviation 1.

    Attributes:
        kind: "", "log", "standard", or "amount": a logarithm whose way back is to means (see `levelled`).
        middle: what is subtracted.
        width: what is divided by, and on the way back multiplied by; of an amount, on the way back only.
    """

    def __init__(self, kind: str = "", target: Array | None = None) -> None:
        """Learn middle and width from the target, if the kind needs them."""
        self.kind = kind
        self.middle, self.width = 0.0, 1.0
        if kind == "standard" and target is not None:
            self.middle, self.width = float(target.mean()), float(target.std()) or 1.0

    def there(self, target: Array) -> Array:
        """The target as it is learned."""
        return np.log1p(target) if self.kind in LOGARITHMS else (target - self.middle) / self.width

    def back(self, output: Array) -> Array:
        """A prediction in the target's own unit."""
        # The exponent is bounded where float64 ends; the blend then bounds the value itself.
        value = np.expm1(np.minimum(output, 700.0)) if self.kind in LOGARITHMS else output
        return value * self.width + self.middle

    def levelled(self, output: Callable[[], Array], target: Array) -> "TargetScale":
        """The same, but amounts come back to the mean of the targets that `output` was learned from.

        The exponential of a mean logarithm lies below the mean (Duan, "Smearing estimate: a nonparametric
        retransformation method", JASA 78, 1983); here one factor makes up for it.
        """
        if self.kind != "amount":
            return self
        found, mean = TargetScale(self.kind), float(np.mean(self.back(output())))
        found.width = float(np.mean(target)) / mean if mean > 0 else 1.0
        return found


class _Made(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """An estimator that is put together from fitted ones, so that fitting is left with nothing to do."""

    def fit(self, matrix: ArrayLike, target: ArrayLike | None = None) -> Self:
        """Nothing is left to learn: the members are fitted."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        """Always."""
        return True


class BlendClassifier(ClassifierMixin, _Made):  # type: ignore[misc]  # scikit-learn has no types
    """The weighted mean of its members' probabilities, calibrated."""

    def __init__(self, members: list[Member], classes: int, calibrator: Calibrator) -> None:
        """Join fitted members; `classes` is how many there are."""
        self.members = members
        self.calibrator = calibrator
        self.classes_ = np.arange(classes)

    def predict_proba(self, matrix: Array) -> Array:
        """(n, classes) probabilities."""
        total = np.zeros((len(matrix), len(self.classes_)))
        for member in self.members:
            total += member.weight * member.chances(matrix, len(self.classes_))
        output = self.calibrator.apply(total[:, 1] if len(self.classes_) == 2 else total)
        return np.column_stack([1 - output, output]) if output.ndim == 1 else output


class BlendRegressor(RegressorMixin, _Made):  # type: ignore[misc]  # scikit-learn has no types
    """The weighted mean of its members' values, held where targets can be.

    That is: not below zero if no target ever was, and not further outside the targets' range than that range is wide,
    since lines and exponentials know no end.
    """

    def __init__(self, members: list[Member], low: float, high: float) -> None:
        """Join fitted members; `low` and `high` are the least and the greatest target."""
        self.members = members
        self.low = 0.0 if low >= 0 else low - (high - low)
        self.high = high + (high - low)

    def predict(self, matrix: Array) -> Array:
        """(n,) values."""
        total = np.zeros(len(matrix))
        for member in self.members:
            total += member.weight * bounded(member.values(matrix), self.low, self.high)
        return total


def bounded(values: Array, low: float, high: float) -> Array:
    """Values held within bounds; what is no number becomes the middle."""
    return np.clip(np.nan_to_num(values, nan=(low + high) / 2), low, high)


@dataclass(frozen=True)
class Weighting:
    """The weight of each candidate (they sum to 1), and the score of the weighted mean; higher is better."""

    weights: Array
    score: float

    @property
    def chosen(self) -> list[int]:
        """The positions of the candidates that have a weight."""
        return [int(place) for place in np.flatnonzero(self.weights)]


def weigh(outputs: Sequence[Array], judge: Callable[[Array], float]) -> Weighting:
    """Weights by greedy selection with replacement (Caruana et al., "Ensemble selection from libraries", 2004).

    Starting from the best candidate, the one that helps the mean most is added again and again; the best mean on the
    way counts. Light members are then dropped.

    Args:
        outputs: out-of-fold outputs of each candidate on the same rows.
        judge: the score of an output; higher is better.
    """
    scores = [judge(output) for output in outputs]
    counts = np.zeros(len(outputs))
    counts[int(np.argmax(scores))] = 1
    total, best, best_counts = outputs[int(np.argmax(scores))].copy(), max(scores), counts.copy()
    for step in range(2, STEPS + 1):
        tried = [judge((total + output) / step) for output in outputs]
        place = int(np.argmax(tried))
        counts[place] += 1
        total += outputs[place]
        if tried[place] > best:
            best, best_counts = tried[place], counts.copy()
    weights = best_counts / best_counts.sum()
    weights[weights < LIGHTEST] = 0.0
    return Weighting(weights / weights.sum(), best)
