import numpy as np
import pandas as pd
import pytest

from ml.learning.curves import COLUMNS, DECILES, DEPENDENCE_FEATURES, partial_dependence, quality_curves
from ml.learning.dataset import Dataset, make_dataset
from ml.learning.encode import MISSING
from ml.learning.evaluate import importances
from ml.learning.measures import expected_calibration_error, lift_top_decile
from ml.learning.resample import bootstrap, entity_clusters, mean_interval, rate_interval
from ml.learning.search import search
from ml.learning.split import split_rows
from tests.ml.frames import KINDS, QUICK, churn, declare, declare_spend, spend, weekly

ROWS = 4_000


def binary(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    given = random.beta(1, 3, size=ROWS)
    return (random.random(ROWS) < given).astype(float), given, np.arange(ROWS)


def curve(frame: pd.DataFrame, name: str, **wanted: object) -> pd.DataFrame:
    frame = frame[frame["curve"] == name]
    for column, value in wanted.items():
        frame = frame[frame[column] == value]
    return frame


def test_the_calibration_curve_adds_up_to_the_calibration_error() -> None:
    y, given, clusters = binary()
    frame = quality_curves("test", y, given, clusters, ("no", "yes"))
    bins = curve(frame, "calibration")
    assert bins["rows"].sum() == ROWS
    error = (bins["rows"] * (bins["x"] - bins["y"]).abs()).sum() / ROWS
    assert error == pytest.approx(expected_calibration_error(y, given, np.ones((1, ROWS)))[0])
    assert set(bins["class_label"]) == {"yes"}


def test_intervals_of_a_calibrated_output_hold_what_was_announced() -> None:
    inside = []
    for seed in range(20):
        y, given, clusters = binary(seed)
        bins = curve(quality_curves("test", y, given, clusters, ("no", "yes")), "calibration")
        bins = bins[bins["rows"] >= 30]
        inside += bins["x"].between(bins["lower"], bins["upper"]).tolist()
    assert np.mean(inside) > 0.9


def test_gain_and_lift_are_those_of_the_measures() -> None:
    y, given, clusters = binary()
    frame = quality_curves("validation", y, given, clusters, ("no", "yes"))
    gain, lift = curve(frame, "gain"), curve(frame, "lift")
    assert gain["x"].tolist() == pytest.approx(np.linspace(0.1, 1, DECILES))
    assert gain["y"].is_monotonic_increasing
    assert gain["y"].iloc[-1] == 1
    assert lift["y"].iloc[0] == pytest.approx(lift_top_decile(y, given, np.ones((1, ROWS)))[0])
    assert lift["y"].iloc[-1] == 1
    deciles = curve(frame, "decile")
    found = (deciles["y"] * deciles["rows"]).cumsum() / y.sum()
    assert gain["y"].tolist() == pytest.approx(found.tolist())
    assert (frame["lower"] <= frame["y"]).all()
    assert (frame["y"] <= frame["upper"]).all()
    assert set(frame["split"]) == {"validation"}


def test_a_regression_compares_means_by_tenths() -> None:
    random = np.random.default_rng(1)
    output = random.normal(10, 3, ROWS)
    y = output + random.normal(size=ROWS)
    frame = quality_curves("test", y, output, np.arange(ROWS), ())
    assert set(frame["curve"]) == {"decile"}
    assert frame["x"].is_monotonic_decreasing
    assert np.allclose(frame["x"], frame["y"], atol=0.3)
    assert frame["class_label"].isna().all()


def test_several_classes_get_a_curve_each() -> None:
    random = np.random.default_rng(2)
    output = random.dirichlet([2, 1, 1], size=ROWS)
    y = np.array([random.choice(3, p=row) for row in output], dtype=float)
    frame = quality_curves("test", y, output, np.arange(ROWS), ("a", "b", "c"))
    assert set(curve(frame, "gain")["class_label"]) == {"a", "b", "c"}
    assert curve(frame, "calibration")["class_label"].isna().all()
    assert not frame.duplicated(["split", "curve", "point"]).any()


def test_few_rows_and_one_outcome_are_drawn_too() -> None:
    frame = quality_curves("test", np.zeros(4), np.array([0.0, 0.2, 0.2, 1.0]), np.arange(4), ("no", "yes"))
    assert set(frame["curve"]) == {"calibration", "decile"}, "without a positive there is no share to be found"
    assert frame["upper"].between(0, 1).all()


def test_the_rows_of_an_entity_count_less_than_rows_of_their_own() -> None:
    random = np.random.default_rng(3)
    of_entity = random.random(50)
    hits = np.repeat(of_entity < 0.4, 20).astype(float)
    together = rate_interval(hits, np.repeat(np.arange(50), 20))
    apart = rate_interval(hits, np.arange(1000))
    assert together[0] == apart[0]
    assert together[2] - together[1] > 3 * (apart[2] - apart[1])
    drawn = bootstrap(lambda weights: (weights @ hits / weights.sum(axis=1))[:, None], np.repeat(np.arange(50), 20), 0)
    assert together[1] == pytest.approx(drawn[1][0], abs=0.04)
    assert together[2] == pytest.approx(drawn[2][0], abs=0.04)


def test_rates_at_the_edge_have_an_interval_inside_zero_and_one() -> None:
    rate, lower, upper = rate_interval(np.zeros(100), np.arange(100))
    assert (rate, lower) == (0, 0)
    assert upper == pytest.approx(0.037, abs=0.001), "Wilson's, of 100 rows"
    assert rate_interval(np.zeros(100), np.repeat(np.arange(5), 20))[2] > 0.4, "of five entities"


def test_intervals_of_means_are_students_for_many_rows() -> None:
    values = np.random.default_rng(4).normal(5, 2, 400)
    mean, lower, upper = mean_interval(values, np.arange(400))
    assert upper - mean == pytest.approx(mean - lower)
    assert upper - mean == pytest.approx(1.96 * values.std(ddof=1) / 20, rel=1e-3)


def test_nothing_has_no_interval() -> None:
    assert np.isnan(
        [*rate_interval(np.empty(0), np.empty(0, int)), *mean_interval(np.empty(0), np.empty(0, int))]
    ).all()


def dependence(dataset: Dataset, **settings: object) -> pd.DataFrame:
    declared = (declare if dataset.classes else declare_spend)(search=QUICK, **settings)
    split = split_rows(dataset, declared)
    found = search(dataset, split, declared, lambda _done, _note: None)
    ranks = importances(found.estimator, dataset, split.test, declared)
    return partial_dependence(found.estimator, dataset, split.test, ranks)


def test_partial_dependence_shows_what_decides() -> None:
    frame = dependence(churn())
    assert list(frame) == list(COLUMNS)
    assert frame["feature"].nunique() == len(KINDS) <= DEPENDENCE_FEATURES
    signal, noise = curve(frame, "partial_dependence", feature="signal"), frame[frame["feature"] == "noise"]
    assert signal["y"].iloc[-1] - signal["y"].iloc[0] > 0.5
    assert np.ptp(noise["y"]) < 0.2
    assert signal["x"].is_monotonic_increasing
    assert ((frame["lower"] <= frame["y"]) & (frame["y"] <= frame["upper"])).all()
    assert frame["y"].between(0, 1).all()


def test_features_may_have_any_name() -> None:
    names = {"signal": "self", "noise": 'a "noisy" %'}
    kinds = {names.get(name, name): kind for name, kind in KINDS.items()}
    frame = dependence(make_dataset(weekly().rename(columns=names), declare(), kinds))
    assert set(frame["feature"]) == set(kinds)


def test_categories_and_booleans_name_their_levels() -> None:
    frame = dependence(spend())
    region = frame[frame["feature"] == "region"]
    assert set(region["level"]) == {"north", "south", "west", MISSING}
    assert region["x"].isna().all()
    assert frame.loc[frame["feature"] == "member", "level"].tolist() == ["false", "true"]


def test_dates_without_as_of_are_told_as_dates() -> None:
    declared = declare_spend(as_of=None, horizon=None, search=QUICK)
    dataset = make_dataset(weekly(), declared, KINDS)
    joined = dependence(dataset, as_of=None, horizon=None).query("feature == 'joined'")
    assert joined["level"].tolist() == pd.to_datetime(joined["x"], unit="D").dt.strftime("%Y-%m-%d").tolist()


def test_dependence_is_what_the_pipeline_says_of_changed_rows() -> None:
    dataset, declared = churn(), declare(search=QUICK)
    split = split_rows(dataset, declared)
    found = search(dataset, split, declared, lambda _done, _note: None)
    ranks = importances(found.estimator, dataset, split.test, declared)
    few = split.test[:200]
    frame = partial_dependence(found.estimator, dataset, few, ranks)
    for name in ("signal", "region"):
        point = frame[frame["feature"] == name].iloc[2]
        value = point["x"] if name == "signal" else point["level"]
        changed = dataset.features.iloc[few].assign(**{name: value}).astype(dict(dataset.features.dtypes))
        assert point["y"] == pytest.approx(found.estimator.predict_proba(changed)[:, 1].mean())
        assert point["rows"] == len(few)


def test_entities_are_told_apart_by_all_their_columns() -> None:
    keys = pd.DataFrame({"shop": [1, 1, 2, None], "customer": ["a", "b", "a", "a"]})
    assert entity_clusters(keys).tolist() == [0, 1, 2, 3]


def test_few_entities_are_drawn_in_stretches_of_their_rows() -> None:
    series = pd.DataFrame({"shop": [7] * 64})
    assert entity_clusters(series).tolist() == [row // 4 for row in range(64)]
    two = entity_clusters(pd.DataFrame({"shop": [1, 2] * 27}))
    assert [len(set(two[part::2])) for part in (0, 1)] == [9, 9]
    assert not {*two[::2]} & {*two[1::2]}
    ten = pd.DataFrame({"shop": np.tile(np.arange(10), 8)})
    assert entity_clusters(ten).tolist() == ten["shop"].tolist()
