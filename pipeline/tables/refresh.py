"""Update the tables from the files of their sources: read what changed, and publish the results.

Files are read by group (the files of one folder), and tables are published by tag. A group is
nearly always one snapshot; if several groups have rows of one tag, all of them are read for it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, count, islice
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pipeline.errors import OutputError, SourceError, not_written
from pipeline.names import path_text
from pipeline.outputs import (
    TABLES_FOLDER,
    clear_drafts,
    hold_lock,
    lock_path,
    staged,
    stored_tags,
    try_lock,
)
from pipeline.progress import Progress
from pipeline.sources.discovery import Search, no_page_of, nothing_read
from pipeline.sources.files import PackedPages, PageFile, pack_pages, unpack_pages
from pipeline.sources.listings import Listings
from pipeline.sources.mirror.layout import is_snapshot
from pipeline.sources.rejects import Reject
from pipeline.tables.lock_sources import LockPaths, digest_locks, split_locks
from pipeline.tables.run_sources import Sources
from pipeline.tables.state import (
    GroupState,
    SearchState,
    StacksState,
    State,
    TablesSummary,
    fingerprint,
    is_unchanged,
)
from pipeline.tables.tasks import Drafts, Owners, ReadTask, publish, read_group
from pipeline.tables.workers import Task, Workers

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from pipeline.tables.stack_sources import Stacks


def refresh_tables(
    sources: Sequence[Path],
    out: Path,
    *,
    only: Sequence[str] = (),
    stack: str | None = None,
    follow_links: bool = False,
    name: str | None = None,
    is_replacing: bool = False,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> TablesSummary:
    """Update the tables below `out` from the pages and indexes below `sources`.

    Only groups with a new, changed or deleted file are read: by the workers of `executor` or, by
    default, by this process or a pool of processes. Snapshots that these sources had and no longer
    have are removed; those of other sources are kept, unless the run `is_replacing` them. With
    `only`, the run is restricted to these tags and leaves all others unchanged. A mirror whose path
    does not name its snapshot gets the one tag in `only`, and `stack`.

    Lock files in the sources are read into table lock_specs, and environment files into table
    stack_roots, under `name` if there is only one. A run for these alone leaves all other tables
    unchanged, and a run without any of a kind keeps the earlier ones.

    Raises
    ------
    SourceError
        There is no file to read, none is accepted, or a snapshot also has files of other sources;
        the tables are unchanged.
    OutputError
        A table can't be written.
    """
    progress = progress or Progress()
    locks, sources = split_locks(sources, name)
    if locks and not sources:
        return refresh_alone(locks, None, out, progress)
    state = State(out / TABLES_FOLDER)
    mirror = (only[0] if len(only) == 1 else None, stack)
    search = Search(
        sources,
        state.read_listings,
        only=only,
        follow_links=follow_links,
        mirror=mirror,
        out=out,
    )
    run_sources = Sources(search.sources)
    groups = search.groups()
    with failures_reported(out):
        first = list(islice(groups, 1))  # Without any file, nothing is changed.
        if not first:  # but environment files
            stacks = find_stacks(search, name if not locks else None, search.rejects)
            if not stacks.files:
                raise nothing_read(search.sources, stacks.rejects)
            return refresh_alone(locks or None, stacks, out, progress)
        with try_lock(lock_path(out, "run")) as is_alone:
            if is_alone:
                clear_drafts(out, TABLES_FOLDER)
        with (
            hold_lock(lock_path(out, "run"), is_shared=bool(only), waits=progress.wait),
            Workers(executor, progress.advance) as workers,
            draft_folder(out) as drafts,
        ):
            # None: keep those of earlier runs, like everything that this run does not name.
            kept = locks if locks or (is_replacing and not only) else None
            refresh = Refresh(
                out, run_sources, drafts, workers, progress, frozenset(only), is_replacing, kept
            )
            for folder, files in chain(first, groups):
                refresh.take_group(folder, files)
            if search.stacks or (is_replacing and not only):
                refresh.take_stacks(find_stacks(search, name if not locks else None))
            return refresh.finish(search.rejects, search.listings)


def find_stacks(search: Search, name: str | None, unread: Sequence[Reject] = ()) -> Stacks:
    """Read the environment files that a search found, under `name` if given and there is only one.

    `unread` are the unreadable files of the search, if nothing else was found.
    """
    # Import the reader only if there are any.
    from pipeline.tables.stack_sources import read_stacks

    return read_stacks(search.stacks, fingerprint(), name, unread)


def refresh_alone(
    locks: LockPaths | None, stacks: Stacks | None, out: Path, progress: Progress
) -> TablesSummary:
    """Rewrite only the tables of lock files and environment files.

    None keeps the table.

    Raises
    ------
    OutputError
        A table can't be written.
    """
    state = State(out / TABLES_FOLDER)
    digest = None if locks is None else digest_locks(locks, fingerprint())
    with (
        failures_reported(out),
        hold_lock(lock_path(out, "run"), is_shared=True, waits=progress.wait),
        hold_lock(lock_path(out, "publication"), waits=progress.wait),
    ):
        summary = state.read_summary()
        if (
            summary
            and digest in (None, state.read_locks())
            and (stacks is None or stacks.digest == state.read_stacks().digest)
        ):
            return summary
        with (
            draft_folder(out) as drafts,
            staged(out / TABLES_FOLDER, drafts / "staged") as tables,
        ):
            rejects = None if stacks is None else untagged(state, stacks)
            summary = publish(tables, {}, rejects, drafts, locks, stacks)
            if digest is not None:
                State(tables).write_locks(digest)
            if stacks is not None:
                State(tables).write_stacks(StacksState(stacks.digest, stacks.rejects))
            State(tables).write_summary(summary)
        return summary


def untagged(state: State, stacks: Stacks) -> list[Reject]:
    """Return all rejects that may have no snapshot, with those of some stacks."""
    return [
        *(reject for search in state.read_searches() for reject in search.rejects),
        *(reject for group in state.read_groups().values() for reject in group.untagged),
        *stacks.rejects,
    ]


@contextmanager
def failures_reported(out: Path) -> Iterator[None]:
    """Raise OutputError if memory runs out, or a file below `out` can't be written."""
    try:
        yield
    except MemoryError as error:
        raise OutputError(
            f"{out}: unchanged, since memory ran out; read fewer snapshots at once with --tag"
        ) from error
    except OSError as error:
        raise not_written(error, out) from error


