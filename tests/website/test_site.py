"""The website's files, and the messages if they can't be written."""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
import pytest

from pipeline.website.npm import PACKAGES
from tests.conftest import run_command


def test_without_npm_the_website_is_the_report_alone(sample: Path, tmp_path: Path) -> None:
    """Without npm, a warning says what to do; report, dictionary and database are written."""
    out = tmp_path / "out"
    shutil.copytree(sample, out)

    result = run_command("site", "--out", out, env={**os.environ, "PATH": str(tmp_path)})

    assert result.returncode == 0
    assert "warning: no sql.html: npm is not installed" in result.stderr
    assert "npm pack @duckdb/duckdb-wasm@" in result.stderr
    assert "--packages" in result.stderr
    site = out / "site"
    assert (site / "coverage.duckdb").read_bytes() == (out / "coverage.duckdb").read_bytes()
    assert "dictionary.html" in (site / "index.html").read_text()
    assert "sql.html" not in (site / "index.html").read_text()
    assert not (site / "sql.html").exists()
    assert not (site / "lib").exists()


def test_a_tarball_that_is_not_the_pinned_one_is_refused(sample: Path, tmp_path: Path) -> None:
    """A tarball with another checksum is named, and not used."""
    out = tmp_path / "out"
    shutil.copytree(sample, out)
    (tmp_path / PACKAGES[0].tarball).write_bytes(b"anything else")

    result = run_command("site", "--out", out, "--packages", tmp_path)

    assert f"{PACKAGES[0].tarball}: its sha512 is not that of {PACKAGES[0].spec}" in result.stderr
    assert not (out / "site" / "lib").exists()


@pytest.mark.parametrize(
    ("command", "made", "said"),
    [
        ("site", [], "no such report; write it with 'cache-coverage report --out {}'"),
        ("serve", [], "no such website; make it with 'cache-coverage site --out {}'"),
    ],
)
def test_what_is_missing_is_named(command: str, made: list[str], said: str, tmp_path: Path) -> None:
    """Without a report or a website, the commands exit with 1, and say how to make it."""
    result = run_command(command, "--out", tmp_path)

    assert result.returncode == 1
    assert said.format(tmp_path) in result.stderr


@pytest.mark.slow
def test_a_website_is_whole(website: Path) -> None:
    """It has the files of the report, the licences and the libraries."""
    report = website.parent / "reports"
    for file in report.rglob("*.*"):
        copied = website / file.relative_to(report)
        if file.name != "index.html":
            assert copied.read_bytes() == file.read_bytes()
    notices = (website / "lib" / "LICENCES.md").read_text()
    for package in PACKAGES:
        assert package.spec in notices
    assert (website / "lib" / "apache-arrow" / "LICENSE.txt").is_file()


@pytest.mark.slow
def test_parts_of_the_database_can_be_asked_for(address: str, website: Path) -> None:
    """The server answers a range request with exactly those bytes."""
    content = (website / "coverage.duckdb").read_bytes()
    with closing(http.client.HTTPConnection(urlsplit(address).netloc)) as connection:
        connection.request("GET", "/coverage.duckdb", headers={"Range": "bytes=100-199"})
        with connection.getresponse() as response:
            assert response.status == 206
            assert response.getheader("Content-Range") == f"bytes 100-199/{len(content)}"
            assert response.read() == content[100:200]


@pytest.mark.slow
def test_nothing_but_the_website_is_served(address: str, website: Path) -> None:
    """Paths outside of the folder are not found."""
    with closing(http.client.HTTPConnection(urlsplit(address).netloc)) as connection:
        connection.request("GET", "/../tables/targets/part-0.parquet")
        with connection.getresponse() as response:
            assert response.status == 404


@pytest.mark.slow
def test_the_database_is_the_one_of_the_reports(website: Path) -> None:
    """The website's database has the same rows, and opens alone."""
    digests = {
        hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (website / "coverage.duckdb", website.parent / "coverage.duckdb")
    }
    assert len(digests) == 1
    with duckdb.connect(str(website / "coverage.duckdb"), read_only=True) as connection:
        assert connection.sql("select count(*) from specs").fetchall() == [(209,)]
