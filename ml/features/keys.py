"""Foreign keys, as a dbt project declares them: by `relationships` tests and by constraints."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ml.manifest import Manifest, Node
from ml.warehouse import Column

REFERENCE = re.compile(r"(ref|source)\(([^)]*)\)")
ARGUMENT = re.compile(r"['\"]([^'\"]+)['\"]")


@dataclass(frozen=True)
class ForeignKey:
    """Columns of a child that identify a row of its parent; both tables by unique id."""

    child: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]


def foreign_keys(manifest: Manifest) -> Iterator[ForeignKey]:
    """Those of relationships tests, then those of constraints."""
    for node in manifest.nodes.values():
        if node.get("resource_type") == "test":
            yield from _tested_key(node, manifest)
            continue
        for constraint, columns in _constraints(node):
            yield from _constrained_key(node, constraint, columns, manifest)


def equal(one: str, first: Column, other: str, second: Column) -> str:
    """SQL that compares the columns of a key: as texts, if their kinds differ."""
    if first.kind == second.kind:
        return f"{one} = {other}"
    return f"cast({one} as varchar) = cast({other} as varchar)"


def unique_columns(manifest: Manifest) -> dict[str, set[str]]:
    """Columns that tell the rows of a table apart by themselves, by `unique` tests and by constraints."""
    found: dict[str, set[str]] = {}
    for node in manifest.nodes.values():
        test = node.get("test_metadata") or {}
        if test.get("name") == "unique" and (table := _table_of(node, manifest)):
            found.setdefault(table, set()).add(str((test.get("kwargs") or {}).get("column_name")))
        for constraint, columns in _constraints(node):
            if constraint.get("type") in ("primary_key", "unique") and len(columns) == 1:
                found.setdefault(node["unique_id"], set()).add(columns[0])
    return found


def _constraints(node: Node) -> Iterator[tuple[Node, tuple[str, ...]]]:
    """The constraints of a table and of its columns, each with the columns that it is on."""
    for constraint in node.get("constraints") or []:
        yield constraint, tuple(constraint.get("columns") or ())
    for name, column in (node.get("columns") or {}).items():
        for constraint in column.get("constraints") or []:
            yield constraint, (name,)


def _table_of(test: Node, manifest: Manifest) -> str | None:
    """The unique id of what a test is on."""
    kwargs = (test.get("test_metadata") or {}).get("kwargs") or {}
    return test.get("attached_node") or _referenced(str(kwargs.get("model")), manifest)


def _tested_key(node: Node, manifest: Manifest) -> Iterator[ForeignKey]:
    test = node.get("test_metadata") or {}
    given = test.get("kwargs") or {}
    column, field = given.get("column_name"), given.get("field")
    if not str(test.get("name", "")).startswith("relationships") or not column or not field:
        return
    child = _table_of(node, manifest)
    parent = _referenced(str(given.get("to")), manifest)
    if child and parent:
        yield ForeignKey(child, (column,), parent, (field,))


def _constrained_key(
    node: Node, constraint: Node, columns: tuple[str, ...], manifest: Manifest
) -> Iterator[ForeignKey]:
    if constraint.get("type") != "foreign_key" or not columns:
        return
    parent = _referenced(str(constraint.get("to") or constraint.get("expression") or ""), manifest)
    there = tuple(constraint.get("to_columns") or ())
    if parent and len(there) == len(columns):
        yield ForeignKey(node["unique_id"], columns, parent, there)


def _referenced(text: str, manifest: Manifest) -> str | None:
    """The unique id of what a text such as `ref('x')`, or a relation's name, stands for."""
    found = REFERENCE.search(text)
    if not found:
        wanted = text.replace('"', "").strip()
        for unique_id, node in {**manifest.nodes, **manifest.sources}.items():
            if wanted and str(node.get("relation_name") or "").replace('"', "") == wanted:
                return unique_id
        return None
    names = ARGUMENT.findall(found[2])
    if found[1] == "source":
        for unique_id, node in manifest.sources.items():
            if [node["source_name"], node["name"]] == names[:2]:
                return unique_id
        return None
    for unique_id, node in manifest.nodes.items():
        if names and node["name"] == names[-1] and node["resource_type"] in ("model", "seed", "snapshot"):
            return unique_id
    return None
