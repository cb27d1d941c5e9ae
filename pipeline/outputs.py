"""Where outputs lie, the locks between runs, and replacing outputs in one step.

Everything that a command writes below OUT goes through here: it is written to a draft beside its
place first, under a lock, and then takes the place of what was there.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

TABLES_FOLDER = "tables"
STATE_FOLDER = ".state"  # below the tables
DATABASE = "coverage.duckdb"
REPORTS_FOLDER = "reports"
WEBSITE_FOLDER = "site"

HERE = -100  # AT_FDCWD: paths start where those of any other call do
EXCHANGE = 2  # RENAME_EXCHANGE: each of two paths becomes the other


def lock_path(out: Path, name: str) -> Path:
    """Return the lock file of one kind of run on the outputs below `out`."""
    return out / TABLES_FOLDER / STATE_FOLDER / name


def draft_path(out: Path, name: str) -> Path:
    """Return where this process writes the draft of the output `name`, beside its place."""
    return out / f".{name}.{os.getpid()}"


def clear_drafts(out: Path, name: str) -> None:
    """Remove drafts of the output `name` that killed runs left; call it under the lock."""
    for draft in out.glob(f".{name}.*"):
        if draft.is_dir():
            shutil.rmtree(draft, ignore_errors=True)
        else:
            draft.unlink(missing_ok=True)


@contextmanager
def hold_lock(
    file: Path, *, is_shared: bool = False, waits: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Hold the lock that `file` stands for: alone, or with others who share it.

    `waits` is called if another run has it, before this one waits for it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    kind = fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX
    with file.open("w") as stream:
        try:
            fcntl.flock(stream, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            waits()
            fcntl.flock(stream, kind)
        yield


@contextmanager
def try_lock(file: Path) -> Iterator[bool]:
    """Hold the lock that `file` stands for alone, if nobody has it; tell whether that is so."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


@contextmanager
def staged(folder: Path, draft: Path) -> Iterator[Path]:
    """Give a folder like `folder` to change, which then takes its place.

    Its files are the very same, until they are replaced. If changing it fails, nothing happened.
    """
    link_folder(folder, draft)
    yield draft
    replace_folder(draft, folder)


def replace_folder(draft: Path, folder: Path) -> None:
    """Put `draft` into the place of `folder`, and remove what was there.

    Whoever looks, at any moment and after a kill at any moment, finds the old folder or the new
    one, whole. A file system that can't exchange folders, as some network's, gets the files one
    by one: there too each file is whole, but a kill can leave some old and some new.
    """
    folder = folder.resolve()  # a link to a folder stays one
    if not folder.exists():
        draft.rename(folder)
        return
    if not exchange(draft, folder):
        replace_files(draft, folder)
    shutil.rmtree(draft)


def exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; False where system or file system know no such step."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    return rename is not None and (
        rename(HERE, os.fsencode(one), HERE, os.fsencode(other), EXCHANGE) == 0
    )


def replace_files(draft: Path, folder: Path) -> None:
    """Move the files of `draft` to their places below `folder`; remove all others there.

    What is hidden comes last: there is remembered what all the rest was made of.
    """
    kept = {path.relative_to(draft) for path in draft.rglob("*")}
    hidden = {path for path in kept if path.parts[0].startswith(".")}
    move_files(kept - hidden, draft, folder)
    # What is in a folder comes before the folder itself.
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.relative_to(folder) not in kept:
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink()
    move_files(hidden, draft, folder)


def move_files(paths: Iterable[Path], draft: Path, folder: Path) -> None:
    """Move files and folders, by their paths below `draft`, to their places below `folder`."""
    for path in sorted(paths):
        if (draft / path).is_dir():
            (folder / path).mkdir(exist_ok=True)
        else:
            (draft / path).replace(folder / path)


def link_folder(folder: Path, draft: Path) -> None:
    """Make `draft` a folder of the same files: links to them, or copies where links can't be."""
    shutil.copytree(folder, draft, copy_function=link_or_copy)


def link_or_copy(source: str, target: str) -> None:
    """Make `target` the same file as `source`, a lock on it included; else one like it."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
