"""Reads settings from a project's vars: secrets from the environment, and groups of numbers that share a prefix."""

import os
import re
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

from ml.errors import MartletError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Numbers = TypeVar("Numbers", bound="DataclassInstance")


def from_environment(text: str, place: str, error: type[MartletError]) -> str:
    """A text with each `${NAME}` taken from the environment, so that no secret stands in the project.

    Raises:
        MartletError: of the given type, in the name of the place, if the environment lacks a name.
    """

    def value(match: "re.Match[str]") -> str:
        if match[1] not in os.environ:
            raise error(f"{place} needs the environment variable {match[1]}, which is not set.")
        return os.environ[match[1]]

    return re.sub(r"\$\{(\w+)\}", value, text)


def from_vars(numbers: type[Numbers], prefix: str, variables: Mapping[str, Any]) -> Numbers:
    """A dataclass of floats from the vars `<prefix>_<field>`; a var that is not set leaves the field's default."""
    given = {field.name: variables.get(f"{prefix}_{field.name}") for field in fields(numbers)}
    return numbers(**{name: float(value) for name, value in given.items() if value is not None})
