"""The command line: options in, exit status out. Nothing is computed here.

Heavy imports stand where they are used, so that `--help` answers at once.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline import __version__
from pipeline.errors import CoverageError, ExitStatus, LossError, RejectedError
from pipeline.text import counted, printable

if TYPE_CHECKING:
    import duckdb

    from pipeline.rows import Rows
    from pipeline.tables.state import Outcome

INTERRUPTED = "interrupted; what is there is whole, and the same command goes on from it"
FORMATS = ("table", "csv", "json", "markdown")  # as render.RENDERERS has them


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


class Commands(click.Group):
    """The commands; the one place where an error becomes a message and an exit status."""

    def main(self, *arguments: Any, **options: Any) -> Any:
        """Run what the arguments name; what the system refuses at last is said, too."""
        try:
            return super().main(*arguments, **options)
        except OSError as error:
            place = error.filename or "standard output"
            say(f"error: {place}: {error.strerror}; write to another place")
            sys.exit(ExitStatus.FAILED)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command named; what can't be done is said in one line, without a traceback."""
        try:
            return super().invoke(ctx)
        except CoverageError as error:
            say(f"error: {error}")
            ctx.exit(error.status)
        except KeyboardInterrupt:
            say(INTERRUPTED)
            ctx.exit(ExitStatus.FAILED)
        except RuntimeError as error:
            # So DuckDB tells of Ctrl-C.
            if "interrupted" not in str(error):
                raise
            say(INTERRUPTED)
            ctx.exit(ExitStatus.FAILED)
        except BrokenPipeError:
            # The reader, `head` say, has seen enough.
            sys.stderr.close()
            ctx.exit(0)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands in the order of the data's way."""
        return list(self.commands)


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


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cache-coverage")
def main() -> None:
    """Tell what the Spack build cache has built, for which compiler, OS and CPU target.

    The way of the data: fetch brings a cache's indexes, flatten reads pages into Parquet tables,
    build makes a DuckDB file of them, report writes what it says; package, usable and diff ask it
    what is asked most, query and sql anything.

    Exit status: 0 done, 1 it could not be done, 2 wrong usage, 3 with --strict something was
    rejected, 4 with --fail-on-loss something was lost.
    """


@main.command()
@click.argument("url")
@click.option(
    "--to",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder that the tree is kept in; what did not change is not brought again.",
)
@click.option("--tag", "tags", multiple=True, help="Keep to this snapshot; may be repeated.")
@click.option("--stack", "stacks", multiple=True, help="Keep to this stack; may be repeated.")
@click.option(
    "--s3-host",
    metavar="ADDRESS",
    help="What serves s3://BUCKET/… over HTTP; {bucket} in it stands for BUCKET."
    "  [default: the public cache's]",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    default=8,
    show_default=True,
    help="Indexes brought at a time.",
)
@click.option(
    "--retries",
    type=click.IntRange(0, 20),
    default=4,
    show_default=True,
    help="How often an address is asked again that does not answer, breaks off or is overloaded.",
)
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(0, min_open=True),
    default=30.0,
    show_default=True,
    help="How long a server may send nothing.",
)
def fetch(
    url: str,
    to: Path,
    tags: tuple[str, ...],
    stacks: tuple[str, ...],
    s3_host: str | None,
    jobs: int,
    retries: int,
    timeout: float,
) -> None:
    """Bring a build cache's indexes into a tree that flatten reads.

    URL is the top of a cache with a list of its snapshots, as https://binaries.spack.io or
    s3://spack-binaries, or a single mirror; http://, https:// or s3://. This command alone uses
    the network.
    """
    from pipeline.cli.progress import fetch_bar
    from pipeline.fetch.run import fetch_cache

    with fetch_bar(to) as bar:
        outcome = fetch_cache(
            url,
            to,
            tags=tags,
            stacks=stacks,
            s3_host=s3_host,
            jobs=jobs,
            retries=retries,
            timeout=timeout,
            listener=bar,
        )
    of_tags = f" of {counted(outcome.tag_count, 'snapshot')}" if outcome.tag_count else ""
    indexes = f"{outcome.index_count:,} index{'' if outcome.index_count == 1 else 'es'}"
    say(
        f"{to}: {indexes}{of_tags}, {outcome.brought_count:,} new or changed "
        f"({bar.byte_count / 1e6:,.1f} MB)"
    )


