"""The main job: build what needs no predictions, check, train what is due, score, build what reads them, publish."""

from dataclasses import dataclass, field

from ml import ledger, state
from ml.dbt import Dbt, DbtResult
from ml.declaration import Prediction, read_predictions, select_predictions
from ml.errors import MartletError, WarehouseMissingError
from ml.profile import profile_sources
from ml.project import Project, open_project
from ml.publish import publish
from ml.report import Report
from ml.score import score
from ml.train import due, train
from ml.warehouse import Warehouse, make_room, opened


@dataclass
class Outcome:
    """What a run did: dbt builds, whether predictions changed, how each stands and how many rows it scored."""

    builds: list[DbtResult] = field(default_factory=list)
    has_news: bool = False
    standings: dict[str, tuple[ledger.Standing | None, int]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


def run(project: Project, report: Report, *, wait: float = 0.0) -> Outcome:
    """Do the main job for all predictions, or for those that `--select` names.

    A prediction that fails does not stop the others. When nothing has changed since the last complete run, nothing
    is built again.

    Raises:
        MartletError: a step failed that all others stand on.
    """
    outcome, dbt = Outcome(), Dbt(project)
    is_current = _is_current(project, wait)
    if is_current:
        report.say("Nothing has changed since the last complete run: no model is built again.")
    else:
        with report.step("parse", "project"):
            dbt.parse()
        project = open_project(project.options)
    options = project.options
    predictions = select_predictions(read_predictions(project.manifest), options.select, options.exclude)
    if not is_current:
        upstream = [f"+exposure:{prediction.name}" for prediction in predictions] if options.select else []
        _build(dbt, report, outcome, "models before predictions", upstream, _readers(project, None))
    with opened(project, wait) as warehouse:
        if not is_current:
            _profile(warehouse, project, report)
        for prediction in predictions:
            _predict(prediction, warehouse, project, report, outcome)
    if outcome.has_news or not is_current:
        readers = _readers(project, {prediction.name for prediction in predictions} if options.select else None)
        if readers:
            _build(dbt, report, outcome, "models on predictions", readers, [])
        _finish(project, report, outcome, wait)
    return outcome


def _is_current(project: Project, wait: float) -> bool:
    """Whether no build is needed. Waits for a process that holds the warehouse, as dbt would not."""
    try:
        with opened(project, wait) as warehouse:
            return state.is_current(project, warehouse)
    except WarehouseMissingError:
        make_room(project)
        return False


def _build(dbt: Dbt, report: Report, outcome: Outcome, name: str, select: list[str], exclude: list[str]) -> None:
    with report.step("build", name) as step:
        built = dbt.build(select, exclude)
        outcome.builds.append(built)
        step.message = f"{built.models} models, {built.tests} tests"
        step.details = {"models": built.models, "tests": built.tests, "slowest": dict(built.slowest)}
    for warning in built.warnings:
        report.say(warning, level="warn")


def _readers(project: Project, predictions: set[str] | None) -> list[str]:
    """Selectors of everything that reads what martlet writes.

    If predictions are named: only of what reads theirs, with all that it needs besides, which may not be built yet.
    """
    nodes = project.manifest.prediction_sources().values()
    if predictions is None:
        return sorted({f"source:{node['source_name']}+" for node in nodes})
    return [f"@source:{node['source_name']}.{node['name']}" for node in nodes if node["name"] in predictions]


def _profile(warehouse: Warehouse, project: Project, report: Report) -> None:
    with report.step("profile", "new sources") as step, report.progress("profile") as progress:
        profiles = profile_sources(project.manifest, warehouse, progress, only_new=True)
        step.status = "success" if len(profiles) else "skipped"
        step.message = f"{len(profiles)} columns described" if len(profiles) else "all are known"


def _predict(prediction: Prediction, warehouse: Warehouse, project: Project, report: Report, outcome: Outcome) -> None:
    name = prediction.name
    try:
        if due(prediction, warehouse):
            with report.step("train", name) as step, report.progress(f"train {name}") as progress:
                found = train(prediction, warehouse, project, progress)
                step.message, step.details = found.summary, vars(found)
            outcome.has_news = True
        with report.step("score", name) as step, report.progress(f"score {name}") as progress:
            scored = score(prediction, warehouse, project, progress)
            step.status = "success" if scored.rows else "skipped"
            step.message, step.details = scored.summary, vars(scored)
        outcome.standings[name] = ledger.standing(warehouse, scored.run_id), scored.rows
        outcome.has_news |= scored.rows > 0
    except MartletError as error:
        outcome.failed.append(name)
        report.say(str(error), level="error", prediction=name)


def _finish(project: Project, report: Report, outcome: Outcome, wait: float) -> None:
    """Publish, and if the whole project was done, remember it as complete."""
    is_whole = not (project.options.select or project.options.exclude)
    with opened(project, wait) as warehouse:
        with report.step("publish", "snapshot") as step:
            step.message = publish(project, warehouse).summary
        if is_whole and not outcome.failed:
            state.remember(project, warehouse, outcome.builds, report.elapsed)
