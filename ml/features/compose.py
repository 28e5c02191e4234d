"""`martlet features`: from a population to a feature model that the analyst owns."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pandas as pd

from ml.errors import DataError
from ml.features.candidates import Feature, candidates
from ml.features.graph import Graph, inferred_keys, read_graph
from ml.features.latest import follow_latest
from ml.features.paths import Paths, View, find_paths
from ml.features.peers import PEERS, beside_all, beside_peers, ratios_of
from ml.features.population import Population, read_population
from ml.features.query import Writer
from ml.features.select import Array, Chosen, choose, make_folds
from ml.features.values import Values
from ml.features.windows import Window, choose_windows
from ml.manifest import Manifest
from ml.report import ProgressCallback
from ml.warehouse import Warehouse

SECONDS = 120.0
ROWS = 20_000  # that candidates are judged on
CELLS = 24_000_000  # of candidates and rows, at most
LEAST_ROWS = 100
AHEAD = 0.002  # share of rows in which an attribute's date may lie after the as-of


@dataclass(frozen=True)
class Composed:
    """What was found.

    Attributes:
        population: that it is for.
        chosen: the features, most important first.
        sql: of the feature model, for dbt.
        types: of all its columns.
        kept: columns of the population that its declaration names.
        tried: how many candidates there were.
        gain: the share by which the loss on later rows is below that of a constant.
        notes: what was seen on the way.
    """

    population: Population
    chosen: tuple[Chosen, ...]
    sql: str
    types: Mapping[str, str]
    kept: tuple[str, ...]
    tried: int
    gain: float
    notes: tuple[str, ...]

    @property
    def model(self) -> str:
        """The name of the feature model."""
        return f"feat_{self.population.name}"

    @property
    def summary(self) -> str:
        """As a person would say it."""
        return f"{len(self.chosen)} of {self.tried} candidates earn their keep: {self.gain:.0%} less loss on later rows"


@dataclass(frozen=True)
class Proposed:
    """The candidates of a population, and what they come from."""

    population: Population
    graph: Graph
    paths: Paths
    values: Values
    features: tuple[Feature, ...]


def propose(name: str, manifest: Manifest, warehouse: Warehouse) -> Proposed:
    """Read a population and its graph, and propose candidates, but for ratios: those are made of others' values.

    Raises:
        DeclarationError: the population's keys can't be read.
        ProjectError: it is not built.
        DataError: its keys can't tell its rows apart.
    """
    population = read_population(name, manifest, warehouse)
    graph = _with_keys(read_graph(manifest, warehouse, population), population)
    values = Values(warehouse)
    paths = find_paths(population, graph)
    _without_stale_outcomes(population, paths, warehouse)
    follow_latest(population, graph, paths, values)
    windows = {view.name: _windows(view, population, warehouse) for view in paths.views}
    return Proposed(population, graph, paths, values, tuple(candidates(population, graph, paths, values, windows)))


def compose(
    name: str, manifest: Manifest, warehouse: Warehouse, progress: ProgressCallback, seconds: float = SECONDS
) -> Composed:
    """Propose, compute and select features for a population.

    Raises:
        DeclarationError: the population's keys can't be read.
        ProjectError: it is not built.
        DataError: its rows can't be learned from.
    """
    started = time.monotonic()
    proposed = propose(name, manifest, warehouse)
    population, graph, paths, values = proposed.population, proposed.graph, proposed.paths, proposed.values
    found, notes = list(proposed.features), [*graph.notes, *paths.notes]
    if not found:
        raise DataError(
            f"{population.model}: nothing can be told of its rows: no foreign key (`relationships` test) leads from "
            "it to another table. Declare one, such as from its entity to the table of entities."
        )
    progress(0.05, f"{len(found)} candidates in {len(paths.views)} event relations")
    sample = _Sample(population, graph, paths, values, warehouse, min(ROWS, max(2_000, CELLS // len(found))))
    frame, usable = sample.frame(
        found, started + seconds * 0.5, lambda share: progress(0.05 + 0.3 * share, "computing candidates")
    )
    taken = {*population.columns, *(feature.name for feature in found)}
    ratios = beside_peers(usable, taken)
    if len(frame) >= PEERS * frame[population.as_of].nunique():
        ratios += beside_all(usable, population.as_of, taken)
    frame = pd.concat([frame, ratios_of(frame, ratios, population.as_of)], axis=1)
    found, usable = [*found, *ratios], [*usable, *ratios]
    if len(usable) < len(found):
        notes.append(f"{len(found) - len(usable)} candidates have no value, or there was no time to compute them")
    usable = _without_dates_ahead(frame, usable, notes)
    target = sample.target(frame)
    horizon = pd.Timedelta(population.horizon or timedelta(0))
    folds = make_folds(pd.to_datetime(frame[population.as_of]), horizon, frame[list(population.entity)])
    if not folds:
        raise DataError(
            f"{population.model}: its closed rows span too little time beside the horizon to judge features on later "
            "rows. Collect more history, or add earlier as-ofs."
        )
    chosen, gain = choose(
        frame,
        usable,
        target,
        folds,
        population.task,
        started + seconds * 0.75,
        lambda share, note: progress(0.35 + 0.6 * share, note),
    )
    if not chosen:
        raise DataError(f"{population.model}: none of {len(found)} candidates tells more of the target than chance.")
    if gain <= 0:
        notes.append(
            "later rows are told no better with the chosen features than without any: collect more that matters"
        )
    kept = _kept(population, chosen)
    order = {feature.name: place for place, feature in enumerate(found)}
    features = sorted((one.feature for one in chosen), key=lambda feature: order[feature.name])
    writer = Writer(population, graph, paths, values, lambda table: f"{{{{ {table.reference} }}}}")
    types = sample.types(features, kept)
    return Composed(
        population,
        tuple(chosen),
        writer.write(features, kept),
        types,
        kept,
        len(found),
        gain,
        tuple(dict.fromkeys(notes)),
    )


def _with_keys(graph: Graph, population: Population) -> Graph:
    start = graph.tables[population.node["unique_id"]]
    if graph.parents(start.id):
        return graph
    keys = inferred_keys(graph, start)
    notes = [
        f"{population.model} declares no foreign key: {', '.join(key.columns)} is taken for one by its name"
        for key in keys
    ]
    return replace(graph, keys=(*graph.keys, *keys), notes=(*graph.notes, *notes))


def _without_stale_outcomes(population: Population, paths: Paths, warehouse: Warehouse) -> None:
    """Leave out earlier outcomes where open rows lie so far ahead that those of the last horizons are not known.

    Closed rows know outcomes as old as the horizon; what is learned from those would not hold for older ones.
    """
    if population.horizon is None:
        return
    as_of, target = warehouse.quote(population.as_of), warehouse.quote(population.target)
    row = warehouse.query(
        f"select epoch(max({as_of})) as latest, epoch(max(case when {target} is not null then {as_of} end)) as known "
        f"from {population.relation}"
    ).iloc[0]
    ahead = timedelta(seconds=float(row["latest"] - row["known"])) if pd.notna(row["known"]) else timedelta(0)
    if ahead > 2 * population.horizon:
        paths.views = [view for view in paths.views if not view.is_own]
        paths.notes.append(
            f"earlier outcomes are left out: open rows lie up to {ahead.days} days after the last known outcome's "
            f"as-of, and would know none of the last {(ahead - population.horizon).days} days"
        )


def _windows(view: View, population: Population, warehouse: Warehouse) -> list[Window]:
    """Windows for the span and the pace of a view's events."""
    if view.is_own:
        return [Window.always()]
    alias, clock = view.clocks[0].split(".", 1)
    table = view.table_of(alias)
    moment = warehouse.quote(clock)
    key = view.columns[0].split(".", 1)
    counted = f"count(distinct {warehouse.quote(key[1])})" if key[0] == alias else "count(*)"
    row = warehouse.query(
        f"select epoch(max({moment})) - epoch(min({moment})) as span, count(*) as events, {counted} as keys "
        f"from {table.relation}"
    ).iloc[0]
    span = 0.0 if pd.isna(row["span"]) else float(row["span"])
    gap = timedelta(seconds=span * float(row["keys"]) / max(float(row["events"]), 1.0))
    return choose_windows(population.horizon, timedelta(seconds=span), gap)


