"""What could be told of a population's rows: its graph, the paths through it, and the candidates along them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from ml.features.ahead import Ahead, days_ahead, find_ahead, told_ahead
from ml.features.candidates import candidates
from ml.features.feature import Feature
from ml.features.follow import find_paths
from ml.features.graph import Graph, Table, inferred_keys, read_graph
from ml.features.latest import follow_latest
from ml.features.links import follow_links, follow_outcomes
from ml.features.paths import Paths
from ml.features.population import Population, read_population
from ml.features.query import Writer
from ml.features.readings import follow_kinds
from ml.features.relations import Relations
from ml.features.spans import history, spans_of
from ml.features.values import Values
from ml.manifest import Manifest
from ml.newest import newest
from ml.warehouse import Warehouse


@dataclass(frozen=True)
class Proposed:
    """The candidates of a population, and what they come from."""

    population: Population
    graph: Graph
    paths: Paths
    values: Values
    features: tuple[Feature, ...]
    ahead: Ahead | None

    def writer(self, source: Callable[[Table], str], wanted: str = "") -> Writer:
        """Writes the query of some of them; `source` names a table in SQL, `wanted` are the rows that are asked for."""
        return Writer(Relations(self.population, self.graph, self.paths, source, self.ahead), self.values, wanted)


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
    follow_outcomes(population, graph, paths, values)
    ahead = find_ahead(Relations(population, graph, paths, lambda table: table.relation), warehouse)
    if ahead:
        paths.notes.append(ahead.note)
    else:
        _without_stale_outcomes(population, paths, warehouse)
    follow_latest(population, graph, paths, values)
    follow_links(population, graph, paths, values)
    most, known = ahead.most if ahead else timedelta(0), history(population, warehouse)
    spans = {view.name: spans_of(view, population, warehouse, known, most) for view in paths.views}
    follow_kinds(paths, graph, values)
    spans |= {view.name: spans[view.kind.of] for view in paths.views if view.kind}
    found = candidates(population, graph, paths, values, spans, known)
    if ahead:
        taken = {*population.columns, *(feature.name for feature in found)}
        found = [days_ahead(taken), *map(told_ahead, found)]
    return Proposed(population, graph, paths, values, tuple(found), ahead)


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
    last, closed = newest(warehouse, population.relation, population.as_of, population.target)
    ahead = last - closed if last and closed else timedelta(0)
    if ahead > 2 * population.horizon:
        paths.views = [view for view in paths.views if not view.is_own]
        paths.notes.append(
            f"earlier outcomes are left out: open rows lie up to {ahead.days} days after the last known outcome's "
            f"as-of, and would know none of the last {(ahead - population.horizon).days} days"
        )
