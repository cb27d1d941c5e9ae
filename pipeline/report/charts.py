"""Charts as geometry: scales, ticks and positions, which a template turns into SVG.

The template takes its colours from the page, so a chart fits light and dark, and shows each value
on hover. Lengths are in the units of the SVG's viewBox.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

WIDTH = 540
LEFT, RIGHT = 58, 14  # margins: the labels of the y axis, half a marker
TOP, BOTTOM = 30, 24  # of a panel: its title, its space below the x axis
PANEL_HEIGHT = 90  # between both
MAX_DATES = 5
DATE_SPACE = 100  # between two labels: one and a half, since the outer ones end at the axis's ends
TREND_PANELS = {"package_count": "packages", "spec_count": "specs", "cell_count": "cells"}


@dataclass(frozen=True)
class Tick:
    """A label of an axis and its position."""

    at: float
    label: str


@dataclass(frozen=True)
class Mark:
    """A value: a point of a line, or a bar down to the axis; `text` is what hovering shows."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Panel:
    """One plot with its own y axis, which starts at zero; `top` and `base` bound it."""

    title: str
    top: float
    base: float
    ticks: list[Tick]
    marks: list[Mark]


@dataclass(frozen=True)
class Chart:
    """Panels one above another over one x axis; `step` is the width that a value has there."""

    label: str
    width: float
    height: float
    left: float
    right: float
    panels: list[Panel]
    ticks: list[Tick]
    x_title: str
    step: float
    has_bars: bool


def trend_chart(rows: Sequence[dict[str, Any]]) -> Chart:
    """Return the chart of packages, specs and cells of the weekly snapshots, in date order."""
    dates = [row["snapshot_date"] for row in rows]
    days = [row["day"] for row in rows]
    span = days[-1] - days[0]
    inner = WIDTH - LEFT - RIGHT
    # A single snapshot has its place in the middle.
    places = [LEFT + inner * ((day - days[0]) / span if span else 0.5) for day in days]
    ticks = [Tick(places[index], dates[index]) for index in spread(len(days), MAX_DATES)]
    return make_chart(
        "Packages, specs and cells of each weekly snapshot",
        panels={
            title: [
                (x, row[name], f"{row['snapshot_date']}: {row[name]:,} {title}")
                for x, row in zip(places, rows, strict=True)
            ]
            for name, title in TREND_PANELS.items()
        },
        ticks=without_overlap(ticks, DATE_SPACE),
        x_title="",
        step=inner / max(1, len(days) - 1),
        has_bars=False,
    )


def lifetime_chart(rows: Sequence[dict[str, Any]]) -> Chart:
    """Return the chart of how many specs are in how many weekly snapshots, as bars."""
    longest = max(row["tag_count"] for row in rows)
    step = (WIDTH - LEFT - RIGHT) / longest
    places = {weeks: LEFT + step * (weeks - 0.5) for weeks in range(1, longest + 1)}
    return make_chart(
        "How many specs are in how many weekly snapshots",
        panels={
            "specs": [
                (
                    places[row["tag_count"]],
                    row["spec_count"],
                    f"{row['tag_count']:,} weekly snapshot{'s' * (row['tag_count'] > 1)}: "
                    f"{row['spec_count']:,} spec{'s' * (row['spec_count'] > 1)}",
                )
                for row in rows
            ]
        },
        ticks=[Tick(places[index + 1], f"{index + 1:,}") for index in spread(longest, 12)],
        x_title="weekly snapshots that have the spec",
        step=step,
        has_bars=True,
    )


def make_chart(
    label: str,
    panels: dict[str, list[tuple[float, int, str]]],
    ticks: list[Tick],
    x_title: str,
    step: float,
    has_bars: bool,
) -> Chart:
    """Return a chart of panels, each given by its title and its values: x, value, text."""
    made = []
    top = TOP
    for title, values in panels.items():
        base = top + PANEL_HEIGHT
        numbers = axis_numbers(max(value for _, value, _ in values))
        scale = PANEL_HEIGHT / numbers[-1]
        made.append(
            Panel(
                title,
                top,
                base,
                [Tick(base - number * scale, f"{number:,}") for number in numbers],
                [Mark(x, base - value * scale, text) for x, value, text in values],
            )
        )
        top = base + TOP
    height = made[-1].base + BOTTOM + (14 if x_title else 0)
    right = WIDTH - RIGHT
    return Chart(label, WIDTH, height, LEFT, right, made, ticks, x_title, step, has_bars)


def axis_numbers(largest: int) -> list[int]:
    """Return round whole numbers from 0 to one that is not below `largest`, at most five.

    >>> axis_numbers(209), axis_numbers(1), axis_numbers(0)
    ([0, 100, 200, 300], [0, 1], [0, 1])
    """
    for power in count():
        for step in (10**power, 2 * 10**power, 5 * 10**power):
            steps = max(1, -(-largest // step))
            if steps <= 4:
                return [step * index for index in range(steps + 1)]
    raise AssertionError("unreachable: steps grow without end")


def spread(length: int, limit: int) -> list[int]:
    """Return the first and last index of `length` things, and up to `limit` in all, evenly.

    >>> spread(3, 6), spread(11, 6), spread(1, 6)
    ([0, 1, 2], [0, 2, 4, 6, 8, 10], [0])
    """
    if length <= limit:
        return list(range(length))
    return [round(index * (length - 1) / (limit - 1)) for index in range(limit)]


def without_overlap(ticks: Sequence[Tick], space: float) -> list[Tick]:
    """Return the first and last tick, and those between that are `space` away from both neighbours.

    >>> [tick.at for tick in without_overlap([Tick(at, "") for at in (0, 5, 12, 14, 20)], 6)]
    [0, 12, 20]
    """
    kept = list(ticks[:1])
    for tick in ticks[1:-1]:
        if tick.at - kept[-1].at >= space and ticks[-1].at - tick.at >= space:
            kept.append(tick)
    return [*kept, *ticks[1:][-1:]]
