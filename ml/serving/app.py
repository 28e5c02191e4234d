"""The server of a project: the API and the boards behind the same guards."""

from collections.abc import Sequence

from fastapi import FastAPI
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.middleware.trustedhost import TrustedHostMiddleware

from ml import __version__
from ml.serving.api import add_api
from ml.serving.board_routes import add_boards
from ml.serving.guards import guard
from ml.serving.service import Service


def make_app(service: Service, hosts: Sequence[str] = ("*",)) -> FastAPI:
    """The API and the boards over a published snapshot, for who asks for one of some hosts."""
    app = FastAPI(
        title="Martlet",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        description="Predictions, metrics and runs.",
    )
    guard(app, service)
    app.add_middleware(GZipMiddleware, minimum_size=1000)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))
    add_api(app, service)
    add_boards(app, service)
    return app
