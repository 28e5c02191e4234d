"""Keeps pipelines in a directory or a bucket, each under the name of its SHA-256."""

import hashlib
import secrets
from pathlib import Path
from typing import Any

from ml.errors import PipelineError
from ml.files import write_whole

SUFFIX = ".skops"


def store(data: bytes, root: str) -> tuple[str, str, int]:
    """Write a pipeline under the name of its hash; it is there completely or not at all.

    Args:
        data: what `dump` gave.
        root: a directory, or a URL that fsspec knows.

    Returns:
        The URI (for a directory, relative to it, so that both may be moved), the SHA-256, and the size in bytes.

    Raises:
        PipelineError: the place can't be written.
    """
    sha256 = hashlib.sha256(data).hexdigest()
    name = sha256 + SUFFIX
    try:
        if "://" in root:
            name = f"{root.rstrip('/')}/{name}"
            _write_remote(data, name)
        else:
            write_whole(Path(root) / name, data)
    except OSError as error:
        raise PipelineError(f"The pipeline can't be stored in {root}: {error}.") from error
    return name, sha256, len(data)


def fetch(uri: str, sha256: str, root: str = "") -> bytes:
    """The bytes of a stored pipeline, checked against their hash.

    Raises:
        PipelineError: the file is missing, can't be read, or was altered.
    """
    place = uri if "://" in uri else str(Path(root) / uri)
    try:
        data = _read_remote(uri) if "://" in uri else Path(place).read_bytes()
    except FileNotFoundError as error:
        raise PipelineError(f"The pipeline {place} is missing: restore the file, or train again.") from error
    except OSError as error:
        raise PipelineError(f"The pipeline {place} can't be read: {error}.") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise PipelineError(f"The pipeline {place} was altered (SHA-256 is not {sha256}): restore it or train again.")
    return data


def _write_remote(data: bytes, url: str) -> None:
    files, path = _remote(url)
    folder, name = path.rsplit("/", 1)
    draft = f"{folder}/.{name}.{secrets.token_hex(4)}"
    files.makedirs(folder, exist_ok=True)
    files.pipe_file(draft, data)
    files.mv(draft, path)


def _read_remote(url: str) -> bytes:
    files, path = _remote(url)
    return bytes(files.cat_file(path))


def _remote(url: str) -> tuple[Any, str]:
    try:
        import fsspec.core
    except ImportError as error:
        raise PipelineError(f"To use {url}, install `martlet[remote]`.") from error
    try:
        files, path = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise PipelineError(f"{url} can't be opened: {error}.") from error
    return files, path
