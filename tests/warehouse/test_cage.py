"""Users' SQL can't change the database, write files, or run more than one read-only statement."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from pipeline.errors import OutputError, QueryError
from pipeline.outputs import DATABASE
from pipeline.warehouse.database import open_warehouse, run_query
from tests.conftest import run_command, run_on_terminal, run_session
from tests.writing import make_spec, site_page, write_pages

# A statement of each kind that DuckDB knows; None: no text makes one.
STATEMENTS: dict[str, str | None] = {
    "INVALID": None,
    "SELECT": "select 1",
    "INSERT": "insert into pages from pages",
    "UPDATE": "update pages set tag = 'x'",
    "CREATE": "create table x as select 1",
    "DELETE": "delete from pages",
    "PREPARE": "prepare x as select 1",
    "EXECUTE": "execute x",
    "ALTER": "alter table pages add column x integer",
    "TRANSACTION": "begin transaction",
    "COPY": "copy (select 1) to 'x.csv'",
    "ANALYZE": None,
    "VARIABLE_SET": None,
    "CREATE_FUNC": None,
    "EXPLAIN": "explain analyze select 1",
    "DROP": "drop table pages",
    "EXPORT": "export database 'x'",
    "PRAGMA": "pragma database_size",
    "VACUUM": "vacuum",
    "CALL": "call pragma_version()",
    "SET": "set threads = 1",
    "LOAD": "load json",
    "RELATION": None,
    "EXTENSION": None,
    "LOGICAL_PLAN": None,
    "ATTACH": "attach ':memory:' as x",
    "DETACH": "detach coverage",
    "MULTI": "pivot targets on family using count(*)",
    "COPY_DATABASE": None,  # `copy from database` is PRAGMA
    "MERGE_INTO": "merge into pages using pages as other on true when matched then delete",
}
QUESTIONS = {"SELECT", "EXPLAIN", "MULTI"}
kinds = pytest.mark.parametrize("kind", [kind for kind, sql in STATEMENTS.items() if sql])


@pytest.fixture
def out(sample: Path, tmp_path: Path) -> Path:
    """Return a copy of the sample's database, alone in a folder."""
    folder = tmp_path / "out"
    folder.mkdir()
    shutil.copy(sample / DATABASE, folder)
    return folder


def assert_untouched(out: Path, sample: Path) -> None:
    assert [path.name for path in out.iterdir()] == [DATABASE]
    assert (out / DATABASE).read_bytes() == (sample / DATABASE).read_bytes()


def test_every_kind_of_statement_is_tried() -> None:
    """The tests cover every statement type of DuckDB."""
    assert set(STATEMENTS) == set(duckdb.StatementType.__members__)


@kinds
def test_a_query_is_one_read_only_statement(out: Path, sample: Path, kind: str) -> None:
    """Only read-only statements are run, and none leaves a trace."""
    sql = STATEMENTS[kind]
    assert sql
    with open_warehouse(out) as connection:
        assert connection.extract_statements(sql)[0].type == duckdb.StatementType.__members__[kind]
        if kind in QUESTIONS:
            assert run_query(connection, sql).values
        else:
            with pytest.raises(QueryError, match=f"query: {kind} is refused"):
                run_query(connection, sql)
            # What explain would run is refused like the statement itself.
            with pytest.raises(QueryError):
                run_query(connection, f"explain analyze {sql}")
    assert_untouched(out, sample)


def test_a_session_leaves_no_trace(out: Path, sample: Path) -> None:
    """DuckDB's own client runs every kind of statement, and changes nothing."""
    statements = ";\n".join(sql for sql in STATEMENTS.values() if sql)

    result = run_session(out, f"{statements};\nselect 'pages', count(*) from coverage.pages;\n")

    assert re.search("read-only mode", result.stderr)
    assert_untouched(out, sample)


# Names under which DuckDB once allowed writing the attached file, its log and its spill files.
WAYS = [
    "copy (select 'x') to '{path}' (format csv, use_tmp_file false)",
    "copy (select 'x') to '{path}'",
    "copy (select 'x'::blob) to '{path}.wal' (format blob)",
    "export database '{path}.tmp'",
    "copy (select 'x') to '{path}.tmp/x.csv'",
    "copy (select 'x') to '.tmp/x.csv'",
    "explain analyze copy (select 'x') to '{path}' (format csv, use_tmp_file false)",
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["published", "attached"])
def test_nothing_writes_the_database_or_beside_it(
    out: Path, sample: Path, tmp_path: Path, way: str, kind: str
) -> None:
    """Neither by its own name nor by its attached name, in query or sql."""
    path = str(out / DATABASE)
    if kind == "attached":
        with open_warehouse(out) as connection:
            rows = run_query(
                connection, "select path from duckdb_databases() where path is not null"
            )
        path = str(rows.values[0][0])
    sql = way.format(path=path)

    with open_warehouse(out) as connection:
        # As if no statement type were refused.
        with pytest.raises(duckdb.Error):
            connection.execute(sql)
        assert connection.execute("select count(*) from snapshots").fetchone() == (3,)
    session = run_session(out, f"{sql};\nselect 'snapshots: ' || count(*) from snapshots;\n")

    assert "Error" in session.stderr
    assert "snapshots: 3" in session.stdout
    assert_untouched(out, sample)
    assert not list(Path.cwd().glob(".tmp"))


