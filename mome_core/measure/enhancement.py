"""Contrast uptake in the breasts: the part of a dynamic around them, and each voxel's signal before and after."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mome_core.preprocessing.breast_mask import BreastMask
from mome_core.volume import Affine, Dynamic, Volume, Voxels, spacing_of, voxel_ml_of

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]
Index = tuple[int, int, int]

_LEAST_SHARE_OF_SIGNAL = 0.25
"""A voxel whose signal before contrast is below this share of the breasts' median is noise: its percentage means
nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Enhancement:
    """A dynamic around the breasts; every array is (columns, rows, slices) of this box.

    Parameters
    ----------
    phases
        (phases, columns, rows, slices), a view of the source.
    breasts
        Voxels that lie in a breast.
    difference
        First post-contrast phase less the phase before contrast; zero outside of the breasts.
    uptake_percent
        The difference as a share of the signal before contrast; zero where that is noise.
    corner
        Index of the box in the whole grid.
    whole
        Shape of the whole grid.
    affine, frame_of_reference_uid
        As in Volume, of the box.
    """

    phases: Voxels
    breasts: Mask
    difference: Array
    uptake_percent: Array
    corner: Index
    whole: Index
    affine: Affine
    frame_of_reference_uid: str

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Of the voxels, along each index axis."""
        return spacing_of(self.affine)

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel."""
        return voxel_ml_of(self.affine)

    def point_mm(self, index: Index) -> tuple[float, float, float]:
        """LPS position of a voxel."""
        x, y, z, _ = self.affine @ (*index, 1)
        return float(x), float(y), float(z)

    def index_of(self, point_mm: tuple[float, float, float]) -> Index:
        """The voxel nearest to a point, inside of the box."""
        there = np.rint(np.linalg.inv(self.affine) @ (*point_mm, 1))[:3].astype(int)
        i, j, k = np.clip(there, 0, np.array(self.breasts.shape) - 1).tolist()
        return i, j, k

    def in_whole(self, values: NDArray[np.generic]) -> Volume:
        """An array of the box on the whole grid, zero outside."""
        voxels = np.zeros(self.whole, values.dtype, order="F")
        voxels[tuple(slice(at, at + size) for at, size in zip(self.corner, values.shape, strict=True))] = values
        affine = self.affine.copy()
        affine[:3, 3] -= affine[:3, :3] @ self.corner
        return Volume(voxels, affine, self.frame_of_reference_uid)


def enhancement_of(dynamic: Dynamic, breasts: BreastMask) -> Enhancement | None:
    """The uptake in the breasts; None where the dynamic does not reach them."""
    columns, rows, slices = dynamic.voxels.shape[1:]
    box = breasts.box_on(dynamic.affine, (columns, rows, slices), margin_mm=0.0)
    if box is None:
        return None
    low, high = box
    part = (slice(None), *(slice(first, end) for first, end in zip(low, high, strict=True)))
    phases, affine = dynamic.voxels[part], dynamic.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ low
    i, j, k = phases.shape[1:]
    inside = breasts.on(affine, (i, j, k))
    if not inside.any():
        return None
    before = phases[0].astype(np.float32)
    difference = np.where(inside, phases[1] - before, np.float32(0))
    seen = before > _LEAST_SHARE_OF_SIGNAL * np.median(before[inside])
    uptake = np.divide(100 * difference, before, out=np.zeros_like(before), where=seen)
    return Enhancement(
        phases, inside, difference, uptake, low, (columns, rows, slices), affine, dynamic.frame_of_reference_uid
    )


def sampled(values: Array, affine: Affine, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values of a coarse map at LPS points (3, n), linear."""
    index = np.linalg.inv(affine) @ np.vstack([points_mm, np.ones(points_mm.shape[1])])
    return np.asarray(ndimage.map_coordinates(values, index[:3], order=1, mode="nearest"), dtype=np.float64)
