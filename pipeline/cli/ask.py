"""`cache-coverage query`, `package`, `usable`, `diff` and `sql`: questions to the database."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TextIO

import click

from pipeline.cli.options import (
    FORMATS,
    asking,
    format_option,
    out_option,
    readable,
    say,
    show,
    tag_option,
)
from pipeline.errors import LossError

OPTION = re.compile(r"--([a-z][a-z-]*(=.*)?)?", re.DOTALL)
PARQUET = "parquet"
SUFFIXES = {".parquet": PARQUET, ".csv": "csv", ".json": "json", ".md": "markdown"}
GREETING = """\
coverage.duckdb, read-only; to begin with:
  from snapshots;            what there is, by tag
  from coverage_os_target;   packages by operating system and target
  from package_coverage;     what each environment has of a package
  from gaps;                 what an environment lacks, and what would run there
  from snapshot_changes;     what was lost or gained, and why
'show tables' lists all views, 'describe gaps' the columns of one; .exit ends."""


class QueryCommand(click.Command):
    """A command whose argument may begin with an SQL comment, which looks like an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments, a comment among them as what it is."""
        is_comment = [arg.startswith("--") and not OPTION.fullmatch(arg) for arg in args]
        if any(is_comment) and "--" not in args:
            position = is_comment.index(True)
            args = [*args[:position], *args[position + 1 :], "--", args[position]]
        return super().parse_args(ctx, args)


@click.command(cls=QueryCommand)
@click.argument("sql", metavar="QUERY", callback=readable, required=False)
@click.option(
    "--file", "query_file", type=click.File(encoding="utf-8"), help="Read the query from a file."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write to a file, in the format that its name ends with unless --format is given.",
)
@click.option(
    "--tag", default=None, help="Value of $tag in the query.  [default: the newest weekly snapshot]"
)
@out_option
@click.option(
    "--format",
    "output_format",
    type=click.Choice([*FORMATS, PARQUET]),
    default=None,
    help="How rows are written; parquet needs -o.  [default: table]",
)
def query(
    sql: str | None,
    query_file: TextIO | None,
    output: Path | None,
    tag: str | None,
    out: Path,
    output_format: str | None,
) -> None:
    """Run one SQL query on the database, read-only, and print its rows.

    For example: cache-coverage query "from snapshots". QUERY may be - to read standard input.
    """
    from pipeline.warehouse.database import export_query, named_parameters, run_query
    from pipeline.warehouse.questions import known_tag
    from pipeline.warehouse.views import without_definition

    if (sql is None) == (query_file is None):
        raise click.UsageError("give one query: QUERY, - for standard input, or --file FILE")
    if sql == "-":
        query_file = sys.stdin
    text = without_definition(query_file.read() if query_file is not None else str(sql))
    if output_format is None:
        output_format = SUFFIXES.get(output.suffix, FORMATS[0]) if output else FORMATS[0]
    if output_format == PARQUET and output is None:
        raise click.UsageError("--format parquet needs a file: -o FILE")
    with asking(out) as connection:
        parameters: dict[str, object] = {}
        if "tag" in named_parameters(connection, text):
            parameters["tag"] = known_tag(connection, tag)
            say(f"$tag is {parameters['tag']}")
        if output is None:
            show(run_query(connection, text, parameters), output_format)
        else:
            export_query(connection, text, parameters, output, output_format)
            say(f"{output}: written")


@click.command()
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


@click.command(short_help="Tell which binaries of a snapshot a host can use.")
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


@click.command(short_help="Tell what changed between two snapshots, and why.")
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


@click.command()
@out_option
def sql(out: Path) -> None:
    """Open an interactive SQL session on the database, read-only."""
    from pipeline.warehouse.database import run_session

    is_interactive = sys.stdin.isatty()

    def greet() -> None:
        if is_interactive:
            say(GREETING)

    status = run_session(out, greeting=greet)
    # A typo on the way is no failure of the session; in a script it is one.
    sys.exit(0 if is_interactive else status)
