"""The one module that starts dbt: in this process where it can, else by its command."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml.errors import DbtError, ProjectError
from ml.project import Project


@dataclass(frozen=True)
class DbtResult:
    """The outcome of one dbt command, from its `run_results.json`."""

    invocation_id: str
    models: int
    tests: int
    warnings: tuple[str, ...]
    seconds: float
    slowest: tuple[tuple[str, float], ...]


class Dbt:
    """dbt on one project. Commands of one process share what was parsed, which saves seconds a command."""

    def __init__(self, project: Project, parsed: Any = None) -> None:  # noqa: ANN401 -- dbt's own object
        """Nothing is started yet."""
        self._project = project
        self._parsed = parsed

    def given(self, project: Project) -> "Dbt":
        """Take up the same project with other options; what was parsed is kept."""
        return Dbt(project, self._parsed)

    def parse(self) -> None:
        """Write the manifest anew.

        Raises:
            ProjectError: the project can't be parsed.
        """
        self._parsed = self._invoke("parse", [])

    def build(self, select: Sequence[str] = (), exclude: Sequence[str] = (), *, tests: bool = True) -> DbtResult:
        """`dbt build` of a selection; nothing selected means all of it. Without `tests`, models and seeds alone.

        dbt's unit tests are left out: their rows are fixed, so that only a change of code can make them fail.

        Raises:
            DbtError: a node failed; what failed is named.
            ProjectError: dbt could not run.
        """
        before = last_invocation(self._project)
        arguments = [part for name in select for part in ("--select", name)]
        arguments += [part for name in exclude for part in ("--exclude", name)]
        for kind in ("unit_test",) if tests else ("unit_test", "test"):
            arguments += ["--exclude-resource-type", kind]
        if self._project.options.full_refresh:
            arguments.append("--full-refresh")
        if self._project.options.select:  # a test that also reads what is not selected may find it missing
            arguments += ["--indirect-selection", "buildable"]
        try:
            self._invoke("build", arguments)
        except _NodesFailedError:
            results = _run_results(self._project)
            is_ours = results.get("metadata", {}).get("invocation_id") != before
            raise _what_failed(results if is_ours else {}) from None
        return _summary(_run_results(self._project))

    def _invoke(self, command: str, arguments: Sequence[str]) -> Any:  # noqa: ANN401 -- dbt's own object
        project, given = self._project, self._project.options
        line = [command, *arguments, "--project-dir", str(project.directory)]
        line += ["--profiles-dir", str(project.profiles_directory)]
        # Only what was given: dbt parses all anew where these differ from those of the command before.
        line += ["--profile", given.profile] if given.profile else []
        line += ["--target", given.target] if given.target else []
        line += ["--target-path", str(project.artifacts)] if project.artifacts else []
        line += ["--vars", given.vars] if given.vars else []
        line += ["--threads", str(given.threads)] if given.threads and command == "build" else []
        with _inside(project.directory), _no_telemetry():
            # What dbt has to say is told by our report, from its results; all of it stands in its log file.
            return _start(["--log-level", "none", *line], self._parsed)


class _NodesFailedError(Exception):
    """dbt ran, and at least one node failed."""


def _start(arguments: Sequence[str], parsed: Any) -> Any:  # noqa: ANN401 -- dbt's own object
    try:
        from dbt.cli.main import dbtRunner
    except ImportError:  # dbt 2 is no Python package
        return _start_command(arguments)
    try:
        result = dbtRunner(manifest=parsed).invoke(list(arguments))
    finally:
        _let_go()
    if isinstance(result.exception, KeyboardInterrupt):
        raise result.exception
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise ProjectError(f"dbt could not run: {result.exception}")
    if not result.success:
        raise _NodesFailedError
    return result.result


def _let_go() -> None:
    """Close what adapters keep open between commands: the warehouse is needed by others now."""
    from dbt.adapters.factory import FACTORY

    for adapter in FACTORY.adapters.values():
        close = getattr(adapter.connections, "close_all_connections", None)
        if close is not None:
            close()


def _start_command(arguments: Sequence[str]) -> None:
    command = shutil.which("dbt")
    if command is None:
        raise ProjectError("dbt is not installed here: `pip install dbt-core dbt-duckdb`.")
    if subprocess.run([command, *arguments], check=False).returncode != 0:  # noqa: S603 -- dbt is ours to start
        raise _NodesFailedError


@contextlib.contextmanager
def _inside(directory: Path) -> Iterator[None]:
    """Work in the project: a relative path of the profile then means the same from anywhere."""
    before = os.getcwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)
        sys.stdout.flush()


@contextlib.contextmanager
def _no_telemetry() -> Iterator[None]:
    """Martlet never lets dbt call home, whatever the project says."""
    name = "DBT_SEND_ANONYMOUS_USAGE_STATS"
    before = os.environ.get(name)
    os.environ[name] = "false"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def last_invocation(project: Project) -> str:
    """The id of the last dbt command that built or tested anything; empty if unknown."""
    return str(_run_results(project).get("metadata", {}).get("invocation_id", ""))


def _run_results(project: Project) -> dict[str, Any]:
    try:
        content = json.loads((project.target_directory / "run_results.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # no command has got as far as writing it
        return {}
    return content if isinstance(content, dict) else {}


def _summary(results: dict[str, Any]) -> DbtResult:
    nodes = results.get("results", [])
    built = [node for node in nodes if not _is_test(node)]
    slowest = sorted(((node["unique_id"], node["execution_time"]) for node in nodes), key=lambda pair: -pair[1])
    return DbtResult(
        invocation_id=results.get("metadata", {}).get("invocation_id", ""),
        models=len(built),
        tests=len(nodes) - len(built),
        warnings=tuple(_told(node) for node in nodes if node["status"] == "warn"),
        seconds=results.get("elapsed_time", 0.0),
        slowest=tuple(slowest[:5]),
    )


def _is_test(node: dict[str, Any]) -> bool:
    return str(node["unique_id"]).startswith("test.")


def _what_failed(results: dict[str, Any]) -> DbtError:
    bad = [node for node in results.get("results", []) if node["status"] in ("error", "fail", "runtime error")]
    if not bad:
        return DbtError("`dbt build` failed before it ran anything; its log file (logs/dbt.log) tells why.")
    more = f"\n  … and {len(bad) - 5} more" if len(bad) > 5 else ""
    message = f"`dbt build` failed on {len(bad)} node(s):\n  " + "\n  ".join(map(_told, bad[:5])) + more
    return DbtError(message, {str(node["unique_id"]): _told(node) for node in bad})


def _told(node: dict[str, Any]) -> str:
    return f"{node['unique_id']}: {(node.get('message') or node['status']).strip()}"
