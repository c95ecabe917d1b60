"""Thin things: vessels, ducts, spicules. Each is a set of points with a volume that is shared out among voxels.

A thread is sampled more finely than any voxel, and each sample gives its volume to the eight voxels around it in
proportion to nearness, so that a thin vessel is a smooth line in every orientation and has the same volume on every
grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dicom_io.phantom.detailed.materials import Material
from dicom_io.phantom.grid import Float, SamplingGrid
from dicom_io.phantom.spec import Millimetres
from dicom_io.phantom.tissue import Rng

_Path = NDArray[np.float64]
Vessel = tuple[_Path, NDArray[np.float64]]
"""A smooth path in LPS mm and the radius in mm at each of its points."""
_STEP_MM = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class Threads:
    """Samples of threads of one material.

    Parameters
    ----------
    points_mm
        (n, 3) LPS.
    volumes_mm3
        (n,) of the piece of thread at each sample.
    """

    material: Material
    points_mm: Float
    volumes_mm3: Float

    def shares(self, grid: SamplingGrid, slab: slice) -> tuple[NDArray[np.intp], Float]:
        """Indices of the slab's voxels (flat) that these threads touch, and the share of each that they fill."""
        shape = np.array([*grid.shape[:2], slab.stop - slab.start])
        index = (self.points_mm - grid.affine[:3, 3]) @ np.linalg.inv(grid.affine[:3, :3]).T - [0, 0, slab.start]
        near = ((index > -1) & (index < shape)).all(axis=1)
        corner = np.floor(index[near]).astype(np.intp)
        part = index[near] - corner
        filled = self.volumes_mm3[near] / np.prod(grid.spacing_mm)
        places, shares = [], []
        for step in np.ndindex(2, 2, 2):
            at = corner + step
            inside = ((at >= 0) & (at < shape)).all(axis=1)
            weight = np.prod(np.where(step, part, 1 - part), axis=1) * filled
            places.append(np.ravel_multi_index(tuple(at[inside].T), tuple(shape)))
            shares.append(weight[inside])
        where, inverse = np.unique(np.concatenate(places), return_inverse=True)
        total = np.bincount(inverse, np.concatenate(shares), len(where))
        return where, np.minimum(total, 1).astype(np.float32)


def threads(material: Material, paths: list[Vessel], rng: Rng) -> Threads:
    """Threads along smooth paths; each comes with its radius in mm at every point of the path."""
    pieces = [_filled(path, radius, rng) for path, radius in paths]
    points = np.concatenate([each[0] for each in pieces]) if pieces else np.zeros((0, 3))
    volumes = np.concatenate([each[1] for each in pieces]) if pieces else np.zeros(0)
    return Threads(material, points.astype(np.float32), volumes.astype(np.float32))


def _filled(path: _Path, radius: NDArray[np.float64], rng: Rng) -> tuple[_Path, NDArray[np.float64]]:
    """Samples spread over the cross-section of a thread, and their volumes."""
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    count = max(2, int(np.ceil(along[-1] / _STEP_MM)))
    at = np.linspace(0, along[-1], count)
    centre = np.stack([np.interp(at, along, path[:, axis]) for axis in range(3)], axis=1)
    width = np.interp(at, along, radius)
    spread = 6 if width.max() > 0.7 else 1
    offsets = rng.standard_normal((spread, count, 3)) * (0.45 * width[:, None] * (spread > 1))
    volumes = np.repeat((np.pi * width**2 * along[-1] / count / spread)[None], spread, axis=0)
    return (centre + offsets).reshape(-1, 3), volumes.ravel()


def smooth_path(knots: _Path, count: int = 60) -> _Path:
    """A smooth curve through knots (Catmull-Rom), sampled evenly in its parameter."""
    padded = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    t = np.linspace(0, len(knots) - 1 - 1e-9, count)
    i = t.astype(int)
    u = (t - i)[:, None]
    a, b, c, d = (padded[i + n] for n in range(4))
    curve: _Path = 0.5 * (2 * b + (c - a) * u + (2 * a - 5 * b + 4 * c - d) * u**2 + (3 * b - 3 * c + d - a) * u**3)
    return curve


def vessel_tree(rng: Rng, centre_mm: Millimetres, semi_axes_mm: Millimetres, side: int) -> list[Vessel]:
    """Vessels of one breast: trunks run under the skin from the armpit and the breastbone to the nipple, and branch.

    side : -1 right, +1 left.
    """
    tree = _Tree(rng, np.array(centre_mm), np.array(semi_axes_mm), [])
    for outward in (*([True] * int(rng.integers(2, 4))), *([False] * int(rng.integers(1, 3)))):
        lateral = 0.0 if (side > 0) == outward else np.pi
        ends = (1.5, float(rng.uniform(0.25, 0.55)))
        height, radius = float(rng.uniform(0.80, 0.9)), float(rng.uniform(0.7, 1.4))
        tree.grow(_Branch(lateral + float(rng.uniform(-0.7, 0.9)), ends, height, radius, 0))
    return tree.found


@dataclass(frozen=True, slots=True)
class _Branch:
    """One vessel before it has a path.

    Parameters
    ----------
    azimuth
        About the nipple's axis, radians.
    polar
        Angle from the nipple's axis at its start and its end.
    height
        Part of the way from the breast's middle to the skin.
    depth
        How many branchings lie before it.
    """

    azimuth: float
    polar: tuple[float, float]
    height: float
    radius_mm: float
    depth: int


@dataclass(frozen=True, slots=True, eq=False)
class _Tree:
    """The vessels of one breast as they grow."""

    rng: Rng
    centre: _Path
    axes: _Path
    found: list[Vessel]

    def grow(self, branch: _Branch) -> None:
        """Add one vessel and its branches."""
        rng, knots = self.rng, 6
        way = np.linspace(0, 1, knots)
        azimuth = branch.azimuth + np.cumsum(rng.normal(0, 0.04, knots)) + rng.normal(0, 0.25) * way
        angle = branch.polar[0] + (branch.polar[1] - branch.polar[0]) * way
        sinking = np.cumsum(rng.normal(0, 0.010, knots)) - 0.12 * branch.depth * way
        height = np.clip(branch.height + sinking, 0.3, 0.9)
        around = (np.sin(angle) * np.cos(azimuth), -np.cos(angle), -np.sin(angle) * np.sin(azimuth))
        curve = smooth_path(self.centre + np.stack(around, axis=1) * height[:, None] * self.axes)
        self.found.append((curve, np.linspace(branch.radius_mm, 0.55 * branch.radius_mm, len(curve))))
        for _ in range(int(rng.integers(1, 4)) if branch.depth < 2 else 0):
            at = int(rng.integers(1, knots - 1))
            turned = float(azimuth[at] + rng.choice([-1, 1]) * rng.uniform(0.05, 0.12))
            ends = (float(angle[at]), float(angle[at] * rng.uniform(0.35, 0.8)))
            radius = branch.radius_mm * float(rng.uniform(0.55, 0.75))
            self.grow(_Branch(turned, ends, float(height[at]), radius, branch.depth + 1))
