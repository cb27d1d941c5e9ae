"""The reports: a page with its data, a summary, and the views as CSV and Parquet files.

No number is computed here: each comes from a view. The files of a snapshot are written once and
kept while what they are made of stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import jinja2

from pipeline.errors import OutputError, QueryError
from pipeline.outputs import DATABASE, NO_TAG, REPORTS_FOLDER, link_or_copy
from pipeline.report import exports
from pipeline.report.batches import MAX_STACKS, batches, create_batch_views, read_batch
from pipeline.report.charts import lifetime_chart, trend_chart
from pipeline.report.data import (
    DATA_VIEWS,
    DEPENDENTS,
    NO_OVERLAP,
    SNAPSHOT_TABLES,
    data_file,
    dependencies_file,
    read_version_places,
    write_dependencies,
    write_history,
    write_snapshot_data,
)
from pipeline.report.facts import (
    READ_VIEWS,
    exported_facts,
    headlines,
    newest_snapshot,
    read_facts,
    read_snapshots,
)
from pipeline.report.lock_part import read_lock_facts
from pipeline.report.stack_part import write_stack_files
from pipeline.report.state import ReportState, has_files, snapshot_digests, write_state
from pipeline.report.views import Frames, check_columns, read_query, split_by_tag
from pipeline.rows import escape_markdown
from pipeline.text import counted, natural_key, printable
from pipeline.warehouse.database import CATALOG, open_beside
from pipeline.warehouse.dictionary import write_dictionary
from pipeline.warehouse.threads import thread_pool

if TYPE_CHECKING:
    import polars as pl

    from pipeline.sources.locks.lock_file import LockFile

SCRIPTS = (
    "data",
    "dom",
    "address",
    "machine",
    "matrices",
    "packages",
    "package",
    "changes",
    "snapshot",
    "main",
)
WRITERS = 2  # compression leaves Python's lock to others


def write_report_draft(
    out: Path,
    draft: Path,
    state: ReportState | None,
    digest: str,
    *,
    all_rows: bool,
    host: dict[str, str] | None,
    locks: Mapping[str, LockFile],
) -> list[str]:
    """Write the reports of `out` as a draft, and return four lines on them.

    `state` is that of the reports which are there, `digest` that of what the new ones are made of;
    the rest is as in `write_reports`.

    Raises
    ------
    OutputError
        The database is damaged, or there is not enough memory.
    """
    try:
        with open_beside(out) as connection:
            check_columns(connection, out / DATABASE)
            return write_files(
                connection,
                draft,
                out / REPORTS_FOLDER,
                state,
                digest,
                all_rows=all_rows,
                host=host,
                locks=locks,
            )
    except duckdb.OutOfMemoryException as error:
        raise OutputError(
            f"{out / REPORTS_FOLDER}: not written: not enough memory: {error}; "
            "run it where there is more"
        ) from error
    except (duckdb.Error, QueryError) as error:  # The queries are right.
        raise OutputError(
            f"{out / DATABASE}: can't be read: {error}; "
            f"remove it and run 'cache-coverage build --out {out}'"
        ) from error


def write_files(
    connection: duckdb.DuckDBPyConnection,
    draft: Path,
    old: Path,
    state: ReportState | None,
    digest: str,
    *,
    all_rows: bool,
    host: dict[str, str] | None,
    locks: Mapping[str, LockFile],
) -> list[str]:
    """Write every file of the reports below `draft`, or link it to that of `old`.

    `connection` is one of `open_beside`. Returns the lines that say what is in the reports.
    """
    draft.mkdir()
    views = exports.csv_views()
    create_batch_views(
        connection, [*views, *exports.OTHER_VIEWS, *exports.NEWEST_VIEWS, *READ_VIEWS, *DATA_VIEWS]
    )
    snapshots = read_snapshots(connection)
    tags = [row["tag"] for row in snapshots]
    chosen = newest_snapshot(snapshots)
    chosen_tag = chosen["tag"] if chosen else None
    places = read_version_places(connection)
    with connection.cursor() as whole, thread_pool(WRITERS) as pool:
        whole.execute(f"use {CATALOG}")
        digests = file_digests(whole, snapshots)
        stale = {
            tag for tag in tags if not keep_snapshot(draft, old, state, tag, digests[tag], views)
        }
        written = write_snapshots(pool, connection, draft, snapshots, stale, views, places)
        # The last of them are written while this is read.
        exported = read_exported_once(connection, chosen_tag)
        facts = read_facts(whole, snapshots)
        facts["locks"] = read_lock_facts(whole, locks, chosen_tag)
        facts["stacks_meant"] = stacks_meant = write_stack_files(
            whole, draft, chronological(snapshots), chosen_tag, all_rows=all_rows
        )
        (draft / "dictionary.md").write_text(write_dictionary(whole), encoding="utf-8")
        for future in written:
            future.result()
        if not tags:
            # Files without a row, as the tables have them: what reads them finds the columns.
            queries = queries_of([*views, *exports.OTHER_VIEWS])
            exports.export_snapshot(draft, NO_TAG, read_batch(connection, [""], [], queries), views)
        history = pool.submit(write_history, draft, chronological(snapshots), places)
        facts["csv_rows"] = exports.write_whole(
            draft, views, tags, chosen_tag, exported, all_rows=all_rows
        )
        facts["csv_rows"] |= stacks_meant.csv_rows if stacks_meant else {}
        facts["is_shortened"] = len(tags) > exports.SHORT_HISTORY and not all_rows
        facts |= exported_facts(snapshots, partial(exports.read_exported, draft), exported)
        facts["lines"] = lines = headlines(facts)
        write_pages(draft, facts, page_data(connection, snapshots, draft) | {"host": host})
        history.result()
    write_state(draft, digest, digests, lines)
    return lines


def file_digests(
    connection: duckdb.DuckDBPyConnection, snapshots: list[dict[str, Any]]
) -> dict[str, str]:
    """Return, for each tag, what identifies the contents of its files.

    Those of the newest snapshot of each kind have more, so depend on being the newest.
    """
    newest = {row["tag"] for row in snapshots if row["rank"]}
    digests = snapshot_digests(connection, {row["tag"]: row["previous_tag"] for row in snapshots})
    return {tag: f"{digest} {tag in newest}" for tag, digest in digests.items()}


def read_exported_once(connection: duckdb.DuckDBPyConnection, newest: str | None) -> Frames:
    """Return the exported views that have no file per snapshot: of the newest one, or of all."""
    whole = {view: read_query(connection, f"from {CATALOG}.{view}") for view in exports.WHOLE_VIEWS}
    return whole | read_batch(connection, [newest or ""], [], queries_of(exports.NEWEST_VIEWS))


def queries_of(views: Iterable[str]) -> dict[str, str]:
    """Return a query for all rows of each view, by its name."""
    return {view: f"from {view}" for view in views}


def keep_snapshot(
    draft: Path, old: Path, state: ReportState | None, tag: str, digest: str, views: list[str]
) -> bool:
    """Link a snapshot's files into the draft, if they are there and made of the same."""
    if state is None or state.snapshots.get(tag) != digest:
        return False
    files = [data_file(tag), *exports.snapshot_files(tag, views)]
    if dependencies_file(tag) in state.files:
        files.append(dependencies_file(tag))
    if not has_files(old, {name: state.files.get(name, -1) for name in files}):
        return False
    for name in files:
        (draft / name).parent.mkdir(parents=True, exist_ok=True)
        link_or_copy(str(old / name), str(draft / name))
    return True


