"""What names and hashes of the build cache look like."""

from __future__ import annotations

import os
import re

# Of a package, tag, stack, os, platform or target. The tag names a folder, which bounds it.
NAME = r"[A-Za-z0-9][A-Za-z0-9._+-]{0,249}"
IS_NAME = re.compile(NAME)
A_NAME = "letters, digits, '.', '_', '+', '-', the first a letter or digit"
HASH = r"[a-z2-7]{32}"


def path_text(path: str) -> str:
    """Give a path as text, bytes that are not UTF-8 written out as escapes."""
    if path.isascii():
        return path
    return os.fsencode(path).decode("utf-8", "backslashreplace")
