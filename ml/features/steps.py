"""The steps of a view: its events, what they come to by instant, running totals, and what rows find by as-of joins."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ml.features.feature import Feature, Running
from ml.features.graph import Table
from ml.features.layout import as_named, call, is_one_of, join, select, where
from ml.features.measures import measures
from ml.features.names import identifier
from ml.features.paths import KIND, EventColumn, Links, Parent, View
from ml.features.relations import AS_OF, Relations, at_end
from ml.features.running import overall_totals, running_steps
from ml.features.values import Values
from ml.warehouse import Column


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

    def gathered(self, views: Sequence[View], features: Sequence[Feature]) -> list[tuple[str, str]]:
        """The names and texts of the steps that gather the events of a view, or of several kinds, for some features."""
        view, needs = views[0], _needs(features)
        overall = list({one.name: one for feature in features for one in feature.overall}.values())
        name, keys = view.gathered, _keys(view)
        events = self._own_events(view, keys, needs) if view.is_own else self._events(views, keys, needs)
        return [
            *([(f"{name}_links", self._links(view, view.links))] if view.links else []),
            (f"{name}_events", events),
            *running_steps(name, [*keys, KIND] if view.kind else keys, needs),
            *([(f"{name}_overall", overall_totals(name, overall))] if overall else []),
        ]

    def parents(self, view: View, features: Iterable[Feature]) -> list[Parent]:
        """The parents of events that features of a view read."""
        text = self._events([view], _keys(view), _needs(features))
        return [parent for parent in view.parents if f"left join {self.relations.aliased(parent)}\n" in text]

    def _links(self, view: View, links: Links) -> str:
        """The things that entities are linked to, each known from its first link on."""
        wanted = [self.relations.anchor_column(view.anchor, name) for name in view.anchor.columns]
        pairs = zip(links.entity, wanted, strict=True)
        entity = [_cast(EventColumn("links", name).sql, links.table.columns[name], column) for name, column in pairs]
        thing = EventColumn("links", links.thing).sql
        known = self._latest(links.clocks, {"links": links.table, **{one.alias: one.table for one in links.parents}})
        lines = [*map(as_named, entity, _entity(view)), as_named(thing, "thing_"), as_named(f"min({known})", "known_")]
        sources = [f"from {self.relations.name(links.table)} as links"]
        for parent in links.parents:
            same = self.relations.same_key(parent, "links")
            sources.append(join(f"inner join {self.relations.aliased(parent)}", same))
        present = [f"{column} is not null" for column in (*entity, thing, *(clock.sql for clock in links.clocks))]
        if self.is_of_some and not view.is_own:
            present.append(self._is_asked(view, entity))
        return "\n".join([select(lines), *sources, where(present), f"group by {', '.join((*entity, thing))}"])

    def _latest(self, clocks: Sequence[EventColumn], tables: Mapping[str, Table]) -> str:
        """The moment from which on all clocks have struck."""
        moments = [self.relations.moment(tables[clock.alias], clock.alias, clock.name) for clock in clocks]
        return moments[0] if len(moments) == 1 else f"greatest({', '.join(moments)})"

    def _own_events(self, view: View, keys: Sequence[str], needs: Sequence[Running]) -> str:
        """The population's own outcomes; each is known when its horizon is over, and the link that it comes by."""
        population = self.relations.population
        if population.horizon is None:
            raise ValueError("outcomes of a population without horizon are never known")
        known = at_end(self.relations.as_of("events"), population.horizon)
        sources = ["from population as events"]
        if view.holds_key:
            pairs = zip(view.columns, self._wanted(view), strict=True)
            columns = [_cast(own.sql, population.columns[own.name], wanted) for own, wanted in pairs]
        else:
            known, columns = call("greatest", known, "links.known_"), [column.sql for column in view.columns]
            sources.append(join(f"inner join {view.steps}_links as links", _same_entity(view, "events")))
        lines = [as_named(column, key) for column, key in zip(columns, keys, strict=True)]
        lines += [as_named(known, "at_"), *self._measured(view, needs)]
        closed = f"where events.{identifier(population.target)} is not null"
        return "\n".join([select(lines), *sources, closed])

    def _measured(self, view: View, needs: Sequence[Running]) -> Iterator[str]:
        """The columns of events that are needed."""
        text = " ".join(one.gathered for one in needs)
        for one in measures(self.relations.population, view, self.relations.graph, self.values):
            if _reads(text, identifier(one.name)):
                yield as_named(one.sql, one.name)

    def _events(self, views: Sequence[View], keys: Sequence[str], needs: Sequence[Running]) -> str:
        view, kinds = views[0], [one.kind for one in views if one.kind]
        pairs = zip(view.columns, self._wanted(view), strict=True)
        columns = [_cast(own.sql, view.tables[own.alias].columns[own.name], wanted) for own, wanted in pairs]
        moment = self._latest(view.clocks, view.tables)
        lines = [as_named(column, key) for column, key in zip(columns, keys, strict=True)]
        lines += [as_named(EventColumn("events", kinds[0].column).sql, KIND)] if kinds else []
        lines += [as_named(moment, "at_"), *self._measured(view, needs)]
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
        if kinds:
            present.append(is_one_of(EventColumn("events", kinds[0].column).sql, [kind.literal for kind in kinds]))
        if self.is_of_some and view.links:
            present.append(f"{columns[0]} in (select links.thing_ from {view.steps}_links as links)")
        elif self.is_of_some:
            present.append(self._is_asked(view, columns))
        return "\n".join([select(lines), *sources, where(present)])

    def _is_asked(self, view: View, columns: Sequence[str]) -> str:
        """Whether rows that are asked for have a key."""
        anchors = ", ".join(f"keyed.{identifier(column)}" for column in view.anchor.columns)
        return f"({', '.join(columns)}) in (select distinct {anchors} {rows_of(view)})"

    def _wanted(self, view: View) -> list[Column]:
        """The columns that keys of events are compared with."""
        if view.links:
            return [view.links.table.columns[view.links.thing]]
        return [self.relations.anchor_column(view.anchor, name) for name in view.anchor.columns]

    def looked_up(self, view: View, features: Sequence[Feature]) -> tuple[str, str]:
        """The name and text of the step that looks up what features tell of a view, for each row."""
        name, keys = view.gathered, _keys(view)
        windows = {one.label: one for feature in features for one in feature.windows}.values()
        lines = [*self.relations.keys, *(as_named(feature.expression, feature.name) for feature in features)]
        held = ["links.thing_"] if view.links else [f"keyed.{identifier(one)}" for one in view.anchor.columns]
        same = list(zip(held, keys, strict=True))
        joins, known = [], self.relations.known
        if view.links:
            conditions = [*_same_entity(view, "keyed"), f"{known} > links.known_"]
            joins.append(join(f"left join {name}_links as links", conditions))
        moments = {one.alias: f"{AS_OF if one.is_of_as_of else known} - {one.sql}" for one in windows}
        for alias, moment in {**moments, "now_": known}.items():
            conditions = [f"{one} = {alias}.{key}" for one, key in same]
            conditions += [f"{alias}.{KIND} = {view.kind.literal}"] if view.kind else []
            conditions.append(f"{moment} > {alias}.at_")
            joins.append(join(f"asof left join {name}_running as {alias}", conditions))
        if any(feature.overall for feature in features):
            joins.append(join(f"asof left join {name}_overall as overall_", [f"{known} > overall_.at_"]))
        grouped = [f"group by {', '.join((*self.relations.keys, known))}"] if view.links else []
        return f"{view.steps}_features", "\n".join([select(lines), rows_of(view), *joins, *grouped])


def rows_of(view: View) -> str:
    """The rows that a view is told of; those of a latest key have it."""
    return "from reached as keyed" if view.anchor.latest else "from keyed"


def _keys(view: View) -> list[str]:
    """What the columns of a view's key are called in its steps."""
    return [f"key_{place}" for place, _ in enumerate(view.columns, 1)]


def _entity(view: View) -> list[str]:
    """What the columns of the entity's key are called in the links of a view."""
    return [f"entity_{place}" for place, _ in enumerate(view.anchor.columns, 1)]


def _same_entity(view: View, rows: str) -> list[str]:
    """What joins rows of the population to the links of their entity."""
    pairs = zip(view.anchor.columns, _entity(view), strict=True)
    return [f"{rows}.{identifier(one)} = links.{other}" for one, other in pairs]


def _cast(sql: str, column: Column, wanted: Column) -> str:
    """A key, of the type of what it is compared with."""
    return sql if column.kind == wanted.kind else f"cast({sql} as {wanted.type.lower()})"


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
