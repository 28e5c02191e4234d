"""The crontab and the systemd units of docs/schedulers, run as cron and systemd would: with next to no environment."""

import configparser
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.ml.conftest import MARTLET, ROOT, Place

SCHEDULERS = ROOT / "docs" / "schedulers"
# What man 5 crontab and man 5 systemd.exec promise, and no more.
CRON = {"PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "HOME": "/", "LOGNAME": "shop"}
SYSTEMD = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


@pytest.fixture
def shop(cellar: Place) -> Place:
    """A project with an environment of its own, as /srv/shop is."""
    binary = cellar.directory / ".venv" / "bin" / "martlet"
    binary.parent.mkdir(parents=True)
    binary.symlink_to(Path(MARTLET[0]).with_name("martlet"))
    return cellar


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(SCHEDULERS / name)
    return parser


def test_the_line_of_the_crontab_runs_and_leaves_a_log_for_machines(shop: Place) -> None:
    (line,) = [line for line in (SCHEDULERS / "martlet.cron").read_text().splitlines() if not line.startswith("#")]
    when, command = re.fullmatch(r"((?:\S+\s+){5})(.*)", line).groups()  # type: ignore[union-attr]
    assert when.split() == ["0", "6", "*", "*", "*"]
    assert "%" not in command, "cron takes a percent sign for the end of the line"
    for _ in range(2):
        shell = ["/bin/sh", "-c", command.replace("/srv/shop", shlex.quote(str(shop.directory)))]
        done = subprocess.run(shell, env=CRON, cwd="/", capture_output=True, text=True, check=False)
        log = shop.directory / "logs" / "martlet.jsonl"
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), log.read_text()
    told = [json.loads(line) for line in log.read_text().splitlines()]
    assert len({line["invocation_id"] for line in told}) == 2


def test_the_service_runs_without_a_home_and_its_timer_starts_it(shop: Place) -> None:
    service, timer = unit("martlet.service")["Service"], unit("martlet.timer")["Timer"]
    assert service["Type"] == "oneshot", "then systemd starts no second one meanwhile"
    assert timer["OnCalendar"] == "*-*-* 06:00"
    command, directory = (
        service[key].replace("/srv/shop", str(shop.directory)) for key in ("ExecStart", "WorkingDirectory")
    )
    done = subprocess.run(shlex.split(command), env=SYSTEMD, cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="a machine without systemd")
def test_systemd_finds_no_fault_with_the_units(shop: Place, tmp_path: Path) -> None:
    for name in ("martlet.service", "martlet.timer"):
        text = (
            (SCHEDULERS / name).read_text().replace("/srv/shop", str(shop.directory)).replace("User=shop", "User=root")
        )
        (tmp_path / name).write_text(text)
    verify = ["systemd-analyze", "verify", "--recursive-errors=no", str(tmp_path / "martlet.timer")]
    done = subprocess.run(verify, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "martlet" not in done.stderr, done.stderr
