"""The DWI of NIfTI files: the b-value that DICOM would give, or a refusal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mome_core.errors import StudyIneligible
from mome_core.nifti.diffusion import NiftiDiffusion, read_diffusion
from mome_core.nifti.files import files_of
from nifti_files import mome_json, noise, write


def diffusion_of(folder: Path) -> NiftiDiffusion:
    found = read_diffusion(files_of(folder))
    assert found is not None
    return found


def test_the_mean_over_the_directions_of_the_highest_usual_b_value_is_taken(tmp_path: Path) -> None:
    voxels = noise(4, 5, 6, 4)
    write(tmp_path / "dwi.nii.gz", voxels)
    (tmp_path / "dwi.bval").write_text("0 800 805 1500")
    found = diffusion_of(tmp_path)
    assert found.b_value == 805.0 and found.notes == ()
    assert np.allclose(found.volume.voxels, voxels[..., 1:3].mean(axis=-1))
    assert list(found.by_b_value) == [0.0, 800.0, 1500.0]
    assert np.allclose(
        found.by_b_value[800.0].voxels, np.sqrt(voxels[..., 1] * voxels[..., 2].astype(float)), rtol=1e-4
    )


def test_a_file_for_each_b_value_is_a_dwi_too(tmp_path: Path) -> None:
    for b in (50, 2000):
        write(tmp_path / f"dwi_b{b}.nii.gz", noise(4, 5, 6, seed=b))
    found = diffusion_of(tmp_path)
    assert np.array_equal(found.volume.voxels, noise(4, 5, 6, seed=2000))
    assert found.notes == ("the DWI has no b-value of 800 or 1000; b = 2000 is used",)


def test_mome_json_may_give_the_b_values(tmp_path: Path) -> None:
    write(tmp_path / "d.nii.gz", noise(4, 5, 6, 2))
    mome_json(tmp_path, DWI={"files": ["d.nii.gz"], "b_values": [0, 1000]})
    assert diffusion_of(tmp_path).b_value == 1000.0


@pytest.mark.parametrize(
    ("bval", "words"), [("", "0 b-values are known of 2"), ("0 800 800", "3 b-values"), ("0 50", "100 s/mm2")]
)
def test_volumes_without_a_b_value_are_refused(tmp_path: Path, bval: str, words: str) -> None:
    write(tmp_path / "dwi.nii.gz", noise(4, 5, 6, 2))
    if bval:
        (tmp_path / "dwi.bval").write_text(bval)
    with pytest.raises(StudyIneligible, match=rf"^dwi\.nii\.gz: .*{words}"):
        diffusion_of(tmp_path)


def test_each_file_has_as_many_b_values_as_volumes(tmp_path: Path) -> None:
    """Two of the three belong to the other file, though all together there are as many."""
    for run, volumes, bval in ((1, 2, "0 800 800"), (2, 3, "0 800")):
        write(tmp_path / f"sub-1_run-{run}_dwi.nii.gz", noise(4, 5, 6, volumes, seed=run))
        (tmp_path / f"sub-1_run-{run}_dwi.bval").write_text(bval)
    with pytest.raises(StudyIneligible, match="3 b-values are known of 2 volumes"):
        diffusion_of(tmp_path)


def test_runs_are_one_dwi_and_opposite_phase_encodings_are_not(tmp_path: Path) -> None:
    for number, name in enumerate(("dir-AP_run-1", "dir-AP_run-2")):
        write(tmp_path / f"sub-1_{name}_dwi.nii.gz", noise(4, 5, 6, seed=number))
        (tmp_path / f"sub-1_{name}_dwi.bval").write_text("800")
    assert diffusion_of(tmp_path).b_value == 800.0
    write(tmp_path / "sub-1_dir-PA_run-1_dwi.nii.gz", noise(4, 5, 6, seed=3))
    (tmp_path / "sub-1_dir-PA_run-1_dwi.bval").write_text("800")
    with pytest.raises(StudyIneligible, match="another acquisition"):
        diffusion_of(tmp_path)
