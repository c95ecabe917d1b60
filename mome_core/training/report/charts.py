"""Charts of the page: one look for all, as SVG whose colours follow the page into dark mode and print.

Matplotlib draws with stand-in colours, which become variables of the style sheet. Models differ by line and marker as
well as by colour, so that a page printed in grey reads the same.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mome_core.training.resampling import Band
from mome_core.training.statistics import Interval

INK, QUIET, GRID = "#010101", "#020202", "#030303"
_STAND_INS = {INK: "currentColor", QUIET: "var(--quiet)", GRID: "var(--line)"} | {
    f"#04040{n}": f"var(--model-{n})" for n in range(1, 7)
}
_LOOK: dict[Any, Any] = {
    "svg.hashsalt": "mome",
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",  # widest of the usual: what fits in it fits in a reader's font
    "font.size": 9,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "text.parse_math": False,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "legend.handlelength": 2.6,
    "lines.linewidth": 1.6,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}


@dataclass(frozen=True, slots=True)
class _LineLook:
    """How one model is drawn wherever it appears."""

    color: str
    line: str
    marker: str


_LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
_MARKERS = ("o", "s", "^", "D", "v", "P")


def look_of(number: int) -> _LineLook:
    """The look of the model at this place, from 0; after six they begin again."""
    n = number % len(_LINES)
    return _LineLook(f"#04040{n + 1}", _LINES[n], _MARKERS[n])  # type: ignore[arg-type]


def chart(draw: Callable[[Axes], None], label: str, size: tuple[float, float] = (4.1, 4.1)) -> str:
    """One chart as SVG for the page; `label` is read to those who cannot see it. Size in inches."""
    with mpl.rc_context(_LOOK):
        drawing = Figure(figsize=size, layout="constrained")
        draw(drawing.subplots())
        text = io.StringIO()
        drawing.savefig(text, format="svg", metadata={"Date": None})
    return _for_the_page(text.getvalue(), label)


def _for_the_page(svg: str, label: str) -> str:
    """Without size and names of groups, which would repeat from chart to chart, and in the page's colours."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(
        r'<svg [^>]*viewBox="([^"]*)"[^>]*>',
        lambda found: f'<svg viewBox="{found[1]}" role="img" aria-label="{escape(label)}">',
        svg,
        count=1,
    )
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[a-zA-Z0-9]+(_\d+)+">', "<g>", svg)
    svg = svg.replace("'DejaVu Sans'", "system-ui, 'DejaVu Sans', sans-serif")
    for stand_in, variable in _STAND_INS.items():
        svg = svg.replace(stand_in, variable)
    return svg


def histogram(values: Sequence[float], axes_words: tuple[str, str], label: str) -> str:
    """How often values in [0, 1] occur, in twenty bins."""

    def draw(axes: Axes) -> None:
        axes.hist(values, bins=20, range=(0, 1), color=look_of(0).color)
        axes.set(xlabel=axes_words[0], ylabel=axes_words[1], xlim=(0, 1))

    return chart(draw, label, (4.1, 2.6))


def draw_band(axes: Axes, band: Band, look: _LineLook) -> None:
    """The interval of a curve as a veil behind it."""
    axes.fill_between(band.x, band.low, band.high, color=look.color, alpha=0.14, linewidth=0)


def legend_below(axes: Axes, title: str = "") -> None:
    """The legend under the axes, where it hides nothing."""
    axes.legend(title=title, loc="upper left", bbox_to_anchor=(-0.02, -0.16), alignment="left", borderaxespad=0)


def forest(axes: Axes, names: Sequence[str], values: Sequence[Interval], colors: Sequence[str], marker: str) -> None:
    """One line for each name with its interval, the first on top; lines read from the left."""
    for place, (value, color) in enumerate(zip(values, colors, strict=True)):
        axes.plot([value.low, value.high], [place, place], color=color)
        axes.plot(value.value, place, "D" if place == 0 else marker, color=color, markersize=5)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")


def unit_axes(axes: Axes, x: str, y: str) -> None:
    """Both axes from 0 to 1, a little air above."""
    axes.set(xlabel=x, ylabel=y, xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
    axes.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1])
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1])
