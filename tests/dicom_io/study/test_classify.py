"""The role of one series by itself: tags first, geometry next, names last."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dicom_io.headers.records import Acquisition, StudyHeaders
from dicom_io.study.classify import assign_roles, classify_series
from dicom_io.study.roles import RoleRule, SeriesRole
from dicom_io.vendors.base import Diffusion, Direction
from mome_core.case import Role
from planes import SLICES_MM, T1, dynamic_planes, instance, plane, series, volume

SPIN = Acquisition(dimensions="2D", repetition_ms=4000.0, echo_ms=90.0, spin_echo=True)


def classified(description: str = "", *, words: str = "ORIGINAL PRIMARY", **facts: Any) -> SeriesRole:
    """The role of a series whose images share these facts."""
    return classify_series(series(volume(words=frozenset(words.split()), **facts), description))


def role(description: str = "", **facts: Any) -> Role:
    return classified(description, **facts).role


# --- objects and computations


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({"modality": "SEG"}, Role.SEG), ({"modality": "PR"}, Role.OTHER), ({"modality": ""}, Role.T1_FS_SINGLE)],
)
def test_what_is_no_mr_image_is_no_input(changes: dict[str, str], expected: Role) -> None:
    assert classify_series(series(volume(), **changes)).role is expected


def test_single_bits_are_a_segmentation_and_a_secondary_capture_is_nothing() -> None:
    bits = [replace(p, instance=instance(bits_stored=1)) for p in volume()]
    assert classify_series(series(bits)).role is Role.SEG
    captures = [replace(p, instance=instance(sop_class_uid="1.2.840.10008.5.1.4.1.1.7")) for p in volume()]
    assert classify_series(series(captures)).role is Role.OTHER


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("ORIGINAL PRIMARY MIP SUB", Role.MIP),  # the last computation comes first
        ("ORIGINAL SUB", Role.SUBTRACTION),
        ("DERIVED MPR", Role.MPR),
        ("DERIVED DIFFUSION ADC", Role.ADC),
        ("ORIGINAL LOCALIZER", Role.LOCALIZER),
        ("DERIVED FA", Role.DERIVED_MAP),
        ("DERIVED DCM113062", Role.SUBTRACTION),
        ("DERIVED PROCESSED", Role.DERIVED_MAP),
    ],
)
def test_the_word_for_a_computation_decides_whatever_the_name(words: str, expected: Role) -> None:
    assert role("t1_fl3d_dyn", words=words) is expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("DIXON WATER", Role.T1_FS_SINGLE),
        ("DIXON W", Role.T1_FS_SINGLE),
        ("DIXON F", Role.FAT),
        ("FAT", Role.FAT),
        ("IN_PHASE", Role.T1_NONFS),
        ("OPP_PHASE", Role.OTHER),
    ],
)
def test_only_the_water_image_of_dixon_is_fat_suppressed(words: str, expected: Role) -> None:
    assert role(words=words, fat_suppressed=None) is expected


# --- diffusion


def test_b_values_make_a_dwi_and_a_b0_alone_does_not() -> None:
    assert role(b_value=800.0) is Role.DWI
    assert role(b_value=0.0) is Role.T1_FS_SINGLE  # Philips writes 0 on every image
    assert role(b_value=5.0) is Role.T1_FS_SINGLE


@pytest.mark.parametrize(
    ("description", "words", "expected"),
    [
        ("DWI", "DERIVED DIFFUSION TRACEW", Role.DWI),
        ("ADC", "DERIVED", Role.ADC),
        ("8", "PROCESSED", Role.DERIVED_MAP),
        ("ADC", "PROCESSED", Role.ADC),
        ("DWI", "DERIVED", Role.DWI),
    ],
)
def test_a_derived_series_with_b_values_is_a_dwi_unless_its_name_is_that_of_a_map(
    description: str, words: str, expected: Role
) -> None:
    assert role(description, words=words, b_value=800.0) is expected


def test_isotropic_diffusion_without_a_b_value_is_a_map() -> None:
    isotropic = Diffusion(None, Direction.ISOTROPIC)
    assert role(words="DIFFUSION", diffusion=isotropic) is Role.ADC
    assert role(words="DIFFUSION") is Role.DWI


# --- layout and names


def test_few_images_in_several_orientations_are_a_localizer() -> None:
    orientations = ((1.0, 0, 0, 0, 1.0, 0), (0, 1.0, 0, 0, 0, -1.0), (1.0, 0, 0, 0, 0, -1.0))
    planes = [plane(z, orientation=o) for o in orientations for z in SLICES_MM]
    item = classify_series(series(planes))
    assert (item.role, item.refused) == (Role.LOCALIZER, "its images lie in 3 orientations")


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ("something", Role.DERIVED_MAP),
        ("t1 sub", Role.SUBTRACTION),
        ("T2 STIR", Role.DERIVED_MAP),  # derived from T1-weighted images, whatever the name says
        ("t1 fs", Role.T1_FS_SINGLE),
    ],
)
def test_derived_without_a_word_is_what_its_name_says_unless_the_tags_forbid_it(
    description: str, expected: Role
) -> None:
    assert role(description, words="DERIVED SECONDARY") is expected


@pytest.mark.parametrize("description", ["silicone", "svs_se", "tof 3d"])
def test_some_names_say_what_tags_do_not(description: str) -> None:
    item = classified(description)
    assert (item.role, item.certain) == (Role.OTHER, False)


def test_only_a_small_series_is_a_localizer_by_name() -> None:
    large = [plane(2.0 * n) for n in range(30)]
    assert role("localizer") is Role.LOCALIZER
    assert classify_series(series(large, "localizer")).role is not Role.LOCALIZER


def test_echo_planar_images_without_diffusion_are_no_input() -> None:
    assert role("t1 dyn", echo_planar=True) is Role.OTHER


# --- physics


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (SPIN, Role.T2),
        (replace(SPIN, inversion_ms=150.0), Role.T2_IR),
        (replace(SPIN, echo_ms=30.0, inversion_ms=150.0), Role.T2_IR),
        (replace(SPIN, inversion_ms=2200.0), Role.OTHER),  # suppresses fluid
        (replace(SPIN, repetition_ms=None), Role.T2),
        (replace(SPIN, repetition_ms=500.0, echo_ms=10.0), Role.T1_NONFS),
        (replace(SPIN, repetition_ms=500.0, echo_ms=10.0, fat_suppressed=True), Role.T1_FS_SINGLE),
        (replace(SPIN, repetition_ms=500.0), Role.OTHER),
        (replace(SPIN, repetition_ms=2000.0, echo_ms=42.0), Role.OTHER),
        (T1, Role.T1_FS_SINGLE),
        (replace(T1, fat_suppressed=False), Role.T1_NONFS),
        (replace(T1, fat_suppressed=None), Role.T1_NONFS),
        (replace(T1, echo_ms=20.0), Role.OTHER),
        (replace(T1, repetition_ms=500.0), Role.OTHER),
        (Acquisition(), Role.OTHER),
    ],
)
def test_echo_repetition_and_inversion_times_tell_the_contrast(how: Acquisition, expected: Role) -> None:
    assert role(acquisition=how) is expected


def test_the_name_tells_fat_suppression_only_where_the_tags_do_not() -> None:
    assert role("t1 fs", fat_suppressed=None) is Role.T1_FS_SINGLE
    assert role("t1 fs", fat_suppressed=False) is Role.T1_NONFS


def test_the_name_speaks_only_where_the_tags_are_silent() -> None:
    item = classified("t2 tse", acquisition=Acquisition())
    assert (item.role, item.certain) == (Role.T2, False)
    assert "the tags are silent" in item.why
    silent = classified("8", acquisition=Acquisition())
    assert (silent.role, silent.why) == (Role.OTHER, "neither tags nor name identify it")


# --- the site's rule, and the study


def test_the_sites_own_rule_overrules_the_tags() -> None:
    item = classify_series(series(volume(), "My Dynamic 7"), [RoleRule("*my dynamic*", Role.DCE_MULTI)])
    assert (item.role, item.by_rule, item.confidence) == (Role.DCE_MULTI, True, 1.0)
    assert item.why == "the site's rule '*my dynamic*' says so"


def test_a_series_that_forms_no_volume_keeps_its_role_and_the_reason() -> None:
    item = classify_series(series([plane(0.0)]))
    assert (item.role, item.stacks, item.refused) == (Role.T1_FS_SINGLE, (), "it is a single slice")


def test_the_study_as_a_whole_makes_phases_of_t1_series() -> None:
    headers = StudyHeaders((series(dynamic_planes(0, 100, 170, 240)), series(volume(acquisition=SPIN))))
    assignment = assign_roles(headers)
    assert [item.role for item in assignment.roles] == [Role.DCE_MULTI, Role.T2]
    assert len(assignment.dce) == 1
