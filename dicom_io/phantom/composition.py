"""Which tissue lies where in a simulated patient, as smooth functions of position in LPS mm.

A surface is a signed distance in mm, negative inside; a voxel that a surface crosses is mixed, so that edges look the
same on every grid. Tissues are laid from the front to the back: each takes its share of what is still free.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dicom_io.phantom.body import Body, Breast, LesionShape, Points
from dicom_io.phantom.grid import Float, SamplingGrid
from dicom_io.phantom.spec import Millimetres
from dicom_io.phantom.tissue import Tissue


def ellipsoid(points: Points, centre: Millimetres, semi_axes: tuple[float | None, float | None, float | None]) -> Float:
    """Signed distance in mm to an ellipsoid, first order at its surface; None: a cylinder along that axis."""
    square: Any = np.float32(1e-6)
    slope: Any = np.float32(1e-9)
    for coordinate, middle, axis in zip(points, centre, semi_axes, strict=True):
        if axis is not None:
            scaled = (coordinate - np.float32(middle)) * np.float32(1 / axis)
            square = square + scaled * scaled
            slope = slope + (scaled * np.float32(1 / axis)) ** 2
    level = np.sqrt(square)
    distance: Float = (level - 1) * level / np.sqrt(slope)
    return distance


def smooth_union(a: Float, b: Float, blend_mm: float) -> Float:
    """The nearer surface, with a fillet of about `blend_mm` where two meet."""
    overlap = np.maximum(np.float32(blend_mm) - np.abs(a - b), 0)
    union: Float = np.minimum(a, b) - overlap * overlap * np.float32(0.25 / blend_mm)
    return union


def coverage(distance: Float, width_mm: float) -> Float:
    """Share of a voxel of that width that lies inside the surface."""
    share: Float = np.clip(0.5 - distance * np.float32(1 / width_mm), 0, 1)
    return share


_SKIN_MM = 2.2
_FAT_ON_CHEST_MM = 13.0
_CHEST = ((0.0, 124.0, 0.0), (146.0, 100.0, None))
_BODY_AXES = (_CHEST[1][0] + _FAT_ON_CHEST_MM + 6, _CHEST[1][1] + _FAT_ON_CHEST_MM, None)


def _skin_surface(body: Body, points: Points) -> Float:
    """Signed distance to the outside of the skin: torso, breasts and nipples."""
    surface = ellipsoid(points, _CHEST[0], _BODY_AXES)
    for breast in body.breasts:
        surface = smooth_union(surface, ellipsoid(points, breast.centre_mm, breast.semi_axes_mm), 22.0)
        surface = smooth_union(surface, ellipsoid(points, breast.nipple_mm, (5.5, 6.5, 5.5)), 8.0)
    return surface


def _lesion_surface(lesion: LesionShape, points: Points) -> Float:
    """Signed distance in mm to the lesion's surface, along the ray from its centre."""
    offset = np.stack([c - np.float32(m) for c, m in zip(points, lesion.centre_mm, strict=True)])
    distance = np.sqrt((offset * offset).sum(axis=0)) + np.float32(1e-3)
    direction = offset / distance
    radius = 1 / np.sqrt(sum((direction[axis] / np.float32(lesion.stretch[axis])) ** 2 for axis in range(3)))
    for *vector, height, sharpness in lesion.bumps:
        along = sum(direction[axis] * vector[axis] for axis in range(3))
        radius += height * np.exp(sharpness * (along - 1))
    surface: Float = distance - np.float32(lesion.radius_mm) * radius
    return surface


@dataclass(frozen=True, slots=True, eq=False)
class _VoxelSubset:
    """Some voxels of a slab.

    Parameters
    ----------
    where
        Their indices in the slab.
    width_mm
        Of a voxel, the geometric mean of its edges.
    """

    points: Points
    where: NDArray[np.intp]
    width_mm: float

    def near(self, centre: Millimetres, reach_mm: float) -> _VoxelSubset:
        """The subset within a cube around a centre."""
        inside = np.abs(self.points[0] - np.float32(centre[0])) < reach_mm
        for axis in (1, 2):
            inside &= np.abs(self.points[axis] - np.float32(centre[axis])) < reach_mm
        chosen = np.flatnonzero(inside)
        return _VoxelSubset(_at(self.points, chosen), self.where[chosen], self.width_mm)

    def inside(self, distance: Float) -> Float:
        """Share of each voxel that lies inside a surface."""
        return coverage(distance, self.width_mm)


