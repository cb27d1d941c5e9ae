"""Dependency trees of an environment's roots as text, with the state of each spec."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.rows import Rows
from pipeline.warehouse.database import run_query
from pipeline.warehouse.locks import LOCKS, known_sizes, records

if TYPE_CHECKING:
    import duckdb

MARKS = {"cached": "[+]", "external": "[e]", "build": "[-]"}
LEGEND = "[+] cached   [-] to build, and why   [e] external   (build) needed to build alone"
EDGES_QUERY = f"""
    select lock, node_key, edge.node_key, list_has_any(edge.deptypes, ['link', 'run']) as is_used
    from (select lock, node_key, unnest(dependencies) as edge from {LOCKS})
    order by lock, node_key, is_used desc, edge.package, edge.node_key
"""
Node = dict[str, Any]
Key = tuple[str, str]


def write_trees(connection: duckdb.DuckDBPyConnection, rows: Rows, locks: Sequence[str]) -> str:
    """Write the trees of the lock files' roots; `rows` are as `ask_locks` returns them.

    A repeated spec is written in full the first time, then with `…`. Build dependencies of cached
    or external specs are left out, since they are not needed. The last line for each lock file is
    the sum of the bytes to download, where sizes are known.
    """
    nodes: dict[Key, Node] = {(node["lock"], node["node_key"]): node for node in records(rows)}
    edges: dict[Key, list[tuple[str, bool]]] = {}
    for lock, key, needed, is_used in run_query(connection, EDGES_QUERY).values:
        edges.setdefault((lock, key), []).append((needed, is_used))
    lines = [LEGEND]
    for lock in locks:
        of_lock = [node for node in nodes.values() if node["lock"] == lock]
        lines += ["", lock]
        written: set[str] = set()
        for root in of_lock:
            if root["is_root"]:
                lines += tree_lines(root, nodes, edges, written)
        lines.append(download_line(of_lock))
    return "\n".join(lines) + "\n"


def tree_lines(
    root: Node, nodes: dict[Key, Node], edges: dict[Key, list[tuple[str, bool]]], written: set[str]
) -> Iterator[str]:
    """Yield the lines of one root's tree, depth first, without recursion since it may be deep."""
    lock = root["lock"]
    waiting = [(root, 0, True)]
    while waiting:
        node, depth, is_used = waiting.pop()
        key = node["node_key"]
        is_built = node["state"] == "build"
        needed = [edge for edge in edges.get((lock, key), []) if is_built or edge[1]]
        is_again = key in written and bool(needed)
        reason = reason_text(node) if is_built and key not in written else ""
        yield "  " * depth + node_text(node, is_used) + reason + (" …" if is_again else "")
        if key in written:
            continue
        written.add(key)
        waiting.extend(
            (nodes[lock, needed_key], depth + 1, is_used) for needed_key, is_used in needed[::-1]
        )


def node_text(node: Node, is_used: bool) -> str:
    """Return the line of one spec with its state."""
    text = f"{MARKS[node['state']]} {node['package']}@{node['version']} /{node['hash'][:7]}"
    return text if is_used else f"{text} (build)"


def reason_text(node: Node) -> str:
    """Return why a spec would be built."""
    differences = f" ({'; '.join(node['differences'])})" if node["differences"] else ""
    return f": {node['reason']}{differences}"


def download_line(nodes: Sequence[Node]) -> str:
    """Return the line with the bytes to download, and of how many specs the size is known."""
    sizes = known_sizes(nodes)
    cached_count = sum(node["state"] == "cached" for node in nodes)
    return f"to download: {sum(sizes):,} bytes for {len(sizes)} of {cached_count} cached specs" + (
        "" if len(sizes) == cached_count else "; of the others no size is known"
    )
