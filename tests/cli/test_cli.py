"""The commands as users run them: output, files and exit statuses."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet
import pytest

from pipeline.cli.main import NO_MEMORY, main
from pipeline.schemas import TABLES, Table
from pipeline.tables.targets import target_rows
from tests.conftest import run_command as run
from tests.conftest import run_session
from tests.writing import SAMPLE, make_hash, make_spec, site_page, write_pages


def snapshot(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder with their bytes."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_flatten_writes_only_to_stderr(tmp_path: Path) -> None:
    """Data goes to stdout, and flatten has none."""
    result = run("flatten", SAMPLE, "--out", tmp_path / "out")

    assert result.stdout == ""
    assert "30 pages accepted" in result.stderr


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_tables_are_read_whole_by_each_reader(sample: Path, table: Table) -> None:
    """DuckDB, Polars and PyArrow read the same rows, with their own Hive options."""
    row_count = count_rows_of_each_reader(sample, table)

    # Pages have no dependencies, and the sample has no rejects and no environment files.
    empty = {"rejects", "dependencies", "spec_compilers", "stack_roots"}
    assert (row_count == 0) is (table.name in empty)


def test_tables_without_a_snapshot_are_read_whole_by_each_reader(tmp_path: Path) -> None:
    """Also if no page was accepted and no reject has a tag, and after such a run."""
    source = write_pages(tmp_path / "in", {"a.md": "no page"})
    run("flatten", source, "--out", tmp_path / "out")

    counts = {table.name: count_rows_of_each_reader(tmp_path / "out", table) for table in TABLES}
    assert {name: count for name, count in counts.items() if count} == {
        "rejects": 1,
        "targets": len(target_rows([])),
    }

    write_pages(source, {"a.md": site_page()})
    run("flatten", source, "--out", tmp_path / "out")
    counts = {table.name: count_rows_of_each_reader(tmp_path / "out", table) for table in TABLES}
    assert {name: count for name, count in counts.items() if count} == {
        "pages": 1,
        "spec_stacks": 2,
        "targets": len(target_rows([])),
    }


def count_rows_of_each_reader(out: Path, table: Table) -> int:
    """Read a table with each reader; return the number of rows, the same for all."""
    folder = out / "tables" / table.name
    columns = sorted(column.name for column in table.columns)
    by_polars = pl.read_parquet(folder, hive_partitioning=True).select(columns)
    by_arrow = pyarrow.parquet.read_table(folder).select(columns)
    with duckdb.connect() as connection:
        by_duckdb = connection.read_parquet(f"{folder}/**/*.parquet", hive_partitioning=True)
        duckdb_rows = by_duckdb.select(*columns).pl().to_dicts()
    rows = sorted(map(repr, by_polars.to_dicts()))
    assert rows == sorted(map(repr, by_arrow.to_pylist()))
    assert rows == sorted(map(repr, duckdb_rows))
    return len(rows)


def test_stored_rows_are_sorted_by_key(sample: Path) -> None:
    """Within a partition, spec_stacks is sorted by package, hash and stack."""
    for part in (sample / "tables" / "spec_stacks").glob("*/*.parquet"):
        keys = pl.read_parquet(part, hive_partitioning=False).select("package", "hash", "stack")
        assert keys.rows() == sorted(keys.rows())


def test_report_says_it_in_five_lines(sample: Path) -> None:
    """The command prints where the reports are and a summary, in five lines on stdout."""
    lines = run("report", "--out", sample).stdout.splitlines()

    assert len(lines) == 5
    assert str(sample / "reports" / "index.html") in lines[0]
    assert "30 pages of 3 snapshots" in lines[1]
    assert "develop-2025-03-30: 6 packages, 35 specs" in lines[2]


def test_no_temporary_file_is_left(sample: Path) -> None:
    """OUT has only the tables, the database and the reports."""
    assert sorted(path.name for path in sample.iterdir()) == [
        "coverage.duckdb",
        "reports",
        "tables",
    ]


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        (["no-such-folder"], "no-such-folder: no such file or folder"),
        (["empty"], "empty: no page (*.md)"),
    ],
)
def test_a_source_without_pages_is_refused(
    sample: Path, tmp_path: Path, sources: list[str], words: str
) -> None:
    """Exit 1 with a message, and existing outputs are unchanged to the byte."""
    (tmp_path / "empty").mkdir()
    before = snapshot(sample)

    result = run("flatten", *(tmp_path / source for source in sources), "--out", sample)

    assert result.returncode == 1
    assert words in result.stderr
    assert snapshot(sample) == before


def test_rejects_are_a_warning_or_with_strict_status_3(tmp_path: Path) -> None:
    """A broken page never stops the run: its reason is recorded, the rest is written."""
    source = write_pages(
        tmp_path / "in",
        {
            "_cache/a/good/specs.md": site_page("good", "v0.22.1"),
            "_cache/a/half/specs.md": site_page(
                "half", "v0.22.1", [make_spec(1), make_spec(2, os="")]
            ),
            "_cache/a/bad/specs.md": "---\ntitle: [\n---\n",
            "README.md": "# The site\n",
        },
    )

    result = run("flatten", source, "--out", tmp_path / "out")
    strict = run("flatten", source, "--out", tmp_path / "out", "--strict")

    assert (result.returncode, strict.returncode) == (0, 3)
    assert "warning: 2 rejected (" in result.stderr
    rejects = pl.read_parquet(tmp_path / "out/tables/rejects").sort("page")
    assert rejects.select("page", "tag", "item", "code").rows() == [
        ("_cache/a/bad/specs.md", "-", None, "bad-yaml"),
        ("_cache/a/half/specs.md", "v0.22.1", 1, "bad-value"),
    ]
    assert len(pl.read_parquet(tmp_path / "out/tables/spec_stacks")) == 4


@pytest.mark.slow
def test_a_source_of_broken_pages_only_gives_empty_tables(tmp_path: Path) -> None:
    """Empty tables work in every step up to the report."""
    source = write_pages(tmp_path / "in", {"a.md": "", "b.md": "x"})

    for command in (["flatten", source], ["build"], ["report"]):
        assert run(*command, "--out", tmp_path / "out").returncode == 0

    assert len(pl.read_parquet(tmp_path / "out/tables/spec_stacks")) == 0
    assert len(pl.read_parquet(tmp_path / "out/tables/rejects")) == 2
    assert "no snapshot has a spec" in run("report", "--out", tmp_path / "out").stdout


def test_a_page_alone_and_several_sources(tmp_path: Path) -> None:
    """A source may be a single page; a page in several sources is read once."""
    page = SAMPLE / "_cache/develop-2025-03-16/py-packaging/specs.md"

    run("flatten", page, "--out", tmp_path / "one")
    run("flatten", page, SAMPLE, page, SAMPLE / "_cache", SAMPLE, "--out", tmp_path / "all")

    one = pl.read_parquet(tmp_path / "one/tables/pages")
    assert one.select("page", "package").rows() == [("specs.md", "py-packaging")]
    assert len(pl.read_parquet(tmp_path / "all/tables/pages")) == 30
    assert len(pl.read_parquet(tmp_path / "all/tables/rejects")) == 0


def test_of_two_sources_pages_the_first_is_kept(tmp_path: Path) -> None:
    """If two sources have a page of the same path, the later one gets its absolute path as name."""
    for name, number in (("one", 1), ("two", 2)):
        write_pages(tmp_path / name, {"q.md": site_page(specs=[make_spec(number)])})

    run("flatten", tmp_path / "two", tmp_path / "one", "--out", tmp_path / "out")

    (row,) = pl.read_parquet(tmp_path / "out/tables/spec_stacks").unique("hash").to_dicts()
    assert (row["page"], row["hash"]) == ("q.md", make_hash(2))
    (reject,) = pl.read_parquet(tmp_path / "out/tables/rejects").to_dicts()
    assert (reject["page"], reject["code"]) == (f"{tmp_path}/one/q.md", "duplicate-page")


def test_a_page_that_cannot_be_read_has_the_names_of_its_path(tmp_path: Path) -> None:
    """On the site that is TAG/PACKAGE/specs.md; what lies elsewhere names neither."""
    source = write_pages(
        tmp_path / "in",
        {
            "_cache/v1.0.0/a/specs.md": site_page("a", "v1.0.0"),
            "_cache/v1.0.0/broken/specs.md": "---\ntitle: [\n",
            "notes/odd.md": "---\ntitle: [\n",
        },
    )

    run("flatten", source, "--out", tmp_path / "out")

    rejects = pl.read_parquet(tmp_path / "out/tables/rejects")
    assert sorted(rejects.select("page", "tag", "package").rows()) == [
        ("_cache/v1.0.0/broken/specs.md", "v1.0.0", "broken"),
        ("notes/odd.md", "-", None),
    ]


def test_a_snapshot_spread_over_folders_is_one_partition(tmp_path: Path) -> None:
    """The tag in the page counts, not its folder; duplicates are found across folders."""
    source = write_pages(
        tmp_path / "in",
        {
            "x/a/specs.md": site_page("a"),
            "y/b/specs.md": site_page("b"),
            "z/a/specs.md": site_page("a"),
        },
    )

    run("flatten", source, "--out", tmp_path / "out")

    assert pl.read_parquet(tmp_path / "out/tables/pages")["package"].to_list() == ["a", "b"]
    rejects = pl.read_parquet(tmp_path / "out/tables/rejects")
    assert rejects.select("page", "code").rows() == [("z/a/specs.md", "duplicate-page")]


def test_snapshots_of_other_sources_go_on_request_alone(tmp_path: Path) -> None:
    """A second run keeps snapshots of other sources and says so; --replace removes them."""
    first = write_pages(tmp_path / "1", {"a.md": site_page("a", "v1.0.0")})
    second = write_pages(tmp_path / "2", {"a.md": site_page("a", "v2.0.0")})
    run("flatten", first, "--out", tmp_path / "out")

    kept = run("flatten", second, "--out", tmp_path / "out")
    assert "kept v1.0.0, of sources that this run does not name; --replace" in kept.stderr
    assert "2 snapshots" in kept.stderr

    replaced = run("flatten", second, "--out", tmp_path / "out", "--replace")
    assert "warning: " in replaced.stderr
    assert "removing v1.0.0" in replaced.stderr
    assert pl.read_parquet(tmp_path / "out/tables/pages")["tag"].to_list() == ["v2.0.0"]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["build"], "cache-coverage flatten"),
        (["report"], "cache-coverage build"),
        (["query", "select 1"], "cache-coverage build"),
        (["sql"], "cache-coverage build"),
    ],
)
def test_a_missing_step_is_named(tmp_path: Path, command: list[str], words: str) -> None:
    """A command without its input names the command that makes it, and writes nothing."""
    result = run(*command, "--out", tmp_path / "out")

    assert result.returncode == 1
    assert words in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [[], ["flatten"], ["query"], ["nonsense"], ["build", "--x"]])
def test_wrong_usage_is_status_2(arguments: list[str]) -> None:
    """Wrong usage exits with status 2 and the usage."""
    result = run(*arguments)

    assert result.returncode == 2
    assert "Usage" in result.stderr


@pytest.mark.slow
def test_build_does_nothing_where_nothing_changed(tmp_path: Path) -> None:
    """A current database is kept; after a changed table, or if damaged, it is rebuilt."""
    page = write_pages(tmp_path / "in", {"a/zlib/specs.md": site_page()}) / "a/zlib/specs.md"
    out = tmp_path / "out"
    count = ["query", "select count(*) from specs", "--out", out, "--format", "csv"]
    run("flatten", tmp_path / "in", "--out", out)

    first, second = run("build", "--out", out), run("build", "--out", out)
    assert first.stderr.endswith("built\n")
    assert second.stderr.endswith("up to date\n")

    page.write_text(site_page(specs=[make_spec(1), make_spec(2)]))
    run("flatten", tmp_path / "in", "--out", out)
    assert run("build", "--out", out).stderr.endswith("built\n")
    assert run(*count).stdout.split()[1] == "2"

    (out / "coverage.duckdb").write_bytes(b"damaged")
    assert run("build", "--out", out).stderr.endswith("built\n")
    assert run(*count).stdout.split()[1] == "2"


QUERY = "select tag, package_count, stack_count from snapshots order by tag limit 2"


def test_query_prints_each_format(sample: Path) -> None:
    """The same rows are printed to stdout in four formats."""
    expected = [("develop-2025-03-16", 10), ("develop-2025-03-23", 10)]
    as_json = json.loads(run("query", QUERY, "--out", sample, "--format", "json").stdout)
    as_csv = csv.DictReader(
        io.StringIO(run("query", QUERY, "--out", sample, "--format", "csv").stdout)
    )
    as_markdown = run("query", QUERY, "--out", sample, "--format", "markdown").stdout
    as_table = run("query", QUERY, "--out", sample).stdout

    assert [row["tag"] for row in as_json] == [tag for tag, _ in expected]
    assert [row["tag"] for row in as_csv] == [tag for tag, _ in expected]
    assert as_markdown.splitlines()[0] == "| tag | package_count | stack_count |"
    assert "(2 rows)" in as_table


@pytest.mark.parametrize(
    "sql",
    [
        "selec 1",
        "from nothing_like_it",
        "",
        "create table x (i int)",
        "delete from pages",
        "from read_csv('/etc/passwd')",
        "from '/etc/passwd'",
        "copy pages to '/tmp/never.csv'",
        "attach '/tmp/never.duckdb'",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "from read_text('http://127.0.0.1/')",
    ],
)
def test_query_reads_the_database_and_nothing_else(sample: Path, sql: str) -> None:
    """A query that is wrong, or not limited to the database, is status 1 with DuckDB's reason."""
    result = run("query", sql, "--out", sample)

    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith("error: query: ")


