"""Lays SQL out as an analyst would write it."""

from collections.abc import Sequence

from ml.features.names import identifier

INDENT = "    "
FURTHER = f"\n{INDENT}"
WIDEST = 100  # with the indents around it at most 120


def select(lines: Sequence[str]) -> str:
    """A select with an expression on each line."""
    return "select\n" + ",\n".join(map(indented, lines))


def as_named(sql: str, name: str) -> str:
    """An expression under a name, which a plain column has already; on a line of its own after a long one."""
    if sql.endswith(f".{identifier(name)}") and " " not in sql:
        return sql
    *_, last = f"{sql} as {identifier(name)}".split("\n")
    return f"{sql}{' ' if _fits(last) else FURTHER}as {identifier(name)}"


def call(function: str, *arguments: str) -> str:
    """A call of a function; long arguments stand on lines of their own."""
    short = f"{function}({', '.join(arguments)})"
    lines = ",\n".join(arguments)
    return short if _fits(short) else f"{function}(\n{indented(lines)}\n)"


def as_double(sql: str) -> str:
    """A number as a floating-point one."""
    short = f"cast({sql} as double)"
    return short if _fits(short) else f"cast(\n{indented(sql)}{FURTHER}as double\n)"


def case(condition: str, value: str) -> str:
    """A value where a condition holds, else null."""
    short = f"case when {condition} then {value} end"
    return short if _fits(short) else f"case{FURTHER}when {condition}{FURTHER}    then {value}\nend"


def is_one_of(sql: str, values: Sequence[str]) -> str:
    """Whether it is one of some values, in a filter; many stand on lines of their own."""
    return call(f"{sql} in ", *values).replace("\n", FURTHER)


def difference(one: str, other: str) -> str:
    """What one is more than another, in brackets."""
    short = f"({one} - {other})"
    return short if _fits(short) else f"({FURTHER}{one}{FURTHER}- {other}\n)"


def mean_over(sql: str, key: str) -> str:
    """The mean over all rows of a key."""
    short = f"avg({sql}) over (partition by {key})"
    return short if _fits(short) else f"avg({sql}){FURTHER}over (partition by {key})"


def ratio(above: str, below: str) -> str:
    """A ratio, null where what it is divided by is 0."""
    under = call("nullif", below, "0")
    short = f"{above} / {under}"
    return short if _fits(short) else f"{above}\n/ {under}"


def days(later: str, earlier: str) -> str:
    """The days from one moment to another."""
    return f"(epoch({later}) - epoch({earlier})) / 86400"


def _fits(text: str) -> bool:
    return "\n" not in text and len(text) <= WIDEST


def grouped_by_each(keys: Sequence[str], columns: Sequence[str]) -> str:
    """A grouping by keys and each of some columns in turn; the others are null then."""
    sets = [", ".join((*keys, column)) for column in columns]
    if len(sets) == 1:
        return f"group by {sets[0]}"
    lines = indented(indented(",\n".join(f"({one})" for one in sets)))
    return f"group by{FURTHER}grouping sets (\n{lines}{FURTHER})"


def where(conditions: Sequence[str]) -> str:
    """A filter; several conditions stand on lines of their own."""
    return "where " + conditions[0] if len(conditions) == 1 else f"where{FURTHER}" + f"{FURTHER}and ".join(conditions)


def join(start: str, conditions: Sequence[str]) -> str:
    """A join, such as `left join a as b`, and what it holds on."""
    if len(conditions) == 1:
        return f"{start}{FURTHER}on {conditions[0]}"
    return f"{start}{FURTHER}on{FURTHER}{INDENT}" + f"{FURTHER}{INDENT}and ".join(conditions)


def clauses(word: str, texts: Sequence[str]) -> list[str]:
    """A clause of several parts, such as `window`; none if it has none."""
    return [f"{word}{FURTHER}" + f",{FURTHER}".join(texts)] if texts else []


def indented(text: str) -> str:
    """A text a level further in."""
    return "\n".join(INDENT + line if line else line for line in text.split("\n"))
