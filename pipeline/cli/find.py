"""`cache-coverage find`: the specs of a snapshot that satisfy an abstract spec."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.cli.options import (
    asking,
    format_option,
    libc_option,
    out_option,
    readable,
    say,
    show,
)
from pipeline.text import counted

ALL_SNAPSHOTS = "all"


@click.command(short_help="List the specs that satisfy an abstract spec.")
@click.argument("spec", metavar="SPEC", nargs=-1, required=True, callback=readable)
@click.option(
    "--tag",
    default=None,
    callback=readable,
    help="Snapshot, or `all`.  [default: the newest weekly snapshot]",
)
@click.option(
    "--os",
    "host_os",
    callback=readable,
    help="Only what a host with this OS can use: built on it, or on one with an older C library.",
)
@libc_option
@click.option("--exact-os", is_flag=True, help="Only what was built on the same OS.")
@click.option("--target", callback=readable, help="Only what runs on a host with this CPU target.")
@out_option
@format_option
def find(
    spec: tuple[str, ...],
    tag: str | None,
    host_os: str | None,
    libc: str | None,
    exact_os: bool,
    target: str | None,
    out: Path,
    output_format: str,
) -> None:
    """List the specs of a snapshot that satisfy an abstract spec, as Spack writes it.

    For example: cache-coverage find 'hdf5@1.14:+mpi %gcc ^zlib-ng@2 target=x86_64_v3:'

    Dependencies are known only for snapshots read from a build cache. Specs that can't be judged
    are counted on stderr by reason.
    """
    from pipeline.specs.grammar import parse_spec
    from pipeline.warehouse.database import run_query
    from pipeline.warehouse.finding import find_specs
    from pipeline.warehouse.questions import known_tag

    if libc and host_os is None:
        raise click.UsageError("--libc needs --os")
    asked = parse_spec(" ".join(spec))
    with asking(out) as connection:
        if tag == ALL_SNAPSHOTS:
            query = "select tag from snapshots order by snapshot_date desc nulls last, tag desc"
            tags = [str(found) for (found,) in run_query(connection, query).values]
        else:
            tags = [known_tag(connection, tag)]
        found = find_specs(connection, asked, tags, (host_os, target), libc=libc, exact_os=exact_os)
        show(found.rows, output_format)
        if not found.rows.values and not found.untold:
            place = tags[0] if len(tags) == 1 else counted(len(tags), "snapshot")
            say(f"no spec of {place} satisfies it")
        for reason, count in found.untold.items():
            say(f"{counted(count, 'spec')}: can't tell whether they satisfy it: {reason}")
