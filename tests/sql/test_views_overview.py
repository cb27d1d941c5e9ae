"""The views of sql/overview: trend of the snapshots, and the gaps that are easiest to close."""

from __future__ import annotations

import datetime

from tests.rows import WEEK_1, WEEK_2, WEEK_3, Spec, ask, open_views


def test_coverage_trend_counts_each_kind_of_change() -> None:
    """The first week has no changes; a week without changes has zeros."""
    last = [
        Spec("b"),
        Spec("b", package="adiak", version="1.3"),
        Spec("a", package="new"),
        Spec("a", package="newer", os="rhel8"),
    ]
    specs = [
        Spec("a"),
        Spec("a", package="adiak"),
        Spec("a", package="gone"),
        *(Spec(**(vars(spec) | {"tag": tag})) for tag in (WEEK_2, WEEK_3) for spec in last),
        Spec("a", tag="v0.23.0"),
    ]
    rows = ask(open_views(specs), "from coverage_trend")
    days = [datetime.date(2025, 3, day) for day in (16, 23, 30)]
    assert rows == [
        (WEEK_1, days[0], None, *[None] * 4, False, 3, 3, 1, 3, *[None] * 6),
        (WEEK_2, days[1], WEEK_1, 7, 3, 0, 0.0, False, 4, 4, 2, 4, 2, 1, 1, 1, 0, 0),
        (WEEK_3, days[2], WEEK_2, 7, 4, 4, 100.0, True, 4, 4, 2, 4, 0, 0, 0, 0, 0, 0),
    ]


def test_gap_priority_has_the_most_nearly_complete_first() -> None:
    """Packages with equally many environments share a rank; complete ones are left out."""
    oses = ("ubuntu22.04", "rhel8", "rhel9")
    covered = {"all": oses, "two": oses[:2], "first": oses[:1], "last": oses[2:]}
    specs = [
        Spec(os, package=package, os=os, target="zen4" if os == "rhel9" else "aarch64")
        for package, package_oses in covered.items()
        for os in package_oses
    ]
    rows = ask(open_views(specs), "from gap_priority")
    rhel8, rhel9, ubuntu = "linux-rhel8-aarch64", "linux-rhel9-zen4", "linux-ubuntu22.04-aarch64"
    assert rows == [
        (WEEK_1, 1, "two", None, None, None, 2, 3, 200 / 3, [rhel9], 0),
        (WEEK_1, 2, "first", None, None, None, 1, 3, 100 / 3, [rhel8, rhel9], 0),
        (WEEK_1, 2, "last", None, None, None, 1, 3, 100 / 3, [rhel8, ubuntu], 0),
    ]


def test_change_counts_has_each_cause_and_the_whole() -> None:
    """Losses and gains are counted in total and by cause; others in total only."""
    specs = [
        Spec("a"),
        Spec("a", package="gone"),
        Spec("b", package="gone", target="zen4"),
        Spec("a", package="kept", target="zen4"),
        Spec("b", tag=WEEK_2),
        Spec("a", package="kept", target="zen4", tag=WEEK_2),
        Spec("c", package="kept", tag=WEEK_2),
    ]
    rows = ask(open_views(specs), f"from change_counts('{WEEK_1}', '{WEEK_2}')")
    assert rows == [
        (WEEK_2, WEEK_1, "gained", "cell added", 1, 1),
        (WEEK_2, WEEK_1, "gained", None, 1, 1),
        (WEEK_2, WEEK_1, "lost", "package dropped", 2, 1),
        (WEEK_2, WEEK_1, "lost", None, 2, 1),
        (WEEK_2, WEEK_1, "rebuilt", None, 1, 1),
    ]
