"""Versions have one order, in Python and in SQL."""

from __future__ import annotations

from itertools import pairwise

import duckdb
import hypothesis
import pytest
from hypothesis import strategies as st

from pipeline.specs.versions import Version, version_key
from tests.rows import open_views

ORDERED = [
    "a",
    "1.2-alpha",
    "1.2-alpha2",
    "1.2-beta",
    "1.2-rc",
    "1.2-rc3",
    "1.2",
    "1.2b",
    "1.2.0",
    "1.2.3",
    "1.9",
    "1.10",
    "2023-09-12",
    "stable",
    "nightly",
    "trunk",
    "head",
    "master",
    "main",
    "develop",
]


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    """Return a database with every macro."""
    return open_views()


def sql_keys(connection: duckdb.DuckDBPyConnection, versions: list[str]) -> list[str]:
    """Return the sort keys of versions by the SQL macro."""
    query = "select list_transform($versions, lambda version: version_key(version))"
    (keys,) = connection.execute(query, {"versions": versions}).fetchall()[0]
    return list(keys)


def test_versions_are_ordered() -> None:
    """Words, pre-releases, numbers by value, then names of development versions."""
    for older, newer in pairwise(ORDERED):
        assert Version(older).order < Version(newer).order
        assert version_key(older) < version_key(newer)


SHAPES = st.from_regex(
    r"([0-9]{1,3}|[a-z]{1,3}|alpha|beta|rc|final|main|develop)"
    r"([._-]?([0-9]{1,3}|[a-z]{1,2}|alpha|beta|rc|final|main|develop)){0,4}",
    fullmatch=True,
)
GIT = st.sampled_from(["git.main", "git.v1.2", "a" * 40])
VERSIONS = st.one_of(SHAPES, GIT, st.builds(lambda ref, of: f"{ref}={of}", GIT, SHAPES))


@pytest.mark.slow
@hypothesis.given(st.lists(VERSIONS, min_size=1, max_size=20))
def test_python_and_sql_have_the_same_keys(
    connection: duckdb.DuckDBPyConnection, versions: list[str]
) -> None:
    """The sort key of any version is the same text in both."""
    assert [version_key(version) for version in versions] == sql_keys(connection, versions)


@hypothesis.given(SHAPES, SHAPES)
def test_keys_sort_as_versions_compare(one: str, other: str) -> None:
    """The text order of keys is the order of versions, except words with a common start."""
    assert (version_key(one) == version_key(other)) is (Version(one).order == Version(other).order)