def _without_dates_ahead(frame: pd.DataFrame, features: Sequence[Feature], notes: list[str]) -> list[Feature]:
    """The features without dates of attributes that lie after the as-of: their tables were written later."""
    ahead = {feature.name: float((frame[feature.name] < 0).mean()) for feature in features if feature.is_age}
    for feature in features:
        if ahead.get(feature.name, 0.0) > AHEAD:
            notes.append(
                f"{feature.name} is left out: the date lies after the as-of in {ahead[feature.name]:.0%} of the rows, "
                "so it was written later (a plan that was known may stand in the population itself)"
            )
    return [feature for feature in features if ahead.get(feature.name, 0.0) <= AHEAD]


def _kept(population: Population, chosen: Sequence[Chosen]) -> tuple[str, ...]:
    """Columns of the population that its declaration names beside the keys and the target."""
    named = [*population.listed("slices"), *population.listed("exclude")]
    held = {*population.keys, population.target, *(one.feature.name for one in chosen)}
    return tuple(name for name in dict.fromkeys(named) if name in population.columns and name not in held)


@dataclass(frozen=True)
class _Sample:
    """Candidates computed for some closed rows of the population."""

    population: Population
    graph: Graph
    paths: Paths
    values: Values
    warehouse: Warehouse
    rows: int

    def frame(
        self, features: Sequence[Feature], deadline: float, progress: Callable[[float], None]
    ) -> tuple[pd.DataFrame, list[Feature]]:
        """Keys, target and features of the sample, computed view by view until the deadline; and those with values."""
        closed = self._count()
        if closed < LEAST_ROWS:
            raise DataError(
                f"{self.population.model}: only {closed} rows have a target; {LEAST_ROWS} are needed to judge features."
            )
        groups: dict[str, list[Feature]] = {}
        for feature in features:
            groups.setdefault(feature.view.name if feature.view else "", []).append(feature)
        groups = {"": groups.pop("", []), **groups}
        parts: list[pd.DataFrame] = []
        for done, own in enumerate(groups.values()):
            if parts and time.monotonic() > deadline:
                break
            part = self.warehouse.query(self._ordered(self._writer(closed).write(own)))
            names = [feature.name for feature in own]
            parts.append(_slim(part if not parts else part[names], own))
            progress(done / len(groups))
        frame = pd.concat(parts, axis=1)
        return frame, [feature for feature in features if feature.name in frame and frame[feature.name].notna().any()]

    def target(self, frame: pd.DataFrame) -> Array:
        """Numbers, or positions of classes."""
        column = frame[self.population.target]
        if self.population.task == "regression":
            if self.population.columns[self.population.target].kind != "number":
                raise DataError(f"{self.population.model}: the task is regression, but the target is no number.")
            return column.to_numpy(np.float64)
        codes, levels = pd.factorize(column, sort=True)
        if len(levels) < 2:
            raise DataError(f"{self.population.model}: the target is the same in every closed row.")
        return codes.astype(np.float64)

    def types(self, features: Sequence[Feature], kept: Sequence[str]) -> dict[str, str]:
        """The types of all columns of the feature model."""
        writer = Writer(self.population, self.graph, self.paths, self.values, lambda table: table.relation)
        columns = self.warehouse.columns(f"({writer.write(features, kept)}) as features")
        return {name: column.type.lower() for name, column in columns.items()}

    def _writer(self, closed: int) -> Writer:
        quote, population = self.warehouse.quote, self.population
        share = max(1, round(closed / self.rows))
        keys = ", ".join(quote(key) for key in population.keys)
        some = f" and hash({keys}) % {share} = 0" if share > 1 else ""
        wanted = f"select * from population where {quote(population.target)} is not null{some}"
        return Writer(population, self.graph, self.paths, self.values, lambda table: table.relation, wanted)

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
