"""Takes a volume from the scanner's grid to the network's array, and a map of the array back.

The array's axes are the scanner's own, permuted and mirrored to lie closest to the patient's: axis 0 to the left,
axis 1 to posterior, axis 2 to superior. An oblique volume stays oblique, so each axis is resampled on its own: every
array index is a linear function of one source index, the affine stays exact, and the way back is the exact transpose.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from mome_core.preprocessing.recipe import Size
from mome_core.volume import Affine, Volume, Voxels, require_affine

_Weights = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Orientation:
    """Which source axis runs along each patient axis, and whether it runs against it.

    Parameters
    ----------
    axes
        Source axis for left, posterior, superior.
    mirrored
        Whether that source axis runs to right, anterior, inferior instead.
    """

    axes: tuple[int, int, int]
    mirrored: tuple[bool, bool, bool]

    @classmethod
    def of(cls, affine: Affine) -> Orientation:
        """The permutation and mirroring that brings the source axes closest to the patient's."""
        directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
        best = max(permutations(range(3)), key=lambda axes: sum(abs(directions[row, a]) for row, a in enumerate(axes)))
        i, j, k = (bool(directions[row, a] < 0) for row, a in enumerate(best))
        return cls((best[0], best[1], best[2]), (i, j, k))

    def turn(self, voxels: Voxels) -> Voxels:
        """The source's voxels with axes (left, posterior, superior), as a view."""
        return np.flip(np.transpose(voxels, self.axes), self._mirrored_axes)

    def turn_back(self, voxels: Voxels) -> Voxels:
        """The inverse of `turn`, as a view."""
        return np.transpose(np.flip(voxels, self._mirrored_axes), np.argsort(self.axes).tolist())

    @property
    def _mirrored_axes(self) -> tuple[int, ...]:
        return tuple(axis for axis, mirrored in enumerate(self.mirrored) if mirrored)

    def index_affine(self, shape: Size) -> Affine:
        """(4, 4) from an index of the turned voxels to the source index, for a source of `shape`."""
        matrix = np.eye(4)
        matrix[:3, :3] = 0.0
        for row, (axis, mirrored) in enumerate(zip(self.axes, self.mirrored, strict=True)):
            matrix[axis, row] = -1.0 if mirrored else 1.0
            matrix[axis, 3] = shape[axis] - 1 if mirrored else 0.0
        return matrix


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Where the voxels of a source volume lie: its shape, its affine to LPS mm, its frame of reference."""

    shape: Size
    affine: Affine
    frame_of_reference_uid: str

    def __post_init__(self) -> None:
        require_affine(self.affine)

    @property
    def orientation(self) -> Orientation:
        return Orientation.of(self.affine)

    @property
    def turned_affine(self) -> Affine:
        """(4, 4) from an index of the turned voxels to LPS mm."""
        return np.asarray(self.affine @ self.orientation.index_affine(self.shape))

    @property
    def turned_shape(self) -> Size:
        i, j, k = (self.shape[axis] for axis in self.orientation.axes)
        return i, j, k


@dataclass(frozen=True, slots=True)
class AxisSampling:
    """One axis of the array: element n lies at source index `start + n * step`, between `low` and `high` of the source.

    Parameters
    ----------
    low, high
        The part of the source axis that may be read, high excluded.
    """

    start: float
    step: float
    count: int
    low: int
    high: int

    def __post_init__(self) -> None:
        if self.count < 1 or self.step <= 0 or not 0 <= self.low < self.high:
            raise ValueError(f"an axis has at least one element and a positive step, got {self}")

    @property
    def is_slice(self) -> bool:
        """Whether the elements are source elements, one after the other."""
        whole = self.step == 1.0 and self.start.is_integer()
        return whole and self.low <= self.start and self.start + self.count <= self.high

    def resized(self, count: int) -> AxisSampling:
        """As many elements as asked for between the same end points (scipy.ndimage.zoom's rule)."""
        if count == self.count:
            return self
        step = self.step * (self.count - 1) / (count - 1) if count > 1 and self.count > 1 else self.step
        return AxisSampling(self.start, step, count, self.low, self.high)

    def cropped(self, first: int, end: int) -> AxisSampling:
        """Elements first..end-1; what lies outside of them in the source is not read any more."""
        start, stop = self.start + first * self.step, self.start + (end - 1) * self.step
        low, high = max(self.low, int(np.floor(start))), min(self.high, int(np.ceil(stop)) + 1)
        return AxisSampling(start, self.step, end - first, low, high)

    def weights(self, antialias: bool) -> _Weights:
        """(count, high - low): row n holds the weights of the source elements that make element n; each sums to 1.

        The kernel is a triangle of half-width one source element (linear interpolation, clamped at the ends), or
        of half-width `step` when antialiasing a shrink.
        """
        width = max(1.0, self.step) if antialias else 1.0
        last = self.high - self.low - 1
        centre = np.clip(self.start - self.low + self.step * np.arange(self.count), 0.0, last)
        distance = np.abs(centre[:, None] - np.arange(last + 1)[None, :])
        weights = np.maximum(0.0, 1.0 - distance / width)
        return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Sampling:
    """The way from a source grid to an array of the network and back, one axis at a time."""

    grid: Grid
    axes: tuple[AxisSampling, AxisSampling, AxisSampling]
    antialias: bool = False

    @classmethod
    def whole(cls, grid: Grid, *, antialias: bool = False) -> Sampling:
        """Every voxel of the grid, turned to the patient's axes."""
        i, j, k = (AxisSampling(0.0, 1.0, n, 0, n) for n in grid.turned_shape)
        return cls(grid, (i, j, k), antialias)

    @property
    def shape(self) -> Size:
        i, j, k = (axis.count for axis in self.axes)
        return i, j, k

    @property
    def affine(self) -> Affine:
        """(4, 4) from an array index to LPS mm."""
        matrix = np.diag([*(axis.step for axis in self.axes), 1.0])
        matrix[:3, 3] = [axis.start for axis in self.axes]
        return np.asarray(self.grid.turned_affine @ matrix)

    def resized(self, shape: Size) -> Sampling:
        """This extent with another number of elements, end points kept."""
        i, j, k = (axis.resized(n) for axis, n in zip(self.axes, shape, strict=True))
        return Sampling(self.grid, (i, j, k), self.antialias)

    def cropped(self, low: Size, high: Size) -> Sampling:
        """Elements low..high-1 of each axis."""
        i, j, k = (axis.cropped(a, b) for axis, a, b in zip(self.axes, low, high, strict=True))
        return Sampling(self.grid, (i, j, k), self.antialias)

    def spaced(self, voxel_mm: tuple[float, float, float]) -> Sampling:
        """This extent at another voxel size, both ends moved in or out by less than a voxel."""
        now_mm = np.linalg.norm(self.affine[:3, :3], axis=0)
        counts = [
            max(1, round((n - 1) * float(now) / mm) + 1)
            for n, now, mm in zip(self.shape, now_mm, voxel_mm, strict=True)
        ]
        i, j, k = (
            AxisSampling(_centred(axis, n, step), step, n, axis.low, axis.high)
            for axis, n, step in (
                (axis, n, axis.step * mm / float(now))
                for axis, n, now, mm in zip(self.axes, counts, now_mm, voxel_mm, strict=True)
            )
        )
        return Sampling(self.grid, (i, j, k), self.antialias)

    def take(self, voxels: Voxels) -> NDArray[np.float32]:
        """The array of `shape` that this sampling makes of voxels on the source grid."""
        turned = self.grid.orientation.turn(voxels)
        part = turned[tuple(slice(axis.low, axis.high) for axis in self.axes)]
        return self.take_part(np.ascontiguousarray(part, dtype=np.float32))

    def take_part(self, part: NDArray[np.float32]) -> NDArray[np.float32]:
        """As `take`, from the turned voxels between each axis' low and high."""
        for index in self._shrinking_first():
            axis = self.axes[index]
            if axis.is_slice:
                first = int(axis.start) - axis.low
                part = part[(slice(None),) * index + (slice(first, first + axis.count),)]
            else:
                part = _mix(part, axis.weights(self.antialias), index)
        return part

    def give_back(self, array: Voxels) -> Volume:
        """A map on the source grid: each value is shared out over the source voxels that its element was made of.

        This is the transpose of `take`, so the sum over the map stays the sum over the array.
        """
        values = np.asarray(array, dtype=np.float32)
        if values.shape != self.shape:
            raise ValueError(f"a map of {self.shape} goes back to the source grid, got {values.shape}")
        for index in reversed(self._shrinking_first()):
            axis = self.axes[index]
            if not axis.is_slice:
                values = _mix(values, axis.weights(self.antialias).T, index)
        windows = (
            slice(int(axis.start), int(axis.start) + axis.count) if axis.is_slice else slice(axis.low, axis.high)
            for axis in self.axes
        )
        turned = np.zeros(self.grid.turned_shape, dtype=np.float32)
        turned[tuple(windows)] = values
        voxels = np.ascontiguousarray(self.grid.orientation.turn_back(turned))
        return Volume(voxels, self.grid.affine, self.grid.frame_of_reference_uid)

    def _shrinking_first(self) -> list[int]:
        """Axes ordered by their growth, so that the array is small when the dear axes come."""
        growth = [axis.count / (axis.high - axis.low) for axis in self.axes]
        return sorted(range(3), key=growth.__getitem__)


def _centred(axis: AxisSampling, count: int, step: float) -> float:
    middle = axis.start + (axis.count - 1) * axis.step / 2
    return middle - (count - 1) * step / 2


def _mix(values: NDArray[np.float32], weights: _Weights, axis: int) -> NDArray[np.float32]:
    """Apply (rows, columns) weights, few of them non-zero in each row, along one axis of the values."""
    taps = int((weights != 0).sum(axis=1).max())
    columns = np.argsort(weights == 0, axis=1, kind="stable")[:, :taps]
    shape = [1, 1, 1]
    shape[axis] = len(weights)
    grown = list(values.shape)
    grown[axis] = len(weights)
    mixed = np.zeros(grown, dtype=np.float32)
    for tap in range(taps):
        share = np.take_along_axis(weights, columns[:, tap, None], axis=1).reshape(shape)
        taken = values.take(columns[:, tap], axis=axis)
        taken *= share
        mixed += taken
    return mixed
