"""Lock files for tests, of every version that Spack has written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.writing import make_hash

FLAGS: dict[str, Any] = {"cflags": [], "cxxflags": []}


@dataclass(frozen=True)
class Need:
    """A dependency on the node of a name, with its types."""

    name: str
    deptypes: Sequence[str] = ("build", "link")
    virtuals: Sequence[str] = ()


@dataclass(frozen=True)
class Node:
    """A node of a lock file, whose hash is made from its number."""

    name: str
    number: int
    needs: Sequence[Need] = ()
    version: str = "1.2"
    os: str = "ubuntu22.04"
    platform: str = "linux"
    target: Any = "x86_64_v3"
    parameters: dict[str, Any] = field(default_factory=lambda: {"shared": True})
    compiler: str = ""  # NAME@VERSION, in versions up to 5
    annotations: dict[str, Any] = field(default_factory=dict)
    is_external: bool = False

    @property
    def hash(self) -> str:
        """Return the hash, which is the key in newer lock files."""
        return make_hash(self.number)

    @property
    def build_hash(self) -> str:
        """Return the key in versions 2 and 3."""
        return make_hash(self.number + 1000)


def lock_document(
    nodes: Sequence[Node],
    roots: Sequence[str],
    version: int = 6,
    *,
    includes: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Write a lock file of a version as Spack does; `roots` name nodes."""
    by_name = {node.name: node for node in nodes}

    def key(node: Node) -> str:
        return node.build_hash if version in (2, 3) else node.hash

    document: dict[str, Any] = {
        "_meta": {"file-type": "spack-lockfile", "lockfile-version": version},
        "roots": [{"hash": key(by_name[name]), "spec": f"{name}@1:"} for name in roots],
        "concrete_specs": {key(node): node_form(node, by_name, version) for node in nodes},
    }
    if version >= 5:
        document["spack"] = {"version": "0.22.1", "type": "release"}
    if version >= 7:
        for root in document["roots"]:
            root["group"] = "tools"
    if includes:
        document["include_concrete"] = includes
    return document


def node_form(node: Node, by_name: dict[str, Node], version: int) -> dict[str, Any]:
    """Return a node in the format of a version."""
    form: dict[str, Any] = {
        "version": node.version,
        "arch": {
            "platform": node.platform,
            "platform_os": node.os,
            "target": node.target,
        },
        "namespace": "builtin",
        "parameters": node.parameters | FLAGS,
    }
    if node.compiler:
        name, _, compiler_version = node.compiler.partition("@")
        form["compiler"] = {"name": name, "version": compiler_version}
    if node.annotations:
        form["annotations"] = node.annotations
    if node.is_external:
        form["external"] = {"path": "/usr", "module": None, "extra_attributes": {}}
    if version >= 2:
        form["hash"] = node.hash
    needs = [(need, by_name[need.name]) for need in node.needs]
    if version <= 2:
        form["dependencies"] = {
            need.name: {
                "hash": found.build_hash if version == 2 else found.hash,
                "type": list(need.deptypes),
            }
            for need, found in needs
        }
        return {node.name: form}
    form["name"] = node.name
    form["dependencies"] = [edge_form(need, found, version) for need, found in needs]
    return form


def edge_form(need: Need, found: Node, version: int) -> dict[str, Any]:
    """Return a dependency in the format of a version."""
    if version == 3:
        return {
            "name": need.name,
            "build_hash": found.build_hash,
            "type": list(need.deptypes),
        }
    if version == 4:
        return {"name": need.name, "hash": found.hash, "type": list(need.deptypes)}
    parameters = {"deptypes": list(need.deptypes), "virtuals": list(need.virtuals)}
    return {"name": need.name, "hash": found.hash, "parameters": parameters}


def write_lock(path: Path, document: Any) -> Path:
    """Write a lock file; text is written as is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path
