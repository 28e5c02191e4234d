"""Starts the API of a project: what it reads, who may call it, and where it listens."""

import ipaddress
import json
from pathlib import Path
from typing import TYPE_CHECKING

from ml.declaration import read_predictions
from ml.errors import ProjectError
from ml.project import Project
from ml.report import Report
from ml.serving.access import Tokens, read_roles
from ml.warehouse.reader import SnapshotReader

if TYPE_CHECKING:
    from ml.serving.app import Service
    from ml.serving.metrics import MetricLayer


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
        from ml.serving.app import Service
    except ImportError as error:
        raise ProjectError("To serve, install `martlet[serve]`.") from error
    predictions = read_predictions(project.manifest)
    databases = sorted({str(prediction.database) for prediction in predictions.values() if prediction.database})
    folder = project.published_directory
    links = sorted(path for path in folder.glob(f"{project.name}.*") if path.is_symlink())
    exposures = project.manifest.ml_exposures()
    log = project.directory / "logs" / "martlet_access.jsonl"
    log.parent.mkdir(parents=True, exist_ok=True)
    return Service(
        predictions=predictions,
        descriptions={name: exposures[name].get("description") or "" for name in predictions},
        personal={name: prediction.personal for name, prediction in predictions.items()},
        reader=SnapshotReader(
            links[0] if links else folder / project.name, databases[0] if databases else project.name
        ),
        layer=_layer(project.target_directory / "semantic_manifest.json"),
        tokens=tokens_of(project),
        roles=read_roles(project.variables),
        log=log,
        pipelines=project.pipelines_root,
    )


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

    report.say(f"Serving {service.reader.version} on http://{host}:{port}; /openapi.json tells what. Ctrl-C ends it.")
    uvicorn.run(make_app(service), host=host, port=port, log_level="warning", server_header=False)


def _layer(manifest: Path) -> "MetricLayer | None":
    """The metric layer, if the project has metrics and MetricFlow is installed."""
    if not manifest.is_file() or not json.loads(manifest.read_text(encoding="utf-8")).get("metrics"):
        return None
    try:
        from ml.serving.metrics import MetricLayer
    except ImportError:  # the extra `metrics` is optional
        return None
    return MetricLayer(manifest)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
