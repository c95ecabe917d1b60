"""Pictures of volumes as a reader expects them: the patient's right on the left, anterior or head on top."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from mome_core.case import Case, Modality
from mome_core.volume import Affine, Dynamic, Volume
from sr_templates.dicom.evidence import Vector
from sr_templates.saliency.region import Box

_Plane = NDArray[np.float32]


def anatomy(case: Case, modality: Modality) -> Volume | None:
    """The volume that a reader looks at for this modality: of the DCE the first post-contrast phase."""
    if modality is Modality.DCE:
        return None if case.dce is None else case.dce.phase(min(1, case.dce.phase_count - 1))
    return case.t2 if modality is Modality.T2 else case.dwi


@dataclass(frozen=True, slots=True)
class View:
    """A cut through the patient: directions to the right and down the picture in LPS, letters at the edges.

    Parameters
    ----------
    letters
        Left, right, top, bottom.
    """

    name: str
    right: tuple[int, int, int]
    down: tuple[int, int, int]
    letters: tuple[str, str, str, str]


AXIAL = View("axial", (1, 0, 0), (0, 1, 0), ("R", "L", "A", "P"))
SAGITTAL = View("sagittal", (0, 1, 0), (0, 0, -1), ("A", "P", "H", "F"))
CORONAL = View("coronal", (1, 0, 0), (0, 0, -1), ("R", "L", "H", "F"))


def direction_letters(orientation: Vector) -> tuple[str, str, str, str]:
    """Letters at left, right, top and bottom of an image of this orientation (row, then column direction, LPS)."""
    ends = []
    for direction in (orientation[:3], orientation[3:]):
        axis = int(np.abs(direction).argmax())
        towards, away = ("LR", "PA", "HF")[axis]
        ends.append((away, towards) if direction[axis] > 0 else (towards, away))
    return ends[0] + ends[1]


def cut(volume: Volume, view: View, centre_mm: Vector, field_mm: float, pixels: int) -> _Plane:
    """(pixels, pixels) of the volume on a square plane through a point, linear; zero outside the volume."""
    steps = (np.arange(pixels) - (pixels - 1) / 2) * field_mm / pixels
    right, down = np.array(view.right, dtype=float), np.array(view.down, dtype=float)
    points = (
        centre_mm[:, None, None]
        + right[:, None, None] * steps[None, None, :]
        + down[:, None, None] * steps[None, :, None]
    )
    to_index = np.linalg.inv(volume.affine)
    index = np.tensordot(to_index[:3, :3], points, axes=1) + to_index[:3, 3][:, None, None]
    plane: _Plane = map_coordinates(volume.voxels, index, order=1, mode="constant", output=np.float32)
    return plane


@dataclass(frozen=True, slots=True)
class Upright:
    """Which index axis runs nearest to the patient's left, posterior and superior, and whether it runs that way."""

    axes: tuple[int, int, int]
    forward: tuple[bool, bool, bool]

    @classmethod
    def of(cls, affine: Affine) -> Upright:
        cosines = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
        axes = max(permutations(range(3)), key=lambda order: np.abs(cosines[(0, 1, 2), order]).sum())
        left, posterior, superior = (bool(cosines[row, axis] > 0) for row, axis in enumerate(axes))
        return cls((axes[0], axes[1], axes[2]), (left, posterior, superior))

    def seen_from_below(self, projection: NDArray[Any]) -> NDArray[Any]:
        """A projection along the superior axis, index axes in order, as (rows to posterior, columns to left)."""
        picture = projection.T if self.axes[0] < self.axes[1] else projection
        picture = picture if self.forward[1] else picture[::-1]
        return picture if self.forward[0] else picture[:, ::-1]


def subtraction_mip(dynamic: Dynamic, box: Box) -> NDArray[Any]:
    """Largest enhancement (first post-contrast minus pre-contrast) along the superior axis, inside a box of indices.

    The two remaining index axes stay in their order. One layer at a time, so that no difference volume is held.
    """
    axis = Upright.of(dynamic.affine).axes[2]
    before, after = (np.moveaxis(dynamic.voxels[phase][box], axis, 0) for phase in (0, 1))
    highest = np.zeros(before.shape[1:], dtype=np.float32)
    for layer_before, layer_after in zip(before, after, strict=True):
        np.maximum(highest, np.subtract(layer_after, layer_before, dtype=np.float32), out=highest)
    return highest
