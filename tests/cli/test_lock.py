"""`cache-coverage lock` as users run it, and lock files as sources of `flatten`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import run_command as run
from tests.locks import Need, Node, lock_document, write_lock
from tests.writing import make_hash, make_spec, site_page, write_pages

OLD, NEW, RELEASE = "develop-2025-03-23", "develop-2025-03-30", "v1.0.0"
PARAMETERS = {"build_system": "cmake", "ipo": False, "shared": True}  # as of a page's spec
COLUMNS = [
    "lock",
    "package",
    "version",
    "hash",
    "compiler",
    "os",
    "platform",
    "target",
    "variants",
    "is_root",
    "state",
    "reason",
    "nearest_hash",
    "differences",
    "stacks",
]
NODES = [
    Node("zlib", 1, parameters=PARAMETERS, annotations={"compiler": "gcc@11.4.0"}),
    Node("hdf5", 2, [Need("zlib"), Need("glibc", ["link"])], parameters=PARAMETERS | {"hl": True}),
    Node("app", 3, [Need("hdf5")], parameters=PARAMETERS),
    Node("tool", 4, [Need("zlib", ["link"]), Need("app", ["build"])], parameters=PARAMETERS),
    Node("glibc", 5, is_external=True),
]
LOCK = lock_document(NODES, ["app", "tool"])


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the outputs of two snapshots with some specs of the lock file, and one with none."""
    folder = tmp_path_factory.mktemp("lock")
    zlib, tool = make_spec(1), make_spec(4, stacks=["hep"], compiler="none")
    hdf5 = make_spec(9, compiler="none", variants=["~hl", "build_system=cmake", "~ipo", "+shared"])
    write_pages(
        folder / "in",
        {
            f"{RELEASE}/other/specs.md": site_page(
                "other", RELEASE, [make_spec(8, stacks=["aws"])]
            ),
            f"{OLD}/other/specs.md": site_page("other", OLD, [make_spec(8, stacks=["aws"])]),
            f"{OLD}/zlib/specs.md": site_page("zlib", OLD, [zlib]),
            f"{NEW}/zlib/specs.md": site_page("zlib", NEW, [zlib]),
            f"{NEW}/tool/specs.md": site_page("tool", NEW, [tool]),
            f"{NEW}/hdf5/specs.md": site_page("hdf5", NEW, [hdf5]),
        },
    )
    assert run("flatten", folder / "in", "--out", folder / "out").returncode == 0
    assert run("build", "--out", folder / "out").returncode == 0
    return folder / "out"


