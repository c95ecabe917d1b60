"""The shape of lesions: masses with lobes and spicules, non-mass enhancement, foci, satellites; lengths in LPS mm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dicom_io.phantom.body import Points
from dicom_io.phantom.detailed.fields import RandomField
from dicom_io.phantom.detailed.materials import Material
from dicom_io.phantom.detailed.population import Histology, LesionForm, LesionTraits, MassShape
from dicom_io.phantom.detailed.threads import Threads, threads
from dicom_io.phantom.grid import Float
from dicom_io.phantom.spec import Millimetres
from dicom_io.phantom.tissue import Rng


@dataclass(frozen=True, slots=True, eq=False)
class LesionGeometry:
    """One lesion: its radius depends on direction.

    Parameters
    ----------
    bumps
        (n, 5) unit vector, height relative to the radius, sharpness.
    stretch
        Radius multiplier along the axes of `frame`.
    frame
        (3, 3) rows are its axes.
    rim
        Thickness of the rim relative to the radius.
    clumps
        0: solid; otherwise how much of the extent is left free, as in non-mass enhancement.
    septa
        (n, 4) normal and offset in mm of dark planes.
    """

    centre_mm: Millimetres
    radius_mm: float
    stretch: Millimetres
    frame: NDArray[np.float32]
    bumps: NDArray[np.float32]
    rim: float
    clumps: float
    septa: NDArray[np.float32]
    seed_offset: float

    @property
    def reach_mm(self) -> float:
        """No voxel of it lies further from its centre along any axis."""
        return self.radius_mm * (1.1 * max(self.stretch) + 0.5) + 1.0

    def parts(self, points: Points, field: RandomField, width_mm: float) -> tuple[Float, Float, Float, Float]:
        """At positions near it: share of the voxel in its extent, in enhancing tissue, in its core, in septa."""
        offset = np.stack([c - np.float32(m) for c, m in zip(points, self.centre_mm, strict=True)])
        distance = np.sqrt((offset * offset).sum(axis=0)) + np.float32(1e-3)
        surface = distance - np.float32(self.radius_mm) * self._radius(offset / distance)
        scale = np.float32(1 / width_mm)
        extent = np.clip(0.5 - surface * scale, 0, 1)
        texture = field.at(points, self.seed_offset)
        wobble = texture * np.float32(0.35 * self.radius_mm)
        core = np.clip(0.5 - (surface + np.float32(self.rim * self.radius_mm) + wobble) * scale, 0, 1)
        solid = extent if not self.clumps else extent * np.clip((texture - np.float32(self.clumps)) * 2 + 0.5, 0, 1)
        return extent, solid, core, self._septa(offset, scale)

    def _radius(self, direction: Float) -> Float:
        """In units of `radius_mm`, along unit vectors (3, n)."""
        turned = self.frame @ direction
        squares = sum((turned[axis] / np.float32(self.stretch[axis])) ** 2 for axis in range(3))
        radius: Float = 1 / np.sqrt(np.maximum(squares, np.float32(1e-6)))
        for *vector, height, sharpness in self.bumps:
            along = sum(direction[axis] * vector[axis] for axis in range(3))
            radius = radius + height * np.exp(sharpness * (along - 1))
        return radius

    def _septa(self, offset: Float, scale: np.float32) -> Float:
        total = np.zeros(offset.shape[1], np.float32)
        for *normal, shift in self.septa:
            plane = np.abs(np.asarray(normal, np.float32) @ offset - shift)
            total = np.maximum(total, np.clip(1 - plane * scale, 0, 1) * np.minimum(0.9 * scale, 1))
        return total


def draw_lesions(rng: Rng, traits: LesionTraits, centre_mm: Millimetres, scale: float) -> tuple[LesionGeometry, ...]:
    """The index lesion, and its satellites within 15 to 45 mm."""
    index = _draw_one(rng, traits, np.array(centre_mm), scale * traits.diameter_mm / 2)
    found = [index]
    for _ in range(traits.satellites):
        direction = rng.standard_normal(3) * (1.0, 0.7, 1.0)
        away = direction / np.linalg.norm(direction) * (rng.uniform(12, 30) + index.radius_mm)
        radius = max(2.0, index.radius_mm * rng.uniform(0.3, 0.65))
        found.append(_draw_one(rng, traits, np.array(centre_mm) + away, radius))
    return tuple(found)


def _draw_one(rng: Rng, traits: LesionTraits, centre: NDArray[np.float64], radius_mm: float) -> LesionGeometry:
    """One lesion at a place."""
    frame = np.linalg.qr(rng.standard_normal((3, 3)))[0].astype(np.float32)
    x, y, z = (float(each) for each in centre)
    base = LesionGeometry(
        (x, y, z), radius_mm, (1, 1, 1), frame, _NO_BUMPS, 0.35, 0.0, np.zeros((0, 4), np.float32), rng.uniform(0, 60)
    )
    if traits.form is LesionForm.NON_MASS:
        return replace(
            base,
            stretch=(1.35, 0.85, float(rng.uniform(0.45, 0.8))),
            bumps=_draw_bumps(rng, 6, (-0.2, 0.3), 4.0),
            clumps=float(rng.uniform(-0.3, 0.25)),
        )
    return replace(
        base,
        stretch=_STRETCH[traits.shape],
        bumps=_draw_bumps(rng, *_BUMPS[traits.shape]),
        rim=float(rng.uniform(0.2, 0.45)),
        septa=_draw_septa(rng, radius_mm) if traits.histology is Histology.FIBROADENOMA else base.septa,
    )


_NO_BUMPS = np.zeros((0, 5), np.float32)
_STRETCH: dict[MassShape, Millimetres] = {
    MassShape.OVAL: (1.2, 1.0, 0.8),
    MassShape.ROUND: (1.0, 1.0, 0.97),
    MassShape.IRREGULAR: (1.15, 0.95, 0.85),
    MassShape.SPICULATED: (1.0, 0.9, 0.85),
}
_BUMPS: dict[MassShape, tuple[int, tuple[float, float], float]] = {
    MassShape.OVAL: (4, (-0.06, 0.06), 2.5),
    MassShape.ROUND: (4, (-0.05, 0.05), 2.5),
    MassShape.IRREGULAR: (12, (-0.25, 0.35), 7.0),
    MassShape.SPICULATED: (14, (-0.2, 0.35), 9.0),
}


def _draw_bumps(rng: Rng, count: int, heights: tuple[float, float], sharpness: float) -> NDArray[np.float32]:
    """Directions spread over the sphere, each with a height and a sharpness."""
    directions = rng.standard_normal((count, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    height = rng.uniform(*heights, (count, 1))
    return np.hstack([directions, height, np.full((count, 1), sharpness)]).astype(np.float32)


def _draw_septa(rng: Rng, radius_mm: float) -> NDArray[np.float32]:
    """Dark planes of a fibroadenoma; two thirds have them (Hochman et al., Radiology 1997;204:123)."""
    if rng.random() > 0.64 or radius_mm < 4:
        return np.zeros((0, 4), np.float32)
    count = int(rng.integers(1, 4))
    normals = rng.standard_normal((count, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return np.hstack([normals, rng.uniform(-0.5, 0.5, (count, 1)) * radius_mm]).astype(np.float32)


def draw_spicules(rng: Rng, traits: LesionTraits, lesions: Sequence[LesionGeometry]) -> Threads:
    """Thin strands that leave a spiculated mass in all directions."""
    paths = []
    if traits.shape is MassShape.SPICULATED and traits.form is LesionForm.MASS:
        for lesion in lesions:
            for _ in range(int(rng.integers(10, 22))):
                direction = rng.standard_normal(3)
                direction /= np.linalg.norm(direction)
                length = lesion.radius_mm * rng.uniform(1.4, 2.1)
                way = np.linspace(0.6 * lesion.radius_mm, length, 12)[:, None]
                bend = rng.standard_normal(3) * 0.08 * (way**2 / length)
                radius = np.linspace(0.11 * lesion.radius_mm, 0.15, 12)
                paths.append((np.array(lesion.centre_mm) + direction * way + bend, np.minimum(radius, 0.9)))
    return threads(Material.LESION_RIM, paths, rng)
