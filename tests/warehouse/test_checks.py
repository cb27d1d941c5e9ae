"""An inconsistent database is never published: each check is made to fail once."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from pipeline.schemas import DATABASE_TABLES
from pipeline.warehouse.views import SQL_FOLDER, check_files, header, load_views
from tests.conftest import run_command
from tests.rows import open_views
from tests.writing import make_hash, make_spec, site_page, write_pages

TAGS = ("develop-2025-03-23", "develop-2025-03-30")
Frame = pl.DataFrame
Tamper = Callable[[Frame], Frame]


def of(column: str, value: object) -> Tamper:
    """Return a change that gives all rows a value."""
    return lambda frame: frame.with_columns(pl.lit(value, frame.schema[column]).alias(column))


# Check: the changed table, the change, and words of the row that must be shown.
TAMPERED: dict[str, list[tuple[str, Tamper, str]]] = {
    "keys": [
        ("pages", lambda frame: pl.concat([frame, frame.head(1)]), "pages.*, adiak +2"),
        ("targets", lambda frame: pl.concat([frame, frame.head(1)]), "targets .* 2"),
        ("rejects", lambda frame: pl.concat([frame, frame]), "rejects .*zlib.*bad-value +2"),
    ],
    "spec_stacks_key": [
        ("spec_stacks", lambda frame: pl.concat([frame, frame.head(1)]), f"{make_hash(1)} +e4s +2")
    ],
    "spec_rows_agree": [
        (
            "spec_stacks",
            lambda frame: frame.with_columns(
                pl.when(pl.col("stack") == "root").then(pl.lit("rhel8")).otherwise("os").alias("os")
            ),
            f"adiak +{make_hash(1)} +rows that differ",
        ),
        ("spec_stacks", of("os", None), " a null"),
    ],
    "page_counts": [
        ("spec_stacks", lambda frame: frame.filter(pl.col("package") != "zlib"), "zlib +3 +2 +0"),
        ("spec_stacks", of("package", "another"), "another"),
        ("rejects", lambda frame: frame.clear(), "zlib +3 +2 +2 +4 +4 +1 +0"),
        ("pages", of("entry_count", 9), "zlib +9 "),
        ("pages", of("spec_count", 9), "zlib +3 +9 "),
        ("pages", of("spec_stack_count", 9), "zlib +3 +2 +2 +9 "),
        ("pages", lambda frame: frame.clear(), "zlib +0 .*| zlib"),
    ],
    "targets_known": [("targets", lambda frame: frame.clear(), "x86_64_v3")],
}
# Check: the changed view, and the error in it.
SLIPS: dict[str, list[tuple[str, str, str]]] = {
    "snapshot_counts": [
        ("snapshots", "count(distinct (package, hash)) as", "count(*) as"),
        ("snapshot_packages", "filter (where has_spec) as", "filter (where has_spec) + 1 as"),
    ],
    "matrix_sums": [
        ("coverage_os_target", "count(*) as spec_count", "count(*) + 1 as spec_count"),
        ("coverage_compiler_os", "from specs\n", "from specs\n    where os <> 'ubuntu22.04'\n"),
        ("package_coverage", "from specs\n", "from specs\nwhere package <> 'zlib'\n"),
        ("stack_sizes", "count(*) as spec_count", "count(distinct package) as spec_count"),
    ],
    "percentages": [
        ("coverage_compiler_target", "100.0 * counts", "1000.0 * counts"),
        ("gaps", "100.0 * missing", "-100.0 * missing"),
        ("compatible_coverage", "as compatible_pct", "+ 1e-6 as compatible_pct"),
    ],
    "gaps_fill_up": [
        ("missing_cells", "where cells.package is null", "where cells.package = 'zlib'")
    ],
    "changes_add_up": [("cell_changes", "then 'gained'", "then 'rebuilt'")],
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the outputs of two snapshots with a loss, a gain and an upgrade between them."""
    folder = tmp_path_factory.mktemp("checks")
    early, late = TAGS
    pages: dict[str, str | bytes] = {
        f"{early}/adiak/specs.md": site_page("adiak", early, [make_spec(9, target="zen4")]),
        f"{late}/adiak/specs.md": site_page("adiak", late, [make_spec(1)]),
        f"{late}/zlib/specs.md": site_page(
            "zlib", late, [make_spec(2), make_spec(3, target="zen4"), make_spec(4, os="")], meta={}
        ),
    }
    run_command("flatten", write_pages(folder / "in", pages), "--out", folder / "out")
    assert run_command("build", "--out", folder / "out").returncode == 0
    return folder / "out"


