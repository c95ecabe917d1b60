"""The enhancing tissue that is connected to a point: from which voxel it grows, how large it is, what it touches."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mome_core.measure.edge import ball
from mome_core.measure.enhancement import Array, Enhancement, Index, Mask, sampled
from mome_core.measurements import ENHANCING_PERCENT, Leak
from mome_core.preprocessing.breast_mask import BreastMask
from mome_core.preprocessing.survey import Survey

_SEED_MM = 5.0
_CLEAR_MM = 5.0
_BLOB_MM = 2.5
_TOUCHING_MM = 2.5
_VESSEL_RATIO = 4.0
_DIFFUSE_SHARE = 0.2
_DIFFUSE_MM = 40.0


def strongest_point_mm(survey: Survey, breasts: BreastMask) -> tuple[float, float, float] | None:
    """LPS point of the strongest uptake in the breasts, away from skin and chest wall; None where nothing brightens.

    The uptake is blurred by 2.5 mm, so that a mass is stronger than a vessel of the same brightness.
    """
    spacing = np.linalg.norm(breasts.affine[:3, :3], axis=0)
    rise = ndimage.gaussian_filter(survey.phases[1] - survey.phases[0], (_BLOB_MM / spacing).tolist())
    clear = breasts.mask & (breasts.to_skin_mm() > _CLEAR_MM) & (breasts.to_chest_wall_mm() > _CLEAR_MM)
    if not clear.any():
        return None
    where = np.where(clear, rise, -np.inf)
    i, j, k = (int(at) for at in np.unravel_index(int(where.argmax()), where.shape))
    if where[i, j, k] <= 0:
        return None
    x, y, z, _ = breasts.affine @ (i, j, k, 1)
    return float(x), float(y), float(z)


def seed_near(enhancement: Enhancement, point_mm: tuple[float, float, float]) -> Index | None:
    """The enhancing voxel within 5 mm (or a voxel) of a point that takes up most; None where nothing enhances there."""
    near = ball(enhancement, enhancement.index_of(point_mm), _SEED_MM)
    enhancing = near & (enhancement.uptake_percent >= ENHANCING_PERCENT)
    if not enhancing.any():
        return None
    i, j, k = np.unravel_index(int(np.where(enhancing, enhancement.difference, -np.inf).argmax()), near.shape)
    return int(i), int(j), int(k)


def extents_mm(enhancement: Enhancement, tissue: Mask) -> tuple[float, float, float]:
    """Width along the patient's left-right, anterior-posterior and foot-head axes, from edge to edge of its voxels."""
    points = _points_mm(enhancement, tissue)
    voxel = np.abs(enhancement.affine[:3, :3]).max(axis=1)
    x, y, z = (points.max(axis=1) - points.min(axis=1) + voxel).tolist()
    return x, y, z


def _points_mm(enhancement: Enhancement, tissue: Mask) -> NDArray[np.float64]:
    """(3, n) LPS centres of the voxels."""
    return np.asarray(enhancement.affine[:3, :3] @ np.argwhere(tissue).T + enhancement.affine[:3, 3:])


def nearest_mm(enhancement: Enhancement, tissue: Mask, distance_mm: Array, breasts: BreastMask) -> float:
    """Shortest distance of the tissue to what a map of the breast mask's grid measures."""
    return float(sampled(distance_mm, breasts.affine, _points_mm(enhancement, tissue)).min())


def leaks_of(
    enhancement: Enhancement, tissue: Mask, extent_mm: tuple[float, float, float], skin_mm: float, chest_wall_mm: float
) -> tuple[Leak, ...]:
    """Why the tissue may be more than one lesion."""
    return tuple(_leaks(enhancement, tissue, extent_mm, skin_mm, chest_wall_mm))


def _leaks(
    enhancement: Enhancement, tissue: Mask, extent_mm: tuple[float, float, float], skin_mm: float, chest_wall_mm: float
) -> Iterator[Leak]:
    if chest_wall_mm <= _TOUCHING_MM:
        yield Leak.CHEST_WALL
    if skin_mm <= _TOUCHING_MM:
        yield Leak.SKIN
    box = ndimage.find_objects(tissue.astype(np.uint8))[0]
    inside = np.pad(tissue[box], 1)
    step = min(enhancement.spacing_mm)
    thickness = 2 * float(ndimage.distance_transform_edt(inside, sampling=enhancement.spacing_mm).max()) - step
    longest = _longest_mm(enhancement, tissue)
    if longest > _VESSEL_RATIO * max(thickness, step):
        yield Leak.VESSEL
    filled = tissue.sum() * 1000 * enhancement.voxel_ml / np.prod(extent_mm)
    if max(extent_mm) > _DIFFUSE_MM and filled < _DIFFUSE_SHARE:
        yield Leak.DIFFUSE


def _longest_mm(enhancement: Enhancement, tissue: Mask) -> float:
    """Length along the main axis of the tissue."""
    points = _points_mm(enhancement, tissue)
    centred = points - points.mean(axis=1, keepdims=True)
    if centred.shape[1] < 3:
        return float(max(enhancement.spacing_mm))
    _, axes = np.linalg.eigh(centred @ centred.T)
    along = axes[:, -1] @ centred
    return float(np.ptp(along))