def write_snapshots(
    pool: Executor,
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    snapshots: list[dict[str, Any]],
    stale: set[str],
    views: list[str],
    places: dict[str, int],
) -> list[Future[None]]:
    """Write the files of the stale snapshots: one batch is written while the next is read.

    Returns what is still being written when all are read.
    """
    crowded = {row["tag"] for row in snapshots if row["stack_count"] > MAX_STACKS}
    newest = {row["tag"] for row in snapshots if row["rank"]}
    previous_tags = {row["tag"]: row["previous_tag"] for row in snapshots}
    written: list[Future[None]] = []
    for batch in batches(snapshots, stale):
        queries = queries_of([*views, *exports.OTHER_VIEWS])
        queries |= SNAPSHOT_TABLES | ({"overlap": NO_OVERLAP} if crowded & {*batch} else {})
        frames = read_parts(connection, batch, [previous_tags[tag] for tag in batch], queries)
        dependents = {
            tag: read_query(connection, DEPENDENTS, [tag]) for tag in newest.intersection(batch)
        }
        for future in written:
            future.result()
        written = [
            pool.submit(
                write_snapshot,
                folder,
                tag,
                frames.pop(tag),  # so that they are freed once they are written
                views,
                places,
                dependents.get(tag),
            )
            for tag in batch
        ]
        for tag in dependents:
            write_dependencies(connection, folder, tag)
    return written


