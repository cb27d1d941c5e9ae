"""Reports whose snapshots are read in batches: the same files, and errors that are not lost."""

from __future__ import annotations

import base64
import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipeline.outputs import DATABASE
from pipeline.report import batches
from pipeline.report.batches import MAX_STACKS, create_batch_views, read_batch
from pipeline.report.exports import OTHER_VIEWS, csv_views
from pipeline.report.run import write_reports
from pipeline.warehouse.database import open_beside, open_warehouse
from tests.rows import WEEK_1, WEEK_2, WEEK_3, Spec, ask, needs, open_views, page

EXPORTED = [*csv_views(), *OTHER_VIEWS]
# Values of lists that SQL, JSON or an enum could take for something else.
TEXTS = ('cflags="-O2 -g"', "it's", "naïve=é", "言語=日本", "a\\b", "null", "", "+a,+b")
SPECS = [
    # Two snapshots in line, and one without a spec between them, whose index was refused.
    Spec("a", tag=WEEK_1, variants=TEXTS, flags=TEXTS[:2], provided_virtuals=("mpi", "l'a")),
    Spec("b", "adiak", tag=WEEK_1, stacks=(), compiler="none", flags=(), provided_virtuals=()),
    Spec("c", "only-then", tag=WEEK_1, os="rhel8", stacks=("hep",)),
    Spec("d", tag=WEEK_3, variants=TEXTS[::-1], flags=TEXTS[2:4]),
    Spec("e", tag=WEEK_3, variants=TEXTS[::-1], flags=TEXTS[4:], version="1.10"),
    # The same but for a dependency.
    Spec("f", "adiak", tag=WEEK_3, variants=TEXTS[:1], flags=TEXTS, provided_virtuals=("v",)),
    Spec("g", "adiak", tag=WEEK_3, variants=TEXTS[:1], flags=TEXTS, provided_virtuals=("v",)),
    # These differ in their lists.
    Spec("i", "hdf5", tag=WEEK_3, flags=("-g", "-O2"), provided_virtuals=()),
    Spec("j", "hdf5", tag=WEEK_3, flags=("-g,-O2",), provided_virtuals=()),
    Spec("k", "hdf5", tag=WEEK_3, flags=("-g", "-O2")),
    Spec("h", "gcc-runtime", tag=WEEK_3, stacks=("root",), target="zen4", compiler="none"),
    # In the order of text, the newer release is first.
    Spec("a", tag="v0.9.0", platform="cray", stacks=("e4s", "hep")),
    Spec("a", tag="v0.10.0", platform="cray", stacks=("hep",), target="zen4"),
    # So many stacks that their overlap is left out, but not that of others.
    Spec("a", tag="crowd", stacks=[f"s{number}" for number in range(MAX_STACKS + 1)]),
    # Of no line, and before and between all others in text.
    *(Spec(tag, tag=tag, compiler="llvm@17.0.6") for tag in ("0", "develop", "odd")),
]


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the database of some snapshots with unusual values."""
    index = {"page": "e4s/index.json", "tag": WEEK_2, "stack": "e4s", "line": 1}
    connection = open_views(
        SPECS,
        [page(tag=WEEK_1, compilers=["none", "none"], stacks=["root", "hep"])],
        dependencies=[
            needs("f", "d", tag=WEEK_3),
            needs("g", "e", tag=WEEK_3),
            needs("d", "glibc", tag=WEEK_3, version="2.35"),
        ],
        rejects=[index | {"code": "bad-value", "message": "not an index"}],
    )
    ((path,),) = ask(connection, "select path from duckdb_databases() where not internal")
    connection.close()
    folder = tmp_path_factory.mktemp("history")
    shutil.copyfile(path, folder / DATABASE)
    return folder


def report(out: Path) -> dict[Path, bytes]:
    """Write the reports anew, and return every file."""
    shutil.rmtree(out / "reports", ignore_errors=True)
    write_reports(out)
    return {path: path.read_bytes() for path in out.glob("reports/**/*") if path.is_file()}


@pytest.fixture(scope="module")
def by_snapshot(history: Path) -> dict[Path, bytes]:
    """Return the files of the reports that are written in batches of one snapshot."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "BATCH_SPECS", 1)
        return report(history)


def test_reports_do_not_depend_on_batches(history: Path, by_snapshot: dict[Path, bytes]) -> None:
    """A previous snapshot in the same batch or in another one: every file has the same bytes."""
    assert report(history) == by_snapshot


@pytest.mark.parametrize("view", EXPORTED)
def test_a_batch_has_the_rows_of_the_views(
    history: Path, by_snapshot: dict[Path, bytes], view: str
) -> None:
    """Read by snapshot, and from enums, a view has the same rows as in the database."""
    files = [path for path in by_snapshot if path.match(f"parquet/{view}/*")]
    read = pl.concat(pl.read_parquet(by_snapshot[path]) for path in files)
    with open_warehouse(history) as connection:
        rows = connection.sql(f"from {view}").pl()
    assert_frame_equal(read.sort(pl.all()), rows.sort(pl.all()))


def page_data(files: dict[Path, bytes], tag: str) -> dict[str, Any]:
    """Return what the page loads of a snapshot."""
    (file,) = (path for path in files if path.match(f"data/snapshots/{tag}.js"))
    data: dict[str, Any] = json.loads(
        gzip.decompress(base64.b64decode(files[file].decode().split('"')[3]))
    )
    return data


def test_variants_are_shown_as_they_are(by_snapshot: dict[Path, bytes]) -> None:
    """Quotes, letters beyond ASCII and empty texts are in the page's data."""
    data = page_data(by_snapshot, WEEK_3)
    shown = {tuple(data["values"]["variants"][at]) for at in data["tables"]["specs"]["variants"]}
    assert shown == {tuple(spec.variants) for spec in SPECS if spec.tag == WEEK_3}


def test_overlap_is_left_out_where_stacks_are_many(by_snapshot: dict[Path, bytes]) -> None:
    """Only of that snapshot, not of others."""
    overlaps = {
        tag: page_data(by_snapshot, tag)["tables"]["overlap"]["shared_package_count"]
        for tag in ("crowd", "v0.9.0")
    }
    assert overlaps == {"crowd": [], "v0.9.0": [1]}


def test_a_query_that_fails_ends_the_batch(history: Path) -> None:
    """Its error is raised, and the next batch can be read."""
    with open_beside(history) as connection:
        create_batch_views(connection, ["gaps"])
        queries = {"bad": "select tag, error('too bad') from snapshots", "gaps": "from gaps"}
        with pytest.raises(duckdb.Error, match="too bad"):
            read_batch(connection, [WEEK_3], [], queries)
        frames = read_batch(connection, [WEEK_3], [], {"gaps": "from gaps"})
    assert frames["gaps"]["tag"].unique().to_list() == [WEEK_3]