def test_sql_is_a_session_of_an_older_client(sample: Path) -> None:
    """`sql` runs DuckDB 1.4's own client, which opens the file and reads every view."""
    views = "select schema_name || '.' || view_name from duckdb_views() where not internal"
    names = run_session(sample, f".mode list\n.headers off\n{views};\n").stdout.split()
    assert "main.snapshots" in names

    counts = "".join(f"select count(columns(*)) from {name};\n" for name in names)
    result = run_session(sample, f".mode list\n.headers off\nselect version();\n{counts}")

    assert result.stderr == ""
    assert result.stdout.startswith("v1.4.")
    assert len(result.stdout.splitlines()) == 1 + len(names)


@pytest.mark.parametrize(
    "text",
    [
        "create table x (i int);",
        "from read_csv('/etc/passwd');",
        "copy pages to '/tmp/never.csv';",
        "attach '/tmp/never.duckdb';",
        "install httpfs;",
        ".shell echo here",
        "set enable_external_access = true;",
    ],
)
def test_sql_reads_the_database_and_nothing_else(sample: Path, text: str) -> None:
    """The session can't change anything, or access other files, extensions or a shell."""
    result = run_session(sample, text + "\n")

    assert "Error" in result.stderr or "cannot be used" in result.stderr
    assert "here" not in result.stdout


