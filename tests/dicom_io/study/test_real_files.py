"""Real files of seven vendors: what SOURCES.md says of each set, and voxels and affine against dcm2niix."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from dicom_io.export import Exported, export_series
from dicom_io.headers.read import read_series_headers
from dicom_io.pixels.native import read_voxels
from dicom_io.study.classify import assign_roles
from mome_core.case import Role
from node.cli.main import main
from places import BIN, REAL

pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason="the real MR files of ../shared/data are not here")
NOT_DICOM = {".bval", ".bvec", ".gz", ".md", ".csv"}


def files_of(name: str, folder: Path) -> list[Path]:
    """The DICOM files of one set, unpacked where they are gzip-compressed."""
    files = []
    for path in sorted((REAL / name).iterdir()):
        if name.endswith("_gz") or name == "siemens_mosaic_dwi_csa":
            unpacked = folder / path.stem
            unpacked.write_bytes(gzip.decompress(path.read_bytes()))
            files.append(unpacked)
        elif path.suffix not in NOT_DICOM:
            files.append(path)
    return files


def exported(files: list[Path]) -> list[Exported]:
    return list(export_series(assign_roles(read_series_headers(files))))


def only(files: list[Path]) -> Exported:
    (one,) = exported(files)
    return one


@pytest.mark.parametrize(
    ("name", "role", "shape"),
    [
        ("ge_multiphase_tpi", Role.OTHER, (64, 64, 10, 10)),
        ("ge_epirt_instance_only", Role.OTHER, (64, 64, 8, 3)),
        ("ge_dwi_b1000", Role.DWI, (256, 256, 2, 7)),
        ("siemens_xa60_enh_dwi", Role.DWI, (64, 64, 10, 7)),
        ("siemens_xa61_enh_tracew", Role.DWI, (100, 100, 10, 2)),
        ("siemens_xa30_enh_adc", Role.ADC, (72, 72, 39, 1)),
        ("siemens_xa30_classic_7phases_7series_gz", Role.OTHER, (64, 64, 12, 7)),
        ("siemens_mosaic_dwi_csa", Role.DWI, (128, 128, 48, 2)),
        ("siemens_mosaic_sagittal", Role.OTHER, (64, 64, 36, 2)),
        ("philips_classic_dynamic_tpi", Role.OTHER, (64, 64, 9, 3)),
        ("philips_enh_dwi_b0_1300", Role.DWI, (128, 128, 8, 4)),
        ("uih_vframe_dwi", Role.DWI, (64, 64, 20, 17)),
        ("canon_classic_dwi_3vols", Role.DWI, (80, 80, 40, 3)),
        ("hyperfine_enh_t2", Role.T2, (112, 138, 8, 1)),
    ],
)
def test_each_real_set_has_the_role_and_the_volumes_that_its_source_tells(
    name: str, role: Role, shape: tuple[int, ...], tmp_path: Path
) -> None:
    one = only(files_of(name, tmp_path))
    assert not one.refused
    assert (one.role, tuple(one.describe()["shape"])) == (role, shape), one.why


def test_a_philips_enhanced_dynamic_has_its_four_time_points(tmp_path: Path) -> None:
    assert only(files_of("philips_enh_4d_4timepoints", tmp_path)).describe()["shape"] == [64, 64, 8, 4]


@pytest.mark.parametrize(
    ("name", "b_values"),
    [
        ("ge_dwi_b1000", {0: 1, 1000: 6}),  # b0 without (0018,9087)
        ("siemens_xa60_enh_dwi", {0: 1, 1000: 6}),  # BMATRIX
        ("siemens_xa61_enh_tracew", {0: 1, 2000: 1}),  # DERIVED, and wanted
        ("siemens_mosaic_dwi_csa", {0: 1, 1000: 1}),  # in the CSA header
        ("philips_enh_dwi_b0_1300", {0: 1, 1300: 3}),
        ("uih_vframe_dwi", {0: 1, 1000: 16}),  # nominal, not the actual 929.75
        ("canon_classic_dwi_3vols", {0: 1, 1500: 2}),
    ],
)
def test_the_b_values_of_real_diffusion_series(name: str, b_values: dict[int, int], tmp_path: Path) -> None:
    assert Counter(only(files_of(name, tmp_path)).describe()["b_values"]) == b_values


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("bad_two_slices_only", "fragment"),
        ("bad_slice_orientation", "2 orientations"),
        ("derived_adc_ge", "single slice"),
        ("derived_mip_range", "single slice"),
        ("derived_mpr_of_dce_overlay", "single slice"),
    ],
)
def test_what_forms_no_volume_is_refused_with_a_reason(name: str, why: str, tmp_path: Path) -> None:
    assert why in only(files_of(name, tmp_path)).refused


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("derived_adc_ge", Role.ADC),  # carries b = 500, as UN text
        ("derived_mip_range", Role.MIP),
        ("derived_mpr_of_dce_overlay", Role.MPR),  # protocol t1_vibe_fs_tra_bh_dyn
        ("localizers_3plane", Role.LOCALIZER),
    ],
)
def test_real_derived_images_and_localizers_are_no_input(name: str, role: Role, tmp_path: Path) -> None:
    assert {one.role for one in exported(files_of(name, tmp_path))} == {role}


def test_one_image_in_nine_transfer_syntaxes_has_the_same_pixels(tmp_path: Path) -> None:
    images = [only([path]) for path in files_of("transfer_syntaxes", tmp_path)]
    assert len(images) == 9
    first = read_voxels(images[0].volumes)
    for image in images:
        np.testing.assert_array_equal(read_voxels(image.volumes), first)
        in_turn = image.read()
        assert in_turn is not None
        np.testing.assert_array_equal(list(in_turn.volumes), first)


def test_the_time_points_of_a_split_siemens_export_are_4_8_s_apart(tmp_path: Path) -> None:
    one = only(files_of("siemens_xa30_classic_7phases_7series_gz", tmp_path))
    assert [item.series.number for item in one.items] == list(range(18001, 18008))
    np.testing.assert_allclose(np.diff(one.times_s), 4.8, atol=0.01)


def test_the_times_of_the_easy_ge_dynamic_are_two_seconds_apart(tmp_path: Path) -> None:
    np.testing.assert_allclose(np.diff(only(files_of("ge_multiphase_tpi", tmp_path)).times_s), 2.0)


# ---- an independent opinion -----------------------------------------------------------------------------------------


def assembled(files: list[Path], folder: Path) -> list[tuple[dict[str, Any], list[np.ndarray], np.ndarray]]:
    """What `mome-node assemble --all-series` writes of some files: description, volumes, affine in RAS."""
    source, target = folder / "in", folder / "ours"
    source.mkdir()
    for index, path in enumerate(files):
        shutil.copy(path, source / f"{index:04d}.dcm")
    with pytest.raises(SystemExit) as ended:
        main(["assemble", str(source), "--all-series", "--out", str(target), "--json"])
    assert ended.value.code == 0
    told = [json.loads(path.read_text()) for path in sorted(target.glob("*.json"))]
    return [(each, *volumes_of(target / each["file"])) for each in told if each["file"]]


def converted(folder: Path) -> list[tuple[list[np.ndarray], np.ndarray]]:
    """The volumes and affine of each file that dcm2niix writes of the same files."""
    target = folder / "theirs"
    target.mkdir()
    command = ["-f", "%s_%d", "-b", "y", "-z", "n", "-p", "n", "-o", str(target), str(folder / "in")]
    subprocess.run([shutil.which("dcm2niix") or DCM2NIIX, *command], check=True, capture_output=True, timeout=120)
    return [volumes_of(path) for path in sorted(target.glob("*.nii"))]


def volumes_of(path: Path) -> tuple[list[np.ndarray], np.ndarray]:
    """The three-dimensional volumes of a NIfTI file and its affine in RAS."""
    image = nibabel.load(path)
    voxels = np.asanyarray(image.dataobj)
    return list(np.moveaxis(voxels.reshape(*voxels.shape[:3], -1), 3, 0)), image.affine


def moved(voxels: np.ndarray, ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Our voxels on the other's grid: their affines differ by a signed permutation and an integer shift, exactly."""
    between = np.linalg.inv(theirs) @ ours
    turn, shift = np.round(between[:3, :3]), np.round(between[:3, 3])
    assert np.abs(between[:3, :3] - turn).max() < 1e-3
    assert np.abs(between[:3, 3] - shift).max() < 0.02
    axes = np.abs(turn).argmax(axis=0)
    result = np.transpose(voxels, np.argsort(axes))
    for axis in range(3):
        if turn[axes[axis], axis] < 0:
            result = np.flip(result, axes[axis])
    return result


