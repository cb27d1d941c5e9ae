"""The views and macros of sql/reference: Spack's order of versions, and C libraries."""

from __future__ import annotations

import itertools

import duckdb
import pytest

from tests.rows import ask, open_views

# Each line in Spack's order; versions in one tuple are equal to Spack.
ORDERS: tuple[tuple[tuple[str, ...], ...], ...] = (
    # Numeric parts are numbers.
    (("1.9",), ("1.10",), ("1.11.0",), ("2",), ("10",)),
    (("9.9.9",), ("10.0.0",), ("2024.2.1",), ("20240806",), ("99999999999999999999999",)),
    # Leading zeros and separators do not count.
    (("1.1", "1.01", "1-1", "1_1"), ("1.2", "01.02")),
    # A longer version comes after its prefix.
    (("1",), ("1.0",), ("1.0.0",), ("1.1",), ("1.1.0",), ("1.1.1",)),
    # `develop` and the like are above all numbers, in their own order.
    (
        ("99999",),
        ("stable",),
        ("nightly",),
        ("trunk",),
        ("head",),
        ("master",),
        ("main",),
        ("develop",),
    ),
    (("1.0",), ("1.main",), ("1.develop",), ("2.0",), ("develop",), ("develop.1",)),
    # Other words are below numbers, sorted as text; capitals come first.
    (("Main",), ("abc",), ("abcd",), ("b",), ("maint",), ("0",), ("main",)),
    (("1.a",), ("1.b", "1b"), ("1.0",)),
    # Pre-releases are below their release, and above the version before it.
    (
        ("0.9.9",),
        ("1.0alpha",),
        ("1.0alpha1", "1.0-alpha1", "1.0.alpha-1"),
        ("1.0alpha2",),
        ("1.0beta2",),
        ("1.0beta10",),
        ("1.0rc",),
        ("1.0rc1",),
        ("1.0rc2",),
        ("1.0", "1.0final"),
        ("1.0final1",),
        ("1.0.1",),
    ),
    (("1.9.9",), ("2.0.0-rc1",), ("2.0.0-rc9",), ("2.0.0-rc10",), ("2.0.0",)),
    # But not without a release, inside another word, or before more parts.
    (("alpha1",), ("beta1",), ("rc1",), ("1",)),
    (("1.0",), ("1.0rc1a",), ("1.0src1",), ("1.0.0",)),
    (("2.0", "2.0final"), ("2.0alpha.beta1",), ("2.0alpha.1.0",), ("2.0.1",)),
    # A letter is a part of its own, below a number in the same place.
    (("1.2.3",), ("1.2.3a",), ("1.2.3b",), ("1.2.3.1",), ("1.2.4",)),
    (("2021",), ("2021a",), ("2021b",), ("2021.1",), ("2022",)),
    (("3.0.0",), ("3.0.0.post1",), ("3.0.0.0",)),
    (("cuda12",), ("1.2",), ("1.2.cuda12",), ("1.2.0",)),
    # A git reference with a version comes right after it; without one, after all.
    (("1.1",), ("git.abc=1.2rc1",), ("1.2",), ("git.abc=1.2",), ("git.b=1.2",), ("1.2.0",)),
    (("develop",), ("git.main=develop",), (f"{'0' * 40}",), ("git.main",)),
)


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    """Open the views without rows: what is tested here reads none."""
    return open_views()


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order[0][0])
def test_version_key_sorts_versions_as_spack_does(
    connection: duckdb.DuckDBPyConnection, order: tuple[tuple[str, ...], ...]
) -> None:
    """Keys sort as Spack sorts versions; versions equal to Spack have the same key."""
    keys = [
        {ask(connection, "select version_key(?)", [version])[0][0] for version in equals}
        for equals in order
    ]
    assert [len(equal_keys) for equal_keys in keys] == [1] * len(order)
    for (earlier,), (later,) in itertools.pairwise(keys):
        assert earlier < later


def test_version_component_key_sorts_words_then_numbers_then_develop(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    """Each kind of component has its own first character; numbers begin with their length."""
    components = ["abc", "0", "9", "10", "stable", "develop"]
    keys = [
        ask(connection, "select steps.version_component_key(?)", [part])[0][0]
        for part in components
    ]
    assert keys == ["0abc", "1" + "0" * 9, "10000000019", "100000000210", "21", "27"]


def test_operating_systems_has_each_os_once_with_its_source(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    """Every fact has a source; glibc's version is a number, others have none."""
    [(rows, names, versions, sources)] = ask(
        connection,
        """
        select
            count(*),
            count(distinct os),
            count(*) filter (where regexp_full_match(libc_version, '2[.][0-9]+')),
            count(*) filter (where source <> '')
        from operating_systems
        """,
    )
    [(glibc,)] = ask(connection, "select count(*) from operating_systems where libc = 'glibc'")
    assert rows == names == sources
    assert versions == glibc


def test_operating_systems_knows_the_systems_of_the_cache(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    """Those that the cache builds on are known; names of several releases are not."""
    known = ask(
        connection,
        """
        select os, platform, libc, libc_version
        from operating_systems
        where os in ('ubuntu22.04', 'rhel8', 'amzn2', 'sequoia', 'sles15')
        """,
    )
    assert known == [
        ("amzn2", "linux", "glibc", "2.26"),
        ("rhel8", "linux", "glibc", "2.28"),
        ("sequoia", "darwin", "libSystem", "15"),
        ("ubuntu22.04", "linux", "glibc", "2.35"),
    ]


def test_os_compatibility_goes_from_older_glibc_to_newer(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    """Binaries run where glibc is as new or newer; no row with itself, none for musl."""
    rows = ask(
        connection,
        """
        select host_os, binary_os, platform, host_libc_version, binary_libc_version
        from os_compatibility
        where host_os in ('rhel8', 'amzn2', 'alpine3', 'sequoia')
            and binary_os in ('rhel8', 'rocky8', 'amzn2', 'centos7', 'ubuntu22.04', 'sonoma')
        """,
    )
    assert rows == [
        ("amzn2", "centos7", "linux", "2.26", "2.17"),
        ("rhel8", "amzn2", "linux", "2.28", "2.26"),
        ("rhel8", "centos7", "linux", "2.28", "2.17"),
        ("rhel8", "rocky8", "linux", "2.28", "2.28"),
        ("sequoia", "sonoma", "darwin", "15", "14"),
    ]
    darwin = "select count(*) from os_compatibility where platform = 'darwin'"
    assert ask(connection, darwin) == [(15,)]
