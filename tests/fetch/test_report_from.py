"""From a URL to the reports in one command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import run_command, run_on_terminal
from tests.fetch.serving import LAYOUT_3, LIST, Site, serve
from tests.fetch.test_fetch import ENVIRONMENT
from tests.locks import Need, Node, lock_document, write_lock
from tests.writing import SAMPLE, make_hash

HEP = SAMPLE.parent / "mirror-v3" / "develop-2026-06-28" / "hep"
TAG = "develop-2026-06-28"


@pytest.fixture
def site() -> Iterator[Site]:
    """Return a cache with a list of one stack, which Spack 1.2 pushed."""
    with serve() as site:
        for file in HEP.rglob("*"):
            if file.is_file():
                path = f"{TAG}/hep/{file.relative_to(HEP).as_posix()}"
                site.files[path] = file.read_bytes()
        listed = {TAG: [{"label": "hep", "url": f"{site.url}/{TAG}/hep/{LAYOUT_3}"}]}
        site.files[LIST] = json.dumps(listed).encode()
        yield site


def ask(out: Path, query: str) -> list[list[str]]:
    """Return the rows of a query on the built database."""
    result = run_command("query", query, "--format", "csv", "--out", out)
    return [line.split(",") for line in result.stdout.splitlines()[1:]]


@pytest.mark.slow
def test_one_command_from_a_url_to_the_reports(site: Site, tmp_path: Path) -> None:
    """Downloads are below OUT by the URL's host, and the reports describe them."""
    report = ("report", "--from", site.url, "--sizes", "--out", tmp_path)
    host = site.url.removeprefix("http://").replace(":", "-")

    result = run_command(*report, env=ENVIRONMENT)

    assert result.returncode == 0, result.stderr
    assert "24 packages, 24 specs" in result.stdout
    assert result.stderr.startswith(f"{tmp_path}/fetched/{host}: 1 index of 1 snapshot, 1 new")
    assert (tmp_path / "reports" / "index.html").is_file()
    assert ask(tmp_path, "select tag, stacks[1], count(size_bytes) from specs group by all") == [
        [TAG, "hep", "24"]
    ]

    again = run_command(*report, env=ENVIRONMENT)
    assert "0 new or changed" in again.stderr


@pytest.mark.slow
def test_it_may_tell_of_an_environment(site: Site, tmp_path: Path) -> None:
    """With --lock, the reports have the bytes to download for a lock file."""
    report = ("report", "--from", site.url, "--sizes", "--out", tmp_path / "out")
    assert run_command(*report, env=ENVIRONMENT).returncode == 0
    ((package, hash_, size),) = ask(
        tmp_path / "out", "select package, hash, size_bytes from specs order by all limit 1"
    )
    nodes = [Node(package, 1), Node("mine", 2, [Need(package)])]
    document = json.dumps(lock_document(nodes, ["mine"])).replace(make_hash(1), hash_)
    path = write_lock(tmp_path / "spack.lock", document)

    result = run_command(*report, "--lock", path, env=ENVIRONMENT)

    assert result.returncode == 0, result.stderr
    assert (
        f"/spack.lock | 1 of 2 | 50.0 % | 1 | 0 | 0 of 1 | {int(size):,} | 1 of 1 |\n"
        in (tmp_path / "out" / "reports" / "summary.md").read_text()
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), [["cache"]]),
        (("--tag", "2026-11", "--stack", "ours"), [["2026-11"]]),
    ],
)
def test_a_lone_mirror_is_named_by_its_url_or_as_asked(
    site: Site, tmp_path: Path, options: tuple[str, ...], expected: list[list[str]]
) -> None:
    """The last part of its URL is its snapshot, unless --tag is given."""
    site.files = {
        path.replace(f"{TAG}/hep/", "our/cache/"): content for path, content in site.files.items()
    }

    result = run_command(
        *("report", "--from", f"{site.url}/our/cache/build_cache", *options, "--out", tmp_path),
        env=ENVIRONMENT,
    )

    assert result.returncode == 0, result.stderr
    assert ask(tmp_path, "select distinct tag from specs") == expected


@pytest.mark.slow
def test_a_cache_that_fails_leaves_the_reports(site: Site, tmp_path: Path) -> None:
    """Exit 1 with the URL, and existing outputs are kept."""
    run_command("report", "--from", site.url, "--out", tmp_path, env=ENVIRONMENT)
    before = (tmp_path / "reports" / "summary.md").read_bytes()
    site.files[f"{TAG}/hep/{LAYOUT_3}"] = b"<html>"

    result = run_command("report", "--from", site.url, "--out", tmp_path, env=ENVIRONMENT)

    assert result.returncode == 1
    assert f"{site.url}/{TAG}/hep/{LAYOUT_3}: expected a manifest of layout 3" in result.stderr
    assert (tmp_path / "reports" / "summary.md").read_bytes() == before


def test_names_are_for_a_url(tmp_path: Path) -> None:
    """Exit 2 for --tag without --from."""
    result = run_command("report", "--tag", "t", "--out", tmp_path)

    assert result.returncode == 2
    assert "--tag and --stack need --from URL" in result.stderr


@pytest.mark.slow
def test_one_bar_shows_both_stages(site: Site, tmp_path: Path) -> None:
    """On a terminal, fetching and reading are shown in turn, and removed at the end."""
    code, written = run_on_terminal(
        "report", "--from", site.url, "--out", tmp_path, env=ENVIRONMENT | {"TERM": "xterm"}
    )

    assert code == 0, written
    assert written.index("fetching indexes") < written.index("reading pages")
    assert "24 packages, 24 specs" in written.splitlines()[-3]
