"""Consistency checks of a new database: each file of sql/checks is a query whose rows are failures.

Tables are checked completely. Checks with `$tag` read views, which takes longer, and run for one
snapshot at a time: by default, only for the newest of each line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.errors import CheckError
from pipeline.rows import Rows, render_table
from pipeline.warehouse.database import run_query
from pipeline.warehouse.threads import thread_pool
from pipeline.warehouse.views import check_files, header

if TYPE_CHECKING:
    import duckdb

ROWS_SHOWN = 5
EVERY_TAG = "select tag from steps.snapshot_tags order by tag"
NEWEST_TAGS = """
    select tag
    from steps.snapshot_tags
    where tag not in (select previous_tag from steps.snapshot_tags where previous_tag is not null)
    order by tag
"""


def check_warehouse(connection: duckdb.DuckDBPyConnection, *, every_snapshot: bool = False) -> None:
    """Run all checks on the current database.

    Raises
    ------
    CheckError
        A check returned rows; the message has the first ones of each.
    """
    tags = run_query(connection, EVERY_TAG if every_snapshot else NEWEST_TAGS).values
    ((catalog,),) = run_query(connection, "select current_database()").values

    def run(query: str, asked: dict[str, object]) -> Rows:
        with connection.cursor() as cursor:
            cursor.execute(f'use "{catalog}"')
            return run_query(cursor, query, asked)

    findings: dict[str, str] = {}
    with thread_pool() as pool:
        queries = {file.stem: file.read_text(encoding="utf-8") for file in check_files()}
        running = [
            (name, pool.submit(run, query, asked))
            for name, query in queries.items()
            for asked in ([{"tag": tag} for (tag,) in tags] if "$tag" in query else [{}])
        ]
        for name, future in running:
            failures = future.result()
            if failures.values:
                sentence, *_ = header(queries[name])
                findings.setdefault(
                    name, f"check {name} failed: {sentence}\n{first_rows(failures)}"
                )
    if findings:
        raise CheckError("\n".join(findings.values()))


def first_rows(failures: Rows) -> str:
    """Return the first rows as a table, and the number of further ones."""
    table = render_table(Rows(failures.columns, failures.values[:ROWS_SHOWN]))
    more = len(failures.values) - ROWS_SHOWN
    return table.rstrip() + (f" and {more} more" if more > 0 else "")
