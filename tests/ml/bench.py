"""All candidates of a population, computed in a database: what tests of features look at."""

from pathlib import Path

import pandas as pd

from ml.features.candidates import Feature, candidates
from ml.features.compose import _windows, _with_keys
from ml.features.graph import Graph, read_graph
from ml.features.paths import Paths, find_paths
from ml.features.peers import beside_all, beside_peers
from ml.features.population import Population, read_population
from ml.features.query import Writer
from ml.features.values import Values
from ml.project import Options, Project, open_project
from ml.warehouse import Warehouse, opened


class Bench:
    """All candidates of a population, and what they are in a database."""

    def __init__(self, directory: Path, name: str) -> None:
        self.project: Project = open_project(Options(project_dir=str(directory)))
        with opened(self.project, 0.0, read_only=True) as warehouse:
            self.population: Population = read_population(name, self.project.manifest, warehouse)
            self.graph: Graph = _with_keys(
                read_graph(self.project.manifest, warehouse, self.population), self.population
            )
            self.paths: Paths = find_paths(self.population, self.graph)
            windows = {view.name: _windows(view, self.population, warehouse) for view in self.paths.views}
            values = Values(warehouse)
            plain = candidates(self.population, self.graph, self.paths, values, windows)
            taken = {*self.population.columns, *(feature.name for feature in plain)}
            self.ratios = beside_peers(plain, taken) + beside_all(plain, self.population.as_of, taken)
            self.features: list[Feature] = [*plain, *self.ratios]
            self.sql = Writer(self.population, self.graph, self.paths, values, lambda table: table.relation).write(
                self.features
            )

    def frame(self, where: str = "true") -> pd.DataFrame:
        keys = ", ".join(self.population.keys)
        with opened(self.project, 0.0, read_only=True) as warehouse:
            return self._query(warehouse, f"select * from ({self.sql}) as features where {where} order by {keys}")

    @staticmethod
    def _query(warehouse: Warehouse, sql: str) -> pd.DataFrame:
        return warehouse.query(sql)
