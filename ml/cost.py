"""What work costs: processor time, memory and rows, step by step, kept in `ml.steps`."""

from datetime import UTC, datetime

from ml import ledger
from ml.report import Report
from ml.warehouse import Warehouse


def record_steps(report: Report, warehouse: Warehouse) -> None:
    """Append the steps of an invocation that have ended to `ml.steps`."""
    now = datetime.now(UTC).replace(tzinfo=None)
    ended = [(number, step) for number, step in enumerate(report.steps) if step.status != "running"]
    rows = [
        {
            "invocation_id": report.invocation_id,
            "step": number,
            "command": report.command,
            "kind": step.kind,
            "subject": step.name,
            "status": step.status,
            "rows": step.details.get("rows"),
            "seconds": step.seconds,
            "core_seconds": step.core_seconds,
            "peak_bytes": step.peak_bytes,
            "bytes_read": step.bytes_read,
            "bytes_written": step.bytes_written,
            "finished_at": now,
        }
        for number, step in ended
    ]
    ledger.create_tables(warehouse)
    with warehouse.transaction():
        ledger.append(warehouse, "steps", rows)
