"""NIfTI files as other programs write them, and the published layouts of folders, for tests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import ArrayLike, NDArray

from mome_core.case import Case

RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
OBLIQUE = np.array([[0.7, 0.0, 0.1, -90.5], [0.0, 0.7, 0.2, -60.25], [-0.1, -0.2, 3.0, 12.125], [0, 0, 0, 1]], float)
OBLIQUE[:3, :3] = np.linalg.qr(OBLIQUE[:3, :3])[0] @ np.diag([-0.7, -0.7, 3.0])  # right angles, LPS


def write(
    path: Path,
    voxels: ArrayLike,
    affine: NDArray[np.float64] = OBLIQUE,
    *,
    codes: tuple[int, int] = (1, 1),
    unit: str | None = "mm",
    step_s: float | None = None,
    qform: NDArray[np.float64] | None = None,
    scale: tuple[float, float] | None = None,
    description: str = "",
) -> Path:
    """A NIfTI file of voxels (columns, rows, slices[, volumes]) at an LPS affine; codes are of sform and qform."""
    image = nibabel.Nifti1Image(np.asarray(voxels), None)
    header = image.header
    image.set_sform(RAS @ affine, code=codes[0])
    if qform is not None or np.linalg.det(affine[:3, :3]) != 0:
        image.set_qform(RAS @ (affine if qform is None else qform), code=codes[1], strip_shears=True)
    header.set_xyzt_units(unit, "sec" if step_s else None)
    if step_s:
        header["pixdim"][4] = step_s
    if scale:
        header.set_slope_inter(*scale)
    header["descrip"] = description.encode()[:79]
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(image, path)
    return path


def noise(*shape: int, seed: int = 1, dtype: Any = np.int16) -> NDArray[Any]:
    """Voxels without a meaning."""
    return np.random.default_rng(seed).integers(1, 4000, shape).astype(dtype)


def mama_mia(case: Case, folder: Path, name: str = "DUKE_001") -> Path:
    """images/ID/id_0000.nii.gz ...: phases alone."""
    assert case.dce is not None
    place = folder / "images" / name
    for index, phase in enumerate(case.dce.voxels):
        write(place / f"{name.lower()}_{index:04d}.nii.gz", phase, case.dce.affine)
    return place


def odelia(case: Case, folder: Path, uid: str = "ANON_1_left") -> Path:
    """data_unilateral/UID/{Pre,Post_1,...,Sub_1,T2}.nii.gz"""
    assert case.dce is not None
    place = folder / "CENTRE" / "data_unilateral" / uid
    for index, phase in enumerate(case.dce.voxels):
        write(place / (f"Post_{index}.nii.gz" if index else "Pre.nii.gz"), phase, case.dce.affine)
    pre, post = case.dce.voxels[:2].astype(np.int32)
    write(place / "Sub_1.nii.gz", post - pre, case.dce.affine)
    if case.t2 is not None:
        write(place / "T2.nii.gz", case.t2.voxels, case.t2.affine)
    return place


def bids(case: Case, folder: Path, subject: str = "01") -> Path:
    """sub-01/ses-1/{dce,anat,dwi}/...: the dynamic as one file with its times beside it."""
    place, stem = folder / f"sub-{subject}" / "ses-1", f"sub-{subject}_ses-1"
    if case.dce is not None:
        path = place / "dce" / f"{stem}_dce.nii.gz"
        write(path, np.moveaxis(case.dce.voxels, 0, -1), case.dce.affine)
        beside(path, VolumeTiming=[each - case.dce.times_s[0] for each in case.dce.times_s], Manufacturer="Siemens")
    if case.t2 is not None:
        write(place / "anat" / f"{stem}_T2w.nii.gz", case.t2.voxels, case.t2.affine)
    if case.dwi is not None:
        write(place / "dwi" / f"{stem}_dwi.nii.gz", case.dwi.voxels, case.dwi.affine)
        (place / "dwi" / f"{stem}_dwi.bval").write_text(f"{case.dwi_b_value:g}\n")
    return place


def beside(path: Path, **content: Any) -> Path:
    """A sidecar under a NIfTI file's name."""
    target = path.with_name(path.name.removesuffix(".gz").removesuffix(".nii") + ".json")
    target.write_text(json.dumps(content))
    return target


def mome_json(folder: Path, **content: Any) -> Path:
    """A folder's mome.json."""
    (folder / "mome.json").write_text(json.dumps(content))
    return folder


def phases(folder: Path, names: Sequence[str], **more: Any) -> Path:
    """Small phases under these names."""
    for seed, name in enumerate(names):
        write(folder / f"{name}.nii.gz", noise(4, 5, 6, seed=seed), **more)
    return folder
