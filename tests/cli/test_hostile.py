"""Hostile names and queries become no path, SQL or markup, and can't escape the database."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow.parquet
import pytest

from tests.conftest import run_command, run_on_terminal, run_session
from tests.writing import SAMPLE, make_hash, make_spec, site_page, write_pages, yaml_page

# Clear the screen, ring the bell, reverse text, break a line: one or two bytes each.
EVIL = "\x1b[2J\x07\x9b31m\u202egnp\u2066\r\x7f\u200b"
STEERING = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")
MARKUP = "<script>alert(1)</script>|`x`[a](javascript:b)'; drop table pages; --"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a file that no query may read."""
    path = tmp_path_factory.mktemp("cage")
    (path / "secret.csv").write_text("word\nopen sesame\n")
    return path


# What `query` must refuse, with words of the message.
QUERIES = {
    "read_csv": "from read_csv('secret.csv')",
    "read_text": "from read_text('secret.csv')",
    "read_blob": "from read_blob('secret.csv')",
    "read_json": "from read_json('secret.csv')",
    "read_parquet": "from read_parquet('secret.csv')",
    "sniff_csv": "from sniff_csv('secret.csv')",
    "parquet_metadata": "from parquet_metadata('secret.csv')",
    "file as table": "from 'secret.csv'",
    "file as table, quoted": 'from "secret.csv"',
    "file in a join": "from pages inner join 'secret.csv' on true",
    "file in a subquery": "select (select word from 'secret.csv')",
    "file of the system": "from read_text('/etc/passwd')",
    "environment as a file": "from read_text('/proc/self/environ')",
    "environment": "select getenv('PATH')",
    "glob": "from glob('*')",
    "copy out": "copy pages to 'written.csv'",
    "copy a query out": "copy (select 1) to 'written.parquet'",
    "copy to a device": "copy pages to '/dev/stdout'",
    "copy in": "copy pages from 'secret.csv'",
    "export": "export database 'written'",
    "import": "import database 'written'",
    "attach": "attach 'written.duckdb'",
    "attach behind a question": "select 1; attach 'written.duckdb'",
    "attach another kind": "attach 'secret.csv' (type sqlite)",
    "install": "install httpfs",
    "install from elsewhere": "force install httpfs from 'http://127.0.0.1:1'",
    "install from a community": "install h3 from community",
    "load": "load httpfs",
    "load a file": "load './written.duckdb_extension'",
    "update extensions": "update extensions",
    "network": "from read_csv('http://127.0.0.1:1/x.csv')",
    "network as table": "from 'https://127.0.0.1:1/x.parquet'",
    "network of objects": "from read_parquet('s3://bucket/x.parquet')",
    "write through a profile": "pragma profiling_output = 'written.json'",
    "write through a log": "call enable_logging(storage = 'file', storage_path = 'written.log')",
    "write through a query log": "set log_query_path = 'written.sql'",
    "write through secrets": "set secret_directory = 'written'",
    "keep a secret": "create persistent secret written (type http)",
    "spill elsewhere": "set temp_directory = 'written'",
    "extensions elsewhere": "set extension_directory = 'written'",
    "unlock files": "set enable_external_access = true",
    "unlock folders": "set allowed_directories = ['/']",
    "unlock settings": "set lock_configuration = false",
    "reset a lock": "reset lock_configuration",
    "unlock by pragma": "pragma lock_configuration = false",
    "user interface": "call start_ui()",
    "create": "create table written (i int)",
    "create a view": "create view written as select 1",
    "insert": "insert into pages select * from pages",
    "update": "update pages set tag = ''",
    "delete": "delete from pages",
    "drop": "drop table pages",
    "alter": "alter table pages rename to written",
}
DOT_COMMANDS = (
    ".shell touch written",
    ".system touch written",
    ".sh touch written",
    ".read secret.csv",
    ".output written.txt",
    ".output |touch written",
    ".once written.txt",
    ".excel",
    ".import secret.csv words",
    ".open written.duckdb",
    ".cd /",
    ".log written.log",
    ".load written",
    ".save written",
    ".backup written",
    ".edit",
)


