"""Files of sources (pages and indexes): the identity of their version, and their bytes."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence

import msgspec

from pipeline.sources.rejects import PageError, Reject, RejectCode

MAX_PAGE_BYTES = 128 * 1024 * 1024
# A file may change twice within one tick of its file system's clock, which is at most 2 s.
TICK_NS = 2_000_000_000
INT64 = range(-(2**63), 2**63)


class MirrorName(msgspec.Struct, frozen=True, array_like=True):
    """The snapshot and stack of a mirror; a single mirror may have no stack.

    `root` is the folder that links in the mirror must not lead out of; None: they may.
    """

    tag: str
    stack: str | None
    root: bytes | None = None


class PageFile(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A page's path on disk, its name in the tables, and what identifies its version.

    `path` is in bytes, since file names need not be UTF-8; `page` is the path below SOURCE. Times
    are in nanoseconds. With `mirror`, the file is that mirror's index instead of a page. `tag` is
    the snapshot that the user gave by the name of the page's folder, if that has not the usual form
    of a snapshot (see `tag_by_path`).
    """

    path: bytes
    page: str
    size: int
    mtime_ns: int
    ctime_ns: int
    mirror: MirrorName | None = None
    tag: str | None = None


PackedPages = bytes  # pages packed by `pack_pages`
PAGES_DECODER = msgspec.msgpack.Decoder(list[PageFile])


def pack_pages(pages: Sequence[PageFile]) -> PackedPages:
    """Pack pages, to keep thousands of them; equal pages pack to equal bytes."""
    return msgspec.msgpack.encode(pages)


def unpack_pages(packed: PackedPages) -> list[PageFile]:
    """Unpack pages."""
    return PAGES_DECODER.decode(packed)


def unreadable(
    page: str, what: str, error: OSError, tag: str | None = None, stack: str | None = None
) -> Reject:
    """Return the reject for a folder, page or index that can't be read."""
    message = f"{what} can't be read: {error.strerror}"
    return Reject(page, 1, RejectCode.UNREADABLE, message, tag=tag, stack=stack)


def stamp_page(path: str, page: str, status: os.stat_result, tag: str | None = None) -> PageFile:
    """Return a page with the identity of its current version.

    Raises
    ------
    OSError
        It is not a regular file but a pipe, a device or the like.
    """
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    return PageFile(os.fsencode(path), page, status.st_size, *file_times(status), None, tag)


def file_times(status: os.stat_result) -> tuple[int, int]:
    """Return a file's modification and change times in nanoseconds, clamped to 64 bits.

    State files store 64 bits, which is 1677 to 2262; file systems go further.
    """
    mtime, ctime = status.st_mtime_ns, status.st_ctime_ns
    if mtime in INT64 and ctime in INT64:
        return mtime, ctime
    return min(max(mtime, INT64[0]), INT64[-1]), min(max(ctime, INT64[0]), INT64[-1])


def check_inside(path: str, root: str) -> None:
    """Check that a file is below `root`, with links resolved.

    Raises
    ------
    OSError
        A link leads out of it.
    """
    if not os.path.realpath(path).startswith(f"{root}/"):
        raise OSError(errno.EXDEV, "a link leads out of the source; follow it with --follow-links")


def read_bytes(file: PageFile, limit: int = MAX_PAGE_BYTES) -> bytes:
    """Read a page of at most `limit` bytes.

    Raises
    ------
    PageError
        It can't be read, or is larger.
    """
    if file.size > limit:
        raise PageError(
            RejectCode.BAD_VALUE,
            f"expected at most {limit} bytes, found {file.size}",
        )
    try:
        # Unbuffered: Python's buffer layers take as long as the reading.
        descriptor = os.open(file.path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            data = os.read(descriptor, file.size + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise PageError(RejectCode.UNREADABLE, f"can't be read: {error.strerror}") from error
    if len(data) != file.size:
        raise PageError(
            RejectCode.UNREADABLE, "changed while it was read; flatten again when it is settled"
        )
    return data
