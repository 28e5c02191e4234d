"""Lives through the past: builds the project as of each date, trains what is due, scores, then meets outcomes."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from ml.cost import record_steps
from ml.dbt import Dbt
from ml.declaration import Prediction, read_predictions, select_predictions
from ml.errors import DataError, ProjectError
from ml.files import write_whole
from ml.manifest import Manifest
from ml.newest import newest
from ml.project import Project
from ml.report import Report
from ml.run import Outcome, build, look_after, predict, readers_of
from ml.warehouse import Warehouse, apart, copy_tables, is_table, opened

STATE = "replay.json"


@dataclass(frozen=True)
class Plan:
    """The dates to live through: from the first to the last, one every so often."""

    first: datetime
    last: datetime
    every: timedelta

    def dates(self) -> Iterator[datetime]:
        """Each date in turn."""
        date = self.first
        while date <= self.last:
            yield date
            date += self.every


@dataclass(frozen=True)
class Replayed:
    """Where a replay lies, what it did in this session, and how its predictions met their outcomes."""

    project: Project
    predictions: tuple[Prediction, ...]
    outcome: Outcome
    dates: int


def replay(project: Project, report: Report, plan: Plan, folder: Path, wait: float, *, fresh: bool) -> Replayed:
    """Replay the past into a database of its own; the live one is only read, and only for sources that are its tables.

    A replay that was interrupted goes on with the date at which it was; one that is complete may be prolonged.

    Raises:
        ProjectError: the project has no time travel, or the folder holds another replay.
        DataError: a model knows more than could be known at a date.
    """
    _require_time_travel(project)
    apart_project = _set_up(project, folder, fresh=fresh)
    state = _State.read(folder, _about(project, plan))
    if not Path(apart_project.connection["path"]).is_file():  # somebody has removed what was done
        state.done.clear()
    dbt = Dbt(_at(apart_project, plan.first))  # parsed with an as-of, so that incremental models are
    with report.step("parse", "project"):
        dbt.parse()
    if not Path(apart_project.connection["path"]).is_file():
        _copy_sources(project, apart_project.manifest, folder, wait)
    options = project.options
    declared = select_predictions(read_predictions(apart_project.manifest), options.select, options.exclude)
    # Nobody lived then who could approve a run.
    predictions = [replace(one, promote="auto") if one.promote == "manual" else one for one in declared]
    outcome, upstream = Outcome(), [f"+exposure:{prediction.name}" for prediction in predictions]
    todo = [date for date in plan.dates() if date.isoformat() not in state.done]
    for number, date in enumerate(todo):
        when = f"{date:%Y-%m-%d}"
        with report.step("build", when) as step:
            built = dbt.given(_at(apart_project, date)).build(upstream, tests=False)
            step.message = f"{built.models} models ({number + 1} of {len(todo)} dates)"
        with opened(apart_project, wait) as warehouse:
            for prediction in predictions:
                _require_past(prediction, warehouse, date)
                predict(prediction, warehouse, apart_project, report, outcome, when)
        if outcome.failed:
            return Replayed(apart_project, tuple(predictions), outcome, number)
        state.add(date)
    _meet_outcomes(apart_project, predictions, report, outcome, wait)
    return Replayed(apart_project, tuple(predictions), outcome, len(todo))


def _meet_outcomes(
    project: Project, predictions: list[Prediction], report: Report, outcome: Outcome, wait: float
) -> None:
    """Build everything with all that is known today, and judge the predictions by it."""
    dbt, options = Dbt(project), project.options
    with report.step("parse", "project"):
        dbt.parse()
    is_whole = not (options.select or options.exclude)
    names = {prediction.name for prediction in predictions}
    upstream = [] if is_whole else [f"+exposure:{name}" for name in sorted(names)]
    build(dbt, report, outcome, "outcomes", upstream, readers_of(project, None))
    with opened(project, wait) as warehouse:
        for prediction in predictions:
            look_after(prediction, warehouse, project, report, prediction.name)
        record_steps(report, warehouse)
    build(dbt, report, outcome, "reports", readers_of(project, None if is_whole else names), [])


def _set_up(project: Project, folder: Path, *, fresh: bool) -> Project:
    """The same project with a database, pipelines, snapshots and artifacts of its own, all in one folder."""
    if fresh and (folder / STATE).is_file():  # never a folder that no replay has made
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    connection = apart(project, folder)
    profiles = {project.profile: {"target": project.target, "outputs": {project.target: connection}}}
    path = folder / "profiles.yml"
    path.touch(mode=0o600)  # it may hold a secret
    path.write_text(yaml.safe_dump(profiles), encoding="utf-8")
    places = {"pipelines": str(folder / "pipelines"), "published": str(folder / "published")}
    options = replace(
        project.options, profiles_dir=str(folder), vars=_vars(project, **places), project_dir=str(project.directory)
    )
    return replace(
        project, profiles_directory=folder, connection=connection, options=options, artifacts=folder / "target"
    )


def _copy_sources(project: Project, manifest: Manifest, folder: Path, wait: float) -> None:
    """Copy the sources that are tables of the live database; those that are files are read where they lie."""
    tables = {
        (node["schema"], node.get("identifier") or node["name"]): node["relation_name"]
        for node in manifest.loaded_sources().values()
        if is_table(node)
    }
    if tables:
        copy_tables(project, tables, folder, wait)


def _vars(project: Project, **given: Any) -> str:  # noqa: ANN401 -- any JSON value
    """The vars of `--vars` and some more, as text for dbt."""
    own = yaml.safe_load(project.options.vars) if project.options.vars else {}
    return json.dumps({**own, **given}, default=str)


def _at(project: Project, date: datetime) -> Project:
    return replace(project, options=replace(project.options, vars=_vars(project, as_of=date.isoformat(sep=" "))))


def _require_time_travel(project: Project) -> None:
    words = ("var('as_of'", 'var("as_of"')
    texts = (path.read_text(encoding="utf-8") for path in project.files() if path.suffix == ".sql")
    if not any(word in text for text in texts for word in words):
        raise ProjectError(
            f"{project.directory}: nothing reads var 'as_of', so the past can't be built. Cut each source with a clock "
            "in staging, such as `where event_at < cast('{{ var(\"as_of\") }}' as timestamp)`; see docs/operations.md."
        )


def _require_past(prediction: Prediction, warehouse: Warehouse, date: datetime) -> None:
    """Refuse a feature model that knows more than was known at a date."""
    if prediction.as_of is None:
        return
    last, closed = newest(warehouse, prediction.relation, prediction.as_of, prediction.target)
    horizon = prediction.horizon or timedelta(0)
    if last and last > date:
        known = f"its newest as-of is {last:%Y-%m-%d}"
    elif closed and closed + horizon > date:
        known = f"it holds the outcome as of {closed:%Y-%m-%d}"
    else:
        return
    raise DataError(
        f"{prediction.feature_model} knows more than could be known at {date:%Y-%m-%d}: {known}. "
        "Cut its sources by var 'as_of'."
    )


def _about(project: Project, plan: Plan) -> dict[str, str]:
    """What must stay the same for a replay to go on."""
    selected = f"{sorted(project.options.select)} {sorted(project.options.exclude)}"
    return {
        "first": plan.first.isoformat(),
        "every": str(plan.every),
        "predictions": selected,
        "project": project.fingerprint(),
    }


@dataclass
class _State:
    """What a replay has done so far, kept in its folder."""

    path: Path
    about: dict[str, str]
    done: list[str]

    @classmethod
    def read(cls, folder: Path, about: dict[str, str]) -> "_State":
        path = folder / STATE
        if not path.is_file():
            state = cls(path, about, [])
            state.write()
            return state
        kept = json.loads(path.read_text(encoding="utf-8"))
        differing = [key for key, value in about.items() if kept["about"].get(key) != value]
        if differing:
            raise ProjectError(
                f"{folder} holds another replay ({', '.join(differing)} differ). Begin anew with --fresh, or give "
                "another --output-dir."
            )
        return cls(path, about, kept["done"])

    def add(self, date: datetime) -> None:
        self.done.append(date.isoformat())
        self.write()

    def write(self) -> None:
        write_whole(self.path, json.dumps({"about": self.about, "done": self.done}, indent=2))
