"""The projection on the page: a clean copy pixel by pixel, lines on the other, and words where no place is shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from calibrations import calibration
from mome_core.case import Case
from mome_core.results import Result
from sr_studies import Layout, make_evidence, make_result
from sr_templates.dicom.evidence import Evidence
from sr_templates.drawing.box import Box
from sr_templates.drawing.page import Page, scaled
from sr_templates.drawing.projection import MIP, MIP_WITH_CONTOURS, draw_projection, place_words, projection_of
from sr_templates.languages.words import Language, words_of
from sr_templates.saliency.placed import place_saliency

BOX = Box(0, 0, 896, 556)


def case_of(evidence: Evidence) -> Case:
    assert evidence.case is not None
    return evidence.case


def drawn(evidence: Evidence, result: Result, *, stacked: bool = False) -> Page:
    page = Page.blank(900, 800)
    box = Box(0, 0, 540, 776) if stacked else BOX
    draw_projection(page, box, case_of(evidence), place_saliency(result, evidence), result.breasts, stacked=stacked)
    return page


def inside(page: Page, name: str) -> NDArray[np.int64]:
    box = page.pictures[name]
    return page.pixels()[box.y : box.bottom, box.x : box.right].astype(int)


def negative(result: Result) -> Result:
    first = replace(result.scores[0], probability=0.1, calibration=calibration(threshold=0.5))
    return replace(result, scores=(first, *result.scores[1:]))


def test_the_anatomy_is_the_projection_pixel_by_pixel(evidence: Evidence, result: Result) -> None:
    dynamic = case_of(evidence).dce
    assert dynamic is not None
    source = projection_of(dynamic, None, result.breasts).picture
    for stacked in (False, True):
        page = drawn(evidence, result, stacked=stacked)
        assert np.array_equal(inside(page, MIP), np.asarray(scaled(source, page.pictures[MIP])))


def test_the_copy_differs_from_it_by_lines_only(evidence: Evidence, result: Result) -> None:
    page = drawn(evidence, result)
    clean, marked = inside(page, MIP), inside(page, MIP_WITH_CONTOURS)
    differs = (clean != marked).any(axis=2)
    assert 0 < differs.mean() < 0.2
    assert page.pictures[MIP].width == page.pictures[MIP_WITH_CONTOURS].width


def test_the_lesion_of_the_left_breast_lies_on_the_right_of_the_picture(evidence: Evidence, result: Result) -> None:
    """Seen from below, as radiologists do; the lesion lies 60 mm to the patient's left."""
    marked = inside(drawn(evidence, result), MIP_WITH_CONTOURS)
    warm = marked[..., 0] - marked[..., 2] > 60
    assert np.nonzero(warm)[1].mean() > 0.6 * marked.shape[1]


def test_below_the_operating_point_there_is_one_clean_projection_and_the_reason(
    evidence: Evidence, result: Result
) -> None:
    page = drawn(evidence, negative(result))
    assert list(page.pictures) == [MIP]
    assert (np.ptp(inside(page, MIP), axis=2) == 0).all()
    assert any("no place is marked" in each.words for each in page.texts)


def test_without_a_map_the_page_says_so(evidence: Evidence, result: Result) -> None:
    page = drawn(evidence, replace(result, saliency=()))
    assert any("no map" in each.words for each in page.texts)


def test_without_dce_the_projection_says_so() -> None:
    page = Page.blank(900, 800)
    draw_projection(page, BOX, Case(), None, None)
    assert not page.pictures
    assert "no DCE series" in [each.words for each in page.texts]


def test_no_volume_is_given_that_could_be_read_as_the_tumour(evidence: Evidence, result: Result) -> None:
    said = " ".join(each.words for each in drawn(evidence, result).texts)
    assert "Raised most on the left: DCE series 4, image" in said
    assert "per ml" in said
    assert not any(word in said for word in (" 0.5 ml", "volume"))


@pytest.mark.parametrize(
    ("attributes", "place"),
    [
        ({"SeriesNumber": None}, "DCE image 1006"),
        ({"InstanceNumber": None}, "DCE series 4"),
        ({"SeriesNumber": None, "InstanceNumber": None}, "DCE"),
    ],
    ids=["no series number", "no image number", "neither"],
)
def test_a_number_that_the_images_do_not_state_is_not_said(attributes: dict[str, object], place: str) -> None:
    evidence = make_evidence(Layout(attributes=attributes))
    placed = place_saliency(make_result(evidence), evidence)
    assert place_words(placed, words_of(Language.ENGLISH))[0] == f"Raised most on the left: {place}"
