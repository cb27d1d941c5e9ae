"""Environment files among the sources of a run: their roots, and a digest for changes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline.sources.rejects import PageError, Reject, RejectCode
from pipeline.sources.stacks.conditions import this_machine
from pipeline.sources.stacks.files import StackSource
from pipeline.sources.stacks.stack_file import StackFile, read_stack


@dataclass(frozen=True)
class Stacks:
    """The stacks of a run by name, the rejects of their files, and a digest of everything."""

    files: dict[str, StackFile]
    rejects: list[Reject]
    digest: str


def read_stacks(
    sources: Sequence[StackSource],
    fingerprint: str,
    name: str | None = None,
    unread: Sequence[Reject] = (),
) -> Stacks:
    """Read environment files; a single one may be named `name`. Rejects begin with `unread`.

    They are read in every run: their roots depend on includes and on this machine.
    """
    if name is not None and len(sources) == 1:
        sources = [replace(sources[0], stack=name)]
    files: dict[str, StackFile] = {}
    names: dict[str, str] = {}
    rejects = list(unread)
    machine = this_machine()
    for source in sorted(sources, key=lambda source: (source.name.startswith("/"), source.name)):
        if source.stack in files:
            message = (
                f"expected one environment file for stack {source.stack}, found "
                f"{names[source.stack]} before it"
            )
            error = PageError(RejectCode.DUPLICATE_PAGE, message)
            rejects.append(error.reject(source.name, stack=source.stack))
            continue
        try:
            files[source.stack] = read_stack(source.path, source.name, machine)
            names[source.stack] = source.name
        except PageError as error:
            rejects.append(error.reject(source.name, stack=source.stack))
    digest = hashlib.sha256(repr((fingerprint, files, rejects)).encode(errors="backslashreplace"))
    return Stacks(files, rejects, digest.hexdigest())
