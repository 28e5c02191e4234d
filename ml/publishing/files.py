"""Publishes as files, Parquet or CSV: a new folder beside the old one, and one link that moves onto it in one step."""

import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from ml.errors import PublishError
from ml.publishing.snapshot import KEEP, move_link
from ml.publishing.tables import PublicTable, readable
from ml.warehouse import Column, Warehouse

BATCH_ROWS = 100_000
WRITERS: dict[str, Callable[[Path, pa.Schema], Any]] = {
    "parquet": lambda path, schema: pyarrow.parquet.ParquetWriter(path, schema, compression="zstd"),
    "csv": lambda path, schema: pyarrow.csv.CSVWriter(path, schema),
}

# CSV knows no nested types.
_is_text: dict[str, Callable[[Column], bool]] = {
    "parquet": lambda _: False,
    "csv": lambda column: column.kind == "other",
}


def publish_files(
    tables: list[PublicTable], warehouse: Warehouse, form: str, folder: Path, published_at: datetime
) -> str:
    """Write tables as `<schema>/<table>.<form>` into a new folder; `folder` is the link that readers open.

    Args:
        tables: what to publish.
        warehouse: reads them.
        form: parquet or csv.
        folder: the link.
        published_at: stands in each row.

    Raises:
        PublishError: the place can't be written, or is a folder of its own; what readers see stays as it was.
    """
    if folder.exists() and not folder.is_symlink():
        raise PublishError(f"{folder} is a folder that Martlet has not made: name another, or remove it.")
    new = folder.with_name(f"{folder.name}-{published_at:%Y%m%dT%H%M%S%f}")
    try:
        for table in tables:
            path = new / table.schema / f"{table.name}.{form}"
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, form, warehouse, readable(table, warehouse, published_at, _is_text[form]))
        move_link(folder, new)
        for old in sorted(folder.parent.glob(f"{folder.name}-*"))[:-KEEP]:
            shutil.rmtree(old)
    except OSError as error:
        shutil.rmtree(new, ignore_errors=True)
        raise PublishError(f"{folder} can't be written: {error}. Free the disk or make it writable.") from error
    return f"{len(tables)} tables as {form} in {folder}"


def _write(path: Path, form: str, warehouse: Warehouse, sql: str) -> None:
    batches: Iterator[pa.RecordBatch] = warehouse.arrow_batches(sql, BATCH_ROWS)
    first = next(batches)  # an empty table has one batch without rows, and so a schema
    with WRITERS[form](path, first.schema) as writer:
        writer.write_batch(first)
        for batch in batches:
            writer.write_batch(batch)
