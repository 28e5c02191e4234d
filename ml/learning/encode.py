"""Turns features into numbers for an estimator. Everything is learned in `fit`; a scored batch teaches nothing."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder

if TYPE_CHECKING:
    from ml.learning.words import TextEncoder, Words

STYLES = ("tree", "codes", "linear", "spline")
MISSING = "(missing)"  # the level of a category that is null
RARE = "(rare)"  # the level of texts of which there are too many
MOST_LEVELS = 10_000  # that are told apart: what is rarer says nothing, and would have to be stored
ONE_HOT_LEVELS = 30  # categories with more levels get target means
RARE_SHARE = 0.005  # levels of fewer rows than this share are grouped
MOST_CODES = 200  # levels that get a code of their own; boosting takes at most 255
KNOTS = (0.1, 0.3, 0.5, 0.7, 0.9)  # quantiles at which a spline may bend
MEAN_FOLDS = 5
LARGEST = float(np.finfo(np.float32).max)  # trees hold float32: anything larger would become infinite
# Rows in which a column must differ from its usual value, and the rows that each of them takes if there are fewer.
FEWEST_OTHERS, ROWS_FOR_ONE = 10, 500
BLOCK_ROWS = 1024  # that stay in a core's cache
EPOCH = np.datetime64("2000-01-01", "us")

Matrix = NDArray[np.float64]


def make_encoder(kinds: Mapping[str, str], style: str, task: str = "classification") -> "FeatureEncoder":
    """An encoder for features of these kinds.

    Args:
        kinds: feature name to number, boolean, category or date.
        style: "tree" keeps missing numbers as NaN and gives a category its target mean; "codes" numbers the levels
            of a category instead, for estimators that know categories; "linear" imputes with an indicator, adds
            logarithms, scales, and one-hot encodes a category of few levels; "spline" also lets a number's line bend.
        task: classification or regression; decides what the mean of a category is.
    """
    return FeatureEncoder(dict(kinds), style, task)


class FeatureEncoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Encodes a frame of features as a float64 matrix.

    Every output column comes from one feature, named in `sources_`; so contributions and importances of a feature
    can be had by exchanging its columns. Columns that are empty or nearly constant when fitted are left out.
    """

    texts_: Mapping[str, "TextEncoder"] = {}  # pipelines that were stored before words were read have none

    def __init__(self, kinds: dict[str, str], style: str = "tree", task: str = "classification") -> None:
        """Keep the settings, as scikit-learn wants it."""
        self.kinds = kinds
        self.style = style
        self.task = task

    def fit(self, features: pd.DataFrame, target: ArrayLike) -> Self:
        """Learn levels, means and scales from rows with a known target."""
        self.fit_transform(features, target)
        return self

    def fit_transform(self, features: pd.DataFrame, target: ArrayLike, words: "Words | None" = None) -> Matrix:
        """Learn from the rows and encode them; target means leave a row's own block out.

        Args:
            features: as in `Dataset.features`.
            target: a number for each row.
            words: what was learned of the same rows' free texts, if it is to be used.
        """
        texts = words.matrices if words else {}
        self.texts_ = words.encoders if words else {}
        self.numbers_, numbers, number_sources = self._fit_numbers(features)
        self.categories_, categories, category_sources = self._fit_categories(features, np.asarray(target))
        text_sources = [name for name, part in texts.items() for _ in range(part.shape[1])]
        self.sources_ = [*number_sources, *category_sources, *text_sources]
        # Which output columns are codes of categories.
        self.is_code_ = np.zeros(len(self.sources_), bool)
        if self.style == "codes":
            self.is_code_[len(number_sources) : len(number_sources) + len(category_sources)] = True
        if not self.sources_:
            raise ValueError("no feature varies: all columns are empty or constant")
        return np.hstack([numbers, categories, *texts.values()])

    def transform(self, features: pd.DataFrame) -> Matrix:
        """Encode rows by what was learned; returns one row each and one column per entry of `sources_`."""
        matrix = np.empty((len(features), len(self.sources_)))
        self.write(features, matrix)
        return matrix

    def write(self, features: pd.DataFrame, matrix: Matrix) -> None:
        """Encode rows into a matrix of as many rows and `len(sources_)` columns."""
        numbers = self._write_numbers(features, matrix)
        for codes, table, first in self.level_parts(features, numbers):
            matrix[:, first : first + table.shape[1]] = table[codes]

    def level_parts(self, features: pd.DataFrame, first: int) -> Iterator[tuple[NDArray[np.intp], Matrix, int]]:
        """For each category the rows' levels, what a level becomes, and its first output column, from one on."""
        for names, encoder in self.categories_:
            levels = [coded(features[name]) for name in names]
            for (codes, _), table in zip(levels, _level_tables(encoder, names, levels), strict=True):
                yield codes, table, first
                first += table.shape[1]
        for name, text in self.texts_.items():
            codes, texts = coded(features[name])
            yield codes, text.encode(texts), first
            first += text.width

    def number_columns(self, features: pd.DataFrame) -> list[Matrix]:
        """The columns of numbers, and of dates as numbers, that varied when fitted."""
        return [column for (_, column), keep in zip(self._columns(features), self.varying_, strict=True) if keep]

    def columns(self) -> dict[str, NDArray[np.intp]]:
        """The positions of the output columns that stem from each feature; empty for a feature left out."""
        sources = np.asarray(self.sources_)
        return {name: np.flatnonzero(sources == name) for name in self.kinds}

    def _fit_numbers(self, features: pd.DataFrame) -> tuple[Any, Matrix, list[str]]:
        raw, sources = self._raw_numbers(features)
        self.varying_ = _varies(raw)
        raw = raw[:, self.varying_]
        sources = [name for name, keep in zip(sources, self.varying_, strict=True) if keep]
        if self.style in ("tree", "codes") or not sources:
            return None, raw, sources
        imputer = SimpleImputer(strategy="median", add_indicator=True)
        knots = np.quantile(imputer.fit_transform(raw), KNOTS if self.style == "spline" else (), axis=0)
        bends = FunctionTransformer(add_bends, kw_args={"knots": knots})
        scales = make_pipeline(imputer, bends, StandardScaler())
        encoded = scales.fit_transform(raw)
        once = sources + [sources[position] for position in imputer.indicator_.features_]
        return scales, encoded, once * (2 + len(knots))

    def _write_numbers(self, features: pd.DataFrame, matrix: Matrix) -> int:
        """Encode numbers into the first columns; returns how many those are."""
        columns = self.number_columns(features)
        if self.numbers_ is not None:
            return _write_scaled(self.numbers_, _clipped(np.column_stack(columns)), matrix)
        for place, column in enumerate(columns):
            matrix[:, place] = column
        _clipped(matrix[:, : len(columns)])
        return len(columns)

    def _raw_numbers(self, features: pd.DataFrame) -> tuple[Matrix, list[str]]:
        parts = self._columns(features)
        matrix = np.column_stack([part for _, part in parts]) if parts else np.empty((len(features), 0))
        return _clipped(matrix), [name for name, _ in parts]

    def _columns(self, features: pd.DataFrame) -> list[tuple[str, Matrix]]:
        """Numbers, and dates as several numbers, each with the feature that it comes from."""
        parts: list[tuple[str, Matrix]] = []
        for name, kind in self.kinds.items():
            if kind == "date" and features[name].dtype.kind == "M":
                parts += [(name, part) for part in _date_parts(features[name])]
            elif kind != "category":
                parts.append((name, features[name].to_numpy(np.float64)))
        return parts

    def _fit_categories(self, features: pd.DataFrame, target: NDArray[Any]) -> tuple[list[Any], Matrix, list[str]]:
        names = [name for name, kind in self.kinds.items() if kind == "category"]
        levels = {name: _grouped(_levels(features[name]), is_text=name in self.texts_) for name in names}
        counts = {name: len(pd.unique(values)) for name, values in levels.items()}
        widest = ONE_HOT_LEVELS if self.style in ("linear", "spline") else 0
        few = [name for name, count in counts.items() if 1 < count <= widest]
        many = [name for name, count in counts.items() if count > max(widest, 1)]
        rest = self._codes() if self.style == "codes" else self._means()
        groups = [(names, encoder) for names, encoder in ((few, self._one_hot()), (many, rest)) if names]
        matrices, sources = [np.empty((len(features), 0))], []
        for names, encoder in groups:
            block = np.column_stack([levels[name] for name in names])
            matrices.append(np.asarray(encoder.fit_transform(block, target), dtype=np.float64))
            sources += [name for name, width in zip(names, _widths(encoder, names), strict=True) for _ in range(width)]
        return groups, np.hstack(matrices), sources

    def _one_hot(self) -> OneHotEncoder:
        # The group of rare levels also takes in unseen ones.
        return OneHotEncoder(min_frequency=RARE_SHARE, handle_unknown="infrequent_if_exist", sparse_output=False)

    def _codes(self) -> OrdinalEncoder:
        return OrdinalEncoder(max_categories=MOST_CODES, handle_unknown="use_encoded_value", unknown_value=np.nan)

    def _means(self) -> TargetEncoder | Pipeline:
        # Unshuffled: rows come in blocks of time or of entities (see split.Split), so that the rows of one entity
        # do not give each other's outcome away.
        target_type = "continuous" if self.task == "regression" else "auto"
        means = TargetEncoder(target_type=target_type, cv=KFold(MEAN_FOLDS))
        return means if self.style == "tree" else make_pipeline(means, StandardScaler())


