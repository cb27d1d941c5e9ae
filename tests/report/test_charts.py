"""Charts: axes fit their values, and each value has a text."""

from __future__ import annotations

import datetime
import itertools
from typing import Any

import pytest

from pipeline.report.charts import Chart, axis_numbers, lifetime_chart, trend_chart


def weeks(*package_counts: int) -> list[dict[str, Any]]:
    """Return rows of view coverage_trend, a week apart."""
    return [
        {
            "day": 7 * week,
            "snapshot_date": str(datetime.date(2025, 3, 2) + datetime.timedelta(weeks=week)),
            "package_count": count,
            "spec_count": 10 * count,
            "cell_count": 3 * count,
        }
        for week, count in enumerate(package_counts)
    ]


def assert_fits(chart: Chart) -> None:
    """Check that every mark is inside its panel, and every panel inside the chart."""
    for panel in chart.panels:
        assert 0 < panel.top < panel.base < chart.height
        for mark in panel.marks:
            assert panel.top <= mark.y <= panel.base
            assert chart.left <= mark.x <= chart.right


@pytest.mark.parametrize("counts", [(6,), (0,), (1, 1), (599, 600, 601), tuple(range(107))])
def test_a_trend_fits_its_axes(counts: tuple[int, ...]) -> None:
    """From one snapshot to the whole history, no value is outside, and dates are snapshots'."""
    rows = weeks(*counts)

    chart = trend_chart(rows)

    assert_fits(chart)
    days = [row["snapshot_date"] for row in rows]
    labels = [tick.label for tick in chart.ticks]
    assert (labels[0], labels[-1]) == (days[0], days[-1])
    assert set(labels) <= set(days)
    assert [mark.text for mark in chart.panels[0].marks] == [
        f"{day}: {count:,} packages" for day, count in zip(days, counts, strict=True)
    ]


def test_dates_that_lie_close_together_do_not_overlap() -> None:
    """Of four weeks after a gap of years only the last has a label beside the first."""
    rows = weeks(*range(104))
    rows = [rows[0], *rows[-4:]]

    ticks = trend_chart(rows).ticks

    assert [tick.label for tick in ticks] == [rows[0]["snapshot_date"], rows[-1]["snapshot_date"]]


def test_one_snapshot_has_one_date() -> None:
    """The time axis of a single snapshot has only its date."""
    assert [tick.label for tick in trend_chart(weeks(6)).ticks] == ["2025-03-02"]


@pytest.mark.parametrize("longest", [1, 3, 48])
def test_lifetimes_have_whole_numbers(longest: int) -> None:
    """The axis of weekly snapshots has integers from 1, each at its bar."""
    rows = [{"tag_count": 1, "spec_count": 70}, {"tag_count": longest, "spec_count": 2}]

    chart = lifetime_chart(rows[-1:] if longest == 1 else rows)

    assert_fits(chart)
    numbers = [int(tick.label) for tick in chart.ticks]
    assert (numbers[0], numbers[-1]) == (1, longest)
    assert chart.panels[0].marks[-1].x == chart.ticks[-1].at


@pytest.mark.parametrize("largest", [0, 1, 4, 5, 9, 10, 41, 999, 60_001, 10**9])
def test_axis_numbers_reach_the_largest_value(largest: int) -> None:
    """They are few integers, evenly spaced from 0, and the last is not below the value."""
    numbers = axis_numbers(largest)

    assert numbers[0] == 0
    assert numbers[-1] >= max(1, largest)
    assert len(numbers) <= 5
    assert {b - a for a, b in itertools.pairwise(numbers)} == {numbers[1]}
