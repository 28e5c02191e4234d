"""Free texts are read: what their words tell of the outcome, and of nothing that a row itself gave away."""

import json

import numpy as np
import pandas as pd
import pytest

from ml.declaration import Search
from ml.features.feature import Feature
from ml.features.judge import make_folds
from ml.features.select import choose
from ml.learning.accelerate import FEWEST_ROWS, accelerated
from ml.learning.curves import partial_dependence
from ml.learning.dataset import Dataset, make_dataset
from ml.learning.encode import STYLES, make_encoder
from ml.learning.lines import FoldedEncoder
from ml.learning.pipelines import dump, load
from ml.learning.profiles import profiles
from ml.learning.reasons import contributions
from ml.learning.scorers import predict_output, score
from ml.learning.split import split_rows
from ml.learning.words import LONGEST, SHORTEST, TextEncoder, Texts, count
from tests.ml.frames import declare, declare_spend, fitted, weekly

ROWS = 900
LETTERS = {"noise": "number", "member": "boolean", "region": "category", "letter": "category"}
WORDS = [
    "the",
    "parcel",
    "came",
    "on",
    "a",
    "rainy",
    "day",
    "and",
    "nobody",
    "was",
    "home",
    "to",
    "open",
    "our",
    "door",
]
TOLD = {True: ("broken", "refund"), False: ("perfect", "thanks")}


def letters(seed: int = 0, *, are_telling: bool = True) -> pd.DataFrame:
    """Customers' letters of a few random words, of which one tells whether the customer leaves; each is unlike all."""
    random = np.random.default_rng(seed)
    churned = random.random(ROWS) < 0.4
    said = churned if are_telling else random.random(ROWS) < 0.4
    texts = []
    for row in range(ROWS):
        words = [*random.choice(WORDS, 8), random.choice(TOLD[bool(said[row])]), f"number{row}"]
        texts.append(" ".join(random.permutation(words)))
    frame = weekly(customers=ROWS, weeks=1).drop(columns=["signal", "as_of", "joined"])
    return frame.assign(churned=churned, letter=texts, spend=np.where(churned, 10.0, 30.0))


def read(frame: pd.DataFrame) -> Dataset:
    return make_dataset(frame, declare(as_of=None, horizon=None), LETTERS)


def texts_of(dataset: Dataset) -> Texts:
    return Texts.of(dataset, rows=len(dataset), seconds=5.0)


@pytest.mark.parametrize("declared", [declare, declare_spend])
def test_what_letters_say_is_learned_stored_and_scored(declared: type) -> None:
    frame = letters()
    frame.loc[:4, "letter"] = [None, "", "?!", "\N{FACE WITH TEARS OF JOY}", "broken " * 5_000]
    prediction = declared(as_of=None, horizon=None, search=Search(5.0, trials=6))
    model, dataset = fitted(prediction, frame, LETTERS)
    assert {"letter"} == set(model.estimator[0].encoders[0].texts_)
    new = letters(seed=1)
    features = make_dataset(new, prediction, dataset.kinds).features
    told = model.predict(features)
    metric, y = ("roc_auc", new["churned"]) if prediction.task == "classification" else ("r2", new["spend"])
    assert score(metric, prediction.task, y.to_numpy(np.float64), told["prediction"].to_numpy()) > 0.9
    pd.testing.assert_frame_equal(load(dump(model)).predict(features), told)


def test_letters_without_spaces_are_read_too() -> None:
    words = dict.fromkeys([*WORDS, *TOLD[True], *TOLD[False]])
    chinese = {word: chr(0x4E00 + 7 * place) + chr(0x5E00 + 5 * place) for place, word in enumerate(words)}
    frame = letters()
    frame["letter"] = ["".join(chinese.get(word, "") for word in text.split()) for text in frame["letter"]]
    dataset = read(frame)
    assert texts_of(dataset).names == ["letter"]
    told = texts_of(dataset).learn(np.arange(len(dataset))).matrices["letter"][:, 0]
    assert np.corrcoef(told, dataset.known_target)[0, 1] > 0.9
    frame["letter"] = [chinese["day"] + chr(0x4E00 + row) for row in range(ROWS)]
    assert texts_of(read(frame)).names == [], "names of a few characters are levels"


def test_no_score_of_a_letter_knows_its_own_outcome() -> None:
    dataset = read(letters(are_telling=False))
    words = texts_of(dataset).learn(np.arange(len(dataset)))
    scores = words.matrices["letter"][:, 0]
    assert abs(np.corrcoef(scores, dataset.known_target)[0, 1]) < 0.15
    own = words.encoders["letter"].encode(dataset.features["letter"].to_numpy(object))[:, 0]
    assert np.corrcoef(own, dataset.known_target)[0, 1] > 0.4, "else nothing is proved: lines learn letters by heart"


@pytest.mark.parametrize("style", STYLES)
def test_every_encoding_has_the_numbers_of_the_words_last(style: str) -> None:
    dataset = read(letters())
    rows = np.arange(600)
    words = texts_of(dataset).learn(rows)
    encoder = make_encoder(dataset.kinds, style)
    matrix = encoder.fit_transform(dataset.features.iloc[rows], dataset.known_target[rows], words)
    width = words.matrices["letter"].shape[1]
    assert np.array_equal(matrix[:, -width:], words.matrices["letter"])
    assert encoder.sources_[-width:] == ["letter"] * width
    assert len(encoder.is_code_) == matrix.shape[1]
    assert not encoder.is_code_[-width:].any()
    rest = dataset.features.iloc[600:]
    expected = words.encoders["letter"].encode(rest["letter"].to_numpy(object))
    assert np.allclose(encoder.transform(rest)[:, -width:], expected)


