"""The HTTP API: routes, who may call them, and the forms in which they answer."""

import json
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, Field

from ml import __version__
from ml.declaration import Prediction
from ml.errors import DataError, ForbiddenError, MartletError, NotFoundError
from ml.serving.access import Role, Token, Tokens
from ml.serving.answers import FORMS, answer, plain
from ml.serving.predictions import Question, prediction_rows, require_filter, shown
from ml.tables import SCHEMA
from ml.warehouse.reader import SnapshotReader

if TYPE_CHECKING:
    from ml.serving.metrics import Metric, MetricLayer

TIME = "metric_time"
REQUESTS_A_MINUTE = 600  # of one caller
MOST_ROWS = 10_000  # of one page
SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
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


@dataclass(frozen=True)
class Service:
    """What the routes stand on. Without any token everybody who reaches the server may read."""

    predictions: dict[str, Prediction]
    descriptions: dict[str, str]
    personal: dict[str, tuple[str, ...]]
    reader: SnapshotReader
    layer: "MetricLayer | None"
    tokens: Tokens
    roles: dict[str, Role]
    log: Path
    pipelines: str = ""

    def metric(self, name: str) -> "Metric":
        """A metric by its name.

        Raises:
            HTTPException: there is none.
        """
        found = [] if self.layer is None else [metric for metric in self.layer.metrics if metric.name == name]
        if not found:
            raise HTTPException(404, f"There is no metric '{name}'. GET /metrics lists them.")
        return found[0]

    def prediction(self, name: str) -> Prediction:
        """A prediction by its name.

        Raises:
            HTTPException: there is none.
        """
        if name not in self.predictions:
            raise HTTPException(404, f"There is no prediction '{name}'. GET /predictions lists them.")
        return self.predictions[name]


class WhatIf(BaseModel):
    """Features to be scored: those of an entity with changes, or all of them."""

    entity: str | None = Field(None, description="Whose features to start from; of several columns, joined by slashes.")
    features: dict[str, str | float | bool | None] = Field({}, description="Features by name.")


@dataclass(frozen=True)
class Caller:
    """Who asks: the token, if tokens are used, and the role that limits what is seen."""

    token: Token | None
    role: Role


def make_app(service: Service) -> FastAPI:
    """The API over a published snapshot."""
    app = FastAPI(
        title="Martlet",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        description="Predictions, metrics and runs.",
    )
    _guard(app, service)
    _add_what_if(app, service)
    _add_predictions(app, service)
    _add_metrics(app, service)

    @app.get("/health", summary="Whether the service answers, and from which snapshot", responses={429: ERRORS[429]})
    def health() -> dict[str, str]:
        return {"status": "ok", "snapshot": service.reader.version, "version": __version__}

    @app.get("/runs", summary="Training runs, the newest first", responses=ROWS, response_class=Response)
    def runs(
        request: Request,
        caller: Annotated[Caller, Depends(_may(service, "predictions"))],
        prediction: str | None = None,
        limit: Limit = 100,
        offset: Offset = 0,
        format: Form = "json",  # noqa: A002 -- the name that callers see
    ) -> Response:
        _require_unlimited(caller)
        where, parameters = ("where prediction = ?", [prediction]) if prediction else ("", [])
        table = service.reader.query(
            f"select run_id, prediction, started_at, finished_at, estimator, metric, rows_trained, rows_tested, "
            f"is_good, feature_model, git_commit, data_fingerprint, core_seconds "
            f"from {service.reader.table(SCHEMA, 'runs')} {where} "
            f"order by finished_at desc, run_id limit {limit} offset {offset}",
            parameters,
        )
        return answer(request, table, format, service.reader.version, limit)

    return app


def _add_predictions(app: FastAPI, service: Service) -> None:
    @app.get("/predictions", summary="What is predicted, and by which run", responses=ERRORS)
    def predictions(caller: Annotated[Caller, Depends(_may(service, "predictions"))]) -> list[dict[str, Any]]:
        return [
            {
                "name": one.name,
                "label": one.label,
                "description": service.descriptions.get(one.name, ""),
                "owner": one.owner.name,
                "task": one.task,
                "entity": list(one.entity),
                "as_of": one.as_of,
            }
            for one in service.predictions.values()
        ]

    @app.get("/predictions/{name}", summary="Predictions, a page at a time", responses=ROWS, response_class=Response)
    def rows(
        request: Request,
        name: str,
        caller: Annotated[Caller, Depends(_may(service, "predictions"))],
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
        caller: Annotated[Caller, Depends(_may(service, "predictions"))],
        as_of: Annotated[date | None, Query(description="The as-of; all by default.")] = None,
        format: Form = "json",  # noqa: A002 -- the name that callers see
    ) -> Response:
        values = _entity(service.prediction(name), entity)
        question = Question(values, as_of.isoformat() if as_of else None, limit=MOST_ROWS)
        return _answer(request, service, name, caller, question, format)


