"""Write the website: the reports, the database, and the page that queries it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import __version__
from pipeline.errors import OutputError, WebsiteError, not_written
from pipeline.outputs import (
    DATABASE,
    REPORTS_FOLDER,
    WEBSITE_FOLDER,
    clear_drafts,
    draft_path,
    hold_lock,
    lock_path,
    replace_folder,
)
from pipeline.report.write import environment
from pipeline.warehouse.database import open_warehouse, run_query
from pipeline.website.npm import download_packages, unpack_packages

if TYPE_CHECKING:
    import duckdb

LIBRARIES_FOLDER = "lib"
# A symbolic link to the repository's cookbook, so that wheels have it too.
COOKBOOK = Path(__file__).parent / "COOKBOOK.md"
RECIPE = re.compile(r"^## (?P<title>.*?)\n(?P<text>.*?)```sql\n(?P<query>.*?)```", re.M | re.S)
# The paths of the libraries' modules, by the names under which they import each other.
IMPORTS = {
    "apache-arrow": "./arrow.js",
    "@duckdb/duckdb-wasm": f"./{LIBRARIES_FOLDER}/duckdb-wasm/dist/duckdb-browser.mjs",
    "hyparquet": f"./{LIBRARIES_FOLDER}/hyparquet/src/index.js",
    "hyparquet/": f"./{LIBRARIES_FOLDER}/hyparquet/",
    "hyparquet-writer": f"./{LIBRARIES_FOLDER}/hyparquet-writer/src/index.js",
}
# The mark in the report's page that is replaced by links to the other pages.
LINKS_MARK = "<!-- links of the website -->"


@dataclass(frozen=True)
class Website:
    """A written website: its folder, and why it has no SQL page, if so."""

    folder: Path
    missing: str | None


@dataclass(frozen=True)
class Relation:
    """A table, view or macro: its name, description, and columns with types and descriptions."""

    name: str
    call: str
    kind: str
    comment: str
    columns: list[dict[str, str]]


def write_website(
    out: Path, *, packages: Path | None = None, waits: Callable[[], None] = lambda: None
) -> Website:
    """Write `out`/site from the database and the reports below `out`.

    The browser libraries come from the tarballs in `packages`, else from npm. Without them, the
    website has only the report and the database.

    Raises
    ------
    OutputError
        There is no database or no report, or the website can't be written.
    """
    report = out / REPORTS_FOLDER / "index.html"
    if not report.is_file():
        raise OutputError(
            f"{report}: no such report; write it with 'cache-coverage report --out {out}'"
        )
    lock = hold_lock(lock_path(out, WEBSITE_FOLDER), waits=waits)
    draft = draft_path(out, WEBSITE_FOLDER)
    try:
        with lock, open_warehouse(out) as connection:
            clear_drafts(out, WEBSITE_FOLDER)
            try:
                shutil.copytree(out / REPORTS_FOLDER, draft)
                shutil.copyfile(out / DATABASE, draft / DATABASE)
                missing = write_libraries(draft / LIBRARIES_FOLDER, packages)
                write_pages(connection, draft, has_sql=missing is None)
                replace_folder(draft, out / WEBSITE_FOLDER)
            finally:
                clear_drafts(out, WEBSITE_FOLDER)
    except OSError as error:
        raise not_written(error, out) from error
    return Website(out / WEBSITE_FOLDER, missing)


def write_libraries(folder: Path, packages: Path | None) -> str | None:
    """Write the browser libraries to `folder`; return why they are unavailable, or None."""
    try:
        with tempfile.TemporaryDirectory() as downloads:
            if packages is None:
                download_packages(Path(downloads))
            unpack_packages(packages or Path(downloads), folder)
    except WebsiteError as error:
        shutil.rmtree(folder, ignore_errors=True)
        return str(error)
    return None


def write_pages(connection: duckdb.DuckDBPyConnection, folder: Path, *, has_sql: bool) -> None:
    """Write the website's own pages, and link to them from the report."""
    relations = list(read_relations(connection))
    imports = json.dumps({"imports": IMPORTS}, separators=(",", ":"))
    shown = {
        "relations": relations,
        "data": {
            "database": DATABASE,
            "relations": [asdict(relation) for relation in relations],
            "recipes": read_recipes(),
        },
        "imports": imports,
        # Inline scripts are forbidden, except for this one.
        "imports_hash": base64.b64encode(hashlib.sha256(imports.encode()).digest()).decode(),
        "has_sql": has_sql,
        "database": DATABASE,
        "version": __version__,
        "arrow": f"{LIBRARIES_FOLDER}/apache-arrow/Arrow.es2015.min.js",
    }
    templates = environment("pipeline.website")
    names = ["dictionary.html", "website.css"]
    if has_sql:
        names += ["sql.html", "sql.js", "arrow.js"]
    for name in names:
        text = templates.get_template(f"{name}.j2").render(shown)
        (folder / name).write_text(text, encoding="utf-8")
    links = templates.get_template("links.html.j2").render(shown)
    report = folder / "index.html"
    report.write_text(report.read_text(encoding="utf-8").replace(LINKS_MARK, links), "utf-8")


def read_relations(connection: duckdb.DuckDBPyConnection) -> Iterator[Relation]:
    """Yield the tables, views and macros of the main schema with their comments."""
    columns: dict[str, list[dict[str, str]]] = {}
    for relation, name, dtype, comment in run_query(
        connection,
        """
        select table_name, column_name, lower(data_type), coalesce(comment, '')
        from duckdb_columns()
        where not internal and schema_name = 'main'
        order by table_name, column_index
        """,
    ).values:
        columns.setdefault(relation, []).append({"name": name, "type": dtype, "comment": comment})
    for kind, name, parameters, comment in run_query(
        connection,
        """
        select 'table' as kind, table_name as name, null::varchar[] as parameters, comment
        from duckdb_tables()
        where schema_name = 'main' and not internal
        union all
        select 'view', view_name, null, comment
        from duckdb_views()
        where schema_name = 'main' and not internal
        union all
        select 'macro', function_name, parameters, comment
        from duckdb_functions()
        where schema_name = 'main' and not internal
        order by kind = 'macro', kind = 'view', name
        """,
    ).values:
        call = name if parameters is None else f"{name}({', '.join(parameters)})"
        yield Relation(name, call, kind, comment or "", columns.get(name, []))


def read_recipes() -> list[dict[str, str]]:
    """Return the cookbook's queries, each with its title and explanation."""
    return [
        {
            "title": match["title"].strip(),
            "text": " ".join(match["text"].split()),
            "query": match["query"].strip(),
        }
        for match in RECIPE.finditer(COOKBOOK.read_text(encoding="utf-8"))
    ]
