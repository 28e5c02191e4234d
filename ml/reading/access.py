"""Who may see what: tokens with scopes, and roles with row filters. Tokens are stored as hashes alone."""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ml.errors import ProjectError
from ml.files import write_whole
from ml.words import nearest

SCOPES = ("metrics", "predictions", "score", "note", "approve")


@dataclass(frozen=True)
class Role:
    """What a role sees: rows whose columns have certain values, and personal columns or not."""

    name: str = ""
    rows: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    personal: bool = False


@dataclass(frozen=True)
class Token:
    """A caller: a name for the record, the hash of the secret, what it may do, and its role if it has one."""

    name: str
    sha256: str
    scopes: tuple[str, ...]
    role: str
    made_at: str


def read_roles(variables: Mapping[str, Any]) -> dict[str, Role]:
    """The roles of var `roles`.

    Raises:
        ProjectError: the var is not of the form `{name: {rows: {column: [values]}, personal: true}}`.
    """
    roles = {}
    for name, given in (variables.get("roles") or {}).items():
        known = {"rows", "personal"}
        if not isinstance(given, Mapping) or not set(given) <= known or not isinstance(given.get("rows", {}), Mapping):
            raise ProjectError(
                f"dbt_project.yml: var 'roles': '{name}' must be like {{rows: {{region: [north]}}, personal: false}}."
            )
        rows = {
            str(column): tuple(str(value) for value in (values if isinstance(values, list) else [values]))
            for column, values in (given.get("rows") or {}).items()
        }
        roles[str(name)] = Role(str(name), rows, bool(given.get("personal")))
    return roles


class Tokens:
    """The tokens of a project, in a file that only its owner may read."""

    def __init__(self, path: Path) -> None:
        """Nothing is read yet."""
        self.path = path
        self._read: tuple[int, list[Token]] = (0, [])

    def all(self) -> list[Token]:
        """Every token; the file is read again when it has changed."""
        try:
            changed = self.path.stat().st_mtime_ns
        except FileNotFoundError:
            return []
        if self._read[0] != changed:
            kept = json.loads(self.path.read_text(encoding="utf-8"))
            self._read = changed, [Token(**{**one, "scopes": tuple(one["scopes"])}) for one in kept]
        return self._read[1]

    def add(self, name: str, scopes: tuple[str, ...], role: str, roles: Mapping[str, Role]) -> str:
        """Make a token; returns its secret, which is kept nowhere.

        Raises:
            ProjectError: the name is taken, or a scope or the role is unknown.
        """
        known = self.all()
        if any(token.name == name for token in known):
            raise ProjectError(f"There is a token '{name}' already: revoke it first, or choose another name.")
        for scope in scopes:
            if scope not in SCOPES:
                raise ProjectError(f"The scope '{scope}' is unknown. {nearest(scope, SCOPES)}")
        if role and role not in roles:
            raise ProjectError(f"Var 'roles' has no role '{role}'. {nearest(role, roles)}")
        secret = f"martlet_{secrets.token_urlsafe(32)}"
        made_at = datetime.now(UTC).isoformat(timespec="seconds")
        self._write([*known, Token(name, _hash(secret), scopes, role, made_at)])
        return secret

    def revoke(self, name: str) -> None:
        """Remove a token; it is refused from now on.

        Raises:
            ProjectError: there is none of this name.
        """
        known = self.all()
        if all(token.name != name for token in known):
            raise ProjectError(f"There is no token '{name}'. {nearest(name, [token.name for token in known])}")
        self._write([token for token in known if token.name != name])

    def find(self, secret: str) -> Token | None:
        """The token of a secret."""
        return self.of_hash(_hash(secret))

    def of_hash(self, sha256: str) -> Token | None:
        """The token of a secret of which only the hash is known, unless it is revoked."""
        return next((token for token in self.all() if secrets.compare_digest(token.sha256, sha256)), None)

    def _write(self, tokens: list[Token]) -> None:
        write_whole(self.path, json.dumps([asdict(token) for token in tokens], indent=2), mode=0o600)


def _hash(secret: str) -> str:
    # A secret of 256 random bits can't be guessed, so a slow hash would only slow down each request.
    return hashlib.sha256(secret.encode()).hexdigest()
