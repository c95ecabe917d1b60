"""From roles to a Case: voxels from raw files, the images behind every slice, and what was left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datasets import elements
from dicom_io.headers.records import Omission, Plane
from dicom_io.study.case import acquisition_facts, read_case, require_one_study, thinned
from dicom_io.study.dynamic import assign_dynamic_roles, choose_dynamic
from dicom_io.study.pre_contrast import PreContrastEvidence
from dicom_io.study.roles import RoleAssignment, SeriesRole
from mome_core.case import Modality, Role
from mome_core.errors import Ineligibility, StudyIneligible
from planes import SLICES_MM, dynamic_planes, instance, plane, series_role, volume

PAUSED = (0.0, 100.0, 170.0, 240.0)
BYTES = 8 * 8 * 2


def filled(planes: list[Plane], path: Path, values: list[int]) -> list[Plane]:
    """The planes with pixels in one raw file, each image of one value."""
    path.write_bytes(b"".join(np.full((8, 8), value, "<u2").tobytes() for value in values))
    stored = [
        instance(each.instance.sop_instance_uid, path=path, offset=n * BYTES, length=BYTES)
        for n, each in enumerate(planes)
    ]
    return [replace(each, instance=there) for each, there in zip(planes, stored, strict=True)]


def series_of(planes: list[Plane], path: Path, values: list[int], **changes: Any) -> SeriesRole:
    """A series with pixels: all slices of a volume have the same value."""
    per_slice = [value for value in values for _ in SLICES_MM]
    return series_role(filled(planes, path, per_slice), **changes)


@pytest.fixture
def study(tmp_path: Path) -> RoleAssignment:
    """A dynamic of four phases, a T2, a DWI with b0 and a T1 without fat suppression."""
    weighted = [plane(z, b_value=b) for b in (0.0, 800.0) for z in SLICES_MM]
    items = [
        series_of(dynamic_planes(*PAUSED), tmp_path / "dce", [10, 11, 12, 13], number=1),
        series_of(volume(), tmp_path / "t2", [20], number=2, role=Role.T2),
        series_of(weighted, tmp_path / "dwi", [30, 31], number=3, role=Role.DWI),
        series_of(volume(fat_suppressed=False), tmp_path / "t1", [40], number=4, role=Role.T1_NONFS),
    ]
    return RoleAssignment(tuple(assign_dynamic_roles(items)), (Omission("a.txt", "is not a DICOM file"),))


def test_every_modality_has_its_voxels_and_its_images(study: RoleAssignment) -> None:
    assembly = read_case(study)
    case = assembly.case
    assert case.dce is not None and case.t2 is not None and case.dwi is not None
    assert [int(phase.max()) for phase in case.dce.voxels] == [10, 11, 12, 13]
    assert (int(case.t2.voxels.max()), int(case.dwi.voxels.max()), case.dwi_b_value) == (20, 31, 800.0)
    assert [len(phase) for phase in assembly.dce] == [3, 3, 3, 3]
    assert (len(assembly.t2), len(assembly.dwi), len(assembly.dwi_all)) == (3, 3, 6)
    assert {image.path.name for image in assembly.dwi} == {"dwi"}
    assert assembly.b_values == (0.0, 800.0)


def test_times_count_from_the_first_post_contrast_phase_and_the_evidence_is_typed(study: RoleAssignment) -> None:
    assembly = read_case(study)
    assert assembly.dce_times_s == (-100.0, 0.0, 70.0, 140.0)
    assert assembly.dce_order == "acquisition time"
    assert assembly.dce_pre.is_proven
    assert assembly.dce_pre.evidence is PreContrastEvidence.INJECTION_PAUSE


def test_what_is_used_and_what_is_left_out_with_the_reason(study: RoleAssignment) -> None:
    assembly = read_case(study)
    uids = [item.series.series_uid for item in study.roles]
    assert assembly.used == (
        (Modality.DCE, (uids[0],)),
        (Modality.T2, (uids[1],)),
        (Modality.DWI, (uids[2],)),
    )
    assert [each.name for each in assembly.left_out] == ["series 4", "a.txt"]
    assert assembly.left_out[0].why == "T1_NONFS: its tags say so"
    assert assembly.warnings == ()


def test_a_study_without_t2_and_dwi_is_a_case(study: RoleAssignment) -> None:
    assembly = read_case(RoleAssignment(study.roles[:1]))
    assert (assembly.case.t2, assembly.case.dwi, assembly.t2, assembly.b_values) == (None, None, (), ())


def test_a_t2_that_cannot_be_decoded_is_a_warning_and_the_next_one_is_read(study: RoleAssignment) -> None:
    broken = [replace(each, instance=replace(each.instance, length=2)) for each in study.roles[1].series.planes]
    better = series_role(broken, number=1, role=Role.T2_IR)
    assembly = read_case(RoleAssignment((*study.roles, better)))
    assert assembly.case.t2 is not None and int(assembly.case.t2.voxels.max()) == 20
    (warning,) = assembly.warnings
    assert warning.startswith("series 1 (T2_IR) cannot be read: ")


def test_a_dynamic_that_cannot_be_decoded_is_refused_with_its_code(study: RoleAssignment) -> None:
    broken = [replace(each, instance=replace(each.instance, length=2)) for each in study.roles[0].series.planes]
    with pytest.raises(StudyIneligible, match="the DCE images cannot be read") as refused:
        read_case(RoleAssignment((series_role(broken),)))
    assert refused.value.code is Ineligibility.UNREADABLE


def test_directions_are_averaged(tmp_path: Path, study: RoleAssignment) -> None:
    planes = [plane(z, b_value=800.0, order=float(n)) for n, z in enumerate((*SLICES_MM, *SLICES_MM))]
    directional = series_of(planes, tmp_path / "directions", [100, 103], number=5, role=Role.DWI)
    case = read_case(RoleAssignment((study.roles[0], directional))).case
    assert case.dwi is not None
    assert float(case.dwi.voxels.max()) == 101.5


def test_images_of_several_studies_or_of_none_are_refused() -> None:
    first, second = series_role(volume()), series_role(volume(), study_uid="2.2")
    with pytest.raises(StudyIneligible, match="2 studies") as several:
        require_one_study(RoleAssignment((first, second)))
    with pytest.raises(StudyIneligible, match="no MR image; 1 files could not be read") as none:
        require_one_study(RoleAssignment((), (Omission("a", "b"),)))
    assert (several.value.code, none.value.code) == (Ineligibility.SEVERAL_STUDIES, Ineligibility.NO_MR_IMAGE)


def test_an_ultrafast_dynamic_keeps_its_first_phase_and_six_evenly_spread() -> None:
    dynamic = choose_dynamic([series_role(dynamic_planes(*(5.0 * n for n in range(31))))])
    kept = thinned(dynamic)
    assert [time - dynamic.times_s[0] for time in kept.times_s] == [0, 5, 35, 65, 90, 120, 150]
    assert len(kept.phases) == len(kept.sources) == 7
    usual = choose_dynamic([series_role(dynamic_planes(*PAUSED))])
    assert thinned(usual) is usual


def test_facts_of_the_acquisition_are_plain_and_hold_no_patient() -> None:
    public = elements(
        Manufacturer="SIEMENS", MagneticFieldStrength="3", PatientName="Doe^Jane", ManufacturerModelName="Skyra"
    )
    facts = acquisition_facts(plane(0.0, contrast="Gd", instance=instance(public=public)))
    assert facts == {
        "vendor": "SIEMENS",
        "model": "Skyra",
        "field_strength_t": 3.0,
        "contrast_agent": "Gd",
        "repetition_ms": 5.0,
        "echo_ms": 2.0,
        "flip_degrees": 10.0,
    }


def test_a_study_without_a_usable_dynamic_gives_the_rest_and_the_reason_where_that_is_asked_for(
    study: RoleAssignment,
) -> None:
    rest = RoleAssignment(study.roles[1:])
    with pytest.raises(StudyIneligible) as refused:
        read_case(rest)
    assembly = read_case(rest, dce_required=False)
    assert assembly.case.modalities == (Modality.DWI, Modality.T2)
    assert assembly.without_dce is not None and assembly.without_dce.code is refused.value.code
    assert (assembly.dce, assembly.dce_pre, assembly.dce_order) == ((), None, "")
    assert {modality for modality, _ in assembly.used} == {Modality.DWI, Modality.T2}
    assert assembly.warnings[0].startswith("there is no usable DCE: ")
    assert read_case(study, dce_required=False).without_dce is None


def test_a_dynamic_whose_pixels_cannot_be_read_leaves_the_rest(study: RoleAssignment) -> None:
    broken = [replace(each, instance=replace(each.instance, length=2)) for each in study.roles[0].series.planes]
    assembly = read_case(RoleAssignment((series_role(broken), *study.roles[1:])), dce_required=False)
    assert assembly.without_dce is not None and assembly.without_dce.code is Ineligibility.UNREADABLE
    assert assembly.case.modalities == (Modality.DWI, Modality.T2)


def test_a_study_with_neither_dynamic_nor_t2_nor_dwi_is_refused_always(study: RoleAssignment) -> None:
    for asked in (True, False):
        with pytest.raises(StudyIneligible):
            read_case(RoleAssignment(study.roles[3:]), dce_required=asked)
