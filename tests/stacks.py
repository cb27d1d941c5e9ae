"""Environment files for tests, made up in the forms of the public stacks."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from pipeline.sources.stacks.conditions import Machine
from pipeline.sources.stacks.stack_file import StackFile, read_stack

MACHINE = Machine("linux", "ubuntu22.04", "zen3", "login01.site", {"SITE": "home"})


def write_stack(folder: Path, text: str, name: str = "spack.yaml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(dedent(text), encoding="utf-8")
    return path


def read_text(folder: Path, text: str) -> StackFile:
    return read_stack(write_stack(folder, text), "spack.yaml", MACHINE)


def specs_of(folder: Path, text: str) -> list[str]:
    return [root.spec for root in read_text(folder, text).roots]
