"""What several commands share: options, and how they talk and print."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.text import printable

if TYPE_CHECKING:
    import duckdb

    from pipeline.rows import Rows

FORMATS = ("table", "csv", "json", "markdown")  # as pipeline.rows.RENDERERS has them


def readable(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Refuse what is no text: neither Parquet's writers nor DuckDB take it."""
    try:
        str(value).encode()
    except UnicodeEncodeError as error:
        raise click.BadParameter(f"{printable(str(value))} is not UTF-8; give another") from error
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
    help="How rows are printed.",
)
tag_option = click.option(
    "--tag", default=None, help="The snapshot.  [default: the newest weekly one]"
)


def asking(out: Path) -> duckdb.DuckDBPyConnection:
    """Open the database to ask it."""
    from pipeline.warehouse.database import open_warehouse

    # Nothing is written, so Ctrl-C may end the process anywhere; DuckDB would not always hear it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return open_warehouse(out)


def show(rows: Rows, output_format: str) -> None:
    """Print rows."""
    from pipeline.rows import render_rows

    click.echo(render_rows(rows, output_format), nl=False)


def say(text: str) -> None:
    """Talk: to stderr, so that stdout stays data; names in it steer no terminal."""
    click.echo(printable(text, keep="\n"), err=True)
