"""Where a dbt project lies, which profile it uses, and whether its manifest is up to date."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import jinja2
import yaml

from ml import __version__
from ml.errors import ProjectError
from ml.manifest import Manifest
from ml.words import nearest

PATH_KEYS = {
    "model-paths": ["models"],
    "seed-paths": ["seeds"],
    "macro-paths": ["macros"],
    "snapshot-paths": ["snapshots"],
    "analysis-paths": ["analyses"],
    "test-paths": ["tests"],
}
SUFFIXES = {".sql", ".yml", ".yaml", ".csv", ".md"}


@dataclass(frozen=True)
class Options:
    """dbt's own options, by dbt's own names."""

    select: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    project_dir: str | None = None
    profiles_dir: str | None = None
    profile: str | None = None
    target: str | None = None
    vars: str | None = None
    threads: int | None = None
    full_refresh: bool = False


@dataclass(frozen=True)
class Project:
    """A dbt project on disk together with the profile target that it is used with."""

    directory: Path
    profiles_directory: Path
    name: str
    settings: Mapping[str, Any]
    profile: str
    target: str
    connection: Mapping[str, Any] = field(repr=False)
    options: Options
    artifacts: Path | None = None

    @property
    def target_directory(self) -> Path:
        """Where dbt leaves its artifacts: `artifacts`, or as dbt is configured."""
        if self.artifacts is not None:
            return self.artifacts
        configured = os.environ.get("DBT_TARGET_PATH") or self.settings.get("target-path") or "target"
        return self.directory / configured

    @property
    def manifest_path(self) -> Path:
        """The manifest that dbt writes whenever it parses."""
        return self.target_directory / "manifest.json"

    @property
    def pipelines_root(self) -> str:
        """Directory (or fsspec URL) of fitted pipelines: var `pipelines`, or `warehouse/pipelines`."""
        return self._place("pipelines", "warehouse/pipelines")

    @property
    def published_directory(self) -> Path:
        """Where snapshots for readers are put: var `published`, or `published`."""
        return Path(self._place("published", "published"))

    @property
    def notes_path(self) -> Path:
        """What people write on boards: var `notes`, or `warehouse/notes.sqlite`."""
        return Path(self._place("notes", "warehouse/notes.sqlite"))

    @cached_property
    def variables(self) -> dict[str, Any]:
        """Vars of dbt_project.yml, overridden by `--vars`."""
        declared = self.settings.get("vars") or {}
        own = declared.get(self.name)
        merged = {**declared, **(own if isinstance(own, dict) else {})}
        return {**merged, **_given_vars(self.options.vars)}

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest, refused when it is missing or older than a file of the project.

        Raises:
            ProjectError: it can't be used; the message names the command that makes it.
        """
        path = self.manifest_path
        remedy = f"Run `dbt parse --project-dir {self.directory}` (or `martlet run`), then try again."
        if not path.is_file():
            raise ProjectError(f"{path} is missing: dbt has not parsed this project yet. {remedy}")
        written = path.stat().st_mtime_ns
        newer = [file for file in self.files() if file.stat().st_mtime_ns > written]
        if newer:
            name = newer[0].relative_to(self.directory)
            raise ProjectError(f"{path} is stale: {name} was changed after it was written. {remedy}")
        return Manifest.read(path)

    def files(self) -> Iterator[Path]:
        """Every file that dbt reads in this project, in a fixed order."""
        yield self.directory / "dbt_project.yml"
        for key, default in PATH_KEYS.items():
            for folder in self.settings.get(key) or default:
                found = sorted((self.directory / folder).rglob("*"))
                yield from (path for path in found if path.suffix in SUFFIXES and path.is_file())

    def fingerprint(self) -> str:
        """SHA-256 over the project's files, its connection and the vars: what a build depends on besides data."""
        digest = hashlib.sha256()
        context = [__version__, dict(self.connection), self.variables, self.options.full_refresh]
        digest.update(json.dumps(context, sort_keys=True, default=str).encode())
        for path in self.files():
            digest.update(str(path.relative_to(self.directory)).encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()

    def _place(self, var: str, default: str) -> str:
        value = str(self.variables.get(var) or default)
        return value if "://" in value else str(self.directory / value)


def open_project(options: Options) -> Project:
    """Find the project and its profile as dbt would, from anywhere.

    Raises:
        ProjectError: no project here, or no such profile or target.
    """
    directory = _project_directory(options.project_dir)
    settings = _read_yaml(directory / "dbt_project.yml")
    profiles_directory = _profiles_directory(options.profiles_dir, directory)
    profiles_file = profiles_directory / "profiles.yml"
    profiles = _read_yaml(profiles_file, render=True)
    profile = options.profile or os.environ.get("DBT_PROFILE") or settings.get("profile")
    if profile not in profiles:
        raise ProjectError(f"{profiles_file} has no profile '{profile}'. {nearest(str(profile), profiles)}")
    outputs = profiles[profile].get("outputs") or {}
    target = options.target or os.environ.get("DBT_TARGET") or profiles[profile].get("target") or "default"
    if target not in outputs:
        raise ProjectError(f"{profiles_file}: profile '{profile}' has no target '{target}'. {nearest(target, outputs)}")
    return Project(
        directory=directory,
        profiles_directory=profiles_directory,
        name=str(settings.get("name")),
        settings=settings,
        profile=str(profile),
        target=str(target),
        connection=outputs[target],
        options=options,
    )


def _project_directory(given: str | None) -> Path:
    start = Path(given or os.environ.get("DBT_PROJECT_DIR") or ".").resolve()
    for directory in [start] if given else [start, *start.parents]:
        if (directory / "dbt_project.yml").is_file():
            return directory
    raise ProjectError(
        f"{start} is no dbt project: there is no dbt_project.yml. Go to one, or name it by --project-dir."
    )


def _profiles_directory(given: str | None, project: Path) -> Path:
    named = given or os.environ.get("DBT_PROFILES_DIR")
    places = [Path(named)] if named else [project, Path.cwd(), Path.home() / ".dbt"]
    for place in places:
        if (place / "profiles.yml").is_file():
            return place.resolve()
    looked = ", ".join(str(place) for place in places)
    raise ProjectError(f"No profiles.yml in {looked}. Name its folder by --profiles-dir.")


def _read_yaml(path: Path, *, render: bool = False) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        if render:
            environment = jinja2.Environment(undefined=jinja2.StrictUndefined)  # noqa: S701 -- YAML, not HTML
            text = environment.from_string(text).render(env_var=_env_var)
        content = yaml.safe_load(text)
    except (OSError, yaml.YAMLError, jinja2.TemplateError) as error:
        raise ProjectError(f"{path} can't be read: {error}") from error
    if not isinstance(content, dict):
        raise ProjectError(f"{path} is no mapping of keys to values.")
    return content


def _env_var(name: str, default: str | None = None) -> str:
    value = os.environ.get(name, default)
    if value is None:
        raise jinja2.TemplateError(f"the environment variable {name} is required but not set")
    return value


def _given_vars(text: str | None) -> dict[str, Any]:
    if not text:
        return {}
    try:
        given = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ProjectError(f"--vars is no YAML: {error}") from error
    if not isinstance(given, dict):
        raise ProjectError(f"--vars must be a YAML mapping such as '{{key: value}}', not '{text}'.")
    return given
