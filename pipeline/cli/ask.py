"""`cache-coverage query`, `package`, `usable`, `missing`, `diff` and `sql`: query the database."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from pipeline.cli.options import (
    FORMATS,
    asking,
    format_option,
    libc_option,
    out_option,
    readable,
    say,
    show,
    tag_option,
)
from pipeline.errors import LossError, QueryError
from pipeline.rows import Rows
from pipeline.text import counted

if TYPE_CHECKING:
    from pipeline.warehouse.questions import Host

OPTION = re.compile(r"--([a-z][a-z-]*(=.*)?)?", re.DOTALL)
PARQUET = "parquet"
NAMED = 10  # at most so many lost or gained packages are named
SUFFIXES = {".parquet": PARQUET, ".csv": "csv", ".json": "json", ".md": "markdown"}
LIST_OS = "from operating_systems order by os"
LIST_TARGETS = "select distinct host_target as target, family from targets order by all"
GREETING = """\
coverage.duckdb, read-only; to start with:
  from snapshots;            all snapshots, with their sizes
  from coverage_os_target;   packages by operating system and target
  from package_coverage;     versions of each package, by environment
  from gaps;                 what an environment lacks, and what would run there
  from snapshot_changes;     what was lost or gained, and why
'show tables' lists all views, 'describe gaps' the columns of one; .exit quits."""


class QueryCommand(click.Command):
    """A command whose argument may start with an SQL comment, which looks like an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments, taking an SQL comment as the query."""
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
    help="Write to a file; its suffix selects the format unless --format is given.",
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
    help="Output format; parquet needs -o.  [default: table]",
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


os_option = click.option(
    "--os", "host_os", default=None, help="The host's operating system, such as ubuntu22.04."
)
this_os_option = click.option(
    "--os",
    "host_os",
    default=None,
    help="The host's operating system, such as ubuntu22.04.  [default: this machine's]",
)
target_option = click.option(
    "--target", default=None, help="The host's CPU target, such as zen4.  [default: this machine's]"
)
exact_os_option = click.option(
    "--exact-os", is_flag=True, help="Only binaries built on the same OS."
)


def named_host(host_os: str | None, target: str | None, libc: str | None) -> Host:
    """Return the host by its options; the default for each is this machine.

    Raises
    ------
    click.UsageError
        This machine's operating system is unknown.
    """
    from pipeline.hosts import this_os, this_target
    from pipeline.warehouse.questions import Host

    host_os = host_os or this_os()
    if host_os is None:
        raise click.UsageError("can't detect this machine's OS: name it with --os")
    return Host(host_os, target or this_target(), libc)


@click.command(short_help="Show where a package is built, compatible or missing.")
@click.argument("name")
@os_option
@target_option
@libc_option
@exact_os_option
@tag_option
@out_option
@format_option
def package(
    name: str,
    host_os: str | None,
    target: str | None,
    libc: str | None,
    exact_os: bool,
    tag: str | None,
    out: Path,
    output_format: str,
) -> None:
    """Show where a snapshot has the package NAME built, compatible or missing.

    In each environment it is built, compatible (another binary runs there: its target is an
    ancestor, and its OS the same or, by Spack's rule, one whose C library is not newer), or
    missing. With --os or --target, only what such a host can use is shown; the exit status is 1 if
    it can use nothing.
    """
    from pipeline.warehouse.questions import ask_package, explain_missing, known_tag

    host = named_host(host_os, target, libc) if host_os or target or libc else None
    with asking(out) as connection:
        tag = known_tag(connection, tag)
        rows = ask_package(connection, name, tag, host, exact_os=exact_os)
        say(f"{name} in {tag}" + (f" on {host}" if host else ""))
        show(rows, output_format)
        if host and not rows.values:
            raise QueryError(explain_missing(connection, tag, name, host))


@click.command(short_help="List the binaries of a snapshot that a host can use.")
@click.argument("packages", metavar="[PACKAGE]...", nargs=-1)
@this_os_option
@target_option
@libc_option
@exact_os_option
@click.option("--list-os", is_flag=True, help="List the known operating systems and exit.")
@click.option("--list-targets", is_flag=True, help="List the known CPU targets and exit.")
@tag_option
@out_option
@format_option
def usable(
    packages: tuple[str, ...],
    host_os: str | None,
    target: str | None,
    libc: str | None,
    exact_os: bool,
    list_os: bool,
    list_targets: bool,
    tag: str | None,
    out: Path,
    output_format: str,
) -> None:
    """List the binaries of a snapshot that a host can use: of each PACKAGE, or of all packages.

    A binary runs on its target and that target's descendants, on its own OS and, by Spack's rule,
    on any OS whose C library is not older; --exact-os requires the same OS. With PACKAGE, the exit
    status is 1 if none of them is available.
    """
    from pipeline.warehouse.database import run_query
    from pipeline.warehouse.questions import ask_usable, explain_missing, known_tag

    if list_os or list_targets:
        with asking(out) as connection:
            show(run_query(connection, LIST_OS if list_os else LIST_TARGETS), output_format)
        return
    host = named_host(host_os, target, libc)
    with asking(out) as connection:
        tag = known_tag(connection, tag)
        rows = ask_usable(connection, tag, host, packages, exact_os=exact_os)
        found = {row[0] for row in rows.values}
        total = run_query(
            connection, "select package_count from snapshots where tag = ?", [tag]
        ).values[0][0]
        say(f"{tag} on {host}")
        show(rows, output_format)
        for name in packages:
            if name not in found:
                say(explain_missing(connection, tag, name, host))
        asked = len(set(packages)) or total
        say(f"{len(found)} of {counted(asked, 'package')}")
        if packages and not found:
            raise QueryError("none of these packages is available for this host")


@click.command(short_help="List the packages that one snapshot has and another lacks.")
@click.option("--from", "from_tag", required=True, help="Snapshot that has the packages.")
@click.option("--in", "in_tag", required=True, help="Snapshot that lacks them.")
@click.option("--specs", "by_spec", is_flag=True, help="Compare specs (by hash), not packages.")
@os_option
@target_option
@libc_option
@out_option
@format_option
def missing(
    from_tag: str,
    in_tag: str,
    by_spec: bool,
    host_os: str | None,
    target: str | None,
    libc: str | None,
    out: Path,
    output_format: str,
) -> None:
    """List the packages that one snapshot has and another lacks, most needed first.

    With --os, only binaries that such a host can use are compared; --target defaults to this
    machine's.
    """
    from pipeline.warehouse.questions import ask_missing

    if (target or libc) and host_os is None:
        raise click.UsageError("--target and --libc need --os")
    host = named_host(host_os, target, libc) if host_os else None
    with asking(out) as connection:
        rows = ask_missing(connection, from_tag, in_tag, host, by_spec=by_spec)
        show(rows, output_format)
        found = counted(len(rows.values), "spec" if by_spec else "package")
        say(f"{found} of {from_tag} not in {in_tag}" + (f" for {host}" if host else ""))


@click.command(short_help="List what changed between two snapshots, and why.")
@click.argument("from_tag", metavar="FROM")
@click.argument("to_tag", metavar="TO")
@click.option(
    "--fail-on-loss",
    is_flag=True,
    help="Exit with status 4 if a cell, or a cell's newest version, was lost.",
)
@out_option
@format_option
def diff(from_tag: str, to_tag: str, fail_on_loss: bool, out: Path, output_format: str) -> None:
    """List what changed from snapshot FROM to snapshot TO, and why; losses come first.

    A cell is a package in an environment: platform, OS and target. Stacks, environments and
    packages that were lost or added as a whole are listed first, on stderr. For snapshots that do
    not follow each other, such as a weekly one and a release, changes are worded as "not in TO" and
    "only in TO".
    """
    from pipeline.warehouse.questions import (
        are_in_line,
        ask_diff,
        ask_membership,
        word_between_lines,
    )

    with asking(out) as connection:
        rows = ask_diff(connection, from_tag, to_tag)
        in_line = are_in_line(connection, from_tag, to_tag)

        def worded(word: str | None) -> str | None:
            return word if in_line or word is None else word_between_lines(word, from_tag, to_tag)

        if not in_line:
            say(
                f"{from_tag} and {to_tag} do not follow each other: a difference is no loss or gain"
            )
        for line in membership_lines(ask_membership(connection, from_tag, to_tag), worded):
            say(line)
        show(
            Rows(rows.columns, [(worded(row[0]), worded(row[1]), *row[2:]) for row in rows.values]),
            output_format,
        )
        changes = [(row[0], row[1]) for row in rows.values]
        # Cells of unreadable pages are not known to be lost.
        lost = sum(change == "lost" and cause != "unreadable" for change, cause in changes)
        downgraded = sum(change == "downgraded" for change, _ in changes)
        unreadable = sum(cause == "unreadable" for _, cause in changes)
        if unreadable:
            cells = counted(unreadable, "cell")
            say(f"{cells} can't be judged: a page or index was unreadable")
        if fail_on_loss and (lost or downgraded):
            cells = counted(lost, "cell")
            raise LossError(
                f"{cells} lost and {downgraded} downgraded from {from_tag} to {to_tag}"
                if in_line
                else f"{cells} not in {to_tag}, and {downgraded} older there"
            )


def membership_lines(rows: Rows, worded: Callable[[str], str | None]) -> list[str]:
    """Return a line per stack and environment that was lost or added, and one for packages."""
    lines = []
    packages: dict[str, list[str]] = {}
    for change, kind, member, package_count, cell_count, _, changed_count in rows.values:
        if kind == "package":
            packages.setdefault(change, []).append(member)
        else:
            counts = f"{changed_count:,} of its {counted(cell_count, 'cell')}"
            lines.append(
                f"{worded(change)}: {kind} {member}, with {counts} "
                f"({counted(package_count, 'package')})"
            )
    for change, members in packages.items():
        more = f" and {len(members) - NAMED:,} more" if len(members) > NAMED else ""
        named = ", ".join(members[:NAMED])
        lines.append(f"{worded(change)}: {counted(len(members), 'package')}: {named}{more}")
    return lines


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
    # A typo in an interactive session is no failure; in a script it is.
    sys.exit(0 if is_interactive else status)
