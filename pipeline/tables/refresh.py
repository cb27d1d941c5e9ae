"""Bring the tables up to date with the pages: read what changed, publish what it gave.

What is read is a folder, what is published a tag. Nearly always they are one and the same snapshot;
where several folders hold pages of one tag, they are read anew together.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain, count, islice
from pathlib import Path

from pipeline.errors import OutputError, not_written
from pipeline.outputs import TABLES_FOLDER, clear_drafts, hold_lock, lock_path, staged, try_lock
from pipeline.progress import Progress
from pipeline.sources.discovery import Search, no_page_of
from pipeline.sources.files import PackedPages, PageFile, pack_pages, unpack_pages
from pipeline.sources.listings import Listings
from pipeline.sources.mirror.layout import is_snapshot
from pipeline.sources.rejects import Reject
from pipeline.tables.state import (
    GroupState,
    State,
    TablesSummary,
    fingerprint,
    is_unchanged,
    outdated,
    recent_digests,
)
from pipeline.tables.workers import Task, Workers

Tags = set[str | None]
Drafts = dict[str | None, Path]  # by tag found
Owners = Mapping[str | None, Sequence[Path]]  # each tag's drafts


def refresh_tables(
    sources: Sequence[Path],
    out: Path,
    *,
    only: Sequence[str] = (),
    stack: str | None = None,
    follow_links: bool = False,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> TablesSummary:
    """Make the tables below `out` those of the pages below `sources`.

    Only groups of pages with a new, changed or deleted page are read: by the workers of
    `executor` or, without one, as is quickest here. With `only` a run keeps to those tags; the
    partitions of all others, and rejects without a tag, it leaves as they are. A build cache whose
    place does not tell them is of the one tag in `only`, and of `stack`. `follow_links` reads
    what links below the sources lead to, too.

    Raises
    ------
    SourceError
        There is no page to read; the tables that were there stay as they were.
    OutputError
        A table can't be written.
    """
    progress = progress or Progress()
    state = State(out / TABLES_FOLDER)
    mirror = (only[0] if len(only) == 1 else None, stack)
    search = Search(
        sources, state.read_listings, only=only, follow_links=follow_links, mirror=mirror
    )
    groups = search.groups()
    try:
        first = list(islice(groups, 1))  # Where there is no page, nothing is touched.
        with try_lock(lock_path(out, "run")) as is_alone:
            if is_alone:
                clear_drafts(out, TABLES_FOLDER)
        with (
            hold_lock(lock_path(out, "run"), is_shared=bool(only), waits=progress.wait),
            Workers(executor, progress.advance) as workers,
            ExitStack() as closing,
        ):
            drafts = Path(tempfile.mkdtemp(prefix=f".{TABLES_FOLDER}.", dir=out))
            closing.callback(shutil.rmtree, drafts, ignore_errors=True)
            refresh = Refresh(out, frozenset(only), drafts, workers, progress)
            for folder, pages in chain(first, groups):
                refresh.take_group(folder, pages)
            return refresh.finish(search.rejects, search.listings)
    except BrokenExecutor as error:
        raise OutputError(
            "a worker died, perhaps for want of memory; read fewer snapshots at once with --tag"
        ) from error
    except OSError as error:
        raise not_written(error, out) from error


def may_hold(folder: str, files: Sequence[PageFile], only: frozenset[str]) -> bool:
    """Whether files may be of the tags asked for; pages in another snapshot's folder are not."""
    if not only:
        return True
    if any(file.mirror is None for file in files):
        return os.path.basename(folder) in only or not is_snapshot(folder)
    return any(file.mirror.tag in only for file in files if file.mirror)


@dataclass(frozen=True)
class Run:
    """What each task of a run is told: where the tables will be, the tags asked for, the time."""

    tables: Path
    only: frozenset[str]
    fingerprint: str
    started_ns: int


def draft_snapshot(pages: PackedPages, draft: Path, run: Run) -> tuple[Drafts, GroupState]:
    """Do a worker's task, with what it takes to do it loaded by the worker alone.

    Gives the drafts, and what to remember of the group once they are published.
    """
    from pipeline.tables.parquet import part_paths
    from pipeline.tables.partitions import draft_group

    files = unpack_pages(pages)
    digests = recent_digests(files, run.started_ns)
    drafts, is_whole = draft_group(files, draft, run.only)
    paths = part_paths(run.tables, drafts)
    state = GroupState(run.fingerprint, pages, list(drafts), paths, digests)
    # What could not be read may be there the next time, without a sign of it in any page.
    return drafts, state if is_whole else outdated(state)


def publish(tables: Path, owners: Owners, unread: Sequence[Reject], drafts: Path) -> TablesSummary:
    """Publish the drafts as `publish_drafts` does, likewise."""
    from pipeline.tables.publish import publish_drafts

    return publish_drafts(tables, owners, unread, drafts)


