"""Candidates computed for some closed rows of a population: what they are judged on."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ml.errors import DataError
from ml.features.feature import Feature
from ml.features.judge import Array, learnable
from ml.features.population import Population
from ml.features.propose import Proposed
from ml.features.query import Writer
from ml.warehouse import Warehouse

LEAST_ROWS = 100
EVENT_CELLS = 250_000_000  # events of the entities that are asked for, times features: half a minute and 8 GB
LEAST_ENTITIES = 200  # that are asked for, however many events they have


@dataclass(frozen=True)
class Sample:
    """Some `rows` of the closed rows of a population, and what is proposed for them."""

    proposed: Proposed
    warehouse: Warehouse
    rows: int

    @property
    def population(self) -> Population:
        """Whose rows they are."""
        return self.proposed.population

    def frame(self, deadline: float, progress: Callable[[float], None]) -> tuple[pd.DataFrame, list[Feature]]:
        """Keys, target and features of the sample, computed view by view until the deadline; and those with values."""
        features = self.proposed.features
        closed = self._count()
        if closed < LEAST_ROWS:
            raise DataError(
                f"{self.population.model}: only {closed} rows have a target; {LEAST_ROWS} are needed to judge features."
            )
        groups = self.groups()
        parts: list[pd.DataFrame] = []
        for done, own in enumerate(groups):
            if parts and time.monotonic() > deadline:
                break
            part = self.warehouse.query(self._ordered(self._writer(closed).write(own)))
            names = [feature.name for feature in own]
            parts.append(_slim(part if not parts else part[names], own))
            progress(done / len(groups))
        frame = pd.concat(parts, axis=1)
        return frame, [feature for feature in features if feature.name in frame and frame[feature.name].notna().any()]

    def groups(self) -> list[list[Feature]]:
        """The features that are computed together, in their order: without events, of the entity's own, the cheapest.

        A view that takes long is not computed before others that have time as well.
        """
        found: dict[str, list[Feature]] = {"": []}
        for feature in self.proposed.features:
            found.setdefault(feature.view.gathered if feature.view else "", []).append(feature)
        return sorted(found.values(), key=self._cost)

    def _cost(self, features: Sequence[Feature]) -> int:
        view = features[0].view if features else None
        if view is None or (view.links is None and view.anchor.columns == self.population.entity):
            return 0
        return len(features) * self.proposed.values.rows(view.table)

    def target(self, frame: pd.DataFrame) -> Array:
        """The target of a frame's rows, to be learned: numbers, or positions of classes."""
        column = frame[self.population.target]
        if self.population.task == "regression":
            if self.population.columns[self.population.target].kind != "number":
                raise DataError(f"{self.population.model}: the task is regression, but the target is no number.")
            return learnable(column.to_numpy(np.float64), str(self.population.settings.get("metric")))
        codes, levels = pd.factorize(column, sort=True)
        if len(levels) < 2:
            raise DataError(f"{self.population.model}: the target is the same in every closed row.")
        return codes.astype(np.float64)

    def types(self, features: Sequence[Feature], kept: Sequence[str]) -> dict[str, str]:
        """The types of all columns of the feature model."""
        sql = self.proposed.writer(lambda table: table.relation).write(features, kept)
        columns = self.warehouse.columns(f"({sql}) as features")
        return {name: column.type.lower() for name, column in columns.items()}

    def _writer(self, closed: int) -> Writer:
        quote, population, one_in = self.warehouse.quote, self.population, self._one_entity_in(closed)
        some = self.warehouse.one_in(round(closed / one_in / self.rows), population.keys)
        if one_in > 1:
            some = f"{self.warehouse.one_in(one_in, population.entity)} and {some}"
        wanted = f"select * from population where {quote(population.target)} is not null and {some}"
        return self.proposed.writer(lambda table: table.relation, wanted)

    def _one_entity_in(self, closed: int) -> int:
        """Of how many entities one is asked for: of more than one where entities have very many events."""
        values, start = self.proposed.values, self.proposed.graph.tables[self.population.node["unique_id"]]
        entities = max(values.distinct(start, name) for name in self.population.entity)
        each = closed / max(entities, 1)
        asked = 1 - (1 - min(1.0, self.rows / closed)) ** each
        own = [one.view for one in self.proposed.features if one.view and one.view.is_of_entity and not one.view.kind]
        cells = sum(values.rows(view.table) for view in own)
        return max(1, min(int(asked * cells / EVENT_CELLS), entities // LEAST_ENTITIES))

    def _count(self) -> int:
        target = self.warehouse.quote(self.population.target)
        return int(self.warehouse.query(f"select count({target}) as rows from {self.population.relation}")["rows"][0])

    def _ordered(self, sql: str) -> str:
        keys = ", ".join(self.warehouse.quote(key) for key in self.population.keys)
        return f"{sql} order by {keys}"


def _slim(frame: pd.DataFrame, features: Sequence[Feature]) -> pd.DataFrame:
    """Numbers as doubles and texts as text, whatever the warehouse's types."""
    kinds = {feature.name: feature.kind for feature in features}
    changed = {
        name: frame[name].astype("str").where(frame[name].notna(), None)
        if kind == "category"
        else pd.to_numeric(frame[name]).astype(np.float64)
        for name, kind in kinds.items()
    }
    rest = frame[[name for name in frame if name not in kinds]]
    return pd.concat([rest, pd.DataFrame(changed, index=frame.index)], axis=1)
