"""Over which time the events of a view, and the outcomes of a population, reach."""

from datetime import timedelta

import pandas as pd

from ml.features.paths import View
from ml.features.population import Population
from ml.features.windows import Spans, Window, choose_season, choose_windows
from ml.warehouse import Warehouse


def history(population: Population, warehouse: Warehouse) -> timedelta:
    """The time from the first closed row's as-of to the last one's."""
    as_of, target = warehouse.quote(population.as_of), warehouse.quote(population.target)
    return _span(warehouse, f"{population.relation} where {target} is not null", as_of)[0]


def spans_of(view: View, population: Population, warehouse: Warehouse, known: timedelta, ahead: timedelta) -> Spans:
    """Windows for the span and the pace of a view's events, and the season if they span years.

    Args:
        view: the events.
        population: whose rows are told of them.
        warehouse: holds them.
        known: the time that outcomes span.
        ahead: how long before their as-of rows are told, at most.
    """
    if view.is_own:
        season = None if view.links else choose_season(population.horizon, known, ahead)
        return Spans((Window.always(),), season)
    clock, key = view.clocks[0], view.columns[0]
    counted = f"count(distinct {warehouse.quote(key.name)})" if key.alias == clock.alias else "count(*)"
    table = view.tables[clock.alias]
    span, gap = _span(warehouse, table.relation, warehouse.quote(clock.name), counted)
    is_told = view.is_near and not view.links
    season = choose_season(population.horizon, min(span, known), ahead) if is_told else None
    return Spans(tuple(choose_windows(population.horizon, span, gap)), season)


def _span(warehouse: Warehouse, rows: str, moment: str, counted: str = "1") -> tuple[timedelta, timedelta]:
    """The time from the first moment to the last, and the mean time between two of one key."""
    row = warehouse.query(
        f"select epoch(max({moment})) - epoch(min({moment})) as span, count(*) as events, {counted} as keys from {rows}"
    ).iloc[0]
    span = 0.0 if pd.isna(row["span"]) else float(row["span"])
    gap = span * float(row["keys"]) / max(float(row["events"]), 1.0)
    return timedelta(seconds=span), timedelta(seconds=gap)
