"""Knows whether the warehouse still holds the last complete build of just this project and these data."""

import hashlib
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from ml import ledger
from ml.dbt import DbtResult, last_invocation
from ml.errors import ProjectError
from ml.project import Project
from ml.tables import SCHEMA
from ml.warehouse import Warehouse


def is_current(project: Project, warehouse: Warehouse) -> bool:
    """Whether nothing a build depends on has changed, and nobody else has built since."""
    builds = warehouse.table(SCHEMA, "builds")
    fingerprint = _fingerprint(project, warehouse)
    if fingerprint is None or project.options.full_refresh or not warehouse.columns(builds):
        return False
    last = warehouse.query(f"select fingerprint, invocation_id from {builds} order by finished_at desc limit 1")
    return bool(len(last)) and (last["fingerprint"][0], last["invocation_id"][0]) == (
        fingerprint,
        last_invocation(project),
    )


def remember(project: Project, warehouse: Warehouse, builds: Sequence[DbtResult], seconds: float) -> None:
    """Record a complete build, so that the next run can tell that nothing has changed."""
    row = {
        "build_id": str(uuid.uuid4()),
        "fingerprint": _fingerprint(project, warehouse),
        "invocation_id": last_invocation(project),
        "finished_at": datetime.now(UTC).replace(tzinfo=None),
        "models": sum(build.models for build in builds),
        "tests": sum(build.tests for build in builds),
        "seconds": seconds,
    }
    ledger.create_tables(warehouse)
    with warehouse.transaction():
        ledger.append(warehouse, "builds", [row])


def _fingerprint(project: Project, warehouse: Warehouse) -> str | None:
    """A hash of the project's files and of its sources' state; None if either can't be known without a build."""
    try:
        manifest = project.manifest
    except ProjectError:  # no manifest of today's project: a build will write it
        return None
    state = warehouse.source_state(manifest.loaded_sources().values())
    return None if state is None else hashlib.sha256(f"{project.fingerprint()}\n{state}".encode()).hexdigest()
