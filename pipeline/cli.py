"""The command line: options in, exit status out. Nothing is computed here.

Heavy imports stand where they are used, so that `--help` answers at once.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline import __version__
from pipeline.errors import CoverageError, RejectedError

if TYPE_CHECKING:
    from pipeline.refresh import Outcome

FORMATS = ("table", "csv", "json", "markdown")  # as render.RENDERERS has them

out_option = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
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


class Commands(click.Group):
    """The commands; the one place where an error becomes a message and an exit status."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command named; what can't be done is said in one line, without a traceback."""
        try:
            return super().invoke(ctx)
        except CoverageError as error:
            say(f"error: {error}")
            ctx.exit(error.status)
        except BrokenPipeError:
            # The reader, `head` say, has seen enough.
            sys.stderr.close()
            ctx.exit(0)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands in the order of the data's way."""
        return list(self.commands)


def say(text: str) -> None:
    """Talk: to stderr, so that stdout stays data."""
    click.echo(text, err=True)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cache-coverage")
def main() -> None:
    """Tell what the Spack build cache has built, for which compiler, OS and CPU target.

    The way of the data: flatten reads pages into Parquet tables, build makes a DuckDB file of
    them, report writes what it says; query and sql ask it anything.

    Exit status: 0 done, 1 it could not be done, 2 wrong usage, 3 with --strict something was
    rejected.
    """


@main.command()
@click.argument(
    "sources", metavar="SOURCE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@out_option
@click.option("--strict", is_flag=True, help="Exit with status 3 if anything was rejected.")
def flatten(sources: tuple[Path, ...], out: Path, strict: bool) -> None:
    """Read pages into Parquet tables below OUT/tables.

    A SOURCE is a page of the build cache's site, or a folder searched for *.md at any depth.
    """
    from pipeline.refresh import refresh_tables

    outcome = refresh_tables(sources, out)
    say(
        f"{out / 'tables'}: {outcome.page_count} of {outcome.found_page_count} pages taken, "
        f"{outcome.spec_count} specs in {outcome.tag_count} snapshots"
    )
    if outcome.rejected:
        message = describe_rejects(outcome, out)
        if strict:
            raise RejectedError(message)
        say(f"warning: {message}")


def describe_rejects(outcome: Outcome, out: Path) -> str:
    """Say how many things were refused, and why."""
    codes = ", ".join(f"{code} {count}" for code, count in outcome.rejected.items())
    return (
        f"{sum(outcome.rejected.values())} rejected ({codes}); each with its reason in "
        f"{out / 'tables' / 'rejects'}"
    )


@main.command()
@out_option
def build(out: Path) -> None:
    """Make the DuckDB file OUT/coverage.duckdb from the tables and sql/."""
    from pipeline.warehouse import build_warehouse

    say(f"{build_warehouse(out)}: built")


@main.command()
@out_option
def report(out: Path) -> None:
    """Write index.html, summary.md and CSV files to OUT/reports."""
    from pipeline.report import write_reports

    for line in write_reports(out):
        click.echo(line)


@main.command()
@click.argument("sql", metavar="QUERY")
@out_option
@format_option
def query(sql: str, out: Path, output_format: str) -> None:
    """Run one SQL query on the database, read-only, and print its rows.

    For example: cache-coverage query "from snapshots"
    """
    from pipeline.render import render_rows
    from pipeline.warehouse import open_warehouse, run_query

    with open_warehouse(out) as connection:
        click.echo(render_rows(run_query(connection, sql), output_format), nl=False)


@main.command()
@out_option
def sql(out: Path) -> None:
    """Open an interactive SQL session on the database, read-only."""
    from pipeline.warehouse import shell_command

    command = shell_command(out)
    os.execv(command[0], command)  # noqa: S606 - there is no shell, as it should be
