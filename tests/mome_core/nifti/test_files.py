"""Which file plays which part: names, mome.json before names, one study only."""

from __future__ import annotations

from pathlib import Path

import pytest

from mome_core.case import Role
from mome_core.errors import Ineligibility, StudyIneligible
from mome_core.nifti.files import files_of, holds_nifti, nifti_under
from nifti_files import beside, mome_json, noise, phases, write


def test_hidden_files_and_derivatives_are_not_entered(tmp_path: Path) -> None:
    phases(tmp_path, ["dce/Pre", "derivatives/Post_1", ".git/Post_2", ".Post_3"])
    assert [path.name for path in nifti_under(tmp_path)] == ["Pre.nii.gz"]


def test_mome_json_is_believed_before_names(tmp_path: Path) -> None:
    phases(tmp_path, ["b", "a", "Pre", "T2"])
    mome_json(tmp_path, DCE={"files": ["b.nii.gz", "a.nii.gz"]})
    found = files_of(tmp_path)
    assert [each.path.name for each in found.of(Role.DCE_PHASE)] == ["b.nii.gz", "a.nii.gz"]
    assert [each.shown for each in found.of(Role.DCE_PHASE)] == ["DCE file 1 of mome.json", "DCE file 2 of mome.json"]
    assert [each.path.name for each in found.of(Role.T2)] == ["T2.nii.gz"]
    assert [each.path.name for each in found.of(Role.OTHER)] == ["Pre.nii.gz"]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (["Doe.nii.gz"], "DCE file 1 of mome.json: there is no such NIfTI file"),
        (["../outside.nii.gz"], "there is no such NIfTI file"),
        (["Pre.nii.gz", "Pre.nii.gz"], "DCE file 2 of mome.json: the file is named twice"),
    ],
)
def test_a_file_that_mome_json_cannot_mean_is_refused(tmp_path: Path, files: list[str], words: str) -> None:
    phases(tmp_path, ["outside"])
    phases(tmp_path / "case", ["Pre"])
    mome_json(tmp_path / "case", DCE={"files": files})
    with pytest.raises(StudyIneligible, match=words) as refusal:
        files_of(tmp_path / "case")
    assert "Doe" not in str(refusal.value)


def test_an_image_type_of_a_subtraction_decides_before_the_name(tmp_path: Path) -> None:
    phases(tmp_path, ["Pre", "Post_1", "Post_2"])
    beside(tmp_path / "Post_2.nii.gz", ImageType=["DERIVED", "SUBTRACTION"])
    found = files_of(tmp_path)
    assert [each.shown for each in found.of(Role.SUBTRACTION)] == ["Post_2.nii.gz"]
    assert not found.has_subtractions_only


@pytest.mark.parametrize("names", [["DUKE_001_0000", "DUKE_002_0001"], ["sub-1_ses-1_dce", "sub-1_ses-2_dce"]])
def test_files_of_two_patients_or_sessions_are_no_case(tmp_path: Path, names: list[str]) -> None:
    with pytest.raises(StudyIneligible, match="several patients or sessions") as refusal:
        files_of(phases(tmp_path, names))
    assert refusal.value.code is Ineligibility.SEVERAL_STUDIES


def test_two_files_that_could_be_the_t2_are_refused(tmp_path: Path) -> None:
    found = files_of(phases(tmp_path, ["T2", "t2w"]))
    with pytest.raises(StudyIneligible, match=r"t2w\.nii\.gz: it could be the T2 as well as T2\.nii\.gz \(name the"):
        found.single(Role.T2)


def test_a_t2_of_several_volumes_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "T2.nii", noise(4, 5, 6, 2))
    with pytest.raises(StudyIneligible, match="it holds 2 volumes"):
        files_of(tmp_path).single(Role.T2)


def test_an_empty_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(StudyIneligible, match="no NIfTI file") as refusal:
        files_of(tmp_path)
    assert refusal.value.code is Ineligibility.NO_MR_IMAGE


def test_a_folder_is_asked_whether_it_holds_nifti(tmp_path: Path) -> None:
    assert not holds_nifti(tmp_path)
    phases(tmp_path / "a", ["Pre"])
    assert holds_nifti(tmp_path)
