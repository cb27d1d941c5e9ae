"""The questions that have commands: what a package has, what a host can use, what changed.

Each is a query on views; an unknown name is refused with the closest ones.
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
        case when usable_target is null then 'missing' else 'compatible' end,
        usable_target,
        [],
        [],
        [],
        0
    from gaps
    where package = $package and tag = $tag
    order by platform, os, target
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
    select os from specs where tag = ?
"""
NEAREST_QUERY = """
    select compiler, os, target, hash
    from specs
    where tag = $tag and package = $package
    order by os <> $os, os desc, target, hash
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
MISSING_QUERY = """
    with usable as (
        select 'from' as side, package, version, hash, os, target
        from usable_on_any_os($from_tag, $os, $target)
        union all
        select 'in', package, version, hash, os, target
        from usable_on_any_os($in_tag, $os, $target)
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
    select change, member_kind, member, package_count, cell_count, spec_count
    from compare_membership($from_tag, $to_tag)
    order by
        change = 'gained',
        list_position(['stack', 'environment', 'package'], member_kind),
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


def newest_tag(connection: duckdb.DuckDBPyConnection) -> str:
    """Return the snapshot that is meant where none is named.

    Raises
    ------
    QueryError
        No snapshot holds a spec.
    """
    rows = run_query(connection, "select tag from newest_snapshots where rank = 1")
    if not rows.values:
        raise QueryError("no snapshot in the database holds a spec; flatten pages and build anew")
    return str(rows.values[0][0])


def known_tag(connection: duckdb.DuckDBPyConnection, tag: str | None) -> str:
    """Return `tag` if the database has it, or the newest if it is None.

    Raises
    ------
    QueryError
        It has not.
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
) -> None:
    """Refuse a name that the query `known` does not give.

    Raises
    ------
    QueryError
        With the closest names that it does give.
    """
    names = sorted({str(value) for (value,) in run_query(connection, known, parameters).values})
    if name in names:
        return
    raise QueryError(f"no {kind} {name!r}: {closest_names(name, names)}")


def ask_package(connection: duckdb.DuckDBPyConnection, package: str, tag: str) -> Rows:
    """Return what each environment of a snapshot has of a package.

    Columns: platform, os, target, state (`built`, `compatible` where only another target's binary
    runs there, or `missing`), usable_target, versions, compilers, stacks, spec_count.
    """
    check_name(connection, "package", package, "select distinct package from specs")
    tags = run_query(connection, TAGS_QUERY, [package])
    if (tag,) not in tags.values:
        found = ", ".join(str(found) for (found,) in tags.values[:5])
        raise QueryError(f"no package {package!r} in {tag}: it is in {found}; name one with --tag")
    return run_query(connection, PACKAGE_QUERY, {"package": package, "tag": tag})


@dataclass(frozen=True)
class Host:
    """A machine: its operating system and CPU target, and its glibc where that is named."""

    os: str
    target: str
    libc: str | None = None


def ask_usable(
    connection: duckdb.DuckDBPyConnection,
    tag: str,
    host: Host,
    packages: Sequence[str],
    *,
    exact_os: bool = False,
) -> Rows:
    """Return the specs of a snapshot that run on a host, of `packages` or of all.

    Columns: package, version, compiler, os, target, target_match, os_match, hash, stacks.

    Raises
    ------
    QueryError
        A name is unknown, or the host's os is one that can't be judged.
    """
    check_host(connection, tag, host)
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


def check_host(connection: duckdb.DuckDBPyConnection, tag: str, host: Host) -> None:
    """Refuse a host of which nothing is known.

    Raises
    ------
    QueryError
        With the closest names.
    """
    check_name(connection, "target", host.target, "select distinct host_target from targets")
    if host.libc is not None:
        if not re.fullmatch(r"[0-9]+([.][0-9]+)*", host.libc):
            raise QueryError(f"--libc {host.libc!r} is no version; write it as 2.34")
        return
    try:
        check_name(connection, "os", host.os, OS_QUERY, [tag])
    except QueryError as error:
        raise QueryError(f"{error}; if its glibc is known, add --libc VERSION") from None


def explain_missing(
    connection: duckdb.DuckDBPyConnection, tag: str, package: str, host: Host
) -> str:
    """Say that no spec of a package runs on a host, and which comes nearest or where it is."""
    nearest = run_query(connection, NEAREST_QUERY, {"tag": tag, "package": package, "os": host.os})
    if nearest.values:
        compiler, os, target, hash_ = nearest.values[0]
        return (
            f"{package}: not available for {host.os}, {host.target}; "
            f"nearest is {os}, {target} ({compiler}, {hash_})"
        )
    tags = [str(found) for (found,) in run_query(connection, TAGS_QUERY, [package]).values]
    return f"{package}: not in {tag}; it is in {', '.join(tags[:5])}"


def ask_missing(
    connection: duckdb.DuckDBPyConnection,
    from_tag: str,
    in_tag: str,
    host: tuple[str | None, str | None],
    *,
    by_spec: bool,
) -> Rows:
    """Return what one snapshot has and another lacks, for a host (os, target) or for all.

    Columns: package, dependent_count, versions, built_for, hash (null unless `by_spec`),
    spec_count.
    """
    for tag in (from_tag, in_tag):
        known_tag(connection, tag)
    os, target = host
    if os is not None and target is not None:
        check_host(connection, from_tag, Host(os, target))
    parameters: dict[str, object] = {
        "from_tag": from_tag,
        "in_tag": in_tag,
        "os": os,
        "target": target,
        "by_spec": by_spec,
    }
    return run_query(connection, MISSING_QUERY, parameters)


def ask_membership(connection: duckdb.DuckDBPyConnection, from_tag: str, to_tag: str) -> Rows:
    """Return the stacks, environments and packages that only one of two snapshots has.

    Columns: change, member_kind, member, package_count, cell_count, spec_count.
    """
    return run_query(connection, MEMBERSHIP_QUERY, {"from_tag": from_tag, "to_tag": to_tag})


def ask_diff(connection: duckdb.DuckDBPyConnection, from_tag: str, to_tag: str) -> Rows:
    """Return what changed from one snapshot to another, what was lost first.

    Columns: change, cause, package, platform, os, target, previous_spec_count, spec_count.
    """
    for tag in (from_tag, to_tag):
        known_tag(connection, tag)
    return run_query(connection, DIFF_QUERY, {"from_tag": from_tag, "to_tag": to_tag})
