# mypy: disable-error-code="no-untyped-call"
# nibabel annotates some of its methods only.
"""A Case as a folder: NIfTI for the voxels, `case.json` for everything else; what node and trainer exchange.

    FOLDER/case.json    format, per modality its file, shape, affine (LPS, exact), frame of reference; times, b-value,
                        acquisition
    FOLDER/dce.nii      (columns, rows, slices, phases)
    FOLDER/t2.nii, dwi.nii

NIfTI's world is RAS and its affine is float32, so the exact LPS affine is in the JSON and both must agree.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from mome_core.case import Case, Modality
from mome_core.errors import MomeError
from mome_core.volume import Affine, Dynamic, Volume, Voxels, spacing_of

_FORMAT = "mome-case 1"
CASE_JSON = "case.json"
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_STORABLE = {np.dtype(name) for name in ("i1", "u1", "i2", "u2", "i4", "u4", "f4", "f8")}
_NIFTI_DATA_OFFSET = 352
_UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    zlib.error,
    nibabel.filebasedimages.ImageFileError,
    nibabel.spatialimages.HeaderDataError,
)


@dataclass(frozen=True, slots=True, eq=False)
class VolumeStream:
    """Volumes of one grid that are read one after the other, so that a whole dynamic need not lie in memory.

    Parameters
    ----------
    shape
        (columns, rows, slices, volumes).
    dtype
        Of all of them.
    affine
        As in Volume.
    times_s
        Of each volume, or empty.
    volumes
        Each (columns, rows, slices), valid until the next is taken.
    """

    shape: tuple[int, int, int, int]
    dtype: np.dtype[Any]
    affine: Affine
    times_s: tuple[float, ...]
    volumes: Iterator[Voxels]


class CaseFileDamaged(MomeError):
    """A case folder lacks a part, or its parts do not belong together."""


def write_case(case: Case, folder: Path) -> None:
    """Write a case as a new folder, whole or not at all; FileExistsError where there is one already."""
    if folder.exists():
        raise FileExistsError(f"{folder} exists already; remove it or name another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for modality, source in case.sources.items():
            _save(source, building / f"{modality.lower()}.nii")
        (building / CASE_JSON).write_text(json.dumps(describe(case), indent=2) + "\n", encoding="utf-8")
        building.chmod(0o755)
        building.rename(folder)
    except BaseException:
        shutil.rmtree(building)
        raise


def read_case(folder: Path) -> Case:
    """The case that `write_case` wrote; CaseFileDamaged names what is missing or does not fit."""
    content = _read_description(folder)
    try:
        parts = {Modality(name): _read_part(folder, part) for name, part in content["modalities"].items()}
        dce, t2, dwi = (parts.get(modality) for modality in (Modality.DCE, Modality.T2, Modality.DWI))
        if isinstance(dce, Volume) or isinstance(t2, Dynamic) or isinstance(dwi, Dynamic):
            raise ValueError("the DCE has four axes, T2 and DWI have three")
        return Case(dce, t2, dwi, content["dwi_b_value"], content["acquisition"])
    except (KeyError, TypeError, ValueError) as error:
        raise CaseFileDamaged(f"{CASE_JSON} does not describe a valid case: {error}") from error


def listed_volumes(folder: Path) -> frozenset[str]:
    """Names of the files that case.json lists; empty without a case.json of this format."""
    try:
        parts = _read_description(folder)["modalities"].values()
        return frozenset(Path(str(part["file"])).name for part in parts)
    except (CaseFileDamaged, KeyError, TypeError, AttributeError):
        return frozenset()


def read_acquisition(folder: Path) -> dict[str, str | float]:
    """What case.json says of the scanner, without a voxel; CaseFileDamaged as `read_case`."""
    return dict(_read_description(folder).get("acquisition", {}))


def _read_description(folder: Path) -> dict[str, Any]:
    """case.json, of the format that this version reads."""
    try:
        content: dict[str, Any] = json.loads((folder / CASE_JSON).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        words = error.strerror if isinstance(error, OSError) else "it is no JSON"
        raise CaseFileDamaged(f"this is not a case folder: {CASE_JSON} cannot be read ({words})") from error
    if content.get("format") != _FORMAT:
        raise CaseFileDamaged(f"{CASE_JSON} has format {content.get('format')!r}, this version reads {_FORMAT!r}")
    return content


def write_nifti(source: Volume | Dynamic | VolumeStream, path: Path) -> None:
    """Write voxels and place as NIfTI-1 (`.nii` or `.nii.gz`), whole or not at all; replaces a file of that name.

    Phases, and whatever else is more than one volume, become the fourth axis; the time step is given when it is the
    same throughout.
    """
    suffix = ".nii.gz" if path.name.endswith(".nii.gz") else ".nii"
    handle, name = tempfile.mkstemp(suffix=suffix, prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    building = Path(name)
    try:
        _save(source, building)
        building.chmod(0o644)
        building.replace(path)
    except BaseException:
        building.unlink()
        raise


def read_nifti(path: Path) -> Volume | Dynamic:
    """Voxels of a NIfTI file in LPS: a Volume of three axes, a Dynamic of four (phases in order, no times).

    Stored integers without a scale stay integers. NIfTI knows no frame of reference; it is empty.
    """
    voxels, affine = _load(path)
    return Volume(voxels, affine, "") if voxels.ndim == 3 else Dynamic(voxels, affine, "")


def describe(case: Case) -> dict[str, Any]:
    """What case.json says; no patient data, because a Case holds none."""
    return {
        "format": _FORMAT,
        "modalities": {modality.value: _describe_part(modality, part) for modality, part in case.sources.items()},
        "dwi_b_value": case.dwi_b_value,
        "acquisition": dict(case.acquisition),
    }


def _describe_part(modality: Modality, source: Volume | Dynamic) -> dict[str, Any]:
    """One modality's entry of case.json."""
    times = {"times_s": source.times_s} if isinstance(source, Dynamic) else {}
    return {
        "file": f"{modality.lower()}.nii",
        "shape": source.voxels.shape,
        "affine_lps_mm": source.affine.tolist(),
        "frame_of_reference_uid": source.frame_of_reference_uid,
        **times,
    }


