"""Properties of all views and macros: their headers are right, and they work in any database."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import duckdb
import pytest

from pipeline.errors import OutputError
from pipeline.outputs import DATABASE
from pipeline.schemas import DATABASE_TABLES
from pipeline.warehouse import views
from pipeline.warehouse.views import View, load_views
from tests.conftest import run_session
from tests.rows import WEEK_2, WEEK_3, ask, open_views

PAIRS = f"[{{tag: '{WEEK_3}', previous_tag: '{WEEK_2}'}}]"
# A call of each macro, with tags of the sample.
HOST = "[], 'ubuntu22.04', 'zen4'"  # any stack
MACRO_CALLS = {
    "cell_changes": f"from steps.cell_changes({PAIRS})",
    "cell_members": "select steps.cell_members('zlib', 'linux', 'rhel8', 'zen4', ['e4s'])",
    "cell_presence": f"from steps.cell_presence({PAIRS})",
    "change_counts": f"from change_counts('{WEEK_2}', '{WEEK_3}')",
    "changed_stacks": f"from steps.changed_stacks({PAIRS})",
    "closure": f"from closure('{WEEK_3}', 'a')",
    "compare_membership": f"from compare_membership('{WEEK_2}', '{WEEK_3}')",
    "compare_snapshots": f"from compare_snapshots('{WEEK_2}', '{WEEK_3}')",
    "lock_blockers": f"from steps.lock_blockers('lock_specs', '{WEEK_3}', [])",
    "lock_candidates": f"from steps.lock_candidates('lock_specs', '{WEEK_3}', [])",
    "lock_complete_roots": "from steps.lock_complete_roots('lock_specs')",
    "lock_coverage": f"from lock_coverage('{WEEK_3}')",
    "lock_coverage_of": f"from steps.lock_coverage_of('lock_specs', '{WEEK_3}', {HOST})",
    "lock_dependency_differences": (
        f"from steps.lock_dependency_differences('lock_specs', '{WEEK_3}', {HOST})"
    ),
    "lock_holdings": "from steps.lock_holdings('lock_specs')",
    "lock_nearest": f"from steps.lock_nearest('lock_specs', '{WEEK_3}', {HOST})",
    "lock_snapshots_of": "from steps.lock_snapshots_of('lock_specs')",
    "lock_states": f"from steps.lock_states('lock_specs', '{WEEK_3}', [])",
    "membership_changes": f"from steps.membership_changes({PAIRS})",
    "pair_sides": f"from steps.pair_sides({PAIRS})",
    "specs_on_os": f"from steps.specs_on_os('{WEEK_3}', 'ubuntu24.04', null)",
    "spec_presence": f"from steps.spec_presence({PAIRS})",
    "usable_on": f"from usable_on('{WEEK_3}', 'ubuntu22.04', 'zen4')",
    "usable_on_any_os": f"from usable_on_any_os('{WEEK_3}', 'ubuntu24.04', 'zen4')",
    "usable_specs": f"from steps.usable_specs('{WEEK_3}', 'zen4')",
    "variant_differences": "select steps.variant_differences(['+a'], ['~a'])",
    "version_component_key": "select steps.version_component_key('develop')",
    "version_key": "select version_key('1.10rc2')",
}
# Calls on the small build cache, which has dependencies.
MIRROR_CALL = "from closure('develop-2024-10-20', 'ocqhxy4pr5l3poz6wry4m3aq3iaslsbm')"
VIEWS = load_views()
NAMES = {view.name for view in VIEWS} | {table.name for table in DATABASE_TABLES}
each_view = pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)


def body(view: View) -> str:
    """Return a file's statement without comments."""
    return re.sub(r"--.*", "", view.statement)


@each_view
def test_a_view_reads_what_its_header_says(view: View) -> None:
    """`Reads:` names exactly the tables, views and macros in the statement."""
    read = set(re.findall(r"\b(?:from|join)\s+(?:\w+\.)?(\w+)|(\w+)\(", body(view)))

    assert set(view.reads) == {name for match in read for name in match} & NAMES - {view.name}


def test_views_come_after_what_they_read() -> None:
    """Each view and macro is created once, after all that it reads."""
    done: set[str] = {table.name for table in DATABASE_TABLES}
    for view in VIEWS:
        assert set(view.reads) <= done
        done.add(view.name)
    assert len(done) == len(DATABASE_TABLES) + len(VIEWS)


@pytest.mark.parametrize(
    ("reads", "message"),
    [
        ("pages, nowhere", "one.sql: 'Reads: nowhere' is neither a table nor a file of sql/"),
        ("two", "part of a cycle: "),
        ("one", "one.sql: part of a cycle: one < one"),
    ],
)
def test_a_wrong_header_is_refused_with_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads: str, message: str
) -> None:
    """An unknown name or a cycle is an error that names the file and the problem."""
    folder = tmp_path / "theme"
    folder.mkdir()
    for name, read in (("one", reads), ("two", "one")):
        (folder / f"{name}.sql").write_text(
            f"-- What it is.\n-- Grain: one row per tag.\n-- Reads: {read}\n"
            f"create or replace view {name} as from pages;\n"
        )
    monkeypatch.setattr(views, "SQL_FOLDER", tmp_path)

    with pytest.raises(OutputError, match=r"(one|two)\.sql: ") as raised:
        load_views()

    assert message in str(raised.value)


