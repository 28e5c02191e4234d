"""Runs each example under its real scheduler, on a copy of a small project: `make schedulers`."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
PROJECT = HERE.parents[1] / "tests" / "projects" / "kiosk"
COMMANDS = {
    "dagster": [["dagster", "job", "execute", "-f", str(HERE / "dagster_martlet.py"), "-j", "every_morning"]],
    "airflow": [
        ["airflow", "db", "migrate"],
        ["airflow", "dags", "test", "-f", str(HERE / "airflow_martlet.py"), "martlet"],
    ],
}


def main() -> None:
    """Run the example of one scheduler, twice: a run that works, and one that fails, which the scheduler must see."""
    parser = argparse.ArgumentParser()
    parser.add_argument("scheduler", choices=COMMANDS)
    parser.add_argument("environment", type=Path, help="its virtual environment")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "kiosk"
        shutil.copytree(PROJECT, project)
        settings = project / "dbt_project.yml"
        settings.write_text(settings.read_text().replace("as_of: null", 'as_of: "2024-07-01"'))
        worked = run(given.scheduler, given.environment, project)
        results = json.loads((project / "target" / "martlet_run_results.json").read_text())
        scored = sum(step["details"].get("rows", 0) for step in results["results"] if step["kind"] == "score")
        model = project / "models" / "feat_order.sql"
        model.write_text(model.read_text().replace("orders_7d", "orders_7d, no_such_column"))
        failed = run(given.scheduler, given.environment, project)
    if not (worked and scored and not failed):
        sys.exit(f"{given.scheduler}: worked {worked}, rows scored {scored}, failure seen {not failed}")
    print(f"{given.scheduler}: ran, scored {scored} rows, and saw the failure of a broken model")


def run(scheduler: str, environment: Path, project: Path) -> bool:
    """Whether the scheduler says that all went well."""
    home = project.parent / scheduler
    home.mkdir(exist_ok=True)
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    variables = {
        **os.environ,
        "MARTLET_PROJECT": str(project),
        "MARTLET_COMMAND": str(Path(sys.executable).with_name("martlet")),
        "DAGSTER_HOME": str(home),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(HERE),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    for name, *arguments in COMMANDS[scheduler]:
        command = [environment / "bin" / name, *arguments]
        done = subprocess.run(command, env=variables, cwd=home, capture_output=True, text=True, check=False)
    # Airflow's own exit code says only that the test has ended.
    return done.returncode == 0 and "state=failed" not in done.stdout + done.stderr


if __name__ == "__main__":
    main()
