"""What Martlet asks of an engine: a small protocol that each implements."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pandas as pd
import pyarrow as pa

from ml.manifest import Node


@dataclass(frozen=True)
class Column:
    """A column as the warehouse has it. `kind` is number, boolean, category, date or other."""

    name: str
    type: str
    kind: str


class Warehouse(Protocol):
    """What Martlet asks of an engine. SQL handed in is the subset that DuckDB and Spark share."""

    def columns(self, relation: str) -> dict[str, Column]:
        """The columns of a quoted relation by name; empty if there is no such relation."""

    def query(self, sql: str, parameters: Sequence[object] = ()) -> pd.DataFrame:
        """The result of a query as one frame."""

    def frame(self, sql: str) -> pd.DataFrame:
        """The same for many rows, by way of Arrow: faster, but decimals stay objects and null booleans None."""

    def batches(self, sql: str, rows: int) -> Iterator[pd.DataFrame]:
        """The result of a query in frames of about `rows` rows, without holding all of it; texts are categorical."""

    def arrow_batches(self, sql: str, rows: int) -> Iterator[pa.RecordBatch]:
        """The same as Arrow record batches; one without rows if there are none."""

    def let_go(self) -> None:
        """Give back the memory that holds what has been read."""

    def table(self, schema: str, name: str) -> str:
        """The quoted name of a table."""

    def quote(self, name: str) -> str:
        """A column's name, quoted."""

    def one_in(self, number: int, names: Sequence[str]) -> str:
        """An SQL condition that holds of one row in `number`, or of all, dealt out by what its named columns hold."""

    def days(self, moment: str) -> str:
        """An SQL expression of the days from 1970 to a date or timestamp, as a double."""

    def create_table(self, schema: str, name: str, columns: Mapping[str, str]) -> None:
        """Create a table (and its schema) from column types; if it exists, add the columns that it lacks."""

    def append(self, relation: str, frame: pd.DataFrame) -> None:
        """Append the rows of a frame, columns matched by name."""

    def transaction(self) -> AbstractContextManager[None]:
        """All writes inside happen together, or not at all."""

    def fingerprint(self, relation: str) -> str:
        """A hash of all rows of a relation, whatever their order."""

    def source(self, node: Node) -> str:
        """The relation (or expression) that reads a dbt source, from its node of the manifest."""

    def source_state(self, nodes: Iterable[Node]) -> str | None:
        """A text that changes when the sources' data do; None if the engine cannot tell."""

    def profile(self, relation: str, column: Column) -> dict[str, object]:
        """One column of a relation: rows, nulls, distinct_values, min_value, max_value, quantiles, top_values.

        Quantiles (numbers only) are a mapping of names to values; top values are pairs of a text and its count.
        """

    snapshot_suffix: str

    def snapshot(self, queries: Mapping[tuple[str, str], str], path: Path) -> None:
        """Write the results of queries, by schema and name, as tables of a new database file."""

    def close(self) -> None:
        """Give the database back to others."""
