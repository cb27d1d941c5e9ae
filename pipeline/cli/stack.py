"""`cache-coverage stack`: which root specs of an environment file a snapshot has."""

from __future__ import annotations

import sys
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import asking, format_option, out_option, readable, say, show, write
from pipeline.errors import closest_names
from pipeline.sources.listings import MANIFEST

if TYPE_CHECKING:
    from pipeline.sources.stacks.stack_file import StackFile
    from pipeline.warehouse.intent import RootState


@click.command(short_help="Show which root specs of an environment file its stack has.")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path), callback=readable)
@click.option(
    "--tag",
    default=None,
    callback=readable,
    help="Snapshot.  [default: the newest weekly snapshot]",
)
@click.option(
    "--stack",
    "name",
    callback=readable,
    help="Count the specs of this stack, or of `root`.  [default: the name of FILE's folder]",
)
@click.option(
    "--any-stack",
    is_flag=True,
    help="Count the specs of all stacks.",
)
@click.option(
    "--fail-on-missing",
    is_flag=True,
    help="Exit with status 4 if a root is missing, or present only without its requirements.",
)
@out_option
@format_option
def stack(
    file: Path,
    tag: str | None,
    name: str | None,
    any_stack: bool,
    fail_on_missing: bool,
    out: Path,
    output_format: str,
) -> None:
    """Show for each root spec of an environment file, spack.yaml, whether its stack has it.

    A root is present, missing or unknown. If it is missing, the reason is the first difference from
    the nearest spec of the stack: package (it has none), version, variants, compiler, target, os or
    dependency. Whether a spec meets the requirements and preferences of the file's `packages:` is
    in columns of its own.
    """
    from pipeline.errors import IntentError
    from pipeline.sources.stacks.conditions import this_machine
    from pipeline.sources.stacks.files import stack_name
    from pipeline.sources.stacks.stack_file import read_stack_alone
    from pipeline.warehouse.intent import intended, judge_roots, stacks_of, state_rows, tally
    from pipeline.warehouse.locks import check_stacks
    from pipeline.warehouse.questions import known_tag

    if name is not None and any_stack:
        raise click.UsageError("give either --stack or --any-stack")
    if file.is_dir():
        file = file / MANIFEST
    with asking(out) as connection:
        stack_file = read_stack_alone(file, this_machine())
        for note in stack_file.notes:
            say(f"note: {note}")
        if not stack_file.roots:
            say(f"warning: {file}: its section 'specs' is empty or missing, so it has no roots")
        tag = known_tag(connection, tag)
        if name is not None:
            check_stacks(connection, [name])  # a snapshot may be from before the stack
        name = name or stack_name(file)
        known = stacks_of(connection, tag)
        if name not in known and not any_stack:
            say(
                f"warning: {tag} has no stack {name!r}, so none of the roots is present; name "
                "another with --stack, or count all with --any-stack: "
                f"{closest_names(name, known)}"
            )
        states = judge_roots(connection, tag, intended(name, stack_file), any_stack=any_stack)
        if output_format == "markdown":
            write(write_summary(name, tag, stack_file, states), sys.stdout, "utf-8")
        else:
            show(state_rows(name, stack_file, states), output_format)
        found = tally(states)
        say(f"{file}: {found}; {tag}")
    if fail_on_missing and found.missing + found.unmet:
        raise IntentError(
            f"{name} in {tag}: {found.missing} of {found.root_count} roots missing, "
            f"{found.unmet} only without what is required"
        )


def write_summary(name: str, tag: str, stack_file: StackFile, states: list[RootState]) -> str:
    """Return a summary for a CI job in Markdown: counts by group, what is absent, every root."""
    from pipeline.rows import Rows, escape_markdown, render_markdown
    from pipeline.text import printable
    from pipeline.warehouse.intent import COLUMNS, state_rows, tally

    by_group: dict[str, list[RootState]] = {}
    for root, state in zip(stack_file.roots, states, strict=True):
        by_group.setdefault(root.group, []).append(state)
    counts = Rows(
        ("group", "roots", "present", "as preferred", "unmet", "missing", "unknown"),
        [(group, *astuple(tally(of_group))) for group, of_group in by_group.items()],
    )
    rows = state_rows(name, stack_file, states)
    is_met = COLUMNS.index("requirements_met")
    absent = Rows(COLUMNS, [row for row in rows.values if row[is_met] is not True])
    title, snapshot = (escape_markdown(printable(text)) for text in (name, tag))
    parts = [f"## {title} in {snapshot}\n", f"{tally(states)}.\n", render_markdown(counts)]
    if absent.values:
        parts += ["### Not present\n", render_markdown(absent)]
    parts += ["<details><summary>Every root</summary>\n", render_markdown(rows), "</details>\n"]
    return "\n".join(parts)
