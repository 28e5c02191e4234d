"""Makes probabilities come true: what is announced as 30 % should happen in 30 % of the cases."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from ml.learning.measures import SMALLEST

Array = NDArray[np.float64]

FEWEST_ROWS = 200  # fewer out-of-fold rows can't tell a miscalibration from chance
MOVES = 20  # steps towards given shares of classes: what is left is then far below chance
STANDARD_ERRORS = 1.0  # how clearly a calibration must help on rows that it did not see


class Calibrator:
    """A map from probabilities to calibrated ones that keeps the order of a class's probabilities.

    Of two classes: beta calibration (Kull, Silva Filho and Flach, 2017), a logistic regression on log p and
    -log(1 - p). Of several: temperature scaling (Guo et al., "On calibration of modern neural networks", 2017).

    Attributes:
        kind: "none", "beta" or "temperature".
        slopes: of log p and of -log(1 - p).
        offset: the intercept.
        temperature: what log-probabilities are divided by.
    """

    def __init__(self) -> None:
        """Start as the map that changes nothing."""
        self.kind = "none"
        self.slopes = np.ones(2)
        self.offset = 0.0
        self.temperature = 1.0

    def fit(self, y: Array, output: Array) -> "Calibrator":
        """Learn from positions of classes (n,) and outputs: (n,) of the positive class, or (n, classes)."""
        if output.ndim == 1:
            self.kind = "beta"
            self._fit_beta(y, output)
        else:
            self.kind = "temperature"
            self.temperature = best_temperature(y, output)
        return self

    def apply(self, output: Array) -> Array:
        """Calibrated outputs of the same shape."""
        if self.kind == "beta":
            logit = _sides(output) @ self.slopes + self.offset
            return np.asarray(1 / (1 + np.exp(-logit)))
        if self.kind == "temperature":
            return temper(output, self.temperature)
        return output

    def _fit_beta(self, y: Array, output: Array) -> None:
        sides = _sides(output)
        model = LogisticRegression(C=1e4).fit(sides, y)
        slopes = model.coef_[0]
        if (slopes < 0).any():  # not monotone: one slope for both sides is
            model = LogisticRegression(C=1e4).fit(sides.sum(axis=1, keepdims=True), y)
            slopes = np.repeat(np.maximum(model.coef_[0], 1e-3), 2)
        self.slopes, self.offset = slopes, float(model.intercept_[0])


def calibrate(y: Array, output: Array, parts: Sequence[NDArray[np.intp]], *, are_periods: bool = False) -> Calibrator:
    """A calibrator fitted on out-of-fold outputs, if it helps on rows that it did not see; else the one without effect.

    Args:
        y: positions of classes.
        output: out-of-fold outputs.
        parts: positions of rows that belong together, such as those of a fold: each part is calibrated by the others.
        are_periods: whether each part is a time with base rates of its own. Which rate the next one has is not known by
            them; so they are not learned, and what is has to help each part.
    """
    if len(y) < FEWEST_ROWS or len(parts) < 2:
        return Calibrator()
    if are_periods:
        output = levelled(y, output, parts)
    gains = []
    for part in parts:
        rest = np.setdiff1d(np.arange(len(y)), part)
        if len(np.unique(y[rest])) < 2:
            return Calibrator()
        after = Calibrator().fit(y[rest], output[rest]).apply(output[part])
        gains.append(_losses(y[part], output[part]) - _losses(y[part], after))
    gain = np.concatenate(gains)
    if are_periods and min(part.mean() for part in gains) <= 0:
        return Calibrator()
    helps = gain.mean() > STANDARD_ERRORS * gain.std() / np.sqrt(len(gain))
    return Calibrator().fit(y, output) if helps else Calibrator()


def best_temperature(y: Array, output: Array, shares: Array | None = None) -> float:
    """The temperature at which outputs are most probable; 1, which changes nothing, where rows are few.

    Args:
        y: (n,) positions of classes.
        output: (n,) probabilities of the positive class of two, or (n, classes).
        shares: (classes,) that a temperature keeps to (see `temper`).
    """
    if len(y) < FEWEST_ROWS:
        return 1.0

    def loss(log_temperature: float) -> float:
        return float(_losses(y, temper(output, float(np.exp(log_temperature)), shares)).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-2, 2), method="bounded").x))


def temper(output: Array, temperature: float, shares: Array | None = None) -> Array:
    """Probabilities of the same shape, surer of themselves the lower the temperature.

    What is no surer than the classes' `shares` stays as it is; by default they are equal.
    """
    if temperature == 1:
        return output
    if output.ndim == 1:
        middle = 0.0 if shares is None else logit(shares[1])
        inside = np.clip(output, SMALLEST, 1 - SMALLEST)
        return np.asarray(expit(middle + (logit(inside) - middle) / temperature))
    middle = 0.0 if shares is None else np.log(shares)
    return _softmax(middle + (np.log(np.clip(output, SMALLEST, 1)) - middle) / temperature)


def class_shares(y: Array, classes: int) -> Array:
    """The share of each class among positions of classes, as if each had been met half a time more: none is zero."""
    counts = np.bincount(y.astype(np.intp), minlength=classes) + 0.5
    return np.asarray(counts / counts.sum())


def moved(output: Array, shares: Array) -> Array:
    """The outputs of the same shape whose mean is those shares of the classes: their odds are moved as one.

    A model learned from other times meets another share of a class; what it tells of single rows holds all the same
    (Saerens, Latinne and Decaestecker, "Adjusting the outputs of a classifier to new a priori probabilities", 2002).
    """
    chances = np.column_stack([1 - output, output]) if output.ndim == 1 else output
    logits = np.log(np.clip(chances, SMALLEST, 1))
    for _ in range(MOVES):
        logits = logits + np.log(shares / np.maximum(_softmax(logits).mean(axis=0), SMALLEST))
    made = _softmax(logits)
    return made[:, 1] if output.ndim == 1 else made


def levelled(y: Array, output: Array, parts: Sequence[NDArray[np.intp]]) -> Array:
    """The outputs of the same shape, each part's moved to the shares of the classes that it met."""
    classes = 2 if output.ndim == 1 else output.shape[1]
    level = output.copy()
    for part in parts:
        level[part] = moved(output[part], class_shares(y[part], classes))
    return level


def _sides(output: Array) -> Array:
    inside = np.clip(output, 1e-9, 1 - 1e-9)
    return np.column_stack([np.log(inside), -np.log1p(-inside)])


def _losses(y: Array, output: Array) -> Array:
    given = np.where(y == 1, output, 1 - output) if output.ndim == 1 else output[np.arange(len(y)), y.astype(np.intp)]
    return np.asarray(-np.log(np.clip(given, SMALLEST, 1)))


def _softmax(logits: Array) -> Array:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
