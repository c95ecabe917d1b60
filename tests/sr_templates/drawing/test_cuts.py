"""The cuts on the page: which images they show, lines where the score came from, nothing marked without a place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibrations import calibration
from mome_core.case import Case, Modality
from mome_core.results import Laterality, Result
from sr_studies import SAGITTAL, Layout, make_evidence, make_result
from sr_templates.dicom.evidence import Evidence
from sr_templates.drawing.box import Box
from sr_templates.drawing.cuts import draw_cuts
from sr_templates.drawing.page import Page
from sr_templates.saliency.placed import place_saliency

ROW = Box(0, 0, 1228, 316)


def drawn(evidence: Evidence, result: Result) -> Page:
    page = Page.blank(1228, 316)
    draw_cuts(page, ROW, evidence, result, place_saliency(result, evidence))
    return page


def coloured(page: Page, name: str) -> bool:
    box = page.pictures[name]
    pixels = page.pixels()[box.y : box.bottom, box.x : box.right].astype(int)
    return bool((np.ptp(pixels, axis=2) > 20).any())


def said(page: Page) -> list[str]:
    return [each.words for each in page.texts]


def negative(result: Result) -> Result:
    first = replace(result.scores[0], probability=0.1, calibration=calibration(threshold=0.5))
    return replace(result, scores=(first, *result.scores[1:]))


def test_the_cuts_of_the_sequence_that_was_explained_have_lines(evidence: Evidence, result: Result) -> None:
    page = drawn(evidence, result)
    found = {name: coloured(page, name) for name in page.pictures}
    assert found == {
        "axial DCE": True,
        "sagittal DCE": True,
        "coronal DCE": True,
        "axial T2": False,
        "axial DWI": False,
    }


def test_below_the_operating_point_no_cut_is_marked(evidence: Evidence, result: Result) -> None:
    page = drawn(evidence, negative(result))
    assert not any(coloured(page, name) for name in page.pictures)
    assert list(page.pictures)[:3] == ["axial DCE", "sagittal_right DCE", "sagittal_left DCE"]


def test_of_one_breast_there_is_one_sagittal_cut_and_a_coronal_one(evidence: Evidence, result: Result) -> None:
    assert result.breasts is not None
    one = replace(negative(result), breasts=replace(result.breasts, laterality=Laterality.LEFT))
    assert list(drawn(evidence, one).pictures)[:3] == ["axial DCE", "sagittal_left DCE", "coronal DCE"]


def test_each_cut_names_series_and_image_or_that_it_is_reformatted(evidence: Evidence, result: Result) -> None:
    placed = place_saliency(result, evidence)
    assert placed is not None
    assert placed.region is not None
    source = evidence.images(Modality.DCE)[placed.region.peak[2]].header
    words = said(drawn(evidence, result))
    assert f"Se 4, Im {source.InstanceNumber}" in words
    assert words.count("Se 4, reformat") == 2
    assert "b 800" in words


def test_in_a_sagittal_study_the_sagittal_cut_is_the_acquired_one() -> None:
    evidence = make_evidence(Layout(orientation=SAGITTAL))
    words = said(drawn(evidence, make_result(evidence)))
    assert sum(each.startswith("Se 4, Im") for each in words) == 1
    assert words.count("Se 4, reformat") == 2


def test_phase_and_time_are_stated(evidence: Evidence, result: Result) -> None:
    case = evidence.case
    assert case is not None
    assert case.dce is not None
    timed = replace(evidence, case=replace(case, dce=replace(case.dce, times_s=(-90.0, 0.0, 75.0))))
    assert said(drawn(timed, result)).count("phase 2/3, 90 s") == 3
    assert said(drawn(evidence, result)).count("phase 2/3") == 3


@pytest.mark.parametrize(
    ("unusable", "words"), [({}, "absent"), ({Modality.T2: "one slice"}, "not usable")], ids=["absent", "not usable"]
)
def test_absent_is_told_apart_from_not_usable(unusable: dict[Modality, str], words: str) -> None:
    evidence = make_evidence(Layout(modalities=(Modality.DCE, Modality.DWI)))
    assert evidence.case is not None
    case = replace(evidence.case, unusable=unusable)
    assert words in said(drawn(replace(evidence, case=case), make_result(evidence)))


def test_without_any_volume_the_row_has_empty_cards(evidence: Evidence, result: Result) -> None:
    page = drawn(replace(evidence, case=Case()), replace(result, saliency=(), breasts=None))
    assert not page.pictures
    assert said(page).count("absent") == 5