def _read_part(folder: Path, part: Mapping[str, Any]) -> Volume | Dynamic:
    """One modality of a case folder, with the exact affine."""
    path = folder / Path(str(part["file"])).name
    voxels, stored = _load(path)
    affine = np.array(part["affine_lps_mm"], dtype=np.float64)
    if list(voxels.shape) != list(part["shape"]) or not np.allclose(affine, stored, rtol=1e-5, atol=1e-3):
        raise CaseFileDamaged(f"{path.name} does not lie where {CASE_JSON} says; was it changed by another program?")
    if voxels.ndim == 3:
        return Volume(voxels, affine, part["frame_of_reference_uid"])
    return Dynamic(voxels, affine, part["frame_of_reference_uid"], tuple(part["times_s"]))


def _save(source: Volume | Dynamic | VolumeStream, path: Path) -> None:
    """Write a NIfTI file in place; voxels go from memory to the file without a copy where they lie in its order."""
    turn = source if isinstance(source, VolumeStream) else _in_turn(source)
    if turn.dtype not in _STORABLE:
        raise ValueError(f"NIfTI stores integers up to 32 bits and floats, not {turn.dtype}")
    with gzip.open(path, "wb") if path.name.endswith(".gz") else path.open("wb") as file:
        _nifti_header(turn).write_to(file)  # with the four bytes that say that no extension follows
        for volume in turn.volumes:
            file.write(np.ascontiguousarray(volume.T).data)


def _in_turn(source: Volume | Dynamic) -> VolumeStream:
    """A volume or dynamic that is in memory, volume by volume."""
    voxels, times_s = (source.voxels, source.times_s) if isinstance(source, Dynamic) else (source.voxels[None], ())
    columns, rows, slices = voxels.shape[1:]
    return VolumeStream((columns, rows, slices, len(voxels)), voxels.dtype, source.affine, times_s, iter(voxels))


def _nifti_header(turn: VolumeStream) -> nibabel.Nifti1Header:
    """Shape, place and time step of some voxels; one volume has three axes."""
    header = nibabel.Nifti1Header()
    header.set_data_dtype(turn.dtype)
    header.set_data_shape(turn.shape if turn.shape[3] > 1 else turn.shape[:3])
    affine = _LPS_TO_RAS @ turn.affine
    header.set_qform(affine, code=1)
    header.set_sform(affine, code=1)
    header.set_xyzt_units("mm", "sec")
    if step := _even_step(turn.times_s):
        header.set_zooms((*spacing_of(turn.affine), step))
    header.set_slope_inter(1.0, 0.0)
    header["vox_offset"] = _NIFTI_DATA_OFFSET
    return header


def _load(path: Path) -> tuple[Voxels, Affine]:
    """Voxels with phases first, and the affine in LPS; CaseFileDamaged where the file cannot be read."""
    try:
        image = nibabel.Nifti1Image.from_filename(path)
        voxels = np.asanyarray(image.dataobj)
    except _UNREADABLE as error:
        raise CaseFileDamaged(f"{path.name} cannot be read: is it missing, or damaged?") from error
    if voxels.ndim not in (3, 4):
        raise CaseFileDamaged(f"{path.name} has {voxels.ndim} axes; a volume has three, a dynamic four")
    ordered = np.moveaxis(voxels, -1, 0) if voxels.ndim == 4 else voxels
    affine = np.asarray(_LPS_TO_RAS @ image.affine, dtype=np.float64)
    return np.array(ordered.astype(ordered.dtype.newbyteorder("="), copy=False)), affine


def _even_step(times_s: tuple[float, ...]) -> float | None:
    """Seconds between phases, when all gaps are equal within a tenth of a second."""
    gaps = np.diff(times_s)
    return float(gaps.mean()) if gaps.size and np.ptp(gaps) < 0.1 else None
