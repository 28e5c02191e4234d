"""What the lineage tells of a table: when its rows are known, and what later events can have changed."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from math import ceil

import pandas as pd

from ml.features.keys import ForeignKey, equal
from ml.features.population import Population
from ml.features.windows import DAY
from ml.manifest import Manifest, Node, martlet_meta
from ml.warehouse import Column, Warehouse

COMPARED = 20_000  # rows that two keys are compared on
# Of the horizon, between as-of and clock; of the rows that hold their outcome; of a number, that two may be apart.
NEAR, MOSTLY, CLOSE = 0.25, 0.5, 1e-6
EVEN = 1.2  # times the least distance that the greatest may be: months are 28 to 31 days

Keys = Collection[tuple[str, ...]]


@dataclass(frozen=True)
class Lineage:
    """The nodes of a project with what the warehouse holds of them."""

    manifest: Manifest
    warehouse: Warehouse
    _columns: dict[str, Mapping[str, Column]] = field(default_factory=dict)

    def relation(self, unique_id: str) -> str:
        """How the warehouse reads a node; empty if nothing stands for it."""
        node = self.manifest.node(unique_id)
        return (
            self.warehouse.source(node) if unique_id in self.manifest.sources else str(node.get("relation_name") or "")
        )

    def columns(self, unique_id: str) -> Mapping[str, Column]:
        """The columns of a node; empty if it is not in the warehouse."""
        if unique_id not in self._columns:
            relation = self.relation(unique_id)
            self._columns[unique_id] = self.warehouse.columns(relation) if relation else {}
        return self._columns[unique_id]

    def spelled(self, unique_id: str, name: str) -> str:
        """The name of a column as the warehouse spells it; case does not count in SQL."""
        columns = self.columns(unique_id)
        return name if name in columns else next((one for one in columns if one.lower() == name.lower()), name)

    @cached_property
    def clocked(self) -> frozenset[str]:
        """The nodes that declare an `event_time`."""
        everything = {**self.manifest.nodes, **self.manifest.sources}
        return frozenset(key for key, node in everything.items() if event_time(node))

    def clock(self, unique_id: str) -> str | None:
        """When a row is known: `known_at` of config.meta.martlet if given, else dbt's own `event_time`."""
        node, columns = self.manifest.node(unique_id), self.columns(unique_id)
        declared = martlet_meta(node).get("known_at") or event_time(node)
        found = self.spelled(unique_id, str(declared or ""))
        return found if found in columns and columns[found].kind == "date" else None

    def delay(self, unique_id: str) -> timedelta:
        """The time between the clocks of a model of sums: one with clocks at even distances, made from other events.

        Its clock is the start of what it sums up. Distances below two days, and what says itself when it is known,
        have no delay.
        """
        clock = self.clock(unique_id)
        if clock is None or "known_at" in martlet_meta(self.manifest.node(unique_id)):
            return timedelta(0)
        if not self.clocked & {*self.manifest.upstream(unique_id)}:
            return timedelta(0)
        moment = f"epoch({self.warehouse.quote(clock)})"
        row = self.warehouse.query(
            "select count(*) as moments, min(gap) as least, max(gap) as most from ("
            "select moment - lag(moment) over (order by moment) as gap from ("
            f"select distinct {moment} as moment from {self.relation(unique_id)}) as moments) as gaps"
        ).iloc[0]
        is_even = row["moments"] >= 3 and row["least"] >= 2 * DAY and row["most"] <= EVEN * row["least"]
        return timedelta(days=ceil(row["most"] / DAY) if is_even else 0)

    def timeless(self, unique_id: str, keys: Keys) -> frozenset[str]:
        """Columns that no later event can have changed.

        A model that reads events may sum them up, over all times. Of such a model only those columns are safe that come
        by the same name from a table with the same key that reads none. Tables that have one row for each key are no
        events here, though they may have a clock.
        """
        columns = frozenset(self.columns(unique_id))
        if not self._events(unique_id, keys):
            return columns
        safe: set[str] = set()
        for one in self.manifest.upstream(unique_id):
            found = {*self.columns(one)}
            is_event = one in self.clocked and not self._has_one_row_each(one, keys)
            if any(found.issuperset(key) for key in keys) and not is_event and not self._events(one, keys):
                safe |= found
        return columns & safe

    def _events(self, unique_id: str, keys: Keys) -> list[str]:
        """The events that a node reads, directly or not."""
        read = self.clocked & {*self.manifest.upstream(unique_id)}
        return [one for one in read if not self._has_one_row_each(one, keys)]

    def _has_one_row_each(self, unique_id: str, keys: Keys) -> bool:
        """Whether a table has no two rows of one key."""
        return any(self.is_unique(unique_id, key) for key in keys if self.columns(unique_id).keys() >= set(key))

    def is_unique(self, unique_id: str, key: tuple[str, ...]) -> bool:
        """Whether columns tell the rows of a table apart; rows with a null in the first do not count."""
        names = ", ".join(self.warehouse.quote(name) for name in key)
        twice = self.warehouse.query(
            f"select count(*) as found from (select {names} from {self.relation(unique_id)} "
            f"where {self.warehouse.quote(key[0])} is not null group by {names} having count(*) > 1 limit 1) as twice"
        )
        return not twice["found"][0]

    def holds_outcomes(self, unique_id: str, population: Population) -> bool:
        """Whether a table's rows of about the as-of hold the population's target, under the same entity.

        So does a mailing, at whose start nobody knows its answer; a list of results that a target is the mean of, later
        on, does not. It is taken to where entities or targets can't be compared, or where a row of it is an entity.
        """
        quote, columns, clock = self.warehouse.quote, self.columns(unique_id), self.clock(unique_id)
        target, shared = population.target, [name for name in population.entity if name in columns]
        if clock is None or not shared or columns[target].kind != population.columns[target].kind:
            return True
        if len(shared) == len(population.entity) and self.is_unique(unique_id, population.entity):
            return True
        near = max(NEAR * population.horizon.total_seconds(), DAY) if population.horizon else DAY
        alike = " and ".join(
            equal(f"asked.{quote(name)}", population.columns[name], f"held.{quote(name)}", columns[name])
            for name in shared
        )
        if columns[target].kind == "number":  # one may be a decimal, the other a float
            alike += f" and abs(asked.{quote(target)} - held.{quote(target)}) <= {CLOSE} * abs(asked.{quote(target)})"
        else:
            alike += f" and asked.{quote(target)} = held.{quote(target)}"
        row = self.warehouse.query(
            "select count(*) as asked, count(case when exists ("
            f"select 1 from {self.relation(unique_id)} as held where {alike} "
            f"and abs(epoch(held.{quote(clock)}) - epoch(asked.{quote(population.as_of)})) <= {near}"
            ") then 1 end) as held from ("
            f"select * from {population.relation} as rows where {self._is_compared(unique_id, population)}) as asked"
        ).iloc[0]
        return bool(row["held"] >= MOSTLY * row["asked"])

    def _is_compared(self, unique_id: str, population: Population) -> str:
        """SQL that is true of some closed rows of a population, none of them before the first row of a table."""
        quote, relation, clock = self.warehouse.quote, self.relation(unique_id), self.clock(unique_id)
        target, as_of = quote(population.target), quote(population.as_of)
        later = f"epoch({as_of}) >= (select min(epoch({quote(str(clock))})) from {relation})"
        counted = f"select count(*) as closed from {population.relation} where {target} is not null and {later}"
        one_in = round(self.warehouse.query(counted)["closed"][0] / COMPARED)
        return f"{target} is not null and {later} and {self.warehouse.one_in(one_in, population.keys)}"

    def share_alike(self, own: ForeignKey, below: ForeignKey, above: tuple[str, ...]) -> float:
        """The share of a table's rows whose own key is that which their parent, reached by `below`, holds in `above`.

        Rows that lack one of them don't count.
        """
        child, parent, quote = self.columns(own.child), self.columns(below.parent), self.warehouse.quote

        def compared(names: Collection[str], others: Collection[str]) -> str:
            return " and ".join(
                equal(f"rows.{quote(one)}", child[one], f"parents.{quote(other)}", parent[other])
                for one, other in zip(names, others, strict=True)
            )

        alike, read = compared(own.columns, above), ", ".join(map(quote, dict.fromkeys((*own.columns, *below.columns))))
        row = self.warehouse.query(
            f"select avg(case when {alike} then 1.0 when not ({alike}) then 0.0 end) as share "
            f"from (select {read} from {self.relation(own.child)} limit {COMPARED}) as rows "
            f"inner join {self.relation(below.parent)} as parents on {compared(below.columns, below.parent_columns)}"
        )
        share = row["share"][0]
        return 0.0 if pd.isna(share) else float(share)


def event_time(node: Node) -> str | None:
    """The clock that dbt knows of a node."""
    return (node.get("config") or {}).get("event_time")
