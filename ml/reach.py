"""The commands that reach people: API and boards, the tokens of those who may see them, and what they write."""

from pathlib import Path

import click

from ml.errors import ProjectError
from ml.invocation import Invocation, common, verb


@click.command()
@click.option("--host", default="127.0.0.1", help="Where to listen; this machine alone by default.")
@click.option("--port", type=click.IntRange(1, 65535), default=8765, help="On which port; 8765 by default.")
@verb(common())
def serve(invocation: Invocation, *, host: str, port: int) -> bool:
    """Serve the boards of the published snapshot, and its predictions, metrics and runs over HTTP (JSON, CSV, Arrow).

    Example: martlet serve --port 8765
    """
    from ml.serving.serve import serve as serve_api

    serve_api(invocation.project, invocation.report, host, port)
    return True


@click.command()
@click.argument("name", required=False)
@click.option(
    "--scope", multiple=True, help="What it may do: metrics, predictions, score, note, approve. Give it several times."
)
@click.option("--role", default="", help="A role of var `roles`, which limits the rows that are seen.")
@click.option("--revoke", is_flag=True, help="Remove the token.")
@verb(common())
def token(invocation: Invocation, *, name: str | None, scope: tuple[str, ...], role: str, revoke: bool) -> bool:
    """Make a token for NAME to call the API with, revoke it, or without a name list all.

    Example: martlet token spreadsheet --scope predictions
    """
    from ml.reading.access import read_roles
    from ml.serving.serve import tokens_of

    project, report = invocation.project, invocation.report
    tokens = tokens_of(project)
    if name is None:
        rows = [(one.name, " ".join(one.scopes), one.role, one.made_at) for one in tokens.all()]
        report.table("Tokens", ["name", "scopes", "role", "made at"], rows)
    elif revoke:
        tokens.revoke(name)
        report.say(f"The token '{name}' is refused from now on.")
    elif not scope:
        raise ProjectError(f"What may '{name}' read? Give --scope metrics or --scope predictions, or both.")
    else:
        secret = tokens.add(name, scope, role, read_roles(project.variables))
        report.say(f"The token of '{name}', which is shown this once: {secret}")
    return True


@click.command()
@click.option(
    "--to", "folder", type=click.Path(path_type=Path), help="Write each table as a CSV file into this folder."
)
@verb(common())
def notes(invocation: Invocation, *, folder: Path | None) -> bool:
    """List the notes, targets and decisions that people wrote on boards, or export them as seeds for review.

    Example: martlet notes --to seeds
    """
    from ml.boards.notes import Notes

    kept, report = Notes(invocation.project.notes_path), invocation.report
    if folder is not None:
        for path, rows in kept.export(folder):
            report.say(f"{path}: {rows} rows.")
        return True
    for title, header, listed in kept.listed():
        report.table(title, header, listed)
    return True


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@verb(common())
def superset(invocation: Invocation, *, file: Path) -> bool:
    """Write the boards as an archive FILE for Apache Superset: a database, datasets, charts and dashboards.

    Example: martlet superset superset.zip
    """
    from ml.boards.superset import write_assets
    from ml.serving.serve import make_service

    project = invocation.project
    service = make_service(project)
    charts = write_assets(project.name, service.library, service.boards, service.library.reader.link, file)
    invocation.report.say(
        f"{file}: {len(service.boards)} dashboards, {charts} charts; POST it to `/api/v1/assets/import/`."
    )
    return True


COMMANDS = (serve, token, notes, superset)
