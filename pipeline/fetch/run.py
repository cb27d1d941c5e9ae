"""A cache's list and indexes over HTTP into a tree that `flatten` reads: the one use of a network.

What a run does, in turn: take the lock, bring the list, choose stacks, bring their indexes several
at a time, remove what their snapshots no longer have. What came stays, whatever fails beside it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import FetchError, ForbiddenError, MissingError, OutputError
from pipeline.fetch.catalogue import (
    ListEntry,
    Mirror,
    choose_stacks,
    http_address,
    locate_mirror,
    owner_of,
    read_list,
    split_login,
    stack_of,
)
from pipeline.fetch.client import Downloads, origin_of
from pipeline.fetch.tree import Tree, open_tree
from pipeline.progress import Progress
from pipeline.sources.mirror.layout import INDEXES, LIST, Blob, index_blob, split_index
from pipeline.sources.rejects import PageError

# So many failures are told one by one; the others are counted.
TOLD_FAILURES = 10


@dataclass(frozen=True)
class Outcome:
    """How many indexes the run was about, of how many snapshots, and how many came anew."""

    index_count: int
    tag_count: int
    brought_count: int


def fetch_cache(
    url: str,
    to: Path,
    *,
    tags: Sequence[str] = (),
    stacks: Sequence[str] = (),
    s3_host: str | None = None,
    jobs: int,
    retries: int,
    timeout: float,
    progress: Progress,
) -> Outcome:
    """Bring the indexes of a cache with a list, or of a single mirror, into the tree `to`.

    Only what changed since the last run comes. `timeout` is in seconds without a byte. A stack
    that is listed but missing is a warning, unless all are.

    Raises
    ------
    FetchError
        With each address that failed; what came before and beside it stays.
    OutputError
        If the tree can't be written.
    """
    address, login = split_login(url)
    base, layout = split_index(http_address(address, s3_host))

    async def run(tree: Tree) -> Outcome:
        async with Downloads(
            tree.drafts,
            retries=retries,
            timeout=timeout,
            login=(origin_of(base), login) if login else None,
            receives=progress.add_bytes,
        ) as downloads:
            fetch = Fetch(downloads, tree, progress)
            listed = None if layout else await fetch.bring_list(f"{base}/{LIST}")
            if listed is not None:
                return await fetch.bring_stacks(listed, tags, stacks, s3_host, jobs)
            if tags or stacks:
                raise FetchError(
                    f"{base}/{LIST}: not there, so --tag and --stack have nothing to choose from; "
                    "name the top of a cache that has the list, or leave them out"
                )
            return await fetch.bring_mirror(base, layout)

    try:
        with open_tree(to, progress.wait) as tree:
            return asyncio.run(run(tree))
    except OSError as error:
        raise OutputError(f"{to}: can't be written ({error}); free or name another") from error


@dataclass(frozen=True)
class Fetch:
    """A run: from where, to where, and who is told."""

    downloads: Downloads
    tree: Tree
    progress: Progress

    async def bring_list(self, address: str) -> dict[str, list[ListEntry]] | None:
        """Bring and read the list of snapshots; None if there is none."""
        try:
            draft = await self.downloads.get(address, self.tree.known(LIST, address))
        except (MissingError, ForbiddenError):
            return None
        listed = read_list((draft.path if draft else self.tree.file(LIST)).read_bytes(), address)
        if draft:
            self.tree.publish(draft, LIST)
        return listed

    async def bring_stacks(
        self,
        listed: dict[str, list[ListEntry]],
        tags: Sequence[str],
        stacks: Sequence[str],
        s3_host: str | None,
        jobs: int,
    ) -> Outcome:
        """Bring the indexes of the stacks asked for, then remove what the cache no longer has.

        A snapshot that the list no longer names stays as it is, and a run in which anything failed
        removes nothing.
        """
        mirrors: dict[str, Mirror] = {}
        failures = []
        chosen = choose_stacks(listed, tags, stacks)
        for tag, entry in chosen:
            try:
                mirror = locate_mirror(tag, entry, s3_host)
                mirrors[mirror.index_path] = mirror
            except FetchError as error:
                failures.append(str(error))
        self.progress.add_total(len(mirrors))
        slots = asyncio.Semaphore(jobs)

        async def settle(mirror: Mirror) -> bool | FetchError:
            async with slots:
                try:
                    return await self.bring_index(mirror)
                except FetchError as error:
                    return error
                finally:
                    self.progress.advance(1)

        results = await asyncio.gather(*map(settle, mirrors.values()))
        settled = list(zip(mirrors.values(), results, strict=True))
        there = [mirror for mirror, result in settled if not isinstance(result, MissingError)]
        for mirror, result in settled:
            if isinstance(result, MissingError) and there:
                self.progress.warn(f"{mirror.folder}: listed, but not there: {result}")
            elif isinstance(result, FetchError):
                failures.append(f"{result}{hint_at_host(mirror)}")
        if failures:
            raise FetchError(
                tell_all(f"{len(failures)} of {len(chosen)} indexes could not be brought", failures)
            )

        def is_asked(folder: str) -> bool:
            tag, stack = stack_of(folder)
            return tag in (tags or listed) and (not stacks or stack in stacks)

        self.remove_gone(there, is_asked)
        return Outcome(
            index_count=len(there),
            tag_count=len({stack_of(mirror.folder)[0] for mirror in there}),
            brought_count=results.count(True),
        )

    async def bring_mirror(self, base: str, layout: int | None) -> Outcome:
        """Bring the index of a single mirror, in the newest layout that it has."""
        self.progress.add_total(1)
        failures = []
        for tried in [layout] if layout else sorted(INDEXES, reverse=True):
            mirror = Mirror("", base, tried, base)
            try:
                is_new = await self.bring_index(mirror)
            except (MissingError, ForbiddenError) as error:
                failures.append(str(error))
                continue
            self.progress.advance(1)
            self.remove_gone([mirror], lambda folder: not folder)
            return Outcome(index_count=1, tag_count=0, brought_count=int(is_new))
        raise FetchError(tell_all(f"{base}: no {LIST} and no index there", failures))

    async def bring_index(self, mirror: Mirror) -> bool:
        """Bring a mirror's index; whether there was anything new.

        In layout 3 the blob is at its place before the manifest that names it, and a blob that is
        no longer named goes last: whoever reads the tree meanwhile finds what is named.
        """
        address, path = mirror.index_address, mirror.index_path
        draft = await self.downloads.get(address, self.tree.known(path, address))
        named = [path]
        is_new = draft is not None
        if mirror.layout == 3:
            manifest = draft.path if draft else self.tree.file(path)
            try:
                blob = index_blob(manifest.read_bytes())
            except PageError as error:
                raise FetchError(f"{address}: {error}") from error
            named.append(mirror.path(blob.name))
            is_new |= await self.bring_blob(mirror, blob)
        if draft:
            self.tree.publish(draft, path)
        for old in self.tree.paths(mirror.folder, mirror.layout):
            if old not in named:
                self.tree.remove(old)
        return is_new

    async def bring_blob(self, mirror: Mirror, blob: Blob) -> bool:
        """Bring the blob that is a mirror's index, unless it is there: its name is its content."""
        path = mirror.path(blob.name)
        if self.tree.holds(path, blob.content_length):
            return False
        try:
            draft = await self.downloads.get(f"{mirror.address}/{blob.name}", blob=blob)
        except MissingError as error:
            raise FetchError(f"{error}; {mirror.index_address} names it: fetch again") from error
        if draft:
            self.tree.publish(draft, path)
        return True

    def remove_gone(self, there: Sequence[Mirror], is_asked: Callable[[str], bool]) -> None:
        """Remove the indexes that were asked for, by their folder, and are no longer there."""
        kept = {(mirror.folder, mirror.layout) for mirror in there}
        gone = set()
        for path in list(self.tree.seen):
            folder, layout = owner_of(path)
            if layout and is_asked(folder) and (folder, layout) not in kept:
                self.tree.remove(path)
                gone.add(folder)
        for folder in sorted(gone - {mirror.folder for mirror in there}):
            self.progress.warn(f"{folder}: no longer in the cache, its index here is removed")


def hint_at_host(mirror: Mirror) -> str:
    """Say how an address came about that nobody named."""
    is_s3 = mirror.named.startswith("s3://")
    return f" (for {mirror.named}, see --s3-host)" if is_s3 else ""


def tell_all(summary: str, failures: Sequence[str]) -> str:
    """Tell of each failure in a line, up to a number."""
    lines = [f"{summary}:", *failures[:TOLD_FAILURES]]
    if len(failures) > TOLD_FAILURES:
        lines.append(f"and {len(failures) - TOLD_FAILURES} more")
    return "\n  ".join(lines)
