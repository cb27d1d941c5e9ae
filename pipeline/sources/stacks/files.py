"""Environment files as sources: how to recognize them, and the names of their stacks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.names import path_text
from pipeline.sources.listings import MANIFEST

PEEK_BYTES = 64 * 1024


@dataclass(frozen=True)
class StackSource:
    """An environment file that was found: its path, its name in the tables, and its stack."""

    path: Path
    name: str
    stack: str


def is_stack_file(path: Path) -> bool:
    """Return whether a file is an environment file, by its name or its first key."""
    if not path.is_file():
        return False
    if path.name == MANIFEST:
        return True
    if path.suffix not in (".yaml", ".yml"):
        return False
    try:
        with path.open("rb") as stream:
            lines = stream.read(PEEK_BYTES).splitlines()
    except OSError:
        return False
    return any(line.startswith((b"spack:", b"env:")) for line in lines)


def stack_name(path: Path) -> str:
    """Return the name of a file's stack: its folder."""
    return path_text(path.resolve().parent.name) or "/"
