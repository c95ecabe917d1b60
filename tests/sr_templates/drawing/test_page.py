"""Ink on a page: it lies where it was asked for and stays within its box."""

from __future__ import annotations

import numpy as np

from sr_templates.drawing.box import Box
from sr_templates.drawing.colour import ACCENT, PAPER
from sr_templates.drawing.page import LINE, Page


def inked(page: Page) -> tuple[slice, slice]:
    """Rows and columns that hold something else than paper."""
    differs = (page.pixels() != np.array(PAPER)).any(axis=2)
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def test_a_bar_fills_its_box() -> None:
    page = Page.blank(100, 50)
    page.bar(Box(10, 20, 30, 5), ACCENT)
    assert inked(page) == (slice(20, 25), slice(10, 40))


def test_text_begins_at_its_point() -> None:
    page = Page.blank(300, 60)
    page.text((20, 10), "Probability", 20)
    rows, columns = inked(page)
    assert rows.start >= 10
    assert 20 <= columns.start <= 23


def test_a_long_paragraph_ends_with_dots_and_says_where_it_ends() -> None:
    page = Page.blank(200, 400)
    below = page.paragraph(Box(0, 0, 180, 3 * round(16 * LINE)), "word " * 100, 16)
    assert below == 3 * round(16 * LINE)
    assert page.texts[-1].words.endswith("...")
    assert page.shortened
    assert all(each.box.right <= 180 for each in page.texts)
    assert inked(page)[0].stop <= below


def test_orientation_letters_stand_at_the_four_edges() -> None:
    page = Page.blank(200, 200)
    page.edge_letters(Box(0, 0, 200, 200), ("R", "L", "A", "P"))
    differs = (page.pixels() != np.array(PAPER)).any(axis=2)
    for place in (differs[80:120, :30], differs[80:120, -30:], differs[:30, 80:120], differs[-30:, 80:120]):
        assert place.any()
    assert not differs[60:140, 60:140].any()


def test_a_picture_is_scaled_into_its_box() -> None:
    page = Page.blank(60, 60)
    page.picture(Box(10, 10, 20, 20), np.full((5, 5, 3), 200, dtype=np.uint8), "grey")
    assert page.pictures == {"grey": Box(10, 10, 20, 20)}
    pixels = page.pixels()
    assert (pixels[10:30, 10:30] == 200).all()
    assert (pixels[:10] == np.array(PAPER)).all()


def test_an_inset_box_keeps_its_middle() -> None:
    inner = Box(0, 0, 100, 50).inset(10)
    assert (inner.x, inner.y, inner.right, inner.bottom) == (10, 10, 90, 40)
