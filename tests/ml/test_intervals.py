import numpy as np
import pytest

from ml.learning.intervals import ConformalIntervals


def sample(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Right-skewed errors that grow with the prediction."""
    random = np.random.default_rng(seed)
    output = random.uniform(1, 10, rows)
    return output * random.lognormal(-0.125, 0.5, rows), output


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.95])
def test_the_promised_share_lies_within(coverage: float) -> None:
    interval = ConformalIntervals(coverage).fit(*sample(3000, seed=0))
    y, output = sample(20_000, seed=1)
    lower, upper = interval.predict(output)
    assert np.mean((lower <= y) & (y <= upper)) == pytest.approx(coverage, abs=0.02)


def test_low_and_high_predictions_are_covered_alike() -> None:
    interval = ConformalIntervals(0.9).fit(*sample(5000, seed=0))
    y, output = sample(20_000, seed=1)
    lower, upper = interval.predict(output)
    inside = (lower <= y) & (y <= upper)
    assert inside[output < 3].mean() == pytest.approx(0.9, abs=0.04)
    assert inside[output > 8].mean() == pytest.approx(0.9, abs=0.04)
    assert (upper - lower)[output > 8].mean() > 2 * (upper - lower)[output < 3].mean()


def test_a_few_rows_are_enough_for_a_wide_interval() -> None:
    interval = ConformalIntervals(0.9).fit(*sample(10, seed=0))
    y, output = sample(5000, seed=1)
    lower, upper = interval.predict(output)
    assert np.mean((lower <= y) & (y <= upper)) > 0.7


def test_intervals_stay_above_the_floor_of_amounts() -> None:
    y, output = sample(1000, seed=0)
    interval = ConformalIntervals(0.99).fit(np.maximum(y, 0.5), output)
    lower, _ = interval.predict(np.linspace(1, 10, 50))
    assert lower.min() >= 0.5
    signed = ConformalIntervals(0.9).fit(y - 5, output - 5)
    assert signed.predict(np.array([-4.0]))[0] < -4


def test_a_prediction_lies_in_its_own_interval() -> None:
    y, output = sample(1000, seed=0)
    interval = ConformalIntervals(0.5).fit(y, output - 100)
    new = np.linspace(-110, 10, 30)
    lower, upper = interval.predict(new)
    assert (lower <= new).all()
    assert (new <= upper).all()


def test_equal_predictions_share_one_interval() -> None:
    random = np.random.default_rng(0)
    y = random.normal(size=2000)
    lower, upper = ConformalIntervals(0.9).fit(y, np.zeros(2000)).predict(np.array([-1.0, 0.0, 1.0]))
    assert upper[1] - lower[1] == pytest.approx(2 * 1.645, abs=0.2)


def test_periods_that_differ_stretch_the_interval() -> None:
    random = np.random.default_rng(0)
    periods = np.split(np.arange(8_000), 8)
    level = np.repeat(random.normal(scale=1.5, size=8), 1_000)
    output = random.uniform(0, 10, 8_000)
    y = output + level + random.normal(size=8_000)
    plain = ConformalIntervals(0.9).fit(y, output)
    stretched = ConformalIntervals(0.9).fit(y, output, periods)
    new_level = np.repeat(np.random.default_rng(1).normal(scale=1.5, size=50), 100)
    new_output = random.uniform(0, 10, 5_000)
    new_y = new_output + new_level + random.normal(size=5_000)

    def covered(interval: ConformalIntervals) -> float:
        lower, upper = interval.predict(new_output)
        return float(np.mean((lower <= new_y) & (new_y <= upper)))

    assert plain.stretch == 1.0
    assert stretched.stretch > 1.0
    assert covered(stretched) > covered(plain)


def test_like_periods_hardly_stretch_the_interval() -> None:
    y, output = sample(8_000, seed=0)
    interval = ConformalIntervals(0.9).fit(y, output, np.split(np.arange(8_000), 8))
    assert interval.stretch == pytest.approx(1.0, abs=0.05)


def test_errors_of_late_say_more_than_old_ones() -> None:
    random = np.random.default_rng(0)
    periods = np.split(np.arange(6_000), 6)
    output = random.uniform(0, 10, 6_000)
    y = output + random.normal(size=6_000) * np.repeat([1.0, 1.1, 1.2, 1.3, 1.4, 1.5], 1_000)
    forwards = ConformalIntervals(0.9).fit(y, output, periods)
    backwards = ConformalIntervals(0.9).fit(y, output, periods[::-1])
    plain = ConformalIntervals(0.9).fit(y, output)
    new = output + random.normal(size=6_000) * 1.6

    def missed(interval: ConformalIntervals) -> float:
        lower, upper = interval.predict(output)
        return abs(float(np.mean((lower <= new) & (new <= upper))) - 0.9)

    assert missed(forwards) < 0.025
    assert missed(forwards) + 0.03 < missed(plain) < missed(backwards)
