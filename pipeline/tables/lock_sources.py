"""Lock files among the sources of a run: their paths, their names, and a digest for changes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.names import path_text
from pipeline.sources.locks.file_type import is_lock_file

LockPaths = dict[str, Path]  # by name


def split_locks(sources: Sequence[Path], name: str | None = None) -> tuple[LockPaths, list[Path]]:
    """Return the lock files among sources, by path or `name`, and the other sources.

    Raises
    ------
    SourceError
        One of them can't be read as a lock file.
    """
    paths = [source for source in sources if is_lock_file(source)]
    locks = {name: paths[0]} if name and paths else name_locks(paths)
    if locks:  # rarely, and it takes long to import
        from pipeline.sources.locks.lock_file import read_lock

        for path in locks.values():
            read_lock(path)  # Check them first: reading a cache may take minutes.
    return locks, [source for source in sources if source not in paths]


def name_locks(paths: Sequence[Path]) -> LockPaths:
    """Return lock files by their paths as text, each once."""
    return {path_text(str(path)): path for path in paths}


def digest_locks(locks: Mapping[str, Path], fingerprint: str) -> str:
    """Return a digest of lock files, their names, and the version of the pipeline."""
    digest = hashlib.sha256(fingerprint.encode())
    for name, path in locks.items():
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{content} {name}\n".encode())
    return digest.hexdigest()