def lock(out: Path, *arguments: object) -> tuple[list[dict[str, Any]], str]:
    """Run `lock`; return its rows and its messages."""
    result = run("lock", *arguments, "--out", out, "--format", "json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout), result.stderr


def test_lock_tells_what_a_snapshot_holds(out: Path, tmp_path: Path) -> None:
    """Every spec has a state and a reason; one line summarizes the lock file."""
    path = write_lock(tmp_path / "spack.lock", LOCK)

    rows, said = lock(out, path)

    assert list(rows[0])[: len(COLUMNS)] == COLUMNS
    assert said == (
        f"{path}: 2 of 4 specs from {NEW} (50.0 %), 2 to build, 1 external; 1 of 2 roots complete\n"
    )
    by_package = {row["package"]: row for row in rows}
    assert {name: (row["state"], row["reason"]) for name, row in by_package.items()} == {
        "app": ("build", "package"),
        "glibc": ("external", None),
        "hdf5": ("build", "variants"),
        "tool": ("cached", None),
        "zlib": ("cached", None),
    }
    hdf5 = by_package["hdf5"]
    assert hdf5["lock"] == str(path)
    assert hdf5["hash"] == make_hash(2)
    assert hdf5["nearest_hash"] == make_hash(9)
    assert hdf5["differences"] == ["+hl != ~hl"]
    assert by_package["tool"]["stacks"] == ["hep"]
    assert by_package["zlib"]["also_in"] == [OLD]
    assert by_package["app"]["blocked_by"] == [f"hdf5/{make_hash(2)[:7]}"]


def test_lock_keeps_to_a_snapshot_and_stacks(out: Path, tmp_path: Path) -> None:
    """--tag and --stack restrict what counts; --stack may be repeated."""
    path = write_lock(tmp_path / "spack.lock", LOCK)

    assert f"1 of 4 specs from {OLD} (25.0 %)" in lock(out, path, "--tag", OLD)[1]
    assert f"1 of 4 specs from {NEW} (25.0 %)" in lock(out, path, "--stack", "hep")[1]
    both = lock(out, path, "--stack", "hep", "--stack", "root")[1]
    assert f"2 of 4 specs from {NEW} (50.0 %)" in both


def test_lock_judges_for_another_host(out: Path, tmp_path: Path) -> None:
    """--os and --target replace those of the lock file."""
    path = write_lock(tmp_path / "spack.lock", LOCK)

    rows, _ = lock(out, path, "--os", "rhel8", "--target", "zen4")

    (hdf5,) = (row for row in rows if row["package"] == "hdf5")
    assert (hdf5["os"], hdf5["target"], hdf5["reason"]) == ("ubuntu22.04", "x86_64_v3", "os")
    assert hdf5["differences"][:2] == ["os rhel8 != ubuntu22.04", "target zen4 != x86_64_v3"]


def test_lock_reads_several_files_and_old_ones(out: Path, tmp_path: Path) -> None:
    """Each has its line; one from before Spack 0.18 gets a warning that its hashes differ."""
    new = write_lock(tmp_path / "new/spack.lock", LOCK)
    old = write_lock(tmp_path / "old/spack.lock", lock_document(NODES, ["app"], version=2))

    rows, said = lock(out, new, old, new)

    assert len(rows) == 10
    lines = said.splitlines()
    assert lines[0].startswith(f"warning: {old}: lock file of version 2; Spack formed hashes")
    assert [line.split(": ")[0] for line in lines[1:]] == [str(new), str(old)]


def test_lock_ranks_all_snapshots(out: Path, tmp_path: Path) -> None:
    """--tag all has a row per snapshot and per stack, the best first, then the newest."""
    path = write_lock(tmp_path / "spack.lock", LOCK)

    rows, said = lock(out, path, "--tag", "all")

    assert [(row["tag"], row["stack"], row["cached_count"]) for row in rows] == [
        (NEW, None, 2),
        (NEW, "e4s", 1),
        (NEW, "hep", 1),
        (NEW, "root", 1),
        (OLD, None, 1),
        (OLD, "e4s", 1),
        (OLD, "root", 1),
        (OLD, "aws", 0),
        (RELEASE, None, 0),
        (RELEASE, "aws", 0),
    ]
    assert rows[0]["complete_root_count"] == 1
    assert f"2 of 4 specs from {NEW} (50.0 %)" in said


def test_lock_can_fail_under_a_share(out: Path, tmp_path: Path) -> None:
    """Status 4 for a smaller share; rows and summary are printed all the same."""
    path = write_lock(tmp_path / "spack.lock", LOCK)

    enough = run("lock", path, "--fail-under", 50, "--out", out)
    short = run("lock", path, "--fail-under", 50.1, "--out", out, "--format", "csv")
    ranked = run("lock", path, "--tag", "all", "--fail-under", 60, "--out", out)

    assert enough.returncode == 0
    assert (short.returncode, ranked.returncode) == (4, 4)
    assert len(short.stdout.splitlines()) == 6
    assert f"error: {path}: 50.0 % of its specs are in {NEW}, less than 50.1 %" in short.stderr


def test_lock_prints_trees(out: Path, tmp_path: Path) -> None:
    """--tree prints each root's tree with states and reasons, and the bytes to download."""
    path = write_lock(tmp_path / "spack.lock", LOCK)

    result = run("lock", path, "--tree", "--out", out)

    short = {node.name: node.hash[:7] for node in NODES}
    assert result.stdout.splitlines()[1:] == [
        "",
        str(path),
        f"[-] app@1.2 /{short['app']}: package",
        f"  [-] hdf5@1.2 /{short['hdf5']}: variants (+hl != ~hl)",
        f"    [e] glibc@1.2 /{short['glibc']}",
        f"    [+] zlib@1.2 /{short['zlib']}",
        f"[+] tool@1.2 /{short['tool']}",
        f"  [+] zlib@1.2 /{short['zlib']}",
        "to download: 0 bytes for 0 of 2 cached specs; of the others no size is known",
    ]


@pytest.mark.parametrize(
    ("arguments", "status", "problem"),
    [
        (["--stack", "hpe"], 1, f"no stack 'hpe' in {NEW}: did you mean hep?"),
        (["--tag", "develop-2025-03-31"], 1, "no snapshot 'develop-2025-03-31'"),
        (["--target", "zen44"], 1, "no target 'zen44'"),
        (["--fail-under", "101"], 2, "Invalid value for '--fail-under'"),
        (["--tag", "all", "--tree"], 2, "--tag all ranks snapshots"),
    ],
)
def test_lock_refuses_what_is_not_there(
    out: Path, tmp_path: Path, arguments: list[str], status: int, problem: str
) -> None:
    """Unknown names are refused with the closest ones; exclusive options are wrong usage."""
    path = write_lock(tmp_path / "spack.lock", LOCK)

    result = run("lock", path, *arguments, "--out", out)

    assert (result.returncode, result.stdout) == (status, "")
    assert problem in result.stderr


def test_a_file_that_is_not_a_lock_file_is_reported(out: Path, tmp_path: Path) -> None:
    """Status 1 from `lock` and from `flatten`: what, where, and what to do."""
    path = write_lock(tmp_path / "spack.lock", "spack:\n  specs: [zlib]\n")

    for command in ("lock", "flatten"):
        result = run(command, path, "--out", out)
        assert (result.returncode, result.stdout) == (1, "")
        assert result.stderr == (
            f"error: {path}: not a lock file that can be read: a spack.yaml, perhaps; "
            "name a spack.lock that 'spack concretize' wrote\n"
        )


@pytest.mark.slow
def test_lock_coverage_gives_the_rows_of_the_command(out: Path, tmp_path: Path) -> None:
    """For a flattened lock file, the macro has the same rows as the command."""
    path = write_lock(tmp_path / "spack.lock", LOCK)
    pages = out.parent / "in"

    result = run("flatten", pages, path, "--out", tmp_path / "out")
    assert "1 lock file, 5 specs" in result.stderr
    assert run("build", "--out", tmp_path / "out").returncode == 0

    query = f"from lock_coverage('{NEW}') order by package"
    rows = run("query", query, "--out", tmp_path / "out", "--format", "json").stdout
    assert json.loads(rows) == lock(out, path)[0]


def lock_rows(out: Path) -> list[list[Any]]:
    """Return lock and package of table lock_specs, and the number of specs of the cache."""
    assert run("build", "--out", out).returncode == 0
    query = (
        "select lock, count(*) as n from lock_specs group by all "
        "union all select null, count(*) from specs order by all"
    )
    rows = run("query", query, "--out", out, "--format", "json").stdout
    return [[row["lock"], row["n"]] for row in json.loads(rows)]


@pytest.mark.slow
def test_lock_files_alone_leave_the_snapshots(out: Path, tmp_path: Path) -> None:
    """They may be read after, before or with the cache; runs without any keep them."""
    path, pages, outputs = (
        write_lock(tmp_path / "spack.lock", LOCK),
        out.parent / "in",
        tmp_path / "out",
    )

    run("flatten", path, "--name", "first", "--out", outputs)
    assert lock_rows(outputs) == [["first", 5], [None, 0]]
    run("flatten", pages, "--out", outputs)
    assert lock_rows(outputs) == [["first", 5], [None, 6]]
    run("flatten", pages, "--replace", "--out", outputs)
    assert lock_rows(outputs) == [[None, 6]]
    run("flatten", path, "--out", outputs)
    assert lock_rows(outputs) == [[str(path), 5], [None, 6]]
    run("flatten", pages, "--tag", NEW, "--out", outputs)
    assert lock_rows(outputs) == [[str(path), 5], [None, 6]]

    write_lock(path, lock_document(NODES[:1], ["zlib"]))
    run("flatten", pages, path, "--name", "mine", "--out", outputs)
    assert lock_rows(outputs) == [["mine", 1], [None, 6]]


def test_a_lock_file_is_read_again_when_it_changed(out: Path, tmp_path: Path) -> None:
    """Its content decides; nothing is written if it is unchanged."""
    path = write_lock(tmp_path / "spack.lock", LOCK)
    outputs = tmp_path / "out"
    table = outputs / "tables/lock_specs/part-0.parquet"
    run("flatten", path, "--out", outputs)
    before = table.stat().st_mtime_ns

    run("flatten", path, "--out", outputs)
    assert table.stat().st_mtime_ns == before

    write_lock(path, lock_document(NODES, ["app"]))
    run("flatten", path, "--out", outputs)
    assert table.stat().st_mtime_ns != before


@pytest.mark.slow
def test_a_broken_lock_file_leaves_the_tables(out: Path, tmp_path: Path) -> None:
    """It is refused before anything is read or written."""
    outputs = tmp_path / "out"
    good = write_lock(tmp_path / "good.lock", LOCK)
    run("flatten", good, "--out", outputs)

    bad = write_lock(tmp_path / "bad.lock", "{}")
    result = run("flatten", out.parent / "in", bad, "--out", outputs)

    assert result.returncode == 1
    assert lock_rows(outputs) == [[str(good), 5], [None, 0]]


def test_name_names_one_lock_file(out: Path, tmp_path: Path) -> None:
    """--name with two lock files, or with none, is wrong usage."""
    one = write_lock(tmp_path / "one.lock", LOCK)
    two = write_lock(tmp_path / "two.lock", LOCK)

    for sources in ([one, two], [out.parent / "in"]):
        result = run("flatten", *sources, "--name", "x", "--out", tmp_path / "out")
        assert (result.returncode, "takes exactly one lock file" in result.stderr) == (2, True)


def test_the_documents_show_what_lock_prints(sample: Path) -> None:
    """The output in docs/environments.md is that of the sample."""
    root = Path(__file__).parents[2]
    result = run("lock", "tests/environments/gpu.lock", "--tree", "--out", sample, cwd=root)

    text = (root / "docs/environments.md").read_text()
    assert result.stdout + result.stderr in text
