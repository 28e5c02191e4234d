"""What there is to read: the snapshot, and what is declared about it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ml.declaration import Prediction
from ml.errors import NotFoundError
from ml.manifest import Manifest
from ml.reading.memory import Memory
from ml.reading.models import Model
from ml.warehouse.reader import SnapshotReader

if TYPE_CHECKING:
    from ml.reading.metrics import Metric, MetricLayer

RUN_ID = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Library:
    """The snapshot of a project with its public models, metrics (None without any), predictions and model cards."""

    manifest: Manifest
    reader: SnapshotReader
    layer: "MetricLayer | None"
    models: Mapping[str, Model]
    predictions: Mapping[str, Prediction]
    cards: Path
    memory: Memory = field(default_factory=Memory)

    @cached_property
    def personal(self) -> frozenset[str]:
        """Names of columns that hold personal data in any public model, in lower case."""
        return frozenset(name for model in self.models.values() for name in model.personal)

    def model(self, name: str) -> Model:
        """A public model by its name.

        Raises:
            NotFoundError: there is none.
        """
        if name not in self.models:
            raise NotFoundError(f"There is no public model '{name}'.")
        return self.models[name]

    def metric(self, name: str) -> "Metric":
        """A metric by its name.

        Raises:
            NotFoundError: there is none.
        """
        found = self.layer.metrics.get(name) if self.layer else None
        if found is None:
            raise NotFoundError(f"There is no metric '{name}'. GET /metrics lists them.")
        return found

    def prediction(self, name: str) -> Prediction:
        """A prediction by its name.

        Raises:
            NotFoundError: there is none.
        """
        if name not in self.predictions:
            raise NotFoundError(f"There is no prediction '{name}'. GET /predictions lists them.")
        return self.predictions[name]

    def card(self, run_id: str) -> Path | None:
        """The page of a run's model card, if this machine has it."""
        path = self.cards / f"{run_id}.html"
        return path if RUN_ID.fullmatch(run_id) and path.is_file() else None
