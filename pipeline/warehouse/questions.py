"""The queries behind the commands `package`, `usable`, `missing` and `diff`.

Each is a query on views; an unknown name is refused with the closest known ones.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.errors import QueryError, closest_names
from pipeline.rows import Rows
from pipeline.warehouse.database import run_query

if TYPE_CHECKING:
    import duckdb

PACKAGE_QUERY = """
    select
        platform,
        os,
        target,
        'built' as state,
        'exact' as os_match,
        null as usable_os,
        null as usable_target,
        list_sort(list_distinct(flatten(list(versions)))) as versions,
        list_sort(list(distinct compiler)) as compilers,
        list_sort(list_distinct(flatten(list(stacks)))) as stacks,
        sum(spec_count)::bigint as spec_count
    from package_coverage
    where package = $package and tag = $tag
    group by all
    union all
    select
        platform,
        os,
        target,
        if(is_usable, 'compatible', 'missing'),
        if(is_usable, os_match, null),
        if(is_usable, reusable_os, null),
        if(is_usable, reusable_target, null),
        [],
        [],
        [],
        0
    from (
        select
            *,
            os_match is not null and (os_match = 'same os' or not $exact_os) as is_usable
        from gaps
        where package = $package and tag = $tag
    )
    order by platform, os, target
"""
PACKAGE_ON_HOST_QUERY = """
    select
        specs.platform,
        specs.os,
        specs.target,
        if(usable.os_match = 'exact', 'built', 'compatible') as state,
        usable.os_match,
        null as usable_os,
        null as usable_target,
        list(distinct specs.version order by specs.version) as versions,
        list(distinct specs.compiler order by specs.compiler) as compilers,
        list_sort(list_distinct(flatten(list(specs.stacks)))) as stacks,
        count(*) as spec_count
    from usable_on_any_os($tag, $os, $target, $libc) as usable
    inner join specs
        on specs.tag = usable.tag
        and specs.package = usable.package
        and specs.hash = usable.hash
    where usable.package = $package and (usable.os = $os or not $exact_os)
    group by all
    order by
        min(list_position(['exact', 'same os', 'older libc'], usable.os_match)),
        specs.platform, specs.os, specs.target
"""
USABLE_QUERY = """
    select package, version, compiler, os, target, target_match, os_match, hash, stacks
    from usable_on_any_os($tag, $os, $target, $libc)
    where (len($packages) = 0 or list_contains($packages, package))
        and (os = $os or not $exact_os)
    order by package, version, compiler, os, target, hash
"""
OS_QUERY = """
    select os from operating_systems where libc_version is not null
    union
    select os from environments where list_contains(?, tag)
"""
NEAREST_QUERY = """
    select specs.compiler, specs.os, specs.target, specs.hash
    from specs
    left join targets
        on targets.binary_target = specs.target
        and targets.host_target = $target
    left join operating_systems using (os)
    where specs.tag = $tag and specs.package = $package
    order by
        -- The target's family, or at least the operating system.
        specs.target not in (
            select same.host_target
            from targets as same
            where same.family = (select any_value(family) from targets where host_target = $target)
        ),
        specs.os <> $os,
        targets.distance nulls last,
        -- None is old enough for the host: the oldest C library is the nearest.
        version_key(operating_systems.libc_version) nulls last,
        specs.os,
        specs.target,
        specs.hash
    limit 1
"""
TAGS_QUERY = """
    select specs.tag
    from specs
    inner join snapshots using (tag)
    where package = ?
    group by all
    order by max(snapshots.snapshot_date) desc nulls last, specs.tag desc
"""
UNREADABLE_QUERY = "from steps.unreadable_packages where tag = ? and package = ?"
MISSING_QUERY = """
    with usable as (
        select 'from' as side, package, version, hash, os, target
        from usable_on_any_os($from_tag, $os, $target, $libc)
        union all
        select 'in', package, version, hash, os, target
        from usable_on_any_os($in_tag, $os, $target, $libc)
    ),

    everything as (
        select 'from' as side, package, version, hash, os, target from specs where tag = $from_tag
        union all
        select 'in', package, version, hash, os, target from specs where tag = $in_tag
    ),

    judged as (
        from usable where $os is not null
        union all
        from everything where $os is null
    )

    select
        judged.package,
        dependents.dependent_count,
        list_sort(list_distinct(list(judged.version))) as versions,
        list_sort(list_distinct(list(judged.os || ' ' || judged.target))) as built_for,
        if($by_spec, judged.hash, null) as hash,
        count(*) as spec_count
    from judged
    left join dependents on dependents.tag = $from_tag and dependents.package = judged.package
    where judged.side = 'from'
        and if(
            $by_spec,
            judged.hash not in (select hash from judged where side = 'in'),
            judged.package not in (select package from judged where side = 'in')
        )
    group by judged.package, dependents.dependent_count, if($by_spec, judged.hash, null)
    order by dependents.dependent_count desc nulls last, judged.package, hash
