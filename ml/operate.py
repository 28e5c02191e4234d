"""The commands that put runs to work and watch them: decisions, and later what happens day after day."""

from collections.abc import Callable
from datetime import datetime
from getpass import getuser
from typing import TYPE_CHECKING, TypeVar

import click

from ml.declaration import Prediction, read_predictions, select_predictions
from ml.errors import ProjectError
from ml.invocation import Invocation, common, verb
from ml.keys import parse_span
from ml.report import Report
from ml.warehouse import Warehouse, opened

if TYPE_CHECKING:
    from ml.decisions import Verdict

MOMENT = click.DateTime(["%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"])
RunId = TypeVar("RunId", str, str | None)

PERFORMANCE_COLUMNS = (
    *("as_of", "run_id", "metric", "value", "lower", "upper", "predicted_mean", "actual_mean"),
    *("ripe_rows", "rows", "is_champion", "is_below_announced"),
)
SHOWN_AS_OFS = 13
DECISION_COLUMNS = ("decided_at", "decision", "run_id", "actor", "reason")


ACTOR = click.option("--actor", metavar="NAME", envvar="MARTLET_ACTOR", default=getuser, help="Who decides; you.")
REASON = click.option("--reason", metavar="TEXT", default="", help="Why, for the record.")
RUN = click.argument("run_id")


@click.command()
@verb(common())
def runs(invocation: Invocation) -> bool:
    """Show every training run with what became of it, and every decision with actor and reason.

    Example: martlet runs -s household_lapse
    """
    from ml import ledger
    from ml.decisions import state_of_runs

    report = invocation.report
    with opened(invocation.project, invocation.wait, read_only=True) as warehouse:
        for prediction in invocation.predictions():
            states = state_of_runs(warehouse, prediction.name)
            rows = []
            for run_id in reversed(ledger.run_ids(warehouse, prediction.name)):
                standing = ledger.standing(warehouse, run_id)
                rows.append((run_id, states.get(run_id, ""), *(standing.shown if standing else ("unknown",) * 4)))
            title = f"{prediction.name}: runs"
            report.table(title, ["run", "state", "metric", "test", "95 % interval", "baseline"], rows)
            decided = ledger.decisions(warehouse, prediction.name)[list(DECISION_COLUMNS)]
            report.table(f"{prediction.name}: decisions", DECISION_COLUMNS, decided.to_numpy().tolist())
    return True


@click.command()
@RUN
@ACTOR
@REASON
@verb(common())
def promote(invocation: Invocation, *, run_id: str, actor: str, reason: str) -> bool:
    """Make a run the champion; where the declaration names approvers, ask them to.

    Example: martlet promote household_lapse-20261125T120000-a1b2c3 --reason "tested in two shops"
    """
    from ml.decisions import promote as promote_run

    return _decide(invocation, run_id, promote_run, run_id, actor, reason)


@click.command()
@RUN
@ACTOR
@REASON
@verb(common())
def approve(invocation: Invocation, *, run_id: str, actor: str, reason: str) -> bool:
    """Grant the request to make a run champion.

    Example: martlet approve household_lapse-20261125T120000-a1b2c3
    """
    from ml.decisions import approve as approve_run

    return _decide(invocation, run_id, approve_run, run_id, actor, reason)


@click.command()
@RUN
@ACTOR
@click.option("--reason", metavar="TEXT", required=True, help="Why, for the record.")
@verb(common())
def reject(invocation: Invocation, *, run_id: str, actor: str, reason: str) -> bool:
    """Turn down the request to make a run champion.

    Example: martlet reject household_lapse-20261125T120000-a1b2c3 --reason "slices differ too much"
    """
    from ml.decisions import reject as reject_run

    return _decide(invocation, run_id, reject_run, run_id, actor, reason)


@click.command()
@click.argument("prediction")
@click.option("--to", "run_id", metavar="RUN", help="An earlier champion; the one before by default.")
@ACTOR
@REASON
@verb(common())
def rollback(invocation: Invocation, *, prediction: str, run_id: str | None, actor: str, reason: str) -> bool:
    """Give the place of champion back to the run before; the next scoring uses it.

    Example: martlet rollback household_lapse --reason "unit of spend has changed"
    """
    from ml.decisions import rollback as roll_back

    return _decide(invocation, prediction, roll_back, run_id, actor, reason)


def _decide(
    invocation: Invocation,
    about: str,
    decide: "Callable[[Prediction, Warehouse, RunId, str, str], Verdict]",
    run_id: RunId,
    actor: str,
    reason: str,
) -> bool:
    """Have something decided about a prediction or one of its runs, whose id begins with its name."""
    from ml.ledger import champion as champion_of

    known = read_predictions(invocation.project.manifest)
    name = about if about in known else about.rsplit("-", 2)[0]
    (prediction,) = select_predictions(known, (name,), ())
    with opened(invocation.project, invocation.wait) as warehouse:
        verdict = decide(prediction, warehouse, run_id, actor, reason)
        champion = champion_of(warehouse, prediction.name)
    stands = champion.run_id if champion else "none"
    invocation.report.say(f"{about}: {verdict.decision} ({verdict.reason}). Champion of {prediction.name}: {stands}.")
    return True


