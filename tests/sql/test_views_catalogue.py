"""What holds of all views and macros: they say what they read, and answer wherever they are."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import duckdb
import pytest

from pipeline.outputs import DATABASE
from pipeline.schemas import TABLES
from pipeline.warehouse.database import header, shell_command, view_files
from tests.rows import WEEK_2, WEEK_3, ask, open_views

PAIRS = f"[{{tag: '{WEEK_3}', previous_tag: '{WEEK_2}'}}]"
# A question to each macro, on the tags of the sample.
MACRO_CALLS = {
    "cell_changes": f"from cell_changes({PAIRS})",
    "cell_presence": f"from cell_presence({PAIRS})",
    "change_counts": f"from change_counts('{WEEK_2}', '{WEEK_3}')",
    "closure": f"from closure('{WEEK_3}', 'a')",
    "compare_snapshots": f"from compare_snapshots('{WEEK_2}', '{WEEK_3}')",
    "spec_presence": f"from spec_presence({PAIRS})",
    "usable_on": f"from usable_on('{WEEK_3}', 'ubuntu22.04', 'zen4')",
    "usable_on_any_os": f"from usable_on_any_os('{WEEK_3}', 'ubuntu24.04', 'zen4')",
    "usable_specs": f"from usable_specs('{WEEK_3}', 'zen4')",
    "version_component_key": "select version_component_key('develop')",
    "version_key": "select version_key('1.10rc2')",
}
# The same of the small build cache, which alone tells dependencies.
MIRROR_CALL = "from closure('develop-2024-10-20', 'ocqhxy4pr5l3poz6wry4m3aq3iaslsbm')"
NAMES = {file.stem for file in view_files()} | {table.name for table in TABLES}


@pytest.mark.parametrize("file", view_files(), ids=lambda file: file.stem)
def test_a_view_reads_what_its_header_says(file: Path) -> None:
    """The header's `Reads` names every table, view and macro that the statement does, no other."""
    text = file.read_text(encoding="utf-8")
    lines = [line for line in header(text) if line.startswith("Reads: ")]
    stated = set(re.findall(r"\w+", lines[0].partition(";")[0])) & NAMES
    statement = re.sub(r"--.*", "", text)
    read = set(re.findall(r"\b(?:from|join)\s+(\w+)|(\w+)\(", statement))
    assert stated == {name for match in read for name in match} & NAMES - {file.stem}


@pytest.mark.parametrize("file", view_files(), ids=lambda file: file.stem)
def test_a_macro_has_no_common_table_expression(file: Path) -> None:
    """DuckDB 1.4 loses those of a macro that a newer DuckDB stored; it keeps those of a view."""
    statement = re.sub(r"--.*", "", file.read_text(encoding="utf-8"))
    if "create or replace macro" in statement:
        assert not re.search(r"\bwith\b", statement)


@pytest.mark.parametrize("file", view_files(), ids=lambda file: file.stem)
def test_unions_are_not_chained(file: Path) -> None:
    """DuckDB 1.4 can lose the last part of three, as a newer DuckDB stores them.

    It stores `a union all b union all c` as `a union all (b union all c)`, of which 1.4 gives its
    Python client a and b alone. A union whose first part is a union is safe.
    """
    statement = re.sub(r"--.*", "", file.read_text(encoding="utf-8"))
    unions = [0]
    for word in re.findall(r"[()]|\bunion\b", statement):
        if word == "(":
            unions.append(0)
        elif word == ")":
            assert unions.pop() <= 1
        else:
            unions[-1] += 1
    assert unions[0] <= 1


def test_every_view_and_macro_has_a_comment() -> None:
    """The first line of the file is what an explorer shows."""
    firsts = {file.stem: header(file.read_text(encoding="utf-8"))[0] for file in view_files()}
    connection = open_views()
    views = ask(connection, "select view_name, comment from duckdb_views() where not internal")
    macros = ask(
        connection,
        "select function_name, comment from duckdb_functions() where function_type like '%macro'"
        " and not internal",
    )
    assert dict(views) | dict(macros) == firsts
    assert {name for name, _ in macros} == set(MACRO_CALLS)


def test_views_answer_from_an_attached_database(sample: Path, tmp_path: Path) -> None:
    """A copy under another name answers as the database does, whatever else is in use."""
    copy = shutil.copy(sample / DATABASE, tmp_path / "another name.db")
    with duckdb.connect(str(sample / DATABASE), read_only=True) as original:
        views = [
            name
            for (name,) in ask(original, "select view_name from duckdb_views() where not internal")
        ]
        expected = {view: ask(original, f"from {view}") for view in views}
    # Tables and views of the same names, all empty, must not be what answers.
    connection = open_views()
    connection.execute(f"attach '{copy}' as other (read_only)")
    assert {view: ask(connection, f"from other.{view}") for view in views} == expected


def test_macros_answer_in_the_database_in_use(sample: Path, mirror_sample: Path) -> None:
    """A macro finds what it reads in the database that is in use, so that must be its own."""
    connection = duckdb.connect()
    for name, folder in (("other", sample), ("mirror", mirror_sample)):
        connection.execute(f"attach '{folder / DATABASE}' as {name} (read_only)")
    connection.execute("use mirror")
    assert ask(connection, MIRROR_CALL)
    connection.execute("use other")
    for call in MACRO_CALLS.values():
        assert ask(connection, call) or "closure" in call


@pytest.mark.parametrize("source", ["sample", "mirror_sample"])
def test_an_older_client_answers_as_the_writer_does(
    source: str, request: pytest.FixtureRequest
) -> None:
    """DuckDB 1.4 counts the same rows in every view and behind every macro."""
    sample = request.getfixturevalue(source)
    with duckdb.connect(str(sample / DATABASE), read_only=True) as connection:
        views = ask(connection, "select view_name from duckdb_views() where not internal")
        calls = [f"from {view}" for (view,) in views] + [*MACRO_CALLS.values(), MIRROR_CALL]
        counts = [str(len(ask(connection, call))) for call in calls]
    session = "".join(f"select count(*) from ({call});\n" for call in calls)
    result = subprocess.run(
        shell_command(sample),
        input=f".mode list\n.headers off\n{session}",
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stderr == ""
    assert result.stdout.split() == counts
