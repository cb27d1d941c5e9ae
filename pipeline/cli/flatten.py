"""`cache-coverage flatten`."""

from __future__ import annotations

from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import out_option, readable, say
from pipeline.errors import RejectedError
from pipeline.text import counted

if TYPE_CHECKING:
    from pipeline.tables.state import TablesSummary


@click.command(short_help="Read pages, indexes and lock files into Parquet tables.")
@click.argument(
    "sources", metavar="SOURCE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@out_option
@click.option("--strict", is_flag=True, help="Exit with status 3 if anything was rejected.")
@click.option(
    "--replace",
    is_flag=True,
    help="Remove the snapshots of sources that this run does not name; by default, they are kept.",
)
@click.option(
    "--tag",
    "tags",
    multiple=True,
    help="Read only this snapshot; may be repeated. Also names that of a single mirror.",
)
@click.option(
    "--stack",
    help="Stack of a build cache whose path does not name it; needs one --tag, its snapshot.",
)
@click.option(
    "--name",
    "lock_name",
    help="Name of the lock file, or of the environment file's stack, in the tables; one file only.",
    callback=readable,
)
@click.option(
    "--follow-links",
    is_flag=True,
    help="Follow symbolic links below a SOURCE, to folders and out of it.",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Read with the workers of a Dask cluster, which need access to the same files.",
)
def flatten(
    sources: tuple[Path, ...],
    out: Path,
    strict: bool,
    replace: bool,
    tags: tuple[str, ...],
    stack: str | None,
    lock_name: str | None,
    follow_links: bool,
    scheduler: str | None,
) -> None:
    """Read pages and build-cache indexes into Parquet tables below OUT/tables.

    A SOURCE is a page of the build cache's site, or a folder searched for *.md at any depth; a
    build cache: a tree of TAG/STACK mirrors, a single mirror, or just its index; the database of an
    installation; the lock file of an environment, spack.lock; or an environment file, spack.yaml,
    or a folder with some at any depth. A run on these alone leaves the snapshots as they are.

    The tables hold the snapshots of all sources ever read into OUT. A run rereads snapshots with a
    new, changed or deleted file, and removes those that its sources no longer have. Snapshots of
    sources that it does not name are kept, unless --replace is given.
    """
    if stack is not None and len(tags) != 1:
        raise click.UsageError("--stack needs exactly one --tag, the snapshot of the stack")
    from pipeline.sources.locks.file_type import is_lock_file
    from pipeline.sources.stacks.files import is_stack_file

    if lock_name is not None and sum(is_lock_file(s) or is_stack_file(s) for s in sources) != 1:
        raise click.UsageError(
            "--name takes exactly one lock file or environment file; flatten each by itself"
        )
    from pipeline import api
    from pipeline.cli.progress import show_progress
    from pipeline.tables.workers import dask_executor

    with (
        closing(show_progress(out, "reading pages", "pages")) as progress,
        dask_executor(scheduler) if scheduler else nullcontext() as executor,
    ):
        summary = api.flatten(
            *sources,
            out=out,
            tags=tags,
            stack=stack,
            replace=replace,
            follow_links=follow_links,
            lock_name=lock_name,
            executor=executor,
            progress=progress,
        )
    say(
        f"{out / 'tables'}: {counted(summary.page_count, 'page')} accepted, "
        f"{counted(summary.spec_count, 'spec')} in {counted(summary.tag_count, 'snapshot')}"
    )
    if summary.lock_count:
        say(
            f"{out / 'tables' / 'lock_specs'}: {counted(summary.lock_count, 'lock file')}, "
            f"{counted(summary.lock_spec_count, 'spec')}"
        )
    if summary.stack_count:
        say(
            f"{out / 'tables' / 'stack_roots'}: {counted(summary.stack_count, 'stack')}, "
            f"{counted(summary.root_count, 'root')}"
        )
    if summary.kept_tags:
        say(
            f"kept {', '.join(summary.kept_tags)}, of sources that this run does not name; "
            "--replace removes them"
        )
    if summary.rejected:
        message = describe_rejects(summary, out)
        if strict:
            raise RejectedError(message)
        say(f"warning: {message}")


def describe_rejects(summary: TablesSummary, out: Path) -> str:
    """Return how many pages and specs were rejected, and why."""
    files = "".join(f"\n  {line}" for line in summary.refused_files)
    codes = ", ".join(f"{code} {count:,}" for code, count in summary.rejected.items())
    return (
        f"{sum(summary.rejected.values()):,} rejected ({codes}); for each with its reason: "
        f"cache-coverage build --out {out} && cache-coverage query 'from rejects' --out {out}"
        f"{files}"
    )