@click.command()
@click.option("--classify", is_flag=True, help="Also try to tell new rows from those learned from, and say by what.")
@verb(common())
def watch(invocation: Invocation, *, classify: bool) -> bool:
    """Judge predictions whose outcomes are known by now, measure drift, and tell what is wrong; wrong is exit code 1.

    Example: martlet watch -s household_lapse
    """
    from ml.run import Outcome, look_after, tell_owners
    from ml.watch.conditions import watched

    project, report, found = invocation.project, invocation.report, []
    with opened(project, invocation.wait) as warehouse:
        for prediction in invocation.predictions():
            found.append(look_after(prediction, warehouse, project, report, prediction.name))
            _show_outcomes(prediction, warehouse, report)
            if classify:
                _classify(prediction, warehouse, report)
        predictions = invocation.predictions()
        tell_owners(project, predictions, warehouse, report, Outcome(), watched(predictions))
    return not any(one.alarms for one in found)


def _show_outcomes(prediction: Prediction, warehouse: Warehouse, report: Report) -> None:
    """A table of what was predicted beside what came true, as-of by as-of."""
    from ml.watch.outcomes import latest_performance

    judged = latest_performance(prediction, warehouse)[list(PERFORMANCE_COLUMNS)].tail(SHOWN_AS_OFS)
    report.table(f"{prediction.name}: outcomes", PERFORMANCE_COLUMNS, judged.to_numpy().tolist())


def _classify(prediction: Prediction, warehouse: Warehouse, report: Report) -> None:
    """Tell whether a classifier knows the newest rows from those that the champion learned from."""
    from ml import ledger
    from ml.watch.apart import tell_apart

    champion = ledger.champion(warehouse, prediction.name)
    if champion is None:
        report.say(f"{prediction.name} has no champion, so there is nothing to tell apart.", level="warn")
        return
    with report.step("classify", prediction.name) as step:
        found = tell_apart(prediction, warehouse, champion)
        auc = f"roc_auc {found.auc.value:.3f} ({found.auc.lower:.3f} to {found.auc.upper:.3f})"
        step.message = f"{found.new_rows} new rows are {'told apart' if found.is_apart else 'like the others'}: {auc}"
        step.details = {"roc_auc": vars(found.auc), "features": dict(found.features)}
    rows = [(name, f"{value:.3f}") for name, value in found.features]
    report.table(f"{prediction.name}: what tells new rows apart", ["feature", "importance"], rows)


@click.command()
@click.argument("prediction")
@click.argument("entity", nargs=-1, required=True)
@click.option("--as-of", type=MOMENT, help="The as-of of the prediction; the newest by default.")
@verb(common())
def trace(invocation: Invocation, *, prediction: str, entity: tuple[str, ...], as_of: datetime | None) -> bool:
    """Tell where a stored prediction comes from: run, code, features, data, and who decided.

    ENTITY are the values of the entity's columns.

    Example: martlet trace household_lapse 1234
    """
    from ml.trace import trace as trace_row

    (declared,) = select_predictions(read_predictions(invocation.project.manifest), (prediction,), ())
    with opened(invocation.project, invocation.wait, read_only=True) as warehouse:
        found = trace_row(declared, warehouse, entity, as_of)
    invocation.report.table(f"{prediction}: {', '.join(entity)}", ["what", "which"], found.lines())
    return True


@click.command()
@verb(common())
def lineage(invocation: Invocation) -> bool:
    """Write the lineage from sources over predictions to boards, as JSON and as a page, into the target folder.

    Example: martlet lineage -s household_lapse
    """
    from ml.lineage import joined_lineage, write_lineage

    project = invocation.project
    with opened(project, invocation.wait, read_only=True) as warehouse:
        places = joined_lineage(invocation.predictions(), project.manifest, warehouse)
    data, page = write_lineage(places, project.target_directory)
    invocation.report.say(f"{len(places)} stations: {data}, {page}")
    return True


@click.command()
@click.option("--from", "first", type=MOMENT, required=True, help="The first date, such as 2017-10-02.")
@click.option("--to", "last", type=MOMENT, required=True, help="The last date.")
@click.option("--every", metavar="SPAN", default="7 days", help="From date to date, such as '7d'; a week by default.")
@click.option("--output-dir", metavar="DIR", default="warehouse/replay", help="Folder of the replay's own database.")
@click.option("--fresh", is_flag=True, help="Throw away what an earlier replay left there.")
@verb(common())
def replay(
    invocation: Invocation, *, first: datetime, last: datetime, every: str, output_dir: str, fresh: bool
) -> bool:
    """Live through the past: build as of each date, train what is due, score; then compare with what came true.

    Example: martlet replay --from 2017-10-02 --to 2017-12-25 --every 7d
    """
    from ml.replay import Plan
    from ml.replay import replay as replay_past

    project, report = invocation.project, invocation.report
    span = parse_span(every, "--every")
    if span is None or last < first:
        raise ProjectError(f"--to {last:%Y-%m-%d} lies before --from {first:%Y-%m-%d}.")
    folder = project.directory / output_dir
    done = replay_past(project, report, Plan(first, last, span), folder, invocation.wait, fresh=fresh)
    if done.outcome.failed:
        report.say(f"Failed: {', '.join(done.outcome.failed)}. The same command goes on from here.", level="error")
        return False
    with opened(done.project, invocation.wait, read_only=True) as warehouse:
        for prediction in done.predictions:
            _show_outcomes(prediction, warehouse, report)
    report.say(f"{done.dates} dates replayed in {report.elapsed:.0f} s, into {done.project.connection['path']}.")
    return True


COMMANDS = (runs, promote, approve, reject, rollback, watch, trace, lineage, replay)
