"""What the words of free texts tell: how far they speak for an outcome, and what a text is about."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler

from ml.learning.dataset import Dataset, Rows
from ml.learning.encode import coded

Array = NDArray[np.float64]

# A category is free text if it has many levels, of several words each.
MANY_LEVELS, SEVERAL_WORDS, LOOKED_AT = 50, 2.5, 5_000  # LOOKED_AT: rows that are judged by

# Thai, Japanese and Chinese are written without spaces: each of their characters is a term, two of them about a word.
UNSPACED = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
TERM = rf"[{UNSPACED}]|[^\W{UNSPACED}]+|[^\w\s]"  # punctuation tells writers apart, and emoji moods
WORD = re.compile(rf"[{UNSPACED}]{{1,2}}|[^\s{UNSPACED}]+")
HASHES = 2**20  # columns that terms are counted in: so many that few of them meet
MOST_TERMS, FEWEST_TEXTS = 30_000, 2  # terms that are learned, the commonest ones; in how many texts each must occur
TOPICS = 30
PENALTY, PRECISION = 1.0, 1e-2  # of the line that speaks for an outcome
MOST_OUTCOMES = 20  # classes that such a line is fitted for, each at the price of one
FOLDS = 5
# Characters of a text that are read: a few seconds' worth in all.
SHORTEST, LONGEST, CHARACTERS_PER_SECOND = 50, 2_000, 200_000


class TextEncoder:
    """One free text as numbers: a score for each outcome, then topics, all of mean 0 and deviation 1.

    Terms are single words and pairs, weighed by their rarity (TF-IDF: Salton and Buckley, "Term-weighting approaches in
    automatic text retrieval", 1988). Topics are their leading singular vectors (Deerwester et al., "Indexing by latent
    semantic analysis", 1990), scores a ridge regression on them.

    Attributes:
        length: characters that are read of a text.
        terms: the hashed columns that are learned from, ascending.
        rarity: the fitted weights of the terms.
        topics: the fitted decomposition.
        line: the fitted regression, or None where there are too many classes.
        scale: of scores and topics.
    """

    def __init__(self, length: int) -> None:
        """Nothing is learned yet."""
        self.length = length
        self.terms: NDArray[np.intp] = np.empty(0, np.intp)
        self.rarity = TfidfTransformer(sublinear_tf=True)
        self.topics = TruncatedSVD(TOPICS)
        self.line: Ridge | None = None
        self.scale = StandardScaler()
        self._last: tuple[NDArray[np.object_], Array] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """What is stored: all but the texts that were encoded last."""
        return {**self.__dict__, "_last": None}

    @property
    def width(self) -> int:
        """How many numbers a text becomes."""
        return len(self.scale.scale_) if len(self.terms) else 0

    def learn(self, counts: sparse.csr_matrix, outcomes: Array, seed: int) -> Array:
        """Learn from texts; returns their numbers (none of too few terms); scores leave a text's own block out.

        Args:
            counts: as `count` gives them, a row for each text.
            outcomes: (texts, outcomes), of mean 0; no columns for topics alone.
            seed: of the decomposition.
        """
        texts = np.bincount(counts.indices, minlength=HASHES)
        commonest = np.argsort(-texts, kind="stable")[:MOST_TERMS]
        self.terms = np.sort(commonest[texts[commonest] >= FEWEST_TEXTS])
        topics = min(TOPICS, len(self.terms) - 1, counts.shape[0] - 1)
        if topics < 1:
            self.terms = self.terms[:0]
            return np.empty((counts.shape[0], 0))
        weighed = self.rarity.fit_transform(counts[:, self.terms])
        parts = []
        if outcomes.shape[1]:
            self.line = _line().fit(weighed, outcomes)
            parts.append(_scores_apart(weighed, outcomes))
        self.topics = TruncatedSVD(topics, random_state=seed)
        parts.append(self.topics.fit_transform(weighed))
        return np.asarray(self.scale.fit_transform(np.hstack(parts)), np.float64)

    def encode(self, texts: NDArray[np.object_]) -> Array:
        """(texts, width) numbers. The same texts again, as another encoding asks for them, are not read again."""
        if self._last is not None and np.array_equal(self._last[0], texts):
            return self._last[1]
        weighed = self.rarity.transform(count(texts, self.length)[:, self.terms])
        parts = [] if self.line is None else [self.line.predict(weighed).reshape(len(texts), -1)]
        parts.append(self.topics.transform(weighed))
        numbers = np.asarray(self.scale.transform(np.hstack(parts)), np.float64)
        self._last = texts, numbers
        return numbers


@dataclass(frozen=True)
class Words:
    """What was learned of free texts, by the feature's name: the encoder, and the numbers of the rows learned from."""

    encoders: dict[str, TextEncoder]
    matrices: dict[str, Array]


class Texts:
    """The free texts among features. Terms are counted once, whoever learns from them. Safe for several threads."""

    def __init__(
        self,
        features: pd.DataFrame,
        target: Array,
        kinds: Mapping[str, str],
        classes: int,
        *,
        rows: int,
        seconds: float,
        seed: int = 0,
    ) -> None:
        """Look for free texts.

        Args:
            features: as in `Dataset.features`.
            target: a number for each row: the value, or the position of its class.
            kinds: feature name to kind.
            classes: how many there are; 0 for a regression.
            rows: that are learned from at a time.
            seconds: of the budget, which decides how much of a text is read.
            seed: of what is learned.
        """
        self.names = [name for name, kind in kinds.items() if kind == "category" and _is_free(features[name])]
        characters = CHARACTERS_PER_SECOND * seconds / max(rows * len(self.names), 1)
        self._length = int(np.clip(characters, SHORTEST, LONGEST))
        self._features, self._target, self._classes, self._seed = features, target, classes, seed
        self._counted = {name: (pd.Index([], dtype=object), count((), self._length)) for name in self.names}
        self._lock = Lock()

    @classmethod
    def of(cls, dataset: Dataset, *, rows: int, seconds: float, seed: int = 0) -> "Texts":
        """Those of a dataset."""
        classes = len(dataset.classes)
        return cls(
            dataset.features, dataset.known_target, dataset.kinds, classes, rows=rows, seconds=seconds, seed=seed
        )

    @property
    def width(self) -> int:
        """How many numbers the words of a row become, at most."""
        return len(self.names) * (TOPICS + _scored(self._classes))

    def learn(self, rows: Rows, names: Sequence[str] | None = None) -> Words:
        """Learn from rows; nothing where there are no free texts.

        Args:
            rows: their positions, in block order (see `split.Split`).
            names: of the features that count; all by default.
        """
        wanted = [name for name in self.names if names is None or name in names]
        outcomes = _outcomes(self._target[rows], self._classes) if wanted else np.empty((len(rows), 0))
        encoders = {name: TextEncoder(self._length) for name in wanted}
        numbers = {
            name: encoder.learn(self._counts(name, rows), outcomes, self._seed) for name, encoder in encoders.items()
        }
        told = [name for name in wanted if encoders[name].width]
        return Words({name: encoders[name] for name in told}, {name: numbers[name] for name in told})

    def _counts(self, name: str, rows: Rows) -> sparse.csr_matrix:
        codes, texts = coded(self._features[name].iloc[rows])
        wanted = pd.Index(texts, dtype=object)
        with self._lock:
            known, counts = self._counted[name]
            new = wanted.difference(known, sort=False)
            if len(new):
                known, counts = known.append(new), sparse.vstack([counts, count(new, self._length)], "csr")
                self._counted[name] = known, counts
        return counts[known.get_indexer(wanted)[codes]]


def count(texts: Iterable[str], length: int) -> sparse.csr_matrix:
    """How often each term occurs in the beginning of each text: (texts, HASHES)."""
    counter = HashingVectorizer(
        ngram_range=(1, 2), token_pattern=TERM, n_features=HASHES, alternate_sign=False, norm=None, dtype=np.float32
    )
    beginnings = [text[:length] for text in texts]
    return counter.transform(beginnings) if beginnings else sparse.csr_matrix((0, HASHES), dtype=np.float32)


def are_texts(levels: Collection[str]) -> bool:
    """Whether levels consist of several words each, as those of free texts do, and names do not."""
    return sum(len(WORD.findall(level)) for level in levels) >= SEVERAL_WORDS * max(len(levels), 1)


def comes_again(column: pd.Series) -> bool:
    """Whether the levels of a category are met again and again, as those of free texts are not."""
    known = column.dropna()
    return 2 * known.nunique() <= len(known)


def _is_free(column: pd.Series) -> bool:
    levels = list(pd.unique(column.iloc[:: len(column) // LOOKED_AT + 1].dropna()))
    return len(levels) > MANY_LEVELS and are_texts(levels)


def _scored(classes: int) -> int:
    """How many outcomes have a score: the value, the positive class, or each of several classes."""
    if classes <= 2:
        return 1
    return classes if classes <= MOST_OUTCOMES else 0


def _outcomes(target: Array, classes: int) -> Array:
    if not _scored(classes):
        return np.empty((len(target), 0))
    each = target[:, None] if classes <= 2 else (target[:, None] == np.arange(classes)).astype(np.float64)
    return np.asarray(StandardScaler().fit_transform(each), np.float64)


def _line() -> Ridge:
    return Ridge(PENALTY, solver="sparse_cg", tol=PRECISION)


def _scores_apart(weighed: sparse.csr_matrix, outcomes: Array) -> Array:
    # Unshuffled, as for the target means of categories: contiguous parts hardly know of each other.
    scores: Any = np.empty_like(outcomes)
    for learn, judge in KFold(min(FOLDS, len(outcomes))).split(outcomes):
        scores[judge] = _line().fit(weighed[learn], outcomes[learn]).predict(weighed[judge]).reshape(len(judge), -1)
    return np.asarray(scores)
