"""The part "Your environment" of the reports: the share of lock files that is cached."""

from __future__ import annotations

import html
import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.conftest import run_command
from tests.locks import Need, Node, lock_document, write_lock
from tests.report.browsing import open_browser, open_report, violations
from tests.report.test_incremental import make_tables, report, written, zlib_pages
from tests.rows import WEEK_1, WEEK_2
from tests.writing import SAMPLE

ENVIRONMENTS = SAMPLE.parent / "environments"
HEADING = "## Your environment\n"
OF_THE_MIRROR = """
| lock file | cached specs | share | to build | external | complete roots | bytes to download | sizes known |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| gpu.lock | 0 of 6 | 0.0 % | 6 | 2 | 0 of 4 | – | 0 of 0 |
| tools.lock | 0 of 4 | 0.0 % | 4 | 2 | 0 of 4 | – | 0 of 0 |

<details><summary>Incomplete roots of gpu.lock in develop-2024-10-20</summary>

| root | version | hash | blocked by |
| --- | --- | --- | --- |
| adiak | 0.4.1 | 5wkxcvm | itself |
| cuda | 12.9.0 | cuda5ee | itself |
| nccl | 2.23.4-1 | nccl3dd | cuda/fjcga6t, itself |
| rocblas | 6.3.2 | roc4sff | argobots/nwj3a5d, cuda/fjcga6t, nccl/nccl3dd, itself |

</details>

<details><summary>To build for gpu.lock, compared with develop-2024-10-20</summary>

| package | version | hash | reason | nearest | differences |
| --- | --- | --- | --- | --- | --- |
| adiak | 0.4.1 | 5wkxcvm | package | – | – |
| argobots | 1.2 | nwj3a5d | dependencies | uegqhyd | ^gcc/gcc7xbb != no gcc; ^glibc/gl2bcaa != /a7drdl4 |
| cuda | 12.8.0 | fjcga6t | package | – | – |
| cuda | 12.9.0 | cuda5ee | package | – | – |
| nccl | 2.23.4-1 | nccl3dd | package | – | – |
| rocblas | 6.3.2 | roc4sff | package | – | – |

</details>

<details><summary>Incomplete roots of tools.lock in develop-2024-10-20</summary>

| root | version | hash | blocked by |
| --- | --- | --- | --- |
| adiak | 0.4.1 | 5wkxcvm | itself |
| aida | 3.2.1 | zjpj5ai | itself |
| argobots | 1.2 | nwj3a5d | itself |
| swig | 4.1.1 | oxhkmil | itself |

</details>

<details><summary>To build for tools.lock, compared with develop-2024-10-20</summary>

| package | version | hash | reason | nearest | differences |
| --- | --- | --- | --- | --- | --- |
| adiak | 0.4.1 | 5wkxcvm | package | – | – |
| aida | 3.2.1 | zjpj5ai | package | – | – |
| argobots | 1.2 | nwj3a5d | dependencies | uegqhyd | ^gcc/gcc7xbb != no gcc; ^glibc/gl2bcaa != /a7drdl4 |
| swig | 4.1.1 | oxhkmil | package | – | – |

</details>
"""  # noqa: E501 (a table's row is a line)
OF_THE_SAMPLE = """
Your environment develop-2025-03-30
Specs of your lock files in develop-2025-03-30. External specs are provided by the host and not counted; a root is complete if it and all its link and run dependencies are cached or external. Bytes are of cached specs whose size is known; – means none.
lock file | cached specs | share | to build | external | complete roots | bytes to download | sizes known
gpu.lock | 3 of 6 | 50.0 % | 3 | 2 | 1 of 4 | – | 0 of 3
gpu.lock
Incomplete roots
Roots with missing specs, and which specs to build for each, in build order.
root | version | hash | blocked by
cuda | 12.9.0 | cuda5eeeeeeeeeeeeeeeeeeeeeeeeeee | itself
nccl | 2.23.4-1 | nccl3ddddddddddddddddddddddddddd | itself
rocblas | 6.3.2 | roc4sfffffffffffffffffffffffffff | nccl/nccl3dd, itself
To build
Specs that would be built. The reason is the first attribute in which the nearest spec of develop-2025-03-30 differs; in differences, the lock file's side comes first.
package | version | hash | reason | nearest | differences
"""  # noqa: E501


def copy_database(outputs: Path, folder: Path) -> Path:
    """Return a folder with only the database of other outputs, which is all a report needs."""
    shutil.copy(outputs / "coverage.duckdb", folder)
    return folder


def summary_part(out: Path) -> str:
    """Return the part of summary.md below its heading, up to the next part."""
    after = (out / "reports" / "summary.md").read_text().partition(HEADING)[2]
    return after.partition("\n<details><summary>Operating system")[0]


def page_part(out: Path) -> str:
    """Return the text of the part of index.html, with one line per table row."""
    page = (out / "reports" / "index.html").read_text()
    (part,) = re.findall(r'<section id="your-environment">(.*?)</section>', page, re.DOTALL)
    cells = re.sub("</t[hd]>\n?(?=<t[hd])", " | ", part)
    return re.sub("\n+", "\n", html.unescape(re.sub("<[^>]*>", "", cells)))


def test_the_summary_tells_what_the_cache_holds_of_lock_files(
    mirror_sample: Path, tmp_path: Path
) -> None:
    """Shares, incomplete roots with what blocks them, and what would be built and why."""
    copy_database(mirror_sample, tmp_path)
    locks = ("--lock", "gpu.lock", "--lock", "tools.lock")

    result = run_command("report", *locks, "--out", tmp_path, cwd=ENVIRONMENTS)

    assert (result.returncode, result.stderr) == (0, "")
    assert summary_part(tmp_path).rstrip() == OF_THE_MIRROR.rstrip()