@pytest.mark.parametrize("source", ["sample", "mirror_sample"])
def test_the_grain_is_unique(source: str, request: pytest.FixtureRequest) -> None:
    """In every view and table macro, the columns of `Grain:` are unique."""
    folder = request.getfixturevalue(source)
    repeated = {}
    with duckdb.connect(str(folder / DATABASE), read_only=True) as connection:
        for view in VIEWS:
            if view.kind == "macro":
                continue
            assert view.grain, view.file
            rows = MACRO_CALLS.get(view.name, f"from {view.path}")
            if source == "mirror_sample" and view.name == "closure":
                rows = MIRROR_CALL
            query = f"select {', '.join(view.grain)} {rows} group by all having count(*) > 1"
            repeated[view.name] = connection.execute(query).fetchall()
    assert {name: found for name, found in repeated.items() if found} == {}


@each_view
def test_a_macro_has_no_common_table_expression(view: View) -> None:
    """DuckDB 1.4 loses those of a macro stored by a newer version; in views it keeps them."""
    if view.kind != "view":
        assert not re.search(r"\bwith\b", re.sub(r"'[^']*'", "", body(view)))


@each_view
def test_unions_are_not_chained(view: View) -> None:
    """DuckDB 1.4 may lose the last part of three, as newer versions store them.

    It stores `a union all b union all c` as `a union all (b union all c)`, of which 1.4 gives its
    Python client a and b alone. A union whose first part is a union is safe.
    """
    unions = [0]
    for word in re.findall(r"[()]|\bunion\b", body(view)):
        if word == "(":
            unions.append(0)
        elif word == ")":
            assert unions.pop() <= 1
        else:
            unions[-1] += 1
    assert unions[0] <= 1


@each_view
def test_no_columns_are_excluded(view: View) -> None:
    """DuckDB stores their names in any order: equal tables would be two databases."""
    assert not re.search(r"\bexclude\b", body(view))


def test_every_view_and_macro_has_a_comment() -> None:
    """The first line of the file is shown by explorers."""
    sentences = {view.path: view.sentence for view in VIEWS}
    connection = open_views()
    path = "replace(schema_name || '.', 'main.', '')"
    found = ask(
        connection,
        f"select {path} || view_name, comment from duckdb_views() where not internal",
    ) + ask(
        connection,
        f"select {path} || function_name, comment from duckdb_functions() "
        "where function_type like '%macro' and not internal",
    )
    assert dict(found) == sentences
    assert {view.name for view in VIEWS if view.kind != "view"} == set(MACRO_CALLS)


def test_an_explorer_lists_answers_first_of_all() -> None:
    """Every view and macro of the contract is in `main`, every helper in `steps`."""
    contract = """
        snapshots specs variants environments coverage_compiler_os coverage_compiler_target
        coverage_os_target coverage_compiler_os_target package_coverage stack_coverage stack_overlap
        root_holes gaps snapshot_changes hash_lifetimes duplicate_builds reconciliation usable_on
        compare_snapshots
    """
    answers = {view.name for view in VIEWS if view.schema == "main"}

    assert set(contract.split()) <= answers
    assert {view.schema for view in VIEWS} == {"main", "steps"}


@pytest.mark.slow
def test_views_answer_from_an_attached_database(sample: Path, tmp_path: Path) -> None:
    """Attached under another name, views have the same rows, whatever database is in use."""
    copy = shutil.copy(sample / DATABASE, tmp_path / "another name.db")
    with duckdb.connect(str(sample / DATABASE), read_only=True) as original:
        views = [view.path for view in VIEWS if view.kind == "view"]
        expected = {view: ask(original, f"from {view}") for view in views}
    # Empty tables and views of the same names, which must not be read.
    connection = open_views()
    connection.execute(f"attach '{copy}' as other (read_only)")
    assert {view: ask(connection, f"from other.{view}") for view in views} == expected


def test_macros_answer_in_the_database_in_use(sample: Path, mirror_sample: Path) -> None:
    """Macros look up what they read in the database in use, so use theirs."""
    connection = duckdb.connect()
    for name, folder in (("other", sample), ("mirror", mirror_sample)):
        connection.execute(f"attach '{folder / DATABASE}' as {name} (read_only)")
    connection.execute("use mirror")
    assert ask(connection, MIRROR_CALL)
    connection.execute("use other")
    for call in MACRO_CALLS.values():
        assert ask(connection, call) or "depend" in call or "closure" in call


def test_macros_answer_on_a_search_path(sample: Path) -> None:
    """With both of its schemas on the search path, another database can stay in use."""
    connection = duckdb.connect()
    connection.execute(f"attach '{sample / DATABASE}' as other (read_only)")
    connection.execute("set search_path = 'memory.main,other.main,other.steps'")
    for call in MACRO_CALLS.values():
        assert ask(connection, call) or "depend" in call or "closure" in call
    assert ask(connection, "select current_database()") == [("memory",)]


@pytest.mark.slow
@pytest.mark.parametrize("source", ["sample", "mirror_sample"])
def test_an_older_client_answers_as_the_writer_does(
    source: str, request: pytest.FixtureRequest
) -> None:
    """DuckDB 1.4 counts the same rows in every view and table macro."""
    sample = request.getfixturevalue(source)
    with duckdb.connect(str(sample / DATABASE), read_only=True) as connection:
        views = [f"from {view.path}" for view in VIEWS if view.kind == "view"]
        calls = [*views, *MACRO_CALLS.values(), MIRROR_CALL]
        counts = [str(len(ask(connection, call))) for call in calls]
    session = "".join(f"select count(*) from ({call});\n" for call in calls)
    result = run_session(sample, f".mode list\n.headers off\n{session}")
    assert result.stderr == ""
    assert result.stdout.split() == counts
