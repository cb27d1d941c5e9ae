"""Paths of outputs, locks between runs, and atomic replacement of outputs.

Everything below OUT is written to a draft first, under a lock, and then replaces the previous
output in one step.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import OutputError

TABLES_FOLDER = "tables"
STATE_FOLDER = ".state"  # below the tables
DATABASE = "coverage.duckdb"
REPORTS_FOLDER = "reports"
WEBSITE_FOLDER = "site"
# The partition of rejects that name no snapshot, and a tag that no page can have. Not Hive's name
# for null, __HIVE_DEFAULT_PARTITION__, because pandas reads no table with that.
NO_TAG = "-"

# Of renameat2(2).
AT_FDCWD = -100
RENAME_EXCHANGE = 2


def lock_path(out: Path, name: str) -> Path:
    """Return the lock file for one kind of run on `out`, which may hold only a database."""
    return out / f".lock.{name}"


def draft_path(out: Path, name: str) -> Path:
    """Return the path of this process's draft of output `name`."""
    return out / f".{name}.{os.getpid()}"


def part_folder(table: Path, tag: str | None) -> Path:
    """Return the folder of a table's partition for `tag`, in Hive's form."""
    return table / f"tag={NO_TAG if tag is None else tag}"


def stored_tags(tables: Path) -> set[str]:
    """Return the tags with a partition of any table below `tables`."""
    folders = {path.name for path in tables.glob(str(part_folder(Path("*"), "*")))}
    return {name.removeprefix("tag=") for name in folders} - {NO_TAG}


def clear_drafts(out: Path, name: str) -> None:
    """Remove drafts of output `name` left by killed runs. The caller holds its lock."""
    for draft in out.glob(f".{name}.*"):
        if draft.is_dir():
            shutil.rmtree(draft, ignore_errors=True)
        else:
            draft.unlink(missing_ok=True)


@contextmanager
def hold_lock(
    file: Path, *, is_shared: bool = False, waits: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Hold the lock on `file`, exclusively or shared; the file exists only while it is locked.

    `waits` is called once before waiting for another run.

    Raises
    ------
    OutputError
        `file` is a symbolic link, which might lead anywhere.
    """
    kind = fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX
    descriptor = open_lock(file)
    try:
        while True:
            if not lock_at_once(descriptor, kind):
                waits()
                fcntl.flock(descriptor, kind)
            if is_open_file(file, descriptor):
                break
            # The previous holder removed it: lock the file that is there now.
            os.close(descriptor)
            descriptor = open_lock(file)
        try:
            yield
        finally:
            # The last holder of a shared lock removes the file.
            if not is_shared or lock_at_once(descriptor, fcntl.LOCK_EX):
                file.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


@contextmanager
def try_lock(file: Path) -> Iterator[bool]:
    """Try to hold the lock on `file` exclusively, without waiting; yield whether it is held."""
    descriptor = open_lock(file)
    try:
        yield lock_at_once(descriptor, fcntl.LOCK_EX) and is_open_file(file, descriptor)
    finally:
        os.close(descriptor)


def open_lock(file: Path) -> int:
    """Open a lock file, creating it, but never through a symbolic link."""
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        return os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise OutputError(f"{file}: is a symbolic link, not a lock file; remove it") from error


def lock_at_once(descriptor: int, kind: int) -> bool:
    """Lock an open file without waiting; return whether it is locked."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_open_file(file: Path, descriptor: int) -> bool:
    """Return whether `file` is still the one that was opened."""
    try:
        return os.path.samestat(file.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


@contextmanager
def staged(folder: Path, draft: Path) -> Iterator[Path]:
    """Yield a copy of `folder` to change, which then replaces it unless an exception is raised.

    Files are hard links, so replace them instead of writing to them.
    """
    link_folder(folder, draft)
    yield draft
    replace_folder(draft, folder)


def replace_folder(draft: Path, folder: Path) -> None:
    """Replace `folder` by `draft`.

    At any moment, even after a kill, `folder` is completely old or new. On a file system without
    RENAME_EXCHANGE, such as some network file systems, files are replaced one by one: each is
    complete, but a kill can leave some old and some new.
    """
    folder = folder.resolve()  # a symbolic link to a folder stays one
    if not folder.exists():
        draft.rename(folder)
        return
    if not exchange(draft, folder):
        replace_files(draft, folder)
    shutil.rmtree(draft)


def exchange(one: Path, other: Path) -> bool:
    """Exchange two folders atomically; return False if the system does not support it."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    return rename is not None and (
        rename(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0
    )


def replace_files(draft: Path, folder: Path) -> None:
    """Move the files of `draft` to `folder`, and remove all other files there.

    Hidden files come last: they have the state that describes the rest.
    """
    kept = {path.relative_to(draft) for path in draft.rglob("*")}
    hidden = {path for path in kept if path.parts[0].startswith(".")}
    move_files(kept - hidden, draft, folder)
    # In reverse, files come before the folder that they are in.
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.relative_to(folder) not in kept:
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink()
    move_files(hidden, draft, folder)


def move_files(paths: Iterable[Path], draft: Path, folder: Path) -> None:
    """Move files and folders, given by their paths below `draft`, to `folder`."""
    for path in sorted(paths):
        if (draft / path).is_dir():
            (folder / path).mkdir(exist_ok=True)
        else:
            (draft / path).replace(folder / path)


def link_folder(folder: Path, draft: Path) -> None:
    """Copy `folder`, if it exists, to `draft`, with hard links where possible."""
    if folder.is_dir():
        shutil.copytree(folder, draft, copy_function=link_or_copy)
    else:
        draft.mkdir()


def link_or_copy(source: str, target: str) -> None:
    """Make `target` a hard link to `source`, or a copy if that is impossible."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
