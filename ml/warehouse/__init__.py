"""The one door to the data: opens the engine that the project's profile names."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ml.errors import WarehouseError
from ml.project import Project
from ml.warehouse.duck import is_table, open_duckdb
from ml.warehouse.protocol import Column, Warehouse
from ml.words import nearest

__all__ = ["Column", "Warehouse", "apart", "copy_tables", "is_table", "make_room", "open_warehouse", "opened"]

ENGINES = {"duckdb": open_duckdb}


def make_room(project: Project) -> None:
    """Make the folder of a database file that dbt will create.

    Raises:
        WarehouseError: it can't be made.
    """
    folder = _database(project).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WarehouseError(f"The warehouse's folder {folder} can't be made: {error}.") from error


def open_warehouse(project: Project, *, wait: float = 0.0, read_only: bool = False) -> Warehouse:
    """Open the database of the project's profile target.

    Args:
        project: the project whose profile names the database.
        wait: how many seconds to wait for a process that holds the database.
        read_only: leave the database as it is; several readers may then share it.

    Raises:
        WarehouseError: the database can't be opened.
    """
    kind = str(project.connection.get("type"))
    if kind not in ENGINES:
        raise WarehouseError(
            f"profile '{project.profile}', target '{project.target}': type '{kind}' is not "
            f"supported. {nearest(kind, ENGINES)}"
        )
    return ENGINES[kind](project.connection, project.directory, wait=wait, read_only=read_only)


def apart(project: Project, folder: Path) -> dict[str, Any]:
    """The connection of the project's profile target to a database of its own in another folder."""
    return {**project.connection, "path": str(folder / _database(project).name)}


def copy_tables(project: Project, relations: Mapping[tuple[str, str], str], folder: Path, wait: float) -> None:
    """Copy tables of the project's database, by schema and name, into a new database in another folder."""
    with opened(project, wait) as warehouse:
        queries = {key: f"select * from {relation}" for key, relation in relations.items()}
        warehouse.snapshot(queries, folder / _database(project).name)


def _database(project: Project) -> Path:
    return project.directory / str(project.connection.get("path") or ".")


@contextmanager
def opened(project: Project, wait: float, *, read_only: bool = False) -> Iterator[Warehouse]:
    """The project's warehouse (see `open_warehouse`), given back at the end."""
    warehouse = open_warehouse(project, wait=wait, read_only=read_only)
    try:
        yield warehouse
    finally:
        warehouse.close()
