"""The forms of an answer: JSON, CSV or Arrow, each with an ETag of the snapshot, so that nothing is sent twice."""

import hashlib
import io
import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.csv
from fastapi import Request, Response

FORMS = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "arrow": "application/vnd.apache.arrow.stream",
}


def answer_text(request: Request, text: str, version: str) -> Response:
    """JSON that is written already; 304 if the caller has it."""
    headers = _headers(request, version)
    if _has_it(request, headers):
        return Response(status_code=304, headers=headers)
    return Response(text, media_type=FORMS["json"], headers=headers)


def answer(request: Request, table: pa.Table, form: str, version: str, page: int | None) -> Response:
    """The table in the form asked for, with a link to the next page if there may be one; 304 if the caller has it.

    Args:
        request: what was asked.
        table: the rows.
        form: json, csv or arrow.
        version: of the snapshot.
        page: how many rows a page has; None if there are no pages.
    """
    headers = _headers(request, version)
    if page is not None and table.num_rows == page:
        offset = int(request.query_params.get("offset") or 0) + page
        headers["Link"] = f'<{request.url.include_query_params(offset=offset)}>; rel="next"'
    if _has_it(request, headers):
        return Response(status_code=304, headers=headers)
    return Response(written(table, form), media_type=FORMS[form], headers=headers)


def _headers(request: Request, version: str) -> dict[str, str]:
    # Who asks belongs to it: roles see different rows under one address.
    scope = request.scope
    asked = f"{version} {scope['path']}?{scope['query_string']} {request.headers.get('authorization')}"
    return {
        "ETag": f'"{hashlib.sha256(asked.encode()).hexdigest()[:32]}"',
        "Cache-Control": "private, no-cache",
        "Vary": "Authorization",
        "X-Snapshot": version,
    }


def _has_it(request: Request, headers: Mapping[str, str]) -> bool:
    return headers["ETag"] in (request.headers.get("if-none-match") or "")


def written(table: pa.Table, form: str) -> bytes:
    """The table in a form: json, csv or arrow."""
    sink = io.BytesIO()
    if form == "csv":
        pyarrow.csv.write_csv(table, sink)
    elif form == "arrow":
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    else:
        rows = [plain(row) for row in table.to_pylist()]
        sink.write(json.dumps(rows, default=str, allow_nan=False).encode())
    return sink.getvalue()


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as JSON values."""
    return {name: _value(name, value) for name, value in row.items()}


def _value(name: str, value: Any) -> Any:  # noqa: ANN401 -- any JSON value
    if name == "reasons" and isinstance(value, str):
        return json.loads(value)
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds")
    if isinstance(value, float) and value != value:  # JSON knows no NaN
        return None
    return value
