"""Numbers that are of unlike things: a table of readings, each with the name of what was read."""

import re
from collections.abc import Collection, Mapping
from dataclasses import replace

from ml.features.graph import SNAPSHOT_COLUMNS, Graph, Table
from ml.features.names import ORDERING, identifier_part
from ml.features.paths import Kind, Paths, View
from ml.features.values import MOST_TEXTS, UNLIKE, Values

CLOSE = 0.02  # of that share, by which one column is no better than another before it
MOST = 48  # kinds of one table
COVERED = 0.3  # share of the rows that the kinds told apart have: of prices by product they have less
LEAST_SHARE = 0.005  # of the rows that a kind has
NUMBER, NO_BRACES = re.compile(r"-?[0-9]+(\.[0-9]+)?"), re.compile(r"[^{]*")
NAMING = 0.5  # share of a table's rows that have a text of their own, which can name them


def follow_kinds(paths: Paths, graph: Graph, values: Values) -> None:
    """Add the entity's events of each kind, where they hold numbers of unlike things."""
    # Of several things together, the latest reading is not known.
    for view in [one for one in paths.views if one.is_near and one.is_of_entity and one.links is None]:
        unlike = _unlike(view, graph, values)
        for column in {identifier_part(column): column for column in unlike.values()}.values():
            numbers = tuple(number for number, kind in unlike.items() if kind == column)
            for level, name in _levels(view.table, column, MOST // len({*unlike.values()}), graph, values).items():
                is_number = view.table.columns[column].kind == "number"
                kind = Kind(column, level, name, is_number, numbers, view.name)
                paths.add(replace(view, name=f"{view.name}_{identifier_part(name or level)}", kind=kind))


def _unlike(view: View, graph: Graph, values: Values) -> dict[str, str]:
    """The numbers of a view's events that are of unlike things, each with the text or key that says of what."""
    table = view.table
    keys = graph.keys_of(table.id) | table.identifiers
    apart = {*view.names, table.clock, *table.personal, *SNAPSHOT_COLUMNS}
    columns = [column for column in table.columns.values() if column.name not in apart]
    numbers = [column.name for column in columns if column.kind == "number" and column.name not in keys]
    levels = [
        column.name
        for column in columns
        if (column.kind == "category" or (column.kind == "number" and column.name in keys))
        and not ORDERING.fullmatch(column.name)
        and 1 < values.distinct(table, column.name) <= MOST_TEXTS
    ]
    covered = [name for name in levels if sum(share for _, share in values.levels(table, name)) >= COVERED]
    if not numbers or not covered:
        return {}
    kinds = {}
    for number, shares in values.told_by(table, numbers, covered).items():
        best = max(shares.values())
        if best >= UNLIKE:
            kinds[number] = next(name for name, share in shares.items() if share >= best - CLOSE)
    return kinds


def _levels(table: Table, column: str, most: int, graph: Graph, values: Values) -> Mapping[str, str]:
    """The most frequent levels, each with what it is called elsewhere, if it is; dbt would render braces."""
    plain = NUMBER if table.columns[column].kind == "number" else NO_BRACES
    levels = [level for level, share in values.levels(table, column) if share >= LEAST_SHARE and plain.fullmatch(level)]
    names = _names(table, column, levels[:most], graph, values)
    return {level: names.get(level, "") for level in levels[:most]}


def _names(table: Table, column: str, levels: Collection[str], graph: Graph, values: Values) -> dict[str, str]:
    """What the levels of a foreign key are called in the table that it leads to, by the first text that tells."""
    for key in graph.parents(table.id):
        parent = graph.tables[key.parent]
        texts = [
            one.name
            for one in parent.columns.values()
            if one.kind == "category" and one.name not in (*key.parent_columns, *parent.personal)
            if values.distinct(parent, one.name) >= NAMING * values.rows(parent)
        ]
        if key.columns == (column,) and texts and levels:
            return values.names(parent, key.parent_columns[0], texts[0], levels)
    return {}
