"""Rows to a page, a summary and CSV files: what the views say, laid out to be read.

No number is computed here: each comes from a view, and is only put in its place.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2

from pipeline.errors import OutputError, SchemaError
from pipeline.locks import hold_lock
from pipeline.render import escape_markdown
from pipeline.replace import replace_folder
from pipeline.state import TABLES_FOLDER, State
from pipeline.text import printable
from pipeline.warehouse import Rows, open_warehouse, run_query

if TYPE_CHECKING:
    import duckdb

REPORTS_FOLDER = "reports"
CSV_NAMES = ("gaps", "snapshot_changes", "stack_coverage", "rejects", "reconciliation")
MATRICES = (
    ("coverage_os_target", "os", "target", "Operating system × target"),
    ("coverage_compiler_os", "compiler", "os", "Compiler × operating system"),
    ("coverage_compiler_target", "compiler", "target", "Compiler × target"),
)
REJECTS_SHOWN = 50


@dataclass(frozen=True)
class Matrix:
    """A coverage view of one snapshot, widened: cells by row and column, absent where empty."""

    view: str
    title: str
    row_name: str
    column_name: str
    rows: list[str]
    columns: list[str]
    cells: dict[tuple[str, str], dict[str, Any]]


def write_reports(out: Path, waits: Callable[[], None] = lambda: None) -> list[str]:
    """Write `out`/reports anew and give the five lines that say what is in it.

    `waits` is called if another run writes them, before this one waits for it.

    Raises
    ------
    OutputError
        There is no database, or the reports can't be written.
    """
    draft = out / f".{REPORTS_FOLDER}.{os.getpid()}"
    locks = State(out / TABLES_FOLDER).folder
    # A database that stands alone is nobody's work in progress.
    lock = hold_lock(locks / REPORTS_FOLDER, waits=waits) if locks.is_dir() else nullcontext()
    try:
        with lock, open_warehouse(out) as connection:
            clear_drafts(out)
            try:
                names = write_csv_files(connection, draft / "csv")
                facts = read_facts(connection)
                for name in ("index.html", "summary.md"):
                    text = environment().get_template(f"{name}.j2").render(facts, csv_names=names)
                    (draft / name).write_text(text, encoding="utf-8")
                replace_folder(draft, out / REPORTS_FOLDER)
            finally:
                clear_drafts(out)
    except OSError as error:
        raise OutputError(
            f"{error.filename or out}: can't be written: {error.strerror}; "
            "free some space, or name another folder with --out"
        ) from error
    return [f"reports:  {out / REPORTS_FOLDER / 'index.html'}, summary.md, csv/", *headlines(facts)]


def clear_drafts(out: Path) -> None:
    """Remove drafts, those too of a run that was killed: who writes does so alone."""
    for draft in out.glob(f".{REPORTS_FOLDER}.*"):
        shutil.rmtree(draft, ignore_errors=True)


def write_csv_files(connection: duckdb.DuckDBPyConnection, folder: Path) -> list[str]:
    """Write each view that has a CSV file, its rows in order; give the views' names."""
    folder.mkdir(parents=True)
    views = run_query(connection, "select view_name from duckdb_views() where not internal")
    coverage = sorted(name for (name,) in views.values if name.startswith("coverage_"))
    names = [*coverage, *CSV_NAMES]
    for name in names:
        frame = connection.sql(f"from {name} order by all").pl()
        nested = [column for column, dtype in frame.schema.items() if dtype.is_nested()]
        if nested:
            raise SchemaError(f"{name}: a CSV file can't hold lists: {', '.join(nested)}")
        frame.write_csv(folder / f"{name}.csv")
    return names


def read_facts(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Read from the views all that the templates show."""
    snapshots = as_dicts(
        run_query(
            connection,
            """
            select snapshots.*, environments.environment_count
            from snapshots
            left join (
                select tag, count(*) as environment_count from environments group by all
            ) as environments using (tag)
            left join newest_snapshots using (tag, kind)
            order by coalesce(newest_snapshots.rank = 1, false) desc,
                kind = 'release', snapshot_date desc nulls last, tag desc
            """,
        )
    )
    newest = next((row for row in snapshots if row["spec_count"]), None)
    totals = as_dicts(
        run_query(
            connection,
            """
            select
                (select count(*) from pages) as page_count,
                (select count(*) from snapshots) as snapshot_count,
                (select count(*) from specs) as spec_count,
                (select count(*) from spec_stacks) as spec_stack_count,
                (select count(*) from rejects) as reject_count,
                (select count(*) from reconciliation) as difference_count
            """,
        )
    )[0]
    return {
        "totals": totals,
        "snapshots": snapshots,
        "newest": newest,
        "matrices": [
            read_matrix(connection, newest["tag"], *matrix) for matrix in MATRICES if newest
        ],
        "reject_codes": as_dicts(
            run_query(
                connection,
                "select code, count(*) as reject_count from rejects group by all order by all",
            )
        ),
        "rejects": as_dicts(
            run_query(connection, f"from rejects order by page, item limit {REJECTS_SHOWN}")
        ),
        "differences": as_dicts(
            run_query(connection, f"from reconciliation order by all limit {REJECTS_SHOWN}")
        ),
        "rows_shown": REJECTS_SHOWN,
    }


def read_matrix(
    connection: duckdb.DuckDBPyConnection, tag: str, view: str, row: str, column: str, title: str
) -> Matrix:
    """Read a coverage view of one snapshot and widen it."""
    cells = as_dicts(run_query(connection, f"from {view} where tag = ? order by all", [tag]))
    return Matrix(
        view,
        title,
        row,
        column,
        sorted({cell[row] for cell in cells}),
        sorted({cell[column] for cell in cells}),
        {(cell[row], cell[column]): cell for cell in cells},
    )


def headlines(facts: dict[str, Any]) -> list[str]:
    """Say in four lines what the reports say."""
    totals, newest = facts["totals"], facts["newest"]
    lines = [
        f"read:     {totals['page_count']:,} pages of {totals['snapshot_count']:,} snapshots: "
        f"{totals['spec_count']:,} specs, {totals['spec_stack_count']:,} rows of spec × stack"
    ]
    if newest is None:
        lines += ["newest:   no snapshot has a spec", "widest:   nothing to cover"]
    else:
        cells = facts["matrices"][0].cells.values()
        widest = max(cells, key=lambda cell: (cell["package_count"], cell["os"], cell["target"]))
        lines += [
            f"newest:   {newest['tag']}: {newest['package_count']:,} packages, "
            f"{newest['spec_count']:,} specs, {newest['environment_count']:,} environments",
            f"widest:   {widest['os']} on {widest['target']}: {widest['package_count']:,} of "
            f"{widest['snapshot_package_count']:,} packages ({widest['package_pct']:.1f} %)",
        ]
    return [
        *lines,
        f"trust:    {totals['reject_count']:,} rejected, {totals['difference_count']:,} "
        "differences between pages' summaries and their specs",
    ]


def as_dicts(rows: Rows) -> list[dict[str, Any]]:
    """Give rows by column name."""
    return [dict(zip(rows.columns, row, strict=True)) for row in rows.values]


def environment() -> jinja2.Environment:
    """Give the templates' environment: markup escapes itself, and a missing name raises."""
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("pipeline.report"),
        autoescape=jinja2.select_autoescape(enabled_extensions=("html.j2",)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters["md"] = lambda value: escape_markdown(printable(str(value)))
    templates.filters["n"] = lambda value: f"{value:,}"
    templates.filters["pct"] = lambda value: f"{value:.1f}"
    return templates
