"""`martlet features`: from a population to a feature model that the analyst owns."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import pandas as pd

from ml.errors import DataError
from ml.features.feature import Feature
from ml.features.judge import Fold, make_folds
from ml.features.peers import PEERS, beside_all, beside_peers, ratios_of
from ml.features.population import Population
from ml.features.propose import Proposed, propose
from ml.features.sample import Sample
from ml.features.select import MOST, Chosen, choose
from ml.manifest import Manifest
from ml.report import ProgressCallback
from ml.warehouse import Warehouse

SECONDS = 120.0
ROWS = 20_000  # that candidates are judged on
CELLS = 24_000_000  # of candidates and rows, at most
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


def compose(
    name: str,
    manifest: Manifest,
    warehouse: Warehouse,
    progress: ProgressCallback,
    seconds: float = SECONDS,
    most: int = MOST,
) -> Composed:
    """Propose, compute and select features for a population, no more than `most`.

    Raises:
        DeclarationError: the population's keys can't be read.
        ProjectError: it is not built.
        DataError: its rows can't be learned from.
    """
    started = time.monotonic()
    proposed = propose(name, manifest, warehouse)
    population, notes = proposed.population, [*proposed.graph.notes, *proposed.paths.notes]
    if not proposed.features:
        raise DataError(
            f"{population.model}: nothing can be told of its rows: no foreign key (`relationships` test) leads from "
            "it to another table. Declare one, such as from its entity to the table of entities."
        )
    relations = sum(view.kind is None for view in proposed.paths.views)
    progress(0.05, f"{len(proposed.features)} candidates in {relations} event relations")
    sample = Sample(proposed, warehouse, min(ROWS, max(2_000, CELLS // len(proposed.features))))
    frame, usable = sample.frame(
        started + seconds * 0.5, lambda share: progress(0.05 + 0.3 * share, "computing candidates")
    )
    ratios = _ratios(frame, usable, proposed)
    frame = pd.concat([frame, ratios_of(frame, ratios, population.as_of)], axis=1)
    order = {feature.name: place for place, feature in enumerate((*proposed.features, *ratios))}
    usable += ratios
    if len(usable) < len(order):
        notes.append(f"{len(order) - len(usable)} candidates have no value, or there was no time to compute them")
    usable = _without_dates_ahead(frame, usable, notes)
    chosen, gain = choose(
        frame,
        usable,
        sample.target(frame),
        _folds(frame, population),
        population.task,
        most,
        started + seconds * 0.85,
        lambda share, note: progress(0.35 + 0.6 * share, note),
    )
    if not chosen:
        raise DataError(f"{population.model}: none of {len(order)} candidates tells more of the target than chance.")
    if gain <= 0:
        notes.append(
            "later rows are told no better with the chosen features than without any: collect more that matters"
        )
    kept = _kept(population, chosen)
    features = sorted((one.feature for one in chosen), key=lambda feature: order[feature.name])
    return Composed(
        population,
        tuple(chosen),
        proposed.writer(lambda table: f"{{{{ {table.reference} }}}}").write(features, kept),
        sample.types(features, kept),
        kept,
        len(order),
        gain,
        tuple(dict.fromkeys(notes)),
    )


def _ratios(frame: pd.DataFrame, usable: Sequence[Feature], proposed: Proposed) -> list[Feature]:
    """Features beside those of the peer group; beside those of all rows of an as-of, if it has enough of them."""
    population = proposed.population
    taken = {*population.columns, *(feature.name for feature in proposed.features)}
    ratios = beside_peers(usable, taken)
    if len(frame) >= PEERS * frame[population.as_of].nunique():
        ratios += beside_all(usable, population.as_of, taken)
    return ratios


def _folds(frame: pd.DataFrame, population: Population) -> list[Fold]:
    """Parts of the closed rows, each judged by later ones."""
    horizon = pd.Timedelta(population.horizon or timedelta(0))
    folds = make_folds(pd.to_datetime(frame[population.as_of]), horizon, frame[list(population.entity)])
    if not folds:
        raise DataError(
            f"{population.model}: its closed rows span too little time beside the horizon to judge features on later "
            "rows. Collect more history, or add earlier as-ofs."
        )
    return folds


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
