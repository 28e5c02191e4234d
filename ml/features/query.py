"""Writes features as SQL: one pass over each event relation, then as-of joins, whatever the number of windows."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ml.features.feature import Feature, Running
from ml.features.graph import Graph, Table
from ml.features.keys import equal
from ml.features.latest import latest_key
from ml.features.layout import as_named, case, clauses, indented, join, select, where
from ml.features.measures import first_of, measures
from ml.features.names import identifier
from ml.features.paths import Anchor, EventColumn, Parent, Paths, View, named, short
from ml.features.peers import joined, parts_of
from ml.features.population import Population
from ml.features.values import Values
from ml.features.windows import Window, window
from ml.warehouse import Column

ENDINGS = ("_events", "_instants", "_running", "_features")  # of the steps of a view


@dataclass(frozen=True)
class Writer:
    """Writes queries for one population.

    Attributes:
        population: whose rows get features.
        graph: the tables.
        paths: the parents and views that features may use.
        values: what columns hold, for the measures of views.
        source: how a table is named in SQL.
        wanted: SQL of the population's rows that are asked for; all of them if empty.
    """

    population: Population
    graph: Graph
    paths: Paths
    values: Values
    source: Callable[[Table], str]
    wanted: str = ""

    def write(self, features: Sequence[Feature], kept: Sequence[str] = ()) -> str:
        """The query: keys, features, other columns of the population, the target."""
        parts = parts_of(features)
        told = _views(parts)
        anchors = {view.anchor.columns: view.anchor for view in told if view.anchor.latest}
        keys = [latest_key(anchor) for anchor in anchors.values()]
        first, parts = _views(keys), [*keys, *parts]
        views = _views(parts)
        steps = [*self._imports(views, parts), self._keyed(views, parts)]
        for place, view in enumerate(views, 1):
            steps += self._view(view, _features_of(view, parts))
            if place == len(first):
                steps.append(("reached", self._reached(keys)))
        steps.append(("features", self._joined(told, features, kept)))
        blocks = [f"{name} as (\n\n{indented(text)}\n\n)" for name, text in steps]
        return "with\n\n" + ",\n\n".join(blocks) + "\n\nselect * from features\n"

    def _imports(self, views: Sequence[View], features: Sequence[Feature]) -> list[tuple[str, str]]:
        start = self._table(self.population.node["unique_id"])
        found = {"population": f"select * from {self.source(start)}"}
        if self.wanted:
            found["wanted"] = self.wanted
        tables = [parent.table for parent in self._needed_parents(views, features)]
        for view in views:
            tables += (
                [] if view.is_own else [view.table, *(parent.table for parent in self._event_parents(view, features))]
            )
        for table in tables:
            found[self._import(table)] = f"select * from {self.source(table)}"
        return list(found.items())

    def _import(self, table: Table) -> str:
        """The name under which a query reads a table: its short one, unless several tables or a step share that."""
        same = [one for one in self.graph.tables.values() if short(one).lower() == short(table).lower()]
        name = named(table) if len(same) == 1 else table.id.replace(".", "_")
        steps = {f"{view.steps}{ending}" for view in self.paths.views for ending in ENDINGS}
        return identifier(f"source_{name}" if name.lower() in steps else name)

    def _table(self, unique_id: str) -> Table:
        return self.graph.tables[unique_id]

    def _needed_parents(self, views: Iterable[View], features: Iterable[Feature]) -> list[Parent]:
        """The parents that features or keys come from, each after the one that leads to it."""
        by_alias = {parent.alias: parent for parent in self.paths.parents}
        used = {column for feature in features for column in feature.reads}
        used |= {column for view in views for column in view.anchor.columns}
        wanted: set[str] = set()
        for alias in by_alias:
            if any(column in used for column in self._columns_of(by_alias[alias])):
                step = alias
                while step != "population":
                    wanted.add(step)
                    step = by_alias[step].via
        return [parent for parent in self.paths.parents if parent.alias in wanted]

    @staticmethod
    def _columns_of(parent: Parent) -> dict[str, str]:
        """The columns of a parent by their names in `keyed`."""
        return {f"{parent.alias}__{column}": column for column in parent.table.columns}

    def _keyed(self, views: Sequence[View], features: Sequence[Feature]) -> tuple[str, str]:
        rows = "wanted" if self.wanted else "population"
        as_of = self._as_of(rows)
        lines = [f"{rows}.*", f"{as_of} as as_of_"]
        used = {column for feature in features for column in feature.reads}
        used |= {column for view in views for column in view.anchor.columns}
        joins: list[str] = []
        for parent in self._needed_parents(views, features):
            alias = identifier(parent.alias)
            for here, column in self._columns_of(parent).items():
                if here in used:
                    lines.append(as_named(f"{alias}.{identifier(column)}", here))
            via = rows if parent.via == "population" else identifier(parent.via)
            conditions = self._same_key(parent, via)
            if parent.table.clock:
                conditions.append(f"{as_of} > {self._moment(parent.table, parent.alias)}")
            if parent.table.is_history:
                until = f"{alias}.dbt_valid_to"
                conditions.append(
                    f"({until} is null or {_timestamp(until, parent.table.columns['dbt_valid_to'])} >= {as_of})"
                )
            joins.append(join(f"left join {self._aliased(parent)}", conditions))
        return "keyed", "\n".join([select(lines), f"from {rows}", *joins])

    def _reached(self, latest: Sequence[Feature]) -> str:
        """The rows with the keys that their latest events hold."""
        lines = [*(f"keyed.{identifier(key)}" for key in self.population.keys), "keyed.as_of_", *map(joined, latest)]
        return "\n".join([select(lines), "from keyed", *self._joins(_views(latest))])

    def _as_of(self, rows: str) -> str:
        return _timestamp(f"{rows}.{identifier(self.population.as_of)}", self.population.columns[self.population.as_of])

    def _same_key(self, parent: Parent, via: str) -> list[str]:
        child = self._table(parent.key.child)
        pairs = zip(parent.key.columns, parent.key.parent_columns, strict=True)
        return [
            equal(
                f"{via}.{identifier(one)}",
                child.columns[one],
                f"{identifier(parent.alias)}.{identifier(other)}",
                parent.table.columns[other],
            )
            for one, other in pairs
        ]

    def _moment(self, table: Table, alias: str, clock: str | None = None) -> str:
        """From when on a row is known: a date, seen from a timestamp, at its end."""
        column = table.columns[clock or str(table.clock)]
        moment = _timestamp(f"{identifier(alias)}.{identifier(column.name)}", column)
        if table.delay and column.name == table.clock:
            return f"{moment} + {window(int(table.delay.total_seconds())).sql} - interval 1 microsecond"
        is_coarser = _is_date(column) and not _is_date(self.population.columns[self.population.as_of])
        return f"{moment} + interval 1 day - interval 1 microsecond" if is_coarser else moment

    def _event_parents(self, view: View, features: Iterable[Feature]) -> list[Parent]:
        """The parents of events that the features of a view read."""
        text = self._events(view, _keys(view), _needs(_features_of(view, features)))
        return [parent for parent in view.parents if f"left join {self._aliased(parent)}\n" in text]

    def _aliased(self, parent: Parent) -> str:
        table, alias = self._import(parent.table), identifier(parent.alias)
        return table if table == alias else f"{table} as {alias}"

    def _view(self, view: View, features: Sequence[Feature]) -> list[tuple[str, str]]:
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

    def _own_events(self, view: View, keys: Sequence[str], needs: Sequence[Running]) -> str:
        """The population's own outcomes; each is known when its horizon is over."""
        population = self.population
        if population.horizon is None:
            raise ValueError("outcomes of a population without horizon are never known")
        as_of = _timestamp(f"events.{identifier(population.as_of)}", population.columns[population.as_of])
        known = f"{as_of} + {window(int(population.horizon.total_seconds())).sql} - interval 1 microsecond"
        columns = [column.sql for column in view.columns]
        lines = [as_named(column, key) for column, key in zip(columns, keys, strict=True)]
        lines += [as_named(known, "at_"), *self._measured(view, needs, columns, known)]
        return f"{select(lines)}\nfrom population as events\nwhere events.{identifier(population.target)} is not null"

    def _measured(self, view: View, needs: Sequence[Running], keys: Sequence[str], moment: str) -> Iterator[str]:
        """The columns of events that are needed, and the marks of first occurrences."""
        text = " ".join(one.gathered for one in needs)
        for one in measures(self.population, view, self.graph, self.values):
            if f"({first_of(one)})" in text:
                number = f"row_number() over (partition by {', '.join([*keys, one.sql])} order by {moment})"
                yield as_named(case(f"{number} = 1", one.sql), f"first_{one.name}")
            if _reads(text, identifier(one.name)):
                yield as_named(one.sql, one.name)

    def _events(self, view: View, keys: Sequence[str], needs: Sequence[Running]) -> str:
        pairs = zip(view.columns, view.anchor.columns, strict=True)
        columns = [self._key_cast(view, column, wanted) for column, wanted in pairs]
        clocks = [self._moment(view.table_of(clock.alias), clock.alias, clock.name) for clock in view.clocks]
        moment = clocks[0] if len(clocks) == 1 else f"greatest({', '.join(clocks)})"
        lines = [as_named(column, key) for column, key in zip(columns, keys, strict=True)]
        lines += [as_named(moment, "at_"), *self._measured(view, needs, columns, moment)]
        sources = [f"from {self._import(view.table)} as events"]
        read = "\n".join(lines)
        for parent in view.parents:
            alias = identifier(parent.alias)
            if not _reads(read, alias):
                continue
            conditions = self._same_key(parent, "events")
            if parent.table.clock and all(clock.alias != parent.alias for clock in view.clocks):
                conditions.append(f"{moment} >= {self._moment(parent.table, parent.alias)}")
            sources.append(join(f"left join {self._aliased(parent)}", conditions))
        present = [f"{column} is not null" for column in [*columns, *(clock.sql for clock in view.clocks)]]
        if self.wanted:
            anchors = ", ".join(f"keyed.{identifier(column)}" for column in view.anchor.columns)
            present.append(f"({', '.join(columns)}) in (select distinct {anchors} {_rows_of(view)})")
        return "\n".join([select(lines), *sources, where(present)])

    def _key_cast(self, view: View, own: EventColumn, anchor: str) -> str:
        """A key of events, of the type that the population's key has."""
        column, wanted = view.table_of(own.alias).columns[own.name], self._anchor_column(view.anchor, anchor)
        return own.sql if column.kind == wanted.kind else f"cast({own.sql} as {wanted.type.lower()})"

    def _anchor_column(self, anchor: Anchor, name: str) -> Column:
        if anchor.latest:
            return anchor.latest.view.table.columns[anchor.latest.column]
        if name in self.population.columns:
            return self.population.columns[name]
        for parent in self.paths.parents:
            if name in self._columns_of(parent):
                return parent.table.columns[self._columns_of(parent)[name]]
        raise KeyError(name)

    def _looked_up(
        self, view: View, features: Sequence[Feature], windows: Sequence[Window], keys: Sequence[str]
    ) -> str:
        name = view.steps
        lines = [f"keyed.{identifier(key)}" for key in self.population.keys]
        lines += [as_named(feature.expression, feature.name) for feature in features]
        same = [f"keyed.{identifier(one)} = {{}}.{key}" for one, key in zip(view.anchor.columns, keys, strict=True)]
        joins = []
        for alias, moment in [("now_", "keyed.as_of_"), *((one.alias, f"keyed.as_of_ - {one.sql}") for one in windows)]:
            conditions = [*(one.format(alias) for one in same), f"{moment} > {alias}.at_"]
            joins.append(join(f"asof left join {name}_running as {alias}", conditions))
        return "\n".join([select(lines), _rows_of(view), *joins])

    def _joined(self, views: Sequence[View], features: Sequence[Feature], kept: Sequence[str]) -> str:
        lines = [f"keyed.{identifier(key)}" for key in self.population.keys]
        for feature in features:
            lines.append(joined(feature) if feature.view else as_named(feature.expression, feature.name))
        lines += [f"keyed.{identifier(name)}" for name in (*kept, self.population.target)]
        return "\n".join([select(lines), "from keyed", *self._joins(views)])

    def _joins(self, views: Iterable[View]) -> Iterator[str]:
        """The features of views beside the rows that they are of."""
        for view in views:
            table = f"{view.steps}_features"
            same = [f"keyed.{identifier(key)} = {table}.{identifier(key)}" for key in self.population.keys]
            yield join(f"left join {table}", same)


