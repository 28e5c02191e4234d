import numpy as np
import pandas as pd
import pytest

from ml.learning import encode
from ml.learning.encode import STYLES, FeatureEncoder, make_encoder, width
from tests.ml.frames import KINDS, churn


def fitted(style: str, features: pd.DataFrame, target: np.ndarray, kinds: dict[str, str]) -> FeatureEncoder:
    return make_encoder(kinds, style).fit(features, target)


@pytest.mark.parametrize("style", STYLES)
def test_a_row_is_encoded_alike_alone_and_in_company(style: str) -> None:
    dataset = churn()
    encoder = fitted(style, dataset.features, dataset.known_target, KINDS)
    whole = encoder.transform(dataset.features)
    alone = np.vstack([encoder.transform(dataset.features.iloc[[row]]) for row in range(5)])
    assert np.array_equal(whole[:5], alone, equal_nan=True)
    assert whole.shape == (len(dataset), len(encoder.sources_))


@pytest.mark.parametrize("style", ["linear", "spline"])
def test_numbers_are_encoded_as_the_fitted_pipeline_does(style: str) -> None:
    dataset = churn()
    encoder = fitted(style, dataset.features, dataset.known_target, KINDS)
    raw = encoder._raw_numbers(dataset.features)[0][:, encoder.varying_]
    expected = encoder.numbers_.transform(raw)
    assert np.array_equal(encoder.transform(dataset.features)[:, : expected.shape[1]], expected)


@pytest.mark.parametrize("style", STYLES)
def test_categories_are_encoded_alike_as_text_and_by_dictionary(style: str) -> None:
    dataset = churn()
    encoder = fitted(style, dataset.features, dataset.known_target, KINDS)
    texts = [name for name, kind in KINDS.items() if kind == "category"]
    coded = dataset.features.astype(dict.fromkeys(texts, "category"))
    assert np.array_equal(encoder.transform(coded), encoder.transform(dataset.features), equal_nan=True)
    few = encoder.transform(coded.iloc[:2])  # fewer rows than levels
    assert np.array_equal(few, encoder.transform(dataset.features.iloc[:2]), equal_nan=True)


def test_linear_leaves_nothing_missing_and_trees_keep_it() -> None:
    dataset = churn()
    linear = fitted("linear", dataset.features, dataset.known_target, KINDS).transform(dataset.features)
    tree = fitted("tree", dataset.features, dataset.known_target, KINDS).transform(dataset.features)
    assert np.isfinite(linear).all()
    assert np.isnan(tree).any()


@pytest.mark.parametrize("style", STYLES)
def test_empty_and_constant_columns_are_left_out(style: str) -> None:
    rows = 100
    target = np.arange(rows) % 2
    features = pd.DataFrame(
        {
            "empty": np.full(rows, np.nan),
            "constant": np.ones(rows),
            "no_text": pd.Series([None] * rows, dtype="str"),
            "no_date": np.full(rows, np.datetime64("NaT"), "datetime64[us]"),
            "sometimes": np.where(target == 1, np.nan, 1.0),
        }
    )
    kinds = {"empty": "number", "constant": "number", "no_text": "category", "no_date": "date", "sometimes": "number"}
    encoder = fitted(style, features, target, kinds)
    assert set(encoder.sources_) == {"sometimes"}
    assert encoder.columns()["empty"].size == 0


def test_nothing_that_varies_is_refused() -> None:
    with pytest.raises(ValueError, match="no feature varies"):
        fitted("tree", pd.DataFrame({"constant": np.ones(9)}), np.arange(9) % 2, {"constant": "number"})


@pytest.mark.parametrize(("rows", "fewest"), [(100, 1), (1_000, 2), (20_000, 10)])
@pytest.mark.parametrize("usual", [0.0, np.nan])
def test_columns_that_differ_in_too_few_rows_are_left_out(rows: int, fewest: int, usual: float) -> None:
    frame = pd.DataFrame({"rare": np.full(rows, usual), "enough": np.full(rows, usual), "plain": np.arange(rows)})
    frame.loc[7 : 7 + fewest - 2, "rare"] = 1.0
    frame.loc[7 : 7 + fewest - 1, "enough"] = 1.0
    encoder = fitted("tree", frame, np.arange(rows) % 2, dict.fromkeys(frame, "number"))
    assert encoder.sources_ == ["enough", "plain"]
    assert width(encoder.kinds, frame) == 2