def _at(points: Points, where: NDArray[np.intp]) -> Points:
    return points[0][where], points[1][where], points[2][where]


class TissueLayers:
    """Tissue shares of the voxels of a slab, laid from the front to the back.

    shares : (tissues, voxels) float32; what stays free is air.
    """

    __slots__ = ("free", "shares")

    def __init__(self, inside: Float) -> None:
        self.shares = np.zeros((len(Tissue), inside.size), np.float32)
        self.free = inside

    def lay(self, tissue: Tissue, share: Float | float, where: NDArray[np.intp] | slice = slice(None)) -> None:
        """Give a tissue its share of what is still free at those voxels."""
        taken = self.free[where] * share
        self.shares[tissue, where] += taken
        self.free[where] -= taken


@dataclass(frozen=True, slots=True, eq=False)
class Composition:
    """What some slices of a grid are made of.

    Parameters
    ----------
    shares
        (tissues, voxels)
    breasts
        (breasts, voxels) share of the voxel in each breast (0 outside).
    """

    shares: Float
    breasts: Float


def compose(body: Body, grid: SamplingGrid, slab: slice) -> Composition:
    """Tissue shares of the voxels of some slices, flat in (column, row, slice) order."""
    points = grid.points(slab)
    width = float(np.prod(grid.spacing_mm) ** (1 / 3))
    surface = _skin_surface(body, points)
    chest_surface = ellipsoid(points, *_CHEST)
    inside, chest = coverage(surface, width), coverage(chest_surface, width)
    breasts = [inside * (1 - chest) * coverage(breast, width) for breast in _breast_surfaces(body, points)]
    layers = TissueLayers(inside)
    layers.lay(Tissue.SKIN, 1 - coverage(surface + np.float32(_SKIN_MM), max(width * 0.6, 1.0)))
    within = np.flatnonzero(chest)
    _lay_chest(layers, _VoxelSubset(_at(points, within), within, width), chest[within])
    soft = np.flatnonzero(layers.free > 1e-4)
    _lay_soft_tissue(layers, body, _VoxelSubset(_at(points, soft), soft, width), -surface[soft])
    return Composition(layers.shares, np.stack(breasts))


def _breast_surfaces(body: Body, points: Points) -> list[Float]:
    """Each breast with the fillet at its base."""
    return [ellipsoid(points, breast.centre_mm, breast.semi_axes_mm) - np.float32(3.0) for breast in body.breasts]


def _lay_chest(layers: TissueLayers, voxels: _VoxelSubset, chest: Float) -> None:
    """Heart, vessels, spine, sternum, liver, lungs and ribs in a muscular wall. chest : share of the voxel in it."""
    points, inside = voxels.points, voxels.inside
    x, y, z = points
    heart = ellipsoid(points, (26, 84, -22), (50, 40, 50))
    wall = ellipsoid(points, _CHEST[0], (_CHEST[1][0] - 9, _CHEST[1][1] - 9, None))
    thorax = ellipsoid(points, _CHEST[0], (_CHEST[1][0] - 22, _CHEST[1][1] - 20, None))
    lungs = np.minimum(*(ellipsoid(points, (side * 70, 128, 30), (58, 72, 150)) for side in (-1, 1)))
    ribs = np.cos((z + np.float32(0.30) * y + np.float32(0.12) * np.abs(x)) * np.float32(2 * np.pi / 27)) * 9 + 1
    organs = (
        (Tissue.BLOOD, inside(heart + np.float32(9))),
        (Tissue.MUSCLE, inside(heart)),
        (Tissue.BLOOD, inside(ellipsoid(points, (24, 184, 0), (11, 11, None)))),
        (Tissue.BLOOD, inside(ellipsoid(points, (-19, 40, 0), (2.2, 2.2, None)))),
        (Tissue.BLOOD, inside(ellipsoid(points, (19, 40, 0), (2.2, 2.2, None)))),
        (Tissue.BONE, inside(ellipsoid(points, (0, 206, 0), (23, 20, None)))),
        (Tissue.BONE, inside(ellipsoid(points, (0, 36, 10), (15, 6, None)))),
        (Tissue.LIVER, inside(np.maximum(ellipsoid(points, (-58, 120, -112), (96, 84, 66)), thorax))),
        (Tissue.LUNG, inside(np.maximum(lungs, thorax))),
        (Tissue.BONE, inside(np.maximum(np.maximum(wall, -thorax), ribs))),
        (Tissue.MUSCLE, 1.0),
    )
    for tissue, share in organs:
        layers.lay(tissue, chest * share, voxels.where)


