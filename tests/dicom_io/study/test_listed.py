"""Whole studies by names, numbers and counts: the real lists of ../shared/data, and traps that are not in them."""

from __future__ import annotations

import json

import pytest

from dicom_io.study.listed import ListedParts, ListedSeries, parts_of
from dicom_io.study.roles import RoleRule
from mome_core.case import Role
from places import SHARED

STUDIES = SHARED / "data" / "study_series_idc_dev.jsonl"


def parts(*series: tuple[int, str, int], rules: tuple[RoleRule, ...] = ()) -> ListedParts:
    return parts_of([ListedSeries(*each) for each in series], rules)


@pytest.mark.skipif(not STUDIES.is_file(), reason="the real study lists of ../shared/data are not here")
def test_real_studies_are_read_right() -> None:
    wrong = []
    studies = [json.loads(line) for line in STUDIES.read_text("utf-8").splitlines()]
    for study in studies:
        right = study["expected"]
        found = parts(*((each["number"], each["description"], each["instances"]) for each in study["series"]))
        fits = list(found.dce) == right["dce"] and found.phases in (right["dce_phases"], None)
        fits &= found.t2 in (right["t2"], *right.get("t2_also_right", ()))
        fits &= found.dwi in (right["dwi"], *right.get("dwi_also_right", ()))
        if not fits:
            wrong.append((study["index"], found))
    assert len(studies) == 80 and wrong == []


def test_the_mask_that_others_are_subtracted_from_is_the_phase_before_contrast() -> None:
    found = parts(
        (2, "Ax T2 FSE", 40),
        (5, "AX Sen Vibrant MASK", 96),
        (6, "AX Sen Vibrant MultiPhase", 480),
        (7, "+f +C late", 96),
        (601, "Registered AX Sen Vibrant MultiPhase", 480),
    )
    assert (found.dce, found.phases, found.t2) == ((5, 6), 6, 2)


def test_a_mask_alone_is_no_dynamic() -> None:
    assert parts((5, "AX Vibrant MASK", 96), (2, "Ax T2 FSE", 96)).dce == ()


def test_phases_under_one_name_come_in_the_order_of_their_numbers_and_subtractions_are_none() -> None:
    dynamic = "t1_fl3d_tra_dynaVIEWS_1+5"
    found = parts((8, dynamic, 144), (7, dynamic, 144), (6, dynamic, 144), (9, f"{dynamic}_SUB", 144))
    assert (found.dce, found.phases) == ((6, 7, 8), 3)


def test_what_is_named_pre_comes_first_whatever_its_number() -> None:
    assert parts((3, "ax dyn 1st pass", 100), (4, "ax dyn 2nd pass", 100), (9, "ax dyn pre", 100)).dce == (9, 3, 4)


def test_pre_and_posts_may_be_one_series_each() -> None:
    found = parts((5, "SAG 3D (PRE-CONTRAST)", 84), (6, "SAG 3D (POST-CONTRAST)", 252))
    assert (found.dce, found.phases) == ((5, 6), 4)


def test_a_map_says_what_it_was_computed_from_and_how_many_phases_there_are() -> None:
    found = parts((4, "SAG unknown words", 180), (41000, "SAG unknown words: SER", 60))
    assert (found.dce, found.phases) == ((4,), 3)


def test_computed_diffusion_is_no_input_and_the_first_acquired_one_is() -> None:
    found = parts((301, "DWI_3b", 180), (302, "dDWI_3b", 60), (303, "eDWI_3b", 60), (30100, "DWI TRACE", 60))
    assert found.dwi == 301


def test_the_t2_lies_in_the_plane_of_the_dynamic_and_a_stir_is_the_second_choice() -> None:
    dynamic = ((5, "ax dyn pre", 80), (6, "ax dyn post", 80))
    assert parts((2, "cor t2 tse", 40), (3, "ax t2 tse", 40), (4, "ax stir", 40), *dynamic).t2 == 3
    assert parts((2, "cor t2 tse", 40), (4, "ax stir", 40), *dynamic).t2 == 4
    assert parts((4, "ax stir", 40)).t2 == 4


def test_localizers_needle_control_and_projections_are_never_input() -> None:
    found = parts((1, "T1-axial-locator", 15), (8, "post needle_R", 64), (9, "right side 1 min", 1), (2, "PJN", 12))
    assert found == ListedParts((), None, None, None, found.roles)


def test_a_series_without_images_says_nothing() -> None:
    found = parts((3, "dynamic", 300), (4, "ax t2", 0), (31000, "dynamic: SER", 0))
    assert (found.dce, found.phases, found.t2) == ((3,), None, None)


def test_a_rule_of_the_site_decides_before_names() -> None:
    assert parts((3, "protocol 7", 60), rules=(RoleRule("protocol 7", Role.T2),)).t2 == 3
