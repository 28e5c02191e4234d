"""Names, texts and conditions as standard SQL writes them, for every engine that keeps to it."""

from collections.abc import Callable, Sequence


def quoted(name: str) -> str:
    """A name in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: object) -> str:
    """A text in single quotes."""
    return "'" + str(value).replace("'", "''") + "'"


def same_keys(keys: Sequence[str], quote: Callable[[str], str], left: str = "stored", right: str = "features") -> str:
    """The condition that rows of two aliases speak of the same entity and as-of."""
    return " and ".join(f"{left}.{quote(key)} = {right}.{quote(key)}" for key in keys)


def some_of(column: str, relation: str, most: int) -> str:
    """SQL of some known values of a quoted column, as texts called `level`."""
    return f"select cast({column} as varchar) as level from {relation} where {column} is not null limit {most}"
