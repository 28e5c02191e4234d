"""Answers look-ups by key before a route is looked for: finding the row takes less time than finding the route."""

import re

from fastapi import Request, Response

from ml.serving.answers import answer_text
from ml.serving.service import Service

LOOK_UP = re.compile(r"/predictions/([^/]+)/(.+)", re.DOTALL)


def shortcut(service: Service, request: Request) -> Response | None:
    """What `/predictions/{name}/{entity}` answers whoever sees all rows; None for all else, which is for the routes."""
    asked = LOOK_UP.fullmatch(request.scope["path"])
    if asked is None or request.method != "GET" or request.scope["query_string"] or not _sees_all(service, request):
        return None
    name, entity = asked.groups()
    prediction = service.library.predictions.get(name)
    if prediction is None:
        return None
    version = service.library.reader.version
    found = service.library.reader.look_up(name, entity.split("/", len(prediction.entity) - 1))
    return None if found is None else answer_text(request, found, version)


def _sees_all(service: Service, request: Request) -> bool:
    if not service.tokens.all():
        return True
    token = service.tokens.find((request.headers.get("authorization") or "").removeprefix("Bearer "))
    return token is not None and "predictions" in token.scopes and not token.role
