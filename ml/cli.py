"""The command line: translates options into calls and outcomes into exit codes; the work is done elsewhere."""

import json
from dataclasses import replace
from typing import Any

import click

from ml import __version__, operate, reach
from ml.declaration import Prediction, Search
from ml.invocation import PROFILE_OR_DESCRIBE, Invocation, common, verb
from ml.report import Step
from ml.warehouse import opened

PROFILE_COLUMNS = (
    *("column_name", "column_type", "rows", "nulls", "distinct_values", "min_value", "max_value"),
    *("quantiles 5 25 50 75 95 %", "top values"),
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="martlet")
def main() -> None:
    """Predictions as a first-class part of a dbt project.

    \b
    Examples:
      martlet run                          build, train, score, report and publish
      martlet train -s household_lapse     train one prediction
      martlet check --profile              describe every source column

    Exit codes are dbt's: 0 fine, 1 something failed, 2 could not run.
    """  # noqa: D301 -- click's mark for a block that keeps its line breaks


@main.command()
@verb(common())
def run(invocation: Invocation) -> bool:
    """Build, check, train what is due, score, build what reads predictions, publish.

    Example: martlet run
    """
    from ml.run import run as run_all

    project, report = invocation.project, invocation.report
    outcome = run_all(project, report, wait=invocation.wait)
    steps = [(step.kind, step.name, step.message, f"{step.seconds:.1f}") for step in report.steps]
    report.table(f"Done in {report.elapsed:.1f} s", ["step", "of", "result", "seconds"], steps)
    stands = [
        (name, *(standing.shown if standing else ("unknown",) * 4), rows)
        for name, (standing, rows) in outcome.standings.items()
    ]
    report.table("Champions", ["prediction", "metric", "test", "95 % interval", "baseline", "rows scored"], stands)
    if outcome.failed:
        report.say(f"Failed: {', '.join(outcome.failed)}; the reason of each stands above.", level="error")
    if outcome.held:
        report.say(f"Not scored: {', '.join(outcome.held)}; what they need is bad, see above.", level="error")
    report.say(
        f"Look next: the snapshot for BI tools in {project.published_directory}, "
        f"the record for machines in {project.target_directory / 'martlet_run_results.json'}."
    )
    return outcome.is_fine


@main.command()
@verb(common(PROFILE_OR_DESCRIBE))
def check(invocation: Invocation, *, describe: bool = False) -> bool:
    """Can the data carry each prediction? With --profile alone: describe every source column.

    Example: martlet check -s household_lapse
    """
    return _describe(invocation) if describe else _check(invocation)


def _check(invocation: Invocation) -> bool:
    from ml.check import check as check_prediction
    from ml.examine import period_rows, record_check, told

    report, ready = invocation.report, True
    with opened(invocation.project, invocation.wait) as warehouse:
        for prediction in invocation.predictions():
            with report.step("check", prediction.name) as step:
                found = check_prediction(prediction, warehouse)
                record_check(found, warehouse)
                step.status = "success" if found.is_ready else "failed"
                step.message = found.summary
                step.details = {"verdict": found.verdict, "findings": [vars(finding) for finding in found.findings]}
            for finding in found.findings:
                if finding.level == "error":
                    report.say(finding.message, level="error", check=finding.check)
            if found.findings:
                report.table(f"{prediction.name}: {found.verdict}", *told(found))
            if found.periods is not None:
                report.table(f"{prediction.name}: periods", *period_rows(found.periods))
            ready &= found.is_ready
    return ready


def _describe(invocation: Invocation) -> bool:
    from ml.profile import profile_sources

    report, project = invocation.report, invocation.project
    with (
        opened(project, invocation.wait) as warehouse,
        report.step("profile", "sources") as step,
        report.progress("profile") as progress,
    ):
        profiles = profile_sources(project.manifest, warehouse, progress)
        step.message = f"{len(profiles)} columns, kept in ml.source_profiles"
    for (source, table), rows in profiles.groupby(["source_name", "table_name"]):
        report.table(f"{source}.{table}", PROFILE_COLUMNS, [_described(row) for row in rows.to_dict("records")])
    return True


def _described(row: dict[Any, Any]) -> list[object]:
    """A source column for people: quantiles and top values in few words."""
    quantiles = " ".join(f"{value:.4g}" for value in json.loads(row["quantiles"]).values())
    top = ", ".join(f"{value} ({count})" for value, count in json.loads(row["top_values"])[:3])
    return [*(row[name] for name in PROFILE_COLUMNS[:7]), quantiles, top]


