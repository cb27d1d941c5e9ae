"""Runs that read only what changed: the same tables as a fresh run, whatever happened before."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import archspec
import msgspec
import polars as pl
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from pipeline.errors import OutputError, SourceError
from pipeline.outputs import stored_tags
from pipeline.progress import Progress
from pipeline.schemas import REJECTS, SNAPSHOT_TABLES, TARGETS
from pipeline.sources import discovery, files
from pipeline.sources.rejects import PageError, RejectCode
from pipeline.tables import partitions, refresh, state, workers
from pipeline.tables.parquet import part_path, read_part
from pipeline.tables.refresh import refresh_tables
from pipeline.tables.state import fingerprint
from tests.conftest import run_command
from tests.writing import make_hash, make_spec, site_page, write_pages

Stored = dict[tuple[str, str | None], list[dict[str, Any]]]

TAGS = ("develop-2025-03-23", "develop-2025-03-30", "v1.0.0")
PACKAGES = ("adiak", "zlib")


def read_all(out: Path) -> Stored:
    """Return all rows of all partitions."""
    tables = out / "tables"
    parts: Stored = {
        (table.name, tag): read_part(tables, table, tag).to_dicts()
        for table in SNAPSHOT_TABLES
        for tag in stored_tags(tables)
    }
    has_untagged = part_path(tables, REJECTS).exists()
    parts["rejects", None] = read_part(tables, REJECTS).to_dicts() if has_untagged else []
    return parts | {("targets", None): read_part(tables, TARGETS).to_dicts()}


def read_fresh(source: Path) -> Stored:
    """Return the rows of a first run."""
    with tempfile.TemporaryDirectory() as folder:
        refresh_tables([source], Path(folder))
        return read_all(Path(folder))


@pytest.fixture
def groups_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the folders that runs read."""
    seen: list[str] = []
    draft_group = partitions.draft_group

    def record(files: Any, *arguments: Any) -> Any:
        seen.append(Path(os.fsdecode(files[0].path)).parent.parent.name)
        return draft_group(files, *arguments)

    monkeypatch.setattr(partitions, "draft_group", record)
    return seen


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a source of three snapshots with two packages each."""
    return write_pages(
        tmp_path / "in",
        {
            f"_cache/{tag}/{package}/specs.md": site_page(package, tag)
            for tag in TAGS
            for package in PACKAGES
        },
    )


def test_nothing_changed_reads_nothing(
    source: Path, tmp_path: Path, groups_read: list[str]
) -> None:
    """A second run opens no page and leaves every file untouched."""
    first = refresh_tables([source], tmp_path / "out")
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*.parquet")}
    groups_read.clear()

    second = refresh_tables([source], tmp_path / "out")

    assert groups_read == []
    assert second == first
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*.parquet")} == before


def test_a_changed_page_rereads_its_snapshot(
    source: Path, tmp_path: Path, groups_read: list[str]
) -> None:
    """Only the partition of the page's snapshot is rewritten."""
    refresh_tables([source], tmp_path / "out")
    groups_read.clear()
    page = source / "_cache" / TAGS[1] / "zlib" / "specs.md"
    page.write_text(site_page("zlib", TAGS[1], [make_spec(9)]))

    refresh_tables([source], tmp_path / "out")

    assert groups_read == [TAGS[1]]
    assert read_all(tmp_path / "out") == read_fresh(source)


def test_a_change_that_size_and_time_hide_is_found(source: Path, tmp_path: Path) -> None:
    """A change with the same size and mtime is found by its ctime or content."""
    page = source / "_cache" / TAGS[0] / "zlib" / "specs.md"
    status = page.stat()
    refresh_tables([source], tmp_path / "out")

    page.write_text(page.read_text().replace("ubuntu22.04", "ubuntu24.04"))
    os.utime(page, ns=(status.st_atime_ns, status.st_mtime_ns))
    refresh_tables([source], tmp_path / "out")

    assert page.stat().st_size == status.st_size
    assert read_all(tmp_path / "out") == read_fresh(source)


