"""Collect the facts that the templates show; every number is from a view."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from pipeline.report.views import Frames
from pipeline.rows import Rows
from pipeline.text import counted, natural_key
from pipeline.warehouse.database import CATALOG, run_query

if TYPE_CHECKING:
    import duckdb

MATRICES = (
    ("os", "target", "Operating system × target"),
    ("compiler", "os", "Compiler × operating system"),
    ("compiler", "target", "Compiler × target"),
)
ROWS_SHOWN = 50
READ_VIEWS = ("newest_snapshots",)  # by read_snapshots


@dataclass(frozen=True)
class Matrix:
    """The cells of view matrix_cells for two of its dimensions, by row and column; no empty ones.

    The key None stands for a total: of a row, of a column, or of the snapshot.
    """

    title: str
    row_name: str
    column_name: str
    rows: list[str]
    columns: list[str]
    cells: dict[tuple[str | None, str | None], dict[str, Any]]


def read_snapshots(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Return every snapshot with its totals, the newest of each kind first.

    `rank` is null for earlier ones; dates are text, since a tag may name a year that Python lacks.
    """
    query = f"""
        select
            snapshots.* replace (snapshots.snapshot_date::varchar as snapshot_date),
            coalesce(environments.environment_count, 0) as environment_count,
            newest_snapshots.rank
        from snapshots
        left join (
            select tag, count(distinct (platform, os, target)) as environment_count
            from {CATALOG}.spec_stacks
            group by all
        ) as environments using (tag)
        left join newest_snapshots using (tag, kind)
        order by newest_snapshots.rank nulls last,
            snapshots.kind = 'release', snapshots.snapshot_date desc nulls last, tag desc
    """
    return as_dicts(run_query(connection, query))


