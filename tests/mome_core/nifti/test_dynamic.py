"""The phases of a DCE from NIfTI files: in order, on one grid, with times where something tells them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mome_core.case import PreContrast
from mome_core.errors import Ineligibility, StudyIneligible
from mome_core.nifti.dynamic import NiftiDynamic, read_dynamic
from mome_core.nifti.files import files_of
from nifti_files import beside, mome_json, noise, phases, write

NUMBERED = [f"A_{n:04d}" for n in range(3)]


def dynamic_of(folder: Path) -> NiftiDynamic:
    found = read_dynamic(files_of(folder))
    assert found is not None
    return found


def test_single_phases_are_one_dynamic_whose_order_is_known_and_times_are_not(tmp_path: Path) -> None:
    found = dynamic_of(phases(tmp_path, NUMBERED))
    assert found.dynamic.voxels.shape == (3, 4, 5, 6) and found.dynamic.times_s == ()
    assert all(np.array_equal(found.dynamic.voxels[n], noise(4, 5, 6, seed=n)) for n in range(3))
    assert (found.pre_contrast, found.pre_contrast_from, found.times_from) == (PreContrast.UNKNOWN, "", "")


def test_ten_phases_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    found = dynamic_of(phases(tmp_path, ["Pre", *(f"Post_{n}" for n in range(1, 11))]))
    assert np.array_equal(found.dynamic.voxels[10], noise(4, 5, 6, seed=10))
    assert (found.pre_contrast, found.pre_contrast_from) == (PreContrast.PROVEN, "the name Pre.nii.gz")


def test_times_count_from_the_first_phase_after_contrast(tmp_path: Path) -> None:
    mome_json(phases(tmp_path, NUMBERED), DCE={"times_s": [10, 120, 190.5], "pre_contrast": True})
    found = dynamic_of(tmp_path)
    assert found.dynamic.times_s == (-110.0, 0.0, 70.5)
    assert found.times_from == "DCE.times_s of mome.json" and found.pre_contrast is PreContrast.PROVEN


def test_acquisition_times_beside_the_phases_are_times(tmp_path: Path) -> None:
    phases(tmp_path, NUMBERED)
    for name, time in zip(NUMBERED, ("09:59:00", "10:01:00", "10:02:30.25"), strict=True):
        beside(tmp_path / f"{name}.nii.gz", AcquisitionTime=time)
    assert dynamic_of(tmp_path).dynamic.times_s == (-120.0, 0.0, 90.25)


def test_one_file_of_four_axes_takes_its_step_or_the_timing_beside_it(tmp_path: Path) -> None:
    path = write(tmp_path / "dce.nii", noise(4, 5, 6, 3), step_s=80.0)
    assert dynamic_of(tmp_path).dynamic.times_s == (-80.0, 0.0, 80.0)
    beside(path, VolumeTiming=[0, 100, 170])
    assert dynamic_of(tmp_path).dynamic.times_s == (-100.0, 0.0, 70.0)


def test_of_an_ultrafast_dynamic_seven_phases_are_kept(tmp_path: Path) -> None:
    write(tmp_path / "dce.nii", noise(4, 5, 6, 25), step_s=5.0)
    found = dynamic_of(tmp_path)
    assert found.dynamic.phase_count == 7 and found.notes == ("of 25 phases 7 are used, evenly spread in time",)
    assert found.dynamic.times_s == (-5.0, 0.0, 25.0, 45.0, 70.0, 90.0, 115.0)


@pytest.mark.parametrize(
    ("names", "words", "code"),
    [
        (["A_0001", "A_0002"], r"\*_0001\.nii\.gz: phase 0 is missing", Ineligibility.PRE_CONTRAST_MISSING),
        (["Post_1", "Post_2"], r"Post_1\.nii\.gz: phase 0 is missing", Ineligibility.PRE_CONTRAST_MISSING),
        (["A_0000", "A_0002"], r"\*_0002\.nii\.gz: phase 1 is missing", Ineligibility.PHASE_MISSING),
        (["Pre", "phase_0", "Post_1"], "phase 0 is there twice", Ineligibility.PHASE_MISSING),
        (["Pre", "Post_1", "dce"], "could be the DCE as well as", Ineligibility.UNREADABLE),
    ],
)
def test_phases_without_a_plain_order_are_refused(
    tmp_path: Path, names: list[str], words: str, code: Ineligibility
) -> None:
    with pytest.raises(StudyIneligible, match=rf"{words}.*mome\.json") as refusal:
        dynamic_of(phases(tmp_path, names))
    assert refusal.value.code is code


@pytest.mark.parametrize(("times", "words"), [([0, 90], "has 2 times for 3 phases"), ([0, 90, 90], "does not ascend")])
def test_times_that_cannot_be_are_refused(tmp_path: Path, times: list[float], words: str) -> None:
    mome_json(phases(tmp_path, NUMBERED), DCE={"times_s": times})
    with pytest.raises(StudyIneligible, match=words):
        dynamic_of(tmp_path)


def test_a_missing_time_is_refused(tmp_path: Path) -> None:
    phases(tmp_path, NUMBERED)
    for name in NUMBERED[:2]:
        beside(tmp_path / f"{name}.nii.gz", AcquisitionTime=f"10:0{name[-1]}:00")
    with pytest.raises(StudyIneligible, match="AcquisitionTime beside the files has 2 times for 3 phases"):
        dynamic_of(tmp_path)


def test_a_file_of_four_axes_without_times_is_refused_until_somebody_vouches_for_its_order(tmp_path: Path) -> None:
    write(tmp_path / "dce.nii", noise(4, 5, 6, 3))
    with pytest.raises(StudyIneligible, match=r"dce\.nii: it holds 3 volumes.*DCE\.times_s in mome\.json") as refusal:
        dynamic_of(tmp_path)
    assert refusal.value.code is Ineligibility.PHASE_ORDER_UNKNOWN
    mome_json(tmp_path, DCE={"pre_contrast": True})
    assert dynamic_of(tmp_path).dynamic.times_s == ()


def test_a_first_phase_after_contrast_is_refused(tmp_path: Path) -> None:
    mome_json(phases(tmp_path, NUMBERED), DCE={"pre_contrast": False})
    with pytest.raises(StudyIneligible, match="phase before contrast is needed"):
        dynamic_of(tmp_path)


def test_phases_of_two_shapes_are_refused_by_name(tmp_path: Path) -> None:
    phases(tmp_path, ["Pre", "Post_1"])
    write(tmp_path / "Post_2.nii.gz", noise(4, 5, 7))
    with pytest.raises(
        StudyIneligible, match=r"^Post_2\.nii\.gz: its matrix is 4 x 5 x 7, that of Pre\.nii\.gz 4 x 5 x 6"
    ):
        dynamic_of(tmp_path)


def test_four_axes_in_one_of_several_files_are_refused(tmp_path: Path) -> None:
    phases(tmp_path, ["Pre"])
    write(tmp_path / "Post_1.nii.gz", noise(4, 5, 6, 2))
    with pytest.raises(StudyIneligible, match=r"Post_1\.nii\.gz: it holds 2 volumes"):
        dynamic_of(tmp_path)


def test_a_phase_after_contrast_is_never_the_first(tmp_path: Path) -> None:
    with pytest.raises(StudyIneligible, match=r"^Post_0\.nii\.gz: .*after contrast") as found:
        dynamic_of(phases(tmp_path, ["Post_0", "Post_1", "Post_2"]))
    assert found.value.code is Ineligibility.PRE_CONTRAST_MISSING


def test_a_file_that_is_called_pre_contrast_is_no_whole_dynamic(tmp_path: Path) -> None:
    path = write(tmp_path / "sub-1_acq-pre_dce.nii.gz", noise(4, 5, 6, 3))
    beside(path, VolumeTiming=[0, 100, 170])
    with pytest.raises(StudyIneligible, match=r"acq-pre_dce\.nii\.gz: it holds 3 volumes"):
        dynamic_of(tmp_path)