@pytest.fixture
def out(built: Path, tmp_path: Path) -> Path:
    """Return a copy of those outputs to damage."""
    return Path(shutil.copytree(built, tmp_path / "out"))


def assert_refused(result: subprocess.CompletedProcess[str], out: Path, check: str) -> None:
    """Check the messages and outputs of a refused build."""
    sentence = header((SQL_FOLDER / "checks" / f"{check}.sql").read_text())[0]
    assert result.returncode == 1
    assert result.stderr.startswith(f"error: {out / 'coverage.duckdb'}: not rebuilt")
    assert f"check {check} failed: {sentence}" in result.stderr
    assert "flatten again" in result.stderr
    assert "Traceback" not in result.stderr
    assert sorted(path.name for path in out.iterdir()) == ["coverage.duckdb", "tables"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("check", "number"), [(name, n) for name, cases in TAMPERED.items() for n in range(len(cases))]
)
def test_tampered_tables_are_refused(out: Path, check: str, number: int) -> None:
    """Status 1 with the check, its sentence and the rows; the old database is unchanged."""
    table, tamper, words = TAMPERED[check][number]
    before = (out / "coverage.duckdb").read_bytes()
    folder = out / "tables" / table
    (file,) = folder.glob("*.parquet" if table == "targets" else f"tag={TAGS[1]}/*.parquet")
    tamper(pl.read_parquet(file, hive_partitioning=False)).write_parquet(file)

    result = run_command("build", "--out", out)

    assert_refused(result, out, check)
    assert re.search(words, result.stderr)
    assert (out / "coverage.duckdb").read_bytes() == before


