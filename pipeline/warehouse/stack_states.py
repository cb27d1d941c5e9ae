"""Fill table stack_states: judge every snapshot by the roots of stacks, when the database is built.

Results are kept beside the tables, so that only new or changed snapshots are judged again.
"""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from pipeline.schemas import DEPENDENCIES, SPEC_COMPILERS, SPEC_STACKS, STACK_ROOTS, STACK_STATES
from pipeline.sources.stacks.rules import Rule, Rules
from pipeline.tables.parquet import part_path
from pipeline.tables.state import IntentState, State, fingerprint, stamp_content
from pipeline.warehouse.intent import Intended, RootState, judge_roots

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

ROOTS_QUERY = """
    select stack, number, spec, package, requirements, preferences, doubt
    from stack_roots
    order by stack, number
"""
TAGS_QUERY = "select distinct tag from spec_stacks order by tag"


def fill_stack_states(connection: duckdb.DuckDBPyConnection, tables: Path, state: State) -> None:
    """Fill table stack_states of the current database, whose tables are those below `tables`."""
    roots = read_roots(connection)
    tags = [str(tag) for (tag,) in connection.execute(TAGS_QUERY).fetchall()]
    common = fingerprint() + hashlib.sha256(part_path(tables, STACK_ROOTS).read_bytes()).hexdigest()
    frames = []
    for tag in tags:
        made_of = digest_snapshot(tables, tag, common)
        known = state.read_intent(tag)
        if known is None or known.made_of != made_of:
            known = IntentState(made_of, pack(judge_roots(connection, tag, roots), roots))
            state.write_intent(tag, known)
        frames.append(unpack(known.rows).with_columns(tag=pl.lit(tag)))
    state.clear_intents(tags)
    insert(connection, pl.concat(frames))


def read_roots(connection: duckdb.DuckDBPyConnection) -> list[Intended]:
    """Return the rows of table stack_roots as roots to judge."""
    return [
        Intended(
            stack,
            number,
            spec,
            package,
            Rules(tuple(map(rule_of, requirements)), tuple(map(rule_of, preferences))),
            doubt,
        )
        for stack, number, spec, package, requirements, preferences, doubt in connection.execute(
            ROOTS_QUERY
        ).fetchall()
    ]


def rule_of(values: dict[str, Any]) -> Rule:
    """Return a rule in table stack_roots."""
    return Rule(values["kind"], values["package"], tuple(values["specs"]), values["when"])


def digest_snapshot(tables: Path, tag: str, common: str) -> str:
    """Return a digest of a snapshot's tables, and of what is `common` to all snapshots."""
    files = [
        stamp_content(part_path(tables, table, tag))
        for table in (SPEC_STACKS, DEPENDENCIES, SPEC_COMPILERS)
    ]
    return hashlib.sha256(f"{common} {files}".encode()).hexdigest()


def pack(judged: Sequence[RootState], roots: Sequence[Intended]) -> bytes:
    """Return rows of table stack_states without their tag, as the bytes of a Parquet file."""
    rows = [
        (
            root.stack,
            root.number,
            found.state,
            found.reason,
            len(found.hashes),
            found.hashes,
            found.requirements_met,
            found.preferences_met,
            found.unmet,
            found.also_in,
        )
        for root, found in zip(roots, judged, strict=True)
    ]
    schema = {name: dtype for name, dtype in STACK_STATES.schema.items() if name != "tag"}
    content = BytesIO()
    pl.DataFrame(rows, schema=schema, orient="row").write_parquet(content, statistics=False)
    return content.getvalue()


def unpack(rows: bytes) -> pl.DataFrame:
    """Return the rows that `pack` packed."""
    return pl.read_parquet(BytesIO(rows))


def insert(connection: duckdb.DuckDBPyConnection, frame: pl.DataFrame) -> None:
    """Insert rows into table stack_states."""
    connection.register("judged", STACK_STATES.conform(frame).to_arrow())
    connection.execute("insert into stack_states by name from judged")
    connection.unregister("judged")
