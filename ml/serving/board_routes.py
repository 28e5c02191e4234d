"""The pages: boards and their files, definitions, model cards, signing in, and what people write."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Depends, FastAPI, Form, Request, Response
from fastapi.responses import FileResponse, RedirectResponse

from ml.boards.about import about_metric, about_model
from ml.boards.assembly import board_view, choices_of, completed, file_of, require_seen
from ml.boards.board import MetricTile
from ml.boards.decide import DECIDE, decide
from ml.boards.notes import PENDING, Decision, Note, Target, now
from ml.boards.pages import TYPES, page, static_file
from ml.boards.state import read_day, read_state
from ml.errors import DataError, ForbiddenError, NotFoundError
from ml.reading.caller import Caller
from ml.reading.sight import Sight
from ml.serving.answers import FORMS, written
from ml.serving.callers import visitor
from ml.serving.service import Service
from ml.serving.sessions import SESSION_COOKIE, SESSION_SECONDS

Text = Annotated[str, Form(max_length=2000)]


class SignInError(Exception):
    """Somebody has to sign in first."""


def add_boards(app: FastAPI, service: Service) -> None:
    """Add the routes to an app; they are no part of the API's document."""

    def seen_by(request: Request) -> Sight:
        caller = visitor(service, request)
        if caller is None:
            raise SignInError
        return Sight(service.library, caller)

    @app.exception_handler(SignInError)
    def to_sign_in(request: Request, _: SignInError) -> Response:
        wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/signin?back={quote(wanted)}", 303)

    _add_static(app)
    _add_sessions(app, service)
    _add_pages(app, service, seen_by)
    _add_writing(app, service, seen_by)


def _add_static(app: FastAPI) -> None:
    @app.get("/static/{name}", include_in_schema=False)
    def static(name: str) -> Response:
        content = static_file(name)
        if content is None:
            raise NotFoundError(f"There is no file '{name}'.")
        kept = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(content, media_type=TYPES[name.rsplit(".", 1)[-1]], headers=kept)


def _add_sessions(app: FastAPI, service: Service) -> None:
    @app.get("/signin", include_in_schema=False)
    def sign_in(back: str = "/") -> Response:
        return page("signin", viewer=None, boards=(), back=_inside(back), wrong="")

    @app.post("/signin", include_in_schema=False)
    def signed_in(request: Request, token: Text, back: Text = "/") -> Response:
        found = service.tokens.find(token.strip())
        if found is None:
            wrong = "This token is not known, or it was revoked."
            return page("signin", status=401, viewer=None, boards=(), back=_inside(back), wrong=wrong)
        answer = RedirectResponse(_inside(back), 303)
        _remember(answer, service.sessions.begin(found), request.url.scheme)
        return answer

    @app.post("/signout", include_in_schema=False)
    def sign_out(request: Request, csrf: Text = "") -> Response:
        caller = visitor(service, request)
        if caller is not None:
            _require_own_form(caller, csrf)
        answer = RedirectResponse("/signin", 303)
        answer.delete_cookie(SESSION_COOKIE)
        return answer


def _add_pages(app: FastAPI, service: Service, seen_by: Callable[[Request], Sight]) -> None:
    @app.get("/", include_in_schema=False)
    def index(sight: Annotated[Sight, Depends(seen_by)]) -> Response:
        layer = service.library.layer if "metrics" in sight.caller.scopes else None
        metrics = [one for one in layer.metrics.values() if one.is_defined] if layer else []
        return _shown("index", sight, service, metrics=metrics)

    @app.get("/boards/{name}", include_in_schema=False)
    def board(request: Request, name: str, sight: Annotated[Sight, Depends(seen_by)]) -> Response:
        found = service.board(name)
        choices = choices_of(found, sight)
        state = completed(read_state(found, request.query_params.multi_items()), choices)
        tiles = board_view(found, state, sight, service.notes)
        return _shown("board", sight, service, board=found, state=state, filters=choices, tiles=tiles, current=name)

    @app.get("/boards/{name}/{tile}.csv", include_in_schema=False)
    def file(request: Request, name: str, tile: str, sight: Annotated[Sight, Depends(seen_by)]) -> Response:
        found = service.board(name)
        table = file_of(found, tile, read_state(found, request.query_params.multi_items()), sight)
        headers = {"Content-Disposition": f'attachment; filename="{name}-{tile}.csv"', "Cache-Control": "no-store"}
        return Response(written(table, "csv"), media_type=FORMS["csv"], headers=headers)

    @app.get("/about/metric/{name}", include_in_schema=False)
    def metric(name: str, sight: Annotated[Sight, Depends(seen_by)]) -> Response:
        return _shown("about", sight, service, about=about_metric(sight.metric(name), sight))

    @app.get("/about/model/{name}", include_in_schema=False)
    def model(name: str, sight: Annotated[Sight, Depends(seen_by)]) -> Response:
        return _shown("about", sight, service, about=about_model(sight.model(name), sight))

    @app.get("/cards/{run_id}", include_in_schema=False)
    def card(run_id: str, sight: Annotated[Sight, Depends(seen_by)]) -> Response:
        sight.caller.require("predictions")
        if sight.caller.role.rows:
            raise ForbiddenError("A model card tells of all rows, so you may not see it.")
        path = service.library.card(run_id)
        if path is None:
            raise NotFoundError(f"There is no model card of '{run_id}' here.")
        return FileResponse(path, media_type="text/html")


