"""Martlet under Airflow: run every morning at six, then pass on what was done, by the public command and its JSON.

Try it: MARTLET_PROJECT=/srv/shop airflow dags test martlet (with this file in the DAGs folder)
"""

import json
import os
from datetime import datetime
from pathlib import Path

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, task

PROJECT = Path(os.environ["MARTLET_PROJECT"])
COMMAND = os.environ.get("MARTLET_COMMAND", "martlet")


@task(trigger_rule="all_done")
def report() -> dict[str, int]:
    """Rows scored by prediction; fails if the run did."""
    results = json.loads((PROJECT / "target" / "martlet_run_results.json").read_text(encoding="utf-8"))
    for step in results["results"]:
        print(step["kind"], step["name"], step["status"], step["message"])
    if not results["success"]:
        wrong = [step["message"] for step in results["results"] if step["status"] in ("error", "failed")]
        raise RuntimeError("; ".join(wrong) or "martlet run failed")
    return {step["name"]: step["details"].get("rows", 0) for step in results["results"] if step["kind"] == "score"}


with DAG("martlet", schedule="0 6 * * *", start_date=datetime(2026, 1, 1), catchup=False, max_active_runs=1):
    run = BashOperator(task_id="run", bash_command=f"{COMMAND} run --project-dir {PROJECT} --wait 3600 --quiet")
    run >> report()
