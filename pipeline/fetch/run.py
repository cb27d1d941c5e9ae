"""Download a cache's indexes into a tree that `flatten` reads.

A run takes the lock, downloads the list, selects stacks, downloads their indexes concurrently, and
removes what their snapshots no longer have. Downloaded files are kept, whatever else fails.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.errors import FetchError, ForbiddenError, MissingError, OutputError
from pipeline.fetch.catalogue import (
    Index,
    ListEntry,
    check_names,
    choose_stacks,
    folder_name,
    folder_of,
    listed_index,
    mirror_indexes,
    read_list,
    stack_of,
)
from pipeline.fetch.client import Downloads, Limits
from pipeline.fetch.content import LIST_FILE
from pipeline.fetch.location import FetchOptions, Location, locate
from pipeline.fetch.mirror_fetch import MirrorFetch, tell_all
from pipeline.fetch.mirrors import ConfiguredMirror, read_mirrors
from pipeline.fetch.tree import Tree, open_tree
from pipeline.progress import Progress
from pipeline.sources.mirror.layout import LIST

DEFAULT_OPTIONS = FetchOptions()


@dataclass(frozen=True)
class FetchSummary:
    """The number of indexes and snapshots of a run, and what was downloaded."""

    index_count: int
    tag_count: int
    changed_count: int
    byte_count: int


@dataclass(frozen=True)
class Unit:
    """A mirror to download: the indexes that it may have, and its downloader."""

    fetch: MirrorFetch
    indexes: list[Index]

    @property
    def folder(self) -> str:
        """Return the mirror's folder in the tree."""
        return self.indexes[0].folder


def fetch_cache(
    url: str,
    to: Path,
    *,
    tags: Sequence[str] = (),
    stacks: Sequence[str] = (),
    names_mirror: bool = False,
    options: FetchOptions = DEFAULT_OPTIONS,
    progress: Progress | None = None,
) -> FetchSummary:
    """Download the indexes of a cache with a list, or of a single mirror, into the tree `to`.

    Only what changed since the last run is downloaded. A stack that is listed but missing is a
    warning, unless all are. `tags` and `stacks` select from a list; without a list they are
    refused, unless `names_mirror`: then they name the single mirror.

    Raises
    ------
    FetchError
        With each URL that failed; what was downloaded before and beside it stays.
    OutputError
        The tree can't be written.
    """
    location = locate(url, options)

    async def download(run: Run) -> FetchSummary:
        fetch = await run.open(location, options)
        listed = await fetch_list(fetch, location) if location.may_have_list else None
        if listed is not None:
            return await run.fetch_stacks(fetch, location, listed, tags, stacks)
        if (tags or stacks) and not names_mirror:
            raise FetchError(
                f"{location.base}/{LIST}: not there, so --tag and --stack have nothing to choose "
                "from; name the top of a cache that has the list, or leave them out"
            )
        return await run.fetch_single(fetch, location, options.views)

    return run_on_tree(to, download, options, progress or Progress())


def fetch_mirrors(
    file: Path,
    to: Path,
    *,
    tag: str,
    stacks: Sequence[str] = (),
    options: FetchOptions = DEFAULT_OPTIONS,
    progress: Progress | None = None,
) -> FetchSummary:
    """Download the indexes of the mirrors in a configuration file of Spack into the tree `to`.

    Each becomes a stack of snapshot `tag`, with the mirror's name.

    Raises
    ------
    FetchError
        With each mirror that failed; what was downloaded before and beside it stays.
    OutputError
        The tree can't be written.
    """
    check_names("--tag", tag)
    mirrors = {mirror.name: mirror for mirror in read_mirrors(file, options.buckets)}
    if unknown := sorted(set(stacks) - mirrors.keys()):
        raise FetchError(
            f"{file}: no mirror of binaries {unknown[0]!r}; there are {', '.join(sorted(mirrors))}"
        )
    chosen = [mirror for name, mirror in mirrors.items() if not stacks or name in stacks]

    async def download(run: Run) -> FetchSummary:
        return await run.fetch_configured(file, chosen, tag, stacks, options)

    return run_on_tree(to, download, options, progress or Progress())


