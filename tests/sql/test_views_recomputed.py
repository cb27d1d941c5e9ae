"""Five views compared with a second implementation, in plain Python sets, on generated rows."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.rows import TARGET_ROWS, WEEK_1, WEEK_2, WEEK_3, Row, Spec, open_views, replace_specs

# In order within each kind; the last two have no previous snapshot.
SUCCESSIONS = ((WEEK_1, WEEK_2, WEEK_3), ("v0.9.0", "v0.10.0"), ("develop",), ("odd",))
TAGS = [tag for succession in SUCCESSIONS for tag in succession]
DISTANCES = {(host, binary): distance for host, binary, _, distance in TARGET_ROWS}
GLIBCS = {"rhel8": 28, "ubuntu22.04": 35}  # the minor version

Cell = tuple[str, str, str, str]


@st.composite
def spec_sets(draw: st.DrawFn) -> list[Spec]:
    """Draw specs of few packages, stacks and environments, so that they coincide."""
    keys = st.tuples(st.sampled_from(TAGS), st.sampled_from("pqr"), st.sampled_from("abcd"))
    return [
        Spec(
            spec_hash,
            package=package,
            tag=tag,
            stacks=draw(st.lists(st.sampled_from(["e4s", "hep", "old", "root"]), unique=True)),
            version=draw(st.sampled_from(["1.2", "1.10"])),
            compiler=draw(st.sampled_from(["gcc@11.4.0", "llvm@17.0.6", "none"])),
            platform=draw(st.sampled_from(["linux", "linux", "cray"])),
            os=draw(st.sampled_from(["rhel8", "ubuntu22.04"])),
            target=draw(st.sampled_from(["x86_64", "x86_64_v3", "zen4", "graviton2"])),
        )
        for tag, package, spec_hash in sorted(draw(st.sets(keys, max_size=30)))
    ]


def cell_of(spec: Spec) -> Cell:
    return (spec.package, spec.platform, spec.os, spec.target)


def stacks_of(specs: Iterable[Spec]) -> set[str]:
    return {stack for spec in specs for stack in spec.stacks} - {"root"}


def by_tag(specs: list[Spec]) -> Iterator[tuple[str, list[Spec]]]:
    for tag in sorted({spec.tag for spec in specs}):
        yield tag, [spec for spec in specs if spec.tag == tag]


def gaps(specs: list[Spec]) -> Iterator[Row]:
    for tag, held in by_tag(specs):
        cells = {cell_of(spec) for spec in held}
        environments = {cell[1:] for cell in cells}
        for package in {cell[0] for cell in cells}:
            covered = {cell[1:] for cell in cells if cell[0] == package}
            for platform, os, target in environments - covered:
                usable = [
                    (DISTANCES[target, built], built)
                    for _, binary_os, built in covered
                    if binary_os == os and (target, built) in DISTANCES
                ]
                counts = (len(covered), len(environments), 100 * len(covered) / len(environments))
                nearest = min(usable)[1] if usable else None
                yield (tag, package, platform, os, target, *counts, nearest)


def snapshot_changes(specs: list[Spec]) -> Iterator[Row]:
    snapshots = dict(by_tag(specs))
    for succession in SUCCESSIONS:
        present = [tag for tag in succession if tag in snapshots]
        for previous_tag, tag in itertools.pairwise(present):
            before, after = snapshots[previous_tag], snapshots[tag]
            for cell in {cell_of(spec) for spec in before + after}:
                then = [spec for spec in before if cell_of(spec) == cell]
                now = [spec for spec in after if cell_of(spec) == cell]
                change = cause = None
                if not now:
                    change, cause = "lost", f"{reason(then, after)} dropped"
                elif not then:
                    change, cause = "gained", f"{reason(now, before)} added"
                elif {spec.version for spec in then} != {spec.version for spec in now}:
                    # As numbers: 1.10 is newer than 1.2.
                    newest = [
                        max([int(part) for part in spec.version.split(".")] for spec in held)
                        for held in (then, now)
                    ]
                    change = "versions changed"
                    if newest[0] != newest[1]:
                        change = "upgraded" if newest[1] > newest[0] else "downgraded"
                elif {spec.hash for spec in then}.isdisjoint(spec.hash for spec in now):
                    change = "rebuilt"
                stacks = stacks_of(then) - stacks_of(after) | stacks_of(now) - stacks_of(before)
                if change:
                    counts = (len(then), len(now), sorted(stacks))
                    yield (tag, previous_tag, *cell, change, cause, *counts)


def reason(held: list[Spec], others: list[Spec]) -> str:
    """Return which part of a cell's specs the other snapshot lacks altogether."""
    package, *environment = cell_of(held[0])
    if package not in {spec.package for spec in others}:
        return "package"
    if environment not in [list(cell_of(spec)[1:]) for spec in others]:
        return "environment"
    stacks = stacks_of(held)
    return "stack" if stacks and stacks.isdisjoint(stacks_of(others)) else "cell"


