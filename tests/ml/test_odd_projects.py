"""`martlet features` on made-up projects with odd names, types and foreign keys: all compute, none knows the future."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.ml.bench import Bench
from tests.ml.odd_projects import OddProject

CUT = "timestamp '2020-12-16'"


@pytest.mark.parametrize("seed", [*range(4), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(4, 60))])
def test_no_cell_of_an_odd_project_knows_the_future(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.features.windows.YEARS", 1)  # they span two, less a month
    project = OddProject(seed, tmp_path / "odd")
    project.place.parse()
    bench = Bench(project.directory, "pop_odd")
    before = bench.frame(f"cast(as_of as timestamp) <= {CUT}")
    assert len(before) > 100
    project.cut(CUT)
    after = bench.frame()
    assert len(after) == len(before)
    for feature in bench.features:
        assert alike(before[feature.name], after[feature.name]), feature


def alike(one: pd.Series, other: pd.Series) -> bool:
    """Whether two columns hold the same, whatever types pandas found for what is missing."""
    missing = one.isna()
    if not missing.equals(other.isna()):
        return False
    if pd.api.types.is_numeric_dtype(one):
        return bool(np.allclose(one[~missing].astype(float), other[~missing].astype(float), rtol=1e-9))
    return list(one[~missing]) == list(other[~missing])
