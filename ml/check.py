"""Can the data carry a prediction? Looks at the feature model in the warehouse, row by row in SQL, before training."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd
from sklearn.metrics import get_scorer_names

from ml.declaration import Prediction
from ml.errors import DataError, DeclarationError, ProjectError
from ml.learning.scorers import fits
from ml.warehouse import Column, Warehouse
from ml.words import nearest

MIN_ROWS = 50
MIN_ROWS_OF_A_CLASS = 10
MAX_CLASSES = 100
MAX_LEVELS = 10_000
INFINITY = "cast('infinity' as double)"


@dataclass(frozen=True)
class Finding:
    """One thing found; a `level` of error forbids training, a warning does not."""

    level: str
    check: str
    message: str


@dataclass(frozen=True)
class Checked:
    """What a check saw: kinds of the feature columns by name, row counts, and findings."""

    prediction: Prediction
    kinds: Mapping[str, str]
    closed_rows: int
    open_rows: int
    findings: tuple[Finding, ...]

    @property
    def is_ready(self) -> bool:
        """Whether nothing forbids training."""
        return not any(finding.level == "error" for finding in self.findings)

    def require(self) -> None:
        """Refuse to go on.

        Raises:
            DataError: something forbids training; every such finding is named.
        """
        errors = [finding.message for finding in self.findings if finding.level == "error"]
        if errors:
            raise DataError(f"{self.prediction.name} can't be trained: " + " ".join(errors))


def feature_columns(prediction: Prediction, warehouse: Warehouse) -> dict[str, Column]:
    """All columns of the feature model, after proving that the declared ones exist.

    Raises:
        ProjectError: the feature model is not built.
        DeclarationError: a declared column is no column of it.
    """
    columns = warehouse.columns(prediction.relation)
    if not columns:
        raise ProjectError(
            f"{prediction.name}: its feature model {prediction.feature_model} is not in the warehouse. "
            f"Run `dbt build --select +{prediction.feature_model}` first."
        )
    for key, names in {
        "target": (prediction.target,),
        "entity": prediction.entity,
        "as_of": (prediction.as_of,) if prediction.as_of else (),
        "exclude": prediction.exclude,
        "slices": prediction.slices,
    }.items():
        for name in names:
            if name not in columns:
                raise DeclarationError(
                    f"{prediction.path}: exposure '{prediction.name}': '{key}' names the column '{name}', which "
                    f"{prediction.feature_model} does not have. {nearest(name, columns)}"
                )
    return columns


def feature_kinds(prediction: Prediction, columns: Mapping[str, Column]) -> dict[str, str]:
    """Kinds of the columns that are features: all but keys, target, excluded ones and personal data."""
    apart = {*prediction.keys, prediction.target, *prediction.exclude, *prediction.personal}
    return {name: column.kind for name, column in columns.items() if name not in apart}


def check(prediction: Prediction, warehouse: Warehouse) -> Checked:
    """Look at the whole feature model of a prediction.

    Raises:
        ProjectError: the feature model is not built.
        DeclarationError: a declared column is no column of it.
    """
    columns = feature_columns(prediction, warehouse)
    kinds = feature_kinds(prediction, columns)
    counts = _counts(prediction, kinds, columns, warehouse)
    target = warehouse.quote(prediction.target)
    closed = int(counts["closed"])
    levels = warehouse.query(
        f"select cast({target} as varchar) as level, count(*) as rows from {prediction.relation} "
        f"where {target} is not null group by 1 order by 2 desc limit {MAX_CLASSES + 1}"
    )
    apart = {*prediction.keys, prediction.target, *prediction.exclude}
    personal = sorted(set(prediction.personal) & set(columns) - apart)
    findings = [
        *(Finding("warning", "personal data", f"'{name}' holds personal data: it is no feature.") for name in personal),
        *_metric_findings(prediction, min(len(levels), MAX_CLASSES)),
        *_target_findings(prediction, columns[prediction.target], closed, levels),
        *_key_findings(prediction, counts, warehouse),
        *_feature_findings(kinds, counts),
    ]
    return Checked(prediction, kinds, closed, int(counts["rows"]) - closed, tuple(findings))


def _counts(
    prediction: Prediction, kinds: Mapping[str, str], columns: Mapping[str, Column], warehouse: Warehouse
) -> pd.Series:
    """Everything that can be counted in one pass, by the name of the count."""
    quote = warehouse.quote
    parts = ["count(*) as rows", f"count({quote(prediction.target)}) as closed"]
    parts += [f"count({quote(key)}) as {quote('known ' + key)}" for key in prediction.keys]
    for name, kind in kinds.items():
        parts.append(f"count({quote(name)}) as {quote('known ' + name)}")
        if kind == "category":
            parts.append(f"approx_count_distinct({quote(name)}) as {quote('levels ' + name)}")
        elif columns[name].type.upper() in ("DOUBLE", "FLOAT"):
            infinite = f"case when abs({quote(name)}) = {INFINITY} then 1 end"
            parts.append(f"count({infinite}) as {quote('infinite ' + name)}")
    if columns[prediction.target].type.upper() in ("DOUBLE", "FLOAT"):
        infinite = f"case when abs({quote(prediction.target)}) = {INFINITY} then 1 end"
        parts.append(f"count({infinite}) as {quote('infinite ' + prediction.target)}")
    return warehouse.query(f"select {', '.join(parts)} from {prediction.relation}").iloc[0]


def _target_findings(prediction: Prediction, target: Column, closed: int, levels: pd.DataFrame) -> Iterator[Finding]:
    name, model = prediction.target, prediction.feature_model
    if closed == 0:
        yield _error(
            "target", f"the target '{name}' of {model} is null in every row: there is no outcome to learn from."
        )
        return
    if len(levels) == 1:
        yield _error("target", f"the target '{name}' is '{levels['level'][0]}' in every closed row: nothing to learn.")
        return
    if closed < MIN_ROWS:
        yield _error("rows", f"only {closed} closed rows; at least {MIN_ROWS} are needed. Collect more history.")
    if prediction.task == "regression" and target.kind != "number":
        yield _error(
            "task",
            f"the task is regression, but the target '{name}' is a {target.kind} ({target.type}). "
            "Use `task: classification`, or a numeric target.",
        )
    if prediction.task == "classification":
        yield from _class_findings(prediction, target, levels)


def _metric_findings(prediction: Prediction, classes: int) -> Iterator[Finding]:
    metric, known = prediction.metric, get_scorer_names()
    if not metric:
        return
    if metric not in known:
        yield _error("metric", f"scikit-learn has no scorer '{metric}'. {nearest(metric, known)}")
    elif not fits(metric, prediction.task, classes):
        what = f"a {prediction.task}" + (f" of {classes} classes" if prediction.task == "classification" else "")
        yield _error("metric", f"the scorer '{metric}' does not fit {what}; leave `metric` out for one that does.")


def _class_findings(prediction: Prediction, target: Column, levels: pd.DataFrame) -> Iterator[Finding]:
    name = prediction.target
    if target.kind in ("date", "other"):
        yield _error("task", f"the task is classification, but the target '{name}' is a {target.type}.")
        return
    fractions = target.kind == "number" and any(float(level) % 1 for level in levels["level"])
    if len(levels) > MAX_CLASSES or fractions:
        yield _error(
            "task",
            f"the task is classification, but the target '{name}' has "
            f"{'fractions' if fractions else f'more than {MAX_CLASSES} values'}: it looks like a quantity. "
            "Use `task: regression`, or group it into classes.",
        )
        return
    if prediction.positive is not None:
        known = [str(level).lower() for level in levels["level"]]
        if prediction.positive.lower() not in known:
            yield _error("positive", f"'positive: {prediction.positive}' is no value of '{name}' ({', '.join(known)}).")
    for level, rows in zip(levels["level"], levels["rows"], strict=True):
        if rows < MIN_ROWS_OF_A_CLASS:
            yield _error(
                "classes",
                f"only {rows} closed rows have '{name}' = '{level}'; at least {MIN_ROWS_OF_A_CLASS} are needed.",
            )


def _key_findings(prediction: Prediction, counts: pd.Series, warehouse: Warehouse) -> Iterator[Finding]:
    for key in prediction.keys:
        missing = int(counts["rows"] - counts["known " + key])
        if missing:
            yield _error("keys", f"'{key}' is null in {missing} rows of {prediction.feature_model}.")
    keys = ", ".join(warehouse.quote(key) for key in prediction.keys)
    twice = warehouse.query(
        f"select {keys}, count(*) as rows from {prediction.relation} group by {keys} having count(*) > 1 limit 1"
    )
    if len(twice):
        example = ", ".join(f"{key} = {twice[key][0]}" for key in prediction.keys)
        yield _error(
            "keys",
            f"{prediction.feature_model} has several rows for one {' and '.join(prediction.keys)} (such as {example}); "
            "it must have one.",
        )


def _feature_findings(kinds: Mapping[str, str], counts: pd.Series) -> Iterator[Finding]:
    if not kinds:
        yield _error("features", "no column is left as a feature.")
    for name, kind in kinds.items():
        if kind == "other":
            yield _error("features", f"'{name}' is of a type that can't be a feature; cast it, or add it to `exclude`.")
        elif counts["rows"] and not counts["known " + name]:
            yield Finding("warning", "features", f"'{name}' is null in every row.")
        levels = int(counts.get("levels " + name, 0))
        if levels > MAX_LEVELS:
            yield _error(
                "features",
                f"the text column '{name}' has about {levels} levels, more than {MAX_LEVELS}: group it in SQL, or add "
                "it to `exclude`.",
            )
    for count, rows in counts.items():
        if str(count).startswith("infinite ") and rows:
            name = str(count).removeprefix("infinite ")
            yield _error("features", f"'{name}' is infinite in {int(rows)} rows; use null where it is unknown.")


def _error(check_name: str, message: str) -> Finding:
    return Finding("error", check_name, message[0].upper() + message[1:])
