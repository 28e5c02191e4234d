"""Reads keys of YAML files: refuses unknown ones, wrong types and words, and what is no time span."""

import re
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from ml.errors import DeclarationError
from ml.words import nearest

UNITS = {"minute": 60, "hour": 3600, "h": 3600, "day": 86400, "d": 86400, "week": 604800, "w": 604800}


def check_keys(settings: Mapping[str, Any], known: Mapping[str, tuple[type, ...]], place: str) -> None:
    """Refuse unknown keys and values of the wrong type, in the name of a place in a file.

    Raises:
        DeclarationError: with the key and the nearest known one.
    """
    for key, value in settings.items():
        if key not in known:
            raise DeclarationError(f"{place}: unknown key '{key}'. {nearest(key, known)}")
        wrong_bool = isinstance(value, bool) and bool not in known[key]
        if value is not None and (wrong_bool or not isinstance(value, known[key])):
            names = " or ".join(kind.__name__ for kind in known[key])
            raise DeclarationError(f"{place}: '{key}' must be {names}, not {value!r}.")
        if isinstance(value, list) and not all(isinstance(item, str) for item in value):
            raise DeclarationError(f"{place}: '{key}' must be a list of names, not {value!r}.")


def check_word(word: str | None, known: Collection[str], place: str) -> None:
    """Refuse a word that is none of the known ones, in the name of a place in a file.

    Raises:
        DeclarationError: with the nearest known one.
    """
    if word is not None and word not in known:
        raise DeclarationError(f"{place} '{word}' is unknown. {nearest(word, known)}")


def parse_span(text: str | None, place: str) -> timedelta | None:
    """A time span such as `28 days`.

    Raises:
        DeclarationError: it is none.
    """
    if text is None:
        return None
    match = re.fullmatch(r"\s*(\d+)\s*([a-z]+?)s?\s*", text.lower())
    if not match or match[2] not in UNITS:
        raise DeclarationError(f"{place} '{text}' is not a number and a unit such as '28 days'.")
    return timedelta(seconds=int(match[1]) * UNITS[match[2]])
