"""The routes of the HTTP API: predictions, metrics and runs for programs."""

from dataclasses import asdict
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from pydantic import BaseModel, Field

from ml import __version__
from ml.declaration import Prediction
from ml.errors import ForbiddenError
from ml.reading.caller import Caller
from ml.reading.metric_rows import MetricQuestion
from ml.reading.predictions import Question, prediction_rows, require_filter, shown
from ml.reading.sight import Sight
from ml.serving.answers import FORMS, answer, plain
from ml.serving.callers import may
from ml.serving.service import Service
from ml.tables import SCHEMA

MOST_ROWS = 10_000  # of one page
ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"description": "Something asked for does not exist or can't be combined."},
    401: {"description": "No token, or one that is not known."},
    403: {"description": "The token may not do this."},
    404: {"description": "There is nothing of that name."},
    429: {"description": "Too many requests in one minute."},
}
ROWS: dict[int | str, dict[str, Any]] = {
    **ERRORS,
    200: {"description": "The rows.", "content": {name.split(";")[0]: {} for name in FORMS.values()}},
    304: {"description": "The caller has this already (If-None-Match)."},
}
Form = Annotated[Literal["json", "csv", "arrow"], Query(description="How to answer.")]
Limit = Annotated[int, Query(ge=1, le=MOST_ROWS, description="Rows of one page.")]
Offset = Annotated[int, Query(ge=0, le=2**31, description="Rows to leave out before the page.")]


class WhatIf(BaseModel):
    """Features to be scored: those of an entity with changes, or all of them."""

    entity: str | None = Field(None, description="Whose features to start from; of several columns, joined by slashes.")
    features: dict[str, str | float | bool | None] = Field({}, description="Features by name.")


def add_api(app: FastAPI, service: Service) -> None:
    """Add the routes to an app."""
    _add_what_if(app, service)
    _add_predictions(app, service)
    _add_metrics(app, service)
    _add_runs(app, service)

    @app.get("/health", summary="Whether the service answers, and from which snapshot", responses={429: ERRORS[429]})
    async def health() -> dict[str, str]:
        return {"status": "ok", "snapshot": service.library.reader.version, "version": __version__}


def _add_runs(app: FastAPI, service: Service) -> None:
    @app.get("/runs", summary="Training runs, the newest first", responses=ROWS, response_class=Response)
    def runs(
        request: Request,
        caller: Annotated[Caller, Depends(may(service, "predictions"))],
        prediction: str | None = None,
        limit: Limit = 100,
        offset: Offset = 0,
        format: Form = "json",  # noqa: A002 -- the name that callers see
    ) -> Response:
        if caller.role.rows:
            raise ForbiddenError("This can't be limited to your rows, so you may not see it.")
        where, parameters = ("where prediction = ?", [prediction]) if prediction else ("", [])
        table = service.library.reader.query(
            f"select run_id, prediction, started_at, finished_at, estimator, metric, rows_trained, rows_tested, "
            f"is_good, feature_model, git_commit, data_fingerprint, core_seconds "
            f"from {service.library.reader.table(SCHEMA, 'runs')} {where} "
            f"order by finished_at desc, run_id limit {limit} offset {offset}",
            parameters,
        )
        return answer(request, table, format, service.library.reader.version, limit)


