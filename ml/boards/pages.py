"""Sets pages: what is shown becomes HTML that needs no script to be read."""

import hashlib
import json
from functools import cache
from importlib import resources
from typing import Any

import vl_convert
from fastapi.responses import HTMLResponse

from ml.boards.charts import plain
from ml.pages import render

TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}


def page(template: str, *, status: int = 200, **content: Any) -> HTMLResponse:  # noqa: ANN401 -- whatever it shows
    """A page of the boards."""
    text = render(f"boards/{template}.html.j2", static=static_address, as_json=_as_json, **content)
    return HTMLResponse(text, status)


def failure(status: int, text: str) -> HTMLResponse:
    """A page that says what went wrong."""
    return page("failure", status=status, viewer=None, boards=(), text=text)


@cache
def static_file(name: str) -> bytes | None:
    """A file that pages load: styles, script, or Vega as `vl-convert` carries it."""
    if name == "vega.js":
        bundle: str = vl_convert.javascript_bundle()  # type: ignore[call-arg] # its stub lacks the default
        return bundle.encode()
    found = resources.files("ml") / "static" / name
    return found.read_bytes() if name in ("board.css", "board.js") and found.is_file() else None


@cache
def static_address(name: str) -> str:
    """Where a file is loaded from; the address changes with the content, so that browsers may keep it for good."""
    content = static_file(name) or b""
    return f"/static/{name}?v={hashlib.sha256(content).hexdigest()[:12]}"


def _as_json(value: object) -> str:
    """JSON that can stand inside a script element."""
    text = json.dumps(value, default=plain, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("&", "\\u0026")
