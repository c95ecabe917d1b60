"""Which folders below another are NIfTI studies, and what they call their patients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mome_core.nifti.folders import contradicted_side, nifti_study_folders, patient_of_folder
from nifti_files import mome_json, phases


def test_every_published_layout_is_found_without_its_masks(tmp_path: Path) -> None:
    phases(tmp_path, ["images/DUKE_001/duke_001_0000", "images/DUKE_001/duke_001_0001"])
    phases(tmp_path, ["segmentations/expert/ispy2_0001_0000", "CENTRE/data_unilateral/A_left/Pre"])
    phases(tmp_path, ["sub-01/ses-1/dce/sub-01_ses-1_dce", "sub-01/ses-2/dce/sub-01_ses-2_dce"])
    phases(tmp_path, ["sub-02/anat/sub-02_T2w", "notes/what"])
    mome_json(phases(tmp_path / "own", ["x", "y"]))
    assert [str(each.relative_to(tmp_path)) for each in nifti_study_folders(tmp_path)] == [
        "CENTRE/data_unilateral/A_left",
        "images/DUKE_001",
        "own",
        "sub-01/ses-1",
        "sub-01/ses-2",
        "sub-02",
    ]


@pytest.mark.parametrize(
    ("folder", "patient"),
    [
        ("images/DUKE_001", "DUKE_001"),
        ("data_unilateral/A_1_left", "A_1"),
        ("data_unilateral/A_1_right", "A_1"),
        ("sub-07/ses-2", "07"),
        ("sub-07", "07"),
    ],
)
def test_a_folder_names_its_patient(folder: str, patient: str) -> None:
    assert patient_of_folder(Path(folder)) == patient


@pytest.mark.parametrize(
    ("folder", "first_x_mm", "doubted"),
    [("A_left", 10.0, False), ("A_right", 10.0, True), ("A_left", -150.0, True), ("A_right", -150.0, False)],
)
def test_a_breast_on_the_other_side_than_its_folder_says_is_told(folder: str, first_x_mm: float, doubted: bool) -> None:
    affine = np.diag([0.7, 0.7, 3.0, 1.0])
    affine[0, 3] = first_x_mm
    assert bool(contradicted_side(Path(folder), affine, (200, 200, 30))) == doubted


@pytest.mark.parametrize(("folder", "width"), [("A", 200), ("A_right", 400), ("A_right", 20)])
def test_a_field_of_two_breasts_or_a_name_without_a_side_is_not_doubted(folder: str, width: int) -> None:
    affine = np.diag([0.7, 0.7, 3.0, 1.0])
    affine[0, 3] = -width * 0.7 / 2
    assert contradicted_side(Path(folder), affine, (width, 200, 30)) == ""
