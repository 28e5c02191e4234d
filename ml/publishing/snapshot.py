"""Gives readers a snapshot: a new file beside the old ones, and one link that moves onto it in one step."""

import os
import uuid
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ml.errors import WarehouseError
from ml.publishing.tables import PublicTable, readable
from ml.warehouse import Warehouse
from ml.warehouse.lookups import SUFFIX, LookUp, write_lookups

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


def publish_snapshot(
    tables: list[PublicTable],
    lookups: list[LookUp],
    warehouse: Warehouse,
    name: str,
    folder: Path,
    published_at: datetime,
) -> Published:
    """Copy tables into a new snapshot with look-ups beside it, then move the link onto it.

    The file is written under a temporary name and made read-only first, so readers never see half of it; a reader
    that has an old snapshot open keeps it. The newest three are kept.

    Raises:
        WarehouseError: the snapshot can't be written; the link stays where it was.
    """
    suffix = warehouse.snapshot_suffix
    link = folder / f"{name}{suffix}"
    path = folder / f"{name}-{published_at:%Y%m%dT%H%M%S%f}{suffix}"
    draft, beside = path.with_suffix(".draft"), path.with_suffix(f".draft{SUFFIX}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        queries = {
            (table.schema, table.name): readable(table, warehouse, published_at, lambda _: False) for table in tables
        }
        warehouse.snapshot(queries, draft)
        write_lookups(draft, beside, lookups)
        for written, final in ((beside, path.with_suffix(SUFFIX)), (draft, path)):
            written.chmod(0o444)
            written.rename(final)
        move_link(link, path)
        _prune(folder, name, suffix, keep=path)
    except OSError as error:
        raise WarehouseError(
            f"The snapshot {path} can't be written: {error}. Free the disk or make it writable."
        ) from error
    finally:
        _remove_drafts(folder)
    return Published(path, link, len(tables))


def move_link(link: Path, path: Path) -> None:
    """Let a link lead to something else in the same folder, in one step."""
    draft = link.with_name(f".{link.name}.{uuid.uuid4().hex[:6]}")
    draft.symlink_to(path.name)
    os.replace(draft, link)


def _prune(folder: Path, name: str, suffix: str, keep: Path) -> None:
    snapshots = sorted(file for file in folder.glob(f"{name}-*{suffix}") if not file.is_symlink())
    for old in snapshots[:-KEEP]:
        if old != keep:
            old.unlink(missing_ok=True)
    for beside in folder.glob(f"{name}-*{SUFFIX}"):  # of what is gone now, or never came
        if not beside.with_suffix(suffix).exists():
            beside.unlink(missing_ok=True)


def _remove_drafts(folder: Path) -> None:
    """Remove what this publish, or an earlier one that was killed, began and did not finish."""
    for leftover in folder.glob("*.draft*"):
        leftover.unlink(missing_ok=True)