def _add_what_if(app: FastAPI, service: Service) -> None:
    @app.post("/predictions/{name}/what-if", summary="What the champion would predict", responses=ERRORS)
    def scored(name: str, asked: WhatIf, caller: Annotated[Caller, Depends(_may(service, "score"))]) -> dict[str, Any]:
        from ml.serving.whatif import what_if

        prediction = service.prediction(name)
        require_filter(prediction, service.reader, caller.role)
        values = _entity(prediction, asked.entity) if asked.entity else ()
        if caller.role.rows and not values:
            raise ForbiddenError("Your role may ask about entities alone: name one.")
        return plain(what_if(prediction, service.reader, caller.role, service.pipelines, values, asked.features))


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
    prediction, version = service.prediction(name), service.reader.version
    require_filter(prediction, service.reader, caller.role)
    table = prediction_rows(prediction, service.reader, caller.role, question)
    if question.entity and not table.num_rows:
        raise HTTPException(404, f"No prediction of {name} is stored for {'/'.join(question.entity)}.")
    table = shown(table, prediction, caller.role, service.personal)
    return answer(request, table, form, version, None if question.entity else question.limit)


def _add_metrics(app: FastAPI, service: Service) -> None:
    @app.get("/metrics", summary="The metrics, and what each can be grouped by", responses=ERRORS)
    def metrics(caller: Annotated[Caller, Depends(_may(service, "metrics"))]) -> list[dict[str, Any]]:
        return [] if service.layer is None else [asdict(metric) for metric in service.layer.metrics]

    @app.get("/metrics/{name}", summary="The values of a metric", responses=ROWS, response_class=Response)
    def values(
        request: Request,
        name: str,
        caller: Annotated[Caller, Depends(_may(service, "metrics"))],
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
        _require_unlimited(caller)
        metric = service.metric(name)
        unknown = [one for one in by if one not in metric.dimensions]
        if unknown or service.layer is None:
            raise HTTPException(400, f"{name} can't be grouped by {', '.join(unknown)}; GET /metrics tells by what.")
        names = [*([f"{TIME}__{grain}"] if grain else []), *by]
        day = f"{{{{ TimeDimension('{TIME}', 'day') }}}}"
        limits = [f"{day} >= '{since}'"] if since else []
        limits += [f"{day} <= '{until}'"] if until else []
        sql = service.layer.sql(name, *names, where=limits)
        order = f"order by {', '.join(str(place + 1) for place in range(len(names)))} " if names else ""
        table = service.reader.query(f"select * from ({sql}) as metric {order}limit {limit} offset {offset}")
        return answer(request, table, format, service.reader.version, limit)


def _require_unlimited(caller: Caller) -> None:
    """Refuse what can't be limited to the rows of a role."""
    if caller.role.rows:
        raise ForbiddenError("This can't be limited to your rows, so you may not see it.")


def _may(service: Service, scope: str) -> Callable[..., Caller]:
    """A dependency that lets only callers pass whose token has a scope."""
    bearer = HTTPBearer(auto_error=False, description="A token of `martlet token`.")

    def check(given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> Caller:
        if not service.tokens.all():
            return Caller(None, Role(personal=False))
        token = service.tokens.find(given.credentials) if given else None
        if token is None:
            raise HTTPException(401, "Send a token: `Authorization: Bearer …`.", {"WWW-Authenticate": "Bearer"})
        if scope not in token.scopes:
            raise HTTPException(403, f"The token '{token.name}' may not read {scope}.")
        if token.role and token.role not in service.roles:
            raise HTTPException(403, f"The role '{token.role}' of the token '{token.name}' is not declared any more.")
        return Caller(token, service.roles.get(token.role, Role()))

    return check


def _guard(app: FastAPI, service: Service) -> None:
    """Rate limit, security headers, a record of each request, and errors that tell no more than they should."""
    recent: dict[str, deque[float]] = defaultdict(deque)

    @app.middleware("http")
    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        caller = request.headers.get("authorization") or (request.client.host if request.client else "")
        calls, now = recent[caller], time.monotonic()
        while calls and calls[0] < now - 60:
            calls.popleft()
        if len(calls) >= REQUESTS_A_MINUTE:
            response: Response = JSONResponse(
                {"detail": "Too many requests: wait a minute."}, 429, {"Retry-After": "60"}
            )
        else:
            calls.append(now)
            response = await call_next(request)
        response.headers.update(SECURITY)
        _record(service, request, response.status_code)
        return response

    @app.exception_handler(ForbiddenError)
    def forbidden(_: Request, error: ForbiddenError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 403)

    @app.exception_handler(NotFoundError)
    def missing(_: Request, error: NotFoundError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 404)

    @app.exception_handler(DataError)
    def unfit(_: Request, error: DataError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 400)

    @app.exception_handler(MartletError)
    def refused(_: Request, error: MartletError) -> JSONResponse:
        return JSONResponse({"detail": "The snapshot could not answer this."}, 400)


def _record(service: Service, request: Request, status: int) -> None:
    """One line of the audit log: when, who (by the token's name), what, and how it ended."""
    secret = (request.headers.get("authorization") or "").removeprefix("Bearer ")
    token = service.tokens.find(secret) if secret else None
    line = {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "token": token.name if token else None,
        "from": request.client.host if request.client else None,
        "path": request.url.path,
        "query": request.url.query,
        "status": status,
    }
    with service.log.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