@main.command()
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="Search budget of each prediction.")
@click.option("--trials", type=click.IntRange(1), help="Search by a number of trials: repeats exactly.")
@click.option("--force", is_flag=True, help="Train though the check finds leaks or too little data; the run says so.")
@verb(common())
def train(invocation: Invocation, *, seconds: float | None, trials: int | None, force: bool) -> bool:
    """Train predictions on their closed rows; the first good run becomes champion.

    Example: martlet train -s household_lapse --seconds 30
    """
    from ml.train import train as train_prediction

    project, report = invocation.project, invocation.report

    def work(prediction: Prediction, step: Step) -> None:
        search = prediction.search
        budget = Search(seconds or search.seconds, trials or search.trials)
        with report.progress(f"train {prediction.name}") as progress:
            found = train_prediction(replace(prediction, search=budget), warehouse, project, progress, force=force)
        step.message, step.details = found.summary, vars(found)

    with opened(project, invocation.wait) as warehouse:
        return invocation.each("train", work)


@main.command()
@click.option("--rescore", is_flag=True, help="Score open rows again that have a prediction already.")
@verb(common())
def score(invocation: Invocation, *, rescore: bool) -> bool:
    """Score open rows with the champion and append the predictions to the schema ml.

    Example: martlet score -s household_lapse
    """
    from ml.score import score as score_prediction

    project, report = invocation.project, invocation.report

    def work(prediction: Prediction, step: Step) -> None:
        with report.progress(f"score {prediction.name}") as progress:
            scored = score_prediction(prediction, warehouse, project, progress, rescore=rescore)
        step.status = "success" if scored.rows else "skipped"
        step.message, step.details = scored.summary, vars(scored)

    with opened(project, invocation.wait) as warehouse:
        return invocation.each("score", work)


@main.command()
@click.option("--to", multiple=True, metavar="PLACE", help="postgres://…, parquet:FOLDER or csv:FOLDER besides.")
@verb(common())
def publish(invocation: Invocation, *, to: tuple[str, ...]) -> bool:
    """Copy public tables and predictions into a new read-only snapshot, and to PostgreSQL or files if told so.

    Example: martlet publish --to postgres://martlet@db.example.com/shop
    """
    from ml.publish import publish as publish_all

    project, report = invocation.project, invocation.report
    with opened(project, invocation.wait) as warehouse, report.step("publish", "public tables") as step:
        step.message = publish_all(project, warehouse, to).summary
    return True


@main.command()
@click.argument("population")
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), default=120.0, help="Budget; 120 by default.")
@click.option("--most", type=click.IntRange(1, 120), default=60, help="Features to keep at most; 60 by default.")
@click.option("--output-dir", metavar="DIR", default="models/features", help="Folder of the project to write to.")
@click.option("--force", is_flag=True, help="Write over files that were changed since Martlet wrote them.")
@verb(common())
def features(
    invocation: Invocation, *, population: str, seconds: float, most: int, output_dir: str, force: bool
) -> bool:
    """Write a feature model for POPULATION, a model of entities, as-ofs and a target, from the project's foreign keys.

    Example: martlet features pop_churn
    """
    from ml.dbt import Dbt
    from ml.features.compose import compose
    from ml.features.files import write_files

    project, report = invocation.project, invocation.report
    Dbt(project).parse()
    with (
        opened(project, invocation.wait, read_only=True) as warehouse,
        report.step("features", population) as step,
        report.progress(f"features {population}") as progress,
    ):
        found = compose(population, project.manifest, warehouse, progress, seconds, most)
        written = write_files(found, project.manifest, project, output_dir, force=force)
        step.message = found.summary
        step.details = {"files": [vars(one) | {"path": str(one.path)} for one in written], "notes": list(found.notes)}
    for note in found.notes:
        report.say(note, level="warn")
    for one in written:
        if one.difference:
            report.say(one.difference)
        report.say(f"{one.path.relative_to(project.directory)}: {one.outcome}")
    rows = [(f"{one.share:.1%}", one.feature.name, one.feature.description, one.feature.path) for one in found.chosen]
    report.table(f"{found.model}: {found.summary}", ["importance", "feature", "what it tells", "by"], rows)
    if any(one.outcome == "kept" for one in written):
        report.say(
            "Nothing was written: a file was changed since Martlet wrote it (see the difference above). Take over what "
            "you like, or give --force.",
            level="error",
        )
        return False
    report.say(
        f"Look next: `dbt build --select +{found.model}`, then `martlet train --select {found.population.name}`."
    )
    return True


for command in (*operate.COMMANDS, *reach.COMMANDS):
    main.add_command(command)
