"""Answers look-ups by key before a route is looked for: finding the row takes less time than finding the route."""

import re

from fastapi import Request, Response

from ml.reading.access import Token
from ml.serving.answers import answer_text
from ml.serving.callers import secret_of
from ml.serving.service import Service

LOOK_UP = re.compile(r"/predictions/([^/]+)/(.+)", re.DOTALL)


def shortcut(service: Service, request: Request, token: Token | None) -> Response | None:
    """What `/predictions/{name}/{entity}` answers whoever sees all rows; None for all else, which is for the routes."""
    asked = LOOK_UP.fullmatch(request.scope["path"])
    if (
        asked is None
        or request.method != "GET"
        or request.scope["query_string"]
        or not _sees_all(service, request, token)
    ):
        return None
    name, entity = asked.groups()
    prediction = service.library.predictions.get(name)
    if prediction is None:
        return None
    version = service.library.reader.version
    found = service.library.reader.look_up(name, entity.split("/", len(prediction.entity) - 1))
    return None if found is None else answer_text(request, found, version)


def _sees_all(service: Service, request: Request, token: Token | None) -> bool:
    if not service.tokens.all():
        return True
    # A session is for pages: programs send their token.
    return bool(secret_of(request)) and token is not None and "predictions" in token.scopes and not token.role
