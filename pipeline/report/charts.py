"""Charts as static SVG that takes its colours from the page, so that it fits light and dark."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colours that no chart needs stand for the page's own until the SVG is written.
COLOURS = {"#010101": "var(--ink)", "#020202": "var(--quiet)", "#030303": "var(--rule)"}
INK, QUIET, RULE = COLOURS
LINE = "#040404"
COLOURS[LINE] = "var(--accent)"
MARKED = 20


def draw_trend(rows: list[dict[str, Any]]) -> str:
    """Draw packages, specs and cells of the weekly snapshots, each in a panel of its own."""
    names = {"package_count": "packages", "spec_count": "specs", "cell_count": "cells"}
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    figure, panels = make_figure(len(names), 4.4)
    days = [row["snapshot_date"] for row in rows]
    for panel, (name, title) in zip(panels, names.items(), strict=True):
        # Few points are seen better as points; many are a line.
        marker = "o" if len(rows) < MARKED else ""
        panel.plot(days, [row[name] for row in rows], color=LINE, marker=marker, markersize=3)
        panel.set_ylim(bottom=0)
        panel.set_title(title, loc="left", color=INK, fontsize=9, fontweight="bold")
    locator = AutoDateLocator(minticks=2, maxticks=6)  # type: ignore[no-untyped-call]
    panels[-1].xaxis.set_major_locator(locator)
    panels[-1].xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    return write_svg(figure, "Packages, specs and cells of each weekly snapshot")


def draw_lifetimes(rows: list[dict[str, Any]]) -> str:
    """Draw how many specs stayed for how many weekly snapshots, as bars."""
    from matplotlib.ticker import MaxNLocator

    figure, (panel,) = make_figure(1, 2.3)
    panel.bar([row["tag_count"] for row in rows], [row["spec_count"] for row in rows], color=LINE)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=10))
    panel.set_xlabel("weekly snapshots that have the spec", color=QUIET, fontsize=8)
    panel.set_title("specs", loc="left", color=INK, fontsize=9, fontweight="bold")
    return write_svg(figure, "How many specs stayed for how many weekly snapshots")


def make_figure(panel_count: int, height: float) -> tuple[Figure, list[Axes]]:
    """Make panels one above another, in the page's colours; `height` is in inches."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    figure = Figure(figsize=(5.4, height), layout="constrained")
    figure.patch.set_alpha(0)
    panels = list(figure.subplots(panel_count, sharex=True, squeeze=False)[:, 0])
    for panel in panels:
        panel.patch.set_alpha(0)
        panel.spines[["top", "right", "left"]].set_visible(False)
        panel.spines["bottom"].set_color(RULE)
        panel.grid(axis="y", color=RULE, linewidth=0.6)
        panel.set_axisbelow(True)
        panel.tick_params(colors=QUIET, labelsize=8, length=0)
        panel.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=4))
        panel.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    return figure, panels


def write_svg(figure: Figure, label: str) -> str:
    """Write the figure as an element of the page: text is text, the same bytes each time."""
    import matplotlib as mpl

    text = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": label}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    # What is for a file of its own would reach the page around it, and sizes and fonts are its own.
    svg = re.sub(r"\s*<(metadata|style\b[^>]*)>.*?</(metadata|style)>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font-family: [^;]*; ", "", svg)
    svg = re.sub(r'<g id="[^"]*">', "<g>", svg)
    svg = re.sub(r'^<svg [^>]*(viewBox="[^"]*")[^>]*>', r"<svg \1>", svg)
    for colour, variable in COLOURS.items():
        svg = svg.replace(colour, variable)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
