"""The steps of a view: its events, what they come to by instant, running totals, and what rows find by as-of joins."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ml.features.feature import Feature, Running
from ml.features.layout import as_named, case, clauses, join, select, where
from ml.features.measures import first_of, measures
from ml.features.names import identifier
from ml.features.paths import EventColumn, Parent, View
from ml.features.relations import Relations, at_end
from ml.features.values import Values
from ml.features.windows import Window


@dataclass(frozen=True)
class Steps:
    """Writes the steps of views.

    Attributes:
        relations: the tables.
        values: what columns hold, for the measures of views.
        is_of_some: whether only some rows of the population are asked for, so that not all events matter.
    """

    relations: Relations
    values: Values
    is_of_some: bool

    def of(self, view: View, features: Sequence[Feature]) -> list[tuple[str, str]]:
        """The names and texts of the steps that compute features of a view."""
        needs = _needs(features)
        windows = list({one.label: one for feature in features for one in feature.windows}.values())
        name = view.steps
        keys = _keys(view)
        events = self._own_events(view, keys, needs) if view.is_own else self._events(view, keys, needs)
        instants = [*keys, "at_", *(as_named(one.gathered, one.name) for one in needs)]
        grouped = ", ".join([*keys, "at_"])
        running = [*keys, "at_", *(as_named(one.running, one.name) for one in needs)]
        by = f"partition by {', '.join(keys)} order by at_"
        frames = {"so_far": f"so_far as ({by} rows unbounded preceding)"}
        for one in needs:
            if " over last_" in one.running:
                latest = one.running.rsplit("last_", 1)[1]
                frames[f"last_{latest}"] = f"last_{latest} as ({by} rows {int(latest) - 1} preceding)"
        used = [text for frame, text in frames.items() if any(f" over {frame}" in one.running for one in needs)]
        windowed = "\n".join([select(running), f"from {name}_instants", *clauses("window", used)])
        return [
            (f"{name}_events", events),
            (f"{name}_instants", f"{select(instants)}\nfrom {name}_events\ngroup by {grouped}"),
            (f"{name}_running", windowed),
            (f"{name}_features", self._looked_up(view, features, windows, keys)),
        ]

    def parents(self, view: View, features: Iterable[Feature]) -> list[Parent]:
        """The parents of events that features of a view read."""
        text = self._events(view, _keys(view), _needs(features))
        return [parent for parent in view.parents if f"left join {self.relations.aliased(parent)}\n" in text]

    def _own_events(self, view: View, keys: Sequence[str], needs: Sequence[Running]) -> str:
        """The population's own outcomes; each is known when its horizon is over."""
        population = self.relations.population
        if population.horizon is None:
            raise ValueError("outcomes of a population without horizon are never known")
        known = at_end(self.relations.as_of("events"), population.horizon)
        columns = [column.sql for column in view.columns]
        lines = [as_named(column, key) for column, key in zip(columns, keys, strict=True)]
        lines += [as_named(known, "at_"), *self._measured(view, needs, columns, known)]
        return f"{select(lines)}\nfrom population as events\nwhere events.{identifier(population.target)} is not null"

    def _measured(self, view: View, needs: Sequence[Running], keys: Sequence[str], moment: str) -> Iterator[str]:
        """The columns of events that are needed, and the marks of first occurrences."""
        text = " ".join(one.gathered for one in needs)
        for one in measures(self.relations.population, view, self.relations.graph, self.values):
            if f"({first_of(one)})" in text:
                number = f"row_number() over (partition by {', '.join([*keys, one.sql])} order by {moment})"
                yield as_named(case(f"{number} = 1", one.sql), f"first_{one.name}")
            if _reads(text, identifier(one.name)):
                yield as_named(one.sql, one.name)

    def _events(self, view: View, keys: Sequence[str], needs: Sequence[Running]) -> str:
        pairs = zip(view.columns, view.anchor.columns, strict=True)
        columns = [self._key_cast(view, column, wanted) for column, wanted in pairs]
        clocks = [self.relations.moment(view.table_of(clock.alias), clock.alias, clock.name) for clock in view.clocks]
        moment = clocks[0] if len(clocks) == 1 else f"greatest({', '.join(clocks)})"
        lines = [as_named(column, key) for column, key in zip(columns, keys, strict=True)]
        lines += [as_named(moment, "at_"), *self._measured(view, needs, columns, moment)]
        sources = [f"from {self.relations.name(view.table)} as events"]
        read = "\n".join(lines)
        for parent in view.parents:
            alias = identifier(parent.alias)
            if not _reads(read, alias):
                continue
            conditions = self.relations.same_key(parent, "events")
            if parent.table.clock and all(clock.alias != parent.alias for clock in view.clocks):
                conditions.append(f"{moment} >= {self.relations.moment(parent.table, parent.alias)}")
            sources.append(join(f"left join {self.relations.aliased(parent)}", conditions))
        present = [f"{column} is not null" for column in [*columns, *(clock.sql for clock in view.clocks)]]
        if self.is_of_some:
            anchors = ", ".join(f"keyed.{identifier(column)}" for column in view.anchor.columns)
            present.append(f"({', '.join(columns)}) in (select distinct {anchors} {rows_of(view)})")
        return "\n".join([select(lines), *sources, where(present)])

    def _key_cast(self, view: View, own: EventColumn, anchor: str) -> str:
        """A key of events, of the type that the population's key has."""
        column, wanted = view.table_of(own.alias).columns[own.name], self.relations.anchor_column(view.anchor, anchor)
        return own.sql if column.kind == wanted.kind else f"cast({own.sql} as {wanted.type.lower()})"

    def _looked_up(
        self, view: View, features: Sequence[Feature], windows: Sequence[Window], keys: Sequence[str]
    ) -> str:
        name = view.steps
        lines = [*self.relations.keys, *(as_named(feature.expression, feature.name) for feature in features)]
        same = [f"keyed.{identifier(one)} = {{}}.{key}" for one, key in zip(view.anchor.columns, keys, strict=True)]
        joins, known = [], self.relations.known
        for alias, moment in [("now_", known), *((one.alias, f"{known} - {one.sql}") for one in windows)]:
            conditions = [*(one.format(alias) for one in same), f"{moment} > {alias}.at_"]
            joins.append(join(f"asof left join {name}_running as {alias}", conditions))
        return "\n".join([select(lines), rows_of(view), *joins])


def rows_of(view: View) -> str:
    """The rows that a view is told of; those of a latest key have it."""
    return "from reached as keyed" if view.anchor.latest else "from keyed"


def _keys(view: View) -> list[str]:
    """What the columns of a view's key are called in its steps."""
    return [f"key_{place}" for place, _ in enumerate(view.columns, 1)]


def _needs(features: Iterable[Feature]) -> list[Running]:
    """The running columns that features read, once each."""
    return list({column.name: column for feature in features for column in feature.needs}.values())


def _reads(text: str, name: str) -> bool:
    """Whether SQL names something, and not only something longer."""
    place = text.find(name)
    while place >= 0:
        before, after = text[place - 1 : place], text[place + len(name) : place + len(name) + 1]
        if not (before.isalnum() or before == "_" or after.isalnum() or after == "_"):
            return True
        place = text.find(name, place + 1)
    return False
