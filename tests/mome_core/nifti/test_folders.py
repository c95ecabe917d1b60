"""Which folders below another are NIfTI studies, and what they call their patients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nifti_files
from mome_core.errors import StudyIneligible
from mome_core.nifti.folders import contradicted_side, nifti_study_folders, patients_of, side_of
from mome_core.nifti.study import read_nifti_study
from mome_core.results import Laterality
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
        ("DUKE_001", "DUKE_001"),
        ("images/DUKE_001", "DUKE_001"),
        ("data_unilateral/A_1_left", "A_1"),
        ("CENTRE/data_unilateral/A_1_right", "A_1"),
        ("sub-07/ses-2", "07"),
        ("sub-07", "07"),
    ],
)
def test_a_folder_names_its_patient(folder: str, patient: str, tmp_path: Path) -> None:
    assert list(patients_of([tmp_path / folder], tmp_path).values()) == [patient]


@pytest.mark.parametrize(
    "folders",
    [
        ["P1/visit1", "P1/visit2"],
        ["P1/images/visit1", "P1/images/visit2"],
        ["A/data_unilateral/X_left", "B/data_unilateral/X_right"],
        ["A/sub-01/ses-1", "B/sub-01"],
    ],
)
def test_visits_and_names_that_stand_in_two_places_tell_no_patient(folders: list[str], tmp_path: Path) -> None:
    assert set(patients_of([tmp_path / each for each in folders], tmp_path).values()) == {""}


def test_both_breasts_and_all_sessions_are_one_patient_s(tmp_path: Path) -> None:
    folders = [tmp_path / each for each in ("A_left", "A_right", "sub-1/ses-1", "sub-1/ses-2")]
    assert list(patients_of(folders, tmp_path).values()) == ["A", "A", "1", "1"]


def test_a_study_in_parts_is_the_one_that_infer_reads(tmp_path: Path) -> None:
    for patient in ("P1", "P2"):
        phases(tmp_path / patient, ["dce/Pre", "dce/Post_1", "anat/T2"])
    phases(tmp_path / "P3", ["Pre", "Post_1", "further/T2"])
    mome_json(phases(tmp_path / "P4", ["a/Pre", "a/Post_1", "b/T2"]))
    found = nifti_study_folders(tmp_path)
    assert [each.name for each in found] == ["P1", "P2", "P3", "P4"]
    assert list(patients_of(found, tmp_path).values()) == ["P1", "P2", "P3", "P4"]
    assert all(set(read_nifti_study(each).case.modalities) == {"DCE", "T2"} for each in found)
    assert nifti_study_folders(tmp_path / "P1") == [tmp_path / "P1"]


def test_what_mome_json_says_of_the_folders_inside_is_heard(tmp_path: Path) -> None:
    mome_json(phases(tmp_path / "P1", ["dce/Pre", "dce/Post_1", "anat/T2"]), DCE={"subtraction": True})
    (study,) = nifti_study_folders(tmp_path)
    found = read_nifti_study(study)
    assert found.without_dce is not None and "only subtractions" in str(found.without_dce)


def test_folders_that_may_be_parts_of_one_study_are_refused_until_mome_json_tells(tmp_path: Path) -> None:
    phases(tmp_path / "Doe", ["one/Pre", "one/Post_1", "two/T2"])
    with pytest.raises(StudyIneligible, match="one study or several") as refused:
        nifti_study_folders(tmp_path)
    assert "Doe" not in str(refused.value)
    mome_json(tmp_path / "Doe")
    assert nifti_study_folders(tmp_path) == [tmp_path / "Doe"]
    (tmp_path / "Doe" / "mome.json").unlink()
    assert nifti_study_folders(tmp_path, [tmp_path / "Doe"]) == []
    for part in ("one", "two"):
        mome_json(tmp_path / "Doe" / part)
    assert [each.name for each in nifti_study_folders(tmp_path)] == ["one", "two"]


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


@pytest.mark.parametrize(
    ("folder", "first_x_mm", "width", "side"),
    [
        ("a", 10.0, 100, Laterality.LEFT),
        ("a", -110.0, 100, Laterality.RIGHT),
        ("a_left", -110.0, 100, Laterality.RIGHT),
        ("a_left", -50.0, 100, Laterality.LEFT),
        ("a_right", -150.0, 300, Laterality.RIGHT),
        ("a", -150.0, 300, None),
    ],
)
def test_the_side_of_a_study_is_that_of_its_images_else_of_its_name(
    tmp_path: Path, folder: str, first_x_mm: float, width: int, side: Laterality | None
) -> None:
    affine = np.diag([width / 4, 1.0, 1.0, 1.0])
    affine[0, 3] = first_x_mm
    nifti_files.write(tmp_path / folder / "Pre.nii.gz", nifti_files.noise(5, 3, 3), affine)
    assert side_of(tmp_path / folder) is side