def _lay_soft_tissue(layers: TissueLayers, body: Body, voxels: _VoxelSubset, depth: Float) -> None:
    """Lesion, nodes, cysts, vessels and gland in fat. depth : mm under the skin."""
    if body.lesion is not None:
        _lay_lesion(layers, body.lesion, voxels)
    for each in body.cysts_and_nodes:
        near = voxels.near(each.centre_mm, max(each.semi_axes_mm) + 2 * voxels.width_mm)
        layers.lay(each.tissue, near.inside(ellipsoid(near.points, each.centre_mm, each.semi_axes_mm)), near.where)
    coarse, fine = body.coarse.at(voxels.points), body.fine.at(voxels.points)
    layers.lay(Tissue.VESSEL, _vessel_share(body, voxels) * (depth > 3), voxels.where)
    gland = _gland_share(body, voxels.points, coarse, fine) * np.clip((depth - 5) * np.float32(0.2), 0, 1)
    active = np.clip(np.float32(body.enhancement) * (1 + np.float32(0.8) * body.coarse.at(voxels.points, 40.7)), 0, 1)
    layers.lay(Tissue.PARENCHYMA_ENHANCING, gland * active, voxels.where)
    layers.lay(Tissue.PARENCHYMA, gland * (1 - active) / (1 - gland * active + np.float32(1e-6)), voxels.where)
    septa = np.clip(1 - np.abs(fine + coarse) * np.float32(7), 0, 1) * np.float32(0.35) * (depth > 2)
    layers.lay(Tissue.SKIN, septa, voxels.where)
    layers.lay(Tissue.FAT_UNSUPPRESSED, _fat_failure(body, voxels.points), voxels.where)
    layers.lay(Tissue.FAT, 1.0, voxels.where)


def _lay_lesion(layers: TissueLayers, lesion: LesionShape, voxels: _VoxelSubset) -> None:
    """The core, and the rim around it."""
    near = voxels.near(lesion.centre_mm, lesion.radius_mm * 2.6 + voxels.width_mm)
    surface = _lesion_surface(lesion, near.points)
    layers.lay(Tissue.LESION_CORE, near.inside(surface + np.float32(lesion.rim * lesion.radius_mm)), near.where)
    layers.lay(Tissue.LESION_RIM, near.inside(surface), near.where)


def _vessel_share(body: Body, voxels: _VoxelSubset) -> Float:
    """Thin tubes: where two slow textures are both zero; their gradient turns value into about mm."""
    one, other = (body.coarse.at(voxels.points, offset, stretch=2.6) for offset in (21.3, 47.9))
    distance = np.hypot(one, other) * np.float32(22.0)
    return coverage(distance - np.float32(0.9), max(voxels.width_mm, 1.0))


def _gland_share(body: Body, points: Points, coarse: Float, fine: Float) -> Float:
    """Fibroglandular tissue: a ragged cone behind the nipple, the wider the denser the breast."""
    total = np.zeros_like(coarse)
    for breast in body.breasts:
        x, y, z = _scaled_to(breast, points)
        radial = np.sqrt(x * x + z * z) * np.float32(1.9 - 0.9 * breast.density)
        ahead = np.clip((-y - np.float32(0.42)) * np.float32(1.7), -1, 1)
        potential = np.float32(0.25 + 0.55 * breast.density) - radial - ahead * ahead * np.float32(0.8)
        potential += np.float32(0.28) * coarse + np.float32(0.20) * fine
        total += np.clip(potential * np.float32(1.7), 0, 1) * ((x * x + y * y + z * z < 1) & (y < 0.35))
    return np.minimum(total, 1)


def _scaled_to(breast: Breast, points: Points) -> Points:
    """Positions in the breast's ellipsoid, -1 to 1 along each axis."""
    zipped = zip(points, breast.centre_mm, breast.semi_axes_mm, strict=True)
    x, y, z = ((c - np.float32(middle)) * np.float32(1 / axis) for c, middle, axis in zipped)
    return x, y, z


def _fat_failure(body: Body, points: Points) -> Float:
    """Share of fat that keeps its signal: little in the middle, more towards the ends of the shimmed volume."""
    x, y, z = points
    off_centre = (z / 95) ** 2 + (np.abs(x) / 170) ** 4 + np.maximum(y - 30, 0) / 260
    share: Float = np.clip(np.float32(body.fat_failure) * (0.25 + off_centre * 3), 0, 0.8).astype(np.float32)
    return share