def _views(features: Iterable[Feature]) -> list[View]:
    """The events that features are made of, once each."""
    return list({feature.view.name: feature.view for feature in features if feature.view}.values())


def _rows_of(view: View) -> str:
    """The rows that a view is told of; those of a latest key have it."""
    return "from reached as keyed" if view.anchor.latest else "from keyed"


def _features_of(view: View, features: Iterable[Feature]) -> list[Feature]:
    return [feature for feature in features if feature.view is not None and feature.view.name == view.name]


def _keys(view: View) -> list[str]:
    """What the columns of a view's key are called in its steps."""
    return [f"key_{place}" for place, _ in enumerate(view.columns, 1)]


def _needs(features: Iterable[Feature]) -> list[Running]:
    """The running columns that features read, once each."""
    return list({column.name: column for feature in features for column in feature.needs}.values())


def _timestamp(sql: str, column: Column) -> str:
    kind = column.type.upper()
    if kind == "TIMESTAMP":
        return sql
    return f"{sql} at time zone 'UTC'" if "TIME ZONE" in kind or kind == "TIMESTAMPTZ" else f"cast({sql} as timestamp)"


def _is_date(column: Column) -> bool:
    return column.type.upper() == "DATE"


def _reads(text: str, name: str) -> bool:
    """Whether SQL names something, and not only something longer."""
    place = text.find(name)
    while place >= 0:
        before, after = text[place - 1 : place], text[place + len(name) : place + len(name) + 1]
        if not (before.isalnum() or before == "_" or after.isalnum() or after == "_"):
            return True
        place = text.find(name, place + 1)
    return False
