"""Voxels that know where in the patient they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Voxels = NDArray[Any]
Affine = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """Voxels with their affine and frame of reference.

    Parameters
    ----------
    voxels
        (columns, rows, slices), any real dtype; index (i, j, k) = (column, row, slice) of the source images.
    affine
        (4, 4); maps (i, j, k, 1) to patient coordinates in mm, LPS (PS3.3 C.7.6.2.1.1).
    frame_of_reference_uid
        Two volumes with the same one may be compared voxel by position.
    """

    voxels: Voxels
    affine: Affine
    frame_of_reference_uid: str

    def __post_init__(self) -> None:
        if self.voxels.ndim != 3 or min(self.voxels.shape) < 1:
            raise ValueError(f"a volume has three non-empty axes, got shape {self.voxels.shape}")
        require_affine(self.affine)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between neighbouring voxel centres along each index axis, mm."""
        return spacing_of(self.affine)


@dataclass(frozen=True, slots=True, eq=False)
class Dynamic:
    """The phases of a DCE acquisition on one grid, in time order; phase 0 is pre-contrast.

    Parameters
    ----------
    voxels
        (phases, columns, rows, slices); rescaled values.
    affine, frame_of_reference_uid
        As in Volume.
    times_s
        Seconds of each phase from the first post-contrast phase, ascending (so the pre phase is negative); empty when
        the source gives an order but no times.
    """

    voxels: Voxels
    affine: Affine
    frame_of_reference_uid: str
    times_s: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.voxels.ndim != 4 or min(self.voxels.shape) < 1:
            raise ValueError(f"a dynamic has four non-empty axes, got shape {self.voxels.shape}")
        if self.times_s and len(self.times_s) != len(self.voxels):
            raise ValueError(f"{len(self.voxels)} phases but {len(self.times_s)} times")
        if any(later <= earlier for earlier, later in zip(self.times_s, self.times_s[1:], strict=False)):
            raise ValueError(f"phase times must ascend, got {self.times_s}")
        require_affine(self.affine)

    @property
    def phase_count(self) -> int:
        return len(self.voxels)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between neighbouring voxel centres along each index axis, mm."""
        return spacing_of(self.affine)

    def phase(self, index: int) -> Volume:
        """One phase as a Volume that shares memory with this dynamic."""
        return Volume(self.voxels[index], self.affine, self.frame_of_reference_uid)


def corners_of(affine: Affine, shape: Sequence[int]) -> NDArray[np.float64]:
    """(3, 8) LPS mm of the voxel centres in the corners of a grid of that shape (columns, rows, slices)."""
    ends = np.array(np.meshgrid(*[(0, size - 1) for size in shape])).reshape(3, -1)
    corners: NDArray[np.float64] = (affine @ np.vstack([ends, np.ones(8)]))[:3]
    return corners


def spacing_of(affine: Affine) -> tuple[float, float, float]:
    """Length of each column of the affine's 3 x 3 part, mm."""
    i, j, k = np.linalg.norm(affine[:3, :3], axis=0)
    return float(i), float(j), float(k)


def voxel_ml_of(affine: Affine) -> float:
    """Volume of a voxel, ml."""
    return abs(float(np.linalg.det(affine[:3, :3]))) / 1000


def require_affine(affine: Affine) -> None:
    """Raise ValueError unless this is an invertible affine of finite numbers."""
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        raise ValueError("an affine is a finite 4 x 4 matrix")
    if abs(np.linalg.det(affine[:3, :3])) < 1e-12:
        raise ValueError("the affine is singular")
