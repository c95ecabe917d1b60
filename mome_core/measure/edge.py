"""Where the enhancing tissue around a point ends, and whether the images show that.

An edge lies half-way between what the tissue's brightest part takes up and what is around it: a voxel that holds half
of each takes up half of both. A vessel that touches the tissue is not part of it where its contrast leaves faster.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mome_core.measure.enhancement import Array, Enhancement, Index, Mask
from mome_core.measurements import ENHANCING_PERCENT

_HALF_WAY, _FURTHER = 0.5, 0.6
"""Where the edge lies between background and brightest part, and how far in it is sought once more."""
_CORE = 0.75
_BRIGHTEST_MM, _BRIGHTEST_PERCENTILE = 7.5, 90.0
_AROUND_MM, _AROUND_PERCENTILE, _FEWEST_AROUND = (5.0, 15.0), 75.0, 10
_COARSE_MM = 2.5  # step on which what lies around is looked at
_WASHES_OUT = 0.8
"""Of what a voxel took up first, the share that is left in the last phase, against that of the brightest part: below
this it is of another kind."""
_THIN_MM = 5.0
_STRAND_ML, _STRAND_MM = 0.3, 15.0
_SAME_MM = 3.0  # or one voxel
_TOUCHING = np.ones((3, 3, 3), dtype=bool)  # by a face, an edge or a corner: a spicule runs as it likes


@dataclass(frozen=True, slots=True, eq=False)
class ConnectedTissue:
    """The enhancing tissue that is connected to a point.

    Parameters
    ----------
    edge_is_clear
        Whether the images show where it ends: its width does not hang on where exactly the edge is drawn, nor on a
        thin strand (a vessel, or a long spicule).
    joined_voxels
        How many of its voxels are connected to the seed by faces: noise touches by corners.
    """

    mask: Mask
    edge_is_clear: bool
    joined_voxels: int


def connected_tissue(enhancement: Enhancement, seed: Index) -> ConnectedTissue:
    """Voxels connected to the seed that enhance by 50 % or more and lie above the edge; holes are filled.

    The seed is part of it, also where something much brighter lies beside it.

    Raises ValueError for a seed that does not enhance.
    """
    enhancing = enhancement.uptake_percent >= ENHANCING_PERCENT
    if not enhancing[seed]:
        raise ValueError("the seed does not enhance")
    bright = ball(enhancement, seed, _BRIGHTEST_MM) & enhancing
    peak = float(np.percentile(enhancement.difference[bright], _BRIGHTEST_PERCENTILE))
    box = _box_around(enhancement, seed, enhancing, _HALF_WAY * peak)
    near = _Surroundings(
        enhancement.difference[box],
        enhancing[box],
        enhancement.breasts[box],
        _washing_out(enhancement, bright, box),
        _within(seed, box),
        enhancement.spacing_mm,
    )
    background = near.background(near.above(_CORE * peak))
    part, smaller = (near.above(background + share * (peak - background)) for share in (_HALF_WAY, _FURTHER))
    whole = np.zeros_like(enhancing)
    whole[box] = part
    clear = _equally_wide(part, smaller, near.spacing_mm) and not _has_strand(part, near.spacing_mm)
    joined, _ = ndimage.label(part)
    return ConnectedTissue(whole, clear, int((joined == joined[near.seed]).sum()))


def ball(enhancement: Enhancement, centre: Index, radius_mm: float) -> Mask:
    """Voxels of the breasts whose centres lie within a distance of a voxel's centre; its neighbours in any case."""
    found = np.zeros(enhancement.breasts.shape, dtype=bool)
    reach = [max(1, int(radius_mm / step)) for step in enhancement.spacing_mm]
    sides = zip(centre, reach, enhancement.breasts.shape, strict=True)
    box = tuple(slice(max(0, at - r), min(size, at + r + 1)) for at, r, size in sides)
    axes = np.ogrid[box]
    square = sum(
        ((axis - at) / max(radius_mm / step, 1.0)) ** 2
        for axis, at, step in zip(axes, centre, enhancement.spacing_mm, strict=True)
    )
    found[box] = square <= 1.0
    return found & enhancement.breasts


@dataclass(frozen=True, slots=True, eq=False)
class _Surroundings:
    """The seed and what lies around it.

    Parameters
    ----------
    washing
        Enhancing voxels whose contrast leaves faster than that of the brightest part.
    """

    difference: Array
    enhancing: Mask
    breasts: Mask
    washing: Mask
    seed: Index
    spacing_mm: tuple[float, float, float]

    def above(self, level: float) -> Mask:
        """Voxels connected to the seed that take up so much, or as much as it; thin strands that wash out are cut."""
        found = self.enhancing & (self.difference >= min(level, float(self.difference[self.seed])))
        washing = self.washing & found
        thick = ndimage.binary_propagation(ndimage.binary_erosion(washing, _thin(self.spacing_mm)), mask=washing)
        strands = washing & ~thick
        strands[self.seed] = False
        parts, _ = ndimage.label(found & ~strands, _TOUCHING)
        return np.asarray(ndimage.binary_fill_holes(parts == parts[self.seed]))

    def background(self, core: Mask) -> float:
        """What the tissue around takes up: the gland and the fat that are 5 to 15 mm away from the core."""
        step = tuple(slice(None, None, max(1, int(_COARSE_MM / each))) for each in self.spacing_mm)
        sampling = [each * every.step for each, every in zip(self.spacing_mm, step, strict=True)]
        away_mm = ndimage.distance_transform_edt(~core[step], sampling=sampling)
        nearest, farthest = _AROUND_MM
        around = (away_mm > nearest) & (away_mm <= farthest) & self.breasts[step] & ~self.washing[step]
        values = self.difference[step][around]
        return max(0.0, float(np.percentile(values, _AROUND_PERCENTILE))) if values.size > _FEWEST_AROUND else 0.0