def test_a_copy_out_is_refused_with_the_way_to_do_it(out: Path) -> None:
    """The message for `copy … to` names -o."""
    result = run_command("query", "copy pages to 'x.parquet'", "--out", out)

    assert result.returncode == 1
    assert "query -o FILE --format parquet" in result.stderr


def test_without_memory_files_a_folder_of_its_own_is_read(
    out: Path, sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without sealed memory, the copy is in a temporary folder that is removed at once."""
    monkeypatch.delattr(os, "memfd_create")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()

    with open_warehouse(out) as connection:
        assert run_query(connection, "select count(*) from snapshots").values == [(3,)]

    assert list((tmp_path / "temporary").iterdir()) == []
    assert_untouched(out, sample)


def build(folder: Path, count: int) -> Path:
    """Build a database of some specs in `folder`/out."""
    pages = {"a/zlib/specs.md": site_page(specs=[make_spec(n) for n in range(count)])}
    run_command("flatten", write_pages(folder / "in", dict(pages)), "--out", folder / "out")
    result = run_command("build", "--out", folder / "out")
    assert result.returncode == 0, result.stderr
    return folder / "out"


def count_specs(out: Path) -> str:
    result = run_command("query", "select count(*) from specs", "--out", out, "--format", "csv")
    assert result.returncode == 0, result.stderr
    return result.stdout.split()[1]


@pytest.mark.slow
def test_a_write_ahead_log_of_a_client_is_ignored(tmp_path: Path) -> None:
    """A killed client's write-ahead log is ignored, and the next build removes it."""
    out = build(tmp_path, 1)
    forger = tmp_path / "forged.db"
    shutil.copyfile(out / DATABASE, forger)
    script = (
        "import duckdb, os; connection = duckdb.connect('forged.db'); "
        "connection.execute(\"set wal_autocheckpoint = '1TB'\"); "
        "connection.execute('delete from spec_stacks'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
    log = out / f"{DATABASE}.wal"
    shutil.copyfile(f"{forger}.wal", log)

    assert count_specs(out) == "1"
    assert run_command("build", "--out", out).stderr.endswith("up to date\n")
    assert not log.exists()

    log.write_bytes(b"left")
    assert count_specs(build(tmp_path, 2)) == "2"
    assert not log.exists()


@pytest.mark.slow
def test_the_database_is_published_read_only(tmp_path: Path) -> None:
    """By default nobody can write to it, as clients would; a build still replaces it."""
    out = build(tmp_path, 1)
    assert (out / DATABASE).stat().st_mode & 0o222 == 0

    assert count_specs(build(tmp_path, 2)) == "2"
    assert (out / DATABASE).stat().st_mode & 0o222 == 0


@pytest.mark.slow
@pytest.mark.parametrize("text", [b"", b"damaged", b"\0" * 8192])
def test_a_file_that_is_not_a_database_is_reported(out: Path, text: bytes) -> None:
    """The message says what, where, and what to do."""
    (out / DATABASE).chmod(0o644)
    (out / DATABASE).write_bytes(text)

    with pytest.raises(OutputError, match=r"coverage\.duckdb: can't be read: .*remove it and run"):
        open_warehouse(out)
    for command in (["query", "select 1"], ["sql"], ["report"], ["package", "zlib"]):
        result = run_command(*command, "--out", out)
        assert result.returncode == 1
        assert "remove it and run 'cache-coverage build" in result.stderr


def test_a_session_greets_and_ends_without_an_error_after_a_typo(out: Path) -> None:
    """On a terminal, it lists five views, and a failed statement is no failure of `sql`."""
    # On a dumb terminal, the client reads whole lines instead of single keys.
    status, said = run_on_terminal(
        "sql", "--out", out, typed="selec;\n.exit\n", env=os.environ | {"TERM": "dumb"}
    )

    assert status == 0
    assert "Error" in said
    for name in ("snapshots", "coverage_os_target", "package_coverage", "gaps", "snapshot_changes"):
        assert f"from {name};" in said


def test_a_failed_script_sets_the_exit_status(out: Path) -> None:
    """From a pipe, a failed statement is a failure, and there is no greeting."""
    failed, done = run_session(out, "selec;\n"), run_session(out, "select 1;\n")

    assert failed.returncode == 1
    assert (done.returncode, done.stderr) == (0, "")
