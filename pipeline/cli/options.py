"""Options and output shared by several commands."""

from __future__ import annotations

import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from pipeline.text import is_terminal, printable

if TYPE_CHECKING:
    import duckdb

    from pipeline.rows import Rows

FORMATS = ("table", "csv", "json", "markdown")  # those of pipeline.rows.render_rows


def readable(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Refuse text that is not UTF-8, which neither DuckDB nor Parquet accepts."""
    try:
        str(value).encode()
    except UnicodeEncodeError as error:
        raise click.BadParameter(f"{printable(str(value))} is not UTF-8; use another") from error
    return value


out_option = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    callback=readable,
    default=Path("outputs"),
    show_default=True,
    help="Folder of the tables, the database and the reports.",
)
format_option = click.option(
    "--format",
    "output_format",
    type=click.Choice(FORMATS),
    default="table",
    show_default=True,
    help="Output format.",
)
libc_option = click.option(
    "--libc", default=None, help="Version of the host's glibc, for an unknown OS."
)
tag_option = click.option(
    "--tag", default=None, help="Snapshot.  [default: the newest weekly snapshot]"
)


def asking(out: Path) -> duckdb.DuckDBPyConnection:
    """Open the database read-only for a query command."""
    from pipeline.api import open_database

    # Nothing is written, so let Ctrl-C end the process at any point; DuckDB may not notice it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return open_database(out)


def show(rows: Rows, output_format: str) -> None:
    """Print rows: tables in stdout's encoding, escaping what it lacks; data formats in UTF-8."""
    from pipeline.rows import render_rows

    width = shutil.get_terminal_size().columns if is_terminal(sys.stdout) else None
    text = render_rows(rows, output_format, width)
    write(text, sys.stdout, None if output_format == "table" else "utf-8")


def tell(text: str) -> None:
    """Print a line of a command's answer to stdout."""
    write(printable(text) + "\n", sys.stdout)


def say(text: str) -> None:
    """Print a message to stderr, so that stdout has only data."""
    write(printable(text, keep="\n") + "\n", sys.stderr)


def write(text: str, stream: TextIO | None, encoding: str | None = None) -> None:
    """Write text to a stream in its own encoding or the given one, escaping what that lacks.

    The stream is None if the caller closed it. `click.echo` is not used, because it removes escape
    sequences from data written to a pipe.
    """
    if stream is not None:
        stream.buffer.write(text.encode(encoding or stream.encoding, "backslashreplace"))
        stream.flush()
