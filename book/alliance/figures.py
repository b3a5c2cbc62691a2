"""The look of figures: one style, fixed colours, and one way to save a figure that a reader can trust.

A figure's title, unit, source line and alt text are text on the page, not pixels: they reflow on a phone, can be
searched and copied, and are read aloud. The drawing itself is an SVG with its text as outlines, because an ``<img>``
cannot use the page's fonts.
"""

from __future__ import annotations

import io
import re
import warnings
from pathlib import Path

import font_source_sans_pro
import matplotlib as mpl
import seaborn as sns
from matplotlib import font_manager

WIDTH = 4.4  # inches: text stays above 10 px on a phone 360 px wide
FONTS = Path(font_source_sans_pro.__file__).parent / "files"
INK, MUTED, GRID = "#1f2933", "#52606d", "#e4e7eb"

# One fixed colour a country, distinguishable for colour-blind readers and by lightness in grey print.
COLOURS = {
    "China": "#b3261e",
    "Russia": "#1d4e89",
    "India": "#d08700",
    "United States": "#3a8f9e",
    "Europe": "#6b7c93",
    "Central Asia": "#a0712b",
    "Saudi Arabia": "#3a7d44",
    "Iraq": "#8d6a9f",
    "Malaysia": "#7a6f5d",
    "Other": "#9aa5b1",
    "Claim": "#000000",
}


def style() -> None:
    """Set matplotlib and seaborn to the book's look, whatever the user's own configuration says."""
    mpl.rcdefaults()
    mpl.use("agg")  # a figure shows where it is published, not wherever a cell leaves it open
    for weight in ("Regular", "Semibold", "It"):
        font_manager.fontManager.addfont(FONTS / f"SourceSansPro-{weight}.ttf")
    sns.set_theme(
        style="white",
        rc={
            "figure.figsize": (WIDTH, 2.9),
            "font.family": "Source Sans Pro",
            "font.size": 10.5,
            "axes.labelsize": 10.5,
            "xtick.labelsize": 10,
            "ytick.labelsize": 10,
            "text.color": INK,
            "axes.labelcolor": MUTED,
            "xtick.color": MUTED,
            "ytick.color": MUTED,
            "axes.edgecolor": MUTED,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.spines.left": False,
            "axes.grid": True,
            "axes.grid.axis": "y",
            "grid.color": GRID,
            "grid.linewidth": 0.8,
            "axes.axisbelow": True,
            "lines.linewidth": 2,
            "lines.markersize": 5,
            "svg.fonttype": "path",
            "svg.hashsalt": "alliance",
            "figure.dpi": 100,
            "figure.constrained_layout.use": True,
        },
    )


def direct_label(axes, x, y, text, colour, dx=4, dy=0, **options):
    """Write a series' name beside its last point instead of in a legend."""
    if y is None:
        return None
    return axes.annotate(text, (x, y), (dx, dy), textcoords="offset points", color=colour, va="center", weight="semibold", **options)


def spread(heights, gap: float) -> list[float]:
    """Heights for labels of points at ``heights``, in the same order, moved apart to at least ``gap``."""
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    placed: list[float] = []
    for i in order:
        placed.append(max(heights[i], placed[-1] + gap) if placed else heights[i])
    shift = sum(p - heights[i] for p, i in zip(placed, order, strict=True)) / max(1, len(order))
    at = dict(zip(order, placed, strict=True))
    return [at[i] - shift for i in range(len(heights))]


def whole_years(axes, years) -> None:
    """Ticks on whole years, at most eight of them, the last year always among them."""
    first, last = int(min(years)), int(max(years))
    step = max(1, -(-(last - first) // 7))
    axes.set_xticks(list(range(last, first - 1, -step))[::-1])


def to_svg(figure) -> str:
    """Draw a figure as SVG, byte for byte the same for the same drawing.

    Raises
    ------
    UserWarning
        If a character has no glyph in the book's fonts, instead of printing a box.
    """
    buffer = io.StringIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Glyph .* missing")
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, facecolor="white")
    svg = buffer.getvalue()
    return re.sub(r"<\?xml.*?<svg", "<svg", svg, count=1, flags=re.DOTALL)
