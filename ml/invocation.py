"""One invocation of a command: dbt's options and ours, the project, the report, and exit codes."""

import functools
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Any

import click

from ml.declaration import Prediction, read_predictions, select_predictions
from ml.errors import MartletError
from ml.project import Options, Project, open_project
from ml.report import Report, Step

Command = Callable[..., Any]

DESCRIBE = "\0describe"  # no profile can have this name
PROFILE = click.option("--profile", metavar="NAME", help="Profile to use instead of the project's.")
PROFILE_OR_DESCRIBE = click.option(
    "--profile",
    metavar="[NAME]",
    is_flag=False,
    flag_value=DESCRIBE,
    help="With a name: the profile to use. Alone: describe every source column (ml.source_profiles).",
)


def common(profile: Callable[[Command], Command] = PROFILE) -> list[Callable[[Command], Command]]:
    """The options of dbt by their own names there, then those that all of our verbs share."""
    return [
        click.option("--select", "-s", multiple=True, metavar="NAME", help="Predictions by name; all by default."),
        click.option("--exclude", multiple=True, metavar="NAME", help="Predictions to leave out."),
        click.option("--project-dir", metavar="DIR", help="Folder of dbt_project.yml; here or above by default."),
        click.option("--profiles-dir", metavar="DIR", help="Folder of profiles.yml; the project, here, or ~/.dbt."),
        profile,
        click.option("--target", "-t", metavar="NAME", help="Target of the profile."),
        click.option("--vars", metavar="YAML", help="Mapping that overrides the vars of dbt_project.yml."),
        click.option("--threads", type=click.IntRange(1), help="Threads for dbt."),
        click.option("--full-refresh", is_flag=True, help="Build everything anew, incremental models too."),
        click.option("--wait", default=0.0, metavar="SECONDS", help="How long to wait for a locked warehouse."),
        click.option(
            "--log-format", type=click.Choice(["text", "json"]), default="text", help="For people or machines."
        ),
        click.option("--quiet", "-q", is_flag=True, help="Only warnings, errors and the closing table."),
    ]


@dataclass(frozen=True)
class Invocation:
    """What every command works with."""

    project: Project
    report: Report
    wait: float

    def predictions(self) -> list[Prediction]:
        """The selected predictions of the project."""
        options = self.project.options
        return select_predictions(read_predictions(self.project.manifest), options.select, options.exclude)

    def each(self, kind: str, work: Callable[[Prediction, Step], None]) -> bool:
        """Do some work on each prediction; one that fails is told of and does not stop the others."""
        failed = False
        for prediction in self.predictions():
            try:
                with self.report.step(kind, prediction.name) as step:
                    work(prediction, step)
            except MartletError as error:
                if error.exit_code != 1:
                    raise
                failed = True
                self.report.say(str(error), level="error", prediction=prediction.name)
        return not failed


def verb(options: Iterable[Callable[[Command], Command]]) -> Callable[[Callable[..., bool]], Command]:
    """Give a command the common options, an invocation, and an exit code: 0 fine, 1 failed, 2 could not run."""

    def decorate(command: Callable[..., bool]) -> Command:
        @functools.wraps(command)
        def wrapped(*, wait: float, log_format: str, quiet: bool, **given: Any) -> None:  # noqa: ANN401 -- click's
            if given["profile"] == DESCRIBE:
                given |= {"profile": None, "describe": True}
            dbt = Options(**{field.name: given.pop(field.name) for field in fields(Options)})
            report = Report(command.__name__, log_format=log_format, quiet=quiet)
            sys.exit(_run(lambda project: command(Invocation(project, report, wait), **given), dbt, report))

        decorated: Command = wrapped
        for option in reversed(list(options)):
            decorated = option(decorated)
        return decorated

    return decorate


def _run(command: Callable[[Project], bool], options: Options, report: Report) -> int:
    project = None
    try:
        project = open_project(options)
        code = 0 if command(project) else 1
        report.write(project.target_directory, success=code == 0)
        return code
    except KeyboardInterrupt:
        error: Exception = MartletError(
            "Interrupted: the step at hand was undone; what was finished before it is kept."
        )
        code = 1
    except MartletError as raised:
        error, code = raised, raised.exit_code
    report.say(str(error), level="error")
    if project is not None:
        with suppress(MartletError):  # the record of a failure must not hide the failure
            report.write(project.target_directory, success=False)
    return code