def _add_writing(app: FastAPI, service: Service, seen_by: Callable[[Request], Sight]) -> None:
    @app.post("/boards/{name}/{tile}/notes", include_in_schema=False)
    def note(
        name: str,
        tile: str,
        sight: Annotated[Sight, Depends(seen_by)],
        note: Text,
        csrf: Text,
        about_date: Text = "",
        query: Text = "",
    ) -> Response:
        _require_own_form(sight.caller, csrf, "note")
        require_seen(service.board(name), tile, sight, service.notes)
        if not note.strip():
            raise DataError("The note is empty.")
        about = read_day("about_date", about_date).isoformat() if about_date else ""
        service.notes.add(Note(name, tile, about, note.strip(), sight.caller.name, now()))
        return RedirectResponse(_inside(f"/boards/{name}{query}#{tile}"), 303)

    @app.post("/boards/{name}/{tile}/targets", include_in_schema=False)
    def target(
        name: str,
        tile: str,
        sight: Annotated[Sight, Depends(seen_by)],
        starts_on: Annotated[date, Form()],
        target_value: Annotated[float, Form(allow_inf_nan=False)],
        reason: Text,
        csrf: Text,
        query: Text = "",
    ) -> Response:
        _require_own_form(sight.caller, csrf, "note")
        if sight.caller.role.rows:
            raise ForbiddenError("A target holds for all rows, and you see some only.")
        found = service.board(name).tile(tile)
        if not isinstance(found, MetricTile):
            raise NotFoundError(f"The board '{name}' has no metric '{tile}'.")
        day = starts_on.isoformat()
        row = Target(found.metric, found.grain, day, target_value, reason.strip(), sight.caller.name, now())
        service.notes.add(row)
        return RedirectResponse(_inside(f"/boards/{name}{query}#{tile}"), 303)

    @app.post("/decisions", include_in_schema=False)
    def decision(
        sight: Annotated[Sight, Depends(seen_by)],
        run_id: Text,
        decision: Text,
        reason: Text,
        csrf: Text,
        back: Text = "/",
    ) -> Response:
        _require_own_form(sight.caller, csrf, "approve")
        if decision not in DECIDE:
            raise DataError(f"A run is approved or rejected, not '{decision}'.")
        prediction = service.library.prediction(run_id.rsplit("-", 2)[0])
        row = Decision(run_id, prediction.name, decision, reason.strip(), sight.caller.name, now(), PENDING)
        decide(row, prediction, service.project, service.notes)
        return RedirectResponse(_inside(back), 303)


def _shown(template: str, sight: Sight, service: Service, **content: Any) -> Response:  # noqa: ANN401 -- for the page
    """A page of somebody who is signed in, or who begins a session where nobody has to sign in."""
    caller, cookie = sight.caller, ""
    if not caller.csrf:
        cookie = service.sessions.begin(None)
        session = service.sessions.read(cookie)
        caller = replace(caller, csrf=session.csrf if session else "")
    answer = page(
        template,
        viewer=caller,
        signed_in=bool(service.tokens.all()),
        boards=tuple(service.boards.values()),
        version=service.library.reader.version,
        may_note="note" in caller.scopes,
        may_approve="approve" in caller.scopes,
        **content,
    )
    answer.headers["Cache-Control"] = "private, no-cache"
    if cookie:
        _remember(answer, cookie)
    return answer


def _remember(answer: Response, cookie: str, scheme: str = "http") -> None:
    safe = scheme == "https"
    answer.set_cookie(SESSION_COOKIE, cookie, SESSION_SECONDS, httponly=True, samesite="strict", secure=safe)


def _require_own_form(caller: Caller, csrf: str, scope: str = "") -> None:
    """Refuse what was not sent from one of our pages, or by somebody who may not.

    Raises:
        ForbiddenError: either.
    """
    if not caller.csrf or not secrets.compare_digest(caller.csrf, csrf):
        raise ForbiddenError("This form was not sent from the page that you looked at. Load the page again.")
    if scope:
        caller.require(scope)


def _inside(address: str) -> str:
    """An address of this server; the start page if it leads elsewhere."""
    is_ours = address.startswith("/") and not address.startswith(("//", "/\\")) and "\n" not in address
    return address if is_ours else "/"
