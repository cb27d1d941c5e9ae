"""Which files are lock files; the forms of their content are in `lock_file`."""

from __future__ import annotations

import os
from pathlib import Path

FILE_TYPE = "spack-lockfile"
PEEK_BYTES = 64 * 1024  # enough to see the file type, wherever `_meta` is in the file


def is_lock_file(path: Path) -> bool:
    """Return whether a file is meant as a lock file, by its name or its metadata."""
    if not path.is_file():
        return False
    if path.suffix == ".lock":
        return True
    try:
        with path.open("rb") as stream:
            head = stream.read(PEEK_BYTES)
            if not head.lstrip().startswith(b"{"):
                return False
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - PEEK_BYTES))
            return f'"{FILE_TYPE}"'.encode() in head + stream.read()
    except OSError:
        return False
