"""The files of a feature model: written whole, and never over what the analyst changed."""

import difflib
import hashlib
import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ml.errors import DeclarationError, ProjectError
from ml.features.compose import Composed
from ml.files import write_whole
from ml.manifest import Manifest
from ml.project import Project

MARK = re.compile(r"^(-- |# )martlet features; sha256 of what is above: ([0-9a-f]{64})\n?\Z", re.M)
PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ .()/%-]*")
LINT_SECONDS = 120


@dataclass(frozen=True)
class Written:
    """What became of a file: written, updated, unchanged or kept; and the difference to what was there."""

    path: Path
    outcome: str
    difference: str


def write_files(composed: Composed, manifest: Manifest, project: Project, folder: str, *, force: bool) -> list[Written]:
    """Write the model and its YAML.

    A file that was changed after Martlet wrote it, or that Martlet never wrote, is kept unless `force` is given.

    Raises:
        DeclarationError: the prediction's name is taken.
        ProjectError: the files can't be written.
    """
    directory = project.directory / folder
    model, yml = directory / f"{composed.model}.sql", directory / f"{composed.model}.yml"
    exposure = _exposure(composed, manifest, yml.relative_to(project.directory))
    header = (
        f"-- {len(composed.chosen)} features of {composed.population.model}, each known before its as-of; "
        f"{composed.model}.yml tells what they are.\n"
    )
    texts = {
        model: _marked(_formatted(header + composed.sql, composed.model, project, directory), "-- "),
        yml: _marked(_model_yaml(composed) + exposure, "# "),
    }
    written = [_compared(path, text, force) for path, text in texts.items()]
    if any(one.outcome == "kept" for one in written):
        return [
            one if one.outcome in ("kept", "unchanged") else Written(one.path, "kept", one.difference)
            for one in written
        ]
    try:
        for path, text in texts.items():
            write_whole(path, text)
    except OSError as error:
        raise ProjectError(f"{directory} can't be written: {error}.") from error
    return written


def _compared(path: Path, text: str, force: bool) -> Written:
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else None
    except OSError as error:
        raise ProjectError(f"{path} can't be read: {error}.") from error
    if before is None:
        return Written(path, "written", "")
    if before == text:
        return Written(path, "unchanged", "")
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), text.splitlines(keepends=True), f"{path.name} as it is", f"{path.name} anew"
    )
    return Written(path, "updated" if force or _is_ours(before) else "kept", "".join(lines))


def _marked(text: str, comment: str) -> str:
    """The text with the hash by which a change is noticed."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{text}{comment}martlet features; sha256 of what is above: {digest}\n"


def _is_ours(text: str) -> bool:
    found = MARK.search(text)
    return found is not None and hashlib.sha256(text[: found.start()].encode()).hexdigest() == found[2]


def _formatted(sql: str, name: str, project: Project, directory: Path) -> str:
    """The SQL after the project's own sqlfluff rules, if it has any and sqlfluff is installed."""
    has_rules = any(
        (project.directory / one).is_file() for one in (".sqlfluff", "setup.cfg", "tox.ini", "pyproject.toml")
    )
    if not has_rules or importlib.util.find_spec("sqlfluff") is None:
        return sql
    # In the folder of the models, since rules may differ by folder; hidden, so that dbt does not read it.
    directory.mkdir(parents=True, exist_ok=True)
    place, config = directory / f".{name}.sql", directory / f".{name}.cfg"
    try:
        place.write_text(sql, encoding="utf-8")
        config.write_text("[sqlfluff]\nlarge_file_skip_byte_limit = 0\n", encoding="utf-8")
        subprocess.run(  # noqa: S603 -- our own command, on a file of our own
            [
                sys.executable,
                "-m",
                "sqlfluff",
                "fix",
                "--quiet",
                "--disable-progress-bar",
                "--config",
                str(config),
                str(place),
            ],
            cwd=project.directory,
            capture_output=True,
            timeout=LINT_SECONDS,
            check=False,
        )
        return place.read_text(encoding="utf-8")
    except subprocess.TimeoutExpired:
        return sql
    except OSError as error:
        raise ProjectError(f"{directory} can't be written: {error}.") from error
    finally:
        place.unlink(missing_ok=True)
        config.unlink(missing_ok=True)


def _model_yaml(composed: Composed) -> str:
    population = composed.population
    known = {one.feature.name: one for one in composed.chosen}
    keys = " and ".join(population.keys)
    lines = [
        "version: 2",
        "",
        "models:",
        f"  - name: {composed.model}",
        "    description: |",
        f"      One row per {keys} of {population.model}, with {len(known)} features, all known before the as-of.",
        f"      The target {population.target} is null until it is known, and such rows are to be scored.",
        "    config:",
        f"      event_time: {population.as_of}",
        "    columns:",
    ]
    for name, type_ in composed.types.items():
        chosen = known.get(name)
        if chosen is not None:
            words = f"{chosen.feature.description} By {chosen.feature.path}; {chosen.share:.1%} of the importance."
        elif name == population.target:
            words = "What is to be predicted; null until it is known."
        elif name == population.as_of:
            words = "The as-of: only what was known before it is in the features."
        else:
            words = f"{name} of {population.model}."
        lines += [
            f"      - name: {_text(name)}",
            f"        description: {_text(words)}",
            f"        data_type: {_text(type_)}",
        ]
        if name in population.keys:
            lines += ["        data_tests:", "          - not_null"]
    return "\n".join(lines) + "\n"


def _exposure(composed: Composed, manifest: Manifest, path: Path) -> str:
    """The prediction's declaration; empty where the project declares it in another file already."""
    population = composed.population
    known = manifest.exposures.get(f"exposure.{population.node.get('package_name')}.{population.name}")
    if known is not None and known.get("original_file_path") != str(path):
        if f".{composed.model}" in " ".join((known.get("depends_on") or {}).get("nodes") or []):
            return ""
        raise DeclarationError(
            f"{known.get('original_file_path')}: there is an exposure '{population.name}' already, of another model. "
            f"Give the population {population.model} another name."
        )
    meta = (population.node.get("config") or {}).get("meta") or {}
    owner = (
        meta.get("owner") if isinstance(meta.get("owner"), Mapping) else {"name": meta.get("owner") or "To be named"}
    )
    settings = "\n".join(f"          {key}: {json.dumps(value)}" for key, value in population.settings.items())
    return (
        "\nexposures:\n"
        f"  - name: {population.name}\n"
        f"    label: {population.name.replace('_', ' ').capitalize()}\n"
        "    type: ml\n"
        "    maturity: low\n"
        f"    owner: {json.dumps(owner)}\n"
        f"    depends_on: [ref('{composed.model}')]\n"
        f"    description: Predicts {population.target} for each {' and '.join(population.entity)}.\n"
        "    config:\n      meta:\n        martlet:\n"
        f"{settings}\n"
    )


def _text(text: str) -> str:
    """A text as YAML, quoted where it must be; dbt would render braces."""
    text = text.replace("{{", "{ {").replace("{%", "{ %")
    plain = PLAIN.fullmatch(text) and text.lower() not in ("null", "true", "false", "yes", "no", "on", "off", "y", "n")
    return text if plain and not text[0].isdigit() else json.dumps(text, ensure_ascii=False)
