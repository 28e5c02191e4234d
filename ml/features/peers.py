"""Ratios to the peer group: what happened to one key beside what happened to a wider one over the same time."""

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import pandas as pd

from ml.features.candidates import Feature
from ml.features.names import identifier, unique
from ml.features.paths import View

MOST = 200  # ratios


def beside_peers(found: Sequence[Feature], taken: set[str]) -> list[Feature]:
    """Means of the nearest key of a table as multiples of those of its others: a plane's delays beside its carrier's.

    Both means are of events before the as-of, so their ratio is too. `taken` are names that no ratio may have; those of
    the ratios are added.
    """
    means = sorted((one for one in found if one.mean_of), key=lambda one: (one.mean_of, _view(one).anchor.depth))
    ratios = []
    for _, alike in groupby(means, key=lambda feature: feature.mean_of):
        own, *others = alike
        ratios += [unique(_ratio(own, peers), taken) for peers in others]
    return ratios[:MOST]


def _ratio(own: Feature, peers: Feature) -> Feature:
    by = _view(peers).anchor.columns
    return Feature(
        name=f"{own.name}_beside_{'_'.join(by)}",
        expression=f"{joined(own)} / nullif({joined(peers)}, 0)",
        kind="number",
        description=f"{own.description.rstrip('.')}, as a multiple of the same by {' and '.join(by)}.",
        path=f"{own.path} and {peers.path}",
        parts=(own, peers),
    )


def joined(feature: Feature) -> str:
    """Where a feature of events stands when all views have been joined."""
    return f"{_view(feature).steps}_features.{identifier(feature.name)}"


def _view(feature: Feature) -> View:
    if feature.view is None:
        raise ValueError(f"{feature.name} is not made of events")
    return feature.view


def parts_of(features: Sequence[Feature]) -> list[Feature]:
    """The features that are computed by themselves: those given, and those that ratios are made of."""
    found = {feature.name: feature for feature in features if not feature.parts}
    found.update({part.name: part for feature in features for part in feature.parts})
    return list(found.values())


def ratios_of(frame: pd.DataFrame, ratios: Sequence[Feature]) -> pd.DataFrame:
    """What the expressions of ratios say, of a frame that holds their parts."""
    found = {}
    for ratio in ratios:
        own, peers = (frame[part.name].astype(np.float64) for part in ratio.parts)
        found[ratio.name] = own / peers.where(peers != 0)
    return pd.DataFrame(found, index=frame.index)
