"""Who asks, and what for."""

from dataclasses import dataclass, field

from ml.errors import ForbiddenError
from ml.reading.access import SCOPES, Role


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
