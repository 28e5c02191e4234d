"""The one module that prints: steps, progress, tables and errors, for people or as JSON lines."""

import json
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from ml import __version__
from ml.errors import MartletError
from ml.files import write_whole
from ml.meter import bytes_moved, core_seconds, peak_bytes

LINE_EVERY_SECONDS = 5.0
LOG_WIDTH = 160

ProgressCallback = Callable[[float, str], None]


@dataclass
class Step:
    """One step of a command, as it is written to `martlet_run_results.json`."""

    name: str
    kind: str
    status: str = "running"
    message: str = ""
    seconds: float = 0.0
    core_seconds: float = 0.0
    peak_bytes: int = 0
    bytes_read: int | None = None
    bytes_written: int | None = None
    details: dict[str, Any] = field(default_factory=dict)


class Report:
    """Collects the steps of one invocation and tells of them while they happen."""

    def __init__(self, command: str, *, log_format: str = "text", quiet: bool = False) -> None:
        """Begin an invocation of `command`; `log_format` is text or json."""
        self.command = command
        self.invocation_id = str(uuid.uuid4())
        self.steps: list[Step] = []
        self._json = log_format == "json"
        self._quiet = quiet
        width = None if sys.stdout.isatty() else LOG_WIDTH
        self._console = Console(highlight=False, soft_wrap=True, width=width)
        self._errors = Console(stderr=True, highlight=False, soft_wrap=True, width=width)
        self._started = time.monotonic()

    def say(self, text: str, level: str = "info", **extra: Any) -> None:  # noqa: ANN401 -- any JSON value
        """One message; errors go to standard error."""
        if self._json:
            event = {"ts": datetime.now(UTC).isoformat(), "level": level, "invocation_id": self.invocation_id}
            sys.stdout.write(json.dumps({**event, "message": text, **extra}, default=str) + "\n")
            sys.stdout.flush()
        elif level == "error":
            self._errors.print(f"[bold red]Error:[/] {_plain(text)}")
        elif level == "warn":
            self._console.print(f"[yellow]Warning:[/] {_plain(text)}")
        elif not self._quiet:
            self._console.print(f"{datetime.now().astimezone():%H:%M:%S}  {_plain(text)}")

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A short table; as JSON one event with all rows."""
        if self._json:
            self.say(title, event="table", rows=[dict(zip(columns, row, strict=True)) for row in rows])
            return
        table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(_plain(str(value)) for value in row))
        self._console.print()
        self._console.print(table)

    @contextmanager
    def step(self, kind: str, name: str) -> Iterator[Step]:
        """Run one step: its outcome and time are recorded, whatever happens inside.

        Inside, set `status`, `message` and `details` of the yielded step; the status is "success" by default.
        """
        step = Step(name=name, kind=kind)
        self.steps.append(step)
        started, spent, before = time.monotonic(), core_seconds(), bytes_moved()
        if self._json:  # a log for people tells a step once, when it has ended
            self.say("started", event="start", kind=kind, name=name)
        try:
            yield step
            step.status = "success" if step.status == "running" else step.status
        except BaseException as error:
            step.status = "error" if isinstance(error, Exception) else "interrupted"
            step.message = str(error)
            raise
        finally:
            step.seconds = round(time.monotonic() - started, 3)
            step.core_seconds, step.peak_bytes = round(core_seconds() - spent, 3), peak_bytes()
            moved = bytes_moved()
            if before and moved:
                step.bytes_read, step.bytes_written = moved[0] - before[0], moved[1] - before[1]
            if step.status != "error":  # the error itself is told where it is caught
                self.say(_line(step), kind=kind, name=name, status=step.status, seconds=step.seconds)

    @contextmanager
    def progress(self, label: str) -> Iterator[ProgressCallback]:
        """A bar with the time left on a terminal; in a log, a plain line now and then."""
        if self._json or self._quiet or not self._console.is_terminal:
            yield self._progress_lines(label)
            return
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self._console, transient=True) as bar:
            task = bar.add_task(label, total=1.0)
            yield lambda done, note: bar.update(task, completed=done, description=f"{label}: {note}")

    def write(self, directory: Path, *, success: bool) -> None:
        """Write `martlet_run_results.json` beside dbt's own artifacts, in one step."""
        content = {
            "metadata": {
                "martlet_schema_version": 1,
                "martlet_version": __version__,
                "generated_at": datetime.now(UTC).isoformat(),
                "invocation_id": self.invocation_id,
                "command": self.command,
            },
            "success": success,
            "elapsed_time": round(time.monotonic() - self._started, 3),
            "results": [asdict(step) for step in self.steps],
        }
        path = directory / "martlet_run_results.json"
        try:
            write_whole(path, json.dumps(content, indent=2, default=str))
        except OSError as error:
            raise MartletError(f"{path} can't be written: {error}. Free the disk or make it writable.") from error

    @property
    def elapsed(self) -> float:
        """Seconds since the invocation began."""
        return time.monotonic() - self._started

    def _progress_lines(self, label: str) -> ProgressCallback:
        last = time.monotonic()

        def tell(done: float, note: str) -> None:
            nonlocal last
            if self._json or time.monotonic() - last >= LINE_EVERY_SECONDS:
                last = time.monotonic()
                self.say(f"{label}: {done:.0%}, {note}", event="progress", done=round(done, 3))

        return tell


def _line(step: Step) -> str:
    outcome = {"success": "OK", "skipped": "SKIP", "failed": "FAIL"}.get(step.status, step.status.upper())
    message = f": {step.message}" if step.message else ""
    return f"{outcome:<4} {step.kind} {step.name}{message} [{step.seconds:.1f} s]"


def _plain(text: str) -> str:
    return text.replace("[", r"\[")
