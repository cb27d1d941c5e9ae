"""Write pages for tests: a spec with defaults, and a page of it in any dialect."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

SAMPLE = Path(__file__).parent / "pages"
HASH = "a" * 32

Spec = dict[str, Any]


def make_spec(number: int = 0, /, **changes: Any) -> Spec:
    """Return an entry of `spec_details` as in pages since 2025-03-30, with its hash by number."""
    return {
        "hash": make_hash(number),
        "compiler": "gcc@11.4.0",
        "versions": ["1.2"],
        "os": "ubuntu22.04",
        "platform": "linux",
        "target": "x86_64_v3",
        "variants": ["build_system=cmake", "~ipo", "+shared"],
        "stacks": ["e4s", "root"],
        "size": "-",
    } | changes


def make_hash(number: int) -> str:
    """Return a valid hash for a number."""
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    digits = []
    for _ in range(32):
        number, digit = divmod(number, 32)
        digits.append(letters[digit])
    return "".join(reversed(digits))


def make_meta(specs: list[Spec]) -> dict[str, Any]:
    """Return the summary of specs as the site counts it."""
    return {
        "num_specs": len(specs),
        "num_specs_by_stack": dict(Counter(stack for spec in specs for stack in spec["stacks"])),
        "compilers": sorted({spec["compiler"] for spec in specs}),
        "oss": sorted({spec["os"] for spec in specs}),
        "platforms": sorted({spec["platform"] for spec in specs}),
        "stacks": sorted({stack for spec in specs for stack in spec["stacks"]}),
        "targets": sorted({spec["target"] for spec in specs}),
        "versions": sorted({version for spec in specs for version in spec["versions"]}),
    }


def site_page(
    package: str = "zlib",
    tag: str = "develop-2025-03-30",
    specs: list[Any] | None = None,
    meta: Any = None,
) -> str:
    """Return a page exactly as the site writes it."""
    specs = [make_spec()] if specs is None else specs
    meta = make_meta(specs) if meta is None else meta
    return (
        f'---\ntitle: "{package}"\nlayout: cache\ncategories: [package, {tag}]\n'
        f"meta: {json.dumps(meta)}\nspec_details: {json.dumps(specs)}\n---"
    )


def yaml_page(
    package: str = "zlib",
    tag: str = "develop-2025-03-30",
    specs: list[Any] | None = None,
    *,
    flow: bool = False,
) -> str:
    """Return the same page as any YAML writer would write it."""
    specs = [make_spec()] if specs is None else specs
    values = {
        "title": package,
        "layout": "cache",
        "categories": ["package", tag],
        "meta": make_meta(specs),
        "spec_details": specs,
    }
    return f"---\n{yaml.safe_dump(values, default_flow_style=flow)}---\nAny text.\n"


def write_pages(folder: Path, pages: Mapping[str, str | bytes]) -> Path:
    """Write pages at their paths below `folder`; return the folder."""
    for name, text in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder
