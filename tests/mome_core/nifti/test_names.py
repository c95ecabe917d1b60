"""What names of NIfTI files say, and what messages may repeat of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mome_core.case import Role
from mome_core.nifti.names import is_nifti, named_file, stem_of


@pytest.mark.parametrize(
    ("name", "role", "phase", "pre", "shown"),
    [
        ("duke_001_0000.nii.gz", Role.DCE_PHASE, 0, None, "*_0000.nii.gz"),
        ("ISPY2_102212_0006.nii.gz", Role.DCE_PHASE, 6, None, "*_0006.nii.gz"),
        ("Doe_Jane_0001.nii", Role.DCE_PHASE, 1, None, "*_0001.nii"),
        ("Pre.nii.gz", Role.DCE_PHASE, 0, True, "Pre.nii.gz"),
        ("Post_1.nii.gz", Role.DCE_PHASE, 1, False, "Post_1.nii.gz"),
        ("post12.nii", Role.DCE_PHASE, 12, False, "post12.nii"),
        ("phase_3.nii", Role.DCE_PHASE, 3, None, "phase_3.nii"),
        ("Sub_1.nii.gz", Role.SUBTRACTION, None, None, "Sub_1.nii.gz"),
        ("T2.nii.gz", Role.T2, None, None, "T2.nii.gz"),
        ("dce.nii", Role.DCE_MULTI, None, None, "dce.nii"),
        ("dwi_b800.nii", Role.DWI, None, None, "dwi_b800.nii"),
        ("sub-DoeJane_ses-2_dce.nii.gz", Role.DCE_MULTI, None, None, "sub-*_dce.nii.gz"),
        ("sub-DoeJane_acq-pre_dce.nii.gz", Role.DCE_PHASE, 0, True, "sub-*_acq-pre_dce.nii.gz"),
        ("sub-DoeJane_acq-post2_dce.nii.gz", Role.DCE_PHASE, 2, False, "sub-*_acq-post2_dce.nii.gz"),
        ("sub-DoeJane_run-02_dce.nii.gz", Role.DCE_PHASE, 1, None, "sub-*_run-02_dce.nii.gz"),
        ("sub-DoeJane_desc-sub1_dce.nii.gz", Role.SUBTRACTION, None, None, "sub-*_dce.nii.gz"),
        ("sub-DoeJane_T2w.nii.gz", Role.T2, None, None, "sub-*_T2w.nii.gz"),
        ("sub-DoeJane_dwi.nii.gz", Role.DWI, None, None, "sub-*_dwi.nii.gz"),
        ("sub-DoeJane_ADC.nii.gz", Role.ADC, None, None, "sub-*_ADC.nii.gz"),
        ("sub-DoeJane_T1w.nii.gz", Role.OTHER, None, None, "sub-*_T1w.nii.gz"),
        ("sub-DoeJane_Jane.nii.gz", Role.OTHER, None, None, "a file with a name of its own"),
        ("Doe_Jane_dynamic.nii.gz", Role.OTHER, None, None, "a file with a name of its own"),
        ("sub-4711.nii.gz", Role.OTHER, None, None, "a file with a name of its own"),
        ("patient_0042.nii.gz", Role.OTHER, None, None, "a file with a name of its own"),
        ("sub-DoeJane_part-phase_dwi.nii.gz", Role.OTHER, None, None, "sub-*_part-phase_dwi.nii.gz"),
        ("sub-DoeJane_part-mag_dwi.nii.gz", Role.DWI, None, None, "sub-*_dwi.nii.gz"),
        ("1.nii.gz", Role.OTHER, None, None, "a file with a name of its own"),
    ],
)
def test_a_name_says_which_part_a_file_plays(
    name: str, role: Role, phase: int | None, pre: bool | None, shown: str
) -> None:
    found = named_file(Path("Doe^Jane") / name)
    assert (found.role, found.phase, found.says_pre, found.shown) == (role, phase, pre, shown)
    assert "Doe" not in found.shown and "doe" not in repr(found).replace(str(found.path), "").lower()


def test_a_b_value_may_be_in_the_name() -> None:
    assert named_file(Path("DWI-b1000.nii.gz")).b_value == 1000.0


def test_patient_and_session_of_a_name_are_compared() -> None:
    assert named_file(Path("sub-01_ses-1_dce.nii")).study != named_file(Path("sub-01_ses-2_dce.nii")).study
    assert named_file(Path("DUKE_001_0000.nii")).study == named_file(Path("duke_001_0001.nii.gz")).study


def test_the_stem_is_without_both_suffixes() -> None:
    assert (stem_of(Path("a.b.nii.gz")), stem_of(Path("a.NII"))) == ("a.b", "a")
    assert is_nifti(Path("A.NII.GZ")) and not is_nifti(Path(".a.nii")) and not is_nifti(Path("a.gz"))
