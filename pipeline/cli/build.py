"""`cache-coverage build` and `report`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from pipeline.cli.fetch import fetch_options, make_options
from pipeline.cli.options import out_option, say, tell


@click.command(short_help="Load the tables into a DuckDB database with the views of sql/.")
@out_option
@click.option(
    "--check-all",
    is_flag=True,
    help="Rebuild, and check the views of every snapshot, not only of the newest of each kind.",
)
def build(out: Path, check_all: bool) -> None:
    """Build the DuckDB file OUT/coverage.duckdb from the tables and sql/, unless it is current.

    The new database is checked before it replaces the old one.
    """
    from pipeline import api
    from pipeline.cli.progress import say_waiting
    from pipeline.outputs import DATABASE

    is_new = api.build(out, check_all=check_all, waits=lambda: say_waiting(out))
    say(f"{out / DATABASE}: {'built' if is_new else 'up to date'}")


@click.command(short_help="Write the reports; with --from URL fetch, flatten and build first.")
@out_option
@click.option(
    "--all",
    "all_rows",
    is_flag=True,
    help="Write every snapshot to gaps.csv and snapshot_changes.csv, even of a long history.",
)
@click.option(
    "--host", "fills_host", is_flag=True, help="Preselect this machine's OS and target in the page."
)
@click.option(
    "--lock",
    "lock_files",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path),
    help='Add the part "Your environment": which specs of this spack.lock the newest weekly'
    " snapshot has, and why the others would be built; may be repeated.",
)
@click.option(
    "--from",
    "url",
    metavar="URL",
    help="First download the build cache at URL to OUT/fetched, and build everything from it. URL"
    " is as for fetch, and so are the options below.",
)
@click.option(
    "--tag",
    "tags",
    multiple=True,
    help="With --from: only this snapshot, or the name of a single mirror's; may be repeated.",
)
@click.option(
    "--stack",
    "stacks",
    multiple=True,
    help="With --from: only this stack, or the name of a single mirror's; may be repeated.",
)
@fetch_options
def report(
    out: Path,
    all_rows: bool,
    fills_host: bool,
    lock_files: tuple[Path, ...],
    url: str | None,
    tags: tuple[str, ...],
    stacks: tuple[str, ...],
    **settings: Any,
) -> None:
    """Write index.html, summary.md, CSV and Parquet files to OUT/reports.

    Only what changed is written; the files of an unchanged snapshot are kept. With --from URL, this
    is fetch, flatten, build and report in one command.
    """
    if url is None and (tags or stacks):
        raise click.UsageError("--tag and --stack need --from URL")
    from pipeline.cli.lock import read_files
    from pipeline.cli.progress import say_waiting
    from pipeline.report.run import write_reports

    locks = read_files(lock_files)  # Read them first: fetching a cache may take minutes.
    if url is not None:
        from pipeline.cli.from_url import update_from_url

        update_from_url(url, out, tags, stacks, make_options(**settings))
    host = None
    if fills_host:
        from pipeline.hosts import this_os, this_target

        host = {"os": this_os() or "", "target": this_target()}
    waits = partial(say_waiting, out)
    for line in write_reports(out, all_rows=all_rows, host=host, locks=locks, waits=waits):
        tell(line)
