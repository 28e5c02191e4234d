"""Reads dbt's manifest tolerantly: what is unknown is ignored."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml.errors import ProjectError

Node = Mapping[str, Any]


@dataclass(frozen=True)
class Manifest:
    """The parts of `manifest.json` that Martlet reads: nodes, sources and exposures by unique id."""

    nodes: Mapping[str, Node]
    sources: Mapping[str, Node]
    exposures: Mapping[str, Node]
    sha256: str

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """Read a manifest file.

        Raises:
            ProjectError: the file is no manifest.
        """
        try:
            raw = path.read_bytes()
            content = json.loads(raw)
            parts = {name: content[name] for name in ("nodes", "sources", "exposures")}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ProjectError(f"{path} is no dbt manifest ({error!r}). Run `dbt parse` to write it anew.") from error
        return cls(sha256=hashlib.sha256(raw).hexdigest(), **parts)

    def node(self, unique_id: str) -> Node:
        """A node, source or exposure; empty if there is none."""
        return self.nodes.get(unique_id) or self.sources.get(unique_id) or self.exposures.get(unique_id) or {}

    def upstream(self, unique_id: str) -> list[str]:
        """All that a node reads, directly or not."""
        found: dict[str, None] = {}
        waiting = [unique_id]
        while waiting:
            for parent in (self.node(waiting.pop()).get("depends_on") or {}).get("nodes") or []:
                if parent not in found:
                    found[parent] = None
                    waiting.append(parent)
        return list(found)

    def downstream(self, unique_ids: Iterable[str]) -> list[str]:
        """All models and exposures that read some nodes, directly or not."""
        readers: dict[str, list[str]] = {}
        for key, node in (*self.nodes.items(), *self.exposures.items()):
            if node.get("resource_type") in ("model", "exposure"):
                for parent in (node.get("depends_on") or {}).get("nodes") or []:
                    readers.setdefault(parent, []).append(key)
        found: dict[str, None] = {}
        waiting = list(unique_ids)
        while waiting:
            new = [reader for reader in readers.get(waiting.pop(), []) if reader not in found]
            found |= dict.fromkeys(new)
            waiting += new
        return list(found)

    def code_sha256(self, unique_id: str) -> str:
        """A hash of the text of a model and of all models and seeds that it is made from."""
        digest = hashlib.sha256()
        for key in sorted((unique_id, *self.upstream(unique_id))):
            checksum = (self.node(key).get("checksum") or {}).get("checksum") or ""
            digest.update(f"{key}={checksum}\n".encode())
        return digest.hexdigest()

    def personal_columns(self, unique_id: str) -> set[str]:
        """Names of the columns that a node or anything upstream of it marks with `meta.contains_pii: true`.

        They are in lower case: the warehouse may write them otherwise.
        """
        columns = [
            column
            for one in (unique_id, *self.upstream(unique_id))
            for column in (self.node(one).get("columns") or {}).values()
        ]
        return {column["name"].lower() for column in columns if _is_personal(column)}

    def ml_exposures(self) -> dict[str, Node]:
        """The exposures of `type: ml`, by name."""
        return {node["name"]: node for node in self.exposures.values() if node.get("type") == "ml"}

    def loaded_sources(self) -> dict[str, Node]:
        """The sources that somebody else fills, in a fixed order."""
        filled = self.prediction_sources()
        return {key: node for key, node in sorted(self.sources.items()) if key not in filled}

    def prediction_sources(self) -> dict[str, Node]:
        """The sources that martlet fills: those that name a prediction, and all of their siblings."""
        filled = {node["source_name"] for node in self.sources.values() if "prediction" in martlet_meta(node)}
        return {key: node for key, node in self.sources.items() if node["source_name"] in filled}


def _is_personal(column: Node) -> bool:
    metas = ((column.get("config") or {}).get("meta"), column.get("meta"))
    return any(meta and meta.get("contains_pii") is True for meta in metas)


def martlet_meta(node: Node) -> Mapping[str, Any]:
    """A node's settings under `config.meta.martlet` (`meta` in older manifests)."""
    for meta in ((node.get("config") or {}).get("meta"), node.get("meta")):
        if meta and meta.get("martlet") is not None:
            found = meta["martlet"]
            return found if isinstance(found, Mapping) else {}
    return {}
