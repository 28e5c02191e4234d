"""Settings of the Superset that `make superset` sets up: for this machine alone, everything in one folder."""

import os
from pathlib import Path

HOME = Path(os.environ["SUPERSET_HOME"])
SECRET_KEY = (HOME / "secret").read_text()
SQLALCHEMY_DATABASE_URI = f"sqlite:///{HOME / 'superset.db'}"
# It listens to this machine over plain HTTP.
TALISMAN_ENABLED = False
SESSION_COOKIE_SAMESITE = "Strict"
