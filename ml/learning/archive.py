"""Makes the bytes of a stored pipeline depend on the pipeline alone: two that are alike have the same hash."""

import json
from io import BytesIO
from itertools import count
from typing import Any
from zipfile import ZipFile, ZipInfo

SCHEMA = "schema.json"


def canonical(data: bytes) -> bytes:
    """A skops archive without what differs from dump to dump: addresses in memory, names made of them, and times.

    Objects that are shared stay shared; only plain values, where that makes no difference, are told apart.
    """
    buffer = BytesIO()
    with ZipFile(BytesIO(data)) as archive, ZipFile(buffer, "w") as written:
        schema = json.loads(archive.read(SCHEMA))
        names = _Names()
        names.replace(schema)
        for old, new in names.files.items():
            written.writestr(ZipInfo(new), archive.read(old))
        written.writestr(ZipInfo(SCHEMA), json.dumps(schema))
    return buffer.getvalue()


class _Names:
    """Numbers objects and files in the order in which the schema names them."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self._objects: dict[int, int] = {}
        self._numbers = count(1)

    def replace(self, node: Any) -> None:  # noqa: ANN401 -- any JSON value
        """Replace, in place, every address and file name below a node."""
        if isinstance(node, list):
            for item in node:
                self.replace(item)
        elif isinstance(node, dict):
            if isinstance(node.get("__id__"), int):
                node["__id__"] = self._number(node)
            if isinstance(node.get("file"), str):
                node["file"] = self._file(node["file"])
            for item in node.values():
                self.replace(item)

    def _number(self, node: dict[str, Any]) -> int:
        if node.get("__loader__") == "JsonNode":
            return next(self._numbers)
        address = node["__id__"]
        if address not in self._objects:
            self._objects[address] = next(self._numbers)
        return self._objects[address]

    def _file(self, name: str) -> str:
        suffix = name.rpartition(".")[2]
        return self.files.setdefault(name, f"{len(self.files) + 1}.{suffix}")
