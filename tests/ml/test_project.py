"""Projects and profiles are found as dbt finds them; what is wrong is named."""

from pathlib import Path

import pytest

from ml.errors import ProjectError
from ml.project import Options, open_project
from tests.ml.conftest import Place


def options(place: Place, **given: str) -> Options:
    return Options(project_dir=str(place.directory), **given)


def test_the_project_is_found_from_a_folder_inside_it(fresh_cellar: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(fresh_cellar.directory / "models")
    project = open_project(Options())
    assert project.directory == fresh_cellar.directory.resolve()
    assert (project.profile, project.target) == ("cellar", "dev")


def test_the_folder_may_come_from_the_environment(fresh_cellar: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBT_PROJECT_DIR", str(fresh_cellar.directory))
    assert open_project(Options()).name == "cellar"


@pytest.mark.parametrize(
    ("name", "refused"), [("DBT_PROFILE", "no profile 'vault'"), ("DBT_TARGET", "no target 'vault'")]
)
def test_profile_and_target_may_come_from_the_environment(
    name: str, refused: str, fresh_cellar: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "vault")
    with pytest.raises(ProjectError, match=refused):
        open_project(options(fresh_cellar))
    assert open_project(options(fresh_cellar, profile="cellar", target="dev")).target == "dev"


def test_profiles_may_lie_elsewhere_and_read_the_environment(
    fresh_cellar: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "profiles"
    folder.mkdir()
    (folder / "profiles.yml").write_text(
        "cellar: {target: dev, outputs: {dev: {type: duckdb, path: \"{{ env_var('WINE_FILE') }}\"}}}"
    )
    with pytest.raises(
        ProjectError, match="profiles.yml can't be read: the environment variable WINE_FILE is required"
    ):
        open_project(options(fresh_cellar, profiles_dir=str(folder)))
    monkeypatch.setenv("WINE_FILE", "wine.duckdb")
    assert open_project(options(fresh_cellar, profiles_dir=str(folder))).connection["path"] == "wine.duckdb"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"profile": "cellars"}, "has no profile 'cellars'. Did you mean 'cellar'?"),
        ({"target": "prod"}, "profile 'cellar' has no target 'prod'. Known: dev."),
        ({"profiles_dir": "/nowhere"}, "No profiles.yml in /nowhere"),
    ],
)
def test_a_missing_profile_is_named(given: dict[str, str], message: str, fresh_cellar: Place) -> None:
    with pytest.raises(ProjectError) as caught:
        open_project(options(fresh_cellar, **given))
    assert message in str(caught.value)


def test_vars_of_the_command_line_override_those_of_the_project(fresh_cellar: Place) -> None:
    assert open_project(options(fresh_cellar)).variables == {"unlabelled_every": 8}
    assert open_project(options(fresh_cellar, vars="{unlabelled_every: 5}")).variables == {"unlabelled_every": 5}
    for wrong in ("{unlabelled_every: ", "five"):
        with pytest.raises(ProjectError, match="--vars"):
            _ = open_project(options(fresh_cellar, vars=wrong)).variables


def test_the_fingerprint_follows_files_vars_and_connection(fresh_cellar: Place) -> None:
    before = open_project(options(fresh_cellar)).fingerprint()
    assert before == open_project(options(fresh_cellar)).fingerprint()
    assert before != open_project(options(fresh_cellar, vars="{unlabelled_every: 5}")).fingerprint()
    model = fresh_cellar.directory / "models" / "feat_alcohol.sql"
    text = model.read_text()
    model.write_text(text + " ")
    assert before != open_project(options(fresh_cellar)).fingerprint()
    model.write_text(text)
    assert before == open_project(options(fresh_cellar)).fingerprint(), "the time of a file plays no part"


def test_pipelines_and_snapshots_go_where_vars_say(fresh_cellar: Place) -> None:
    project = open_project(options(fresh_cellar, vars="{pipelines: 's3://bucket/pipelines', published: out}"))
    assert project.pipelines_root == "s3://bucket/pipelines"
    assert project.published_directory == project.directory / "out"


def test_a_broken_project_file_is_named(fresh_cellar: Place) -> None:
    (fresh_cellar.directory / "dbt_project.yml").write_text("name: [cellar")
    with pytest.raises(ProjectError, match="dbt_project.yml can't be read"):
        open_project(options(fresh_cellar))


def test_a_broken_manifest_is_named_with_its_remedy(cellar: Place) -> None:
    (cellar.target / "manifest.json").write_text("{}")
    with pytest.raises(ProjectError, match="is no dbt manifest.*dbt parse"):
        _ = open_project(options(cellar)).manifest