def _add_predictions(app: FastAPI, service: Service) -> None:
    @app.get("/predictions", summary="What is predicted, and by which run", responses=ERRORS)
    def predictions(caller: Annotated[Caller, Depends(may(service, "predictions"))]) -> list[dict[str, Any]]:
        return [
            {
                "name": one.name,
                "label": one.label,
                "description": service.library.manifest.ml_exposures()[one.name].get("description") or "",
                "owner": one.owner.name,
                "task": one.task,
                "entity": list(one.entity),
                "as_of": one.as_of,
            }
            for one in service.library.predictions.values()
        ]

    @app.get("/predictions/{name}", summary="Predictions, a page at a time", responses=ROWS, response_class=Response)
    def rows(
        request: Request,
        name: str,
        caller: Annotated[Caller, Depends(may(service, "predictions"))],
        as_of: Annotated[date | None, Query(description="The as-of; the newest by default.")] = None,
        highest_first: Annotated[bool, Query(description="The highest predictions first.")] = False,
        limit: Limit = 100,
        offset: Offset = 0,
        format: Form = "json",  # noqa: A002 -- the name that callers see
    ) -> Response:
        question = Question((), as_of.isoformat() if as_of else None, highest_first, limit, offset)
        return _answer(request, service, name, caller, question, format)

    @app.get(
        "/predictions/{name}/{entity:path}",
        summary="All predictions of one entity",
        responses=ROWS,
        response_class=Response,
    )
    def one(
        request: Request,
        name: str,
        entity: str,
        caller: Annotated[Caller, Depends(may(service, "predictions"))],
        as_of: Annotated[date | None, Query(description="The as-of; all by default.")] = None,
        format: Form = "json",  # noqa: A002 -- the name that callers see
    ) -> Response:
        values = _entity(service.library.prediction(name), entity)
        question = Question(values, as_of.isoformat() if as_of else None, limit=MOST_ROWS)
        return _answer(request, service, name, caller, question, format)


def _add_what_if(app: FastAPI, service: Service) -> None:
    @app.post("/predictions/{name}/what-if", summary="What the champion would predict", responses=ERRORS)
    def scored(name: str, asked: WhatIf, caller: Annotated[Caller, Depends(may(service, "score"))]) -> dict[str, Any]:
        from ml.serving.whatif import what_if

        prediction, root = service.library.prediction(name), service.project.pipelines_root
        require_filter(prediction, service.library.reader, caller.role)
        values = _entity(prediction, asked.entity) if asked.entity else ()
        if caller.role.rows and not values:
            raise ForbiddenError("Your role may ask about entities alone: name one.")
        return plain(what_if(prediction, service.library.reader, caller.role, root, values, asked.features))


def _entity(prediction: Prediction, text: str) -> tuple[str, ...]:
    """The values of the entity's columns, which are separated by slashes.

    Raises:
        HTTPException: there are too few.
    """
    values = tuple(text.split("/", len(prediction.entity) - 1))
    if len(values) != len(prediction.entity):
        raise HTTPException(404, f"{prediction.name} is about {'/'.join(prediction.entity)}.")
    return values


def _answer(request: Request, service: Service, name: str, caller: Caller, question: Question, form: str) -> Response:
    prediction, version = service.library.prediction(name), service.library.reader.version
    require_filter(prediction, service.library.reader, caller.role)
    table = prediction_rows(prediction, service.library.reader, caller.role, question)
    if question.entity and not table.num_rows:
        raise HTTPException(404, f"No prediction of {name} is stored for {'/'.join(question.entity)}.")
    table = shown(table, prediction, caller.role)
    return answer(request, table, form, version, None if question.entity else question.limit)


def _add_metrics(app: FastAPI, service: Service) -> None:
    @app.get("/metrics", summary="The metrics, and what each can be grouped by", responses=ERRORS)
    def metrics(caller: Annotated[Caller, Depends(may(service, "metrics"))]) -> list[dict[str, Any]]:
        return (
            []
            if service.library.layer is None
            else [asdict(metric) for metric in service.library.layer.metrics.values()]
        )

    @app.get("/metrics/{name}", summary="The values of a metric", responses=ROWS, response_class=Response)
    def values(
        request: Request,
        name: str,
        caller: Annotated[Caller, Depends(may(service, "metrics"))],
        grain: Annotated[
            Literal["day", "week", "month", "quarter", "year"] | None, Query(description="Of time.")
        ] = None,
        by: Annotated[list[str], Query(description="Dimensions to group by.")] = [],  # noqa: B006 -- FastAPI copies it
        since: Annotated[date | None, Query(description="The first day.")] = None,
        until: Annotated[date | None, Query(description="The last day.")] = None,
        limit: Limit = 1000,
        offset: Offset = 0,
        format: Form = "json",  # noqa: A002 -- the name that callers see
    ) -> Response:
        question = MetricQuestion(name, grain, tuple(by), since, until, limit=limit, offset=offset)
        table = Sight(service.library, caller).metric_rows(question)
        return answer(request, table, format, service.library.reader.version, limit)