@pytest.mark.parametrize("case", QUERIES)
def test_query_is_sandboxed(sample: Path, folder: Path, case: str) -> None:
    """A query that would access a file, load code or use the network is status 1."""
    before = (sample / "coverage.duckdb").read_bytes()

    result = run_command("query", QUERIES[case], "--out", sample, cwd=folder)

    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith("error: query: ")
    assert "sesame" not in result.stderr
    assert [path.name for path in folder.iterdir()] == ["secret.csv"]
    assert (sample / "coverage.duckdb").read_bytes() == before


@pytest.mark.parametrize("text", [*(f"{query};" for query in QUERIES.values()), *DOT_COMMANDS])
def test_sql_is_sandboxed(sample: Path, folder: Path, tmp_path: Path, text: str) -> None:
    """The session refuses the same, and its own commands that access files or a shell."""
    before = (sample / "coverage.duckdb").read_bytes()

    result = run_session(
        sample,
        f"{text}\nselect 42;\n",
        cwd=folder,
        env=os.environ | {"HOME": str(tmp_path)},
    )

    assert result.returncode != 0
    assert re.search("Error|cannot be used|unsupported", result.stderr)
    assert "sesame" not in result.stdout + result.stderr
    assert [path.name for path in folder.iterdir()] == ["secret.csv"]
    assert not (tmp_path / ".duckdb" / "stored_secrets").exists()
    assert (sample / "coverage.duckdb").read_bytes() == before


