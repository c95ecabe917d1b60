"""The histogram of the validation cases: its bars are their scores, each class adds up to one."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from calibrations import VALIDATION
from sr_templates.drawing.box import Box
from sr_templates.drawing.colour import QUIET
from sr_templates.drawing.histogram import HEIGHT, draw_histogram, shares_by_bin
from sr_templates.drawing.page import Page


def test_the_shares_are_counted_from_the_scores() -> None:
    shares = shares_by_bin((0.01, 0.02, 0.5, 0.999, 1.0))
    assert shares.sum() == pytest.approx(1.0)
    assert shares[0] == pytest.approx(0.4)
    assert shares[12] == pytest.approx(0.2)
    assert shares[-1] == pytest.approx(0.4)


def test_positive_cases_stand_above_the_scale_and_negative_ones_below() -> None:
    page, scale = Page(Image.new("RGB", (400, 100))), Box(0, 40, 400, 16)
    draw_histogram(page, scale, VALIDATION)
    rows = np.nonzero((np.asarray(page.image) == np.array(QUIET)).all(axis=2))[0]
    assert rows.min() >= 40 - 4 - HEIGHT
    assert rows.max() < 56 + 4 + HEIGHT
    assert not set(range(36, 60)) & set(rows.tolist())
    assert (rows < 36).any()
    assert (rows >= 60).any()
