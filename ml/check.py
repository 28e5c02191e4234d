"""Can the data carry a prediction? Looks at its whole feature model in SQL, then at its rows (see `examine`)."""

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd
from sklearn.metrics import get_scorer_names

from ml.declaration import Prediction
from ml.errors import DeclarationError, ProjectError
from ml.examine import Checked, examine
from ml.learning.encode import MOST_LEVELS
from ml.learning.findings import Finding
from ml.learning.scorers import fits
from ml.learning.words import LOOKED_AT, MANY_LEVELS, are_texts
from ml.warehouse import Column, Warehouse
from ml.warehouse.ansi import some_of
from ml.words import nearest

MIN_ROWS = 50
MIN_ROWS_OF_A_CLASS = 10
MAX_CLASSES = 100
INFINITY = "cast('infinity' as double)"


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
    """Kinds of the columns that are features: all but keys, target, excluded, personal ones, lists and so on."""
    return {name: kind for name, kind in _told_kinds(prediction, columns).items() if kind != "other"}


def _told_kinds(prediction: Prediction, columns: Mapping[str, Column]) -> dict[str, str]:
    apart = {*prediction.keys, prediction.target, *prediction.exclude, *filter(prediction.is_personal, columns)}
    return {name: column.kind for name, column in columns.items() if name not in apart}


def check(prediction: Prediction, warehouse: Warehouse) -> Checked:
    """Look at the whole feature model of a prediction, then, if it can be learned from, at its rows.

    Raises:
        ProjectError: the feature model is not built.
        DeclarationError: a declared column is no column of it.
    """
    columns = feature_columns(prediction, warehouse)
    kinds = feature_kinds(prediction, columns)
    counts = _counts(prediction, kinds, columns, warehouse)
    closed = int(counts["closed"])
    found = Checked(
        prediction,
        kinds,
        closed,
        int(counts["rows"]) - closed,
        max(int(counts[f"different {name}"]) for name in prediction.entity),
        tuple(_structure(prediction, kinds, counts, columns, warehouse)),
    )
    return examine(found, warehouse) if found.is_ready else found


def _structure(
    prediction: Prediction,
    kinds: Mapping[str, str],
    counts: pd.Series,
    columns: Mapping[str, Column],
    warehouse: Warehouse,
) -> Iterator[Finding]:
    """What can be seen of the feature model without reading its rows."""
    target = warehouse.quote(prediction.target)
    levels = warehouse.query(
        f"select cast({target} as varchar) as level, count(*) as rows from {prediction.relation} "
        f"where {target} is not null group by 1 order by 2 desc limit {MAX_CLASSES + 1}"
    )
    for name in sorted(
        {*filter(prediction.is_personal, columns)} - {*prediction.keys, prediction.target, *prediction.exclude}
    ):
        yield Finding("warning", "personal data", f"'{name}' holds personal data: it is no feature.", name)
    yield from _metric_findings(prediction, min(len(levels), MAX_CLASSES))
    yield from _target_findings(prediction, columns[prediction.target], int(counts["closed"]), levels)
    yield from _key_findings(prediction, counts, warehouse)
    for name, kind in _told_kinds(prediction, columns).items():
        if kind == "other":
            text = f"'{name}' is no feature: it is a {columns[name].type}. Cast it, or add it to `exclude`."
            yield Finding("warning", "features", text, name)
    yield from _feature_findings(prediction, kinds, counts, warehouse)


def _counts(
    prediction: Prediction, kinds: Mapping[str, str], columns: Mapping[str, Column], warehouse: Warehouse
) -> pd.Series:
    """Everything that can be counted in one pass, by the name of the count."""
    quote = warehouse.quote
    parts = ["count(*) as rows", f"count({quote(prediction.target)}) as closed"]
    parts += [f"count({quote(key)}) as {quote('known ' + key)}" for key in prediction.keys]
    parts += [f"approx_count_distinct({quote(name)}) as {quote('different ' + name)}" for name in prediction.entity]
    for name, kind in kinds.items():
        parts.append(f"count({quote(name)}) as {quote('known ' + name)}")
        if kind == "category":
            parts.append(f"approx_count_distinct({quote(name)}) as {quote('levels ' + name)}")
    for name in (*kinds, prediction.target):
        test = _is_infinite(columns[name], quote(name))
        if test:
            parts.append(f"count(case when {test} then 1 end) as {quote('infinite ' + name)}")
    return warehouse.query(f"select {', '.join(parts)} from {prediction.relation}").iloc[0]


def _is_infinite(column: Column, value: str) -> str:
    """SQL that asks whether a value lies beyond all others; empty for types that have no such value."""
    if column.kind == "date":  # some engines know infinite dates
        return f"cast({value} as varchar) in ('infinity', '-infinity')"
    return f"abs({value}) = {INFINITY}" if column.type.upper() in ("DOUBLE", "FLOAT") else ""


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
    example = duplicated_key(prediction.keys, warehouse, prediction.relation)
    if example:
        yield _error(
            "keys",
            f"{prediction.feature_model} has several rows for one {' and '.join(prediction.keys)} (such as {example}); "
            "it must have one.",
        )


def duplicated_key(names: Sequence[str], warehouse: Warehouse, relation: str) -> str:
    """A key that has several rows in a relation, in words; empty if there is none."""
    keys = ", ".join(warehouse.quote(key) for key in names)
    twice = warehouse.query(
        f"select {keys}, count(*) as rows from {relation} group by {keys} having count(*) > 1 limit 1"
    )
    return ", ".join(f"{key} = {twice[key][0]}" for key in names) if len(twice) else ""


def _feature_findings(
    prediction: Prediction, kinds: Mapping[str, str], counts: pd.Series, warehouse: Warehouse
) -> Iterator[Finding]:
    if not kinds:
        yield _error("features", "no column is left as a feature.")
    for name in kinds:
        if counts["rows"] and not counts["known " + name]:
            yield Finding("warning", "features", f"'{name}' is null in every row.", name)
        levels = int(counts.get("levels " + name, 0))
        some = some_of(warehouse.quote(name), prediction.relation, LOOKED_AT)
        if levels > MANY_LEVELS and are_texts(warehouse.query(some)["level"]):
            yield Finding("info", "features", f"'{name}' is free text: its words are read.", name)
        elif levels > MOST_LEVELS:
            text = f"'{name}' is a text of about {levels} levels: the rarest are learned as one. Group it in SQL, or "
            yield Finding("warning", "features", f"{text}add it to `exclude`.", name, levels, MOST_LEVELS)
    for count, rows in counts.items():
        if str(count).startswith("infinite ") and rows:
            name = str(count).removeprefix("infinite ")
            yield _error("features", f"'{name}' is infinite in {int(rows)} rows; use null where it is unknown.")


def _error(check_name: str, message: str) -> Finding:
    return Finding("error", check_name, message[0].upper() + message[1:])
