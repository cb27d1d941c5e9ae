"""`cache-coverage lock`: which specs of lock files a snapshot has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import asking, format_option, out_option, readable, say, show

if TYPE_CHECKING:
    from pipeline.sources.locks.lock_file import LockFile

ALL_SNAPSHOTS = "all"


@click.command(short_help="Show which specs of an environment the cache has.")
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--tag",
    default=None,
    callback=readable,
    help="Snapshot; `all` ranks every snapshot and stack by its share of the lock file.  "
    "[default: the newest weekly snapshot]",
)
@click.option(
    "--stack",
    "stacks",
    multiple=True,
    callback=readable,
    help="Count only specs of this stack, or of `root`; may be repeated.  "
    "[default: the whole snapshot]",
)
@click.option(
    "--os",
    "host_os",
    callback=readable,
    help="Compare with this operating system instead of the lock file's.",
)
@click.option(
    "--target", callback=readable, help="Compare with this CPU target instead of the lock file's."
)
@click.option(
    "--fail-under",
    type=click.FloatRange(0, 100),
    metavar="PCT",
    help="Exit with status 4 if less than this percentage of a lock file is cached.",
)
@click.option("--tree", is_flag=True, help="Print the dependency trees with each spec's state.")
@out_option
@format_option
def lock(
    files: tuple[Path, ...],
    tag: str | None,
    stacks: tuple[str, ...],
    host_os: str | None,
    target: str | None,
    fail_under: float | None,
    tree: bool,
    out: Path,
    output_format: str,
) -> None:
    """Show for each concrete spec of a lock file whether a snapshot of the cache has it.

    A FILE is the spack.lock of an environment, of any version from 1 to 7. A spec is cached,
    external (provided by the host), or to be built. Then the reason is the first difference from
    the nearest spec in the cache: package (it has none), version, platform, os, target, compiler,
    variants or dependencies.
    """
    from pipeline.errors import ShareError
    from pipeline.warehouse.locks import (
        ask_locks,
        best_shares,
        offer_locks,
        rank_snapshots,
        shares,
    )
    from pipeline.warehouse.questions import known_tag

    if tag == ALL_SNAPSHOTS and (tree or host_os or target):
        raise click.UsageError("--tag all ranks snapshots; --tree, --os and --target need one")
    with asking(out) as connection:
        locks = read_files(files)
        offer_locks(connection, locks)
        if tag == ALL_SNAPSHOTS:
            rows = rank_snapshots(connection, list(locks), stacks)
            found = best_shares(rows, list(locks))
        else:
            tag = known_tag(connection, tag)
            rows = ask_locks(connection, list(locks), tag, stacks, (host_os, target))
            found = shares(rows, list(locks), tag)
        if tree:
            from pipeline.text import printable
            from pipeline.warehouse.lock_trees import write_trees

            text = write_trees(connection, rows, list(locks))
            click.echo(printable(text, keep="\n"), nl=False)
        else:
            show(rows, output_format)
        for share in found:
            say(str(share))
    if fail_under is not None:
        short = [share for share in found if share.pct < fail_under]
        if short:
            raise ShareError(
                "; ".join(
                    f"{share.lock}: {share.pct:.1f} % of its specs are in {share.tag}, "
                    f"less than {fail_under:g} %"
                    for share in short
                )
            )


def read_files(files: Sequence[Path]) -> dict[str, LockFile]:
    """Read lock files by their paths; warn if their hashes match no newer cache.

    Raises
    ------
    SourceError
        One of them can't be read as a lock file.
    """
    from pipeline.sources.locks.lock_file import read_lock
    from pipeline.tables.lock_sources import name_locks
    from pipeline.warehouse.locks import OLD_HASHES

    locks = {name: read_lock(path) for name, path in name_locks(files).items()}
    for name, lock_file in locks.items():
        if not lock_file.has_dag_hashes:
            say(f"warning: {name}: {OLD_HASHES.format(lock_file.version)}")
    return locks