def add_bends(matrix: Matrix, knots: Matrix) -> Matrix:
    """The columns, their logarithms, and for each knot what a column exceeds it by: a linear spline.

    Logarithms are inverse hyperbolic sines, which take zero and negative numbers. `knots` is (knots, columns).
    """
    return np.hstack([matrix, np.arcsinh(matrix), *(np.maximum(matrix - knot, 0) for knot in knots)])


def _write_scaled(scales: Pipeline, raw: Matrix, matrix: Matrix) -> int:
    """Write what the fitted pipeline of `_fit_numbers` makes of numbers; returns how many columns that is.

    By blocks of rows that stay in the core's cache, with the same operations: the same numbers, several times faster.
    """
    imputer, bends, scaler = (step for _, step in scales.steps)
    width = len(scaler.scale_)
    for start in range(0, len(raw), BLOCK_ROWS):
        block = raw[start : start + BLOCK_ROWS]
        missing = np.isnan(block)
        filled = np.hstack([np.where(missing, imputer.statistics_, block), missing[:, imputer.indicator_.features_]])
        centred = add_bends(filled, **bends.kw_args) - scaler.mean_
        np.divide(centred, scaler.scale_, out=matrix[start : start + BLOCK_ROWS, :width])
    return width


def _date_parts(dates: pd.Series) -> list[Matrix]:
    """Days since the epoch, the month and the day of the week; NaN where there is no date."""
    days = (dates.to_numpy("datetime64[us]") - EPOCH) / np.timedelta64(1, "D")
    return [days, dates.dt.month.to_numpy(np.float64), dates.dt.day_of_week.to_numpy(np.float64)]


