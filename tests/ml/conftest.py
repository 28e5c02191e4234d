"""Projects for the tests: a tiny one that each test may spoil, and the grocer's, built once on its whole data."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from playwright.sync_api import Browser, sync_playwright

from ml.cli import main
from ml.dbt import Dbt
from ml.project import Options, open_project

ROOT = Path(__file__).parents[2]
CELLAR = ROOT / "tests" / "projects" / "cellar"
CLINIC = ROOT / "tests" / "projects" / "clinic"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MARTLET = (sys.executable, "-m", "ml")
DBT = str(Path(sys.executable).with_name("dbt"))


@dataclass(frozen=True)
class Place:
    """A project on disk with its warehouse and dbt's artifacts."""

    directory: Path
    warehouse: Path
    target: Path

    def martlet(self, *arguments: str) -> Result:
        """Run a martlet command in this process, from another folder than the project's."""
        return CliRunner().invoke(main, [*arguments, "--project-dir", str(self.directory)])

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a martlet command in a process of its own."""
        command = [*MARTLET, *arguments, "--project-dir", str(self.directory)]
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Tests that a shell started in the background would hand on that Ctrl-C is ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def declare(self, prediction: str, setting: str, instead_of: str = "") -> None:
        """Add a setting to a prediction of the cellar and have dbt parse it."""
        path = self.directory / "models" / "cellar.yml"
        place = instead_of or f"target: {prediction}"
        assert place in path.read_text()
        path.write_text(path.read_text().replace(place, setting if instead_of else f"{place}\n          {setting}"))
        self.parse()

    def parse(self) -> None:
        """Have dbt parse the project, in this process: its imports take longer than it does."""
        self._dbt().parse()

    def build(self, *select: str, variables: str | None = None) -> None:
        """Have dbt build models with their tests, in this process; all of them if none is named."""
        self._dbt(variables).build(select)

    def _dbt(self, variables: str | None = None) -> Dbt:
        return Dbt(open_project(Options(project_dir=str(self.directory), vars=variables)))

    def sql(self, statement: str) -> pd.DataFrame:
        """Run SQL on the warehouse."""
        with duckdb.connect(str(self.warehouse)) as database:
            result = database.execute(statement)
            return result.df() if result.description else pd.DataFrame()

    def last_run(self, prediction: str) -> str:
        """The id of a prediction's latest run."""
        runs = self.sql(
            f"select run_id from ml.runs where prediction = '{prediction}' order by finished_at desc limit 1"
        )
        return str(runs["run_id"][0])

    def count(self, table: str) -> int:
        """The number of rows of a table."""
        return int(self.sql(f"select count(*) as rows from {table}")["rows"][0])


def _cellar(directory: Path) -> Place:
    return Place(directory, directory / "cellar.duckdb", directory / "target")


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the person who runs the tests, and no project above the current folder, plays a part."""
    for name in [name for name in os.environ if name.startswith(("DBT_", "MARTLET_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def _finished_cellar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("finished") / "cellar"
    shutil.copytree(CELLAR, directory)
    result = _cellar(directory).martlet("run")
    assert result.exit_code == 0, result.output
    return directory


@pytest.fixture
def cellar(_finished_cellar: Path, tmp_path: Path) -> Place:
    """The tiny project after one `martlet run`; a copy that the test may change."""
    directory = tmp_path / "cellar"
    shutil.copytree(_finished_cellar, directory, symlinks=True)
    return _cellar(directory)


@pytest.fixture
def fresh_cellar(tmp_path: Path) -> Place:
    """The tiny project as it is committed: nothing parsed, built or trained."""
    directory = tmp_path / "cellar"
    shutil.copytree(CELLAR, directory)
    return _cellar(directory)


def clinic_in(directory: Path) -> Place:
    """The clinic, whose tables the tests of features are about."""
    return Place(directory, directory / "clinic.duckdb", directory / "target")


@pytest.fixture(scope="session")
def _built_clinic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("built") / "clinic"
    shutil.copytree(CLINIC, directory)
    clinic_in(directory).build()
    return directory


@pytest.fixture
def clinic(_built_clinic: Path, tmp_path: Path) -> Place:
    """The clinic after `dbt build`; a copy that the test may change."""
    shutil.copytree(_built_clinic, tmp_path / "clinic")
    return clinic_in(tmp_path / "clinic")


@pytest.fixture
def holder() -> "Callable[[Path], subprocess.Popen[str]]":
    """Starts a process that holds a database until its standard input is closed."""
    held: list[subprocess.Popen[str]] = []

    def hold(path: Path) -> "subprocess.Popen[str]":
        script = f"import duckdb, sys; d = duckdb.connect({str(path)!r}); print('held', flush=True); sys.stdin.read()"
        process = subprocess.Popen(
            [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        held.append(process)
        return process

    yield hold  # type: ignore[misc]
    for process in held:
        process.kill()
        process.wait()


@dataclass(frozen=True)
class Built:
    """The grocer's project after `dbt build` alone, `martlet run` twice, `dbt build` of what reads predictions."""

    directory: Path
    warehouse: Path
    target: Path
    outputs: dict[str, "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def built_project(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The grocer's whole data through every step that its users take, in a warehouse of its own."""
    folder = tmp_path_factory.mktemp("grocer")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("DBT_", "MARTLET_"))}
    environment |= {
        "MARTLET_WAREHOUSE": str(folder / "warehouse" / "martlet.duckdb"),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
    }
    (folder / "warehouse").mkdir()
    places = f"{{pipelines: {folder / 'pipelines'}, published: {folder / 'published'}}}"
    commands = {
        "first build": [DBT, "build", "--vars", places],
        "run": [*MARTLET, "run", "--vars", places],
        "second run": [*MARTLET, "run", "--vars", places],
        "last build": [DBT, "build", "--select", "source:ml+", "--vars", places],
        "compile": [DBT, "compile", "--select", "path:analyses", "--vars", places],
    }
    outputs = {
        name: subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        for name, command in commands.items()
    }
    return Built(ROOT, folder / "warehouse" / "martlet.duckdb", folder / "target", outputs)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A headless Chromium: the one that `make test` sets up, or one of the machine."""
    own = ROOT / ".venv" / "chromium"
    installed = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if (own / "chromium").is_file():
        path, brought = str(own / "chromium"), {"LD_LIBRARY_PATH": str(own / "lib"), "FONTCONFIG_PATH": str(own)}
    elif installed:
        path, brought = installed, {}
    else:
        pytest.fail("There is no Chromium: run `make test`, or install one.")
    options = ["--headless=shell", "--no-sandbox", "--disable-gpu"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, env={**os.environ, **brought}, args=options)
        yield browser
        browser.close()
