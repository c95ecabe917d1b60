"""One NIfTI file: exact where it says where it lies, refused by name and with a way out where it would be guessed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from mome_core.errors import Ineligibility, StudyIneligible
from mome_core.nifti.image import read_image
from nifti_files import OBLIQUE, noise, write

SHEARED = OBLIQUE @ np.array([[1, 0.02, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
MOVED = OBLIQUE + np.array([[0, 0, 0, 5.0], [0] * 4, [0] * 4, [0] * 4])
NAN = np.where(noise(4, 5, 6, dtype=np.float32) > 3500, np.nan, 1).astype(np.float32)
COLOURS = np.zeros((4, 5, 6), [("R", "u1"), ("G", "u1"), ("B", "u1")])


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_voxels_and_their_place_are_those_that_were_written(tmp_path: Path, suffix: str) -> None:
    voxels = noise(4, 5, 6)
    image = read_image(write(tmp_path / f"a{suffix}", voxels), "a")
    assert image.voxels.dtype == np.int16 and np.array_equal(image.voxels[0], voxels)
    assert np.abs(image.affine - OBLIQUE).max() < 1e-5
    assert image.step_s is None and image.notes == ()


def test_right_anterior_of_nifti_is_left_posterior_of_dicom(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nii", noise(4, 5, 6))
    right, anterior, superior, _ = nibabel.load(path).affine @ [3, 2, 5, 1]
    assert np.allclose(read_image(path, "a").affine @ [3, 2, 5, 1], [-right, -anterior, superior, 1], atol=1e-4)


def test_phases_come_first_and_the_step_is_in_seconds(tmp_path: Path) -> None:
    voxels = noise(4, 5, 6, 3)
    path = write(tmp_path / "a.nii", voxels, step_s=90.0)
    image = read_image(path, "a")
    assert image.voxels.shape == (3, 4, 5, 6) and np.array_equal(image.voxels[2], voxels[..., 2])
    assert image.step_s == 90.0
    changed = nibabel.load(path)
    changed.header.set_xyzt_units("mm", "msec")
    changed.header["pixdim"][4] = 75500.0
    nibabel.save(changed, tmp_path / "b.nii")
    assert read_image(tmp_path / "b.nii", "b").step_s == 75.5


@pytest.mark.parametrize("step_s", [1.0, 0.0045])
def test_a_repetition_time_is_no_time_between_phases(tmp_path: Path, step_s: float) -> None:
    assert read_image(write(tmp_path / "a.nii", noise(4, 5, 6, 3), step_s=step_s), "a").step_s is None


def test_a_slope_is_applied(tmp_path: Path) -> None:
    voxels = noise(4, 5, 6)
    path = tmp_path / "a.nii"
    write(path, voxels)
    raw = bytearray(path.read_bytes())
    raw[112:120] = np.array([0.5, -3.0], "<f4").tobytes()  # scl_slope, scl_inter
    path.write_bytes(raw)
    image = read_image(path, "a")
    assert image.voxels.dtype == np.float32 and np.allclose(image.voxels[0], voxels * 0.5 - 3)


@pytest.mark.parametrize("dtype", [np.float64, np.int64, np.uint64])
def test_wide_numbers_become_float32(tmp_path: Path, dtype: Any) -> None:
    image = nibabel.Nifti1Image(noise(4, 5, 6, dtype=dtype), np.eye(4), dtype=dtype)
    nibabel.save(image, tmp_path / "a.nii")
    assert read_image(tmp_path / "a.nii", "a").voxels.dtype == np.float32


def test_the_scanner_s_coordinates_win_over_those_of_another_image(tmp_path: Path) -> None:
    image = read_image(write(tmp_path / "a.nii", noise(4, 5, 6), MOVED, codes=(2, 1), qform=OBLIQUE), "a")
    assert np.allclose(image.affine, OBLIQUE, atol=1e-4)
    aligned = read_image(write(tmp_path / "b.nii", noise(4, 5, 6), codes=(2, 0)), "b")
    assert np.allclose(aligned.affine, OBLIQUE, atol=1e-4)


def test_a_file_without_a_unit_is_read_in_mm_and_says_so(tmp_path: Path) -> None:
    image = read_image(write(tmp_path / "a.nii", noise(4, 5, 6), unit=None), "Pre.nii")
    assert image.notes == ("Pre.nii names no unit; mm were taken",)


def test_nifti_2_is_read(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti2Image(noise(4, 5, 6), np.eye(4)), tmp_path / "a.nii")
    assert read_image(tmp_path / "a.nii", "a").voxels.shape == (1, 4, 5, 6)


@pytest.mark.parametrize(
    ("voxels", "more", "broken", "way_out"),
    [
        pytest.param(noise(4, 5, 6), {"affine": SHEARED}, "sheared", "resample", id="sheared"),
        pytest.param(noise(4, 5, 6), {"unit": "meter"}, "unit is metres", "write it in mm", id="metres"),
        pytest.param(noise(4, 5, 6), {"unit": "micron"}, "unit is micrometres", "write it in mm", id="micrometres"),
        pytest.param(noise(4, 5, 6), {"codes": (0, 0)}, "where in the patient", "from DICOM", id="no place"),
        pytest.param(noise(4, 5, 6), {"codes": (4, 0)}, "sform_code 4", "template", id="template"),
        pytest.param(noise(4, 5, 6), {"qform": MOVED}, "5 mm apart", "wrong one", id="two places"),
        pytest.param(
            noise(4, 5, 6), {"qform": MOVED, "codes": (2, 2)}, "5 mm apart", "wrong one", id="two aligned places"
        ),
        pytest.param(noise(4, 5, 6), {"affine": OBLIQUE * 1000}, "mm large", "affine", id="huge voxels"),
        pytest.param(NAN, {}, "not finite", "replace NaN", id="nan"),
        pytest.param(noise(4, 5), {}, "axes are 4 x 5", "three axes", id="two axes"),
        pytest.param(noise(4, 5, 6, 2, 3), {}, "axes are 4 x 5 x 6 x 2 x 3", "four", id="five axes"),
        pytest.param(noise(4, 5, 6).astype(np.complex64), {}, "complex", "magnitude", id="complex"),
        pytest.param(COLOURS, {}, "colours", "grey", id="colours"),
    ],
)
def test_what_would_be_guessed_is_refused(
    tmp_path: Path, voxels: Any, more: dict[str, Any], broken: str, way_out: str
) -> None:
    path = write(tmp_path / "Doe_Jane.nii.gz", voxels, description="Doe^Jane", **more)
    with pytest.raises(StudyIneligible, match=r"^Post_2\.nii\.gz: .*\(.*\)$") as refusal:
        read_image(path, "Post_2.nii.gz")
    assert broken in str(refusal.value) and way_out in str(refusal.value)
    assert "Doe" not in str(refusal.value) and refusal.value.code is Ineligibility.UNREADABLE


@pytest.mark.parametrize("content", [b"", b"DICM", b"\x1f\x8b\x08\x00 torn"])
def test_what_is_no_nifti_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.nii.gz").write_bytes(content)
    with pytest.raises(StudyIneligible, match="cannot be read as NIfTI"):
        read_image(tmp_path / "a.nii.gz", "a")


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_file_that_ends_too_early_is_refused(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"a{suffix}", noise(8, 8, 8))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(StudyIneligible, match="voxels cannot be read"):
        read_image(path, "a")


def test_a_header_that_announces_a_warehouse_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nii", noise(4, 5, 6))
    raw = bytearray(path.read_bytes())
    raw[40:50] = np.array([4, 30000, 30000, 300, 10], "<i2").tobytes()  # dim
    path.write_bytes(raw)
    with pytest.raises(StudyIneligible, match="more than 8 GiB"):
        read_image(path, "a")


@pytest.mark.parametrize(
    ("shape", "affine", "words"),
    [((4, 5, 7), OBLIQUE, "matrix is 4 x 5 x 7"), ((4, 5, 6), MOVED, "corners lie up to 5")],
)
def test_phases_of_two_grids_are_refused(tmp_path: Path, shape: tuple[int, ...], affine: Any, words: str) -> None:
    first = read_image(write(tmp_path / "a.nii", noise(4, 5, 6)), "Pre.nii")
    second = read_image(write(tmp_path / "b.nii", noise(*shape), affine), "Post_1.nii")
    with pytest.raises(StudyIneligible, match=words) as refusal:
        second.require_same_grid(first)
    assert str(refusal.value).startswith("Post_1.nii: ") and "resample" in str(refusal.value)
    first.require_same_grid(first)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("at", "value", "words"),
    [
        (112, np.inf, "scl_slope or scl_inter is not finite"),
        (280, np.nan, "mm large"),
        (280, np.inf, "mm large"),
        (256, 3.0, "transform to the patient cannot be read"),
        (80, -0.7, "transform to the patient cannot be read"),
    ],
)
def test_a_header_with_impossible_numbers_is_refused(tmp_path: Path, at: int, value: float, words: str) -> None:
    path = write(tmp_path / "a.nii", noise(4, 5, 6))
    raw = bytearray(path.read_bytes())
    raw[at : at + 4] = np.array([value], "<f4").tobytes()
    path.write_bytes(raw)
    with pytest.raises(StudyIneligible, match=words):
        read_image(path, "a")