DCM2NIIX = str(BIN / "dcm2niix")
ANY_ORDER = {"philips_enh_dwi_b0_1300", "philips_enh_4d_4timepoints"}  # dcm2niix sorts directions its own way


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "ge_multiphase_tpi",
        "ge_epirt_instance_only",
        "ge_dwi_b1000",
        "siemens_xa60_enh_dwi",
        "siemens_xa61_enh_tracew",
        "siemens_xa30_enh_adc",
        "siemens_xa30_classic_7phases_7series_gz",
        "siemens_mosaic_dwi_csa",
        "siemens_mosaic_sagittal",
        "philips_classic_dynamic_tpi",
        "philips_enh_dwi_b0_1300",
        "philips_enh_4d_4timepoints",
        "uih_vframe_dwi",
        "canon_classic_dwi_3vols",
        "hyperfine_enh_t2",
    ],
)
def test_voxels_and_affine_equal_those_of_dcm2niix(name: str, tmp_path: Path) -> None:
    ((told, ours, affine),) = assembled(files_of(name, tmp_path), tmp_path)
    others = converted(tmp_path)
    theirs = [volume for volumes, _ in others for volume in volumes]
    assert len(ours) == len(theirs)
    assert told["statement"] == "research use only"
    for index, volume in enumerate(ours):
        here = moved(volume, affine, others[0][1])
        candidates = theirs if name in ANY_ORDER else [theirs[index]]
        assert any(np.allclose(here, there, rtol=1e-4, atol=1e-3) for there in candidates), f"volume {index}"