@pytest.mark.parametrize("style", STYLES)
def test_unseen_and_missing_categories_are_encoded(style: str) -> None:
    dataset = churn()
    encoder = fitted(style, dataset.features, dataset.known_target, KINDS)
    strange = dataset.features.head(2).assign(region=pd.Series(["mars", None], dtype="str"))
    encoded = encoder.transform(strange)[:, encoder.columns()["region"]]
    # A code that is unknown is missing: boosting sends it where missing values go.
    assert np.isfinite(encoded[1 if style == "codes" else 0 :]).all()


@pytest.mark.parametrize("style", [style for style in STYLES if style != "codes"])
def test_means_of_many_levels_do_not_leak_the_target(style: str) -> None:
    random = np.random.default_rng(0)
    rows = 20_000
    features = pd.DataFrame({"code": pd.Series(random.integers(0, 5_000, rows).astype(str), dtype="str")})
    target = random.integers(0, 2, rows)
    encoder = make_encoder({"code": "category"}, style)
    learned = encoder.fit_transform(features, target)
    assert learned.shape == (rows, 1)
    assert abs(np.corrcoef(learned[:, 0], target)[0, 1]) < 0.05
    # The plain mean of each level, in contrast, gives a pure chance away.
    assert np.corrcoef(encoder.transform(features)[:, 0], target)[0, 1] > 0.3


@pytest.mark.parametrize("style", STYLES)
def test_of_very_many_levels_the_commonest_are_told_apart(style: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode, "MOST_LEVELS", 40)
    texts = [f"common{number}" for number in range(35)] * 20 + [f"once{number}" for number in range(300)]
    outcomes = [number % 35 < 17 for number in range(700)] + [number % 3 == 0 for number in range(300)]
    target = np.array(outcomes, dtype=float)
    order = np.random.default_rng(0).permutation(1000)
    features = pd.DataFrame({"text": pd.Series(texts, dtype="str")[order].reset_index(drop=True)})
    encoder = fitted(style, features, target[order], {"text": "category"})
    again = pd.DataFrame({"text": pd.Series(["once1", "once299", "never", "common1", "common34"], dtype="str")})
    once, other, never, low, high = encoder.transform(again)[:, 0]
    assert once == other == never
    assert len({once, low, high}) == 3
    assert encoder.transform(features.head(3)).shape == (3, 1)


@pytest.mark.parametrize("style", ["linear", "spline"])
def test_means_of_a_large_target_are_scaled_like_numbers(style: str) -> None:
    random = np.random.default_rng(0)
    features = pd.DataFrame({"place": random.integers(0, 60, 600).astype(str)})
    target = 1e6 * features["place"].astype(float).to_numpy()
    encoded = make_encoder({"place": "category"}, style, "regression").fit_transform(features, target)
    assert encoded.std(axis=0) == pytest.approx(1)


def test_means_exist_for_each_of_several_classes() -> None:
    dataset = churn()
    classes = np.arange(len(dataset)) % 3
    encoder = fitted("tree", dataset.features, classes, KINDS)
    assert encoder.sources_.count("region") == 3


def test_calendar_dates_become_days_month_and_weekday() -> None:
    dates = pd.Series(["2024-02-01", "2024-02-05", "2024-03-01", None] * 5).astype("datetime64[us]")
    encoder = fitted("tree", pd.DataFrame({"day": dates}), np.arange(20) % 2, {"day": "date"})
    matrix = encoder.transform(pd.DataFrame({"day": dates.head(4)}))
    assert encoder.sources_ == ["day"] * 3
    assert matrix[1].tolist() == [8801.0, 2.0, 0.0]
    assert np.isnan(matrix[3]).all()


def test_huge_numbers_stay_finite_for_trees() -> None:
    features = pd.DataFrame({"huge": np.append(np.arange(19.0), 1e300)})
    matrix = fitted("tree", features, np.arange(20) % 2, {"huge": "number"}).transform(features)
    assert np.isfinite(matrix.astype(np.float32)).all()


def test_linear_groups_rare_levels() -> None:
    levels = ["common", "usual"] * 495 + [f"rare{number}" for number in range(10)]
    features = pd.DataFrame({"level": pd.Series(levels, dtype="str")})
    encoder = fitted("linear", features, np.arange(1000) % 2, {"level": "category"})
    assert encoder.sources_ == ["level"] * 3
