"""What the templates show, asked of the views: no number is computed here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from pipeline.report.views import Frames
from pipeline.rows import Rows
from pipeline.text import counted, natural_key
from pipeline.warehouse.database import run_query

if TYPE_CHECKING:
    import duckdb

MATRICES = (
    ("os", "target", "Operating system × target"),
    ("compiler", "os", "Compiler × operating system"),
    ("compiler", "target", "Compiler × target"),
)
ROWS_SHOWN = 50


@dataclass(frozen=True)
class Matrix:
    """Two names of view matrix_cells widened: cells by row and column, absent where empty.

    The key None stands for all: a row's, a column's, or the snapshot's total.
    """

    title: str
    row_name: str
    column_name: str
    rows: list[str]
    columns: list[str]
    cells: dict[tuple[str | None, str | None], dict[str, Any]]


def read_facts(connection: duckdb.DuckDBPyConnection, frames: Frames) -> dict[str, Any]:
    """Read all that the templates show; `frames` are views' rows that were read before, by view."""

    def ask(query: str, *parameters: object) -> list[dict[str, Any]]:
        return as_dicts(run_query(connection, query, list(parameters)))

    snapshots = ask(
        """
        select
            snapshots.*,
            coalesce(environments.environment_count, 0) as environment_count,
            newest_snapshots.rank
        from snapshots
        left join (
            select tag, count(*) as environment_count from environments group by all
        ) as environments using (tag)
        left join newest_snapshots using (tag, kind)
        order by newest_snapshots.rank nulls last,
            snapshots.kind = 'release', snapshots.snapshot_date desc nulls last, tag desc
        """
    )
    holes = connection.sql("from root_holes order by tag desc, package, hash").pl()
    newest = next((row for row in snapshots if row["rank"] == 1), None)

    def of_newest(view: str) -> pl.DataFrame:
        return frames[view].filter(pl.col("tag") == (newest["tag"] if newest else ""))

    return {
        "totals": ask(
            """
            select
                (select count(*) from pages) as page_count,
                (select count(*) from snapshots) as snapshot_count,
                (select count(*) from specs) as spec_count,
                (select count(*) from spec_stacks) as spec_stack_count
            """
        )[0]
        | {
            "reject_count": frames["rejects"].height,
            "hole_count": holes.height,
            "difference_count": frames["reconciliation"].height,
        },
        "snapshots": snapshots,
        "newest": newest,
        "matrices": [
            widen(of_newest("matrix_cells").to_dicts(), *names) for names in MATRICES if newest
        ],
        "changes": ask(
            """
            from change_counts(?, ?)
            order by list_position(['lost', 'gained', 'upgraded', 'rebuilt'], change),
                cause is not null, cell_count desc, cause
            """,
            newest["previous_tag"],
            newest["tag"],
        )
        if newest and newest["previous_tag"]
        else [],
        "stacks": of_newest("stack_coverage")
        .sort("package_count", "stack", descending=[True, False])
        .to_dicts(),
        "duplicates": of_newest("duplicate_packages").sort("rank", "package").to_dicts(),
        "trend": frames["coverage_trend"].sort("snapshot_date").to_dicts(),
        "lifetimes": ask("from lifetime_counts order by tag_count"),
        "reject_codes": ask(
            "select code, count(*) as reject_count from rejects group by all order by all"
        ),
        "rejects": frames["rejects"].sort("page", "item").head(ROWS_SHOWN).to_dicts(),
        "differences": frames["reconciliation"].head(ROWS_SHOWN).to_dicts(),
        "holes": holes.head(ROWS_SHOWN).to_dicts(),
        "definitions": ask(
            "select view_name, comment from duckdb_views() where not internal order by all"
        ),
        "rows_shown": ROWS_SHOWN,
    }


def widen(cells: list[dict[str, Any]], row: str, column: str, title: str) -> Matrix:
    """Widen those cells of view matrix_cells that are of these two names."""
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
    """Say in four lines what the reports say."""
    totals, newest = facts["totals"], facts["newest"]
    lines = [
        f"read:     {counted(totals['page_count'], 'page')} of "
        f"{counted(totals['snapshot_count'], 'snapshot')}: "
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
        lines += [
            f"newest:   {newest['tag']}: {counted(newest['package_count'], 'package')}, "
            f"{counted(newest['spec_count'], 'spec')}, "
            f"{counted(newest['environment_count'], 'environment')}",
            f"widest:   {widest['os']} on {widest['target']}: "
            f"{widest['exact_package_count']:,} of {widest['snapshot_package_count']:,} packages "
            f"({widest['exact_pct']:.1f} %)",
        ]
    return [
        *lines,
        f"trust:    {totals['reject_count']:,} rejected, {totals['difference_count']:,} "
        "differences between pages' summaries and their specs",
    ]


def as_dicts(rows: Rows) -> list[dict[str, Any]]:
    """Give rows by column name."""
    return [dict(zip(rows.columns, row, strict=True)) for row in rows.values]
