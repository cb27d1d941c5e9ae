"""Runs that read only what changed: the same tables as a fresh run, whatever happened before."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
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
from pipeline.schemas import SNAPSHOT_TABLES, TARGETS
from pipeline.sources import discovery, files
from pipeline.sources.rejects import PageError, RejectCode
from pipeline.tables import partitions, refresh, state, workers
from pipeline.tables.parquet import read_part, stored_tags
from pipeline.tables.refresh import refresh_tables
from pipeline.tables.state import fingerprint
from tests.conftest import run_command
from tests.writing import make_spec, site_page, write_pages

Stored = dict[tuple[str, str | None], list[dict[str, Any]]]

TAGS = ("develop-2025-03-23", "develop-2025-03-30", "v1.0.0")
PACKAGES = ("adiak", "zlib")


def read_all(out: Path) -> Stored:
    """Give every row of every partition."""
    tables = out / "tables"
    parts: Stored = {
        (table.name, tag): read_part(tables, table, tag).to_dicts()
        for table in SNAPSHOT_TABLES
        for tag in stored_tags(tables, table)
    }
    return parts | {("targets", None): read_part(tables, TARGETS).to_dicts()}


def read_fresh(source: Path) -> Stored:
    """Give what a first run gives."""
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
    """Give a source of three snapshots, two packages each."""
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
    """A second run opens no page and leaves every file as it was."""
    first = refresh_tables([source], tmp_path / "out")
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*.parquet")}
    groups_read.clear()

    second = refresh_tables([source], tmp_path / "out")

    assert groups_read == []
    assert second == first
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*.parquet")} == before


def test_a_changed_page_costs_its_snapshot(
    source: Path, tmp_path: Path, groups_read: list[str]
) -> None:
    """Only the partition of the page's snapshot is made again."""
    refresh_tables([source], tmp_path / "out")
    groups_read.clear()
    page = source / "_cache" / TAGS[1] / "zlib" / "specs.md"
    page.write_text(site_page("zlib", TAGS[1], [make_spec(9)]))

    refresh_tables([source], tmp_path / "out")

    assert groups_read == [TAGS[1]]
    assert read_all(tmp_path / "out") == read_fresh(source)


def test_a_change_that_size_and_time_hide_is_found(source: Path, tmp_path: Path) -> None:
    """A page of the same size with its old time set back is told by its other time or content."""
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
    """Where a file system's clock is coarse, what changes as soon as it was read is told, too."""
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
def test_tables_that_were_removed_come_again(source: Path, tmp_path: Path, lost: str) -> None:
    """What somebody deleted below OUT is made again by the next run."""
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
    """A release of the pipeline is another one, and so is one of archspec, which makes targets."""
    before = fingerprint()
    monkeypatch.setattr(package, "__version__", "another")

    assert fingerprint() != before


@pytest.mark.parametrize("damage", [b"\xc1 broken", b"", b"\x81\xc4\x00\xc4\x01\xc1", None])
def test_a_broken_state_is_no_state(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes | None
) -> None:
    """State files that can't be read, or hold a byte that is not theirs, cost a full run."""
    monkeypatch.setattr(discovery, "TICK_NS", 0)
    refresh_tables([source], tmp_path / "out")
    for file in (tmp_path / "out/tables/.state").iterdir():
        file.write_bytes(file.read_bytes().replace(b"z", b"\xff") if damage is None else damage)

    refresh_tables([source], tmp_path / "out")

    assert read_all(tmp_path / "out") == read_fresh(source)


def test_a_file_name_that_is_no_utf8_is_read_each_time(tmp_path: Path) -> None:
    """Its name is escaped in the tables, and only its folder is never remembered."""
    source = write_pages(tmp_path / "in", {"a/b/zlib.md": site_page()})
    (source / "a" / "b" / os.fsdecode(b"bad\xff.md")).write_text("no page")

    for _ in range(2):
        outcome = refresh_tables([source], tmp_path / "out")
        assert (outcome.page_count, outcome.rejected) == (1, {"no-front-matter": 1})

    (reject,) = read_all(tmp_path / "out")["rejects", None]
    assert reject["page"] == r"a/b/bad\xff.md"