def test_a_change_just_after_reading_is_found(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a file system with a coarse clock, a change right after reading is found."""
    now = time.time_ns()
    stamp_page = files.stamp_page

    def stamp(*arguments: Any) -> Any:
        return msgspec.structs.replace(stamp_page(*arguments), mtime_ns=now, ctime_ns=now)

    def draft_and_change(files: Any, *arguments: Any) -> Any:
        drafts = draft_group(files, *arguments)
        page = Path(os.fsdecode(files[0].path))
        page.write_text(page.read_text().replace("ubuntu22.04", "ubuntu24.04"))
        return drafts

    draft_group = partitions.draft_group
    monkeypatch.setattr(discovery, "stamp_page", stamp)
    with monkeypatch.context() as patch:
        patch.setattr(partitions, "draft_group", draft_and_change)
        refresh_tables([source], tmp_path / "out")
    before = read_all(tmp_path / "out")

    refresh_tables([source], tmp_path / "out")

    assert read_all(tmp_path / "out") == read_fresh(source) != before


@pytest.mark.parametrize("lost", ["pages/tag=v1.0.0", "targets", "."])
def test_removed_tables_are_written_again(source: Path, tmp_path: Path, lost: str) -> None:
    """The next run restores what was deleted below OUT."""
    refresh_tables([source], tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "tables" / lost)

    refresh_tables([source], tmp_path / "out")

    assert read_all(tmp_path / "out") == read_fresh(source)


def test_another_version_of_the_pipeline_reads_all_again(
    source: Path, tmp_path: Path, groups_read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tables of another version, or of other schemas, are not kept."""
    refresh_tables([source], tmp_path / "out")
    groups_read.clear()
    monkeypatch.setattr(refresh, "fingerprint", lambda: "another")

    refresh_tables([source], tmp_path / "out")

    assert sorted(groups_read) == sorted(TAGS)


@pytest.mark.parametrize("package", [state, archspec])
def test_what_else_tells_a_version_from_another(
    package: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So does another release of the pipeline, or of archspec, the source of targets."""
    before = fingerprint()
    monkeypatch.setattr(package, "__version__", "another")

    assert fingerprint() != before


@pytest.mark.parametrize("damage", [b"\xc1 broken", b"", b"\x81\xc4\x00\xc4\x01\xc1", None])
def test_a_broken_state_is_ignored(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes | None
) -> None:
    """Unreadable or corrupted state files lead to a full run."""
    monkeypatch.setattr(discovery, "TICK_NS", 0)
    refresh_tables([source], tmp_path / "out")
    for file in (tmp_path / "out/tables/.state").iterdir():
        file.write_bytes(file.read_bytes().replace(b"z", b"\xff") if damage is None else damage)

    refresh_tables([source], tmp_path / "out")

    assert read_all(tmp_path / "out") == read_fresh(source)


def test_a_file_name_that_is_not_utf8_is_read_each_time(tmp_path: Path) -> None:
    """Its name is escaped in the tables, and only its folder is not remembered."""
    source = write_pages(tmp_path / "in", {"a/b/zlib.md": site_page()})
    (source / "a" / "b" / os.fsdecode(b"bad\xff.md")).write_text("no page")

    for _ in range(2):
        outcome = refresh_tables([source], tmp_path / "out")
        assert (outcome.page_count, outcome.rejected) == (1, {"no-front-matter": 1})

    (reject,) = read_all(tmp_path / "out")["rejects", None]
    assert reject["page"] == r"a/b/bad\xff.md"


@pytest.fixture
def folders_listed(source: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the folders of the source that runs list; clock ticks take no time."""
    listed: list[str] = []
    scandir = os.scandir

    def record(path: str) -> Any:
        if str(path).startswith(str(source)):
            listed.append(os.path.relpath(path, source))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", record)
    monkeypatch.setattr(discovery, "TICK_NS", 0)
    return listed


def test_a_folder_that_is_as_it_was_is_not_listed_again(
    source: Path, tmp_path: Path, folders_listed: list[str]
) -> None:
    """Once a folder's times are settled, they show any page added or removed."""
    refresh_tables([source], tmp_path / "out")
    folders_listed.clear()
    refresh_tables([source], tmp_path / "out")
    assert folders_listed == []

    write_pages(source, {f"_cache/{TAGS[0]}/zlib/more.md": site_page("more", TAGS[0])})
    refresh_tables([source], tmp_path / "out")
    assert folders_listed == [f"_cache/{TAGS[0]}/zlib"]
    assert len(read_all(tmp_path / "out")["pages", TAGS[0]]) == 3


def test_a_folder_that_changed_meanwhile_is_listed_again(
    source: Path, tmp_path: Path, folders_listed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Times of the tick in which the run began, or later, prove nothing."""
    monkeypatch.setattr(discovery, "TICK_NS", 60_000_000_000)
    refresh_tables([source], tmp_path / "out")
    every = sorted(folders_listed)
    folders_listed.clear()
    monkeypatch.setattr(discovery, "TICK_NS", 0)

    refresh_tables([source], tmp_path / "out")

    assert sorted(folders_listed) == every


def test_a_run_may_keep_to_some_tags(source: Path, tmp_path: Path, groups_read: list[str]) -> None:
    """--tag reads and publishes only those snapshots, and opens no folders of others."""
    refresh_tables([source], tmp_path / "out", only=TAGS[:1])
    assert groups_read == [TAGS[0]]
    assert stored_tags(tmp_path / "out/tables") == {TAGS[0]}

    refresh_tables([source], tmp_path / "out", only=TAGS[1:])

    assert read_all(tmp_path / "out") == read_fresh(source)
    groups_read.clear()
    refresh_tables([source], tmp_path / "out")
    assert groups_read == []


def test_folders_of_other_snapshots_are_skipped(
    source: Path, tmp_path: Path, folders_listed: list[str]
) -> None:
    """A run for one tag lists no folder of another; its listings are merged with known ones."""
    tag, *others = TAGS
    top = [".", "_cache"]
    refresh_tables([source], tmp_path / "out", only=[tag])
    assert folders_listed == [*top, f"_cache/{tag}", *(f"_cache/{tag}/{p}" for p in PACKAGES)]

    folders_listed.clear()
    refresh_tables([source], tmp_path / "out", only=others)
    assert folders_listed == [
        f"_cache/{folder}"
        for other in others
        for folder in (other, *(f"{other}/{p}" for p in PACKAGES))
    ]

    folders_listed.clear()
    refresh_tables([source], tmp_path / "out")
    assert folders_listed == [f"_cache/{tag}"]
    assert read_all(tmp_path / "out") == read_fresh(source)


def test_a_tag_that_no_page_names_is_refused(source: Path, tmp_path: Path) -> None:
    """A run that would do nothing says so, and leaves the tables alone."""
    refresh_tables([source], tmp_path / "out")

    with pytest.raises(SourceError, match=r"no page or index of v9\.9\.9"):
        refresh_tables([source], tmp_path / "out", only=["v9.9.9"])

    assert read_all(tmp_path / "out") == read_fresh(source)


ONE, TWO, THREE = TAGS
Pages = dict[str, str | bytes]


@pytest.mark.parametrize(
    ("pages", "changes", "later"),
    [
        pytest.param(
            {f"{ONE}/a/specs.md": site_page("a", ONE), f"{ONE}/b/specs.md": "broken"},
            {f"{ONE}/b/specs.md": site_page("b", ONE)},
            {},
            id="a page that named no tag is mended",
        ),
        pytest.param(
            {f"{ONE}/a/specs.md": site_page("a", ONE), f"{ONE}/b/specs.md": "broken"},
            {f"{ONE}/a/specs.md": site_page("a", ONE, [make_spec(7)])},
            {f"{ONE}/b/specs.md": site_page("b", ONE)},
            id="a page that named no tag is mended later",
        ),
        pytest.param(
            {"mixed/a/specs.md": site_page("a", ONE), "mixed/b/specs.md": site_page("b", TWO)},
            {"mixed/b/specs.md": site_page("b", ONE)},
            {},
            id="a page changes its tag",
        ),
        pytest.param(
            {"mixed/a/specs.md": site_page("a", ONE), "mixed/b/specs.md": site_page("b", TWO)},
            {"mixed/a/specs.md": site_page("a", ONE, [make_spec(7)])},
            {"mixed/b/specs.md": ""},
            id="another tag's page is deleted later",
        ),
        pytest.param(
            {f"{ONE}/a/specs.md": site_page("a", ONE), f"{TWO}/b/specs.md": site_page("b", ONE)},
            {f"{ONE}/a/specs.md": site_page("a", ONE, [make_spec(7)])},
            {},
            id="another tag's folder has a page of the tag",
        ),
    ],
)
def test_a_whole_run_makes_up_for_what_a_tags_run_left(
    tmp_path: Path, pages: Pages, changes: Pages, later: Pages
) -> None:
    """What a run for one tag could not see or publish, the next full run does."""
    source = write_pages(tmp_path / "in", {"z/z/z.md": site_page("z", THREE), **pages})
    refresh_tables([source], tmp_path / "out")
    write_pages(source, changes)
    refresh_tables([source], tmp_path / "out", only=[ONE])
    for name, text in later.items():
        (source / name).unlink()
        write_pages(source, {name: text} if text else {})

    refresh_tables([source], tmp_path / "out")

    assert read_all(tmp_path / "out") == read_fresh(source)


def test_a_folder_that_comes_twice_is_read_whole_each_time(source: Path, tmp_path: Path) -> None:
    """A source inside another adds nothing, in the first run or later."""
    page = source / "_cache" / TAGS[0] / "zlib" / "specs.md"

    for _ in range(3):
        refresh_tables([page, source], tmp_path / "out")
        tables = read_all(tmp_path / "out")
        assert [row["package"] for row in tables["pages", TAGS[0]]] == list(PACKAGES)
        assert not tables["rejects", TAGS[0]]


def test_where_a_link_leads_is_looked_up_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder's times don't show that a link in it now leads out of the source."""
    monkeypatch.setattr(discovery, "TICK_NS", 0)
    source = write_pages(tmp_path / "in", {"pages/zlib.md": site_page()})
    write_pages(tmp_path / "elsewhere", {"adiak.md": site_page("adiak")})
    (source / "hop").symlink_to(source / "pages" / "zlib.md")
    (source / "links").mkdir()
    (source / "links" / "adiak.md").symlink_to(source / "hop")
    refresh_tables([source], tmp_path / "out")
    (source / "hop").unlink()
    (source / "hop").symlink_to(tmp_path / "elsewhere" / "adiak.md")

    outcome = refresh_tables([source], tmp_path / "out")

    assert (outcome.page_count, outcome.rejected) == (1, {})


def test_unreadable_files_are_tried_again(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page without permission may be readable in the next run without a change."""

    def refuse(*_: Any) -> bytes:
        raise PageError(RejectCode.UNREADABLE, "can't be read: Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(partitions, "read_bytes", refuse)
        outcome = refresh_tables([source], tmp_path / "out")
        assert outcome.rejected == {"unreadable": 6}

    refresh_tables([source], tmp_path / "out")

    assert read_all(tmp_path / "out") == read_fresh(source)


@pytest.mark.slow
def test_runs_on_different_tags_side_by_side(source: Path, tmp_path: Path) -> None:
    """Several processes with their own tags write into one folder at the same time."""
    out = tmp_path / "out"
    runs = [
        subprocess.Popen(
            [sys.executable, "-m", "pipeline", "flatten", source, "--out", out, "--tag", tag],
            stderr=subprocess.DEVNULL,
        )
        for tag in TAGS
    ]

    assert [run.wait() for run in runs] == [0, 0, 0]
    assert read_all(out) == read_fresh(source)


def test_a_pool_gives_what_one_process_gives(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers on this machine change only the time."""
    alone = read_fresh(source)
    monkeypatch.setattr(workers, "POOL_FILES", 0)

    refresh_tables([source], tmp_path / "out")

    assert read_all(tmp_path / "out") == alone


def test_a_pool_reads_indexes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers read a build cache's indexes as one process does."""
    mirror = Path(__file__).parents[1] / "mirror"
    alone = read_fresh(mirror)
    monkeypatch.setattr(workers, "POOL_FILES", 0)

    refresh_tables([mirror], tmp_path / "out")

    assert read_all(tmp_path / "out") == alone


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Start a Dask cluster of two workers on this machine; return its address."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
    ) as started:
        yield started.scheduler_address


@pytest.mark.slow
def test_a_dask_cluster_gives_what_one_process_gives(
    source: Path, tmp_path: Path, cluster: str
) -> None:
    """With --scheduler, the workers of a cluster read the snapshots."""
    result = run_command("flatten", source, "--out", tmp_path / "out", "--scheduler", cluster)

    assert result.returncode == 0, result.stderr
    assert read_all(tmp_path / "out") == read_fresh(source)


@pytest.mark.slow
def test_an_unreachable_scheduler_is_reported(source: Path, tmp_path: Path) -> None:
    """Status 1 with the address."""
    result = run_command("flatten", source, "--out", tmp_path, "--scheduler", "127.0.0.1:9")

    assert result.returncode == 1
    assert "127.0.0.1:9: no Dask scheduler answers" in result.stderr


def test_what_a_killed_run_left_is_cleared(source: Path, tmp_path: Path) -> None:
    """The next run removes drafts of dead runs."""
    (tmp_path / "out" / ".tables.dead" / "0").mkdir(parents=True)

    refresh_tables([source], tmp_path / "out")

    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["tables"]


def test_a_failed_write_keeps_the_old_tables(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a draft can't be written, the tables are kept, and the next run catches up."""
    refresh_tables([source], tmp_path / "out")
    before = read_all(tmp_path / "out")
    page = source / "_cache" / TAGS[1] / "zlib" / "specs.md"
    page.write_text(site_page("zlib", TAGS[1], [make_spec(9)]))

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pl.DataFrame, "write_parquet", fail)
        with pytest.raises(OutputError, match="No space left on device"):
            refresh_tables([source], tmp_path / "out")

    assert read_all(tmp_path / "out") == before
    refresh_tables([source], tmp_path / "out")
    assert read_all(tmp_path / "out") == read_fresh(source)


def write_mirror(folder: Path, *numbers: int, package: str = "bzip2") -> None:
    """Write a mirror of layout 3, with specs whose hashes are by number."""
    nodes = [
        {
            "name": package,
            "version": "1.2",
            "arch": {"platform": "linux", "platform_os": "ubuntu22.04", "target": "x86_64_v3"},
            "parameters": {},
            "hash": make_hash(number),
        }
        for number in numbers
    ]
    installs = {node["hash"]: {"spec": node, "in_buildcache": True} for node in nodes}
    index = json.dumps({"database": {"version": "8", "installs": installs}}).encode()
    checksum = hashlib.sha256(index).hexdigest()
    blob = {
        "contentLength": len(index),
        "mediaType": "application/vnd.spack.db.v8+json",
        "compression": "none",
        "checksumAlgorithm": "sha256",
        "checksum": checksum,
    }
    write_pages(
        folder,
        {
            f"blobs/sha256/{checksum[:2]}/{checksum}": index,
            "v3/manifests/index/index.manifest.json": json.dumps({"version": 3, "data": [blob]}),
        },
    )


def test_a_snapshot_leaves_with_its_folder(tmp_path: Path) -> None:
    """Even if its index was removed before, and a broken page elsewhere caused a reread."""
    source = write_pages(
        tmp_path / "in",
        {
            f"{ONE}/zlib/specs.md": site_page("zlib", ONE),
            f"{ONE}/bad/specs.md": "no front matter",
            f"{THREE}/bad/specs.md": "no front matter",
        },
    )
    write_mirror(source / THREE / "e4s", 1)
    refresh_tables([source], tmp_path / "out")
    assert stored_tags(tmp_path / "out/tables") == {ONE, THREE}
    shutil.rmtree(source / THREE / "e4s" / "blobs")
    (source / ONE / "bad" / "specs.md").write_text("no front matter either")
    refresh_tables([source], tmp_path / "out")
    shutil.rmtree(source / THREE)

    refresh_tables([source], tmp_path / "out")

    assert stored_tags(tmp_path / "out/tables") == {ONE}
    assert read_all(tmp_path / "out") == read_fresh(source)


def test_a_deleted_index_is_noticed_if_its_manifest_stays(tmp_path: Path) -> None:
    """And so is one that comes back."""
    source = tmp_path / "in"
    write_pages(source, {"always.md": site_page()})
    write_mirror(source / ONE / "e4s", 1)
    refresh_tables([source], tmp_path / "out")
    blobs = source / ONE / "e4s" / "blobs"

    blobs.rename(tmp_path / "blobs")
    summary = refresh_tables([source], tmp_path / "out")
    assert summary.rejected == {"unreadable": 1}
    assert read_all(tmp_path / "out") == read_fresh(source)

    (tmp_path / "blobs").rename(blobs)
    summary = refresh_tables([source], tmp_path / "out")
    assert (summary.rejected, summary.tag_count) == ({}, 2)


def test_files_that_are_readable_again_are_not_rejected(tmp_path: Path) -> None:
    """A reject of the search is forgotten when its file is removed or readable."""
    source = write_pages(tmp_path / "in", {f"{ONE}/zlib/specs.md": site_page("zlib", ONE)})
    dangling = source / ONE / "zlib" / "more.md"
    dangling.symlink_to("nowhere")
    for _ in range(2):
        summary = refresh_tables([source], tmp_path / "out")
        assert summary.rejected == {"unreadable": 1}

    dangling.unlink()

    assert refresh_tables([source], tmp_path / "out").rejected == {}


@pytest.mark.parametrize("time_s", [20_000_000_000, -9_500_000_000])
def test_times_beyond_the_range_of_nanoseconds(tmp_path: Path, time_s: int) -> None:
    """A page or folder dated 2603 or 1668 is read."""
    source = write_pages(tmp_path / "in", {f"{ONE}/zlib/specs.md": site_page("zlib", ONE)})
    for path in (source / ONE / "zlib" / "specs.md", source / ONE / "zlib", source / ONE):
        os.utime(path, (time_s, time_s))

    for _ in range(2):
        assert refresh_tables([source], tmp_path / "out").page_count == 1


@pytest.mark.parametrize("gone", [".", f"_cache/{TAGS[1]}", f"_cache/{TAGS[1]}/zlib/specs.md"])
def test_a_source_that_vanishes_during_a_run_removes_nothing(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    """If files vanish after they were found, as in an unmounted file system, the run fails."""
    refresh_tables([source], tmp_path / "out")
    before = read_all(tmp_path / "out")
    page = source / "_cache" / TAGS[1] / "zlib" / "specs.md"
    page.write_text(site_page("zlib", TAGS[1], [make_spec(9)]))
    draft_group = partitions.draft_group

    def vanish(*arguments: Any) -> Any:
        (source / gone).rename(tmp_path / "elsewhere")
        return draft_group(*arguments)

    monkeypatch.setattr(partitions, "draft_group", vanish)
    with pytest.raises(SourceError, match="gone since it was found"):
        refresh_tables([source], tmp_path / "out")

    assert read_all(tmp_path / "out") == before


def test_a_folder_that_vanishes_during_the_search_removes_nothing(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same if it was listed in its parent but can't be opened."""
    refresh_tables([source], tmp_path / "out")
    before = read_all(tmp_path / "out")
    monkeypatch.setattr(discovery, "TICK_NS", 0)
    stat = os.stat

    def vanish(path: Any, **options: Any) -> os.stat_result:
        folder = source / "_cache" / TAGS[1]
        if str(path) == str(folder) and folder in list(folder.parent.iterdir()):
            folder.rename(tmp_path / "elsewhere")
        return stat(path, **options)

    monkeypatch.setattr(os, "stat", vanish)
    with pytest.raises(SourceError, match=f"_cache/{TAGS[1]}: gone since it was found"):
        refresh_tables([source], tmp_path / "out")

    assert read_all(tmp_path / "out") == before


SITE = "2026-11"  # a snapshot of a source of its own


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Return another source, of one snapshot."""
    return write_pages(tmp_path / "site", {"any/zlib/specs.md": site_page("zlib", SITE)})


def test_snapshots_of_other_sources_stay(source: Path, site: Path, tmp_path: Path) -> None:
    """A run adds and refreshes what its sources have, and removes what they no longer have."""
    out = tmp_path / "out"
    refresh_tables([source], out)
    summary = refresh_tables([site], out)
    assert summary.kept_tags == sorted(TAGS)
    assert stored_tags(out / "tables") == {*TAGS, SITE}
    assert read_all(out) == merge([read_fresh(source), read_fresh(site)])

    shutil.rmtree(source / "_cache" / TAGS[0])
    summary = refresh_tables([source], out)
    assert summary.kept_tags == [SITE]
    assert stored_tags(out / "tables") == {*TAGS[1:], SITE}


@pytest.mark.parametrize("only", [(), (SITE,)])
def test_other_sources_are_replaced_on_request(
    source: Path, site: Path, tmp_path: Path, only: tuple[str, ...]
) -> None:
    """With is_replacing, their snapshots are removed with a message; with `only`, of those tags."""
    out = tmp_path / "out"
    refresh_tables([source], out)
    warnings: list[str] = []

    class Warnings(Progress):
        def warn(self, message: str) -> None:
            warnings.append(message)

    refresh_tables([site], out, only=only, is_replacing=True, progress=Warnings())

    assert stored_tags(out / "tables") == ({SITE, *TAGS} if only else {SITE})
    if not only:
        assert read_all(out) == read_fresh(site)
        (warning,) = warnings
        assert f"removing {', '.join(sorted(TAGS))}: " in warning


def test_a_snapshot_of_two_sources_needs_both_named(source: Path, tmp_path: Path) -> None:
    """Without the other source, the run is refused; nothing is lost or doubled."""
    out = tmp_path / "out"
    other = write_pages(tmp_path / "other", {"more/specs.md": site_page("more", TAGS[0])})
    refresh_tables([source], out)
    before = read_all(out)

    for only in ((), TAGS[:1]):
        with pytest.raises(SourceError, match=f"{TAGS[0]}: .* from {source}, too.*--replace"):
            refresh_tables([other], out, only=only)
        assert read_all(out) == before

    refresh_tables([other, source], out)
    assert [row["package"] for row in read_all(out)["pages", TAGS[0]]] == [
        *PACKAGES[:1],
        "more",
        "zlib",
    ]

    refresh_tables([other], out, is_replacing=True)
    assert read_all(out) == read_fresh(other)


def test_a_snapshot_may_change_hands_for_some_tags(source: Path, tmp_path: Path) -> None:
    """With `only` and is_replacing, one snapshot is taken over; its old source is refused."""
    out = tmp_path / "out"
    other = write_pages(tmp_path / "other", {"more/specs.md": site_page("more", TAGS[0])})
    refresh_tables([source], out)

    refresh_tables([other], out, only=TAGS[:1], is_replacing=True)

    assert [row["package"] for row in read_all(out)["pages", TAGS[0]]] == ["more"]
    with pytest.raises(SourceError, match=f"{TAGS[0]}: .* from {other}, too"):
        refresh_tables([source], out)


def test_a_source_may_be_named_by_a_folder_above_or_below(source: Path, tmp_path: Path) -> None:
    """The same folders are the same snapshots, through whatever source."""
    out = tmp_path / "out"
    for name in (".", "_cache", ".", f"_cache/{TAGS[0]}", "."):
        refresh_tables([source / name], out)
    assert read_all(out) == read_fresh(source)

    shutil.rmtree(source / "_cache" / TAGS[1])
    refresh_tables([source / "_cache" / TAGS[2]], out)
    assert stored_tags(out / "tables") == set(TAGS)
    refresh_tables([source / "_cache"], out)
    assert stored_tags(out / "tables") == {TAGS[0], TAGS[2]}


def test_one_stack_of_a_snapshot_does_not_stand_for_all(tmp_path: Path) -> None:
    """A single mirror is refused if the tables have others of its snapshot."""
    out, tree = tmp_path / "out", tmp_path / "in"
    write_mirror(tree / ONE / "e4s", 1)
    write_mirror(tree / ONE / "hep", 2)
    refresh_tables([tree / ONE / "e4s"], out)

    with pytest.raises(SourceError, match=f"name {tree}/{ONE}/e4s as well"):
        refresh_tables([tree / ONE / "hep"], out)

    refresh_tables([tree / ONE / "hep", tree / ONE / "e4s"], out)
    assert len(read_all(out)["spec_stacks", ONE]) == 2


@pytest.mark.parametrize("pages", [{"a.md": "no page"}, {"spack.yaml.md": "spack: {}"}])
def test_a_source_of_which_nothing_is_accepted_changes_nothing(
    source: Path, tmp_path: Path, pages: dict[str, str | bytes]
) -> None:
    """The tables are kept, and the message says why the first page was rejected."""
    out = tmp_path / "out"
    refresh_tables([source], out)
    before = read_all(out)
    bad = write_pages(tmp_path / "bad", pages)

    for is_replacing in (False, True):
        with pytest.raises(SourceError, match=rf"nothing in it was accepted.*{min(pages)}"):
            refresh_tables([bad], out, is_replacing=is_replacing)
        assert read_all(out) == before


def test_partitions_of_unknown_origin_are_removed(source: Path, tmp_path: Path) -> None:
    """Tables without state, or of another version, are rebuilt."""
    out = tmp_path / "out"
    refresh_tables([source], out)
    shutil.rmtree(out / "tables" / ".state")
    shutil.rmtree(source / "_cache" / TAGS[0])

    refresh_tables([source], out)

    assert read_all(out) == read_fresh(source)


def test_other_sources_of_another_version_are_not_kept_unread(
    source: Path, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their rows may be outdated: name these sources too, or remove them."""
    out = tmp_path / "out"
    refresh_tables([source], out)
    monkeypatch.setattr(refresh, "fingerprint", lambda: "another")

    with pytest.raises(SourceError, match=f"another version .* from {source}; name {source} as"):
        refresh_tables([site], out)

    refresh_tables([site, source], out)
    assert stored_tags(out / "tables") == {*TAGS, SITE}


def merge(parts: Sequence[Stored]) -> Stored:
    """Merge the tables of sources without a common snapshot."""
    merged: Stored = {("rejects", None): []}
    for part in parts:
        for key, rows in part.items():
            merged[key] = [*merged.get(key, []), *(r for r in rows if r not in merged.get(key, []))]
    merged["targets", None].sort(
        key=lambda row: (row["host_target"], row["distance"], row["binary_target"])
    )
    merged["rejects", None].sort(key=lambda row: row["page"])
    return merged


PATHS = st.builds(
    "{}/{}/{}.md".format, st.sampled_from(TAGS[:2]), st.sampled_from("pq"), st.sampled_from("xy")
)
TEXTS = st.one_of(
    st.builds(
        lambda package, tag, number: site_page(package, tag, [make_spec(number)]),
        st.sampled_from(["adiak", "zlib"]),
        st.sampled_from(TAGS[:2]),
        st.integers(0, 2),
    ),
    st.just(site_page("adiak", TAGS[0], [make_spec(1, target="graviton2"), make_spec(2, os="")])),
    st.just("broken"),
)
MIRRORS = st.builds("{}/{}".format, st.sampled_from(TAGS[:2]), st.sampled_from(["e4s", "hep"]))


class Changes(RuleBasedStateMachine):
    """Any sequence of changes to two sources, and of runs on them, compared with fresh runs.

    One has pages and mirrors of three snapshots, mixed, the other pages of one snapshot. After a
    run for some tags, only the next whole run of that source is held against a fresh one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.source, self.out = self.folder / "in", self.folder / "out"
        self.site = self.folder / "site"
        write_pages(self.source, {"always.md": site_page("always", TAGS[2])})
        write_pages(self.site, {"site.md": site_page("site", SITE)})
        self.pages: set[str] = set()
        self.held: dict[Path, Stored] = {}  # by source
        self.is_partial = False  # whether the last run of the source was one for a tag

    @rule(path=PATHS, text=TEXTS)
    def write(self, path: str, text: str) -> None:
        """Add or change a page."""
        write_pages(self.source, {path: text})
        self.pages.add(path)

    @precondition(lambda self: self.pages)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        """Delete a page."""
        path = data.draw(st.sampled_from(sorted(self.pages)))
        (self.source / path).unlink()
        self.pages.remove(path)

    @precondition(lambda self: self.pages)
    @rule(data=st.data(), path=PATHS)
    def rename(self, data: st.DataObject, path: str) -> None:
        """Move a page, perhaps over another one."""
        old = data.draw(st.sampled_from(sorted(self.pages)))
        (self.source / path).parent.mkdir(parents=True, exist_ok=True)
        (self.source / old).rename(self.source / path)
        self.pages = self.pages - {old} | {path}

    @rule(path=MIRRORS, number=st.integers(0, 2), package=st.sampled_from(["adiak", "bzip2"]))
    def write_mirror(self, path: str, number: int, package: str) -> None:
        """Add a stack's mirror, or change its index."""
        write_mirror(self.source / path, number, package=package)

    @rule(path=MIRRORS, part=st.sampled_from(["blobs", "v3", "."]))
    def delete_mirror(self, path: str, part: str) -> None:
        """Delete a mirror's index, its manifest or everything, if it exists."""
        shutil.rmtree(self.source / path / part, ignore_errors=True)

    @rule(number=st.integers(0, 2), text=st.sampled_from([None, "broken"]))
    def change_site(self, number: int, text: str | None) -> None:
        """Change a page of the other source."""
        page = site_page("zlib", SITE, [make_spec(number)])
        write_pages(self.site, {"some/zlib.md": text or page})

    @rule(tag=st.sampled_from(TAGS))
    def flatten_a_tag(self, tag: str) -> None:
        """Flatten the files of one tag, if there are any."""
        with suppress(SourceError):
            refresh_tables([self.source], self.out, only=[tag])
            self.is_partial = True

    @rule(is_site=st.booleans(), is_replacing=st.booleans())
    def flatten(self, is_site: bool = False, is_replacing: bool = False) -> None:
        """Compare the updated tables with those of fresh runs."""
        source = self.site if is_site else self.source
        refresh_tables([source], self.out, is_replacing=is_replacing)
        if is_replacing:
            self.held.clear()
        if is_replacing or not is_site:
            self.is_partial = False
        self.held[source] = read_fresh(source)
        expected, found = merge(list(self.held.values())), read_all(self.out)
        if self.is_partial:
            expected, found = (
                {key: rows for key, rows in tables.items() if key[1] == SITE}
                for tables in (expected, found)
            )
        assert found == expected

    @rule()
    def flatten_both(self) -> None:
        """Flatten both sources at once."""
        refresh_tables([self.source, self.site], self.out)
        self.is_partial = False
        self.held = {source: read_fresh(source) for source in (self.source, self.site)}
        assert read_all(self.out) == merge(list(self.held.values()))

    def teardown(self) -> None:
        """Flatten at the end, and leave nothing behind."""
        self.flatten_both()
        shutil.rmtree(self.folder)


Changes.TestCase.settings = settings(max_examples=40, stateful_step_count=12, deadline=None)
TestChanges = pytest.mark.slow(Changes.TestCase)