def test_the_database_answers_wherever_it_is(sample: Path, tmp_path: Path) -> None:
    """A renamed copy elsewhere, without the tables, has the same rows."""
    copy = tmp_path / "copied.duckdb"
    copy.write_bytes((sample / "coverage.duckdb").read_bytes())

    with duckdb.connect(str(copy), read_only=True) as connection:
        for (view,) in connection.execute(
            "select schema_name || '.' || view_name from duckdb_views() where not internal"
        ).fetchall():
            connection.execute(f"select * from {view}").fetchall()
        assert connection.execute("select count(*) from snapshots").fetchone() == (3,)


def test_every_table_and_view_has_a_comment(sample: Path) -> None:
    """An explorer shows a description of each table, column and view."""
    with duckdb.connect(str(sample / "coverage.duckdb"), read_only=True) as connection:
        for listing in (
            "select view_name, comment from duckdb_views() where not internal",
            "select table_name, comment from duckdb_tables()",
            "select columns.column_name, columns.comment from duckdb_columns() as columns "
            "inner join duckdb_tables() as tables on tables.table_name = columns.table_name",
        ):
            rows = connection.execute(listing).fetchall()
            assert rows
            assert [name for name, comment in rows if not comment] == []


def test_help_answers_for_every_command() -> None:
    """Each command has a help text."""
    listing = run("--help").stdout
    for command in ("flatten", "build", "report", "query", "sql"):
        assert command in listing
        assert "Usage" in run(command, "--help").stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands(shell: str) -> None:
    """With README's line, the shell completes the names of commands."""
    command = Path(sys.executable).with_name("cache-coverage")
    words = {"COMP_WORDS": "cache-coverage fl", "COMP_CWORD": "1" if shell != "fish" else "fl"}
    answers = [
        subprocess.run(
            [command],
            env=os.environ | words | {"_CACHE_COVERAGE_COMPLETE": f"{shell}_{step}"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for step in ("source", "complete")
    ]

    assert "_CACHE_COVERAGE_COMPLETE" in answers[0]
    assert "flatten" in answers[1]


def test_help_loads_nothing_heavy() -> None:
    """`--help` is quick: it imports no dataframe or database library."""
    code = (
        "import sys; sys.argv = ['x', '--help']\n"
        "try:\n import pipeline.__main__\nexcept SystemExit: pass\n"
        "heavy = {'polars', 'pyarrow', 'duckdb', 'yaml', 'tqdm', 'jinja2'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert result.stdout.splitlines()[-1] == "[]"


def test_an_output_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    """If OUT is a file, the message names it, and nothing is lost."""
    (tmp_path / "file").write_text("mine")

    result = run("flatten", SAMPLE, "--out", tmp_path / "file" / "out")

    assert result.returncode == 1
    assert "can't be written" in result.stderr
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    "command",
    [["query", "from snapshots"], ["report"], ["--version"], ["flatten", "--help"]],
    ids=lambda command: command[0],
)
def test_output_to_a_full_disk_is_reported(
    sample: Path, tmp_path: Path, command: list[str]
) -> None:
    """Status 1 with the system's message."""
    out = Path(shutil.copytree(sample, tmp_path / "out"))
    options = [] if command[-1].startswith("-") else ["--out", str(out)]
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "pipeline", *command, *options],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert result.returncode == 1
    assert result.stderr == (
        "error: standard output: No space left on device; write to another place\n"
    )


def test_a_time_with_its_zone_is_printed(sample: Path) -> None:
    """`now()` is printed like any other value."""
    result = run("query", "select now() > '2020-01-01' as ok, now()", "--out", sample)

    assert result.returncode == 0, result.stderr
    assert re.search(r"\d[+-]\d\d:\d\d$", result.stdout, re.MULTILINE)


def test_too_little_memory_is_a_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python's MemoryError ends with status 1 and what to do, in any command."""

    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("pipeline.warehouse.build.build_warehouse", fail)

    with pytest.raises(SystemExit) as ended:
        main(["build", "--out", str(tmp_path)])

    assert ended.value.code == 1
    assert capsys.readouterr().err == f"error: {NO_MEMORY}\n"


NOT_ASCII = "select 'naïve 猫' as \"größe\""


def run_in_encoding(encoding: str, *arguments: object) -> bytes:
    result = subprocess.run(
        [sys.executable, "-m", "pipeline", *map(str, arguments)],
        env=os.environ | {"PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
    )
    assert b"Traceback" not in result.stderr
    assert result.returncode in (0, 2)
    return result.stdout + result.stderr


@pytest.mark.parametrize("output_format", ["csv", "json", "markdown"])
def test_data_is_utf_8_in_any_locale(sample: Path, output_format: str) -> None:
    """CSV, JSON and Markdown are UTF-8, whatever the terminal's encoding."""
    output = run_in_encoding(
        "latin-1", "query", NOT_ASCII, "--out", sample, "--format", output_format
    )

    assert "naïve 猫" in output.decode()
    assert "größe" in output.decode()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "koi8-r"])
