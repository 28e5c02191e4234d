"""Sessions of people at a browser, signed so that nobody can make one up."""

import os
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from itsdangerous import BadData, URLSafeTimedSerializer

from ml.reading.access import Token

SESSION_COOKIE = "martlet_session"
SESSION_SECONDS = 12 * 3600


@dataclass(frozen=True)
class Session:
    """Somebody at a browser: the token signed in with (its hash), and a secret that forms have to send back."""

    sha256: str
    csrf: str


class Sessions:
    """Signed sessions, kept by browsers; the key lies beside the tokens."""

    def __init__(self, path: Path) -> None:
        """Read the key, or make one that only its owner may read."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(file, "w", encoding="utf-8") as new:
                new.write(secrets.token_urlsafe(32))
        self._signer = URLSafeTimedSerializer(path.read_text(encoding="utf-8"), salt="martlet session")

    def begin(self, token: Token | None) -> str:
        """A new session as the text of a cookie; without a token for a place without tokens."""
        session = Session(token.sha256 if token else "", secrets.token_urlsafe(16))
        return str(self._signer.dumps(asdict(session)))

    def read(self, cookie: str | None) -> Session | None:
        """The session of a cookie; None if it is not ours, or over."""
        try:
            return Session(**self._signer.loads(cookie, max_age=SESSION_SECONDS)) if cookie else None
        except (BadData, TypeError):
            return None
