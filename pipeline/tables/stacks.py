"""Flatten environment files into table stack_roots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import polars as pl

from pipeline.schemas import STACK_ROOTS

if TYPE_CHECKING:
    from pipeline.sources.stacks.stack_file import StackFile


def stack_roots(stacks: Mapping[str, StackFile]) -> pl.DataFrame:
    """Return the roots of stacks, given by name, as table stack_roots."""
    rows = [
        {
            "stack": stack,
            "number": root.number,
            "group_name": root.group,
            "spec": root.spec,
            "package": root.package,
            "requirements": [vars(rule) for rule in root.rules.requirements],
            "preferences": [vars(rule) for rule in root.rules.preferences],
            "doubt": root.doubt,
            "file": root.place.file,
            "line": root.place.line,
            "notes": file.notes,
        }
        for stack, file in stacks.items()
        for root in file.roots
    ]
    frame = pl.DataFrame(rows, schema=STACK_ROOTS.schema)
    return STACK_ROOTS.conform(frame.sort(STACK_ROOTS.key))
