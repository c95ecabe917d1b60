"""The scores on the summary page: a withheld one shows no number, and no words run out of their card."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from calibrations import a_score, calibration
from mome_core.calibration import WithheldCode
from mome_core.case import Modality
from mome_core.results import Contribution, Endpoint, Result, Score
from sr_studies import MODEL
from sr_templates.drawing.box import Box
from sr_templates.drawing.colour import PAPER
from sr_templates.drawing.page import Page
from sr_templates.drawing.summary_scores import draw_scores

CARD = Box(40, 40, 576, 556)
SHARES = tuple(Contribution(modality, 0.1) for modality in Modality)
SILENT = a_score(MODEL, None, read_by=calibration((Modality.T2,), withheld=WithheldCode.NOT_TOLD_APART))
OLD = a_score(MODEL, 0.4, read_by=calibration(withheld=WithheldCode.NOT_CALIBRATED, validation=None))
CERTAIN = a_score(MODEL, 0.999, contributions=SHARES)


def drawn(*scores: Score) -> NDArray[np.uint8]:
    page = Page.blank(700, 640)
    withheld = "" if any(each.probability is not None for each in scores) else "No score."
    draw_scores(page, CARD, Result(scores, (), tuple(Modality), withheld=withheld))
    return page.pixels()


@pytest.mark.parametrize("scores", [
    (CERTAIN,), (SILENT,), (OLD,), (CERTAIN, a_score(MODEL, endpoint=Endpoint.TRIPLE_NEGATIVE)), (CERTAIN, SILENT),
], ids=["positive", "withheld", "old bundle", "two endpoints", "one of two withheld"])  # fmt: skip
def test_everything_stays_on_its_card(scores: tuple[Score, ...]) -> None:
    pixels = drawn(*scores)
    inside = np.zeros(pixels.shape[:2], bool)
    inside[CARD.y : CARD.bottom, CARD.x : CARD.right] = True
    assert (pixels[~inside] == np.array(PAPER)).all()
    assert (pixels[inside] != np.array(PAPER)).any()


def test_a_withheld_score_and_a_shown_one_are_not_alike() -> None:
    assert not np.array_equal(drawn(CERTAIN, SILENT), drawn(CERTAIN, OLD))
