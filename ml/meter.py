"""Measures what this process has used so far."""

import os
import resource
import sys
from pathlib import Path


def core_seconds() -> float:
    """Processor time so far, of this process with all its threads and of its children that have ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def bytes_moved() -> tuple[int, int] | None:
    """Bytes that this process has read and written so far, cached or not; None where the system does not tell."""
    try:
        lines = Path("/proc/self/io").read_text().splitlines()
    except OSError:
        return None
    moved = {name: int(count) for name, _, count in (line.partition(": ") for line in lines)}
    return moved["rchar"], moved["wchar"]


def peak_bytes() -> int:
    """The most memory that this process has held so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
