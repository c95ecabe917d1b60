"""How the validation cases scored, as bars along the scale of a score: positive ones up, negative ones down."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mome_core.calibration import Validation
from sr_templates.drawing.box import Box
from sr_templates.drawing.colour import QUIET
from sr_templates.drawing.page import Page

HEIGHT = 22
"""Pixels of the highest bar, above as below."""
_BINS = 25
_LEAST = 2


def shares_by_bin(scores: Sequence[float]) -> NDArray[np.float64]:
    """(25,) share of the scores in each of equal bins from 0 to 1."""
    counts, _ = np.histogram(scores, bins=_BINS, range=(0.0, 1.0))
    return np.asarray(counts / max(1, len(scores)))


def draw_histogram(page: Page, scale: Box, validation: Validation) -> None:
    """Bars above and below a scale from 0 to 1; each class adds up to the same height."""
    classes = (shares_by_bin(validation.positives), shares_by_bin(validation.negatives))
    highest = max(float(each.max()) for each in classes)
    for shares, up in zip(classes, (True, False), strict=True):
        for number, share in enumerate(shares):
            height = max(_LEAST, round(HEIGHT * float(share) / highest))
            left, right = (scale.x + scale.width * n // _BINS for n in (number, number + 1))
            top = scale.y - 4 - height if up else scale.bottom + 4
            if share > 0:  # the fewest are seen too
                page.bar(Box(left + 1, top, right - left - 2, height), QUIET)
