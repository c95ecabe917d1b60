"""Where a plane reaches a level, as lines: solid above it, dashed below its negative; the picture stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from contourpy import contour_generator
from numpy.typing import NDArray
from PIL import ImageDraw

from sr_templates.drawing.box import Box
from sr_templates.drawing.colour import Colour
from sr_templates.saliency.region import LEAST_LOG_ODDS_PER_ML

_Points = NDArray[np.float64]
LEVELS = (LEAST_LOG_ODDS_PER_ML, 0.5, 1.0, 2.0, 4.0)
"""Log odds per ml: the same on every page, so that little looks like little."""
_DASH, _GAP = 9.0, 8.0  # pixels
_WIDTH, _EDGE = 3, 2  # pixels of the line, and of the dark rim on both sides of it
_RIM: Colour = (0, 0, 0)


def lines_at(plane: NDArray[Any], level: float) -> list[_Points]:
    """Lines (point, (column, row)) along which a plane (rows, columns) crosses a level, closed at its edges."""
    rim = np.pad(np.asarray(plane, dtype=np.float64), 1)
    return [np.asarray(line) - 1 for line in contour_generator(z=rim).lines(level)]


def draw_contours(draw: ImageDraw.ImageDraw, box: Box, plane: NDArray[Any], raised: Colour, lowered: Colour) -> None:
    """The lines of a plane (rows, columns) over its picture in a box: rims first, so that none hides a line."""
    rows, columns = plane.shape
    scale = np.array([box.width / columns, box.height / rows])
    corner = np.array([box.x, box.y])
    solid = [corner + (line + 0.5) * scale for level in LEVELS for line in lines_at(plane, level)]
    lower = [corner + (line + 0.5) * scale for level in LEVELS for line in lines_at(-plane, level)]
    broken = [piece for line in lower for piece in dashes(line)]
    for colour, width in ((_RIM, _WIDTH + 2 * _EDGE), (None, _WIDTH)):
        for line in solid:
            draw.line(_flat(line), fill=colour or raised, width=width, joint="curve")
        for line in broken:
            draw.line(_flat(line), fill=colour or lowered, width=width, joint="curve")


def dashes(line: _Points) -> Iterator[_Points]:
    """Pieces of a line (point, 2) with gaps between them; a short line has shorter ones, at least three."""
    steps = np.linalg.norm(np.diff(line, axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    length = float(along[-1])
    if length == 0:
        return
    period = min(_DASH + _GAP, length / 3)
    dash = period * _DASH / (_DASH + _GAP)
    for start in np.arange(0.0, length - dash / 2, period):
        end = min(start + dash, length)
        at = np.concatenate([[start], along[(along > start) & (along < end)], [end]])
        yield np.column_stack([np.interp(at, along, line[:, axis]) for axis in (0, 1)])


def _flat(line: _Points) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in line]
