"""Finds out who calls: programs by their token, people by the session that they signed in to."""

from collections.abc import Awaitable, Callable
from getpass import getuser
from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from ml.errors import ForbiddenError
from ml.reading.access import Role, Token
from ml.reading.caller import Caller
from ml.serving.service import Service
from ml.serving.sessions import SESSION_COOKIE


def may(service: Service, scope: str) -> Callable[..., Awaitable[Caller]]:
    """A dependency that lets only programs pass whose token has a scope."""
    bearer = HTTPBearer(auto_error=False, description="A token of `martlet token`.")

    async def check(given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> Caller:
        if not service.tokens.all():
            return Caller("")
        token = service.tokens.find(given.credentials) if given else None
        if token is None:
            raise HTTPException(401, "Send a token: `Authorization: Bearer …`.", {"WWW-Authenticate": "Bearer"})
        caller = of_token(service, token)
        caller.require(scope)
        return caller

    return check


def secret_of(request: Request) -> str:
    """The secret that a program sends; empty if it sends none."""
    return (request.headers.get("authorization") or "").removeprefix("Bearer ")


def visitor(service: Service, request: Request) -> Caller | None:
    """Who looks at a page: who is signed in, or anybody where there are no tokens; None if one has to sign in first."""
    session = service.sessions.read(request.cookies.get(SESSION_COOKIE))
    if not service.tokens.all():
        return Caller(getuser(), csrf=session.csrf if session else "")
    token = service.tokens.of_hash(session.sha256) if session else None
    return of_token(service, token, session.csrf) if token and session else None


def of_token(service: Service, token: Token, csrf: str = "") -> Caller:
    """The caller that holds a token.

    Raises:
        ForbiddenError: its role is not declared any more.
    """
    if token.role and token.role not in service.roles:
        raise ForbiddenError(f"The role '{token.role}' of the token '{token.name}' is not declared any more.")
    return Caller(token.name, token.scopes, service.roles.get(token.role, Role()), csrf)
