"""Runs one way of doing something in a process of its own, so that its peak memory is its own."""

import os
import sys


def measured(script: str, *arguments: str, python: str = sys.executable) -> tuple[float, float]:
    """Seconds that the script reports by `report`, and its peak memory in MiB.

    The script is called with the arguments and, last, the number of the pipe that it reports to.
    """
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        os.set_inheritable(writing, True)
        os.execv(python, [python, script, *arguments, str(writing)])  # noqa: S606
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    _, status, usage = os.wait4(process, 0)
    if status != 0:
        sys.exit(f"{' '.join(arguments)}: failed")
    return float(text), usage.ru_maxrss / 1024


def report(pipe: str, seconds: float) -> None:
    """Tell the caller of `measured` how long it took."""
    os.write(int(pipe), str(seconds).encode())
