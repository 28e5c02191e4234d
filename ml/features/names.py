"""Names and literals in SQL."""

import re

SIMPLE = re.compile(r"[a-z_][a-z0-9_]*")
# Words that DuckDB or Spark reserve.
RESERVED = re.compile(
    r"all|analyse|analyze|and|anti|any|array|as|asc|asof|asymmetric|at|both|by|case|cast|check|collate|column|"
    r"constraint|create|cross|current_date|current_time|current_timestamp|default|deferrable|desc|describe|"
    r"distinct|do|else|end|except|false|fetch|filter|for|foreign|from|full|grant|group|having|in|initially|"
    r"inner|intersect|into|is|join|lambda|lateral|leading|left|like|limit|minus|natural|not|null|offset|on|"
    r"only|or|order|outer|pivot|placing|position|primary|qualify|references|returning|right|select|semi|show|"
    r"some|summarize|symmetric|table|then|time|to|trailing|true|union|unique|unpivot|user|using|values|"
    r"variadic|when|where|window|with"
)
# Columns whose name says that they number things: id, store_id, storeId, StoreID; and rows in their order: line_seq.
NUMBERING = re.compile(r"(?i:id|.*_id)|.*[a-z0-9][A-Z]*I[dD]|.*_?(?i:uuid|guid)")
ORDERING = re.compile(r"(?i:.*seq)")


def identifier(name: str) -> str:
    """A column's name, quoted where SQL needs it."""
    if SIMPLE.fullmatch(name) and not RESERVED.fullmatch(name):
        return name
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL."""
    return "'" + text.replace("'", "''") + "'"


def plain(text: str) -> str:
    """A text of small letters, digits and underscores."""
    return "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in text.lower())


def identifier_part(text: str) -> str:
    """A level as part of a column's name."""
    return plain(text).strip("_")[:24] or "blank"


def numbers_things(name: str) -> bool:
    """Whether a column is called as if it numbered things or rows, and so was no amount."""
    return bool(NUMBERING.fullmatch(name) or ORDERING.fullmatch(name))


def free(name: str, taken: set[str]) -> str:
    """The name, longer if it is taken already, whatever its case; it is then taken too."""
    while name.lower() in taken:
        name += "_"
    taken.add(name.lower())
    return name
