"""Gives readers what is public: always a snapshot, and wherever else they are told to look."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ml.declaration import read_predictions
from ml.errors import ProjectError, PublishError
from ml.project import Project
from ml.publishing.lookups import prediction_lookups
from ml.publishing.snapshot import publish_snapshot
from ml.publishing.tables import PublicTable, public_tables
from ml.settings import from_environment
from ml.warehouse import Warehouse
from ml.words import nearest

POSTGRES = ("postgres://", "postgresql://")
FORMS = ("parquet", "csv")


@dataclass(frozen=True)
class Published:
    """What was published, place by place, as a person would say it."""

    tables: int
    places: tuple[str, ...]

    @property
    def summary(self) -> str:
        """All places in one line."""
        return "; ".join(self.places)


def publish(project: Project, warehouse: Warehouse, to: Sequence[str] = ()) -> Published:
    """Publish every public table and all of the schema `ml` into a snapshot, and where `to` or var `publish_to` say.

    Args:
        project: says where snapshots lie.
        warehouse: is read.
        to: PostgreSQL URLs, `parquet:FOLDER` or `csv:FOLDER`; of the var if none are given.

    Raises:
        ProjectError: nothing public is built yet, or a place is of no known kind.
        WarehouseError: the snapshot can't be written.
        PublishError: another place can't be written. What readers see there stays as it was.
    """
    places = [
        from_environment(place, "publish_to", PublishError) for place in to or project.variables.get("publish_to") or ()
    ]
    for place in places:
        _refuse_unknown(place)
    tables = public_tables(project.manifest, warehouse)
    if not tables:
        raise ProjectError("No public model is built yet, so there is nothing to publish. Run `dbt build` first.")
    now = datetime.now(UTC).replace(tzinfo=None)
    lookups = prediction_lookups(read_predictions(project.manifest).values(), tables)
    snapshot = publish_snapshot(tables, lookups, warehouse, project.name, project.published_directory, now)
    done = [snapshot.summary]
    done += [_publish(place, project, tables, warehouse, now) for place in places]
    return Published(len(tables), tuple(done))


def _publish(place: str, project: Project, tables: list[PublicTable], warehouse: Warehouse, now: datetime) -> str:
    if place.startswith(POSTGRES):
        from ml.publishing.postgres import publish_postgres

        return publish_postgres(tables, warehouse, place, now).summary
    from ml.publishing.files import publish_files

    form, _, folder = place.partition(":")
    return publish_files(tables, warehouse, form, project.directory / folder, now)


def _refuse_unknown(place: str) -> None:
    form, colon, folder = place.partition(":")
    if not place.startswith(POSTGRES) and not (form in FORMS and colon and folder):
        hint = nearest(form, [*FORMS, "postgres"])
        raise ProjectError(
            f"'{form}' is no place to publish to: give postgres://…, parquet:FOLDER or csv:FOLDER. {hint}"
        )
