"""Measures what this process has used so far."""

import os
import resource
import sys
from pathlib import Path

TICKS = slice(11, 15)  # of /proc/PID/stat behind the name: of the process and its ended children, as user and system


def core_seconds() -> float:
    """Processor time so far, of this process with all its threads and of its children, running or ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system + _of_running_children()


def _of_running_children() -> float:
    """Processor time so far of children that still run, and of theirs that ended; 0 where the system does not tell."""
    ticks = 0
    for listed in Path("/proc/self/task").glob("*/children"):
        for child in listed.read_text().split():
            try:
                fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has ended, and counts as such
                continue
            ticks += sum(int(count) for count in fields[TICKS])
    return ticks / os.sysconf("SC_CLK_TCK")


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
