"""All candidates of a population, computed in a database: what tests of features look at."""

from pathlib import Path

import pandas as pd

from ml.features.feature import Feature
from ml.features.peers import beside_all, beside_peers
from ml.features.propose import propose
from ml.project import Options, Project, open_project
from ml.warehouse import Warehouse, opened


class Bench:
    """All candidates of a population, and what they are in a database."""

    def __init__(self, directory: Path, name: str) -> None:
        self.project: Project = open_project(Options(project_dir=str(directory)))
        with opened(self.project, 0.0, read_only=True) as warehouse:
            proposed = propose(name, self.project.manifest, warehouse)
            self.population, self.graph, self.paths = proposed.population, proposed.graph, proposed.paths
            plain = list(proposed.features)
            taken = {*self.population.columns, *(feature.name for feature in plain)}
            self.ratios = beside_peers(plain, taken) + beside_all(plain, self.population.as_of, taken)
            self.features: list[Feature] = [*plain, *self.ratios]
            self.sql = proposed.writer(lambda table: table.relation).write(self.features)

    def frame(self, where: str = "true") -> pd.DataFrame:
        keys = ", ".join(self.population.keys)
        with opened(self.project, 0.0, read_only=True) as warehouse:
            return self._query(warehouse, f"select * from ({self.sql}) as features where {where} order by {keys}")

    @staticmethod
    def _query(warehouse: Warehouse, sql: str) -> pd.DataFrame:
        return warehouse.query(sql)