class Refresh:
    """One run, step by step: what is stale, what it gives when read, and its publication."""

    def __init__(
        self,
        out: Path,
        only: frozenset[str],
        drafts: Path,
        workers: Workers,
        progress: Progress,
    ) -> None:
        self.tables = out / TABLES_FOLDER
        self.only = only
        self.folder = drafts.resolve()
        self.workers = workers
        self.progress = progress
        self.state = State(self.tables)
        self.known = self.state.read_groups()
        self.run = Run(self.tables.resolve(), only, fingerprint(), time.time_ns())
        self.draft_names = map(str, count())
        self.groups: dict[str, PackedPages] = {}
        self.stale: set[str] = set()  # groups to be read
        self.drafts: dict[str, Drafts] = {}  # by group read
        self.states: dict[str, GroupState] = {}  # likewise

    def take_group(self, folder: str, pages: Sequence[PageFile]) -> None:
        """Take a group of pages, and have it read at once if it is not just as it was read."""
        if not may_hold(folder, pages, self.only):
            return
        packed = pack_pages(pages)
        # A group that comes again was not whole before, and is read once more.
        known = None if folder in self.stale else self.known.get(folder)
        if known is not None and is_unchanged(known, packed, self.run.fingerprint):
            self.groups[folder] = known.pages  # Not once more.
            return
        self.groups[folder] = packed
        self.read(folder, len(pages))

    def finish(self, unread: Sequence[Reject], listings: Mapping[str, Listings]) -> TablesSummary:
        """Publish what is read, and what else it touches; give what the tables then hold.

        `unread` is what could not be read while pages were found, `listings` the folders walked.
        """
        gone = set() if self.only else set(self.known) - set(self.groups)
        summary = self.state.read_summary()
        is_settled = summary and not (self.stale or gone or unread)
        touched = set() if is_settled else self.read_with_fellows(gone, {None} if unread else set())
        self.check_only()
        with hold_lock(self.state.folder / "publication", waits=self.progress.wait):
            if summary and is_settled:
                self.state.write_listings(listings, is_part=bool(self.only))
                return summary
            return self.publish(touched, gone, unread, listings)

    def read_with_fellows(self, gone: Iterable[str], touched: Tags) -> Tags:
        """Wait for groups that are read, and read all that hold pages of their tags; give those."""
        known = (self.known[group].tags for group in (*self.stale, *gone) if group in self.known)
        touched = touched.union(*known)
        while True:
            for group, (drafts, state) in self.workers.results():
                self.drafts[group], self.states[group] = drafts, state
                touched.update(drafts)
            fellows = [
                group
                for group in self.groups
                if group not in self.stale and touched.intersection(self.known[group].tags)
            ]
            if not fellows:
                return touched
            for group in fellows:
                self.read(group, len(unpack_pages(self.groups[group])))

    def read(self, group: str, page_count: int) -> None:
        """Have a group of so many pages read into a draft."""
        arguments = self.groups[group], self.folder / next(self.draft_names), self.run
        self.stale.add(group)
        self.progress.add_total(page_count)
        self.workers.submit(group, Task(draft_snapshot, arguments, page_count))

    def check_only(self) -> None:
        """Refuse tags that were asked for and that no page names."""
        known = (self.known[group].tags for group in self.groups if group not in self.drafts)
        missing = self.only.difference(*self.drafts.values(), *known)
        if missing:
            raise no_page_of(missing)

    def publish(
        self,
        touched: Tags,
        gone: Iterable[str],
        unread: Sequence[Reject],
        listings: Mapping[str, Listings],
    ) -> TablesSummary:
        """Put the drafts' partitions into their places, and remember what they were made of."""
        owners = {
            tag: [drafts[tag] for drafts in self.drafts.values() if tag in drafts]
            for tag in touched
            if not self.only or tag in self.only
        }
        unread = unread if None in owners else ()
        with staged(self.tables, self.folder / "staged") as tables:
            state = State(tables)
            state.forget_groups(gone)
            arguments = tables, owners, unread, self.folder
            self.workers.submit("publication", Task(publish, arguments))
            for group, group_state in self.changed_states(state, owners).items():
                state.write_group(group, group_state)
            state.write_listings(listings, is_part=bool(self.only))
            summary: TablesSummary = dict(self.workers.results())["publication"]
            state.write_summary(summary)
        return summary

    def changed_states(self, state: State, owners: Owners) -> dict[str, GroupState]:
        """Give what to remember of groups that were read, or whose rows are gone by this run.

        A run for some tags leaves others' partitions alone: a group that has, or had, rows there
        is to be read again, as is one that was passed by and had rows in a partition made anew.
        """
        if not self.only:
            return self.states
        # Other runs for some tags may have published since this one began.
        known = state.read_groups()
        states = {
            group: outdated(group_state)
            for group, group_state in known.items()
            if not owners.keys().isdisjoint(group_state.tags)
        }
        for group, read in self.states.items():
            tags = {*read.tags, *(known[group].tags if group in known else ())}
            states[group] = read if tags <= self.only else outdated(read, tags)
        return states
