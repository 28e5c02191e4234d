"""Martlet under Dagster: one asset, every morning at six, by the public command and its JSON results.

Try it: MARTLET_PROJECT=/srv/shop dagster job execute -f docs/schedulers/dagster_martlet.py -j every_morning
"""

import json
import os
import subprocess
from pathlib import Path

from dagster import (
    AssetExecutionContext,
    Definitions,
    Failure,
    MaterializeResult,
    ScheduleDefinition,
    asset,
    define_asset_job,
)

PROJECT = Path(os.environ["MARTLET_PROJECT"])
COMMAND = os.environ.get("MARTLET_COMMAND", "martlet")


@asset
def predictions(context: AssetExecutionContext) -> MaterializeResult:
    """Everything that `martlet run` does, with each step in Dagster's log."""
    done = subprocess.run([COMMAND, "run", "--project-dir", str(PROJECT), "--wait", "3600", "--quiet"], check=False)
    results = json.loads((PROJECT / "target" / "martlet_run_results.json").read_text(encoding="utf-8"))
    for step in results["results"]:
        context.log.info("%s %s: %s %s", step["kind"], step["name"], step["status"], step["message"])
    if done.returncode != 0:
        wrong = [step["message"] for step in results["results"] if step["status"] in ("error", "failed")]
        raise Failure(description="; ".join(wrong) or f"martlet run ended with {done.returncode}")
    rows = sum(step["details"].get("rows", 0) for step in results["results"] if step["kind"] == "score")
    return MaterializeResult(metadata={"rows_scored": rows, "seconds": results["elapsed_time"]})


every_morning = define_asset_job("every_morning", selection=[predictions])
defs = Definitions(
    assets=[predictions],
    jobs=[every_morning],
    schedules=[ScheduleDefinition(job=every_morning, cron_schedule="0 6 * * *")],
)
