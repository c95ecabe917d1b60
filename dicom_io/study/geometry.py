"""Where slices lie: from the positions of single images to one grid with an affine, or a reason why there is none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median  # that of NumPy imports all of numpy.ma

import numpy as np
from numpy.typing import NDArray

from dicom_io.errors import NoVolume
from dicom_io.headers.records import Plane

ORIENTATION_TOLERANCE = 1e-3  # GE writes orientations of one volume that differ in the 8th decimal, Philips in the 5th
_POSSIBLE_SPACING_MM = (0.01, 100.0)
_SAME_PLACE_MM = 0.02  # positions of repeated slices differ by rounding only
_SPACING_TOLERANCE = 0.03  # of the slice distance
_SLAB_GAP = 4.0  # slice distances; a smaller hole is missing slices, a larger one lies between two slabs
_FEWEST_SLICES_3D = 3  # a 3-D acquisition of two slices is a fragment
_COMPLEX_PARTS = {"M": "M", "P": "P", "R": "R", "I": "I", "MAGNITUDE": "M", "PHASE": "P", "REAL": "R", "IMAGINARY": "I"}

_Vectors = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Images of one kind on one grid; at each slice as many of them as there are phases, b-values or repeats.

    Parameters
    ----------
    locations
        One tuple per slice, ascending along the normal (row direction x column direction).
    affine
        4 x 4, (column, row, slice) -> LPS mm.
    slabs
        How many such stacks, apart from each other, the images of this kind form.
    """

    locations: tuple[tuple[Plane, ...], ...]
    affine: _Vectors
    slabs: int = 1

    @property
    def planes(self) -> list[Plane]:
        """Every image, slice by slice."""
        return [plane for location in self.locations for plane in location]

    @property
    def repeats(self) -> int:
        """Images at the fullest slice."""
        return max(len(location) for location in self.locations)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Columns, rows, slices."""
        plane = self.locations[0][0]
        return plane.columns, plane.rows, len(self.locations)

    @property
    def slice_step_mm(self) -> float:
        return float(np.linalg.norm(self.affine[:3, 2]))


def stacks_of(planes: Sequence[Plane]) -> list[Stack]:
    """Divide the images of one series (or of several that belong together) by kind and by slab, each on its grid.

    Echo times, magnitude and phase, Dixon parts and matrix sizes are kinds; multi-echo is not multi-phase.
    Raises NoVolume when the images have no place, several orientations, holes, or are too few.
    """
    _require_planes(planes)
    kinds: dict[tuple[object, ...], list[Plane]] = defaultdict(list)
    for plane in planes:
        kinds[_kind_of(plane)].append(plane)
    ordered = sorted(kinds.items(), key=lambda item: tuple(map(str, item[0])))
    return [stack for _, members in ordered for stack in _slabs_of(members)]


def _kind_of(plane: Plane) -> tuple[object, ...]:
    """What two images must share to lie in one volume, besides their place."""
    parts = next((_COMPLEX_PARTS[value] for value in plane.image_type[2:] if value in _COMPLEX_PARTS), "")
    dixon = tuple(sorted(plane.words & {"WATER", "FAT", "IN", "OPP", "OUT", "W", "F"}))
    echo = plane.acquisition.echo_ms
    return plane.rows, plane.columns, 0.0 if echo is None else round(echo, 2), parts, dixon


def _require_planes(planes: Sequence[Plane]) -> None:
    """Raise NoVolume unless every image has a place and all share one orientation and pixel spacing."""
    if any(len(p.position_mm) != 3 or len(p.orientation) != 6 or len(p.spacing_mm) != 2 for p in planes):
        raise NoVolume("an image has no position, orientation or pixel spacing")
    orientations = np.array([plane.orientation for plane in planes])
    distinct = count_distinct(orientations, ORIENTATION_TOLERANCE)
    if distinct > 1:
        raise NoVolume(f"its images lie in {distinct} orientations")
    row, column = orientations[0, :3], orientations[0, 3:]
    if abs(np.linalg.norm(row) - 1) > 0.01 or abs(np.linalg.norm(column) - 1) > 0.01 or abs(row @ column) > 0.01:
        raise NoVolume("its orientation is not two perpendicular unit vectors")
    spacings = np.array([plane.spacing_mm for plane in planes])
    if count_distinct(spacings, 1e-3) > 1:
        raise NoVolume("its pixel spacing differs between images")
    if not all(_POSSIBLE_SPACING_MM[0] <= spacing <= _POSSIBLE_SPACING_MM[1] for spacing in spacings[0]):
        raise NoVolume(f"a pixel spacing of {spacings[0, 0]:g} x {spacings[0, 1]:g} mm is not possible")


def count_distinct(rows: _Vectors, tolerance: float) -> int:
    """How many of the rows differ by more than the tolerance from all that were counted before."""
    count = 0
    while len(rows):
        rows = rows[np.abs(rows - rows[0]).max(axis=1) > tolerance]
        count += 1
    return count


def _slabs_of(planes: Sequence[Plane]) -> list[Stack]:
    """One grid per slab: a bilateral sagittal series can hold the two breasts with a gap between (I-SPY 2)."""
    locations = _locate(planes)
    depths = np.array([depth for depth, _ in locations])
    members = [planes_there for _, planes_there in locations]
    if len(members) < 2:
        raise NoVolume("it is a single slice")
    steps = np.diff(depths)
    step = median(steps.tolist())
    cuts = [
        0,
        *(i + 1 for i in range(len(steps)) if _is_gap(steps[i] / step, members[i], members[i + 1])),
        len(members),
    ]
    slabs = [_grid_of(members[start:stop]) for start, stop in pairwise(cuts)]
    return [replace(slab, slabs=len(slabs)) for slab in slabs]


def _is_gap(steps: float, below: tuple[Plane, ...], above: tuple[Plane, ...]) -> bool:
    """Whether two slabs meet here: far apart, or told apart by Stack ID."""
    told_apart = not {plane.stack_id for plane in below} & {plane.stack_id for plane in above}
    return steps > _SLAB_GAP or (told_apart and steps > 1 + _SPACING_TOLERANCE)


def _locate(planes: Sequence[Plane]) -> list[tuple[float, tuple[Plane, ...]]]:
    """Group images by their place along the normal, ascending: (depth in mm, images).

    Raises NoVolume when images at one depth are shifted sideways against each other.
    """
    normal = _normal_of(planes)
    positions = np.array([plane.position_mm for plane in planes])
    depths = positions @ normal
    order = np.argsort(depths, kind="stable")
    borders = np.flatnonzero(np.diff(depths[order]) > _SAME_PLACE_MM) + 1
    located = []
    for group in np.split(order, borders):
        if np.ptp(positions[group], axis=0).max() > 10 * _SAME_PLACE_MM:
            raise NoVolume("images at the same depth are shifted sideways against each other")
        located.append((float(depths[group].mean()), tuple(planes[i] for i in group)))
    return located


def _normal_of(planes: Sequence[Plane]) -> _Vectors:
    """Unit normal of the slices: row direction x column direction, mean over the images."""
    axes = np.mean([plane.orientation for plane in planes], axis=0)
    normal: _Vectors = np.cross(axes[:3], axes[3:])
    return normal / np.linalg.norm(normal)


def _grid_of(locations: Sequence[tuple[Plane, ...]]) -> Stack:
    """The grid of one slab.

    Raises NoVolume when slices are missing, unevenly spaced, too few, or do not lie on a straight line.
    """
    count = len(locations)
    first = locations[0][0]
    if count < 2:
        raise NoVolume("a single slice lies apart from the others")
    if count < _FEWEST_SLICES_3D and first.acquisition.dimensions == "3D":
        raise NoVolume(f"a 3-D acquisition of only {count} slices is a fragment")
    corners = np.array([np.mean([plane.position_mm for plane in there], axis=0) for there in locations])
    steps = np.linalg.norm(np.diff(corners, axis=0), axis=1)
    _require_even(steps)
    step = (corners[-1] - corners[0]) / (count - 1)
    straight = corners[0] + np.outer(np.arange(count), step)
    if np.abs(corners - straight).max() > max(_SPACING_TOLERANCE * np.linalg.norm(step), _SAME_PLACE_MM):
        raise NoVolume("its slices do not lie on a straight line")
    affine = np.eye(4)
    affine[:3, 0] = np.array(first.orientation[:3]) * first.spacing_mm[1]
    affine[:3, 1] = np.array(first.orientation[3:]) * first.spacing_mm[0]
    affine[:3, 2] = step
    affine[:3, 3] = corners[0]
    return Stack(tuple(locations), affine)


def _require_even(steps_mm: _Vectors) -> None:
    """Raise NoVolume unless neighbouring slices are equally far apart."""
    step = median(steps_mm.tolist())
    tolerance = max(_SPACING_TOLERANCE * step, _SAME_PLACE_MM)
    holes = steps_mm[steps_mm > step + tolerance]
    if len(holes):
        missing = int(np.sum(np.maximum(np.round(holes / step) - 1, 0)))
        detail = f"about {missing} slices are missing" if missing else "its slices are unevenly spaced"
        raise NoVolume(f"{detail}: gaps up to {holes.max():.2f} mm at a slice distance of {step:.2f} mm")
    if np.any(steps_mm < step - tolerance):
        raise NoVolume(f"its slices are unevenly spaced: {steps_mm.min():.2f} to {step:.2f} mm apart")


def same_grid(a: Stack, b: Stack) -> bool:
    """Whether two stacks have the same voxels at the same places."""
    return a.shape == b.shape and bool(np.abs(a.affine - b.affine).max() < 0.05)
