"""A study as files: a case with its reasons, and every series by itself."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import nifti_files
import phantom
from dicom_io.headers.read import read_series_headers
from dicom_io.study.classify import assign_roles
from dicom_io.study.roles import RoleAssignment
from mome_core.case import same_images
from mome_core.nifti.study import read_nifti_study
from node.errors import NodeError
from node.volumes import write_all_series, write_case_files, write_nifti_case


@pytest.fixture(scope="module")
def assignment(tmp_path_factory: pytest.TempPathFactory) -> RoleAssignment:
    return assign_roles(read_series_headers(phantom.study(tmp_path_factory.mktemp("study"), seed=11)))


def new(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.mark.slow
def test_a_case_is_one_file_for_each_modality_and_its_reasons(tmp_path: Path, assignment: RoleAssignment) -> None:
    (tmp_path / "t2.nii").write_bytes(b"of an earlier study")
    (tmp_path / "case.json").write_text('{"format": "mome-case 1", "modalities": {"T2": {"file": "t2.nii"}}}')
    written = write_case_files(assignment, tmp_path)
    assert set(written.files) == {"dce.nii", "t2.nii", "dwi.nii"}
    assert {each.name for each in tmp_path.iterdir()} == {*written.files, "case.json"}
    assert (tmp_path / "t2.nii").stat().st_size > 1000
    description = json.loads((tmp_path / "case.json").read_text())
    assert description == json.loads(json.dumps(written.description))
    assert description["pre_contrast_because"] == written.assembly.dce_pre.words


@pytest.mark.slow
def test_every_series_has_a_volume_or_a_reason(tmp_path: Path, assignment: RoleAssignment) -> None:
    written = write_all_series(assignment, tmp_path)
    assert written.series
    for each in written.series:
        assert (each.file is None) == bool(each.refused)
        beside = json.loads((tmp_path / f"{Path(each.file).stem}.json").read_text()) if each.file else {}
        assert beside.get("file") == each.file
    told = written.to_json()
    assert len(told["series"]) == len(list(tmp_path.glob("*.json")))  # type: ignore[arg-type]


@pytest.mark.slow
def test_the_volumes_of_a_dicom_study_are_read_as_the_same_case(tmp_path: Path, assignment: RoleAssignment) -> None:
    written = write_case_files(assignment, new(tmp_path / "case"))
    read = read_nifti_study(tmp_path / "case")
    assert same_images(read.case, written.assembly.case)
    assert dict(read.case.acquisition) == dict(written.assembly.case.acquisition)
    for modality, volume in read.case.sources.items():
        assert np.abs(volume.affine - written.assembly.case.sources[modality].affine).max() == 0


@pytest.mark.slow
def test_without_case_json_sidecars_tell_the_same_and_geometry_is_exact_to_1e_4_mm(
    tmp_path: Path, assignment: RoleAssignment
) -> None:
    case = write_case_files(assignment, new(tmp_path / "case")).assembly.case
    assert case.dce is not None and case.dce.times_s
    folder = nifti_files.bids(case, tmp_path / "bids")
    nifti_files.mome_json(folder, DCE={"pre_contrast": True})
    written = write_nifti_case(folder, tmp_path / "again")
    read = read_nifti_study(tmp_path / "again").case
    assert set(written.files) == {"dce.nii", "t2.nii", "dwi.nii"} and same_images(read, written.study.case)
    assert read.dce is not None and np.allclose(read.dce.times_s, case.dce.times_s, atol=1e-3)
    assert read.acquisition["pre_contrast"] == "proven"
    for modality, volume in read.sources.items():
        assert np.array_equal(volume.voxels, case.sources[modality].voxels)
        assert np.abs(volume.affine - case.sources[modality].affine).max() < 1e-4


def test_the_volumes_of_another_study_are_not_overwritten_but_those_of_an_earlier_call_are(tmp_path: Path) -> None:
    study = nifti_files.phases(tmp_path / "P1", ["Pre", "Post_1"])
    other = nifti_files.phases(tmp_path / "P2", ["t2"])
    nifti_files.write(other / "dce.nii", nifti_files.noise(4, 5, 6, 2))
    before = {each: each.read_bytes() for each in other.iterdir()}
    with pytest.raises(NodeError, match="did not write"):
        write_nifti_case(study, other)
    assert {each: each.read_bytes() for each in other.iterdir()} == before
    with_t2 = nifti_files.phases(tmp_path / "P3", ["Pre", "Post_1", "T2"])
    assert set(write_nifti_case(with_t2, tmp_path / "out").files) == {"dce.nii", "t2.nii"}
    assert write_nifti_case(study, tmp_path / "out").files == ("dce.nii",)
    assert not (tmp_path / "out" / "t2.nii").exists()


def test_the_case_of_a_dicom_study_is_not_written_among_the_files_of_another(
    tmp_path: Path, assignment: RoleAssignment
) -> None:
    nifti_files.write(tmp_path / "dce.nii", nifti_files.noise(4, 5, 6, 2))
    with pytest.raises(NodeError, match="did not write"):
        write_case_files(assignment, tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["dce.nii"]


def test_a_nifti_study_is_not_written_into_its_own_folder(tmp_path: Path) -> None:
    nifti_files.phases(tmp_path, ["Pre", "Post_1"])
    with pytest.raises(NodeError, match="name another folder"):
        write_nifti_case(tmp_path, tmp_path / "out")
    assert len(list(tmp_path.iterdir())) == 2
