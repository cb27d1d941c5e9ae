"""`cache-coverage flatten`."""

from __future__ import annotations

from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import out_option, say
from pipeline.errors import RejectedError
from pipeline.text import counted

if TYPE_CHECKING:
    from pipeline.tables.state import TablesSummary


@click.command()
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
    from pipeline.cli.progress import Bar
    from pipeline.tables.refresh import refresh_tables
    from pipeline.tables.workers import dask_executor

    with (
        closing(Bar(out, "reading pages", "pages")) as progress,
        dask_executor(scheduler) if scheduler else nullcontext() as executor,
    ):
        summary = refresh_tables(
            sources,
            out,
            only=tags,
            stack=stack,
            follow_links=follow_links,
            executor=executor,
            progress=progress,
        )
    say(
        f"{out / 'tables'}: {counted(summary.page_count, 'page')} taken, "
        f"{counted(summary.spec_count, 'spec')} in {counted(summary.tag_count, 'snapshot')}"
    )
    if summary.rejected:
        message = describe_rejects(summary, out)
        if strict:
            raise RejectedError(message)
        say(f"warning: {message}")


def describe_rejects(summary: TablesSummary, out: Path) -> str:
    """Say how many things were refused, and why."""
    codes = ", ".join(f"{code} {count:,}" for code, count in summary.rejected.items())
    return (
        f"{sum(summary.rejected.values()):,} rejected ({codes}); each with its reason in "
        f"{out / 'tables' / 'rejects'}: once it is built, "
        f"cache-coverage query 'from rejects' --out {out}"
    )
