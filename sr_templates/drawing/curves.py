"""Time-signal curves as a plot: percent above the phase before contrast, against minutes from the first phase."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor

import numpy as np

from mome_core.measurements import Curve, EnhancingTissue
from sr_templates.drawing.box import Box
from sr_templates.drawing.colour import FAINT, INK, QUIET, WARN, Colour
from sr_templates.drawing.contours import dashes
from sr_templates.drawing.page import LINE, SMALL, Page
from sr_templates.languages.phrase import Phrase

CURVES = "curves"
LEAST_HEIGHT = 140
"""Pixels below which a plot shows nothing."""
_ROW = round(SMALL * LINE)
_STEPS_MINUTES = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_STEPS_PERCENT = (20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 5000.0)
_MOST_TICKS = 5


@dataclass(frozen=True, slots=True)
class _PlotColours:
    """Of axes, their words, and the curves of the tissue, of the point and of the worst place."""

    axis: Colour
    words: Colour
    tissue: Colour
    point: Colour
    worst: Colour


_ON_DARK = _PlotColours(FAINT, QUIET, INK, QUIET, WARN)
ON_LIGHT = _PlotColours((150, 150, 150), (60, 60, 60), (0, 0, 0), (80, 80, 80), (160, 32, 0))


@dataclass(frozen=True, slots=True)
class _Line:
    """How one curve is drawn: each by a style of its own, so that a grey print tells them apart."""

    name: Phrase
    curve: Curve
    colour: Colour
    dashed: bool
    filled: bool


@dataclass(frozen=True, slots=True)
class _Axes:
    """From minutes and percent to pixels."""

    box: Box
    minutes: float
    low: float
    high: float

    def at(self, minutes: float, percent: float) -> tuple[float, float]:
        x = self.box.x + self.box.width * minutes / self.minutes
        return x, self.box.bottom - self.box.height * (percent - self.low) / (self.high - self.low)


def draw_curves(
    page: Page, box: Box, tissue: EnhancingTissue, times_s: Sequence[float], colours: _PlotColours = _ON_DARK
) -> None:
    """The curves of the tissue, of the point, and of the place whose signal falls most, with a key above them.

    Parameters
    ----------
    times_s
        Of each phase, ascending; the first phase is drawn at 0 minutes.
    """
    lines = (
        _Line(Phrase.KEY_TISSUE, tissue.whole, colours.tissue, dashed=False, filled=True),
        _Line(Phrase.KEY_POINT, tissue.at_point, colours.point, dashed=True, filled=False),
        _Line(Phrase.KEY_WORST, tissue.worst, colours.worst, dashed=False, filled=False),
    )
    page.pictures[CURVES], page.captions[CURVES] = box, page.words(Phrase.CURVE_AXES)
    minutes = [(each - times_s[0]) / 60 for each in times_s]
    values = [value for line in lines for value in line.curve.enhancement_percent]
    step = _step(max(values) - min(0.0, *values), _STEPS_PERCENT)
    low, high = step * floor(min(0.0, *values) / step), step * ceil(max(step, *values) / step)
    left = max(page.width_of(f"{each:.0f} %", SMALL) for each in (low, high)) + 12
    plot = Box(box.x + left, box.y + _ROW + 14, box.width - left - 42, box.height - 2 * _ROW - 26)
    axes = _Axes(plot, minutes[-1], low, high)
    _key(page, box, lines)
    _scales(page, axes, step, colours)
    for line in lines:
        _draw(page, [axes.at(m, p) for m, p in zip(minutes, line.curve.enhancement_percent, strict=True)], line)


def _step(span: float, steps: Sequence[float]) -> float:
    """The finest step with few ticks."""
    return next((step for step in steps if span / step <= _MOST_TICKS - 1), steps[-1])


def _scales(page: Page, axes: _Axes, step: float, colours: _PlotColours) -> None:
    """A line at each tick that has room, with its percent; ticks in minutes below."""
    plot, rows = axes.box, max(1, axes.box.height // (_ROW + 4))
    ticks = np.arange(axes.low, axes.high + step / 2, step)
    for percent in ticks[:: max(1, ceil((len(ticks) - 1) / rows))]:
        y = round(axes.at(0, percent)[1])
        page.draw.line((plot.x, y, plot.right, y), fill=colours.axis, width=1)
        page.text((plot.x - 8, y), f"{percent:.0f} %", SMALL, colours.words, anchor="rm")
    every = _step(axes.minutes, _STEPS_MINUTES)
    marks = np.arange(0, axes.minutes + 1e-6, every)
    for minutes in marks:
        x = round(axes.at(minutes, 0)[0])
        page.draw.line((x, plot.bottom, x, plot.bottom + 5), fill=colours.words, width=2)
        words = f"{minutes:g} min" if minutes == marks[-1] else f"{minutes:g}"
        page.text((x, plot.bottom + 8), words, SMALL, colours.words, anchor="ma")


def _key(page: Page, box: Box, lines: Sequence[_Line]) -> None:
    """Each line style with its name, beside each other."""
    x, middle = box.x + 6, box.y + _ROW // 2
    for line in lines:
        name = page.words(line.name)
        _draw(page, [(x, middle), (x + 28, middle)], line)
        page.text((x + 36, middle), name, SMALL, line.colour, anchor="lm")
        x += 36 + page.width_of(name, SMALL) + 14


def _draw(page: Page, points: Sequence[tuple[float, float]], line: _Line) -> None:
    """A line through the points, with a mark at each: discs, squares, open circles."""
    for piece in _pieces(points, line):
        page.draw.line(piece, fill=line.colour, width=3, joint="curve")
    for x, y in points:
        around = (x - 5, y - 5, x + 5, y + 5)
        if line.dashed:
            page.draw.rectangle(around, outline=line.colour, width=2)
        else:
            page.draw.ellipse(around, fill=line.colour if line.filled else None, outline=line.colour, width=2)


def _pieces(points: Sequence[tuple[float, float]], line: _Line) -> Iterator[list[tuple[float, float]]]:
    if not line.dashed:
        yield list(points)
        return
    for piece in dashes(np.array(points, dtype=float)):
        yield [(float(x), float(y)) for x, y in piece]
