"""The plot of time-signal curves: where its points lie, a style for each curve, words that are apart."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from PIL import Image

from mome_core.measurements import Curve, EnhancingTissue
from sr_templates.drawing.box import Box
from sr_templates.drawing.colour import CARD, INK, WARN
from sr_templates.drawing.curves import CURVES, ON_LIGHT, draw_curves
from sr_templates.drawing.page import SMALL, Page
from told_measurements import MEASURED

WHOLE = Box(0, 0, 420, 220)


def tissue() -> EnhancingTissue:
    assert MEASURED.tissue is not None
    return MEASURED.tissue


def drawn(found: EnhancingTissue, times_s: tuple[float, ...] = MEASURED.times_s) -> Page:
    page = Page(Image.new("RGB", (WHOLE.width, WHOLE.height), CARD))
    draw_curves(page, WHOLE, found, times_s)
    return page


def said(page: Page) -> list[str]:
    return [each.words for each in page.texts]


def test_the_first_phase_is_zero_minutes_and_zero_percent() -> None:
    words = said(drawn(tissue()))
    assert "0" in words
    assert "4 min" in words  # -90 s to 180 s
    assert "0 %" in words
    assert "200 %" in words
    assert {"tissue", "point", "worst"} <= set(words)


@pytest.mark.parametrize("height", [140, 220, 300])
@pytest.mark.parametrize("percent", [12.0, 150.0, 900.0, -40.0])
@pytest.mark.parametrize("seconds", [60.0, 300.0, 1500.0])
def test_no_words_of_the_plot_lie_on_each_other(height: int, percent: float, seconds: float) -> None:
    page, box = Page(Image.new("RGB", (420, height))), Box(0, 0, 420, height)
    curve = Curve((0.0, percent, percent), None, 5)
    draw_curves(page, box, replace(tissue(), whole=curve, at_point=curve, worst=curve), (-seconds, 0.0, seconds))
    assert all(each.size >= SMALL and box.holds(each.box) for each in page.texts)
    for one, other in combinations(page.texts, 2):
        assert not one.box.overlaps(other.box), f"{one.words} lies on {other.words}"


def test_a_curve_that_rises_more_is_drawn_higher() -> None:
    low = drawn(replace(tissue(), whole=Curve((0.0, 60.0, 60.0, 60.0), 0.0, 5)))
    high = drawn(replace(tissue(), whole=Curve((0.0, 180.0, 180.0, 180.0), 0.0, 5)))

    def row_of_the_plateau(page: Page) -> float:
        rows, columns = np.nonzero((np.asarray(page.image) == np.array(INK)).all(axis=2))
        in_plot = (columns > 200) & (rows > 40)
        return float(rows[in_plot].mean())

    assert row_of_the_plateau(high) < row_of_the_plateau(low) - 20


def test_each_curve_has_a_style_of_its_own_so_that_grey_tells_them_apart() -> None:
    """Discs and a full line, squares and dashes, open circles and a full line: the marks differ without colour."""
    grey = np.asarray(drawn(tissue()).image.convert("L"), dtype=float)
    key = grey[4:24, 0:20], grey[4:24, 105:128], grey[4:24, 195:222]
    for one, other in combinations(key, 2):
        width = min(one.shape[1], other.shape[1])
        assert np.abs(one[:, :width] - other[:, :width]).max() > 60


def test_it_is_a_picture_of_the_page_with_words_for_who_cannot_see_it() -> None:
    page = drawn(tissue())
    assert page.pictures[CURVES] == WHOLE
    assert "minutes" in page.captions[CURVES]


def test_on_paper_its_lines_are_dark() -> None:
    page = Page(Image.new("RGB", (420, 220), "white"))
    draw_curves(page, WHOLE, tissue(), MEASURED.times_s, ON_LIGHT)
    pixels = np.asarray(page.image)
    assert (pixels == np.array(ON_LIGHT.worst)).all(axis=2).any()
    assert not (pixels == np.array(WARN)).all(axis=2).any()
