"""Ratios to the peer group: to what happened to a wider key over the same time, or to the other rows of the as-of."""

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import pandas as pd

from ml.features.feature import Feature, unique
from ml.features.layout import mean_over, ratio
from ml.features.names import identifier
from ml.features.paths import View

MOST = 150  # ratios of each kind
PEERS = 10  # rows that an as-of must have on average, to be compared with each other


def beside_peers(found: Sequence[Feature], taken: set[str]) -> list[Feature]:
    """Amounts of the nearest key of a table as multiples of those of its others: a plane's delays beside its carrier's.

    Both are of events before the as-of, so their ratio is too. `taken` are names that no ratio may have; those of the
    ratios are added.
    """
    amounts = sorted((one for one in found if one.amount_of), key=lambda one: (one.amount_of, _view(one).anchor.depth))
    ratios = []
    for _, alike in groupby(amounts, key=lambda feature: feature.amount_of):
        own, *others = alike
        for peers in others:
            by = _view(peers).by
            ratios.append(
                Feature(
                    name=f"{own.name}_beside_{'_'.join(by)}",
                    expression=ratio(joined(own), joined(peers)),
                    kind="number",
                    description=f"{own.description.rstrip('.')}, as a multiple of the same by {' and '.join(by)}.",
                    path=f"{own.path} and {peers.path}",
                    parts=(own, peers),
                )
            )
    return [unique(one, taken) for one in ratios[:MOST]]


def beside_all(found: Sequence[Feature], as_of: str, taken: set[str]) -> list[Feature]:
    """Amounts of the population's own entity as multiples of their mean over all rows of the same as-of.

    What is usual may change with time (prices, seasons, rules); where a row stands among the others need not.
    """
    moment = f"keyed.{identifier(as_of)}"
    ratios = [
        Feature(
            name=f"{own.name}_beside_all",
            expression=ratio(joined(own), mean_over(joined(own), moment)),
            kind="number",
            description=f"{own.description.rstrip('.')}, as a multiple of the mean of all rows of the as-of.",
            path=own.path,
            parts=(own,),
        )
        for own in found
        if own.amount_of and _view(own).is_near
    ]
    return [unique(one, taken) for one in ratios[:MOST]]


def ratios_of(frame: pd.DataFrame, ratios: Sequence[Feature], as_of: str) -> pd.DataFrame:
    """What the expressions of ratios say, of a frame that holds their parts and the as-of."""
    found = {}
    for one in ratios:
        own = frame[one.parts[0].name].astype(np.float64)
        is_of_all = len(one.parts) == 1
        peers = own.groupby(frame[as_of]).transform("mean") if is_of_all else frame[one.parts[1].name]
        found[one.name] = own / peers.where(peers != 0)
    return pd.DataFrame(found, index=frame.index)


def joined(feature: Feature) -> str:
    """Where a feature of events stands when all views have been joined."""
    return f"{_view(feature).steps}_features.{identifier(feature.name)}"


def parts_of(features: Sequence[Feature]) -> list[Feature]:
    """The features that are computed by themselves: those given, and those that ratios are made of."""
    found = {feature.name: feature for feature in features if not feature.parts}
    found.update({part.name: part for feature in features for part in feature.parts})
    return list(found.values())


def _view(feature: Feature) -> View:
    if feature.view is None:
        raise ValueError(f"{feature.name} is not made of events")
    return feature.view
