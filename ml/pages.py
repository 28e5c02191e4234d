"""Fills the templates of pages that need nothing else: no script, no network."""

from functools import cache
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