def test_the_page_tells_the_same(sample: Path, tmp_path: Path) -> None:
    """The texts are equal; each spec that would be built has the rows that `lock` prints."""
    copy_database(sample, tmp_path)

    result = run_command("report", "--lock", "gpu.lock", "--out", tmp_path, cwd=ENVIRONMENTS)
    query = """
        select package, version, hash, reason, nearest_hash, array_to_string(differences, '; ')
        from lock_coverage('develop-2025-03-30')
        where state = 'build' and suffix(lock, 'gpu.lock')
        order by package, version
    """
    rows = run_command("query", query, "--out", sample, "--format", "csv").stdout

    assert (result.returncode, result.stderr) == (0, "")
    assert rows.count("\n") == 4
    to_build = rows.partition("\n")[2].replace(",", " | ")
    assert page_part(tmp_path) == OF_THE_SAMPLE + to_build


@pytest.mark.slow
def test_only_another_lock_file_changes_the_reports(tmp_path: Path) -> None:
    """Its content decides; snapshots' files are kept, and without --lock the part is gone."""
    make_tables(tmp_path / "in", tmp_path, zlib_pages(WEEK_1, WEEK_2))
    path = write_lock(tmp_path / "spack.lock", lock_document([Node("zlib", 2)], ["zlib"]))
    lines, without = report(tmp_path), written(tmp_path)
    reports = tmp_path / "reports"
    plain = {name: (reports / name).read_bytes() for name in without if name[0] != "."}
    of_snapshots = {name for name in without if WEEK_1 in name or WEEK_2 in name}

    assert report(tmp_path, "--lock", str(path)) == lines
    first = written(tmp_path)
    assert "| 1 of 1 | 100.0 % | 0 | 0 | 1 of 1 |" in summary_part(tmp_path)
    assert report(tmp_path, "--lock", str(path)) == lines
    assert written(tmp_path) == first
    write_lock(path, lock_document([Node("zlib", 7)], ["zlib"]))
    report(tmp_path, "--lock", str(path))
    assert "| 0 of 1 | 0.0 % | 1 | 0 | 0 of 1 |" in summary_part(tmp_path)
    assert written(tmp_path)["index.html"] != first["index.html"]

    report(tmp_path)
    last = written(tmp_path)
    assert {name: (reports / name).read_bytes() for name in plain} == plain
    assert b"our environment" not in plain["index.html"] + plain["summary.md"]
    assert {name for name in last if last[name] == without[name]} == of_snapshots


@pytest.mark.parametrize("options", [(), ("--from", "http://127.0.0.1:9")])
def test_a_file_that_is_not_a_lock_file_is_reported_first(
    sample: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """The message is that of `lock`, before anything is fetched or written."""
    copy_database(sample, tmp_path)
    path = write_lock(tmp_path / "spack.lock", "spack:\n  specs: [zlib]\n")

    result = run_command("report", "--lock", path, *options, "--out", tmp_path)

    told = run_command("lock", path, "--out", tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == told.stderr
    assert "name a spack.lock that 'spack concretize' wrote" in result.stderr
    assert not (tmp_path / "reports").exists()


def test_a_lock_file_that_is_not_there_is_reported(sample: Path, tmp_path: Path) -> None:
    """Status 1, with its name."""
    path = tmp_path / "none.lock"
    result = run_command("report", "--lock", path, "--out", sample)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(f"error: {path}: can't be read: No such file or directory; ")


@pytest.mark.slow
def test_old_hashes_and_hostile_names_are_shown_as_text(tmp_path: Path) -> None:
    """The reports have the warning too; markup and control characters are escaped."""
    make_tables(tmp_path / "in", tmp_path, zlib_pages(WEEK_1))
    folder = tmp_path / "<b>|\n\x1b[1m"
    folder.mkdir()
    document = lock_document([Node("zlib", 1), Node("app", 2, [Need("zlib")])], ["app"], version=2)
    path = write_lock(folder / "spack.lock", document)

    result = run_command("report", "--lock", path, "--out", tmp_path)

    assert result.returncode == 0
    assert "lock file of version 2; Spack formed hashes otherwise" in result.stderr
    part = summary_part(tmp_path)
    assert "lock file of version 2; Spack formed hashes otherwise" in part
    assert "lock file of version 2; Spack formed hashes otherwise" in page_part(tmp_path)
    page = (tmp_path / "reports" / "index.html").read_text()
    assert "<b>|" not in page
    assert r"\<b\>\|" in part
    assert "\x1b" not in part + page


@pytest.mark.slow
def test_a_browser_shows_the_part(sample: Path, tmp_path: Path) -> None:
    """A heading links to it, its tables have names, and axe reports no violations."""
    copy_database(sample, tmp_path)
    locks = ("--lock", "gpu.lock", "--lock", "tools.lock")
    assert run_command("report", *locks, "--out", tmp_path, cwd=ENVIRONMENTS).returncode == 0

    with open_browser() as browser:
        for scheme in ("light", "dark"):
            with open_report(browser, tmp_path, scheme=scheme) as page:
                page.get_by_role("link", name="Your environment").click()
                heading = page.get_by_role("heading", name="Your environment")
                expect(heading).to_be_in_viewport()
                share = page.get_by_role("table", name="your lock files").get_by_role("row")
                expect(share.nth(1)).to_contain_text("gpu.lock3 of 650.0 %")
                region = page.get_by_role("region", name="To build for gpu.lock")
                expect(region.get_by_role("row")).to_have_count(4)
                assert violations(page) == []
        with open_report(browser, tmp_path, width=390) as page:
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
