"""What sqlfluff's Jinja needs of dbt to render our SQL without dbt and without a database."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from jinja2 import pass_context
from jinja2.runtime import Context

_VARS: dict[str, Any] = yaml.safe_load(Path("dbt_project.yml").read_text(encoding="utf-8"))["vars"]

execute = False


def var(name: str, default: object = None) -> object:
    """Give the value that dbt_project.yml gives."""
    return _VARS.get(name, default)


class _Adapter:
    """Stands for dbt's adapter."""

    @pass_context
    def dispatch(self, context: Context, name: str, *_: str) -> Callable[..., Any]:
        """Choose the macro as dbt does on DuckDB: the engine's own one, else the default."""
        macro = context.resolve(f"duckdb__{name}")
        return macro if callable(macro) else context.resolve(f"default__{name}")


class _Config:
    """Stands for a model's configuration, which says nothing here."""

    def __call__(self, **_: object) -> str:
        """Take settings, and render as nothing."""
        return ""

    def get(self, _: str, default: object = None) -> object:
        """Give the default."""
        return default


class _Functions:
    """Stands for a namespace of macros: each renders as a call of a SQL function of its name."""

    def __getattr__(self, name: str) -> Callable[..., str]:
        return lambda *args, **_: f"{name}({', '.join(str(arg) for arg in args)})"


class _Macro:
    """One of our macros, looked up when it is called."""

    def __init__(self, name: str) -> None:
        self.name = name

    @pass_context
    def __call__(self, context: Context, *args: object, **kwargs: object) -> object:
        """Call the macro of this name, by way of the environment, which knows `return`."""
        return context.environment.call(context, context.resolve(self.name), *args, **kwargs)  # type: ignore[attr-defined]


class _Package:
    """Stands for our own namespace of macros."""

    def __getattr__(self, name: str) -> _Macro:
        return _Macro(name)


adapter = _Adapter()
config = _Config()
martlet = _Package()
dbt = _Functions()
