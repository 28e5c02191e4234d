"""Writes features as SQL: one pass over each event relation, then as-of joins, whatever the number of windows."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ml.features.feature import Feature
from ml.features.latest import latest_key
from ml.features.layout import as_named, indented, join, select
from ml.features.names import identifier
from ml.features.paths import Parent, View
from ml.features.peers import joined, parts_of
from ml.features.relations import Relations, columns_of, timestamp
from ml.features.steps import Steps
from ml.features.values import Values


@dataclass(frozen=True)
class Writer:
    """Writes queries for one population.

    Attributes:
        relations: the tables.
        values: what columns hold, for the measures of views.
        wanted: SQL of the population's rows that are asked for; all of them if empty.
    """

    relations: Relations
    values: Values
    wanted: str = ""

    def write(self, features: Sequence[Feature], kept: Sequence[str] = ()) -> str:
        """The query: keys, features, other columns of the population, the target."""
        parts = parts_of(features)
        told = _views(parts)
        anchors = {view.anchor.columns: view.anchor for view in told if view.anchor.latest}
        keys = [latest_key(anchor) for anchor in anchors.values()]
        first, parts = _views(keys), [*keys, *parts]
        views, of_views = _views(parts), self._of_views
        steps = [*self._imports(views, parts), *self._told(), self._keyed(views, parts)]
        for place, alike in enumerate(_gathered(views), 1):
            steps += of_views.gathered(alike, _features_of(alike, parts))
            steps += [of_views.looked_up(view, _features_of([view], parts)) for view in alike]
            if place == len(first):
                steps.append(("reached", self._reached(keys)))
        steps.append(("features", self._joined(told, features, kept)))
        blocks = [f"{name} as (\n\n{indented(text)}\n\n)" for name, text in steps]
        return "with\n\n" + ",\n\n".join(blocks) + "\n\nselect * from features\n"

    @property
    def _of_views(self) -> Steps:
        return Steps(self.relations, self.values, is_of_some=bool(self.wanted))

    def _imports(self, views: Sequence[View], features: Sequence[Feature]) -> list[tuple[str, str]]:
        source, of_views = self.relations.source, self._of_views
        found = {"population": f"select * from {source(self.relations.start)}"}
        if self.wanted:
            found["wanted"] = self.wanted
        tables = [parent.table for parent in self._needed_parents(views, features)]
        for alike in _gathered(views):
            view = alike[0]
            if not view.is_own:
                parents = of_views.parents(view, _features_of(alike, features))
                tables += [view.table, *(parent.table for parent in parents)]
            if view.links:
                tables += [view.links.table, *(parent.table for parent in view.links.parents)]
        if self.relations.ahead:
            tables.append(self.relations.ahead.view.table)
        for table in tables:
            found[self.relations.name(table)] = f"select * from {source(table)}"
        return list(found.items())

    def _needed_parents(self, views: Iterable[View], features: Iterable[Feature]) -> list[Parent]:
        """The parents that features or keys come from, each after the one that leads to it."""
        parents = self.relations.paths.parents
        by_alias = {parent.alias: parent for parent in parents}
        used = _used(views, features)
        wanted: set[str] = set()
        for alias in by_alias:
            if any(column in used for column in columns_of(by_alias[alias])):
                step = alias
                while step != "population":
                    wanted.add(step)
                    step = by_alias[step].via
        return [parent for parent in parents if parent.alias in wanted]

    @property
    def _rows(self) -> str:
        return "wanted" if self.wanted else "population"

    def _told(self) -> list[tuple[str, str]]:
        ahead = self.relations.ahead
        return ahead.steps(self.relations, self._rows) if ahead else []

    def _keyed(self, views: Sequence[View], features: Sequence[Feature]) -> tuple[str, str]:
        ahead = self.relations.ahead
        rows = "told" if ahead else self._rows
        known = "told.known_" if ahead else self.relations.as_of(rows)
        lines = [f"{rows}.*", *([] if ahead else [f"{known} as as_of_"])]
        used = _used(views, features)
        joins: list[str] = []
        for parent in self._needed_parents(views, features):
            alias = identifier(parent.alias)
            for here, column in columns_of(parent).items():
                if here in used:
                    lines.append(as_named(f"{alias}.{identifier(column)}", here))
            via = rows if parent.via == "population" else identifier(parent.via)
            conditions = self.relations.same_key(parent, via)
            if parent.table.clock:
                conditions.append(f"{known} > {self.relations.moment(parent.table, parent.alias)}")
            if parent.table.is_history:
                until = f"{alias}.dbt_valid_to"
                conditions.append(
                    f"({until} is null or {timestamp(until, parent.table.columns['dbt_valid_to'])} >= {known})"
                )
            joins.append(join(f"left join {self.relations.aliased(parent)}", conditions))
        return "keyed", "\n".join([select(lines), f"from {rows}", *joins])

    def _reached(self, latest: Sequence[Feature]) -> str:
        """The rows with the keys that their latest events hold."""
        lines = [*self.relations.keys, self.relations.known, *map(joined, latest)]
        return "\n".join([select(lines), "from keyed", *self._joins(_views(latest))])

    def _joined(self, views: Sequence[View], features: Sequence[Feature], kept: Sequence[str]) -> str:
        lines = self.relations.keys
        for feature in features:
            lines.append(joined(feature) if feature.view else as_named(feature.expression, feature.name))
        lines += [f"keyed.{identifier(name)}" for name in (*kept, self.relations.population.target)]
        return "\n".join([select(lines), "from keyed", *self._joins(views)])

    def _joins(self, views: Iterable[View]) -> Iterator[str]:
        """The features of views beside the rows that they are of."""
        for view in views:
            table = f"{view.steps}_features"
            same = [f"keyed.{identifier(key)} = {table}.{identifier(key)}" for key in self.relations.population.keys]
            yield join(f"left join {table}", same)


def _views(features: Iterable[Feature]) -> list[View]:
    """The events that features are made of, once each."""
    return list({feature.view.name: feature.view for feature in features if feature.view}.values())


def _gathered(views: Iterable[View]) -> list[list[View]]:
    """Views whose events are gathered together: kinds of the same table."""
    found: dict[str, list[View]] = {}
    for view in views:
        found.setdefault(view.gathered, []).append(view)
    return list(found.values())


def _used(views: Iterable[View], features: Iterable[Feature]) -> set[str]:
    """The columns of `keyed` that features read or views are anchored at."""
    read = {column for feature in features for column in feature.reads}
    return read | {column for view in views for column in view.anchor.columns}


def _features_of(views: Iterable[View], features: Iterable[Feature]) -> list[Feature]:
    names = {view.name for view in views}
    return [feature for feature in features if feature.view is not None and feature.view.name in names]