@pytest.fixture
def folders_listed(source: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the folders of the source that runs list, below it; a tick takes no time."""
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
    """Once a folder's times are settled they tell of any page added or removed."""
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
    """Times tell of nothing where they are of the tick in which the run began, or later."""
    monkeypatch.setattr(discovery, "TICK_NS", 60_000_000_000)
    refresh_tables([source], tmp_path / "out")
    every = sorted(folders_listed)
    folders_listed.clear()
    monkeypatch.setattr(discovery, "TICK_NS", 0)

    refresh_tables([source], tmp_path / "out")

    assert sorted(folders_listed) == every


def test_a_run_may_keep_to_some_tags(source: Path, tmp_path: Path, groups_read: list[str]) -> None:
    """--tag reads and publishes those snapshots alone, the folders of others unopened."""
    refresh_tables([source], tmp_path / "out", only=TAGS[:1])
    assert groups_read == [TAGS[0]]
    assert stored_tags(tmp_path / "out/tables", SNAPSHOT_TABLES[0]) == {TAGS[0]}

    refresh_tables([source], tmp_path / "out", only=TAGS[1:])

    assert read_all(tmp_path / "out") == read_fresh(source)
    groups_read.clear()
    refresh_tables([source], tmp_path / "out")
    assert groups_read == []


def test_other_snapshots_folders_are_passed_by(
    source: Path, tmp_path: Path, folders_listed: list[str]
) -> None:
    """A run for one tag lists no folder of another; what it learns is kept beside what is known."""
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

    with pytest.raises(SourceError, match=r"no page of v9\.9\.9"):
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
    """Where a run for one tag could not see or publish all, the next whole run does."""
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
    """A source within another adds nothing, in the first run and in any later one."""
    page = source / "_cache" / TAGS[0] / "zlib" / "specs.md"

    for _ in range(3):
        refresh_tables([page, source], tmp_path / "out")
        tables = read_all(tmp_path / "out")
        assert [row["package"] for row in tables["pages", TAGS[0]]] == list(PACKAGES)
        assert not tables["rejects", TAGS[0]]


def test_where_a_link_leads_is_looked_up_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder's times do not tell that a link in it now leads out of the source by another one."""
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


def test_what_could_not_be_read_is_tried_again(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that the system does not let be read need not change to be read the next time."""

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
    """Workers on this machine change nothing but the time."""
    alone = read_fresh(source)
    monkeypatch.setattr(workers, "POOL_PAGES", 0)

    refresh_tables([source], tmp_path / "out")

    assert read_all(tmp_path / "out") == alone


def test_a_pool_reads_indexes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers read a build cache's indexes as one process does."""
    mirror = Path(__file__).parents[1] / "mirror"
    alone = read_fresh(mirror)
    monkeypatch.setattr(workers, "POOL_PAGES", 0)

    refresh_tables([mirror], tmp_path / "out")

    assert read_all(tmp_path / "out") == alone


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Start a Dask cluster of two workers on this machine; give its address."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
    ) as started:
        yield started.scheduler_address


@pytest.mark.slow
def test_a_dask_cluster_gives_what_one_process_gives(
    source: Path, tmp_path: Path, cluster: str
) -> None:
    """With --scheduler the workers of a cluster read the snapshots."""
    result = run_command("flatten", source, "--out", tmp_path / "out", "--scheduler", cluster)

    assert result.returncode == 0, result.stderr
    assert read_all(tmp_path / "out") == read_fresh(source)


@pytest.mark.slow
def test_a_scheduler_that_does_not_answer_is_said(source: Path, tmp_path: Path) -> None:
    """Status 1 with the address."""
    result = run_command("flatten", source, "--out", tmp_path, "--scheduler", "127.0.0.1:9")

    assert result.returncode == 1
    assert "127.0.0.1:9: no Dask scheduler answers" in result.stderr


def test_what_a_killed_run_left_is_cleared(source: Path, tmp_path: Path) -> None:
    """The next run removes drafts that nobody will publish."""
    (tmp_path / "out" / ".tables.dead" / "0").mkdir(parents=True)

    refresh_tables([source], tmp_path / "out")

    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["tables"]


def test_a_failed_write_keeps_the_old_tables(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a draft can't be written, what was there stays, and the next run makes up for it."""
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


class Changes(RuleBasedStateMachine):
    """Any sequence of changes to pages, of runs for one tag and of whole runs, against a fresh run.

    Only what a whole run leaves is held against it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.source, self.out = self.folder / "in", self.folder / "out"
        write_pages(self.source, {"always.md": site_page("always", TAGS[2])})
        self.pages: set[str] = set()

    @rule(path=PATHS, text=TEXTS)
    def write(self, path: str, text: str) -> None:
        """Add a page, or change one."""
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
        """Move a page elsewhere, over another one perhaps."""
        old = data.draw(st.sampled_from(sorted(self.pages)))
        (self.source / path).parent.mkdir(parents=True, exist_ok=True)
        (self.source / old).rename(self.source / path)
        self.pages = self.pages - {old} | {path}

    @rule(tag=st.sampled_from(TAGS))
    def flatten_a_tag(self, tag: str) -> None:
        """Flatten the pages of one tag, if there are any."""
        with suppress(SourceError):
            refresh_tables([self.source], self.out, only=[tag])

    @rule()
    def flatten(self) -> None:
        """Hold the tables kept up to date against those of a fresh run."""
        refresh_tables([self.source], self.out)
        assert read_all(self.out) == read_fresh(self.source)

    def teardown(self) -> None:
        """Flatten at last, and leave nothing behind."""
        self.flatten()
        shutil.rmtree(self.folder)


Changes.TestCase.settings = settings(max_examples=40, stateful_step_count=12, deadline=None)
TestChanges = pytest.mark.slow(Changes.TestCase)
