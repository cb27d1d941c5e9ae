"""The questions that have commands: what a package has, what a host can use, what changed.

Each is one query on a view; a name that the database lacks is refused with the closest it has.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    select package, version, compiler, os, target, target_match, hash, stacks
    from usable_on($tag, $os, $target)
    where len($packages) = 0 or list_contains($packages, package)
    order by package, version, compiler, target, hash
"""
DIFF_QUERY = """
    select change, cause, package, platform, os, target, previous_spec_count, spec_count
    from compare_snapshots($from_tag, $to_tag)
    order by
        list_position(['lost', 'gained', 'upgraded', 'rebuilt'], change),
        cause, package, platform, os, target
"""


def newest_tag(connection: duckdb.DuckDBPyConnection) -> str:
    """Give the snapshot that is meant where none is named.

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
    """Give `tag` if the database has it, or the newest if it is None.

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
    """Tell for each environment of a snapshot what it has of a package.

    Columns: platform, os, target, state (`built`, `compatible` where only another target's binary
    runs there, or `missing`), usable_target, versions, compilers, stacks, spec_count.
    """
    check_name(connection, "package", package, "select distinct package from specs")
    tags = run_query(
        connection,
        "select specs.tag from specs inner join snapshots using (tag) where package = ? "
        "group by all order by max(snapshots.snapshot_date) desc nulls last, specs.tag desc",
        [package],
    )
    if (tag,) not in tags.values:
        found = ", ".join(str(found) for (found,) in tags.values[:5])
        raise QueryError(f"no package {package!r} in {tag}: it is in {found}; name one with --tag")
    return run_query(connection, PACKAGE_QUERY, {"package": package, "tag": tag})


def ask_usable(
    connection: duckdb.DuckDBPyConnection, tag: str, os: str, target: str, packages: Sequence[str]
) -> Rows:
    """Tell which specs of a snapshot run on a host, of `packages` or of all.

    Columns: package, version, compiler, os, target, target_match, hash, stacks.
    """
    check_name(connection, "os", os, "select distinct os from specs where tag = ?", [tag])
    check_name(connection, "target", target, "select distinct host_target from targets")
    for package in packages:
        in_tag = "select distinct package from specs where tag = ?"
        check_name(connection, "package", package, in_tag, [tag])
    parameters: dict[str, object] = {
        "tag": tag,
        "os": os,
        "target": target,
        "packages": list(packages),
    }
    return run_query(connection, USABLE_QUERY, parameters)


def ask_diff(connection: duckdb.DuckDBPyConnection, from_tag: str, to_tag: str) -> Rows:
    """Tell what changed from one snapshot to another, what was lost first.

    Columns: change, cause, package, platform, os, target, previous_spec_count, spec_count.
    """
    for tag in (from_tag, to_tag):
        known_tag(connection, tag)
    return run_query(connection, DIFF_QUERY, {"from_tag": from_tag, "to_tag": to_tag})
