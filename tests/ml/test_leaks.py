"""Six kinds of planted leaks are found on every base table, and clean tables raise no alarm."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets

from ml.learning.dataset import make_dataset
from ml.learning.evidence import Evidence
from ml.learning.findings import Finding
from ml.learning.leaks import find_leaks
from ml.learning.scorers import default_metric
from tests.ml.frames import declare

OPEN_EVERY = 8


def kind_of(column: pd.Series) -> str:
    return {"b": "boolean", "i": "number", "f": "number", "M": "date"}.get(column.dtype.kind, "category")


def evidence_of(frame: pd.DataFrame) -> Evidence:
    """The evidence of a frame with `id`, `truth`, `y` (null where open), and perhaps `as_of`."""
    aside = {"id", "as_of", "truth", "y"}
    kinds = {str(name): kind_of(frame[name]) for name in frame if name not in aside}
    is_regression = frame["truth"].nunique() > 20
    timed: dict[str, Any] = {"as_of": None, "horizon": None}
    if "as_of" in frame:
        timed = {"as_of": "as_of", "horizon": timedelta(days=28)}
    task = "regression" if is_regression else "classification"
    plain = declare(target="y", task=task, entity=("id",), metric="", **timed)
    closed = make_dataset(frame[frame["y"].notna()], plain, kinds)
    opened = make_dataset(frame[frame["y"].isna()], plain, kinds)
    prediction = declare(target="y", task=task, entity=("id",), metric=default_metric(task, closed), **timed)
    return Evidence(closed, opened, prediction)


def leaks(frame: pd.DataFrame) -> list[Finding]:
    return list(find_leaks(evidence_of(frame)))


def table(x: Any, y: Any) -> pd.DataFrame:
    frame = pd.DataFrame(x).set_axis([f"f{place}" for place in range(np.shape(x)[1])], axis=1)
    frame["id"] = np.arange(len(frame))
    frame["truth"] = np.asarray(y, dtype=np.float64)
    is_open = np.random.default_rng(0).permutation(len(frame)) % OPEN_EVERY == 0
    return frame.assign(y=frame["truth"].mask(is_open))


def weekly(task: str, customers: int = 80, weeks: int = 26) -> pd.DataFrame:
    """Customers over weeks, with what honest tables have: a lag, a growing history, a week number, fixed attributes."""
    random = np.random.default_rng(3)
    week, customer = np.repeat(np.arange(weeks), customers), np.tile(np.arange(customers), weeks)
    rows, worth = len(week), random.normal(size=customers)[customer]
    frame = pd.DataFrame({"id": customer, "as_of": pd.Timestamp("2024-01-01") + pd.to_timedelta(7 * week, unit="D")})
    for place in range(5):
        frame[f"f{place}"] = random.normal(size=rows)
    frame["tenure"] = 7 * week + random.integers(0, 300, customers)[customer]
    frame["week"] = week
    frame["usual"] = worth + 0.3 * random.normal(size=rows)
    frame["region"] = random.choice(["north", "south", "west"], customers)[customer]
    signal = 1.2 * worth + frame["f0"] - 0.7 * frame["f1"]
    if task == "regression":
        frame["truth"] = 10 + 3 * signal + random.normal(size=rows)
    else:
        frame["truth"] = (signal + random.logistic(size=rows) > 0.3).astype(np.float64)
    return frame.assign(y=frame["truth"].mask(week >= weeks - 4))


TABLES: dict[str, Callable[[], pd.DataFrame]] = {
    "iris": lambda: table(*datasets.load_iris(return_X_y=True)),
    "wine": lambda: table(*datasets.load_wine(return_X_y=True)),
    "breast cancer": lambda: table(*datasets.load_breast_cancer(return_X_y=True)),
    "diabetes": lambda: table(*datasets.load_diabetes(return_X_y=True)),
    "imbalanced": lambda: table(*datasets.make_classification(1200, 10, weights=[0.9], random_state=5)),
    "friedman": lambda: table(*datasets.make_friedman1(600, noise=1.0, random_state=5)),
    "weekly classes": lambda: weekly("classification"),
    "weekly amounts": lambda: weekly("regression"),
}
# Honest, but tempting: classes that one feature separates, clusters far apart, images, categories, exact duplicates.
TEMPTING: dict[str, Callable[[], pd.DataFrame]] = {
    "setosa": lambda: table(datasets.load_iris().data, datasets.load_iris().target == 0),
    "blobs": lambda: table(*datasets.make_blobs(500, centers=3, n_features=4, random_state=2)),
    "digits": lambda: table(*datasets.load_digits(return_X_y=True)),
    "few levels": lambda: few_levels(3, 5),
    "sparse levels": lambda: few_levels(4, 6),
    "many levels": lambda: many_levels(),
    "numbered grid": lambda: numbered_grid(),
    "coarse stays": lambda: coarse_stays(),
    "idle amounts": lambda: idle_amounts(),
}


def few_levels(levels: int, features: int) -> pd.DataFrame:
    """Different entities that are often alike in every feature, by chance."""
    random = np.random.default_rng(1)
    x = random.integers(0, levels, size=(1500, features))
    return table(x, (x[:, 0] + x[:, 1] + random.normal(size=1500) > 2).astype(int))


def many_levels() -> pd.DataFrame:
    """Of 300 teachers, who are rated as differently as they teach, each sample meets others more often."""
    random = np.random.default_rng(2)
    teacher = random.choice(300, 18_000, p=random.dirichlet(np.ones(300)))
    frame = table(random.normal(size=(len(teacher), 2)), random.normal(size=300)[teacher] + random.normal(size=18_000))
    return frame.assign(teacher=pd.Series(teacher).map("teacher {}".format))


def idle_amounts() -> pd.DataFrame:
    """Whole amounts, another each time but for zero, which says that a customer sleeps: half of all evens are zeros."""
    frame, random = weekly("regression"), np.random.default_rng(5)
    idle = random.random(len(frame)) < 0.6
    frame["amount"] = np.where(idle, 0, random.integers(1, 100_000, len(frame)))
    frame["truth"] = np.where(idle, 0.3, 1.0) * frame["truth"]
    return frame.assign(y=frame["truth"].where(frame["y"].notna()))


def numbered_grid() -> pd.DataFrame:
    """Grades from 1 to 10 that most have the lowest of, beside a number of the row, in which none lie near."""
    random = np.random.default_rng(3)
    is_ill = random.random(600) < 0.35
    grades = np.where(is_ill[:, None], random.integers(2, 11, (600, 9)), 1 + (random.random((600, 9)) < 0.25))
    return table(np.column_stack([grades, random.permutation(1_000_000)[:600]]), is_ill.astype(int))


def coarse_stays() -> pd.DataFrame:
    """Stays in hospitals: coarse features, some of which say the same, and days that differ among those alike."""
    random = np.random.default_rng(4)
    kind, hospital = random.choice(3, 1500, p=[0.7, 0.2, 0.1]), random.integers(0, 50, 1500)
    flags = random.random((1500, 3)) < 0.15
    features = [flags, kind, kind == 0, kind == 1, kind == 2, hospital]
    frame = table(np.column_stack(features), 1 + random.geometric(0.12, 1500))
    return frame.assign(hospital=pd.Series(hospital).map("hospital {}".format))


def with_copy(frame: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    truth = frame["truth"]
    return frame.assign(leak=3 * truth + 0.03 * truth.std() * random.normal(size=len(frame)))


def with_renamed(frame: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    if frame["truth"].nunique() > 20:
        return frame.assign(leak=np.exp(-frame["truth"] / frame["truth"].std()))
    return frame.assign(leak=frame["truth"].map(lambda value: f"state {value:.0f}"))


def with_late_value(frame: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    noisy = frame["truth"] + 0.7 * frame["truth"].std() * random.normal(size=len(frame))
    return frame.assign(leak=noisy.mask(frame["y"].isna()))


def with_late_default(frame: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    mixed = frame["truth"].where(random.random(len(frame)) < 0.7, random.permutation(frame["truth"]))
    return frame.assign(leak=mixed.mask(frame["y"].isna(), 0.0))


def with_sorted_number(frame: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    order = np.lexsort((random.random(len(frame)), frame["truth"]))
    return frame.assign(leak=1000 + np.argsort(order))


def with_speaking_text(frame: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    group = pd.cut(frame["truth"].rank(pct=True), 10, labels=list("ABCDEFGHIJ")).astype(str)
    return frame.assign(leak=group + pd.Series(random.permutation(len(frame)), index=frame.index).astype(str))


def with_speaking_digit(frame: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    digit = (frame["truth"] > frame["truth"].mean()).astype(int)
    return frame.assign(leak=10 * random.permutation(len(frame)) + digit)


def with_near_perfect(frame: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    if frame["truth"].nunique() > 20:
        spread = frame["truth"] - frame["truth"].mean()
        return frame.assign(leak=spread * np.abs(spread) + 0.01 * spread.var() * random.normal(size=len(frame)))
    mistaken = np.where(random.random(len(frame)) < 0.003, random.permutation(frame["truth"]), frame["truth"])
    return frame.assign(leak=3 * mistaken + 2.9 * random.random(len(frame)))


COLUMN_LEAKS = {
    "copy": with_copy,
    "renamed target": with_renamed,
    "value filled in later": with_late_value,
    "default until later": with_late_default,
    "number in order of outcome": with_sorted_number,
    "identifier with a speaking prefix": with_speaking_text,
    "identifier with a speaking digit": with_speaking_digit,
}


@pytest.mark.parametrize("leak", COLUMN_LEAKS)
@pytest.mark.parametrize("name", TABLES)
def test_a_planted_feature_is_an_error_and_nothing_else_is_accused(name: str, leak: str) -> None:
    found = leaks(COLUMN_LEAKS[leak](TABLES[name](), np.random.default_rng(11)))
    assert {finding.feature for finding in found if finding.level == "error"} == {"leak"}


@pytest.mark.parametrize("leak", ["identifier with a speaking prefix", "identifier with a speaking digit"])
def test_of_many_rows_some_show_first_what_numbers_things(leak: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.learning.evidence.ENTITY_ROWS", 300)
    found = leaks(COLUMN_LEAKS[leak](TABLES["weekly classes"](), np.random.default_rng(11)))
    assert {finding.feature for finding in found if finding.level == "error"} == {"leak"}


def test_what_is_another_for_some_entities_but_not_for_all_numbers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.learning.evidence.ENTITY_ROWS", 300)
    frame, random = weekly("regression", customers=400), np.random.default_rng(6)
    is_large = frame.groupby("id")["truth"].transform("mean") > frame["truth"].mean()
    shelf = 2 * random.integers(0, 300, 400)[frame["id"]] + is_large
    assert [finding for finding in leaks(frame.assign(shelf=shelf)) if finding.check == "identifier"] == []


@pytest.mark.parametrize("name", ["breast cancer", "diabetes", "imbalanced", "friedman", "weekly classes"])
def test_a_near_perfect_feature_is_an_error(name: str) -> None:
    found = leaks(with_near_perfect(TABLES[name](), np.random.default_rng(12)))
    assert {finding.feature for finding in found if finding.level == "error"} == {"leak"}


@pytest.mark.parametrize("name", [*TABLES, *TEMPTING])
def test_a_clean_table_raises_no_alarm(name: str) -> None:
    assert leaks({**TABLES, **TEMPTING}[name]()) == []


@pytest.mark.parametrize("name", [name for name in TABLES if not name.startswith("weekly")])
def test_one_thing_under_several_ids_is_an_error(name: str) -> None:
    frame = TABLES[name]()
    again = frame.sample(frac=0.5, random_state=1).assign(id=lambda rows: rows["id"] + 10_000)
    numbers = [column for column in frame if column.startswith("f")]
    noise = np.random.default_rng(2).normal(size=(len(again), len(numbers)))
    again[numbers] += 0.01 * frame[numbers].std().to_numpy() * noise
    found = leaks(pd.concat([frame, again], ignore_index=True))
    assert [finding.level for finding in found if finding.check == "entity overlap"] == ["error"]


@pytest.mark.parametrize("name", TABLES)
def test_rows_on_both_sides_of_the_split_are_an_error(name: str) -> None:
    frame = TABLES[name]()
    if "as_of" in frame:  # the last known period, told again as if it had been known long before
        last = frame.loc[frame["y"].notna(), "as_of"].max()
        again = frame[frame["as_of"] > last - pd.Timedelta(days=28)]
        again = again.assign(as_of=again["as_of"] - pd.Timedelta(days=70))
    else:
        again = frame.sample(frac=0.4, random_state=1)
    found = leaks(pd.concat([frame, again.assign(id=again["id"] + 10_000)], ignore_index=True))
    assert [finding.level for finding in found if finding.check == "duplicated rows"] == ["error"]


def test_a_feature_that_no_longer_goes_with_the_others_in_open_rows_is_an_error() -> None:
    frame, random = weekly("regression"), np.random.default_rng(4)
    noise = random.normal(size=len(frame))
    frame["leak"] = (frame["truth"] + noise).where(frame["y"].notna(), random.permutation(frame["truth"] + noise))
    found = leaks(frame)
    assert [(finding.level, finding.check, finding.feature) for finding in found] == [("error", "future value", "leak")]


def test_a_plan_that_is_not_made_yet_is_a_warning() -> None:
    frame, random = weekly("regression"), np.random.default_rng(5)
    frame["plan"] = pd.Series(random.normal(size=len(frame)) + 0.02 * frame["truth"]).mask(frame["y"].isna())
    assert [(finding.level, finding.feature) for finding in leaks(frame)] == [("warning", "plan")]


def test_what_open_rows_far_ahead_cannot_know_is_told_as_that() -> None:
    frame, random = weekly("regression"), np.random.default_rng(4)
    is_open = frame["y"].isna()
    frame["recent"] = (frame["truth"] + random.normal(size=len(frame))).mask(is_open)
    (near,) = leaks(frame)
    assert near.level == "error"
    assert "known only after the as-of" in near.message
    (far,) = leaks(frame.assign(as_of=frame["as_of"] + pd.to_timedelta(70 * is_open, unit="D")))
    assert far.level == "error"
    assert "open rows lie up to 70 days after the last known outcome, and can't know it" in far.message


def test_a_change_that_happens_between_closed_periods_too_is_no_alarm() -> None:
    frame = weekly("regression")
    step = (frame["as_of"] - frame["as_of"].min()).dt.days // 28
    assert leaks(frame.assign(level=frame["f3"] + 5 * step)) == []


def test_a_strong_lag_is_no_leak() -> None:
    """Each shop sells what it always sells: the last value tells nearly all, and the past tells it too."""
    random = np.random.default_rng(6)
    frame = weekly("regression")
    size = np.exp(2 * random.normal(size=80))[frame["id"]]
    frame["truth"] = 100 * size * np.exp(0.05 * random.normal(size=len(frame)))
    frame["y"] = frame["truth"].mask(frame["y"].isna())
    frame["lag"] = 100 * size * np.exp(0.05 * random.normal(size=len(frame)))
    assert leaks(frame) == []


def remarked(share: float) -> pd.DataFrame:
    """Rows with a remark of a clerk, each unlike all others, that names the outcome in a share of them."""
    frame, random = weekly("classification"), np.random.default_rng(5)
    words = ["the", "customer", "called", "about", "an", "invoice", "late", "today", "again", "twice"]
    names = np.where(random.random(len(frame)) < share, frame["truth"], random.integers(2, size=len(frame)))
    ends = np.where(names == 1, "closed for good", "renewed")
    remarks = [f"{' '.join(random.choice(words, 6))} {end} {row}" for row, end in enumerate(ends)]
    return frame.assign(remark=remarks)


def test_words_that_tell_the_outcome_are_found() -> None:
    found = [finding for finding in leaks(remarked(1.0)) if finding.feature == "remark"]
    assert [finding.level for finding in found] == ["error"]
    assert not [finding for finding in leaks(remarked(0.7)) if finding.level == "error"]
