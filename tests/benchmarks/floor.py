"""The floor: a plain process that opens each page, reads it and parses its two JSON lines.

Run as `python -m tests.benchmarks.floor FOLDER`; prints the number of pages and of specs.
"""

from __future__ import annotations

import os
import sys

import orjson


def read_plainly(folder: str) -> tuple[int, int]:
    """Read every page below `folder` with the fastest JSON library available."""
    page_count = spec_count = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with open(f"{parent}/{name}", "rb") as stream:
                lines = stream.read().split(b"\n")
            orjson.loads(lines[4].removeprefix(b"meta: "))
            spec_count += len(orjson.loads(lines[5].removeprefix(b"spec_details: ")))
            page_count += 1
    return page_count, spec_count


if __name__ == "__main__":
    print(*read_plainly(sys.argv[1]))