"""
MEMBERSHIP_QUERY = """
    select
        change, member_kind, member, package_count, cell_count, spec_count, changed_cell_count
    from compare_membership($from_tag, $to_tag)
    order by
        change = 'gained',
        list_position(['stack', 'environment', 'package'], member_kind),
        changed_cell_count desc,
        cell_count desc,
        member
"""
DIFF_QUERY = """
    select change, cause, package, platform, os, target, previous_spec_count, spec_count
    from compare_snapshots($from_tag, $to_tag)
    order by
        list_position(
            ['lost', 'gained', 'downgraded', 'upgraded', 'versions changed', 'rebuilt'], change
        ),
        cause, package, platform, os, target
"""

# Snapshots of different lines do not follow each other: say what each lacks, not what was lost.
CHANGES_BETWEEN_LINES = {
    "lost": "not in {to_tag}",
    "gained": "only in {to_tag}",
    "downgraded": "older in {to_tag}",
    "upgraded": "newer in {to_tag}",
    "versions changed": "other versions",
    "rebuilt": "other builds",
}
CAUSES_BETWEEN_LINES = {" dropped": " not in {to_tag}", " added": " not in {from_tag}"}


def newest_tag(connection: duckdb.DuckDBPyConnection) -> str:
    """Return the default snapshot: the newest one.

    Raises
    ------
    QueryError
        No snapshot has a spec.
    """
    rows = run_query(connection, "select tag from newest_snapshots where rank = 1")
    if not rows.values:
        raise QueryError("no snapshot in the database has a spec; flatten pages and build again")
    return str(rows.values[0][0])


def known_tag(connection: duckdb.DuckDBPyConnection, tag: str | None) -> str:
    """Return `tag` if the database has it, or the default snapshot if it is None.

    Raises
    ------
    QueryError
        The database lacks it.
    """
    if tag is None:
        return newest_tag(connection)
    check_name(connection, "snapshot", tag, "select tag from snapshots")
    return tag


def check_name(
    connection: duckdb.DuckDBPyConnection,
    kind: str,
    name: str,
    known: str,
    parameters: Sequence[object] = (),
    more: str = "",
) -> None:
    """Refuse a name that is not in the result of the query `known`; `more` follows it in words.

    Raises
    ------
    QueryError
        The name is unknown; the message has the closest ones.
    """
    names = sorted({str(value) for (value,) in run_query(connection, known, parameters).values})
    if name in names:
        return
    raise QueryError(f"no {kind} {name!r}{more}: {closest_names(name, names)}")


@dataclass(frozen=True)
class Host:
    """A machine: its operating system and CPU target, and optionally its glibc version."""

    os: str
    target: str
    libc: str | None = None

    def __str__(self) -> str:
        return f"{self.os}, {self.target}"


def ask_package(
    connection: duckdb.DuckDBPyConnection,
    package: str,
    tag: str,
    host: Host | None = None,
    *,
    exact_os: bool = False,
) -> Rows:
    """Return the state of a package in each environment, or in those that a host can use.

    Columns: platform, os, target, state (`built`, `compatible` if only another binary runs there,
    or `missing`), os_match (`exact`, `same os` or `older libc`), usable_os and usable_target of
    that binary, versions, compilers, stacks, spec_count. With `exact_os`, only binaries of the same
    os are compatible.

    Raises
    ------
    QueryError
        The package is not in the snapshot, or the host is unknown.
    """
    check_name(connection, "package", package, "select distinct package from specs")
    if (tag,) not in run_query(connection, TAGS_QUERY, [package]).values:
        raise QueryError(f"{explain_absent(connection, tag, package)}; name one with --tag")
    parameters: dict[str, object] = {"package": package, "tag": tag, "exact_os": exact_os}
    if host is None:
        return run_query(connection, PACKAGE_QUERY, parameters)
    check_host(connection, [tag], host)
    parameters |= {"os": host.os, "target": host.target, "libc": host.libc}
    return run_query(connection, PACKAGE_ON_HOST_QUERY, parameters)


def ask_usable(
    connection: duckdb.DuckDBPyConnection,
    tag: str,
    host: Host,
    packages: Sequence[str],
    *,
    exact_os: bool = False,
) -> Rows:
    """Return the specs of a snapshot that run on a host, for `packages` or all packages.

    Columns: package, version, compiler, os, target, target_match, os_match, hash, stacks.

    Raises
    ------
    QueryError
        A name is unknown, or compatibility with the host's os is.
    """
    check_host(connection, [tag], host)
    for package in packages:
        check_name(connection, "package", package, "select distinct package from specs")
    parameters: dict[str, object] = {
        "tag": tag,
        "os": host.os,
        "target": host.target,
        "libc": host.libc,
        "packages": list(packages),
        "exact_os": exact_os,
    }
    return run_query(connection, USABLE_QUERY, parameters)


def check_host(connection: duckdb.DuckDBPyConnection, tags: Sequence[str], host: Host) -> None:
    """Refuse a host with an unknown target or os, as `check_target` and `check_os` do."""
    check_target(connection, host.target)
    check_os(connection, tags, host.os, host.libc)


def check_target(connection: duckdb.DuckDBPyConnection, target: str) -> None:
    """Refuse a target that archspec and the snapshots lack.

    Raises
    ------
    QueryError
        With the closest known names.
    """
    check_name(connection, "target", target, "select distinct host_target from targets")


def check_os(
    connection: duckdb.DuckDBPyConnection, tags: Sequence[str], os: str, libc: str | None
) -> None:
    """Refuse an os that is unknown and in none of the snapshots, unless its glibc is given.

    Raises
    ------
    QueryError
        With the closest known names; or `libc` is not a version.
    """
    if libc is not None:
        if not re.fullmatch(r"[0-9]+([.][0-9]+)*", libc):
            raise QueryError(f"--libc {libc!r} is not a version; write it as 2.34")
        return
    remedy = " (if its glibc is known, add --libc VERSION)"
    check_name(connection, "os", os, OS_QUERY, [list(tags)], remedy)


def explain_missing(
    connection: duckdb.DuckDBPyConnection, tag: str, package: str, host: Host
) -> str:
    """Return a message for a package without a usable spec: the nearest one, or where it is."""
    parameters: dict[str, object] = {
        "tag": tag,
        "package": package,
        "os": host.os,
        "target": host.target,
    }
    nearest = run_query(connection, NEAREST_QUERY, parameters)
    if nearest.values:
        compiler, os, target, hash_ = nearest.values[0]
        return (
            f"{package}: not available for {host}; nearest is {os}, {target} ({compiler}, {hash_})"
        )
    return explain_absent(connection, tag, package)


def explain_absent(connection: duckdb.DuckDBPyConnection, tag: str, package: str) -> str:
    """Return a message for a package without a spec in a snapshot: the snapshots that have it."""
    tags = [str(found) for (found,) in run_query(connection, TAGS_QUERY, [package]).values]
    is_unreadable = run_query(connection, UNREADABLE_QUERY, [tag, package]).values
    absent = "not read (see table rejects) from" if is_unreadable else "not in"
    return f"{package}: {absent} {tag}; it is in {', '.join(tags[:5])}"


def ask_missing(
    connection: duckdb.DuckDBPyConnection,
    from_tag: str,
    in_tag: str,
    host: Host | None,
    *,
    by_spec: bool,
) -> Rows:
    """Return what one snapshot has and another lacks, for a host or in all.

    Columns: package, dependent_count, versions, built_for, hash (null unless `by_spec`),
    spec_count.
    """
    for tag in (from_tag, in_tag):
        known_tag(connection, tag)
    if host is not None:
        check_host(connection, [from_tag, in_tag], host)
    parameters: dict[str, object] = {
        "from_tag": from_tag,
        "in_tag": in_tag,
        "os": host and host.os,
        "target": host and host.target,
        "libc": host and host.libc,
        "by_spec": by_spec,
    }
    return run_query(connection, MISSING_QUERY, parameters)


def ask_membership(connection: duckdb.DuckDBPyConnection, from_tag: str, to_tag: str) -> Rows:
    """Return the stacks, environments and packages that only one of two snapshots has.

    Columns: change, member_kind, member, package_count, cell_count, spec_count,
    changed_cell_count.
    """
    return run_query(connection, MEMBERSHIP_QUERY, {"from_tag": from_tag, "to_tag": to_tag})


def ask_diff(connection: duckdb.DuckDBPyConnection, from_tag: str, to_tag: str) -> Rows:
    """Return what changed from one snapshot to another, losses first.

    Columns: change, cause, package, platform, os, target, previous_spec_count, spec_count.
    """
    for tag in (from_tag, to_tag):
        known_tag(connection, tag)
    return run_query(connection, DIFF_QUERY, {"from_tag": from_tag, "to_tag": to_tag})


def are_in_line(connection: duckdb.DuckDBPyConnection, from_tag: str, to_tag: str) -> bool:
    """Return whether two snapshots are of one line, so that changes are losses and gains."""
    lines = "select count(distinct (kind, line)) = 1 and bool_and(line is not null) from snapshots"
    query = f"{lines} where list_contains(?, tag)"
    return bool(run_query(connection, query, [[from_tag, to_tag]]).values[0][0])


def word_between_lines(word: str, from_tag: str, to_tag: str) -> str:
    """Return a change or cause in the words for snapshots of different lines.

    >>> word_between_lines("environment dropped", "develop", "v1.0")
    'environment not in v1.0'
    """
    word = CHANGES_BETWEEN_LINES.get(word, word)
    for ending, words in CAUSES_BETWEEN_LINES.items():
        word = word.removesuffix(ending) + words if word.endswith(ending) else word
    return word.format(from_tag=from_tag, to_tag=to_tag)
