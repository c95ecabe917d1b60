"""The pictures of the summary page: the saliency lies on the enhancement, and a missing sequence is said."""

from __future__ import annotations

import numpy as np

from mome_core.case import Case
from mome_core.results import Result
from sr_templates.dicom.evidence import Evidence
from sr_templates.drawing.colour import RGB
from sr_templates.drawing.page import Box, Page
from sr_templates.drawing.summary_pictures import draw_cuts, draw_projection
from sr_templates.saliency.placed import PlacedSaliency, place_saliency

BOX = Box(0, 0, 900, 520)
CUTS = Box(0, 0, 1488, 300)


def case_of(evidence: Evidence) -> Case:
    assert evidence.case is not None
    return evidence.case


def projection(case: Case, placed: PlacedSaliency | None) -> RGB:
    page = Page.blank(900, 520)
    draw_projection(page, BOX, case, placed)
    return page.pixels()


def cuts(case: Case, placed: PlacedSaliency | None) -> RGB:
    page = Page.blank(1488, 300)
    draw_cuts(page, CUTS, case, placed)
    return page.pixels()


def warm(pixels: RGB) -> np.ndarray:
    """Where the picture is coloured as saliency that raised the score."""
    return pixels[..., 0].astype(int) - pixels[..., 2] > 60


def test_the_projection_is_grey_without_saliency_and_warm_where_it_raised_the_score(
    evidence: Evidence, result: Result
) -> None:
    plain, painted = (projection(case_of(evidence), each) for each in (None, place_saliency(result, evidence)))
    assert not warm(plain).any()
    assert warm(painted).any()


def test_the_lesion_of_the_left_breast_lies_on_the_right_of_the_picture(evidence: Evidence, result: Result) -> None:
    """Seen from below, as radiologists do; the lesion lies 60 mm to the patient's left."""
    picture = warm(projection(case_of(evidence), place_saliency(result, evidence)))[:410]  # above the legend
    assert np.nonzero(picture)[1].mean() > 600


def test_without_dce_the_projection_says_so(evidence: Evidence) -> None:
    bare = projection(Case(), None)
    assert not warm(bare).any()
    assert not np.array_equal(bare, projection(case_of(evidence), None))


def test_the_cuts_of_the_sequence_that_was_explained_are_coloured(evidence: Evidence, result: Result) -> None:
    coloured = warm(cuts(case_of(evidence), place_saliency(result, evidence)))
    width = (CUTS.width - 4 * 18) // 5 + 18
    of_sequence = [bool(coloured[:, column * width : (column + 1) * width].any()) for column in range(5)]
    assert of_sequence == [True, True, True, False, False]  # DCE axial, sagittal, coronal; T2; DWI


def test_a_missing_sequence_leaves_an_empty_card(evidence: Evidence) -> None:
    whole, none = cuts(case_of(evidence), None), cuts(Case(), None)
    assert whole.mean() > none.mean()
