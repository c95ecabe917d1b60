"""A folder of NIfTI files is the same case as the volumes that were written, in every published layout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import nifti_files
from mome_core.case import Case, Modality
from mome_core.case_file import write_case
from mome_core.errors import Ineligibility, StudyIneligible
from mome_core.nifti.study import read_nifti_study
from mome_core.volume import Dynamic, Volume
from nifti_files import OBLIQUE, noise, phases, write

OTHER = np.diag([2.0, 2.0, 5.0, 1.0])


@pytest.fixture
def case() -> Case:
    voxels = np.stack([noise(4, 5, 6, seed=n) for n in range(3)])
    dce = Dynamic(voxels, OBLIQUE, "1.2.3", (-90.0, 0.0, 75.5))
    t2 = Volume(noise(7, 5, 6, dtype=np.float32), OBLIQUE, "1.2.3")
    return Case(dce, t2, Volume(noise(3, 4, 5), OTHER, "1.2.3"), 800.0)


@pytest.mark.parametrize(
    ("layout", "modalities"),
    [
        (nifti_files.mama_mia, {"DCE"}),
        (nifti_files.odelia, {"DCE", "T2"}),
        (nifti_files.bids, {"DCE", "T2", "DWI"}),
    ],
)
def test_a_published_layout_gives_the_volumes_that_it_holds(
    tmp_path: Path, case: Case, layout: Callable[[Case, Path], Path], modalities: set[str]
) -> None:
    found = read_nifti_study(layout(case, tmp_path)).case
    assert set(found.modalities) == modalities
    for modality, volume in found.sources.items():
        assert np.array_equal(volume.voxels, case.sources[modality].voxels)
        assert np.abs(volume.affine - case.sources[modality].affine).max() < 1e-4


def test_of_odelia_the_subtraction_is_left_out_and_the_name_proves_the_first_phase(tmp_path: Path, case: Case) -> None:
    found = read_nifti_study(nifti_files.odelia(case, tmp_path))
    assert found.left_out == (("Sub_1.nii.gz", "a subtraction; the phases themselves are used"),)
    assert found.used[Modality.DCE] == ("Pre.nii.gz", "Post_1.nii.gz", "Post_2.nii.gz")
    assert found.case.acquisition["pre_contrast"] == "proven" and found.times_from == ""


def test_of_bids_times_b_value_and_scanner_are_read(tmp_path: Path, case: Case) -> None:
    found = read_nifti_study(nifti_files.bids(case, tmp_path))
    assert found.case.dce is not None and found.case.dce.times_s == (-90.0, 0.0, 75.5)
    assert found.case.dwi_b_value == 800.0 and found.case.acquisition["vendor"] == "Siemens"
    assert found.times_from == "VolumeTiming beside the file"


def test_what_assemble_wrote_is_exact(tmp_path: Path, case: Case) -> None:
    write_case(case, tmp_path / "case")
    found = read_nifti_study(tmp_path / "case")
    assert found.case.dce is not None and case.dce is not None and found.without_dce is None
    assert np.array_equal(found.case.dce.affine, case.dce.affine) and found.case.dce.times_s == case.dce.times_s


def test_a_damaged_case_is_no_study(tmp_path: Path, case: Case) -> None:
    write_case(case, tmp_path / "Doe_Jane")
    (tmp_path / "Doe_Jane" / "t2.nii").unlink()
    with pytest.raises(StudyIneligible, match=r"t2\.nii cannot be read") as refusal:
        read_nifti_study(tmp_path / "Doe_Jane")
    assert "Doe" not in str(refusal.value)


def test_without_phases_the_rest_is_read_and_the_reason_is_kept(tmp_path: Path) -> None:
    phases(tmp_path, ["T2", "Sub_1"])
    found = read_nifti_study(tmp_path)
    assert found.case.modalities == (Modality.T2,)
    assert found.without_dce is not None and "only subtractions" in str(found.without_dce)
    assert Modality.DCE in found.case.unusable


@pytest.mark.parametrize(
    ("names", "words", "code"),
    [
        (["Sub_1"], "only subtractions", Ineligibility.PRE_CONTRAST_MISSING),
        (["Doe_Jane"], r"no file is known as a phase of the DCE: .*mome\.json", Ineligibility.NO_DYNAMIC),
    ],
)
def test_a_folder_without_input_is_refused(tmp_path: Path, names: list[str], words: str, code: Ineligibility) -> None:
    with pytest.raises(StudyIneligible, match=words) as refusal:
        read_nifti_study(phases(tmp_path, names))
    assert refusal.value.code is code and "Doe" not in str(refusal.value)


def test_declared_subtractions_are_no_phases(tmp_path: Path) -> None:
    nifti_files.mome_json(phases(tmp_path, ["a", "b"]), DCE={"files": ["a.nii.gz", "b.nii.gz"], "subtraction": True})
    with pytest.raises(StudyIneligible, match="only subtractions"):
        read_nifti_study(tmp_path)


def test_for_measuring_the_map_comes_before_the_b_values(tmp_path: Path, case: Case) -> None:
    folder = nifti_files.bids(case, tmp_path)
    assert list(read_nifti_study(folder, diffusion=True).case.dwi_by_b_value) == [800.0]
    write(folder / "dwi" / "sub-01_ses-1_ADC.nii.gz", noise(3, 4, 5), OTHER)
    found = read_nifti_study(folder, diffusion=True).case
    assert found.adc is not None and dict(found.dwi_by_b_value) == {}
    assert read_nifti_study(folder).case.adc is None
