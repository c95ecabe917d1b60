"""Whole synthetic studies of every vendor and layout: each series has its part, and the Case is the phantom."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import phantom
from dicom_io.phantom.options import Layout
from dicom_io.phantom.spec import Anatomy, Position, SliceOrientation
from dicom_io.phantom.vendors import LAYOUTS
from dicom_io.study.roles import DCE_ROLES
from dicom_io.vendors.base import Vendor
from mome_core.case import PreContrast, Role
from mome_core.errors import Ineligibility, StudyIneligible
from reading import assembled, assigned, require_same

pytestmark = pytest.mark.slow

EVERY_LAYOUT = [(vendor, layout) for vendor, layouts in LAYOUTS.items() for layout in layouts]
EXPECTED: dict[str, frozenset[Role]] = {
    "dce": DCE_ROLES,
    "t1": frozenset({Role.T1_NONFS}),
    "t2": frozenset({Role.T2, Role.T2_IR}),
    "dwi": frozenset({Role.DWI}),
    "adc": frozenset({Role.ADC}),
    "sub": frozenset({Role.SUBTRACTION}),
    "mip": frozenset({Role.MIP}),
    "localizer": frozenset({Role.LOCALIZER}),
}


def key_of(path: Path) -> str:
    """The word of what a series shows: dce0 and dceb are dce."""
    return next(word for word in EXPECTED if phantom.key_of(path).startswith(word))


@pytest.fixture(scope="module", params=EVERY_LAYOUT, ids="-".join)
def whole_study(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return phantom.study(tmp_path_factory.mktemp("study"), *request.param)


def test_every_series_has_its_role_and_says_why(whole_study: list[Path]) -> None:
    for item in assigned(whole_study).roles:
        shown = key_of(item.series.instances[0].path)
        assert item.role in EXPECTED[shown], f"{shown} ({item.series.description}) is a {item.role}: {item.why}"
        assert item.why
        assert 0 < item.confidence <= 1


def test_the_case_is_the_phantom(whole_study: list[Path]) -> None:
    examination, assembly = phantom.examination(), assembled(whole_study)
    case = assembly.case
    require_same(case.dce, examination.dce)
    require_same(case.t2, examination.t2)
    require_same(case.dwi, examination.dwi[1000.0])
    if assembly.dce_times_s:
        np.testing.assert_allclose(np.diff(assembly.dce_times_s), np.diff(examination.spec.times_s), atol=1.0)
    assert (case.dwi_b_value, assembly.b_values) == (1000.0, (50.0, 400.0, 800.0, 1000.0))


def test_without_its_pre_contrast_phase_it_is_refused_or_known_to_be_unproven(whole_study: list[Path]) -> None:
    first = {image.path for image in assembled(whole_study).dce[0]}
    rest = [path for path in whole_study if path not in first]
    try:
        assembly = assembled(rest)
    except StudyIneligible as refusal:
        assert refusal.code in (Ineligibility.PRE_CONTRAST_MISSING, Ineligibility.PRE_CONTRAST_UNPROVEN) or (
            refusal.code is Ineligibility.NO_DYNAMIC and not phantom.series(rest, "dce")
        )
    else:
        assert assembly.case.acquisition["pre_contrast"] == PreContrast.UNKNOWN


def test_every_image_behind_the_case_is_named_as_evidence(whole_study: list[Path]) -> None:
    assembly = assembled(whole_study)
    assert [len(phase) for phase in assembly.dce] == [assembly.case.dce.voxels.shape[3]] * 6  # type: ignore[union-attr]
    assert {image.path for phase in assembly.dce for image in phase} == set(phantom.series(whole_study, "dce"))
    assert {image.path for image in assembly.t2} == set(phantom.series(whole_study, "t2"))
    assert {image.path for image in assembly.dwi_all} == set(phantom.series(whole_study, "dwi"))  # every b-value


@pytest.mark.parametrize("orientation", ["axial", "axial-turned", "sagittal", "oblique"])
@pytest.mark.parametrize("position", ["HFP", "HFS"])
@pytest.mark.parametrize("vendor", list(LAYOUTS))
@pytest.mark.slow
def test_any_orientation_and_position(tmp_path: Path, vendor: Vendor, orientation: str, position: str) -> None:
    spec = {"orientation": SliceOrientation(orientation), "position": Position(position)}
    case = assembled(phantom.study(tmp_path, vendor, only=("dce",), **spec)).case
    require_same(case.dce, phantom.examination(**spec).dce)


@pytest.mark.parametrize("vendor", LAYOUTS)
def test_a_detailed_patient_of_every_vendor_is_read_as_she_was_made(tmp_path: Path, vendor: Vendor) -> None:
    paths = phantom.study(tmp_path, vendor, anatomy=Anatomy.DETAILED, seed=5)
    examination, case = phantom.examination(anatomy=Anatomy.DETAILED, seed=5), assembled(paths).case
    require_same(case.dce, examination.dce)
    require_same(case.t2, examination.t2)
    require_same(case.dwi, examination.dwi[1000.0])


def test_without_a_dynamic_the_reason_is_told(tmp_path: Path) -> None:
    with pytest.raises(StudyIneligible, match=r"no dynamic \(DCE\) series was found"):
        assembled(phantom.t2(tmp_path) + phantom.dwi(tmp_path))


def test_images_of_two_studies_are_refused(tmp_path: Path) -> None:
    first = phantom.t2(tmp_path / "a")
    second = phantom.t2(tmp_path / "b", options=phantom.StudyOptions(study="another"))
    with pytest.raises(StudyIneligible, match="2 studies"):
        assembled(first + second)


def test_a_layout_without_optional_sequences_still_gives_a_case(tmp_path: Path) -> None:
    case = assembled(phantom.dce(tmp_path, "ge", Layout.ONE_SERIES)).case
    assert (case.t2, case.dwi) == (None, None)