@contextmanager
def draft_folder(out: Path) -> Iterator[Path]:
    """Yield a new folder below `out` for the drafts of a run, and remove it at the end."""
    drafts = Path(tempfile.mkdtemp(prefix=f".{TABLES_FOLDER}.", dir=out))
    try:
        yield drafts
    finally:
        shutil.rmtree(drafts, ignore_errors=True)


def may_hold(folder: str, files: Sequence[PageFile], only: frozenset[str]) -> bool:
    """Return whether files may be of the requested tags: pages in other tags' folders are not."""
    if not only:
        return True
    if any(file.mirror is None for file in files):
        return os.path.basename(folder) in only or not is_snapshot(folder)
    return any(file.mirror.tag in only for file in files if file.mirror)


class Refresh:
    """The steps of one run: record the groups found, read stale ones, publish.

    A tag is *touched* if a group with rows of it is read or gone; then all groups with rows of it
    are read. A group recorded by an earlier run is *foreign* if this run's sources do not cover it.
    """

    def __init__(
        self,
        out: Path,
        sources: Sources,
        drafts: Path,
        workers: Workers,
        progress: Progress,
        only: frozenset[str],
        is_replacing: bool,
        locks: LockPaths | None,
    ) -> None:
        self.out = out
        self.tables = out / TABLES_FOLDER
        self.sources = sources
        self.folder = drafts.resolve()
        self.workers = workers
        self.progress = progress
        self.only = only
        self.is_replacing = is_replacing
        self.fingerprint = fingerprint()
        self.started_ns = time.time_ns()
        self.state = State(self.tables)
        self.known = self.state.read_groups()
        self.stored = stored_tags(self.tables)
        self.locks = locks
        self.locks_digest = "" if locks is None else digest_locks(locks, self.fingerprint)
        self.stacks: Stacks | None = None  # None: keep those of earlier runs
        self.draft_names = map(str, count())
        self.groups: dict[str, PackedPages] = {}  # all that were found
        self.stale: set[str] = set()  # those that are read
        self.drafts: dict[str, Drafts] = {}  # of those
        self.states: dict[str, GroupState] = {}  # of those
        self.faults: list[str] = []
        self.missing: list[str] = []  # files that disappeared after they were found

    def take_group(self, folder: str, files: Sequence[PageFile]) -> None:
        """Record a group that was found, and start reading it unless it is unchanged."""
        if not may_hold(folder, files, self.only):
            return
        for group, own in self.sources.split(folder, files).items():
            packed = pack_pages(own)
            if group in self.stale and self.groups[group] == packed:
                continue
            # A group that is yielded again has further files, so read it again.
            known = None if group in self.stale else self.known.get(group)
            if known is not None and is_unchanged(known, packed, self.fingerprint):
                self.groups[group] = known.pages  # equal, so keep only one copy in memory
            else:
                self.groups[group] = packed
                self.read(group, len(own))

    def take_stacks(self, stacks: Stacks) -> None:
        """Record the environment files of table stack_roots."""
        self.stacks = stacks

    def read(self, group: str, file_count: int) -> None:
        """Start reading a group with this number of files."""
        task = ReadTask(
            self.tables.resolve(),
            self.only,
            self.fingerprint,
            self.started_ns,
            self.sources.of_group(group),
            self.groups[group],
        )
        self.stale.add(group)
        self.progress.add_total(file_count)
        draft = self.folder / next(self.draft_names)
        self.workers.submit(group, Task(read_group, (task, draft), file_count))

    def finish(self, unread: Sequence[Reject], listings: Mapping[str, Listings]) -> TablesSummary:
        """Publish what was read and everything that it touches; return a summary of the tables.

        `unread` are the rejects of the search for files, `listings` the folders found.
        """
        summary = self.state.read_summary()
        searches = self.state.read_searches()
        new_searches = self.update_searches(searches, unread)
        gone = self.gone_groups()
        orphans = self.orphaned_tags(searches)
        touched = orphans | (tags_of(searches) ^ tags_of(new_searches))
        has_new_locks = self.locks is not None and self.state.read_locks() != self.locks_digest
        has_new_stacks = (
            self.stacks is not None and self.state.read_stacks().digest != self.stacks.digest
        )
        is_current = (
            not (self.stale or gone or orphans or has_new_locks or has_new_stacks)
            and searches == new_searches
        )
        if summary is None or not is_current:
            touched = self.read_touched(touched, gone)
        self.check_found()
        self.check_exist(unread)
        with hold_lock(lock_path(self.out, "publication"), waits=self.progress.wait):
            if summary is None or not is_current:
                summary = self.publish(touched, gone, unread, listings)
            else:
                self.state.write_listings(listings, is_part=bool(self.only))
        kept = {tag for group in self.foreign_groups() - gone for tag in self.known[group].tags}
        return msgspec.structs.replace(summary, kept_tags=sorted(kept))

    def foreign_groups(self) -> set[str]:
        """Return the recorded groups of other sources only."""
        return {
            group
            for group, state in self.known.items()
            if group not in self.groups and not self.sources.cover_group(group, state)
        }

    def gone_groups(self) -> set[str]:
        """Return the recorded groups to remove."""
        if self.only:
            return set()
        kept = set() if self.is_replacing else self.foreign_groups()
        return self.known.keys() - self.groups.keys() - kept

    def orphaned_tags(self, searches: Iterable[SearchState]) -> set[str]:
        """Return the tags with partitions but without a record, as those of another version."""
        if self.only:
            return set()
        recorded = (state.tags for state in self.known.values())
        return self.stored.difference(tags_of(searches), *recorded)

    def update_searches(
        self, searches: Iterable[SearchState], unread: Sequence[Reject]
    ) -> list[SearchState]:
        """Return the records of searches after this one."""
        own = SearchState(self.sources.names(), list(unread))
        if self.only:
            # It skipped other snapshots, and their unreadable files.
            earlier = [r for s in searches if s.sources == own.sources for r in s.rejects]
            own.rejects.extend(r for r in earlier if r.tag not in self.only and r not in unread)
            kept = [search for search in searches if search.sources != own.sources]
        elif self.is_replacing:
            kept = []
        else:
            kept = [search for search in searches if not self.sources.cover(search.sources)]
        return sorted([*kept, *([own] if own.rejects else [])], key=attrgetter("sources"))

    def read_touched(self, tags: Iterable[str], gone: Iterable[str]) -> set[str]:
        """Wait for the groups being read, and read all others with rows of touched tags.

        Touched are `tags`, and those of all groups that are read or `gone`; returns them.
        """
        touched = set(tags).union(*(self.known[group].tags for group in gone))
        while True:
            for group, result in self.workers.results():
                self.drafts[group], self.states[group] = result.drafts, result.state
                touched.update(result.drafts)
                self.faults.extend([result.fault] if result.fault else [])
                self.missing.extend(result.gone)
            # A group may lose tags when it is read, whose other groups are then touched too.
            touched.update(*(self.known[group].tags for group in self.stale & self.known.keys()))
            fellows = [
                group
                for group in self.groups.keys() - self.stale
                if not touched.isdisjoint(self.known[group].tags)
            ]
            if not fellows:
                return touched
            for group in sorted(fellows):
                self.read(group, len(unpack_pages(self.groups[group])))

    def check_found(self) -> None:
        """Check that the sources have what was requested.

        Raises
        ------
        SourceError
            No page has a requested tag; or none at all was accepted, which must not empty the
            tables.
        """
        found = [self.states.get(group) or self.known[group] for group in self.groups]
        missing = self.only.difference(*(state.tags for state in found))
        if missing:
            raise no_page_of(missing)
        if self.stored and not any(state.page_count for state in found):
            reasons = f": {min(self.faults)}" if self.faults else ""
            raise SourceError(
                f"{', '.join(map(path_text, self.sources.roots))}: nothing in it was accepted, so "
                f"the tables are unchanged{reasons}"
            )

    def check_exist(self, unread: Iterable[Reject]) -> None:
        """Check that nothing disappeared during the run: the tables must not lose its rows.

        Raises
        ------
        SourceError
            A source, or a part of it, is gone.
        """
        missing = [*self.sources.missing(unread), *self.missing]
        if missing and self.stored:
            raise SourceError(
                f"{path_text(missing[0])}: gone since it was found; the tables are unchanged: "
                "run again when the source is complete"
            )

    def check_foreign(self, known: Mapping[str, GroupState], owners: Owners) -> None:
        """Check that no snapshot to publish has files of sources that were not named.

        Raises
        ------
        SourceError
            One has, or another version read such files, and this run is not replacing them.
        """
        for group, state in sorted(known.items()):
            if self.sources.cover_group(group, state) or self.is_replacing:
                continue
            names = ", ".join(path_text(os.fsdecode(source)) for source in state.sources)
            remedy = f"name {names} as well, or remove what it had with --replace"
            shared = sorted(owners.keys() & set(state.tags))
            if shared or group in self.stale:
                raise SourceError(
                    f"{', '.join(shared or state.tags)}: the tables have this from {names}, too, "
                    f"which this run does not name; {remedy}"
                )
            if state.fingerprint != self.fingerprint and not self.only:
                raise SourceError(
                    f"{', '.join(state.tags)}: another version of cache-coverage has read this "
                    f"from {names}; {remedy}"
                )

    def publish(
        self,
        touched: set[str],
        gone: Iterable[str],
        unread: Sequence[Reject],
        listings: Mapping[str, Listings],
    ) -> TablesSummary:
        """Replace the partitions of touched tags, and record what they were read from."""
        owners = {
            tag: [drafts[tag] for drafts in self.drafts.values() if tag in drafts]
            for tag in touched
            if not self.only or tag in self.only
        }
        # Only runs with `only` go side by side: one may have published since this one started.
        known = self.state.read_groups() if self.only else self.known
        self.check_foreign(known, owners)
        searches = self.update_searches(self.state.read_searches(), unread)
        changed = self.changed_states(known, owners)
        groups = {group: state for group, state in known.items() if group not in gone} | changed
        rejects = [
            *(reject for search in searches for reject in search.rejects),
            *(reject for state in groups.values() for reject in state.untagged),
            *(self.stacks or self.state.read_stacks()).rejects,
        ]
        self.warn_of_removal(owners, rejects)
        with staged(self.tables, self.folder / "staged") as tables:
            arguments = tables, owners, rejects, self.folder, self.locks, self.stacks
            self.workers.submit("publication", Task(publish, arguments))
            state = State(tables)
            state.remove_groups(gone)
            for group, group_state in changed.items():
                state.write_group(group, group_state)
            state.write_searches(searches)
            state.write_listings(listings, is_part=bool(self.only))
            if self.locks is not None:
                state.write_locks(self.locks_digest)
            if self.stacks is not None:
                state.write_stacks(StacksState(self.stacks.digest, self.stacks.rejects))
            summary: TablesSummary = dict(self.workers.results())["publication"]
            state.write_summary(summary)
        return summary

    def changed_states(
        self, known: Mapping[str, GroupState], owners: Owners
    ) -> dict[str, GroupState]:
        """Return the states of groups that were read, or have rows in replaced partitions.

        A run with `only` leaves the partitions of other tags alone: a group that has, or had, rows
        there is read again later; so is a skipped group that lost rows to this run.
        """
        if not self.only:
            return self.states
        states = {}
        for group, state in known.items():
            if not owners.keys().isdisjoint(state.tags):
                tags = state.tags
                if not self.sources.cover_group(group, state):
                    tags = [tag for tag in tags if tag not in owners]  # replaced
                states[group] = msgspec.structs.replace(state, tags=tags, is_stale=True)
        for group, read in self.states.items():
            tags = sorted({*read.tags, *(known[group].tags if group in known else ())})
            is_stale = read.is_stale or not self.only.issuperset(tags)
            states[group] = msgspec.structs.replace(read, tags=tags, is_stale=is_stale)
        return states

    def warn_of_removal(self, owners: Owners, rejects: Iterable[Reject]) -> None:
        """Warn of snapshots that will be removed."""
        kept = {tag for tag, drafts in owners.items() if drafts} | {r.tag for r in rejects}
        removed = sorted((owners.keys() - kept) & self.stored)
        if removed:
            self.progress.warn(
                f"{self.tables}: removing {', '.join(removed)}: not in the sources (any more)"
            )


def tags_of(searches: Iterable[SearchState]) -> set[str]:
    """Return the tags of unreadable files."""
    return {reject.tag for search in searches for reject in search.rejects if reject.tag}
