"""The cuts on the page: which images they show, lines where the score came from, nothing marked without a place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from calibrations import calibration
from mome_core.case import Case, Modality
from mome_core.results import Laterality, Result
from mome_core.volume import Volume
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


def with_dwi(evidence: Evidence, shift_mm: tuple[float, float, float], frame: str | None = None) -> Evidence:
    """The study with its DWI volume elsewhere, or in another frame of reference."""
    assert evidence.case is not None
    assert evidence.case.dwi is not None
    dwi = evidence.case.dwi
    affine = dwi.affine.copy()
    affine[:3, 3] += shift_mm
    moved = Volume(dwi.voxels, affine, dwi.frame_of_reference_uid if frame is None else frame)
    return replace(evidence, case=replace(evidence.case, dwi=moved))


def pixels_of(page: Page, name: str) -> NDArray[np.uint8]:
    box = page.pictures[name]
    return page.pixels()[box.y : box.bottom, box.x : box.right]


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


@pytest.mark.parametrize("shift_mm", [(0, 0, 500), (0, 500, 0), (-300, 0, 0)], ids=["above", "behind", "beside"])
def test_a_series_that_does_not_reach_the_peak_has_no_picture_and_no_image_number(
    shift_mm: tuple[float, float, float], evidence: Evidence, result: Result
) -> None:
    page = drawn(with_dwi(evidence, shift_mm), result)
    assert "axial DWI" not in page.pictures
    assert "axial DWI" not in page.captions
    assert "does not reach here" in said(page)
    assert not any("Se 40" in each for each in said(page))


def test_without_a_place_a_series_must_reach_the_plane_that_is_cut(evidence: Evidence, result: Result) -> None:
    assert "axial DWI" not in drawn(with_dwi(evidence, (0, 0, 500)), negative(result)).pictures
    assert "axial DWI" in drawn(with_dwi(evidence, (-300, 0, 0)), negative(result)).pictures


@pytest.mark.parametrize("offset_mm", [0.9, 1.1])
def test_a_series_may_end_one_slice_spacing_before_the_peak(
    offset_mm: float, evidence: Evidence, result: Result
) -> None:
    placed = place_saliency(result, evidence)
    assert placed is not None
    assert placed.region is not None
    assert evidence.case is not None
    assert evidence.case.dwi is not None
    first_z, spacing = evidence.case.dwi.affine[2, 3], evidence.case.dwi.spacing_mm[2]
    shift = placed.region.peak_mm[2] + offset_mm * spacing - first_z
    assert ("axial DWI" in drawn(with_dwi(evidence, (0, 0, shift)), result).pictures) == (offset_mm < 1)


@pytest.mark.parametrize(
    ("frame", "same_picture"), [("1.2.3", True), ("", True), (None, False)], ids=["another", "unknown", "the same"]
)
def test_the_cross_is_drawn_in_the_frame_of_reference_of_the_peak_only(
    frame: str | None, same_picture: bool, evidence: Evidence, result: Result
) -> None:
    """The same cut, with and without its cross."""
    bare = drawn(with_dwi(evidence, (0, 0, 0), "1.2.3"), result)
    page = drawn(with_dwi(evidence, (0, 0, 0), frame), result)
    assert np.array_equal(pixels_of(page, "axial DWI"), pixels_of(bare, "axial DWI")) == same_picture
    assert np.array_equal(pixels_of(page, "axial DCE"), pixels_of(bare, "axial DCE"))


@pytest.mark.parametrize(
    ("attributes", "acquired", "reformatted"),
    [
        ({"SeriesNumber": None}, "Im ", "reformat"),
        ({"InstanceNumber": None}, "Se 4", "Se 4, reformat"),
        ({"SeriesNumber": None, "InstanceNumber": None}, "", "reformat"),
        ({"SeriesNumber": 0}, "Se 0, Im ", "Se 0, reformat"),
    ],
    ids=["no series number", "no image number", "neither", "series 0"],
)
def test_a_number_that_the_images_do_not_state_is_not_said(
    attributes: dict[str, object], acquired: str, reformatted: str
) -> None:
    evidence = make_evidence(Layout(attributes=attributes))
    page = drawn(evidence, make_result(evidence))
    assert said(page).count(reformatted) == 2
    assert page.captions["axial DCE"].startswith(f"DCE axial, {acquired}" if acquired else "DCE axial, phase")
    assert not any("None" in each for each in said(page))
