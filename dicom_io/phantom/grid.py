"""Where a sequence samples the patient: matrix, spacing and orientation of each protocol."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dicom_io.phantom.spec import Millimetres, PhantomSpec, Size, SliceOrientation
from mome_core.volume import Affine

Float = NDArray[np.float32]
_SLAB_VOXELS = 1_000_000  # evaluated at once; bounds the memory of a simulation whatever its size

# columns of each matrix: patient directions (LPS) of column index, row index and slice index
_DIRECTIONS: dict[SliceOrientation, NDArray[np.float64]] = {
    SliceOrientation.AXIAL: np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], float).T,
    SliceOrientation.AXIAL_TURNED: np.array([[-1, 0, 0], [0, -1, 0], [0, 0, 1]], float).T,
    SliceOrientation.SAGITTAL: np.array([[0, 1, 0], [0, 0, -1], [1, 0, 0]], float).T,
}
_OBLIQUE_DEGREES = (12.0, 5.0)  # about the left-right axis, then about the head-feet axis


@dataclass(frozen=True, slots=True, eq=False)
class SamplingGrid:
    """A box of voxels in the patient: shape (columns, rows, slices) and affine to LPS mm."""

    shape: tuple[int, int, int]
    affine: Affine

    @property
    def spacing_mm(self) -> Millimetres:
        i, j, k = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(i), float(j), float(k)

    def moved(self, shift_mm: NDArray[np.float64]) -> SamplingGrid:
        """This grid moved by a vector in mm, so that it samples the patient as if shifted the other way."""
        affine = self.affine.copy()
        affine[:3, 3] += shift_mm
        return replace(self, affine=affine)

    def slabs(self) -> Iterator[slice]:
        """Ranges of slices that are small enough to evaluate at once."""
        thickness = max(1, _SLAB_VOXELS // (self.shape[0] * self.shape[1]))
        for first in range(0, self.shape[2], thickness):
            yield slice(first, min(first + thickness, self.shape[2]))

    def slab_shape(self, slab: slice) -> tuple[int, int, int]:
        return (self.shape[0], self.shape[1], slab.stop - slab.start)

    def points(self, slab: slice) -> tuple[Float, Float, Float]:
        """LPS coordinates in mm of the voxels of some slices, each flat in (column, row, slice) order."""
        i, j, k = np.ogrid[0 : self.shape[0], 0 : self.shape[1], slab.start : slab.stop]
        rows = self.affine[:3].astype(np.float32)
        x, y, z = ((a * i.astype(np.float32) + b * j + c * k + d).astype(np.float32).ravel() for a, b, c, d in rows)
        return x, y, z


@dataclass(frozen=True, slots=True)
class SequenceGeometry:
    """Spacing and field of view of one sequence; in-plane the voxels are square.

    Parameters
    ----------
    fov_mm
        Left-right, anterior-posterior, feet-head.
    centre_mm
        LPS position of the middle of the field of view.
    """

    in_plane_mm: float
    slice_mm: float
    fov_mm: Millimetres
    centre_mm: Millimetres

    def grid(self, orientation: SliceOrientation, scale: Millimetres = (1.0, 1.0, 1.0)) -> SamplingGrid:
        """The voxels that this protocol acquires in that orientation."""
        directions = directions_of(orientation)
        spacing = np.array([self.in_plane_mm, self.in_plane_mm, self.slice_mm]) * scale
        extent = np.abs(_DIRECTIONS.get(orientation, _DIRECTIONS[SliceOrientation.AXIAL])).T @ np.array(self.fov_mm)
        columns, rows, slices = (max(4, round(e / s)) for e, s in zip(extent, spacing, strict=True))
        affine = np.eye(4)
        affine[:3, :3] = directions * spacing
        affine[:3, 3] = np.array(self.centre_mm) - affine[:3, :3] @ ((np.array([columns, rows, slices]) - 1) / 2)
        return SamplingGrid((columns, rows, slices), affine)


def directions_of(orientation: SliceOrientation) -> NDArray[np.float64]:
    """Unit vectors (as columns) along columns, rows and slices; an oblique plane is an axial one turned twice."""
    if orientation is not SliceOrientation.OBLIQUE:
        return _DIRECTIONS[orientation]
    tilt, turn = np.radians(_OBLIQUE_DEGREES)
    about_x = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    about_z = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    product: NDArray[np.float64] = about_z @ about_x
    return product


# in-plane mm, slice mm of (DCE and T1), T2, DWI; fields of view in voxels of the axial protocol follow from FOV_MM
_SPACINGS: dict[Size, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    Size.TINY: ((5.25, 9.9), (5.25, 14.4), (7.0, 14.4)),
    Size.SMALL: ((3.0, 4.95), (3.0, 7.2), (5.25, 7.2)),
    Size.DEMO: ((2.1, 3.3), (2.1, 6.6), (3.5, 6.6)),
    Size.PAPER: ((0.875, 1.24), (0.875, 4.0), (1.75, 5.0)),
}
_LOCALIZER_GAP_MM = 25.0
_FOV_MM: Millimetres = (336.0, 336.0, 158.4)
_DWI_FOV_MM: Millimetres = (336.0, 224.0, 158.4)


@dataclass(frozen=True, slots=True, eq=False)
class _SequenceGrids:
    """One grid per sequence."""

    dce: SamplingGrid
    t1: SamplingGrid
    t2: SamplingGrid
    dwi: SamplingGrid
    localizers: tuple[SamplingGrid, ...]


def grids_of(spec: PhantomSpec) -> _SequenceGrids:
    """Every sequence has its own matrix, slice thickness and field of view, as in practice."""
    (dce, t2, dwi) = _SPACINGS[spec.size]
    whole = SequenceGeometry(*dce, _FOV_MM, (0.0, 40.0, 0.0))
    thick = SequenceGeometry(*t2, _FOV_MM, (2.0, 41.0, -1.5))
    diffusion = SequenceGeometry(*dwi, _DWI_FOV_MM, (-1.0, 8.0, 1.0))
    return _SequenceGrids(
        dce=whole.grid(spec.orientation, spec.spacing_scale),
        t1=thick.grid(spec.orientation),
        t2=thick.grid(spec.orientation),
        dwi=diffusion.grid(spec.orientation),
        localizers=tuple(_localizer_grids(spec)),
    )


def _localizer_grids(spec: PhantomSpec) -> list[SamplingGrid]:
    """Three slices each of axial, sagittal and coronal orientation."""
    in_plane = max(2.6, _SPACINGS[spec.size][0][0] * 1.5)
    count = round(_FOV_MM[0] / in_plane)
    coronal = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], float).T
    return [
        _three_slices(directions, in_plane, count)
        for directions in (_DIRECTIONS[SliceOrientation.AXIAL], _DIRECTIONS[SliceOrientation.SAGITTAL], coronal)
    ]


def _three_slices(directions: NDArray[np.float64], in_plane_mm: float, count: int) -> SamplingGrid:
    """A square field of view about the breasts, three slices far apart."""
    affine = np.eye(4)
    affine[:3, :3] = directions * (in_plane_mm, in_plane_mm, _LOCALIZER_GAP_MM)
    affine[:3, 3] = np.array([0.0, 20.0, 0.0]) - affine[:3, :3] @ np.array([(count - 1) / 2, (count - 1) / 2, 1.0])
    return SamplingGrid((count, count, 3), affine)