@pytest.mark.slow
def test_a_snapshot_without_a_spec_is_consistent(tmp_path: Path) -> None:
    """A page without valid specs does not stop a build; its snapshot exists."""
    empty, bad = "develop-2025-04-06", "v1.0.0"
    source = write_pages(
        tmp_path / "in",
        {
            "a.md": site_page("adiak", TAGS[0]),
            "b.md": site_page("adiak", empty, [], meta={}),
            "c.md": site_page("adiak", bad, [make_spec(hash="x")]),
        },
    )
    out = tmp_path / "out"
    assert run_command("flatten", source, "--out", out).returncode == 0

    result = run_command("build", "--out", out, "--check-all")

    assert result.returncode == 0, result.stderr
    query = "select tag, previous_tag, package_count, spec_count from snapshots order by tag"
    assert run_command("query", query, "--out", out, "--format", "csv").stdout.splitlines()[1:] == [
        f"{TAGS[0]},,1,1",
        f"{empty},{TAGS[0]},0,0",
        f"{bad},,0,0",
    ]
    assert run_command("report", "--out", out).returncode == 0


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the pipeline and its sql/ to damage."""
    root, copy = SQL_FOLDER.parent, tmp_path_factory.mktemp("checkout")
    for name in ("pipeline", "sql"):
        shutil.copytree(root / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


@pytest.mark.slow
@pytest.mark.parametrize(
    ("check", "number"), [(name, n) for name, cases in SLIPS.items() for n in range(len(cases))]
)
def test_a_view_with_a_bug_is_refused(out: Path, checkout: Path, check: str, number: int) -> None:
    """A wrong view fails the build, and the old database is unchanged."""
    view, right, wrong = SLIPS[check][number]
    before = (out / "coverage.duckdb").read_bytes()
    (file,) = (checkout / "sql").glob(f"*/{view}.sql")
    text = file.read_text()
    head, found, tail = text.rpartition(right)
    assert found
    try:
        file.write_text(head + wrong + tail)
        result = subprocess.run(
            [sys.executable, "-m", "pipeline", "build", "--out", str(out)],
            cwd=checkout,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        file.write_text(text)

    assert_refused(result, out, check)
    assert (out / "coverage.duckdb").read_bytes() == before


def test_every_check_is_made_to_fail() -> None:
    """Every check has a test in which it fails."""
    assert {file.stem for file in check_files()} == {*TAMPERED, *SLIPS}


@pytest.mark.parametrize("file", check_files(), ids=lambda file: file.stem)
def test_every_check_says_what_it_proves(file: Path) -> None:
    """Its header has a sentence and what it reads."""
    lines = header(file.read_text())

    assert re.fullmatch(r"[A-Z][^\n]{10,}\.", lines[0])
    assert lines[1].startswith("Reads: ")


@pytest.mark.slow
def test_all_snapshots_are_checked_if_asked(out: Path, checkout: Path) -> None:
    """An error in an older snapshot is found by --check-all."""
    (file,) = (checkout / "sql").glob("*/environments.sql")
    text = file.read_text()
    command = [sys.executable, "-m", "pipeline", "build", "--out", str(out)]
    try:
        slip = f"(sum(spec_count) + any_value((tag = '{TAGS[0]}')::int))::bigint as"
        file.write_text(text.replace("sum(spec_count)::bigint as", slip))
        newest = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
        every = subprocess.run(
            [*command, "--check-all"], cwd=checkout, capture_output=True, text=True, check=False
        )
    finally:
        file.write_text(text)

    assert newest.returncode == 0, newest.stderr
    assert_refused(every, out, "matrix_sums")


def test_every_declared_key_is_checked() -> None:
    """The checks group each table by its declared key; the dictionary shows it."""
    keys = (SQL_FOLDER / "checks" / "keys.sql").read_text()
    own = (SQL_FOLDER / "checks" / "spec_stacks_key.sql").read_text()
    checked = dict(re.findall(r"^from (\w+)\n(?:.*\n)*?group by (.*)$", keys, re.MULTILINE))
    checked["spec_stacks"] = re.findall(r"select hash\((.*)\) as number", own)[0]

    assert checked == {table.name: ", ".join(table.key) for table in DATABASE_TABLES}


def columns() -> dict[str, set[str]]:
    """Return the columns of each view."""
    with open_views() as connection:
        return {
            view.name: {name for name, *_ in connection.execute(f"describe {view.path}").fetchall()}
            for view in load_views()
            if view.kind == "view"
        }


def test_every_matrix_and_percentage_is_checked() -> None:
    """Every coverage view is in the check of sums, every percentage in that of limits."""
    texts = {file.stem: file.read_text() for file in check_files()}
    # These take longer than a build should: two read every spec's dependencies, one all that hosts
    # can use, which compatible_coverage counts too, and one compares each lock file with each
    # snapshot.
    shares = [name for name, found in columns().items() if any(c.endswith("_pct") for c in found)]
    matrices = [
        name
        for name, found in columns().items()
        if name.startswith("coverage_") and {"snapshot_package_count", "spec_count"} <= found
    ]

    assert {*shares} - {
        "coverage_trend",
        "gap_priority",
        "installable_coverage",
        "lock_snapshots",
        "matrix_cells",
    } == set(re.findall(r"from (\w+)\n    where", texts["percentages"]))
    assert all(f"from {name}" in texts["matrix_sums"] for name in matrices)
