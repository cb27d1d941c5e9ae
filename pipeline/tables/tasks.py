"""The tasks of workers: read a group of files into drafts, and publish drafts.

Tasks import what they need when they run, so that the main process stays small.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pipeline.sources.files import PackedPages, unpack_pages
from pipeline.sources.rejects import Reject
from pipeline.tables.lock_sources import LockPaths
from pipeline.tables.state import GroupState, TablesSummary, digest_recent, stamp_blobs

if TYPE_CHECKING:
    from pipeline.tables.stack_sources import Stacks

Drafts = dict[str, Path]  # by tag
Owners = Mapping[str, Sequence[Path]]  # the drafts with rows of each tag


@dataclass(frozen=True)
class ReadTask:
    """The input for reading a group: the path of the tables, and the fields of its state."""

    tables: Path
    only: frozenset[str]
    fingerprint: str
    started_ns: int
    sources: list[bytes]
    pages: PackedPages


class GroupResult(NamedTuple):
    """The result of reading a group.

    It has the drafts, the group's state once they are published, why its first file was not
    accepted, and the files that disappeared after they were found.
    """

    drafts: Drafts
    state: GroupState
    fault: str | None
    gone: list[str]


def read_group(task: ReadTask, draft: Path) -> GroupResult:
    """Read a group, usually in a worker."""
    from pipeline.tables.parquet import part_paths
    from pipeline.tables.partitions import draft_group

    files = unpack_pages(task.pages)
    # Before they are read, so that the next run notices a change in between.
    digests = digest_recent(files, task.started_ns)
    blobs = stamp_blobs(files)
    group = draft_group(files, draft, task.only)
    tags = list(group.drafts)
    state = GroupState(
        fingerprint=task.fingerprint,
        sources=task.sources,
        pages=task.pages,
        page_count=group.page_count,
        tags=tags,
        parts=part_paths(task.tables, tags),
        untagged=group.untagged,
        digests=digests,
        blobs=blobs,
        # Unreadable files may become readable without a visible change.
        is_stale=not group.is_whole,
    )
    gone = [] if group.is_whole else [f.page for f in files if not os.path.lexists(f.path)]
    return GroupResult(group.drafts, state, group.fault, gone)


def publish(
    tables: Path,
    owners: Owners,
    rejects: Sequence[Reject] | None,
    drafts: Path,
    locks: LockPaths | None,
    stacks: Stacks | None,
) -> TablesSummary:
    """Publish drafts with `publish_drafts`, also in a worker."""
    from pipeline.tables.publish import publish_drafts

    files = None if stacks is None else stacks.files
    return publish_drafts(tables, owners, rejects, drafts, locks, files)