def _clipped(matrix: Matrix) -> Matrix:
    """The matrix itself, its numbers held within what trees can hold."""
    return np.clip(matrix, -LARGEST, LARGEST, out=matrix)


def coded(column: pd.Series) -> tuple[NDArray[np.intp], NDArray[np.object_]]:
    """The position of each row's level, and the levels; the last one stands for null."""
    if isinstance(column.dtype, pd.CategoricalDtype) and len(column.cat.categories) <= len(column):
        codes, levels = column.cat.codes.to_numpy(np.intp), column.cat.categories
    else:
        codes, levels = pd.factorize(column)
    return np.where(codes < 0, len(levels), codes), np.array([*levels, MISSING], dtype=object)


def _level_tables(
    encoder: Any,  # noqa: ANN401 -- scikit-learn has no types
    names: list[str],
    levels: Sequence[tuple[NDArray[np.intp], NDArray[np.object_]]],
) -> list[Matrix]:
    """For each input column of a fitted encoder what its levels become: (levels, output columns).

    Each level is encoded once, however many rows have it: rows are then looked up.
    """
    block = np.full((max(len(own) for _, own in levels), len(names)), MISSING, dtype=object)
    known = (encoder[0] if isinstance(encoder, Pipeline) else encoder).categories_
    for place, (_, own) in enumerate(levels):
        block[: len(own), place] = _told_apart(own, known[place]) if RARE in known[place] else own
    encoded = np.asarray(encoder.transform(block), dtype=np.float64)
    ends = np.cumsum(_widths(encoder, names))
    tables = np.split(encoded, ends[:-1], axis=1)
    return [np.ascontiguousarray(table[: len(own)]) for table, (_, own) in zip(tables, levels, strict=True)]


def _levels(column: pd.Series) -> NDArray[np.object_]:
    return column.fillna(MISSING).to_numpy(object)


def _grouped(levels: NDArray[np.object_], *, is_text: bool) -> NDArray[np.object_]:
    """The levels; of very many, and of free text, the commonest ones that are no one-offs, and one for all others."""
    codes, different = pd.factorize(levels)
    if len(different) <= MOST_LEVELS and not is_text:
        return levels
    counts = np.bincount(codes)
    commonest = np.argsort(-counts, kind="stable")[:MOST_LEVELS]
    return _told_apart(levels, different[commonest[counts[commonest] > 1]])


def _told_apart(levels: NDArray[np.object_], known: NDArray[np.object_]) -> NDArray[np.object_]:
    return np.where(pd.Index(levels).isin(known), levels, RARE).astype(object)


def width(kinds: Mapping[str, str], features: pd.DataFrame) -> int:
    """How many features vary; a date counts as often as it has parts."""
    raw, _ = make_encoder(kinds, "tree")._raw_numbers(features)
    return int(_varies(raw).sum()) + sum(kind == "category" for kind in kinds.values())


def _varies(matrix: Matrix) -> NDArray[np.bool_]:
    """Which columns hold another value, or a null, in enough rows: in ten, of few rows in one of five hundred.

    A value that nearly all rows share is that of the first row, of the middle one, or of the last.
    """
    rows = len(matrix)
    if not rows:
        return np.zeros(matrix.shape[1], bool)
    missing = np.isnan(matrix)
    same = [((matrix == matrix[row]) | (missing & missing[row])).sum(axis=0) for row in {0, rows // 2, rows - 1}]
    fewest = max(min(FEWEST_OTHERS, rows // ROWS_FOR_ONE), 1)
    varies: NDArray[np.bool_] = rows - np.max(same, axis=0) >= fewest
    return varies


def _widths(encoder: OneHotEncoder | TargetEncoder | Pipeline | OrdinalEncoder, names: list[str]) -> list[int]:
    """How many output columns each input column of a fitted encoder has."""
    outputs = encoder.get_feature_names_out([str(position) for position in range(len(names))])
    starts = [str(output).split("_", 1)[0] for output in outputs]
    return [starts.count(str(position)) for position in range(len(names))]
