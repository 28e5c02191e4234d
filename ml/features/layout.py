"""Lays SQL out as an analyst would write it."""

from collections.abc import Sequence

from ml.features.names import identifier

INDENT = "    "
WIDEST = 100


def select(lines: Sequence[str]) -> str:
    """A select with an expression on each line."""
    return "select\n" + ",\n".join(INDENT + _wrapped(line) for line in lines)


def _wrapped(line: str) -> str:
    """A long expression, continued on lines of its own."""
    for operator in (" / nullif(", " over (", " then ", " - power(", " as "):
        line = "\n".join(_broken(part, operator) for part in line.split("\n"))
    return line


def _broken(line: str, operator: str) -> str:
    if len(line) <= WIDEST or operator not in line:
        return line
    head, _, tail = line.rpartition(operator)
    return f"{head}\n{INDENT * 2}{operator.lstrip()}{tail}"


def as_named(sql: str, name: str) -> str:
    """An expression under a name, which a plain column has already."""
    return sql if sql.endswith(f".{identifier(name)}") and " " not in sql else f"{sql} as {identifier(name)}"


def where(conditions: Sequence[str]) -> str:
    """A filter; several conditions stand on lines of their own."""
    return "where " + conditions[0] if len(conditions) == 1 else f"where\n{INDENT}" + f"\n{INDENT}and ".join(conditions)


def join(start: str, conditions: Sequence[str]) -> str:
    """A join, such as `left join a as b`, and what it holds on."""
    if len(conditions) == 1:
        return f"{start}\n{INDENT}on {conditions[0]}"
    return f"{start}\n{INDENT}on\n{INDENT * 2}" + f"\n{INDENT * 2}and ".join(conditions)


def clauses(word: str, texts: Sequence[str]) -> list[str]:
    """A clause of several parts, such as `window`; none if it has none."""
    return [f"{word}\n{INDENT}" + f",\n{INDENT}".join(texts)] if texts else []


def indented(text: str) -> str:
    """A text a level further in."""
    return "\n".join(INDENT + line if line else line for line in text.split("\n"))