def _box_around(enhancement: Enhancement, seed: Index, enhancing: Mask, level: float) -> tuple[slice, ...]:
    """Where all that can be part of the tissue lies, with what is around it."""
    parts, _ = ndimage.label(
        enhancing & (enhancement.difference >= min(level, float(enhancement.difference[seed]))), _TOUCHING
    )
    found = ndimage.find_objects(parts)[parts[seed] - 1]
    margin = [int(np.ceil(_AROUND_MM[1] / step)) + 1 for step in enhancement.spacing_mm]
    return tuple(
        slice(max(0, edge.start - more), min(size, edge.stop + more))
        for edge, more, size in zip(found, margin, parts.shape, strict=True)
    )


def _within(index: Index, box: tuple[slice, ...]) -> Index:
    i, j, k = (at - edge.start for at, edge in zip(index, box, strict=True))
    return i, j, k


def _washing_out(enhancement: Enhancement, bright: Mask, box: tuple[slice, ...]) -> Mask:
    """Enhancing voxels that keep less of their first uptake than the brighter half of the brightest part does."""
    first = enhancement.difference[bright]
    top = first >= np.median(first)
    last = (enhancement.phases[-1][bright].astype(np.float32) - enhancement.phases[0][bright])[top]
    kept = float(last.sum()) / max(float(first[top].sum()), 1e-6)
    rise = enhancement.phases[-1][box].astype(np.float32) - enhancement.phases[0][box]
    enhancing = enhancement.uptake_percent[box] >= ENHANCING_PERCENT
    return np.asarray(enhancing & (rise < _WASHES_OUT * kept * enhancement.difference[box]))


def _thin(spacing_mm: tuple[float, float, float]) -> NDArray[np.bool_]:
    """A ball that does not fit into what is thinner than 5 mm, or than three voxels."""
    reach = [max(1, round(_THIN_MM / 2 / step)) for step in spacing_mm]
    axes = np.ogrid[tuple(slice(-each, each + 1) for each in reach)]
    square = sum((axis / each) ** 2 for axis, each in zip(axes, reach, strict=True))
    return np.asarray(square <= 1.0)


def _edges(mask: Mask) -> NDArray[np.int_]:
    """(3, 2) first and last index of a mask along each axis."""
    where = np.argwhere(mask)
    return np.stack([where.min(axis=0), where.max(axis=0)], axis=1)


def _equally_wide(one: Mask, other: Mask, spacing_mm: tuple[float, float, float]) -> bool:
    """Whether two masks are as wide along each axis, up to one voxel or 3 mm."""
    widths = np.ptp(_edges(one), axis=1) - np.ptp(_edges(other), axis=1)
    return bool((np.abs(widths) <= [max(1, int(_SAME_MM / step)) for step in spacing_mm]).all())


def _has_strand(mask: Mask, spacing_mm: tuple[float, float, float]) -> bool:
    """Whether something thin of 0.3 ml reaches 5 mm and two voxels beyond what is thicker, or reaches 15 mm."""
    body = _thick_part(mask, spacing_mm)
    if not body.any():
        return False
    low, high = _edges(body).T
    strands, _ = ndimage.label(mask & ~body, _TOUCHING)
    reach, far = (np.array([max(2, round(least / step)) for step in spacing_mm]) for least in (_THIN_MM, _STRAND_MM))
    fewest = 1000 * _STRAND_ML / float(np.prod(spacing_mm))
    for number, place in enumerate(ndimage.find_objects(strands), start=1):
        first, last = np.array([(edge.start, edge.stop - 1) for edge in place]).T
        beyond = np.maximum(low - first, last - high)
        large = (strands[place] == number).sum() > fewest
        if (beyond >= far).any() or (large and (beyond >= reach).any()):
            return True
    return False


def _thick_part(mask: Mask, spacing_mm: tuple[float, float, float]) -> Mask:
    """The largest part that is 5 mm and two voxels thick in two directions at least; all False where there is none."""
    size = [max(2, round(_THIN_MM / step)) for step in spacing_mm]
    padded, thick = np.pad(mask, max(size)), np.zeros(np.array(mask.shape) + 2 * max(size), dtype=bool)
    for plane in combinations(range(3), 2):
        element = np.ones([size[axis] if axis in plane else 1 for axis in range(3)], dtype=bool)
        thick |= ndimage.binary_opening(padded, element)
    inner = thick[tuple(slice(max(size), -max(size)) for _ in range(3))]
    parts, count = ndimage.label(inner, _TOUCHING)
    return np.asarray(parts == 1 + np.bincount(parts[inner])[1:].argmax()) if count else np.zeros_like(mask)
