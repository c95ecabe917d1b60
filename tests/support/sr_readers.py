"""Other people's readers: what highdicom, SimpleITK and dcmqi make of an object, on the grid of its source images."""

from __future__ import annotations

import os
import shutil
import subprocess
from io import BytesIO
from pathlib import Path

import highdicom
import numpy as np
import SimpleITK
from highdicom.pm.sop import pmread
from highdicom.seg import segread
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from places import BIN
from sr_templates.build import encode
from sr_templates.dicom.evidence import Slices

DCMQI = ("segimage2itkimage", "paramap2itkimage", "tid1500reader")


def program(name: str) -> str | None:
    """Path of a program of dcmqi (`pip install dcmqi`); None where it is not installed."""
    return shutil.which(name, path=os.pathsep.join([str(BIN), os.environ["PATH"]]))


def on_grid(planes: NDArray[np.generic], positions_mm: NDArray[np.float64], images: Slices) -> NDArray[np.generic]:
    """Planes (slice, row, column) as (column, row, slice) in the order of the images; each must lie on one of them."""
    sources = np.array([image.position_mm for image in images])
    off_mm = np.linalg.norm(sources[:, None] - positions_mm[None], axis=2)
    assert off_mm.min(axis=1).max() < 0.01, "a frame lies beside its source image"
    return planes[off_mm.argmin(axis=1)].transpose(2, 1, 0)


def frames_on_grid(instance: Dataset, frames: NDArray[np.generic], images: Slices) -> NDArray[np.generic]:
    """Frames (frame, row, column) of a multi-frame instance by the positions that it states."""
    groups = instance.PerFrameFunctionalGroupsSequence
    positions = [group.PlanePositionSequence[0].ImagePositionPatient for group in groups]
    return on_grid(frames, np.array(positions, dtype=float), images)


def map_by_highdicom(instance: Dataset, images: Slices) -> NDArray[np.float64]:
    """A parametric map by highdicom's reader as it is without arguments: real world values of the first mapping."""
    return _volume(pmread(BytesIO(encode(instance))).get_volume(), images)


def mask_by_highdicom(instance: Dataset, images: Slices) -> NDArray[np.bool_]:
    """The one segment of a segmentation by highdicom's reader."""
    return _volume(segread(BytesIO(encode(instance))).get_volume(segment_numbers=[1]), images) != 0


def _volume(volume: highdicom.Volume, images: Slices) -> NDArray[np.float64]:
    array = volume.array.reshape(volume.spatial_shape)
    at = np.stack([np.arange(len(array)), np.zeros(len(array)), np.zeros(len(array)), np.ones(len(array))])
    return on_grid(array, (volume.affine @ at)[:3].T, images)


def by_simpleitk(file: Path, images: Slices) -> NDArray[np.float64]:
    """An image file by SimpleITK."""
    image = SimpleITK.ReadImage(str(file))
    array = SimpleITK.GetArrayFromImage(image)
    positions = [image.TransformIndexToPhysicalPoint((0, 0, k)) for k in range(len(array))]
    return on_grid(array, np.array(positions), images)


def by_dcmqi(instance: Dataset, reader: str, folder: Path, images: Slices) -> NDArray[np.float64]:
    """The image that a reader of dcmqi makes of an object."""
    file, out = folder / "object.dcm", folder / "read"
    out.mkdir()
    file.write_bytes(encode(instance))
    command = [program(reader), "--inputDICOM", file, "--outputDirectory", out, "-t", "nrrd"]
    subprocess.run([str(each) for each in command], check=True, capture_output=True, timeout=300)
    (made,) = out.glob("*.nrrd")
    return by_simpleitk(made, images)
