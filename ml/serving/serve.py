"""Starts the API and the boards of a project: what it reads, who may call it, and where it listens."""

import ipaddress
import json
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from ml.boards.declaration import Known, read_boards
from ml.boards.notes import Notes
from ml.declaration import read_predictions
from ml.errors import ProjectError
from ml.project import Project
from ml.publishing.tables import PUBLISHED_AT
from ml.reading.access import Tokens, read_roles
from ml.reading.library import Library
from ml.reading.models import public_models
from ml.report import Report
from ml.warehouse.reader import SnapshotReader

if TYPE_CHECKING:
    from ml.reading.metrics import MetricLayer
    from ml.serving.service import Service


# A page elsewhere could lead a browser to this machine under a name of its own.
LOCAL_NAMES = ("localhost", "127.0.0.1")


def tokens_of(project: Project) -> Tokens:
    """The tokens of a project: `warehouse/access.json`, or where var `access` says."""
    return Tokens(project.directory / str(project.variables.get("access") or "warehouse/access.json"))


def make_service(project: Project) -> "Service":
    """What the API of a project stands on.

    Raises:
        ProjectError: an extra is missing, or var `roles` can't be read.
        WarehouseError: nothing is published yet.
    """
    try:
        from ml.serving.service import Service
        from ml.serving.sessions import Sessions
    except ImportError as error:
        raise ProjectError("To serve, install `martlet[serve]`.") from error
    reader, layer = _reader(project), _layer(project.target_directory / "semantic_manifest.json")
    metrics = layer.metrics if layer else {}
    known = Known(
        public_models(project.manifest, _published(reader)),
        {name: metric.label for name, metric in metrics.items()},
        {name: metric.dimensions for name, metric in metrics.items()},
    )
    log = project.directory / "logs" / "martlet_access.jsonl"
    log.parent.mkdir(parents=True, exist_ok=True)
    tokens, predictions = tokens_of(project), read_predictions(project.manifest)
    cards = project.target_directory / "cards"
    return Service(
        project=project,
        library=Library(project.manifest, reader, layer, known.models, predictions, cards),
        boards=read_boards(project.manifest, known),
        notes=Notes(project.notes_path),
        tokens=tokens,
        sessions=Sessions(tokens.path.with_suffix(".key")),
        roles=read_roles(project.variables),
        log=log,
    )


def _published(reader: SnapshotReader) -> dict[tuple[str, str], dict[str, str]]:
    """What readers get, without what publishing adds to each row."""
    return {
        table: {name: type_ for name, type_ in columns.items() if name != PUBLISHED_AT}
        for table, columns in reader.columns().items()
    }


def _reader(project: Project) -> SnapshotReader:
    """Reads the project's snapshot under the name that its models have the database by."""
    models = (node for node in project.manifest.nodes.values() if node.get("relation_name"))
    databases = {str(node["database"]) for node in models if node.get("resource_type") == "model"}
    folder = project.published_directory
    links = sorted(path for path in folder.glob(f"{project.name}.*") if path.is_symlink())
    return SnapshotReader(links[0] if links else folder / project.name, min(databases, default=project.name))


def serve(project: Project, report: Report, host: str, port: int) -> None:
    """Serve until interrupted.

    Raises:
        ProjectError: it would listen beyond this machine without any token.
    """
    service = make_service(project)
    if not _is_loopback(host) and not service.tokens.all():
        raise ProjectError(
            f"On {host} everybody could read everything: make a token first (`martlet token NAME --scope predictions`)."
        )
    import uvicorn

    from ml.serving.app import make_app

    Thread(target=warm, args=(service,), daemon=True).start()
    app = make_app(service, LOCAL_NAMES if host in LOCAL_NAMES else ("*",))
    report.say(
        f"Serving {service.library.reader.version} on http://{host}:{port}; /openapi.json tells what. Ctrl-C ends it."
    )
    uvicorn.run(app, host=host, port=port, log_level="warning", server_header=False)


def warm(service: "Service") -> None:
    """Look at every board once, so that the first visitor does not wait for what all will see."""
    from ml.boards.assembly import board_view, choices_of, completed
    from ml.boards.pages import static_address
    from ml.boards.state import State
    from ml.reading.caller import Caller
    from ml.reading.sight import Sight

    static_address("vega.js")
    sight = Sight(service.library, Caller(""))
    for board in service.boards.values():
        board_view(board, completed(State(), choices_of(board, sight)), sight, service.notes)


def _layer(manifest: Path) -> "MetricLayer | None":
    """The metric layer, if the project has metrics and MetricFlow is installed."""
    if not manifest.is_file() or not json.loads(manifest.read_text(encoding="utf-8")).get("metrics"):
        return None
    try:
        from ml.reading.metrics import MetricLayer
    except ImportError:  # the extra `metrics` is optional
        return None
    return MetricLayer(manifest)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
