"""Rows that lie further ahead than any event, as the next six months do: what they can know, and learning from alike.

An open row far ahead knows nothing of the time between the newest event and its as-of. Closed rows know all up to
theirs, and what is learned from the last days before an as-of is worth nothing then. So closed rows are told as they
were known some time before, drawn for each of them from the spans by which the open rows lie ahead.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

import pandas as pd

from ml.features.feature import Feature, unique
from ml.features.layout import as_named, call, days, indented, select, where
from ml.features.names import identifier
from ml.features.paths import View
from ml.features.relations import AS_OF, KNOWN, Relations
from ml.features.windows import DAY
from ml.learning.ahead import END, FAR
from ml.warehouse import Warehouse

FEW_DAYS = 3  # below, spans are drawn to the second


@dataclass(frozen=True)
class Ahead:
    """How far open rows lie ahead: no more than `most` after the newest event of a `view`."""

    view: View
    most: timedelta

    @property
    def note(self) -> str:
        """As the analyst should know it."""
        return (
            f"open rows lie up to {self.most.days} days after the newest row of {self.view.table.name}: closed rows "
            "are told from as long before their as-of, at random, as what is known later would not help those"
        )

    def steps(self, relations: Relations, rows: str) -> list[tuple[str, str]]:
        """The rows with their as-of, and the moment up to which they are told."""
        moment = f"max({relations.moment(self.view.table, 'events')})"
        as_of = relations.as_of(rows)
        is_open = f"{rows}.{identifier(relations.population.target)} is null"
        keys = ", ".join(f"{rows}.{identifier(key)}" for key in relations.population.keys)
        seconds, unit = self._unit
        ahead = f"floor((epoch({as_of}) - epoch(newest.at_)) / {seconds})"
        drawn = f"hash({keys}, 'ahead') % {int(self.most.total_seconds()) // seconds + 1}"
        spans = f"case\n    when {is_open}\n        then greatest({ahead}, 0)\n    else {drawn}\nend"
        known = f"{as_of} - {unit}(\n{indented(call('cast', f'{spans} as integer'))}\n)"
        lines = [f"{rows}.*", as_named(as_of, "as_of_"), as_named(known, "known_")]
        return [
            (
                "newest",
                f"{select([as_named(moment, 'at_')])}\nfrom {_held(self.view, relations.name(self.view.table))}",
            ),
            ("told", f"{select(lines)}\nfrom {rows}\ncross join newest"),
        ]

    @property
    def _unit(self) -> tuple[int, str]:
        """What spans are told in, in seconds, and DuckDB's name of it: days, or where those are few, seconds."""
        return (DAY, "to_days") if self.most >= timedelta(days=FEW_DAYS) else (1, "to_seconds")


def find_ahead(relations: Relations, warehouse: Warehouse) -> Ahead | None:
    """How far the open rows lie ahead; None if nearly all know events that are about as fresh as closed rows know."""
    population = relations.population
    near = [view for view in relations.paths.views if view.is_near and view.holds_key and not view.is_own]
    views = [view for view in near if view.table.clock]
    known = [(found, place) for place, view in enumerate(views) if (found := _newest(view, relations, warehouse))]
    if population.horizon is None or not known:
        return None
    newest, place = max(known)
    as_of, target = relations.as_of("rows"), warehouse.quote(population.target)
    ahead = f"epoch({as_of}) - epoch(cast('{newest}' as timestamp))"
    row = warehouse.query(
        f"select quantile_cont({ahead}, {1 - FAR}) as far, quantile_cont({ahead}, {END}) as most "
        f"from {population.relation} as rows where rows.{target} is null"
    ).iloc[0]
    far, most = row["far"], population.horizon.total_seconds()
    if pd.isna(far) or far <= most or far - _usual_seconds(views[place], relations, warehouse) <= most:
        return None
    return Ahead(views[place], timedelta(seconds=row["most"]))


def _newest(view: View, relations: Relations, warehouse: Warehouse) -> pd.Timestamp | None:
    moment = relations.moment(view.table, "events")
    found = warehouse.query(f"select max({moment}) as newest from {_held(view, view.table.relation)}")["newest"][0]
    return None if pd.isna(found) else pd.Timestamp(found)


def _usual_seconds(view: View, relations: Relations, warehouse: Warehouse) -> float:
    """How old the newest event of all entities ever was at an as-of of closed rows: events may be rare."""
    population, target = relations.population, warehouse.quote(relations.population.target)
    as_ofs = f"select distinct {relations.as_of('rows')} as as_of_ from {population.relation} as rows"
    moments = f"select distinct {relations.moment(view.table, 'events')} as at_ from {_held(view, view.table.relation)}"
    found = warehouse.query(
        "select coalesce(max(epoch(as_ofs.as_of_) - epoch(moments.at_)), 0) as usual "
        f"from ({as_ofs} where rows.{target} is not null) as as_ofs "
        f"asof inner join ({moments}) as moments on as_ofs.as_of_ > moments.at_"
    )
    return float(found["usual"][0])


def _held(view: View, relation: str) -> str:
    """The events that have a key, to be read from."""
    return f"{relation} as events\n{where([f'{column.sql} is not null' for column in view.columns])}"


def told_ahead(feature: Feature) -> Feature:
    """A feature of events as it is of rows that are told up to a moment before their as-of."""
    if feature.view is None:
        return feature
    words = feature.description.replace("the as-of", "the last known moment")
    return replace(feature, expression=feature.expression.replace(AS_OF, KNOWN), description=words)


def days_ahead(taken: set[str]) -> Feature:
    """How long before the as-of what is known of a row ends, under a name that is not taken."""
    words = "Days from the last known moment to the as-of."
    return unique(Feature("days_ahead", days(AS_OF, KNOWN), "number", words, "the as-of"), taken)
