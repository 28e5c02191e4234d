"""What the server stands on."""

from dataclasses import dataclass
from pathlib import Path

from ml.boards.board import Board
from ml.boards.notes import Notes
from ml.errors import NotFoundError
from ml.project import Project
from ml.reading.access import Role, Tokens
from ml.reading.library import Library
from ml.serving.sessions import Sessions


@dataclass(frozen=True)
class Service:
    """What the routes stand on. Without any token everybody who reaches the server may do everything."""

    project: Project
    library: Library
    boards: dict[str, Board]
    notes: Notes
    tokens: Tokens
    sessions: Sessions
    roles: dict[str, Role]
    log: Path

    def board(self, name: str) -> Board:
        """A board by its name.

        Raises:
            NotFoundError: there is none.
        """
        if name not in self.boards:
            raise NotFoundError(f"There is no board '{name}'.")
        return self.boards[name]
