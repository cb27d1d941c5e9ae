"""The syntax of names and hashes in a build cache."""

from __future__ import annotations

import os
import re

# A package, tag, stack, os, platform or target. Tags become folder names, hence the limit.
NAME = r"[A-Za-z0-9][A-Za-z0-9._+-]{0,249}"
IS_NAME = re.compile(NAME)
A_NAME = "letters, digits, '.', '_', '+', '-', the first a letter or digit"
HASH = r"[a-z2-7]{32}"


def path_text(path: str) -> str:
    """Return a path as text, escaping bytes that are not UTF-8."""
    if path.isascii():
        return path
    return os.fsencode(path).decode("utf-8", "backslashreplace")
