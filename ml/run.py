"""The main job: build what needs no predictions, check, train what is due, score, build what reads them, publish."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

import pandas as pd

from ml import ledger, state
from ml.boards.decide import settle_waiting
from ml.boards.notes import Notes
from ml.cost import record_steps
from ml.dbt import Dbt, DbtResult
from ml.declaration import Prediction, read_predictions, select_predictions
from ml.due import why_due
from ml.errors import AlertError, DataError, DbtError, MartletError, WarehouseMissingError
from ml.profile import profile_sources
from ml.project import Project, open_project
from ml.publish import publish
from ml.report import Report
from ml.score import score
from ml.train import train
from ml.warehouse import Warehouse, make_room, opened
from ml.watch.alerts import STARTED, channels, tell
from ml.watch.conditions import conditions, covered, watched
from ml.watch.health import Bounds, bad_sources, check_sources
from ml.watch.watch import Watched, watch


@dataclass
class Outcome:
    """What a run did: dbt builds, whether predictions changed, how each stands and how many rows it scored.

    `failed` says what went wrong with a prediction, `bad` what is wrong with a source or model (by unique id), `held`
    which predictions were not scored for that, `undelivered` which alerts did not reach their owners.
    """

    builds: list[DbtResult] = field(default_factory=list)
    has_news: bool = False
    standings: dict[str, tuple[ledger.Standing | None, int]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    bad: dict[str, str] = field(default_factory=dict)
    held: list[str] = field(default_factory=list)
    undelivered: str = ""

    @property
    def is_fine(self) -> bool:
        """Whether nothing failed, was held, or could not be told."""
        return not (self.failed or self.bad or self.held or self.undelivered)


def run(project: Project, report: Report, *, wait: float = 0.0) -> Outcome:
    """Do the main job for all predictions, or for those that `--select` names.

    A prediction that fails does not stop the others, and neither does a bad source or model those that do not need it.
    When nothing has changed since the last complete run, nothing is built again.

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
    try:
        _work(dbt, project, predictions, report, outcome, wait, is_current=is_current)
    except DbtError as error:
        _note_broken(project, outcome, error)
        with suppress(WarehouseMissingError), opened(project, wait) as warehouse:
            tell_owners(project, predictions, warehouse, report, outcome, set())
        raise
    return outcome


def _work(
    dbt: Dbt,
    project: Project,
    predictions: list[Prediction],
    report: Report,
    outcome: Outcome,
    wait: float,
    *,
    is_current: bool,
) -> None:
    """Build, predict, build what reads predictions, publish."""
    options = project.options
    if not is_current:
        _examine_sources(project, report, outcome, wait)
        upstream = [f"+exposure:{prediction.name}" for prediction in predictions] if options.select else []
        _build_models(dbt, project, predictions, report, outcome, upstream)
    with opened(project, wait) as warehouse:
        for told in settle_waiting(predictions, warehouse, Notes(project.notes_path)):
            report.say(told)
            outcome.has_news = True
        if not is_current:
            _profile(warehouse, project, report)
        for prediction in predictions:
            if not _is_held(prediction, project, report, outcome):
                predict(prediction, warehouse, project, report, outcome, is_new=not is_current)
    if outcome.has_news or not is_current:
        readers = readers_of(project, {prediction.name for prediction in predictions} if options.select else None)
        if readers:
            build(dbt, report, outcome, "models on predictions", readers, _behind(project, outcome.bad))
        _finish(project, predictions, report, outcome, wait)


def _examine_sources(project: Project, report: Report, outcome: Outcome, wait: float) -> None:
    """Look at the sources before anything is built from them; on the first run nothing is known to compare with."""
    now = project.variables.get("as_of")
    try:
        with opened(project, wait) as warehouse, report.step("examine", "sources") as step:
            moment = pd.Timestamp(str(now)).to_pydatetime() if now else None
            found = check_sources(project.manifest, warehouse, Bounds.of(project.variables), moment)
            outcome.bad |= bad_sources(found)
            step.message = "; ".join(outcome.bad.values()) or f"{len(found)} checks, nothing is wrong"
            step.status = "failed" if outcome.bad else "success"
    except WarehouseMissingError:
        return


def _build_models(
    dbt: Dbt, project: Project, predictions: list[Prediction], report: Report, outcome: Outcome, upstream: list[str]
) -> None:
    """Build what needs no predictions. What fails is remembered, unless every prediction needs it."""
    exclude = [*readers_of(project, None), *_behind(project, outcome.bad)]
    try:
        build(dbt, report, outcome, "models before predictions", upstream, exclude)
    except DbtError as error:
        _note_broken(project, outcome, error)
        if not error.nodes or all(_why_held(prediction, project, outcome) for prediction in predictions):
            raise
        report.say(str(error), level="error")


def _note_broken(project: Project, outcome: Outcome, error: DbtError) -> None:
    """Remember what failed; of a test, what it tests."""
    for key, message in error.nodes.items():
        tested = (project.manifest.node(key).get("depends_on") or {}).get("nodes") or []
        broken = tested if key.startswith("test.") else [key]
        outcome.bad |= dict.fromkeys(broken, message)


def _behind(project: Project, bad: Iterable[str]) -> list[str]:
    """Selectors of bad sources and models with everything that is made from them."""
    nodes = [project.manifest.node(key) for key in bad]
    return sorted(
        f"source:{node['source_name']}.{node['name']}+" if node.get("resource_type") == "source" else f"{node['name']}+"
        for node in nodes
    )


