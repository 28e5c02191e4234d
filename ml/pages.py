"""Fills the templates of pages, and writes pages that need nothing else: no script, no network."""

import secrets
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from ml.charts import number


def render(template: str, **content: Any) -> str:  # noqa: ANN401 -- whatever the template shows
    """A template of this package, filled."""
    return _environment().get_template(template).render(**content)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ml"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = number
    return environment


def write_page(path: Path, text: str) -> None:
    """Write a page in one step, with its folder.

    Raises:
        OSError: the place can't be written.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
