"""Contours: lines at fixed levels, solid above and dashed below, told apart without colour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from sr_templates.drawing.box import Box
from sr_templates.drawing.contours import dashes, draw_contours, lines_at

WHITE = (255, 255, 255)


def hill(height: float, size: int = 60) -> NDArray[np.float64]:
    rows, columns = np.mgrid[:size, :size] - (size - 1) / 2
    return np.asarray(height * np.exp(-(rows**2 + columns**2) / (2 * 10.0**2)))


def drawn(plane: NDArray[np.float64]) -> NDArray[np.uint8]:
    image = Image.new("RGB", (240, 240), (90, 90, 90))
    draw_contours(ImageDraw.Draw(image), Box(0, 0, 240, 240), plane, WHITE, WHITE)
    return np.asarray(image)


def test_a_line_lies_where_the_plane_reaches_the_level() -> None:
    (line,) = lines_at(hill(1.0), 0.3)
    radius = np.linalg.norm(line - 29.5, axis=1)
    assert np.allclose(radius, 10 * np.sqrt(-2 * np.log(0.3)), atol=0.15)


def test_what_ends_at_the_edge_is_closed_there() -> None:
    (line,) = lines_at(np.ones((5, 5)), 0.5)
    assert np.array_equal(line[0], line[-1])


def test_little_has_no_lines_and_much_has_more() -> None:
    assert (drawn(hill(0.24)) == 90).all()
    few, more = (int((drawn(hill(height)) == 255).all(axis=2).sum()) for height in (0.4, 3.0))
    assert 0 < few < more


def test_raised_and_lowered_are_told_apart_in_one_colour() -> None:
    """Along the circle of the level, a raised place has ink everywhere, a lowered one has gaps."""
    angles = np.radians(np.arange(0, 360, 0.5))
    radius = 4 * 10 * np.sqrt(-2 * np.log(0.5))
    at = np.rint(119.5 + radius * np.array([np.sin(angles), np.cos(angles)])).astype(int)
    solid, dashed = (drawn(hill(height))[at[0], at[1]].min(axis=1) == 255 for height in (0.5, -0.5))
    assert solid.mean() > 0.98
    assert 0.35 < dashed.mean() < 0.75
    assert np.count_nonzero(np.diff(dashed.astype(int))) >= 12


def test_only_lines_are_drawn() -> None:
    """No fill: the middle of the place shows the anatomy as it was."""
    assert (drawn(hill(0.4))[110:130, 110:130] == 90).all()


def test_dashes_of_a_short_line_are_at_least_three() -> None:
    line = np.array([[0.0, 0.0], [12.0, 0.0]])
    assert len(list(dashes(line))) >= 3
    assert not list(dashes(np.zeros((2, 2))))
