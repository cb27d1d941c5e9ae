"""Download the indexes of one mirror: both layouts, views, registries and spec manifests."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from urllib.parse import quote

from pipeline.errors import FetchError, ForbiddenError, MissingError
from pipeline.fetch.catalogue import Index
from pipeline.fetch.client import Downloads
from pipeline.fetch.content import (
    INDEX_FILE,
    MANIFEST_FILE,
    Expected,
    expect_index_blob,
)
from pipeline.fetch.registry import (
    ACCEPT,
    IMAGE_FILE,
    INDEX_TAG,
    TAGS_FILE,
    Repository,
    binary_of,
    examine_index,
    has_spec_tags,
    layer_blob,
    read_image,
    spec_tag,
    write_manifest,
)
from pipeline.fetch.sizes import SPEC_MANIFESTS, SpecName, read_specs, spec_manifest
from pipeline.fetch.tree import Tree, restamp
from pipeline.fetch.urls import BUCKET_SCHEMES
from pipeline.progress import Progress
from pipeline.sources.mirror.blobs import MAX_INDEX_BYTES
from pipeline.sources.mirror.layout import LIST, Blob, index_blob
from pipeline.sources.rejects import PageError

# At most so many failures are listed; the others are counted.
TOLD_FAILURES = 10
SPECS_AT_A_TIME = 1000  # whose manifests wait for a download slot
UPDATE_INDEX = "spack buildcache update-index"


@dataclass(frozen=True)
class MirrorFetch:
    """Downloads one cache into a tree; `with_sizes` as in `FetchOptions`."""

    downloads: Downloads
    tree: Tree
    with_sizes: bool | None
    progress: Progress

    async def fetch_mirror(self, indexes: Sequence[Index]) -> bool:
        """Download the indexes that a mirror has; return whether anything changed.

        Raises
        ------
        MissingError, ForbiddenError
            It has no index.
        FetchError
            An index could not be downloaded.
        """
        folder = indexes[0].folder
        if len(indexes) > 1:
            indexes = [*indexes, *await self.find_views(indexes[0])]
        kept: set[str] = set()
        is_new = False
        absent: list[FetchError] = []
        for index in indexes:
            try:
                paths, is_changed = await self.fetch_index(index)
            except (MissingError, ForbiddenError) as error:
                absent.append(error)
                continue
            kept.update(paths)
            is_new |= is_changed
        if not kept:
            raise await self.describe_absence(indexes, absent)
        for index in indexes:
            if index.view and index.path not in kept:
                raise FetchError(f"{index.url}: no such view of the index; name another")
        for old in self.tree.paths(folder):
            if old not in kept and SPEC_MANIFESTS not in old:
                self.tree.remove(old)
        if self.with_sizes or (self.with_sizes is None and indexes[0].repository):
            readable = [index for index in indexes if index.layout == 3 and index.path in kept]
            is_new |= await self.fetch_sizes(readable)
        return is_new

    async def describe_absence(
        self, indexes: Sequence[Index], absent: Sequence[FetchError]
    ) -> FetchError:
        """Return the error for a mirror without an index; if it has specs, how to write one."""
        first = indexes[0]
        kind = MissingError if any(isinstance(e, MissingError) for e in absent) else ForbiddenError
        if await self.has_specs(first):
            return FetchError(
                f"{first.base}: the cache has specs but no index; "
                f"have its owner run: {UPDATE_INDEX} {first.named}"
            )
        if len(indexes) == 1:
            return absent[0]
        return kind(
            tell_all(f"{first.base}: no {LIST} and no index there", [str(e) for e in absent])
        )

    async def has_specs(self, index: Index) -> bool:
        """Return whether a mirror has specs; False if it can't be listed."""
        if index.repository:
            return await self.has_spec_images(index.repository)
        if index.base.partition("://")[0] in BUCKET_SCHEMES:
            for folder in ("v3/manifests/spec", "build_cache"):
                if await self.downloads.buckets.list_folders(f"{index.base}/{folder}"):
                    return True
        return False

    async def has_spec_images(self, repository: Repository) -> bool:
        """Return whether a repository has images of specs; False if it can't be listed."""
        draft = None
        with suppress(FetchError):
            draft = await self.downloads.get(repository.tags_url, TAGS_FILE, scope=repository.scope)
        return draft is not None and has_spec_tags(draft.path)

    async def find_views(self, index: Index) -> list[Index]:
        """Return the views of a mirror's index, if its bucket can be listed."""
        if index.base.partition("://")[0] not in BUCKET_SCHEMES:
            return []
        folder = index.name.rpartition("/")[0]
        names = await self.downloads.buckets.list_folders(f"{index.base}/{folder}")
        return [replace(index, layout=3, view=name) for name in names]

    async def fetch_index(self, index: Index) -> tuple[set[str], bool]:
        """Download an index; return the paths to keep, and whether anything changed.

        In layout 3, the blob is published before the manifest that names it, so that concurrent
        readers of the tree always find the blob.
        """
        if index.repository:
            return await self.fetch_image(index)
        expected = INDEX_FILE if index.layout == 2 else MANIFEST_FILE
        url, path = index.url, index.path
        draft = await self.downloads.get(url, expected, self.tree.known(path, url))
        kept = {path}
        is_new = draft is not None
        if index.layout == 3:
            manifest = draft.path if draft else self.tree.file(path)
            try:
                blob = index_blob(manifest.read_bytes())
            except PageError as error:
                raise FetchError(f"{url}: {error}") from error
            kept.add(index.path_of(blob.name))
            if await self.fetch_blob(index, blob) and not draft:
                self.tree.touch(path)
                is_new = True
        if draft:
            self.tree.publish(draft, path)
        return kept, is_new

    async def fetch_blob(self, index: Index, blob: Blob) -> bool:
        """Download the blob of an index, unless it is there: blobs are content-addressed."""
        path, url = index.path_of(blob.name), f"{index.base}/{blob.name}"
        check_announced(url, blob)
        if await asyncio.to_thread(self.tree.holds, path, blob):
            return False
        try:
            draft = await self.downloads.get(url, expect_index_blob(blob))
        except MissingError as error:
            raise FetchError(f"{error}; {index.url} names it: fetch again") from error
        if draft:
            self.tree.publish(draft, path)
        return True

    async def fetch_image(self, index: Index) -> tuple[set[str], bool]:
        """Download the index of a cache in a registry as a mirror of layout 3."""
        repository = index.repository
        assert repository is not None  # noqa: S101 - checked by the caller
        url, path, scope = repository.manifest_url(INDEX_TAG), index.path, repository.scope
        known = self.tree.known(path, url)
        if known:
            blob = index_blob(self.tree.file(path).read_bytes())
            if not self.tree.holds(index.path_of(blob.name), blob):
                known = None
        draft = await self.downloads.get(url, IMAGE_FILE, known, accept=ACCEPT, scope=scope)
        if draft is None:
            return {path, index.path_of(blob.name)}, False
        image = read_image(draft.path)
        if len(image.layers) != 1:
            raise FetchError(f"{url}: expected one layer, the index, found {len(image.layers)}")
        (layer,) = image.layers
        layer_url = repository.blob_url(layer.digest)
        packed = layer_blob(layer)
        check_announced(layer_url, packed)
        found: list[Blob] = []
        expected = Expected(
            layer.size, lambda file: found.append(examine_index(file, layer)), packed
        )
        try:
            layer_draft = await self.downloads.get(layer_url, expected, scope=scope)
        except MissingError as error:
            raise FetchError(f"{error}; {url} names it: fetch again") from error
        assert layer_draft is not None  # noqa: S101 - it was not downloaded before
        blob = found[-1]
        write_manifest(draft.path, blob)
        try:
            index_blob(draft.path.read_bytes())
        except PageError as error:
            raise FetchError(f"{layer_url}: {error}") from error
        self.tree.publish(layer_draft, index.path_of(blob.name))
        self.tree.publish(restamp(draft), path)
        return {path, index.path_of(blob.name)}, True

    async def fetch_sizes(self, indexes: Sequence[Index]) -> bool:
        """Download the spec manifests of a mirror's indexes, which have the sizes of binaries.

        Return whether any changed; if so, touch the index, so that `flatten` reads it again.
        """
        if not indexes:
            return False
        specs: set[SpecName] = set()
        for index in indexes:
            specs |= await asyncio.to_thread(self.read_index_specs, index)
        self.progress.add_total(len(specs))
        first = indexes[0]
        results: list[bool | FetchError] = []
        wanted = sorted(specs)
        for start in range(0, len(wanted), SPECS_AT_A_TIME):
            some = wanted[start : start + SPECS_AT_A_TIME]
            results += await asyncio.gather(*(self.fetch_size(first, spec) for spec in some))
        missing_count = sum(isinstance(result, MissingError) for result in results)
        if missing_count:
            self.progress.warn(
                f"{first.named}: {missing_count:,} of {len(specs):,} specs have no manifest; "
                "their sizes stay unknown"
            )
        names = {first.path_of(spec_manifest(spec)) for spec in specs}
        gone = [
            path
            for path in self.tree.paths(first.folder)
            if SPEC_MANIFESTS in path and path not in names
        ]
        for path in gone:
            self.tree.remove(path)
        is_new = bool(gone) or any(result is True for result in results)
        if is_new:
            for index in indexes:
                self.tree.touch(index.path)
        failures = [
            str(result)
            for result in results
            if isinstance(result, FetchError) and not isinstance(result, MissingError)
        ]
        if failures:
            raise FetchError(
                tell_all(
                    f"{len(failures):,} of {len(specs):,} spec manifests could not be downloaded",
                    failures,
                )
            )
        return is_new

    def read_index_specs(self, index: Index) -> set[SpecName]:
        """Read the specs in a downloaded index of layout 3."""
        blob = index_blob(self.tree.file(index.path).read_bytes())
        return read_specs(
            self.tree.file(index.path_of(blob.name)), blob.compression, self.tree.new_draft()
        )

    async def fetch_size(self, index: Index, spec: SpecName) -> bool | FetchError:
        """Download the manifest of one spec; return whether it is new, or why it failed."""
        name = spec_manifest(spec)
        path, repository = index.path_of(name), index.repository
        try:
            if repository is None:
                url = f"{index.base}/{quote(name)}"
                draft = await self.downloads.get(url, MANIFEST_FILE, self.tree.known(path, url))
            else:
                url = repository.manifest_url(spec_tag(*spec))
                draft = await self.downloads.get(
                    url,
                    IMAGE_FILE,
                    self.tree.known(path, url),
                    accept=ACCEPT,
                    scope=repository.scope,
                )
                if draft:
                    write_manifest(draft.path, binary_of(read_image(draft.path)))
                    draft = restamp(draft)
        except FetchError as error:
            return error
        finally:
            self.progress.advance(1)
        if draft:
            self.tree.publish(draft, path)
        return draft is not None


def check_announced(url: str, blob: Blob) -> None:
    """Refuse a blob whose announced size is larger than any index."""
    if not 0 <= blob.content_length <= MAX_INDEX_BYTES:
        raise FetchError(
            f"{url}: announced as {blob.content_length:,} bytes; "
            f"an index has at most {MAX_INDEX_BYTES:,}"
        )


def tell_all(summary: str, failures: Sequence[str]) -> str:
    """Return a summary with one failure per line, up to a limit."""
    lines = [f"{summary}:", *failures[:TOLD_FAILURES]]
    if len(failures) > TOLD_FAILURES:
        lines.append(f"and {len(failures) - TOLD_FAILURES} more")
    return "\n  ".join(lines)
