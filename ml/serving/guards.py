"""Rate limit, security headers, a record of each request, and errors that tell no more than they should."""

import json
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from ml.boards.pages import failure
from ml.errors import DataError, ForbiddenError, MartletError, NotFoundError
from ml.reading.access import Token
from ml.serving.callers import secret_of
from ml.serving.service import Service
from ml.serving.sessions import SESSION_COOKIE
from ml.serving.shortcut import shortcut

REQUESTS_A_MINUTE = 600  # of one caller
STATIC = "/static/"
# Nothing is loaded but from here; what a chart says is data, and is interpreted without eval.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Content-Security-Policy": POLICY,
}
STATUS = {ForbiddenError: 403, NotFoundError: 404, DataError: 400}


def guard(app: FastAPI, service: Service) -> None:
    """Put the guards around all routes."""
    recent: dict[str, deque[float]] = defaultdict(deque)

    @app.middleware("http")
    async def watch(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        token = _token(service, request)
        host = request.client.host if request.client else ""
        if request.url.path.startswith(STATIC):
            response = await call_next(request)
        elif _is_too_much(recent[f"token {token.name}" if token else host]):
            response = JSONResponse({"detail": "Too many requests: wait a minute."}, 429, {"Retry-After": "60"})
        else:
            response = shortcut(service, request, token) or await call_next(request)
        response.headers.update(SECURITY)
        _record(service, request, token, response.status_code)
        return response

    @app.exception_handler(MartletError)
    def refused(request: Request, error: MartletError) -> Response:
        status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 400)
        request.state.error = str(error)  # for the log; a caller might learn from it what it may not see
        text = str(error) if isinstance(error, tuple(STATUS)) else "The snapshot could not answer this."
        if "text/html" in request.headers.get("accept", ""):
            return failure(status, text)
        return JSONResponse({"detail": text}, status)


def _token(service: Service, request: Request) -> Token | None:
    """The token of a program or of somebody who is signed in; None where there is none that is known."""
    if secret := secret_of(request):
        return service.tokens.find(secret)
    session = service.sessions.read(request.cookies.get(SESSION_COOKIE))
    return service.tokens.of_hash(session.sha256) if session else None


def _is_too_much(calls: "deque[float]") -> bool:
    now = time.monotonic()
    while calls and calls[0] < now - 60:
        calls.popleft()
    if len(calls) >= REQUESTS_A_MINUTE:
        return True
    calls.append(now)
    return False


def _record(service: Service, request: Request, token: Token | None, status: int) -> None:
    """One line of the audit log: when, who (by the token's name), what, how it ended, and why if it failed."""
    line = {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "token": token.name if token else None,
        "from": request.client.host if request.client else None,
        "method": request.method,
        "path": request.url.path,
        "query": request.url.query,
        "status": status,
        "error": getattr(request.state, "error", None),
    }
    with service.log.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