def test_texts_in_another_order_are_read_anew() -> None:
    dataset = read(letters())
    encoder = texts_of(dataset).learn(np.arange(600)).encoders["letter"]
    some = dataset.features["letter"].to_numpy(object)[600:700]
    assert np.allclose(encoder.encode(some)[::-1], encoder.encode(some[::-1]))


def test_names_codes_and_short_lists_are_no_free_texts() -> None:
    frame = letters()
    frame["letter"] = [f"code-{row}" for row in range(ROWS)]
    assert texts_of(read(frame)).names == []
    frame["letter"] = [f"one of {row % 12} kinds of letter" for row in range(ROWS)]
    assert texts_of(read(frame)).names == []
    dataset = read(frame)
    assert texts_of(dataset).learn(np.arange(len(dataset))).matrices == {}


def test_letters_are_not_kept_one_by_one() -> None:
    frame = letters()
    frame.loc[: ROWS // 3, "letter"] = "the same complaint again and again"
    dataset = read(frame)
    words = texts_of(dataset).learn(np.arange(ROWS))
    encoder = make_encoder(dataset.kinds, "tree")
    encoder.fit(dataset.features, dataset.known_target)
    assert len(encoder.categories_[0][1].categories_[-1]) > ROWS / 2, "else nothing is proved"
    encoder.fit_transform(dataset.features, dataset.known_target, words)
    assert encoder.categories_[0][1].categories_[-1].tolist() == ["(rare)", "the same complaint again and again"]


def test_what_is_told_of_a_run_holds_no_letters() -> None:
    prediction = declare(as_of=None, horizon=None, search=Search(5.0, trials=1))
    model, dataset = fitted(prediction, letters(), LETTERS)
    assert model.reference["letter"] is None
    rows = np.arange(len(dataset))
    told = profiles(dataset, rows, np.zeros(len(dataset))).set_index("feature")
    assert told.loc["letter", "top_values"] == "{}"
    assert told.loc["region", "top_values"] != "{}"
    ranks = pd.DataFrame({"feature": ["letter", "region"], "importance_rank": [1, 2]})
    drawn = partial_dependence(model.estimator, dataset, rows, ranks, "test")
    assert set(drawn["feature"]) == {"region"}
    long = dataset.features.head(1).assign(letter="broken " * 100)
    reasons = {reason["feature"]: reason for reason in json.loads(contributions(model, long)[0])}
    assert len(reasons["letter"]["value"]) == 200
    assert reasons["letter"]["contribution"] > 0


def test_the_more_rows_the_less_of_a_text_is_read() -> None:
    dataset = read(letters())

    def length(rows: int, seconds: float) -> int:
        return Texts.of(dataset, rows=rows, seconds=seconds).learn(np.arange(600)).encoders["letter"].length

    assert length(900, 60.0) == LONGEST
    assert length(1_000_000, 1.0) == SHORTEST
    assert SHORTEST < length(100_000, 60.0) < LONGEST


def test_folded_lines_add_up_the_words_too() -> None:
    prediction = declare(as_of=None, horizon=None, estimators=("linear",), search=Search(5.0, trials=2))
    model, dataset = fitted(prediction, letters(), LETTERS)
    fast = accelerated(model, FEWEST_ROWS, is_explained=False)
    assert all(isinstance(one, FoldedEncoder) for one in fast.estimator[0].encoders)
    outputs = [predict_output(one.estimator, dataset.features, "classification") for one in (fast, model)]
    assert np.allclose(*outputs, rtol=1e-10)


def test_a_telling_text_is_chosen_as_a_feature_and_an_idle_one_is_not() -> None:
    frame = letters().assign(idle=letters(seed=2)["letter"])
    frame["as_of"] = np.datetime64("2024-01-01", "us") + np.arange(ROWS) // 9 * np.timedelta64(1, "D")
    features = [
        Feature(name, f"keyed.{name}", kind, f"{name}.", "letters")
        for name, kind in (("noise", "number"), ("letter", "category"), ("idle", "category"))
    ]
    folds = make_folds(frame["as_of"], pd.Timedelta(0), frame[["customer"]])
    target = frame["churned"].to_numpy(np.float64)
    chosen, gain = choose(frame, features, target, folds, "classification", 60, np.inf, lambda _share, _note: None)
    names = [one.feature.name for one in chosen]
    assert names[0] == "letter"
    assert "idle" not in names
    assert gain > 0.5


def test_rows_of_the_split_learn_in_their_order() -> None:
    dataset = read(letters())
    split = split_rows(dataset, declare(as_of=None, horizon=None))
    texts = texts_of(dataset)
    rows, backwards = split.train, split.train[::-1]
    once, twice = texts.learn(rows).matrices["letter"], texts.learn(backwards).matrices["letter"]
    assert once.shape == twice.shape == (len(rows), once.shape[1])
    assert np.corrcoef(once[:, 0], twice[::-1, 0])[0, 1] > 0.8


@pytest.mark.parametrize("texts", [["one two", "three four", "five"], ["one two", "one three", "four"], [""] * 3])
def test_texts_with_hardly_a_word_in_common_tell_nothing(texts: list[str]) -> None:
    encoder = TextEncoder(LONGEST)
    assert encoder.learn(count(texts, LONGEST), np.array([[-1.0], [0.0], [1.0]]), 0).shape == (3, 0)
    assert encoder.width == 0
