"""Gives readers a snapshot: a new file beside the old ones, and one link that moves onto it in one step."""

import os
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ml.errors import ProjectError, WarehouseError
from ml.manifest import Manifest
from ml.project import Project
from ml.tables import SCHEMA, TABLES
from ml.warehouse import Warehouse

KEEP = 3


@dataclass(frozen=True)
class Published:
    """A finished snapshot: the file, the link that readers open, and how many tables it holds."""

    path: Path
    link: Path
    tables: int

    @property
    def summary(self) -> str:
        """As a person would say it."""
        return f"{self.tables} tables in {self.path.name}, read through {self.link}"


def publish(project: Project, warehouse: Warehouse) -> Published:
    """Copy every public table and all of the schema `ml` into a new snapshot, then move the link onto it.

    The file is written under a temporary name and made read-only first, so readers never see half of it; a reader
    that has an old snapshot open keeps it. The newest three are kept.

    Raises:
        ProjectError: nothing public is built yet.
        WarehouseError: the snapshot can't be written; the link stays where it was.
    """
    relations = _public(project.manifest, warehouse)
    if not relations:
        raise ProjectError("No public model is built yet, so there is nothing to publish. Run `dbt build` first.")
    folder, suffix = project.published_directory, warehouse.snapshot_suffix
    link = folder / f"{project.name}{suffix}"
    path = folder / f"{project.name}-{datetime.now(UTC):%Y%m%dT%H%M%S%f}{suffix}"
    draft = path.with_suffix(".draft")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        warehouse.snapshot(relations, draft)
        draft.chmod(0o444)
        draft.rename(path)
        _move_link(link, path)
        _prune(folder, project.name, suffix, keep=path)
    except OSError as error:
        raise WarehouseError(
            f"The snapshot {path} can't be written: {error}. Free the disk or make it writable."
        ) from error
    finally:
        _remove_drafts(folder)
    return Published(path, link, len(relations))


def _public(manifest: Manifest, warehouse: Warehouse) -> dict[tuple[str, str], str]:
    """Public models and the tables of `ml` that exist, by schema and name."""
    nodes = [node for node in manifest.nodes.values() if node.get("resource_type") == "model"]
    named = {
        (node["schema"], node.get("alias") or node["name"]): node["relation_name"]
        for node in nodes
        if (node.get("config") or {}).get("access", node.get("access")) == "public" and node.get("relation_name")
    }
    predictions = [*TABLES, *manifest.ml_exposures()]
    named |= {(SCHEMA, name): warehouse.table(SCHEMA, name) for name in predictions}
    return {key: relation for key, relation in named.items() if warehouse.columns(relation)}


def _move_link(link: Path, path: Path) -> None:
    draft = link.with_name(f".{link.name}.{uuid.uuid4().hex[:6]}")
    draft.symlink_to(path.name)
    os.replace(draft, link)


def _prune(folder: Path, name: str, suffix: str, keep: Path) -> None:
    snapshots = sorted(file for file in folder.glob(f"{name}-*{suffix}") if not file.is_symlink())
    for old in snapshots[:-KEEP]:
        if old != keep:
            old.unlink(missing_ok=True)


def _remove_drafts(folder: Path) -> None:
    """Remove what this publish, or an earlier one that was killed, began and did not finish."""
    for leftover in folder.glob("*.draft*"):
        leftover.unlink(missing_ok=True)