def read_facts(
    connection: duckdb.DuckDBPyConnection, snapshots: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return what the templates show of the whole history, read from the database."""

    def ask(query: str, *parameters: object) -> list[dict[str, Any]]:
        return as_dicts(run_query(connection, query, list(parameters)))

    newest = newest_snapshot(snapshots)
    (totals,) = ask(
        """
        select
            (select count(*) from pages where suffix(page, '.md')) as page_count,
            -- A package is listed under its first index; each stack has one of its own.
            (
                select count(distinct (tag, stack))
                from spec_stacks
                where tag in (select tag from pages where not suffix(page, '.md'))
                    and not suffix(page, '.md')
            ) as index_count,
            (select count(*) from spec_stacks) as spec_stack_count,
            (select count(*) from rejects) as reject_count
        """
    )
    return {
        "totals": totals
        | {
            "snapshot_count": len(snapshots),
            "spec_count": sum(row["spec_count"] for row in snapshots),
        },
        "sources": sources(totals),
        "sources_text": sources_text(totals),
        "snapshots": snapshots,
        "newest": newest,
        "changes": ask(
            """
            from change_counts(?, ?)
            order by list_position(
                    ['lost', 'gained', 'downgraded', 'upgraded', 'versions changed', 'rebuilt'],
                    change
                ),
                cause is not null, cell_count desc, cause
            """,
            newest["previous_tag"],
            newest["tag"],
        )
        if newest and newest["previous_tag"]
        else [],
        "lifetimes": ask("from lifetime_counts order by tag_count"),
        "reject_codes": ask(
            "select code, count(*) as reject_count from rejects group by all order by all"
        ),
        "rejects": ask(f"from rejects order by page, item limit {ROWS_SHOWN}"),
        "definitions": ask(
            "select view_name, comment from duckdb_views() "
            "where database_name = current_database() and not internal and schema_name = 'main' "
            "order by all"
        ),
        "rows_shown": ROWS_SHOWN,
    }


def exported_facts(
    snapshots: list[dict[str, Any]],
    stored: Callable[[str, list[str]], pl.DataFrame],
    frames: Frames,
) -> dict[str, Any]:
    """Return what the templates show of exported views.

    `stored` returns a view's rows of some snapshots; `frames` are the views of the newest snapshot
    alone.
    """
    tags = [row["tag"] for row in snapshots]
    newest = newest_snapshot(snapshots)

    def of_newest(view: str) -> pl.DataFrame:
        return stored(view, [newest["tag"]]) if newest else pl.DataFrame()

    def of_all(view: str) -> pl.DataFrame:
        return stored(view, tags) if tags else pl.DataFrame()

    holes, differences, trend = map(of_all, ("root_holes", "reconciliation", "coverage_trend"))
    ranked = frames["gap_priority"].drop_nulls("rank").sort("rank", "package")
    return {
        "matrices": [
            widen(of_newest("matrix_cells").to_dicts(), *names) for names in MATRICES if newest
        ],
        "membership": membership(of_newest("snapshot_membership")),
        "lost_packages": lost_packages(of_newest("snapshot_changes")),
        "stacks": ordered(of_newest("stack_coverage"), "package_count", "stack"),
        "duplicates": ordered(of_newest("duplicate_packages"), "surplus_spec_count", "package"),
        "trend": with_days(trend).to_dicts(),
        "difference_count": differences.height,
        "differences": differences.head(ROWS_SHOWN).to_dicts(),
        "hole_count": holes.height,
        "holes": holes.head(ROWS_SHOWN).to_dicts(),
        "gap_package_count": ranked.height,
        "priorities": ranked.head(ROWS_SHOWN).to_dicts(),
        "unmeant_count": frames["gap_priority"]["unmeant_count"].sum(),
        "installable": frames["installable_coverage"].to_dicts(),
        "closure_hole_count": frames["closure_holes"].height,
    }


def newest_snapshot(snapshots: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the snapshot that the page opens with, None if none holds a spec."""
    return next((row for row in snapshots if row["rank"] == 1), None)


def membership(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Return view snapshot_membership: lost first, stacks before packages, the largest first."""
    if frame.is_empty():
        return []
    order = [
        pl.col(name).cast(pl.Enum(values))
        for name, values in (
            ("change", ["lost", "unreadable", "gained"]),
            ("member_kind", ["stack", "environment", "package"]),
        )
    ]
    falling = [False, False, True, True, False]
    return frame.sort(
        *order, "changed_cell_count", "cell_count", "member", descending=falling
    ).to_dicts()


def lost_packages(changes: pl.DataFrame) -> list[str]:
    """Return the packages that lost a cell alone, without their environment, stack or all cells."""
    if changes.is_empty():
        return []
    lost = changes.filter(pl.col("cause") == "cell dropped")
    return sorted(lost["package"].unique(), key=natural_key)


def ordered(frame: pl.DataFrame, count: str, name: str) -> list[dict[str, Any]]:
    """Return rows with the largest count first, those of the same count by name."""
    if frame.is_empty():
        return []
    return frame.sort(count, name, descending=[True, False]).to_dicts()


def with_days(trend: pl.DataFrame) -> pl.DataFrame:
    """Return view coverage_trend by date: `day` counts the days, the date itself is text."""
    if trend.is_empty():
        return trend
    return trend.sort("snapshot_date").with_columns(
        day=pl.col("snapshot_date").to_physical(),
        snapshot_date=pl.col("snapshot_date").cast(pl.String),
    )


def widen(cells: list[dict[str, Any]], row: str, column: str, title: str) -> Matrix:
    """Return the cells of view matrix_cells for two dimensions as a matrix."""
    (absent,) = {"compiler", "os", "target"} - {row, column}
    cells = [cell for cell in cells if cell[absent] is None]
    return Matrix(
        title,
        row,
        column,
        sorted({cell[row] for cell in cells} - {None}, key=natural_key),
        sorted({cell[column] for cell in cells} - {None}, key=natural_key),
        {(cell[row], cell[column]): cell for cell in cells},
    )


def headlines(facts: dict[str, Any]) -> list[str]:
    """Return the lines on what the reports show, which the command and summary.md begin with."""
    totals, newest = facts["totals"], facts["newest"]
    lines = [
        f"read:     {sources_text(totals)} of {counted(totals['snapshot_count'], 'snapshot')}: "
        f"{counted(totals['spec_count'], 'spec')}, "
        f"{counted(totals['spec_stack_count'], 'row')} of spec × stack"
    ]
    if newest is None:
        lines += ["newest:   no snapshot has a spec", "widest:   nothing to cover"]
    else:
        cells = [cell for key, cell in facts["matrices"][0].cells.items() if None not in key]
        widest = max(
            cells, key=lambda cell: (cell["exact_package_count"], cell["os"], cell["target"])
        )
        unreadable = newest["unreadable_package_count"]
        lines += [
            f"newest:   {newest['tag']}: {counted(newest['package_count'], 'package')}"
            + f" and {unreadable:,} unreadable" * bool(unreadable)
            + f", {counted(newest['spec_count'], 'spec')}, "
            f"{counted(newest['environment_count'], 'environment')}",
            f"widest:   {widest['os']} on {widest['target']}: "
            f"{widest['exact_package_count']:,} of {widest['snapshot_package_count']:,} packages "
            f"({widest['exact_pct']:.1f} %)",
        ]
    return [
        *lines,
        f"trust:    {totals['reject_count']:,} rejected, "
        f"{counted(facts['difference_count'], 'difference')} "
        "between pages' summaries and their specs",
    ]


def sources(totals: dict[str, Any]) -> list[tuple[int, str]]:
    """Return how many of each kind of source were read, with their nouns: pages, indexes."""
    kinds = ((totals["page_count"], "page", "pages"), (totals["index_count"], "index", "indexes"))
    found = [(count, one if count == 1 else many) for count, one, many in kinds if count]
    return found or [(0, "pages")]


def sources_text(totals: dict[str, Any]) -> str:
    """Return what was read, for example `30 pages and 2 indexes`."""
    return " and ".join(f"{count:,} {noun}" for count, noun in sources(totals))


def as_dicts(rows: Rows) -> list[dict[str, Any]]:
    """Return rows as mappings by column name."""
    return [dict(zip(rows.columns, row, strict=True)) for row in rows.values]