def run_on_tree(
    to: Path,
    download: Callable[[Run], Coroutine[Any, Any, FetchSummary]],
    options: FetchOptions,
    progress: Progress,
) -> FetchSummary:
    """Run a download on the tree `to`, under its lock."""

    async def main(tree: Tree) -> FetchSummary:
        async with AsyncExitStack() as opened:
            return await download(Run(tree, opened, asyncio.Semaphore(options.jobs), progress))

    try:
        with open_tree(to, progress.wait) as tree:
            return asyncio.run(main(tree))
    except OSError as error:
        raise OutputError(f"{to}: can't be written ({error}); free or name another") from error


async def fetch_list(fetch: MirrorFetch, location: Location) -> dict[str, list[ListEntry]] | None:
    """Download and read the list of a cache's snapshots; return None if it has none."""
    url, tree = f"{location.base}/{LIST}", fetch.tree
    try:
        draft = await fetch.downloads.get(url, LIST_FILE, tree.known(LIST, url))
    except (MissingError, ForbiddenError):
        return None
    listed = read_list((draft.path if draft else tree.file(LIST)).read_bytes(), url)
    if draft:
        tree.publish(draft, LIST)
    return listed


@dataclass(frozen=True)
class Run:
    """One run on a tree: the tree, the clients to close at the end, and the download slots."""

    tree: Tree
    opened: AsyncExitStack
    slots: asyncio.Semaphore
    progress: Progress

    async def open(self, location: Location, options: FetchOptions) -> MirrorFetch:
        """Open the client for one cache."""
        limits = Limits(options.retries, options.timeout, options.max_time)
        downloads = Downloads(
            self.tree.new_draft,
            self.slots,
            limits,
            location.logins,
            options.buckets,
            self.progress,
        )
        await self.opened.enter_async_context(downloads)
        return MirrorFetch(downloads, self.tree, options.with_sizes, self.progress)

    async def fetch_stacks(
        self,
        fetch: MirrorFetch,
        location: Location,
        listed: dict[str, list[ListEntry]],
        tags: Sequence[str],
        stacks: Sequence[str],
    ) -> FetchSummary:
        """Download the indexes of the selected stacks of a list."""
        units: dict[str, Unit] = {}
        failures: list[str] = []
        chosen = choose_stacks(listed, tags, stacks)
        for tag, entry in chosen:
            try:
                named, url = location.follow(entry.url)
                check_names(named, tag, entry.label)
                index = listed_index(tag, entry.label, url, named)
                if index.folder in units:
                    raise FetchError(f"{named}: {index.folder} is listed twice; left out")
                units[index.folder] = Unit(fetch, [index])
            except FetchError as error:
                failures.append(str(error))

        def is_asked(folder: str) -> bool:
            tag, stack = stack_of(folder)
            return tag in (tags or listed) and (not stacks or stack in stacks)

        return await self.settle(list(units.values()), failures, is_asked)

    async def fetch_configured(
        self,
        file: Path,
        mirrors: Sequence[ConfiguredMirror],
        tag: str,
        stacks: Sequence[str],
        options: FetchOptions,
    ) -> FetchSummary:
        """Download the indexes of mirrors in a configuration file of Spack."""
        units: list[Unit] = []
        failures: list[str] = []
        for mirror in mirrors:
            if is_local(mirror.url):
                self.progress.warn(
                    f"{mirror.name}: flatten reads folders directly: "
                    f"cache-coverage flatten {mirror.url} --tag {tag} --stack {mirror.name}"
                )
                continue
            try:
                check_names(f"{file}: mirror", mirror.name)
                own = replace(options, buckets=mirror.buckets)
                location = locate(mirror.url, own, mirror.login)
                fetch = await self.open(location, own)
                views = [mirror.view] if mirror.view else options.views
                folder = folder_name(tag, mirror.name)
                indexes = mirror_indexes(folder, location.url, location.named, views)
                units.append(Unit(fetch, indexes))
            except FetchError as error:
                failures.append(f"{mirror.name}: {error}")
        if not units and not failures:
            raise FetchError(f"{file}: names no mirror that has to be downloaded")

        def is_asked(folder: str) -> bool:
            own_tag, stack = stack_of(folder)
            return own_tag == tag and (not stacks or stack in stacks)

        return await self.settle(units, failures, is_asked)

    async def fetch_single(
        self, fetch: MirrorFetch, location: Location, views: Sequence[str]
    ) -> FetchSummary:
        """Download the indexes of a single mirror to the tree's own folder."""
        self.progress.add_total(1)
        indexes = mirror_indexes("", location.url, location.named, views)
        try:
            is_new = await fetch.fetch_mirror(indexes)
        except (MissingError, ForbiddenError):
            if not location.own_url.endswith("/build_cache"):
                raise
            # A mirror's folder may have the name of one of its subfolders.
            own = [replace(index, base=location.own_url) for index in indexes]
            is_new = await fetch.fetch_mirror(own)
        self.progress.advance(1)
        return FetchSummary(1, 0, int(is_new), fetch.downloads.byte_count)

    async def settle(
        self, units: Sequence[Unit], failures: list[str], is_asked: Callable[[str], bool]
    ) -> FetchSummary:
        """Download mirrors; raise the failures, or remove selected mirrors that are gone.

        Snapshots that are no longer in the list are kept, and a run with a failure removes nothing.
        """
        asked_count = len(units) + len(failures)
        self.progress.add_total(len(units))
        results = await asyncio.gather(*map(self.fetch_unit, units))
        settled = list(zip(units, results, strict=True))
        there = [unit for unit, result in settled if not isinstance(result, MissingError)]
        for unit, result in settled:
            if isinstance(result, MissingError) and there:
                self.progress.warn(f"{unit.folder}: listed, but not there: {result}")
            elif isinstance(result, FetchError):
                failures.append(f"{result}{explain_url(unit.indexes[0])}")
        if failures:
            raise FetchError(
                tell_all(
                    f"{len(failures)} of {asked_count} indexes could not be downloaded", failures
                )
            )
        self.remove_gone({unit.folder for unit in there}, is_asked)
        fetches = {id(unit.fetch): unit.fetch for unit in units}.values()
        return FetchSummary(
            index_count=len(there),
            tag_count=len({stack_of(unit.folder)[0] for unit in there}),
            changed_count=sum(result is True for result in results),
            byte_count=sum(fetch.downloads.byte_count for fetch in fetches),
        )

    async def fetch_unit(self, unit: Unit) -> bool | FetchError:
        """Download a mirror; return whether anything changed, or why it failed."""
        try:
            return await unit.fetch.fetch_mirror(unit.indexes)
        except FetchError as error:
            return error
        finally:
            self.progress.advance(1)

    def remove_gone(self, kept: set[str], is_asked: Callable[[str], bool]) -> None:
        """Remove the folders of selected mirrors that no longer exist."""
        gone = set()
        for path in list(self.tree.seen):
            folder = folder_of(path)
            if folder is not None and folder not in kept and is_asked(folder):
                self.tree.remove(path)
                gone.add(folder)
        for folder in sorted(gone):
            self.progress.warn(f"{folder}: no longer in the cache, its index here is removed")


def is_local(url: str) -> bool:
    """Return whether the URL of a mirror in Spack's configuration is a local folder."""
    return "://" not in url or url.lower().startswith("file://")


def explain_url(index: Index) -> str:
    """Return where a URL comes from, if the user did not give it."""
    is_mapped = index.named.startswith("s3://") and index.base.startswith("http")
    return f" (for {index.named}, see --s3-host)" if is_mapped else ""