def _is_held(prediction: Prediction, project: Project, report: Report, outcome: Outcome) -> bool:
    """Whether a prediction must wait, because something that it needs is bad; its predictions from before stay."""
    why = _why_held(prediction, project, outcome)
    if not why:
        return False
    with report.step("score", prediction.name) as step:
        step.status, step.message = "failed", f"held: {why}. The predictions from before stay in place."
    outcome.held.append(prediction.name)
    return True


def _why_held(prediction: Prediction, project: Project, outcome: Outcome) -> str:
    needed = (prediction.model_id, *project.manifest.upstream(prediction.model_id))
    return "; ".join(dict.fromkeys(outcome.bad[key] for key in needed if key in outcome.bad))


def _is_current(project: Project, wait: float) -> bool:
    """Whether no build is needed. Waits for a process that holds the warehouse, as dbt would not."""
    try:
        with opened(project, wait) as warehouse:
            return state.is_current(project, warehouse)
    except WarehouseMissingError:
        make_room(project)
        return False


def build(dbt: Dbt, report: Report, outcome: Outcome, name: str, select: list[str], exclude: list[str]) -> None:
    """`dbt build` of a selection as a step of the report."""
    with report.step("build", name) as step:
        built = dbt.build(select, exclude)
        outcome.builds.append(built)
        step.message = f"{built.models} models, {built.tests} tests"
        step.details = {"models": built.models, "tests": built.tests, "slowest": dict(built.slowest)}
    for warning in built.warnings:
        report.say(warning, level="warn")


def readers_of(project: Project, predictions: set[str] | None) -> list[str]:
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


def predict(
    prediction: Prediction,
    warehouse: Warehouse,
    project: Project,
    report: Report,
    outcome: Outcome,
    when: str = "",
    *,
    is_new: bool = True,
) -> None:
    """Train a prediction if that is due, score what waits, and look after it if the data are new or rows were scored.

    `when` is told with each step.
    """
    name = prediction.name
    told = f"{name} {when}".strip()
    try:
        why = why_due(prediction, warehouse)
        if why:
            _train(prediction, warehouse, project, report, outcome, told, why)
        with report.step("score", told) as step, report.progress(f"score {told}") as progress:
            scored = score(prediction, warehouse, project, progress)
            step.status = "success" if scored.rows else "skipped"
            step.message, step.details = scored.summary, vars(scored)
        outcome.standings[name] = ledger.standing(warehouse, scored.run_id), scored.rows
        outcome.has_news |= scored.rows > 0
        if is_new or scored.rows:
            look_after(prediction, warehouse, project, report, told)
    except MartletError as error:
        outcome.failed[name] = str(error)
        report.say(str(error), level="error", prediction=name)


def look_after(prediction: Prediction, warehouse: Warehouse, project: Project, report: Report, told: str) -> Watched:
    """Watch a prediction and warn of what is wrong."""
    with report.step("watch", told) as step:
        found = watch(prediction, warehouse, project)
        step.message, step.details = found.summary, {"alarms": [vars(alarm) for alarm in found.alarms]}
    for alarm in found.alarms:
        report.say(f"{prediction.name}: {alarm.message}. {alarm.remedy}", level="warn", prediction=prediction.name)
    return found


def _train(
    prediction: Prediction,
    warehouse: Warehouse,
    project: Project,
    report: Report,
    outcome: Outcome,
    told: str,
    why: str,
) -> None:
    """Train a prediction; what its check refuses to retrain leaves the champion, if there is one, as it is."""
    try:
        with report.step("train", told) as step, report.progress(f"train {told}") as progress:
            found = train(prediction, warehouse, project, progress)
            step.message, step.details = f"{found.summary} (due: {why})", vars(found)
        outcome.has_news = True
    except DataError as error:
        if ledger.champion(warehouse, prediction.name) is None:
            raise
        outcome.failed[prediction.name] = str(error)
        report.say(f"{error} The champion goes on.", level="error", prediction=prediction.name)


def _finish(project: Project, predictions: list[Prediction], report: Report, outcome: Outcome, wait: float) -> None:
    """Publish, tell owners, note the cost, and if the whole project was done, remember it as complete."""
    is_whole = not (project.options.select or project.options.exclude)
    with opened(project, wait) as warehouse:
        with report.step("publish", "snapshot") as step:
            step.message = publish(project, warehouse).summary
        looked_at = watched(predictions) | covered(predictions, project.manifest, is_whole=is_whole)
        tell_owners(project, predictions, warehouse, report, outcome, looked_at)
        record_steps(report, warehouse)
        if is_whole and outcome.is_fine:
            state.remember(project, warehouse, outcome.builds, report.elapsed)


def tell_owners(
    project: Project,
    predictions: list[Prediction],
    warehouse: Warehouse,
    report: Report,
    outcome: Outcome,
    looked_at: set[tuple[str, str]],
) -> None:
    """Send alerts of what began and ended since the last time; `looked_at` says of what that is known."""
    given = channels(project.variables)
    found = conditions(predictions, outcome.failed, outcome.bad, project.manifest, warehouse)
    try:
        with report.step("alert", "owners") as step:
            told = tell(found, looked_at, warehouse, given)
            begun = sum(event.event == STARTED for event in told)
            step.message = f"{begun} begun, {len(told) - begun} over, {len(found)} in all"
            step.status = "success" if told else "skipped"
    except AlertError as error:
        outcome.undelivered = str(error)
        report.say(str(error), level="error")
