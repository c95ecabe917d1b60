"""The card of what was measured: numbers with their words, or why there are none; never without its name."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PIL import Image

from mome_core.measurements import Measurand, Measurements, NotMeasured, NotMeasuredCode
from sr_templates.drawing.box import Box
from sr_templates.drawing.curves import CURVES
from sr_templates.drawing.measured import draw_measured, height_of
from sr_templates.drawing.page import Page
from told_measurements import MEASURED, measured_without_times

NARROW, WIDE = Box(0, 0, 476, 504), Box(0, 0, 1100, 230)
NO_TIMES = NotMeasured(Measurand.DELAYED_CHANGE, NotMeasuredCode.TIMES_UNKNOWN, "the phases have no times")
WHOLE = replace(MEASURED, not_measured=())


def card(box: Box, measurements: Measurements | None) -> Page:
    page = Page(Image.new("RGB", (box.width, box.height)))
    draw_measured(page, box, measurements)
    return page


def said(page: Page) -> str:
    return " ".join(each.words for each in page.texts)


@pytest.mark.parametrize("box", [NARROW, WIDE])
def test_curve_numbers_and_name_stand_on_it(box: Box) -> None:
    page = card(box, WHOLE)
    words = said(page)
    assert "Measured on the images, not by the network" in words
    for expected in (
        "peak of the saliency, left breast", "Worst curve: washout (type III), -19 %",
        "Initial uptake: +150 % (point +150 %)", "6.3 ml; 24 (LR) x 27 (AP)", "0.84 (lowest voxel 0.71)",
        "May be more than one lesion: it touches the",
    ):  # fmt: skip
        assert expected in words
    assert CURVES in page.pictures
    assert not page.shortened


@pytest.mark.parametrize("box", [NARROW, WIDE])
def test_without_times_the_curve_is_withheld_with_the_reason(box: Box) -> None:
    page = card(box, measured_without_times())
    assert CURVES not in page.pictures
    assert "No delayed change: the phases have no times" in said(page)
    assert "type III" not in said(page)
    assert "Initial uptake: +150 %" in said(page)


def test_what_could_not_be_measured_says_why() -> None:
    reason = NotMeasured(Measurand.KINETICS, NotMeasuredCode.NO_DCE, "the study has no usable DCE")
    page = card(NARROW, Measurements(not_measured=(reason,)))
    assert "No kinetics: the study has no usable DCE" in said(page)


def test_nothing_measured_is_said() -> None:
    assert "Nothing was measured." in said(card(NARROW, None))


@pytest.mark.parametrize("measurements", [WHOLE, measured_without_times(), Measurements(not_measured=(NO_TIMES,))])
def test_a_card_of_the_height_that_it_asks_for_holds_all(measurements: Measurements) -> None:
    page = Page(Image.new("RGB", (1488, 400)))
    box = Box(0, 0, 1488, height_of(page, 1488, measurements))
    draw_measured(page, box, measurements)
    assert not page.shortened
    assert all(box.holds(each.box) for each in page.texts)
