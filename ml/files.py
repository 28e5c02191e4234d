"""Writes files in one step: whoever reads finds the old one, or the new one as a whole."""

import os
import secrets
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, content: str | bytes, mode: int = 0o666) -> None:
    """Write a file with its folder; text in UTF-8. It outlives a power cut.

    Args:
        path: the file, which may be there already.
        content: what it holds from now on.
        mode: its permissions, less the user's mask.

    Raises:
        OSError: the place can't be written; the old file is as it was.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)  # the new name, too, must outlive a power cut
    finally:
        os.close(directory)
