"""Bring the tables up to date with the pages: read what changed, publish what it gave.

What is read is a folder, what is published a tag. Nearly always they are one and the same snapshot;
where several folders hold pages of one tag, they are read anew together.
"""

from __future__ import annotations

import importlib
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor
from contextlib import ExitStack
from pathlib import Path

from pipeline.errors import OutputError, SourceError
from pipeline.locks import hold_lock, try_lock
from pipeline.pages import PageFile, find_pages
from pipeline.rejects import Reject
from pipeline.state import (
    STATE_FOLDER,
    TABLES_FOLDER,
    GroupState,
    Outcome,
    State,
    fingerprint,
    is_unchanged,
    remember_group,
)
from pipeline.workers import POOL_PAGES, Workers, run_tasks

DRAFTS_PREFIX = f".{TABLES_FOLDER}."
# Folders of which the site has one a snapshot, named for it.
SNAPSHOT_FOLDER = re.compile(r"develop(-[0-9]{4}-[0-9]{2}-[0-9]{2})?|v[0-9]+\.[0-9]+\.[0-9]+")

Groups = Mapping[str, Sequence[PageFile]]
Tags = set[str | None]


class Listener:
    """What a run tells of itself while it goes on; this one keeps it to itself."""

    def waits(self) -> None:
        """Another run is at work on the same tables, and has to end first."""

    def starts(self, page_count: int) -> None:
        """So many pages are to be read."""

    def reads(self, page_count: int) -> None:
        """So many more pages have been read."""


def refresh_tables(
    sources: Sequence[Path],
    out: Path,
    *,
    only: Sequence[str] = (),
    follow_links: bool = False,
    executor: Executor | None = None,
    listener: Listener | None = None,
) -> Outcome:
    """Make the tables below `out` those of the pages below `sources`.

    Only groups of pages with a new, changed or deleted page are read: by the workers of
    `executor` or, without one, as is quickest here. With `only` a run keeps to those tags; the
    partitions of all others, and rejects without a tag, it leaves as they are. `follow_links` reads
    what links below the sources lead to, too.

    Raises
    ------
    SourceError
        There is no page to read; the tables that were there stay as they were.
    OutputError
        A table can't be written.
    """
    listener = listener or Listener()
    state = State(out / TABLES_FOLDER)
    try:
        with Workers(executor) as workers:
            # Where nothing is known all is read, so workers may as well get ready meanwhile.
            many = workers.start_pool if state.is_empty() else None
            found = find_pages(
                sources, state.read_listings, (POOL_PAGES, many), follow_links=follow_links
            )
            groups = group_pages(found.pages, only)
            clear_drafts(out)
            with hold_lock(state.folder / "run", is_shared=bool(only), waits=listener.waits):
                refresh = Refresh(out, groups, found.rejects, frozenset(only), listener)
                outcome = refresh.run(workers)
                with hold_lock(state.folder / "publication", waits=listener.waits):
                    for source, listings in found.listings.items():
                        state.write_listings(source, listings)
        return outcome
    except BrokenExecutor as error:
        raise OutputError(
            "a worker died, perhaps for want of memory; read fewer snapshots at once with --tag"
        ) from error
    except OSError as error:
        raise OutputError(
            f"{error.filename or out}: can't be written: {error.strerror}; "
            "free some space, or name another folder with --out"
        ) from error


def group_pages(pages: Sequence[PageFile], only: Sequence[str]) -> dict[str, list[PageFile]]:
    """Group pages by the folder that holds their packages' folders: `_cache/TAG`.

    With `only` folders named for another snapshot are left out, unopened.
    """
    groups: dict[str, list[PageFile]] = {}
    for page in pages:
        groups.setdefault(page.path.rsplit("/", 2)[0], []).append(page)
    if not only:
        return groups
    return {
        folder: group
        for folder, group in groups.items()
        if (name := folder.rsplit("/", 1)[-1]) in only or not SNAPSHOT_FOLDER.fullmatch(name)
    }


def draft_snapshot(
    pages: Sequence[PageFile], draft: Path, only: frozenset[str]
) -> list[str | None]:
    """Do a worker's task, with what it takes to do it loaded by the worker alone."""
    from pipeline.snapshots import draft_group

    return draft_group(pages, draft, only)


def clear_drafts(out: Path) -> None:
    """Remove what runs that were killed left behind, unless a run is at work."""
    with try_lock(out / TABLES_FOLDER / STATE_FOLDER / "run") as is_alone:
        for folder in out.glob(f"{DRAFTS_PREFIX}*") if is_alone else ():
            shutil.rmtree(folder)