TAGS = ("NULL", "null", "true", "nan", "1e5", "0x10", "2025.01", "a+b", "a_b", "A", "v1-x", "-")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return all outputs of pages with hostile names and values, as far as they are accepted."""
    folder = tmp_path_factory.mktemp("hostile")
    evil_spec = make_spec(1, versions=[EVIL], variants=[EVIL, MARKUP], tarball=MARKUP, stacks=["e"])
    pages: dict[str, str | bytes] = {
        "develop/zlib/specs.md": site_page(specs=[evil_spec, make_spec(2)], tag="develop"),
        "develop/adiak/specs.md": site_page(
            "adiak", "develop", [make_spec(3, versions=[MARKUP]), make_spec(4, hash=EVIL)]
        ),
        f"develop/{EVIL}/{MARKUP.replace('/', '')}.md": f"---\n{MARKUP}: {MARKUP}\n",
        "develop/lines\n\nin/a\nname.md": "no page",
        **{
            f"tags/{number}/specs.md": yaml_page("zlib", tag, [make_spec(number)])
            for number, tag in enumerate(TAGS)
        },
        **{
            f"refused/{number}/specs.md": site_page(package, f'"{tag}"')
            for number, (package, tag) in enumerate(
                [
                    ("../../up", "develop"),
                    ("zlib", "../../up"),
                    ("zlib", "a/tag=b"),
                    ("zlib", "a%2F..%2Fb"),
                    ("zlib", "a'; drop table pages; --"),
                    ("<b>zlib</b>", "develop"),
                    ("{{7*7}}", "develop"),
                ]
            )
        },
    }
    for command in (["flatten", write_pages(folder / "in", pages)], ["build"], ["report"]):
        result = run_command(*command, "--out", folder / "out")
        assert result.returncode == 0, result.stderr
    return folder / "out"


def test_names_never_become_paths(hostile: Path) -> None:
    """A partition is the exact tag in each reader; a tag that is a path is refused."""
    tags = sorted({*TAGS, "develop"} - {"-"})
    folders = sorted(path.name for path in (hostile / "tables" / "spec_stacks").iterdir())
    glob = f"{hostile}/tables/spec_stacks/**/*.parquet"

    assert [name.removeprefix("tag=") for name in folders if "HIVE" not in name] == tags
    with duckdb.connect() as connection:
        by_duckdb = connection.execute(
            f"select distinct tag::varchar from read_parquet('{glob}', hive_types_autocast = false)"
        ).fetchall()
    by_warehouse = run_command(
        "query", "select tag from snapshots", "--out", hostile, "--format=csv"
    )
    by_polars = pl.read_parquet(glob, hive_schema={"tag": pl.String()})["tag"].unique()
    by_arrow = pyarrow.parquet.read_table(hostile / "tables" / "spec_stacks").column("tag")

    assert sorted(by_warehouse.stdout.split()[1:]) == tags
    assert sorted(tag for (tag,) in by_duckdb) == tags
    assert sorted(by_polars) == tags
    assert sorted(set(by_arrow.to_pylist())) == tags
    assert sorted(path.name for path in hostile.parent.iterdir()) == ["in", "out"]


def test_hostile_names_are_refused(hostile: Path) -> None:
    """Anything that could be a path, SQL or markup is rejected as bad-value."""
    rejects = pl.read_parquet(hostile / "tables" / "rejects").sort("page")
    refused = rejects.filter(pl.col("page").str.starts_with("refused/"))

    assert refused["code"].to_list() == ["bad-value"] * 7
    assert all("expected letters, digits" in message for message in refused["message"])


@pytest.mark.parametrize("output_format", ["table", "markdown", "json"])
@pytest.mark.parametrize("name", ["specs", "variants", "rejects", "package_coverage"])
def test_no_format_controls_a_terminal(hostile: Path, name: str, output_format: str) -> None:
    """Escape sequences, control characters and bidirectional marks are escaped in every cell."""
    result = run_command("query", f"from {name}", "--out", hostile, "--format", output_format)

    assert result.returncode == 0
    assert not STEERING.search(result.stdout + result.stderr)
    assert re.search(r"\\+(x1b|u001b)", result.stdout)


def test_json_stays_exact(hostile: Path) -> None:
    """Escaped values in JSON decode to the original."""
    query = f"select version from specs where hash = '{make_hash(1)}' and tag = 'develop'"
    result = run_command("query", query, "--out", hostile, "--format", "json")

    assert json.loads(result.stdout) == [{"version": EVIL}]


@pytest.mark.parametrize("output_format", ["table", "csv", "json", "markdown"])
def test_nothing_hostile_reaches_a_terminal(hostile: Path, output_format: str) -> None:
    """On a real terminal, no format lets a value control it."""
    _, text = run_on_terminal("query", "from specs", "--out", hostile, "--format", output_format)

    assert make_hash(1) in text.replace("\n", "") or output_format == "table"
    assert not STEERING.search(text)


COLUMN = 'select 1 as "\x1b[2J\u202e"'
MESSAGES: list[list[Any]] = [
    ["flatten", f"no{EVIL}where"],
    ["build", "--out", f"no{EVIL}where"],
    ["report", "--out", f"no{EVIL}where"],
    ["query", f"select {EVIL}"],
    ["query", f"select '{EVIL}'::int"],
    ["query", COLUMN],
    ["package", f"zl{EVIL}ib"],
    ["usable", "--os", f"ub{EVIL}", "--target", f"ze{EVIL}"],
    ["diff", f"dev{EVIL}", "develop"],
    [f"com{EVIL}mand"],
    ["query", "from pages", "--format", f"x{EVIL}"],
    [f"--{EVIL}"],
]


@pytest.mark.parametrize("arguments", MESSAGES, ids=lambda arguments: arguments[0][:8])
def test_no_message_controls_a_terminal(sample: Path, tmp_path: Path, arguments: list[Any]) -> None:
    """Names of files, tags, packages and columns are escaped in messages too."""
    has_out = "--out" in arguments or arguments[0] in ("flatten", MESSAGES[-3][0], MESSAGES[-1][0])
    result = run_command(*arguments, *([] if has_out else ["--out", sample]), cwd=tmp_path)

    assert not STEERING.search(result.stdout + result.stderr)


@pytest.mark.slow
def test_a_folder_of_a_hostile_name_works(tmp_path: Path) -> None:
    """OUT may have quotes, percent signs and escapes in its name; messages escape them."""
    out = tmp_path / f"a 'b' \"c\" %d {{e}} [f] * {EVIL}"
    out.mkdir()

    for command in (["flatten", SAMPLE], ["build"], ["report"], ["query", "from snapshots"]):
        result = run_command(*command, "--out", out)
        assert result.returncode == 0, result.stderr
        assert not STEERING.search(result.stdout + result.stderr)
    assert sorted(path.name for path in out.iterdir()) == ["coverage.duckdb", "reports", "tables"]


def test_markup_stays_text_in_the_reports(hostile: Path) -> None:
    """No value starts an element, link or cell in the page or the summary."""
    html = (hostile / "reports" / "index.html").read_text()
    summary = (hostile / "reports" / "summary.md").read_text()

    assert "<script>alert(1)" not in html
    assert "&lt;script&gt;" in html
    assert not re.search(r"(?<!\\)<script", summary)
    assert not re.search(r"(?<!\\)\[a(?<!\\)\]\(javascript", summary)
    assert "49" not in re.findall(r"\{\{.*?\}\}|>49<", html)
    assert not STEERING.search(summary)
