"""Table targets: archspec's ancestry, and names that archspec lacks."""

from __future__ import annotations

import archspec.cpu

from pipeline.tables.targets import target_rows


def test_a_binary_runs_on_its_descendants() -> None:
    """Zen 4 runs what its ancestors run, each with its fewest steps."""
    rows = target_rows([]).filter(host_target="zen4")

    assert dict(rows.select("binary_target", "distance").rows()) == {
        "zen4": 0,
        "zen3": 1,
        "x86_64_v4": 1,
        "zen2": 2,
        "x86_64_v3": 2,
        "zen": 3,
        "x86_64_v2": 3,
        "x86_64": 4,
    }
    assert rows["family"].unique().to_list() == ["x86_64"]


def test_every_target_of_archspec_has_just_its_ancestors() -> None:
    """The table is exactly archspec's relation."""
    rows = target_rows([])
    for name, target in archspec.cpu.TARGETS.items():
        binaries = rows.filter(host_target=name)["binary_target"].to_list()
        assert sorted(binaries) == sorted({name, *(parent.name for parent in target.ancestors)})


def test_a_name_that_archspec_lacks_runs_on_itself() -> None:
    """An older page's name has one row with a null family; a known one is not repeated."""
    rows = target_rows(["graviton2", "zen4"])

    assert rows.filter(host_target="graviton2").rows() == [("graviton2", "graviton2", None, 0)]
    assert len(rows.filter(host_target="zen4", binary_target="zen4")) == 1