@main.command()
@click.argument(
    "sources", metavar="SOURCE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@out_option
@click.option("--strict", is_flag=True, help="Exit with status 3 if anything was rejected.")
@click.option("--tag", "tags", multiple=True, help="Keep to this snapshot; may be repeated.")
@click.option(
    "--stack", help="Stack of a build cache whose place does not tell it; with one --tag."
)
@click.option(
    "--follow-links",
    is_flag=True,
    help="Read what links below a SOURCE lead to, too: folders, and files elsewhere.",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Read with the workers of the Dask cluster there, which must see the same files.",
)
def flatten(
    sources: tuple[Path, ...],
    out: Path,
    strict: bool,
    tags: tuple[str, ...],
    stack: str | None,
    follow_links: bool,
    scheduler: str | None,
) -> None:
    """Read pages into Parquet tables below OUT/tables.

    A SOURCE is a page of the build cache's site, or a folder searched for *.md at any depth; or a
    build cache: a tree of TAG/STACK mirrors, a mirror, or its index alone. Only snapshots with a
    new, changed or deleted page or index are read again.
    """
    if stack is not None and len(tags) != 1:
        raise click.UsageError("--stack needs the stack's snapshot, one --tag")
    from pipeline.cli.progress import progress_bar
    from pipeline.tables.refresh import refresh_tables
    from pipeline.tables.workers import dask_executor

    with (
        progress_bar(out) as listener,
        dask_executor(scheduler) if scheduler else nullcontext() as executor,
    ):
        outcome = refresh_tables(
            sources,
            out,
            only=tags,
            stack=stack,
            follow_links=follow_links,
            executor=executor,
            listener=listener,
        )
    say(
        f"{out / 'tables'}: {counted(outcome.page_count, 'page')} taken, "
        f"{counted(outcome.spec_count, 'spec')} in {counted(outcome.tag_count, 'snapshot')}"
    )
    if outcome.rejected:
        message = describe_rejects(outcome, out)
        if strict:
            raise RejectedError(message)
        say(f"warning: {message}")


def describe_rejects(outcome: Outcome, out: Path) -> str:
    """Say how many things were refused, and why."""
    codes = ", ".join(f"{code} {count:,}" for code, count in outcome.rejected.items())
    return (
        f"{sum(outcome.rejected.values()):,} rejected ({codes}); each with its reason in "
        f"{out / 'tables' / 'rejects'}: once it is built, "
        f"cache-coverage query 'from rejects' --out {out}"
    )


@main.command(short_help="Make the DuckDB file of the tables and sql/.")
@out_option
@click.option(
    "--check-all",
    is_flag=True,
    help="Build anew, and check the views of every snapshot; else of the newest of each kind.",
)
def build(out: Path, check_all: bool) -> None:
    """Make the DuckDB file OUT/coverage.duckdb from the tables and sql/, unless it is current.

    The new database checks itself before it takes the old one's place.
    """
    from pipeline.cli.progress import say_waiting
    from pipeline.outputs import DATABASE
    from pipeline.warehouse.build import build_warehouse

    is_new = build_warehouse(out, every_snapshot=check_all, waits=lambda: say_waiting(out))
    say(f"{out / DATABASE}: {'built' if is_new else 'up to date'}")


@main.command()
@out_option
def report(out: Path) -> None:
    """Write index.html, summary.md and CSV files to OUT/reports."""
    from pipeline.cli.progress import say_waiting
    from pipeline.report.write import write_reports

    for line in write_reports(out, waits=lambda: say_waiting(out)):
        click.echo(printable(line))


@main.command()
@click.argument("sql", metavar="QUERY", callback=readable)
@out_option
@format_option
def query(sql: str, out: Path, output_format: str) -> None:
    """Run one SQL query on the database, read-only, and print its rows.

    For example: cache-coverage query "from snapshots"
    """
    from pipeline.warehouse.database import run_query

    with asking(out) as connection:
        show(run_query(connection, sql), output_format)


@main.command()
@click.argument("name")
@tag_option
@out_option
@format_option
def package(name: str, tag: str | None, out: Path, output_format: str) -> None:
    """Tell what each environment of a snapshot has of the package NAME.

    An environment is built, compatible (the binary of another target runs there), or missing.
    """
    from pipeline.warehouse.questions import ask_package, known_tag

    with asking(out) as connection:
        tag = known_tag(connection, tag)
        rows = ask_package(connection, name, tag)
        say(f"{name} in {tag}")
        show(rows, output_format)


@main.command(short_help="Tell which binaries of a snapshot a host can use.")
@click.argument("packages", metavar="[PACKAGE]...", nargs=-1)
@click.option("--os", "host_os", required=True, help="The host's operating system, as ubuntu22.04.")
@click.option(
    "--target", default=None, help="The host's CPU target, as zen4.  [default: this machine's]"
)
@tag_option
@out_option
@format_option
def usable(
    packages: tuple[str, ...],
    host_os: str,
    target: str | None,
    tag: str | None,
    out: Path,
    output_format: str,
) -> None:
    """Tell which binaries of a snapshot a host can use, exact or built for an ancestor.

    Of every PACKAGE named, or of all.
    """
    from pipeline.tables.targets import this_machine
    from pipeline.warehouse.questions import ask_usable, known_tag

    target = target or this_machine()
    with asking(out) as connection:
        tag = known_tag(connection, tag)
        rows = ask_usable(connection, tag, host_os, target, packages)
        say(f"{tag} on {host_os}, {target}")
        show(rows, output_format)


@main.command(short_help="Tell what changed between two snapshots, and why.")
@click.argument("from_tag", metavar="FROM")
@click.argument("to_tag", metavar="TO")
@click.option("--fail-on-loss", is_flag=True, help="Exit with status 4 if a cell was lost.")
@out_option
@format_option
def diff(from_tag: str, to_tag: str, fail_on_loss: bool, out: Path, output_format: str) -> None:
    """Tell what changed from snapshot FROM to snapshot TO, and why; what was lost comes first.

    A cell is a package in an environment: platform, OS and target.
    """
    from pipeline.warehouse.questions import ask_diff

    with asking(out) as connection:
        rows = ask_diff(connection, from_tag, to_tag)
        show(rows, output_format)
        lost_count = sum(row[rows.columns.index("change")] == "lost" for row in rows.values)
        if fail_on_loss and lost_count:
            raise LossError(f"{lost_count} cells lost from {from_tag} to {to_tag}")


@main.command()
@out_option
def sql(out: Path) -> None:
    """Open an interactive SQL session on the database, read-only."""
    from pipeline.warehouse.database import shell_command

    command = shell_command(out)
    os.execv(command[0], command)  # noqa: S606 - there is no shell, as it should be
