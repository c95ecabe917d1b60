"""The DWI of a NIfTI study: the volume of the b-value that the network is given, and one of each for measuring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mome_core.acquired import are_alike, wanted_b_value
from mome_core.case import Modality, Role
from mome_core.nifti.files import NAME_THEM, NiftiFiles
from mome_core.nifti.image import NiftiImage, read_image, refuse
from mome_core.nifti.sidecar import STUDY_SIDECAR
from mome_core.volume import Volume, Voxels


@dataclass(frozen=True, slots=True, eq=False)
class NiftiDiffusion:
    """A DWI: the mean of the volumes of one b-value (s/mm2), the trace of each b-value, and doubts."""

    volume: Volume
    b_value: float
    by_b_value: Mapping[float, Volume]
    notes: tuple[str, ...]


def read_diffusion(study: NiftiFiles) -> NiftiDiffusion | None:
    """The b-value that of DICOM would be chosen; None without a DWI.

    Raises StudyIneligible for volumes without a b-value, of different grids, or none of which is weighted.
    """
    files = study.of(Role.DWI)
    if not files:
        return None
    if len({each.acquisition for each in files}) > 1:
        refuse(files[1].shown, f"by its name it is another acquisition than {files[0].shown}", NAME_THEM)
    images = [read_image(each.path, each.shown) for each in files]
    for image in images[1:]:
        image.require_same_grid(images[0])
    volumes = [volume for image in images for volume in image.voxels]
    b_values = _b_values(study, images, len(volumes))
    wanted = wanted_b_value(b_values)
    if wanted is None:
        refuse(images[0].shown, "none of its b-values reaches 100 s/mm2", "give the diffusion-weighted volumes too")
    affine = images[0].affine
    by_b_value: dict[float, Volume] = {}
    for b_value in sorted(set(b_values)):
        if not any(are_alike(b_value, known) for known in by_b_value):
            by_b_value[b_value] = Volume(_geometric_mean(_alike(b_values, volumes, b_value)), affine, "")
    mean = Volume(_mean(_alike(b_values, volumes, wanted.b_value)), affine, "")
    notes = [note for image in images for note in image.notes]
    return NiftiDiffusion(mean, float(wanted.b_value), by_b_value, (*notes, *filter(None, (wanted.warning,))))


def _b_values(study: NiftiFiles, images: Sequence[NiftiImage], count: int) -> tuple[float, ...]:
    """The b-value of each volume: of mome.json, else of each file's `.bval`, else of its name."""
    if declared := study.sidecar.part(Modality.DWI).b_values:
        _require_one_each(images[0].shown, declared, count)
        return declared
    found: list[float] = []
    for file, image in zip(study.of(Role.DWI), images, strict=True):
        of_file = study.beside_of(file).b_values or (() if file.b_value is None else (file.b_value,))
        _require_one_each(image.shown, of_file, len(image.voxels))
        found += of_file
    return tuple(found)


def _require_one_each(shown: str, b_values: Sequence[float], count: int) -> None:
    if len(b_values) != count:
        words = f"{len(b_values)} b-values are known of {count} volumes"
        refuse(shown, words, f"give each volume one: in a .bval file, or DWI.b_values of {STUDY_SIDECAR}")


def _alike(b_values: Sequence[float], volumes: Sequence[Voxels], wanted: float) -> list[Voxels]:
    return [volume for b, volume in zip(b_values, volumes, strict=True) if are_alike(b, wanted)]


def _mean(volumes: Sequence[Voxels]) -> Voxels:
    """The mean over directions; a single volume stays as it is stored."""
    return volumes[0] if len(volumes) == 1 else np.asarray(np.mean(volumes, axis=0, dtype=np.float32))


def _geometric_mean(volumes: Sequence[Voxels]) -> Voxels:
    """Over directions, which is the trace-weighted signal; a single volume stays as it is stored."""
    if len(volumes) == 1:
        return volumes[0]
    logs = np.log(np.maximum(np.stack(volumes), 1e-6).astype(np.float32))
    return np.asarray(np.exp(logs.mean(axis=0)))
