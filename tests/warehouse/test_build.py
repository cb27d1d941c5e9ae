"""A build that updates the database equals one from nothing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import duckdb
import pytest

from pipeline.errors import OutputError
from pipeline.outputs import DATABASE
from pipeline.schemas import TABLES
from pipeline.warehouse import views
from pipeline.warehouse.build import build_warehouse
from tests.conftest import run_command
from tests.rows import WEEK_1, WEEK_2, WEEK_3
from tests.writing import make_spec, site_page, write_pages

# So many that less than half of the tables' files change.
OTHER_WEEKS = [f"develop-2025-{month:02}-{day:02}" for month in (4, 5, 6) for day in (6, 13, 20)]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a folder with pages of twelve snapshots in `in`, and their database in `out`."""
    write_pages(
        tmp_path / "in",
        {
            f"{tag}/zlib/specs.md": site_page("zlib", tag, [make_spec(1), make_spec(number)])
            for number, tag in enumerate([WEEK_1, WEEK_2, WEEK_3, *OTHER_WEEKS], 2)
        },
    )
    flatten(tmp_path)
    build(tmp_path)
    return tmp_path


def flatten(place: Path, out: str = "out") -> None:
    """Flatten `in`."""
    result = run_command("flatten", place / "in", "--out", place / out)
    assert result.returncode == 0, result.stderr


def build(place: Path, out: str = "out") -> None:
    """Build the database."""
    result = run_command("build", "--out", place / out)
    assert result.returncode == 0, result.stderr


def rows(place: Path, out: str = "out") -> dict[str, object]:
    """Return all rows of each table, and of some views of them."""
    with duckdb.connect(str(place / out / DATABASE), read_only=True) as connection:
        names = [table.name for table in TABLES] + ["snapshots", "snapshot_changes", "gaps"]
        return {name: connection.execute(f"from {name} order by all").fetchall() for name in names}


def overwrite(file: Path, start: int) -> None:
    """Overwrite a file from `start` on, so that its size and time don't tell."""
    status = file.stat()
    mode = status.st_mode
    file.chmod(0o644)
    content = file.read_bytes()
    file.write_bytes(content[:start] + bytes(len(content) - start))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    file.chmod(mode)


def change(place: Path) -> None:
    """Change a snapshot, add one, and remove one."""
    pages: dict[str, str | bytes] = {
        f"{WEEK_2}/zlib/specs.md": site_page("zlib", WEEK_2, [make_spec(9, target="zen4")]),
        "develop/hdf5/specs.md": site_page("hdf5", "develop", [make_spec(10)]),
        f"{WEEK_3}/zlib/specs.md": "no page",
    }
    write_pages(place / "in", pages)
    shutil.rmtree(place / "in" / OTHER_WEEKS[0])


def test_a_view_that_cannot_be_created_ends_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Views are created beside the loading of tables: the error is raised, and no draft is left."""
    write_pages(tmp_path / "in", {"a.md": site_page()})
    flatten(tmp_path)
    view = tmp_path / "sql" / "theme" / "broken.sql"
    view.parent.mkdir(parents=True)
    view.write_text(
        "-- What it is.\n-- Grain: one row per tag.\n-- Reads: pages\n"
        "create or replace view broken as select no_column from pages;\n"
    )
    monkeypatch.setattr(views, "SQL_FOLDER", view.parents[1])

    with pytest.raises(OutputError, match="no_column"):
        build_warehouse(tmp_path / "out")

    assert [path.name for path in (tmp_path / "out").iterdir()] == ["tables"]


@pytest.mark.slow
def test_an_updated_database_equals_a_new_one(place: Path) -> None:
    """A snapshot that changed, one that is new, one that is gone, and rejects without a tag."""
    before = rows(place)
    change(place)
    flatten(place)
    build(place)
    flatten(place, "fresh")
    build(place, "fresh")
    assert rows(place) == rows(place, "fresh") != before


@pytest.mark.slow
def test_an_update_loads_only_what_changed(place: Path) -> None:
    """A partition that stands is not read again: here it could not be."""
    change(place)
    flatten(place)
    overwrite(place / "out" / "tables" / "spec_stacks" / f"tag={WEEK_1}" / "part-0.parquet", 0)
    build(place)
    flatten(place, "fresh")
    build(place, "fresh")
    assert rows(place) == rows(place, "fresh")


@pytest.mark.slow
def test_a_damaged_database_is_rebuilt(place: Path) -> None:
    """If an update fails, all tables are loaded again."""
    change(place)
    overwrite(place / "out" / DATABASE, 12_288)
    flatten(place)
    build(place)
    flatten(place, "fresh")
    build(place, "fresh")
    assert rows(place) == rows(place, "fresh")
