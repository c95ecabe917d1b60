"""Where the chest wall is, slice by slice: the line on which dark fat turns into brighter muscle, on the way inwards.

Each axial slice is unrolled about a pole inside the thorax, so that the wall becomes a line; dynamic programming finds
it under the skin, near the arc that the torso's width and the sternum suggest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mome_core.preprocessing.recipe import BreastRules

_Array = NDArray[np.float32]
_Mask = NDArray[np.bool_]

POLE_BEHIND_STERNUM_MM = 100.0
_SKIN_MM = 4.0  # deeper than this is no skin
ANGLES = np.radians(np.arange(-88.0, 89.0, 2.0))  # 0 is anterior, positive to the patient's left
RADII_MM = np.arange(40.0, 200.0, 1.25)


@dataclass(frozen=True, slots=True, eq=False)
class PolarSampling:
    """Unrolls axial slices about a pole inside the thorax: rows are angles, columns are radii in mm.

    Parameters
    ----------
    middle
        Index of the pole along left.
    depth
        Along posterior, one for each slice.
    """

    middle: float
    depth: NDArray[np.float64]
    voxel_mm: float

    def unroll(self, volume: _Array) -> _Array:
        """(slices, angles, radii) float32."""
        radius = RADII_MM / self.voxel_mm
        x = self.middle + np.sin(ANGLES)[:, None] * radius
        y = -np.cos(ANGLES)[:, None] * radius
        slices = [
            ndimage.map_coordinates(volume[:, :, k], (x, y + depth), order=1) for k, depth in enumerate(self.depth)
        ]
        return np.stack(slices)

    def in_front(self, wall_mm: _Array, footprint: _Mask, shape: tuple[int, ...]) -> _Mask:
        """Voxels beyond the wall on rays of the footprint."""
        x, y = np.ogrid[: shape[0], : shape[1]]
        inside = np.zeros((*shape, len(self.depth)), dtype=bool)
        for k, depth in enumerate(self.depth):
            angle = np.arctan2(x - self.middle, depth - y)
            radius = np.hypot(x - self.middle, y - depth) * self.voxel_mm
            ray = np.clip(np.rint((angle - ANGLES[0]) / (ANGLES[1] - ANGLES[0])), 0, len(ANGLES) - 1).astype(int)
            wall = np.interp(angle, ANGLES, wall_mm[k], left=np.inf, right=np.inf)
            inside[:, :, k] = (radius > wall) & footprint[k][ray]
        return inside


def chest_wall(volume: _Array, body: _Mask, polar: PolarSampling, rules: BreastRules) -> _Array:
    """(slices, angles) radius of the chest wall's front in mm.

    Where fat suppression fails there is little evidence; the wall of the slices around counts more there.
    """
    edge = _wall_evidence(volume, body, polar, rules)
    lines = cheapest_lines(edge, expected_wall(body, polar))
    trust = np.clip(np.take_along_axis(edge, lines[:, :, None], axis=2)[:, :, 0], 0.02, None) ** 2
    step_mm = POLE_BEHIND_STERNUM_MM * (ANGLES[1] - ANGLES[0])
    sigma = (rules.chest_smoothing_mm * 2 / rules.working_mm, rules.chest_smoothing_mm / step_mm)
    total = ndimage.gaussian_filter(trust * RADII_MM[lines], sigma, mode="nearest")
    return np.asarray(total / ndimage.gaussian_filter(trust, sigma, mode="nearest"), dtype=np.float32)


def _wall_evidence(volume: _Array, body: _Mask, polar: PolarSampling, rules: BreastRules) -> _Array:
    """(slices, angles, radii) how much each place looks like fat outside and muscle inside, in units of log brightness.

    Each side is the mean over 6 mm of what lies under the skin; where there is nothing under the skin it is -1.
    """
    depth_mm = ndimage.distance_transform_edt(body, sampling=rules.working_mm).astype(np.float32)
    under_skin = (polar.unroll(depth_mm) > _SKIN_MM).astype(np.float32)
    log = polar.unroll(np.log1p(np.maximum(volume, 0.0))) * under_skin
    along = (8.0 / rules.working_mm, 1.0, 0.0)
    total, count = (ndimage.gaussian_filter(each, along, mode="nearest") for each in (log, under_skin))
    side = 5  # radii of 1.25 mm
    total, count = (ndimage.uniform_filter1d(each, side, axis=2, mode="nearest") for each in (total, count))
    means = total / np.maximum(count, 1e-3)
    shift = side // 2 + 1
    edge = np.roll(means, shift, axis=2) - np.roll(means, -shift, axis=2)
    seen = (np.roll(count, -shift, axis=2) > 0.5) & (under_skin > 0.5)
    return np.where(seen, np.clip(edge, -1.0, 1.0), -1.0).astype(np.float32)


def expected_wall(body: _Mask, polar: PolarSampling) -> _Array:
    """(angles,) radius in mm of an ellipse as wide as the torso that lies under the sternum's skin."""
    rows = np.flatnonzero(body.any(axis=(0, 2)))
    half_mm = np.flatnonzero(body[:, rows[len(rows) // 2] :, :].any(axis=(1, 2))).size * polar.voxel_mm / 2 - 15.0
    depth_mm, front_mm = 0.7 * half_mm, POLE_BEHIND_STERNUM_MM - 15.0
    centre_mm = depth_mm - front_mm  # behind the pole
    angle = np.linspace(-np.pi, np.pi, 721)
    x, y = half_mm * np.sin(angle), depth_mm * np.cos(angle) - centre_mm
    seen = np.arctan2(x, y)
    order = np.argsort(seen)
    return np.asarray(np.interp(ANGLES, seen[order], np.hypot(x, y)[order]), dtype=np.float32)


def cheapest_lines(edge: _Array, expected_mm: _Array) -> NDArray[np.int_]:
    """(slices, angles) index of the radius: lines with most evidence that bend little and stay near the expected.

    Dynamic programming from one end of the angles to the other, all slices at once.
    """
    reach = 3
    far = np.abs(RADII_MM[None, :] - expected_mm[:, None]) / 20.0
    cost = -np.minimum(edge, 0.5) + 0.4 * far**2
    slope = np.rint(np.gradient(expected_mm) / (RADII_MM[1] - RADII_MM[0])).astype(int)
    slices, angles, radii = cost.shape
    total, origin = cost[:, 0], np.zeros(cost.shape, dtype=int)
    for row in range(1, angles):
        steps = slope[row] + np.arange(-reach, reach + 1)
        before = np.arange(radii)[None, :] - steps[:, None]
        inside = np.clip(before, 0, radii - 1)
        price = total[:, inside] + 0.12 * np.abs(steps - slope[row])[:, None]
        price[:, (before < 0) | (before >= radii)] = np.inf
        choice = price.argmin(axis=1)
        origin[:, row] = inside[choice, np.arange(radii)]
        total = cost[:, row] + np.take_along_axis(price, choice[:, None], axis=1)[:, 0]
    lines = np.empty((slices, angles), dtype=int)
    lines[:, -1] = total.argmin(axis=1)
    for row in range(angles - 1, 0, -1):
        lines[:, row - 1] = np.take_along_axis(origin[:, row], lines[:, row, None], axis=1)[:, 0]
    return lines
