"""`cache-coverage query`, `package`, `usable`, `diff` and `sql`: questions to the database."""

from __future__ import annotations

import os
from pathlib import Path

import click

from pipeline.cli.options import asking, format_option, out_option, readable, say, show, tag_option
from pipeline.errors import LossError


@click.command()
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
    from pipeline.warehouse.database import shell_command

    command = shell_command(out)
    os.execv(command[0], command)  # noqa: S606 - there is no shell, as it should be
