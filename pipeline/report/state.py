"""Record what the reports were made from, so that only what changed is written again.

A snapshot's files depend on its rows, on those of the snapshot that it is compared with, on the
views and on this code. Without the state, or without one of its files, they are written anew.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pipeline.outputs import DATABASE
from pipeline.tables.state import fingerprint

if TYPE_CHECKING:
    import duckdb

STATE_FILE = ".state.json"
TEMPLATES = Path(__file__).parent / "templates"
# The tables with a tag; a snapshot's digest is of its rows in each.
TABLES = ("spec_stacks", "pages", "rejects", "dependencies", "spec_compilers")


class ReportState(msgspec.Struct, frozen=True):
    """The reports as they were written.

    `made_of` tells the database, the code and the options from any others; `snapshots` what each
    snapshot's files were made of; `files` every file with its size; `lines` what was printed.
    """

    made_of: str
    snapshots: dict[str, str]
    files: dict[str, int]
    lines: list[str]


def read_state(folder: Path) -> ReportState | None:
    """Return the state of the reports in `folder`, None if there is none to be relied on."""
    try:
        return msgspec.json.decode((folder / STATE_FILE).read_bytes(), type=ReportState)
    except (OSError, msgspec.MsgspecError):
        return None


def write_state(folder: Path, made_of: str, snapshots: dict[str, str], lines: list[str]) -> None:
    """Write the state of the reports in `folder`, which are complete."""
    files = {
        str(path.relative_to(folder)): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    state = ReportState(made_of, snapshots, files, lines)
    (folder / STATE_FILE).write_bytes(msgspec.json.encode(state))


def has_files(folder: Path, files: dict[str, int]) -> bool:
    """Check that files, by their paths below `folder`, are there with their sizes."""
    try:
        return all((folder / name).stat().st_size == size for name, size in files.items())
    except OSError:
        return False


def code_digest() -> str:
    """Return a digest of this code and its templates."""
    digest = hashlib.sha256(fingerprint().encode())
    for file in sorted(TEMPLATES.rglob("*.*")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def database_digest(out: Path, *options: object) -> str:
    """Return a digest of all that the reports are made of: `out`'s database, code, options."""
    status = (out / DATABASE).stat()
    made_of = (status.st_size, status.st_mtime_ns, code_digest(), options)
    return hashlib.sha256(repr(made_of).encode()).hexdigest()


def snapshot_digests(
    connection: duckdb.DuckDBPyConnection, previous_tags: dict[str, str | None]
) -> dict[str, str]:
    """Return, for each tag, a digest of what its files are made of."""
    rows = dict.fromkeys(previous_tags, "")
    for table in TABLES:
        counted = connection.execute(
            f"select tag, count(*), bit_xor(hash({table})) from {table} group by all"
        ).fetchall()
        for tag, *found in counted:
            if tag in rows:
                rows[tag] += f"{table} {found} "
    shared = connection.execute(
        """
        select
            (
                select list(sql order by sql)
                from duckdb_views()
                where database_name = current_database() and not internal
            ),
            (
                select list(macro_definition order by macro_definition)
                from duckdb_functions()
                where database_name = current_database() and not internal
            ),
            (select bit_xor(hash(targets)) from targets)
        """
    ).fetchall()
    common = f"{code_digest()} {shared}"
    return {
        tag: hashlib.sha256(
            f"{common} {rows[tag]} {previous} {rows.get(previous or '', '')}".encode()
        ).hexdigest()
        for tag, previous in previous_tags.items()
    }
