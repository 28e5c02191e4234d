"""What the server stands on, and who calls it."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ml.boards.declaration import Board
from ml.boards.models import Model
from ml.boards.notes import Notes
from ml.declaration import Prediction
from ml.errors import ForbiddenError, NotFoundError
from ml.project import Project
from ml.serving.access import SCOPES, Role, Tokens
from ml.serving.memory import Memory
from ml.serving.sessions import Sessions
from ml.warehouse.reader import SnapshotReader

if TYPE_CHECKING:
    from ml.serving.metrics import Metric, MetricLayer


RUN_ID = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Service:
    """What the routes stand on. Without any token everybody who reaches the server may do everything."""

    project: Project
    predictions: dict[str, Prediction]
    descriptions: dict[str, str]
    reader: SnapshotReader
    layer: "MetricLayer | None"
    models: dict[str, Model]
    boards: dict[str, Board]
    notes: Notes
    tokens: Tokens
    sessions: Sessions
    roles: dict[str, Role]
    log: Path
    memory: Memory = field(default_factory=Memory)

    @property
    def personal(self) -> frozenset[str]:
        """Names of columns that hold personal data in any public model."""
        return frozenset(name for model in self.models.values() for name in model.personal)

    def metric(self, name: str) -> "Metric":
        """A metric by its name.

        Raises:
            NotFoundError: there is none.
        """
        found = self.layer.metrics.get(name) if self.layer else None
        if found is None:
            raise NotFoundError(f"There is no metric '{name}'. GET /metrics lists them.")
        return found

    def prediction(self, name: str) -> Prediction:
        """A prediction by its name.

        Raises:
            NotFoundError: there is none.
        """
        if name not in self.predictions:
            raise NotFoundError(f"There is no prediction '{name}'. GET /predictions lists them.")
        return self.predictions[name]

    def board(self, name: str) -> Board:
        """A board by its name.

        Raises:
            NotFoundError: there is none.
        """
        if name not in self.boards:
            raise NotFoundError(f"There is no board '{name}'.")
        return self.boards[name]

    def card(self, run_id: str) -> Path | None:
        """The page of a run's model card, if this machine has it."""
        path = self.project.target_directory / "cards" / f"{run_id}.html"
        return path if RUN_ID.fullmatch(run_id) and path.is_file() else None


@dataclass(frozen=True)
class Caller:
    """Who asks: a name for the record, what may be done, the role that limits what is seen, and a session's secret."""

    name: str
    scopes: tuple[str, ...] = SCOPES
    role: Role = field(default_factory=Role)
    csrf: str = ""

    def require(self, scope: str) -> None:
        """Refuse what the caller may not do.

        Raises:
            ForbiddenError: it may not.
        """
        if scope not in self.scopes:
            raise ForbiddenError(f"'{self.name}' lacks the scope '{scope}'.")