def test_a_table_is_in_the_locales_encoding(sample: Path, encoding: str) -> None:
    """Characters that the encoding lacks are escaped."""
    output = run_in_encoding(encoding, "query", NOT_ASCII, "--out", sample).decode(encoding)

    assert ("naïve" if encoding in ("latin-1", "cp1252") else "na\\xefve") in output
    assert "\\u732b" in output


@pytest.mark.parametrize(
    "command",
    [
        ["report", "--out"],
        ["package", "adiak", "--out"],
        ["usable", "--os", "ubuntu22.04", "--target", "zen4", "--out"],
        ["diff", "develop-2025-03-16", "develop-2025-03-30", "--out"],
        ["fetch", "--help"],
        ["größe-猫"],
    ],
    ids=lambda command: command[0],
)
def test_no_encoding_gives_a_traceback(sample: Path, command: list[str]) -> None:
    """Messages, help and rows are printed to stdout with any 8-bit encoding."""
    out = [sample] if command[-1] == "--out" else []

    assert run_in_encoding("koi8-r", *command, *out)


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_output_streams_are_accepted(sample: Path, closed: str) -> None:
    """The caller may close stdout and stderr; the command still runs."""
    command = f"{sys.executable} -m pipeline query 'from snapshots' --out {sample} {closed}"

    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)

    assert (result.returncode, result.stderr) == (0, "")
    assert bool(result.stdout) is (closed == "2>&-")


@pytest.mark.parametrize("arguments", [["query", "select '\udcff'"], ["build", "--out", "\udcff"]])
def test_arguments_that_are_not_utf_8_are_wrong_usage(sample: Path, arguments: list[str]) -> None:
    """Status 2 for bytes that are not UTF-8, which DuckDB and Parquet require."""
    result = run(*arguments, *(["--out", sample] if "query" in arguments else []))

    assert result.returncode == 2
    assert "is not UTF-8" in result.stderr
