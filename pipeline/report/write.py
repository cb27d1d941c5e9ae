"""Rows to a page, a summary and CSV files: what the views say, laid out to be read.

No number is computed here: each comes from a view, and is only put in its place.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2

from pipeline.errors import not_written
from pipeline.outputs import (
    DATABASE,
    REPORTS_FOLDER,
    clear_drafts,
    draft_path,
    hold_lock,
    lock_path,
    replace_folder,
)
from pipeline.report.charts import lifetime_chart, trend_chart
from pipeline.report.csv_files import csv_views, write_csv_files
from pipeline.report.data import HISTORY, VIEWS, write_data
from pipeline.report.facts import headlines, read_facts
from pipeline.report.views import read_views
from pipeline.rows import escape_markdown
from pipeline.text import counted, printable
from pipeline.warehouse.database import open_warehouse
from pipeline.warehouse.dictionary import write_dictionary

if TYPE_CHECKING:
    import duckdb

SCRIPTS = ("data", "dom", "matrices", "packages", "snapshot", "main")  # as they build on each other


def write_reports(out: Path, waits: Callable[[], None] = lambda: None) -> list[str]:
    """Write `out`/reports anew and give the five lines that say what is in it.

    `waits` is called if another run writes them, before this one waits for it.

    Raises
    ------
    OutputError
        There is no database, or the reports can't be written.
    """
    draft = draft_path(out, REPORTS_FOLDER)
    # Where there is no folder, opening the database says so.
    lock = hold_lock(lock_path(out, REPORTS_FOLDER), waits=waits) if out.is_dir() else nullcontext()
    try:
        with lock, open_warehouse(out) as connection:
            clear_drafts(out, REPORTS_FOLDER)
            try:
                facts = write_files(connection, draft)
                replace_folder(draft, out / REPORTS_FOLDER)
            finally:
                clear_drafts(out, REPORTS_FOLDER)
    except OSError as error:
        raise not_written(error, out) from error
    return [f"reports:  {out / REPORTS_FOLDER / 'index.html'}, summary.md, csv/", *headlines(facts)]


def write_files(connection: duckdb.DuckDBPyConnection, folder: Path) -> dict[str, Any]:
    """Write every file of the reports below `folder`; give the facts that they show."""
    csv_names = csv_views(connection)
    frames = read_views(connection, [*csv_names, *VIEWS.values()])
    write_csv_files({name: frames[name] for name in csv_names}, folder / "csv")
    facts = read_facts(connection, frames)
    own = [row["tag"] for row in facts["snapshots"] if row["rank"]]
    write_data(connection, folder / "data", own, frames)
    (folder / "dictionary.md").write_text(write_dictionary(connection), encoding="utf-8")
    shown = facts | {
        "charts": {
            "trend": trend_chart(facts["trend"]) if facts["trend"] else None,
            "lifetimes": lifetime_chart(facts["lifetimes"]) if facts["lifetimes"] else None,
        },
        "page_data": page_data(connection, facts, own),
        "csv_rows": {name: frames[name].height for name in csv_names},
        "scripts": SCRIPTS,
        "database": DATABASE,
    }
    templates = environment()
    for name in ("index.html", "summary.md"):
        text = templates.get_template(f"{name}.j2").render(shown)
        (folder / name).write_text(text, encoding="utf-8")
    return facts


def page_data(
    connection: duckdb.DuckDBPyConnection, facts: dict[str, Any], own: list[str]
) -> dict[str, Any]:
    """Give what the scripts know before they load anything: snapshots and what runs on what.

    `runs_on` is of the targets that have specs: each with those whose binaries it runs, the
    nearest first.
    """
    runs_on = connection.execute(
        """
        select host_target, list(binary_target order by distance, binary_target)
        from targets
        where host_target in (select target from environments)
            and binary_target in (select target from environments)
        group by all
        order by all
        """
    ).fetchall()
    names = ("tag", "kind", "previous_tag", "package_count", "spec_count", "environment_count")
    return {
        "snapshots": [
            {name: row[name] for name in names}
            | {"file": row["tag"] if row["rank"] else HISTORY, "is_newest": bool(row["rank"])}
            for row in facts["snapshots"]
        ],
        "history": sorted(row["tag"] for row in facts["snapshots"] if row["tag"] not in own),
        "runs_on": dict(runs_on),
    }


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
    templates.policies["json.dumps_kwargs"] = {"sort_keys": False, "separators": (",", ":")}
    templates.filters["md"] = lambda value: escape_markdown(printable(str(value)))
    templates.filters["shown"] = lambda value: printable(str(value))
    templates.filters["n"] = lambda value: "–" if value is None else f"{value:,}"
    templates.filters["counted"] = counted
    templates.filters["r"] = lambda value: f"{value:.1f}"
    templates.filters["pct"] = lambda value: f"{value:.1f}"
    return templates