class Refresh:
    """One run, step by step: what is stale, what it gives when read, and its publication."""

    def __init__(
        self,
        out: Path,
        groups: Groups,
        unread: Sequence[Reject],
        only: frozenset[str],
        listener: Listener,
    ) -> None:
        self.out = out
        self.tables = out / TABLES_FOLDER
        self.groups = groups
        self.unread = unread
        self.only = only
        self.listener = listener
        self.state = State(self.tables)
        self.fingerprint = fingerprint()
        self.known = self.state.read_groups()
        self.started_ns = time.time_ns()
        self.drafts: dict[str, Path] = {}
        self.tags: dict[str, Tags] = {}  # by group read: the tags found in it

    def run(self, workers: Workers) -> Outcome:
        """Read and publish what is stale; give what the tables then hold."""
        stale = self.stale_groups()
        gone = set() if self.only else set(self.known) - set(self.groups)
        outcome = self.state.read_outcome()
        if outcome and not (stale or gone or self.unread):
            self.check_only()
            return outcome
        with ExitStack() as stack:
            folder = Path(tempfile.mkdtemp(prefix=DRAFTS_PREFIX, dir=self.out))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            page_count = sum(len(self.groups[group]) for group in stale)
            self.listener.starts(page_count)
            executor = workers.executor(page_count)
            touched = self.read_with_fellows(stale, gone, folder, executor)
            self.check_only()
            with hold_lock(self.state.folder / "publication", waits=self.listener.waits):
                return self.publish(touched, gone, folder)

    def stale_groups(self) -> list[str]:
        """Give the groups that are not just as they were read, or whose tables are not there."""
        return [
            group
            for group, pages in self.groups.items()
            if (known := self.known.get(group)) is None
            or not is_unchanged(known, pages, self.fingerprint)
        ]

    def read_with_fellows(
        self, stale: Sequence[str], gone: Iterable[str], folder: Path, executor: Executor | None
    ) -> Tags:
        """Read groups, and with them all that hold pages of the same tags; give those tags."""
        touched: Tags = {None} if self.unread else set()
        touched.update(tag for group in gone for tag in self.known[group].tags)
        touched.update(
            tag for group in stale if group in self.known for tag in self.known[group].tags
        )
        unread = list(stale)
        while True:
            fellows = (
                group
                for group in self.groups
                if not (group in self.tags or group in unread)
                and touched.intersection(self.known[group].tags)
            )
            unread.extend(list(fellows))
            if not unread:
                return touched
            self.read(unread, folder, executor)
            touched.update(*(self.tags[group] for group in unread))
            unread = []

    def read(self, groups: Sequence[str], folder: Path, executor: Executor | None) -> None:
        """Read groups into drafts below `folder`."""
        for group in groups:
            self.drafts[group] = folder.resolve() / str(len(self.drafts))
        tasks = {
            group: (draft_snapshot, (self.groups[group], self.drafts[group], self.only))
            for group in groups
        }
        results = run_tasks(tasks, executor)
        # While workers read, there is time to load what publishing needs.
        importlib.import_module("pipeline.publish")
        for group, tags in results:
            self.tags[group] = set(tags)
            self.listener.reads(len(self.groups[group]))

    def check_only(self) -> None:
        """Refuse tags that were asked for and that no page names."""
        known = (self.known[group].tags for group in self.groups if group not in self.tags)
        missing = self.only.difference(*self.tags.values(), *known)
        if missing:
            raise SourceError(
                f"no page of {', '.join(sorted(missing))} in the sources; "
                "without --tag all that they hold is read"
            )

    def publish(self, touched: Tags, gone: Iterable[str], folder: Path) -> Outcome:
        """Put the drafts' partitions into their places, and remember what they were made of."""
        from pipeline.publish import (
            count_tables,
            draft_unread,
            publish_tags,
            publish_targets,
            staged,
        )

        owners = {
            tag: [self.drafts[group] for group in self.tags if tag in self.tags[group]]
            for tag in touched
            if not self.only or tag in self.only
        }
        if None in owners and self.unread:
            owners[None].append(draft_unread(self.unread, folder / "unread"))
        with staged(self.tables, folder / "staged") as tables:
            state = State(tables)
            state.forget_groups([*self.tags, *gone])
            publish_tags(tables, owners, folder / "merged")
            publish_targets(tables, folder / "merged")
            for group, tags in self.tags.items():
                if not self.only or tags <= self.only:
                    state.write_group(group, self.remembered(group))
            outcome = count_tables(tables)
            state.write_outcome(outcome)
        return outcome

    def remembered(self, group: str) -> GroupState:
        """Give the state of a group that was read."""
        from pipeline.tables import part_paths

        tags = list(self.tags[group])
        files = part_paths(self.tables.resolve(), tags)
        return remember_group(self.groups[group], tags, files, self.fingerprint, self.started_ns)
