"""What would be predicted if: posted features, alone or as changes to an entity's own, scored by the champion."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import pandas as pd

from ml.declaration import Prediction
from ml.errors import DataError, MartletError, NotFoundError
from ml.learning import pipelines, storage
from ml.learning.dataset import make_dataset
from ml.learning.reasons import contributions
from ml.ledger import parse_features
from ml.reading.access import Role
from ml.reading.predictions import visible
from ml.tables import SCHEMA
from ml.warehouse.ansi import quoted
from ml.warehouse.reader import SnapshotReader
from ml.words import nearest

Given = Mapping[str, str | float | bool | None]


def what_if(
    prediction: Prediction,
    reader: SnapshotReader,
    role: Role,
    root: str,
    entity: tuple[str, ...],
    given: Given,
) -> dict[str, Any]:
    """What the champion would predict, with reasons, and by which run.

    Args:
        prediction: what is asked.
        reader: has the champion, and the features of entities.
        role: limits the entities that may be asked about.
        root: where pipelines lie.
        entity: the values of the entity's columns; empty to start from features that are all unknown.
        given: features by name, instead of those of the entity.

    Raises:
        NotFoundError: there is no champion, or no such entity that may be seen.
        DataError: a feature is unknown, or a value does not fit it.
    """
    run = _champion(prediction, reader)
    kinds = parse_features(run["features"])
    unknown = [name for name in given if name not in kinds]
    if unknown:
        raise DataError(f"{prediction.name} has no feature '{unknown[0]}'. {nearest(unknown[0], kinds)}")
    row = _own_row(prediction, reader, role, entity, list(kinds)) if entity else dict.fromkeys(kinds)
    frame = pd.DataFrame([{**dict.fromkeys(prediction.keys), **row, **given}])
    if prediction.as_of and frame[prediction.as_of].isna().all():
        frame[prediction.as_of] = pd.Timestamp.now()
    try:
        features = make_dataset(frame, prediction, kinds).features
    except OverflowError as error:
        raise DataError("A number is too large to be a feature.") from error
    model = _model(run["pipeline_uri"], run["pipeline_sha256"], root, prediction.estimators)
    scored = {str(name): value for name, value in model.predict(features).to_dict("records")[0].items()}
    return {**scored, "reasons": contributions(model, features)[0], "run_id": run["run_id"]}


@lru_cache(maxsize=8)
def _model(uri: str, sha256: str, root: str, estimators: tuple[str, ...]) -> pipelines.FittedPrediction:
    return pipelines.load(storage.fetch(uri, sha256, root), estimators)


def _champion(prediction: Prediction, reader: SnapshotReader) -> dict[str, Any]:
    runs, promotions = reader.table(SCHEMA, "runs"), reader.table(SCHEMA, "promotions")
    found = reader.query(
        f"select runs.run_id, runs.features, runs.pipeline_uri, runs.pipeline_sha256 from {runs} as runs "
        f"inner join {promotions} as promotions on runs.run_id = promotions.run_id "
        "where promotions.prediction = ? order by promotions.promoted_at desc limit 1",
        [prediction.name],
    ).to_pylist()
    if not found:
        raise NotFoundError(f"{prediction.name} has no champion yet.")
    return dict(found[0])


def _own_row(
    prediction: Prediction, reader: SnapshotReader, role: Role, entity: tuple[str, ...], names: list[str]
) -> dict[str, Any]:
    """The newest features of an entity that the role may see."""
    columns = ", ".join(f"scores.{quoted(name)}" for name in [*prediction.keys, *names])
    where, parameters = visible(prediction, role)
    where += [f"cast(scores.{quoted(name)} as varchar) = ?" for name in prediction.entity]
    order = f"order by scores.{quoted(prediction.as_of)} desc " if prediction.as_of else ""
    sql = f"select {columns} from {prediction.relation} as scores where {' and '.join(where)} {order}limit 1"
    try:
        found = reader.query(sql, [*parameters, *entity]).to_pylist()
    except MartletError as error:
        raise NotFoundError(f"The features of {prediction.name} are not published: send all of them.") from error
    if not found:
        raise NotFoundError(f"{prediction.name} knows no {'/'.join(entity)}.")
    return dict(found[0])