def stack_coverage(specs: list[Spec]) -> Iterator[Row]:
    for tag, held in by_tag(specs):
        cell_stacks: defaultdict[Row, set[str]] = defaultdict(set)
        for spec in held:
            cell_stacks[spec.package, spec.os, spec.target] |= stacks_of([spec])
        for stack in stacks_of(held):
            listed = [spec for spec in held if stack in spec.stacks]
            yield (
                tag,
                stack,
                len({spec.package for spec in listed}),
                len(listed),
                sum(stacks_of([spec]) == {stack} for spec in listed),
                sum(stacks == {stack} for stacks in cell_stacks.values()),
            )


def stack_overlap(specs: list[Spec]) -> Iterator[Row]:
    for tag, held in by_tag(specs):
        for stack_a, stack_b in itertools.combinations(sorted(stacks_of(held)), 2):
            row: Row = (tag, stack_a, stack_b)
            for names in (("package", "hash"), ("package",)):
                things_a, things_b = (
                    {
                        tuple(getattr(spec, name) for name in names)
                        for spec in held
                        if one in spec.stacks
                    }
                    for one in (stack_a, stack_b)
                )
                shared, joint = len(things_a & things_b), len(things_a | things_b)
                row += (shared, joint, shared / joint)
            yield row


def matrix_cells(specs: list[Spec]) -> Iterator[Row]:
    for tag, held in by_tag(specs):
        packages: defaultdict[Row, list[set[str]]] = defaultdict(lambda: [set(), set(), set()])
        platforms = defaultdict(set)
        for spec in held:
            platforms[spec.os].add(spec.platform)
        hosts = {
            (os, spec.target) for os in platforms for spec in held if spec.platform in platforms[os]
        }
        systems = {(spec.compiler, spec.os) for spec in held} - {("none", os) for os in platforms}
        for spec, (os, target) in itertools.product(held, hosts):
            if (target, spec.target) not in DISTANCES:
                continue
            if spec.os != os and (spec.platform != "linux" or GLIBCS[spec.os] > GLIBCS[os]):
                continue
            state = 2 if spec.os != os else int(spec.target != target)
            found = [(spec.compiler, state)]
            if spec.compiler == "none":
                found += [(name, max(state, 1)) for name, its_os in systems if its_os == os]
            for compiler, best in found:
                names = (compiler, os, target)
                for keep in itertools.product((True, False), repeat=3):
                    key = tuple(
                        name if kept else None for name, kept in zip(names, keep, strict=True)
                    )
                    for place in range(best, 3):
                        if not all(keep):
                            packages[key][place].add(spec.package)
        all_count = len({spec.package for spec in held})
        for key, states in packages.items():
            exact, compatible, reusable = map(len, states)
            shares = [100 * count / all_count for count in (exact, compatible, reusable)]
            yield (tag, *key, exact, compatible, all_count, *shares[:2], reusable, shares[2])


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    return open_views()


@pytest.mark.parametrize(
    "recompute",
    [gaps, matrix_cells, snapshot_changes, stack_coverage, stack_overlap],
    ids=lambda one: one.__name__,
)
# All examples share the database, but not the rows.
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(specs=spec_sets())
@pytest.mark.slow
def test_view_agrees_with_plain_python(
    connection: duckdb.DuckDBPyConnection,
    recompute: Callable[[list[Spec]], Iterator[Row]],
    specs: list[Spec],
) -> None:
    """For any specs, the view has exactly the rows of a loop over sets."""
    replace_specs(connection, specs)
    # Columns beyond the contract have their own tests.
    view = recompute.__name__
    columns = "* exclude (reusable_os, reusable_target, os_match)" if view == "gaps" else "*"
    rows = connection.execute(f"select {columns} from {view}").fetchall()
    assert sorted(rows, key=str) == sorted(recompute(specs), key=str)
