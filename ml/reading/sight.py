"""What one caller sees of a snapshot."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import date, datetime

import pyarrow as pa

from ml.errors import ForbiddenError, NotFoundError
from ml.reading.caller import Caller
from ml.reading.library import Library
from ml.reading.memory import Answer
from ml.reading.metric_rows import MetricQuestion, metric_rows
from ml.reading.metrics import Metric
from ml.reading.model_rows import ModelQuestion, count_rows, model_rows
from ml.reading.models import Model

MOST_CHOICES = 500


@dataclass(frozen=True)
class Sight:
    """The metrics and models of a library as a caller may see them."""

    library: Library
    caller: Caller

    def metric(self, name: str) -> Metric:
        """A metric that the caller may read.

        Raises:
            NotFoundError: there is none.
            ForbiddenError: the caller may read no metrics.
        """
        self.caller.require("metrics")
        return self.library.metric(name)

    def metric_rows(self, question: MetricQuestion) -> pa.Table:
        """The values of a metric (see `ml.reading.metric_rows`)."""
        self.metric(question.metric)
        layer, library = self.library.layer, self.library
        if layer is None:
            raise NotFoundError("This project has no metrics.")
        role = self.caller.role
        return self._remembered(question, lambda: metric_rows(layer, library.reader, role, library.personal, question))

    def last_day(self, metric: str) -> date | None:
        """The last day for which all parts of a metric have data."""
        pairs = self.library.layer.clocks[metric] if self.library.layer else []
        parts = [f"select cast(max({clock}) as date) as day from {relation}" for relation, clock in pairs]
        sql = f"select min(day) from ({' union all '.join(parts)})"
        found = self._remembered(("last day", metric), lambda: self.library.reader.query(sql))
        day: date | None = found[0][0].as_py()
        return day

    def model(self, name: str) -> Model:
        """A public model that the caller may read.

        Raises:
            NotFoundError: there is none.
            ForbiddenError: the caller lacks the scope for it.
        """
        model = self.library.model(name)
        self.caller.require("predictions" if model.is_predicted else "metrics")
        return model

    def all_rows(self, name: str, question: ModelQuestion) -> pa.Table:
        """The same as `rows`, for what is too much to be kept."""
        return model_rows(self.model(name), self.library.reader, self.caller.role, question)

    def rows(self, name: str, question: ModelQuestion) -> pa.Table:
        """Rows of a public model (see `ml.reading.model_rows`)."""
        model, reader, role = self.model(name), self.library.reader, self.caller.role
        return self._remembered((name, question), lambda: model_rows(model, reader, role, question))

    def count(self, name: str, question: ModelQuestion) -> int:
        """How many rows there are of a public model."""
        model, reader, role = self.model(name), self.library.reader, self.caller.role
        return self._remembered(("count", name, question), lambda: count_rows(model, reader, role, question))

    def choices(self, model: str, column: str) -> list[str]:
        """The values of a column, as texts; none where the caller may not see them."""
        question = ModelQuestion((column,), order=(column,), is_distinct=True, limit=MOST_CHOICES)
        try:
            values = self.rows(model, question)[column].to_pylist()
        except ForbiddenError:
            return []
        return [str(value).lower() if isinstance(value, bool) else str(value) for value in values if value is not None]

    def last_of(self, name: str) -> date | None:
        """The last day that a model has visible rows of; None where it has no clock."""
        clock = self.model(name).clock
        if not clock:
            return None
        found = self.rows(name, ModelQuestion((clock,), order=(f"-{clock}",), limit=1))
        last = found[0][0].as_py() if found.num_rows else None
        return last.date() if isinstance(last, datetime) else last

    def _remembered(self, key: Hashable, work: Callable[[], Answer]) -> Answer:
        role = self.caller.role
        return self.library.memory.get((self.library.reader.version, role.name, key), work)
