"""A Case written to a folder comes back as it was, whatever its grid, and damage is named."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest

from mome_core.case import Case
from mome_core.case_file import CaseFileDamaged, read_case, read_nifti, write_case, write_nifti
from mome_core.volume import Dynamic, Volume

OBLIQUE = np.array(
    [[0.69, 0.11, 0.4, -150.123456789], [-0.1, 0.7, 0.2, -201.5], [-0.15, -0.1, 1.9, 33.3], [0, 0, 0, 1]], float
)


@pytest.fixture
def case() -> Case:
    rng = np.random.default_rng(1)
    dce = Dynamic(rng.integers(0, 4000, (3, 5, 6, 7), np.int16), OBLIQUE, "1.2.3", (-90.0, 0.0, 75.5))
    t2 = Volume(rng.random((4, 5, 6), np.float32), OBLIQUE * [[1], [1], [-1], [1]], "1.2.3")
    dwi = Volume(rng.integers(0, 60000, (3, 4, 5), np.uint16), np.diag([2.0, 2.0, 5.0, 1.0]), "1.2.4")
    return Case(dce, t2, dwi, 1000.0, {"vendor": "SIEMENS", "field_strength_t": 3.0})


def test_a_case_reads_back_equal(case: Case, tmp_path: Path) -> None:
    write_case(case, tmp_path / "case")
    again = read_case(tmp_path / "case")
    for wrote, read in ((case.dce, again.dce), (case.t2, again.t2), (case.dwi, again.dwi)):
        assert wrote is not None and read is not None
        assert read.voxels.dtype == wrote.voxels.dtype and np.array_equal(read.voxels, wrote.voxels)
        assert np.array_equal(read.affine, wrote.affine)
        assert read.frame_of_reference_uid == wrote.frame_of_reference_uid
    assert case.dce is not None and again.dce is not None and again.dce.times_s == case.dce.times_s
    assert again.dwi_b_value == 1000.0 and again.acquisition == case.acquisition


def test_a_case_may_lack_modalities(case: Case, tmp_path: Path) -> None:
    write_case(Case(t2=case.t2), tmp_path / "case")
    assert read_case(tmp_path / "case").modalities == Case(t2=case.t2).modalities


def test_another_program_finds_each_voxel_where_the_patient_has_it(case: Case, tmp_path: Path) -> None:
    assert case.dce is not None
    write_nifti(case.dce, tmp_path / "dce.nii.gz")
    image = nibabel.load(tmp_path / "dce.nii.gz")
    left, posterior, superior, _ = case.dce.affine @ [4, 2, 5, 1]
    assert np.allclose(image.affine @ [4, 2, 5, 1], [-left, -posterior, superior, 1], atol=1e-3)
    assert image.shape == (5, 6, 7, 3)
    assert image.dataobj[4, 2, 5, 1] == case.dce.voxels[1, 4, 2, 5]
    assert np.allclose(read_nifti(tmp_path / "dce.nii.gz").affine, case.dce.affine, atol=1e-3)


def test_an_even_time_step_is_told_to_other_programs(tmp_path: Path) -> None:
    write_nifti(Dynamic(np.zeros((3, 2, 2, 2), np.int16), np.eye(4), "", (-60.0, 0.0, 60.0)), tmp_path / "d.nii")
    assert nibabel.load(tmp_path / "d.nii").header.get_zooms()[3] == 60.0


def test_an_existing_case_is_not_overwritten(case: Case, tmp_path: Path) -> None:
    write_case(case, tmp_path / "case")
    with pytest.raises(FileExistsError, match="remove it"):
        write_case(case, tmp_path / "case")


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    case = Case(t2=Volume(np.zeros((2, 2, 2), np.complex64), np.eye(4), ""))
    with pytest.raises(ValueError, match="complex64"):
        write_case(case, tmp_path / "case")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("part", ["case.json", "dce.nii"])
def test_a_missing_part_is_named(case: Case, tmp_path: Path, part: str) -> None:
    write_case(case, tmp_path / "case")
    (tmp_path / "case" / part).unlink()
    with pytest.raises(CaseFileDamaged, match=part):
        read_case(tmp_path / "case")


def test_a_truncated_volume_is_refused(case: Case, tmp_path: Path) -> None:
    write_case(case, tmp_path / "case")
    path = tmp_path / "case" / "t2.nii"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CaseFileDamaged, match=r"t2\.nii"):
        read_case(tmp_path / "case")


def test_a_volume_that_was_moved_is_refused(case: Case, tmp_path: Path) -> None:
    assert case.t2 is not None
    write_case(case, tmp_path / "case")
    write_nifti(Volume(case.t2.voxels, np.eye(4), ""), tmp_path / "case" / "t2.nii")
    with pytest.raises(CaseFileDamaged, match="another program"):
        read_case(tmp_path / "case")


def test_a_path_out_of_the_folder_is_not_followed(case: Case, tmp_path: Path) -> None:
    write_case(case, tmp_path / "case")
    path = tmp_path / "case" / "case.json"
    content = json.loads(path.read_text())
    content["modalities"]["T2"]["file"] = "../../etc/t2.nii"
    path.write_text(json.dumps(content))
    assert read_case(tmp_path / "case").t2 is not None
