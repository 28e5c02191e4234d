import numpy as np
import pytest

from ml.learning.calibrate import Calibrator, best_temperature, calibrate, class_shares, moved, temper
from ml.learning.measures import expected_calibration_error, log_loss


def sample(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes, and the probabilities that they were drawn by."""
    random = np.random.default_rng(seed)
    chance = random.beta(1, 3, rows)
    return (random.random(rows) < chance).astype(np.float64), chance


def overconfident(chance: np.ndarray) -> np.ndarray:
    logit = np.log(chance / (1 - chance))
    return np.asarray(1 / (1 + np.exp(-2.5 * logit - 0.5)))


def parts(rows: int, count: int = 5) -> list[np.ndarray]:
    return np.array_split(np.arange(rows), count)


def error(y: np.ndarray, output: np.ndarray) -> float:
    return float(expected_calibration_error(y, output, np.ones((1, len(y))))[0])


def test_overconfidence_is_undone_on_new_rows() -> None:
    y, chance = sample(5_000, seed=0)
    calibrator = calibrate(y, overconfident(chance), parts(len(y)))
    new_y, new_chance = sample(20_000, seed=1)
    announced = overconfident(new_chance)
    assert calibrator.kind == "beta"
    assert error(new_y, announced) > 0.05
    assert error(new_y, calibrator.apply(announced)) < 0.015


def test_true_probabilities_stay_as_they_are_or_nearly() -> None:
    y, chance = sample(5_000, seed=2)
    calibrated = calibrate(y, chance, parts(len(y))).apply(chance)
    assert np.abs(calibrated - chance).mean() < 0.02


def test_the_order_of_rows_stays() -> None:
    y, chance = sample(3_000, seed=3)
    output = overconfident(chance)
    calibrated = Calibrator().fit(y, output).apply(output)
    order = np.argsort(output)
    assert (np.diff(calibrated[order]) >= 0).all()


def test_several_classes_are_cooled() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(size=(4_000, 3))
    chance = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    y = (chance.cumsum(axis=1) < random.random((4_000, 1))).sum(axis=1).astype(np.float64)
    hot = np.exp(3 * logits) / np.exp(3 * logits).sum(axis=1, keepdims=True)
    calibrator = calibrate(y, hot, parts(len(y)))
    assert calibrator.kind == "temperature"
    assert calibrator.temperature == pytest.approx(3, rel=0.1)
    weights = np.ones((1, len(y)))
    assert log_loss(y, calibrator.apply(hot), weights)[0] < log_loss(y, hot, weights)[0]
    assert np.allclose(calibrator.apply(hot).sum(axis=1), 1)


def test_a_temperature_undoes_overconfidence_in_either_shape() -> None:
    random = np.random.default_rng(0)
    chance = random.uniform(0.05, 0.95, 5_000)
    y = (random.random(5_000) < chance).astype(float)
    sure = temper(chance, 0.5)
    assert best_temperature(y, sure) == pytest.approx(2.0, abs=0.2)
    assert np.allclose(temper(sure, 2.0), chance)
    assert np.allclose(temper(np.column_stack([1 - sure, sure]), 2.0)[:, 1], chance)
    assert best_temperature(y[:50], sure[:50]) == 1.0


@pytest.mark.parametrize("classes", [2, 3])
def test_a_temperature_keeps_to_the_shares_of_the_classes(classes: int) -> None:
    shares = np.array([0.7, 0.3]) if classes == 2 else np.array([0.7, 0.2, 0.1])
    output = np.array([shares[1]]) if classes == 2 else shares[None]
    assert temper(output, 0.3, shares) == pytest.approx(output)
    more = moved(output, np.full(classes, 1 / classes))
    assert np.abs(temper(more, 0.3, shares) - output).max() > np.abs(more - output).max()  # surer than before


@pytest.mark.parametrize("share", [0.02, 0.4, 0.9])
def test_outputs_are_moved_to_another_share_of_a_class(share: float) -> None:
    _, chance = sample(5_000, seed=5)
    wanted = np.array([1 - share, share])
    made = moved(chance, wanted)
    assert made.mean() == pytest.approx(share, abs=1e-6)
    assert (np.diff(made[np.argsort(chance)]) >= 0).all()
    assert moved(np.column_stack([1 - chance, chance]), wanted)[:, 1] == pytest.approx(made)


def test_another_base_rate_is_not_taken_for_a_lack_of_sureness() -> None:
    _, chance = sample(20_000, seed=6)
    logit = np.log(chance / (1 - chance))
    y = (np.random.default_rng(6).random(20_000) < 1 / (1 + np.exp(1.5 - logit))).astype(np.float64)
    learned = np.array([1 - chance.mean(), chance.mean()])
    like = moved(chance, class_shares(y, 2))
    assert best_temperature(y, chance) < 0.8
    assert best_temperature(y, like, learned) == pytest.approx(1.0, abs=0.1)


def test_few_rows_are_left_alone() -> None:
    y, chance = sample(100, seed=4)
    assert calibrate(y, overconfident(chance), parts(len(y))).kind == "none"


def test_certain_outputs_stay_finite() -> None:
    y = np.tile([0.0, 1.0], 200)
    calibrator = Calibrator().fit(y, y)
    assert np.isfinite(calibrator.apply(np.array([0.0, 1.0]))).all()


def stretched(chance: np.ndarray, times: float) -> np.ndarray:
    """Surer than it ought to be, on either side of the base rate."""
    logit = np.log(chance / (1 - chance))
    middle = np.log(chance.mean() / (1 - chance.mean()))
    return np.asarray(1 / (1 + np.exp(-middle - times * (logit - middle))))


def periods(rows: int, shifts: tuple[float, ...], times: float) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Outcomes of periods with base rates of their own, outputs that know none of these, and each period's rows."""
    _, chance = sample(rows, seed=7)
    logit = np.log(chance / (1 - chance))
    places = parts(rows, len(shifts))
    for place, shift in zip(places, shifts, strict=True):
        logit[place] += shift
    y = np.random.default_rng(8).random(rows) < 1 / (1 + np.exp(-logit))
    return y.astype(np.float64), stretched(chance, times), places


def test_base_rates_of_periods_are_not_taken_for_those_to_come() -> None:
    y, output, places = periods(12_000, (-1.0, -0.8, -0.9), times=1.0)
    moved_level = calibrate(y, output, places).apply(output)
    kept = calibrate(y, output, places, are_periods=True).apply(output)
    assert moved_level.mean() < 0.8 * output.mean()
    assert kept.mean() == pytest.approx(output.mean(), rel=0.03)


def test_overconfidence_in_every_period_is_undone() -> None:
    y, output, places = periods(12_000, (-0.5, 0.0, 0.5), times=2.5)
    calibrator = calibrate(y, output, places, are_periods=True)
    new_y, new_chance = sample(20_000, seed=9)
    announced = stretched(new_chance, 2.5)
    assert calibrator.kind == "beta"
    assert error(new_y, calibrator.apply(announced)) < 0.4 * error(new_y, announced)


def test_what_does_not_help_every_period_is_left() -> None:
    y, output, places = periods(12_000, (0.0, 0.0, 0.0), times=1.0)
    for place in places[:2]:
        output[place] = overconfident(output[place])
    assert calibrate(y, output, places).kind == "beta"
    assert calibrate(y, output, places, are_periods=True).kind == "none"
