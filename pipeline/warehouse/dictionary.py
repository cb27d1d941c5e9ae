"""The data dictionary: every table, view and macro with its columns, read from a built database.

Run as `python -m pipeline.warehouse.dictionary OUT > DICTIONARY.md`; `make dictionary` does.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.schemas import TABLES
from pipeline.warehouse.columns import describe_column
from pipeline.warehouse.database import open_warehouse, run_query
from pipeline.warehouse.views import STEPS, View, load_views

if TYPE_CHECKING:
    import duckdb

HEAD = """\
# Data dictionary

Every table, view and macro of `coverage.duckdb`, as the database itself describes them. Made by
`make dictionary` from the schemas in `pipeline/schemas.py` and the headers in `sql/`. The views and
macros that answer questions lie in the schema `main`; the helpers that they build on lie in `steps`
and come last.
"""
# What a macro is called with to see its columns; any other parameter is text.
SAMPLE_ARGUMENTS = {
    "locks_table": "'lock_specs'",
    "stack_names": "[]",
    "pairs": "[{tag: '', previous_tag: ''}]",
}


def write_dictionary(connection: duckdb.DuckDBPyConnection) -> str:
    """Write the dictionary as Markdown."""
    return "\n".join([HEAD, *table_sections(connection), *view_sections(connection)])


def table_sections(connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Yield a section for each table."""
    yield "## Tables\n"
    for table in TABLES:
        columns = (
            (name, dtype, column.description + (" May be null." if column.nullable else ""))
            for (name, dtype), column in zip(
                describe(connection, table.name), table.columns, strict=True
            )
        )
        key = ", ".join(f"`{name}`" for name in table.key)
        yield f"### {table.name}\n\n{table.description} Key: {key}.\n"
        yield column_table(columns)


def view_sections(connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Yield a section for each view and macro: answers by theme, then steps."""
    views = sorted(load_views(), key=lambda view: view.file)
    parameters = dict(
        run_query(
            connection,
            "select function_name, parameters from duckdb_functions() "
            "where not internal and function_type in ('macro', 'table_macro')",
        ).values
    )
    yield "## Views and macros\n"
    for view in views:
        if view.schema != STEPS:
            yield from view_section(connection, view, parameters.get(view.name))
    yield f"## Steps: helpers in the schema `{STEPS}`\n"
    for view in views:
        if view.schema == STEPS:
            yield from view_section(connection, view, parameters.get(view.name))


def view_section(
    connection: duckdb.DuckDBPyConnection, view: View, parameters: list[str] | None
) -> Iterator[str]:
    """Yield a view's heading with its header, and its columns; a scalar macro has none."""
    call = view.path if parameters is None else f"{view.path}({', '.join(parameters)})"
    yield f"### {call}\n\n{view.sentence}\n\n{view.notes}\n"
    if view.kind == "macro":
        return
    if parameters is not None:
        arguments = (SAMPLE_ARGUMENTS.get(name, "''") for name in parameters)
        call = f"from {view.path}({', '.join(arguments)})"
    columns = describe(connection, call)
    yield column_table((column, dtype, describe_column(column)) for column, dtype in columns)


def describe(connection: duckdb.DuckDBPyConnection, relation: str) -> list[tuple[str, str]]:
    """Return the names and types of the columns of a table, view or query."""
    rows = run_query(connection, f"describe {relation}").values
    return [(name, dtype.lower()) for name, dtype, *_ in rows]


def column_table(columns: Iterable[tuple[str, str, str]]) -> str:
    """Write columns as a Markdown table."""
    lines = ["| column | type | meaning |", "| --- | --- | --- |"]
    lines += [f"| `{name}` | {dtype} | {meaning} |" for name, dtype, meaning in columns]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the dictionary of the database in the folder named, or in outputs."""
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "outputs")
    with open_warehouse(out) as connection:
        sys.stdout.write(write_dictionary(connection))


if __name__ == "__main__":
    main()