def read_parts(
    connection: duckdb.DuckDBPyConnection,
    tags: Sequence[str],
    previous_tags: Iterable[str | None],
    queries: dict[str, str],
) -> dict[str, Frames]:
    """Return the rows of each snapshot as `read_batch` does those of all, by tag."""
    found = read_batch(connection, tags, previous_tags, queries)
    parts = {name: split_by_tag(frame, tags) for name, frame in found.items()}
    return {tag: {name: parts[name][tag] for name in parts} for tag in tags}


def write_snapshot(
    folder: Path,
    tag: str,
    frames: Frames,
    views: list[str],
    places: dict[str, int],
    dependents: pl.DataFrame | None,
) -> None:
    """Write the files of one snapshot."""
    exports.export_snapshot(folder, tag, frames, views)
    write_snapshot_data(folder, tag, frames, places, dependents)


def chronological(snapshots: list[dict[str, Any]]) -> list[str]:
    """Return the tags as a history shows them: by date, then those without one."""
    return [
        row["tag"]
        for row in sorted(snapshots, key=lambda row: (row["snapshot_date"] or "~", row["tag"]))
    ]


def write_pages(folder: Path, facts: dict[str, Any], data: dict[str, Any]) -> None:
    """Write index.html and summary.md."""
    shown = facts | {
        "charts": {
            "trend": trend_chart(facts["trend"]) if facts["trend"] else None,
            "lifetimes": lifetime_chart(facts["lifetimes"]) if facts["lifetimes"] else None,
        },
        "page_data": data,
        "host_names": {
            "os": sorted({*data["systems"], *data["built_systems"]}, key=natural_key),
            "target": sorted(data["targets"], key=natural_key),
        },
        "scripts": SCRIPTS,
        "database": DATABASE,
    }
    templates = environment()
    for name in ("index.html", "summary.md"):
        text = templates.get_template(f"{name}.j2").render(shown)
        (folder / name).write_text(text, encoding="utf-8")


def page_data(
    connection: duckdb.DuckDBPyConnection, snapshots: list[dict[str, Any]], folder: Path
) -> dict[str, Any]:
    """Return what the scripts know before they load anything: snapshots, and what runs where.

    `targets` has, for each target of archspec that can run a binary of some snapshot, the targets
    of those binaries, the nearest first; `systems` the platform and C library of each operating
    system where they are known; `families` the family of each target. `dependencies` are the
    snapshots in `folder` with a file of what their specs need.
    """
    targets = connection.execute(
        f"""
        select host_target, list(binary_target order by distance, binary_target)
        from targets
        where binary_target in (select target from {CATALOG}.spec_stacks)
        group by all
        order by all
        """
    ).fetchall()
    systems = connection.execute(
        """
        select os, {platform: platform, libc: libc, version: libc_version}
        from operating_systems
        where libc_version is not null
        order by os
        """
    ).fetchall()
    built_systems = connection.execute(
        f"select distinct os from {CATALOG}.spec_stacks order by os"
    ).fetchall()
    families = connection.execute(
        "select distinct host_target, family from targets where family is not null order by all"
    ).fetchall()
    names = (
        "tag",
        "kind",
        "line",
        "previous_tag",
        "snapshot_date",
        "package_count",
        "unreadable_package_count",
        "expected_package_count",
        "spec_count",
        "environment_count",
    )
    return {
        "snapshots": [
            {name: row[name] for name in names} | {"is_newest": bool(row["rank"])}
            for row in snapshots
        ],
        "history": chronological(snapshots),
        "targets": dict(targets),
        "systems": dict(systems),
        "built_systems": [os for (os,) in built_systems],
        "families": dict(families),
        "dependencies": [
            row["tag"] for row in snapshots if (folder / dependencies_file(row["tag"])).is_file()
        ],
    }


def environment(package: str = "pipeline.report") -> jinja2.Environment:
    """Return the environment of a package's templates: markup is escaped, a missing name raises."""
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader(package),
        autoescape=jinja2.select_autoescape(enabled_extensions=("html.j2",)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.policies["json.dumps_kwargs"] = {"sort_keys": False, "separators": (",", ":")}
    templates.filters["md"] = lambda value: escape_markdown(printable(str(value)))
    templates.filters["shown"] = lambda value: printable(str(value))
    templates.filters["n"] = lambda value: "–" if value is None else f"{value:,}"
    templates.filters["counted"] = counted
    templates.filters["r"] = lambda value: f"{value:.1f}"
    templates.filters["pct"] = lambda value: f"{value:.1f}"
    return templates
