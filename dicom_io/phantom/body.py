"""The simulated patient: everything that differs from one to the next, drawn at random; lengths in LPS mm."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from dicom_io.phantom.grid import Float
from dicom_io.phantom.spec import Breasts, Lesion, Millimetres, Position
from dicom_io.phantom.tissue import Rng, Tissue

Points = tuple[Float, Float, Float]


@dataclass(frozen=True, slots=True)
class Breast:
    """An ellipsoid that leaves the chest wall; the nipple is its most anterior point.

    Parameters
    ----------
    centre_mm, semi_axes_mm
        Of the ellipsoid, LPS.
    density
        0 almost entirely fat to 1 extremely dense.
    """

    centre_mm: Millimetres
    semi_axes_mm: Millimetres
    density: float

    @property
    def nipple_mm(self) -> Millimetres:
        x, y, z = self.centre_mm
        return (x, y - self.semi_axes_mm[1], z)


@dataclass(frozen=True, slots=True, eq=False)
class LesionShape:
    """A star-shaped lesion: its radius depends on direction.

    Parameters
    ----------
    bumps
        (n, 5) unit vector, height relative to the radius, sharpness; broad ones are lobes, sharp ones spicules.
    stretch
        Radius multiplier along x, y, z.
    rim
        Thickness of the rim relative to the radius.
    """

    centre_mm: Millimetres
    radius_mm: float
    stretch: Millimetres
    bumps: NDArray[np.float32]
    rim: float


@dataclass(frozen=True, slots=True)
class Ellipsoid:
    """A small ellipsoid: a cyst or a lymph node."""

    tissue: Tissue
    centre_mm: Millimetres
    semi_axes_mm: Millimetres


@dataclass(frozen=True, slots=True, eq=False)
class _Texture:
    """Periodic smooth noise, mean 0 and standard deviation 1; `pitch_mm` apart on a cube."""

    lattice: Float
    pitch_mm: float

    def at(self, points: Points, offset: float = 0.0, stretch: float = 1.0) -> Float:
        """Values at positions; another offset (in lattice steps) gives another, independent texture."""
        step = np.float32(1 / (self.pitch_mm * stretch))
        where = np.stack([c * step + np.float32(offset) for c in points])
        values: Float = map_coordinates(self.lattice, where, order=1, mode="grid-wrap")
        return values


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """Everything that differs from patient to patient."""

    breasts: tuple[Breast, ...]
    lesion: LesionShape | None
    cysts_and_nodes: tuple[Ellipsoid, ...]
    coarse: _Texture
    fine: _Texture
    enhancement: float
    fat_failure: float


def draw_body(rng: Rng, lesion: Lesion, breasts: Breasts, position: Position) -> Body:
    """One patient with such a lesion, breasts and position; every draw comes from `rng`."""
    density = float(rng.uniform(0.1, 0.9))
    size = float(rng.uniform(0.9, 1.1))
    pair = (_draw_breast(rng, -1, density, size, position), _draw_breast(rng, +1, density, size, position))
    present = {Breasts.BOTH: pair, Breasts.RIGHT: pair[:1], Breasts.LEFT: pair[1:]}[breasts]
    bearer = present[int(rng.integers(len(present)))]
    shape = _draw_lesion(rng, lesion, bearer)
    cysts = tuple(_draw_cyst(rng, present[int(rng.integers(len(present)))]) for _ in range(int(rng.integers(0, 4))))
    nodes = tuple(_draw_node(rng, side) for side in (-1, 1))
    return Body(
        breasts=present,
        lesion=shape,
        cysts_and_nodes=tuple(cyst for cyst in cysts if clear_of(shape, cyst)) + nodes,
        coarse=draw_texture(rng, pitch_mm=6.0, sigma=1.1),
        fine=draw_texture(rng, pitch_mm=1.7, sigma=1.0),
        enhancement=float(rng.beta(1.3, 3.0)),
        fat_failure=float(rng.uniform(0.02, 0.10)),
    )


def resized(body: Body, lesion_scale: float) -> Body:
    """The same patient whose lesion has another radius."""
    shape = body.lesion
    if shape is None or lesion_scale == 1.0:
        return body
    return replace(body, lesion=replace(shape, radius_mm=shape.radius_mm * lesion_scale))


def _draw_breast(rng: Rng, side: int, density: float, size: float, position: Position) -> Breast:
    """One breast: prone it hangs, supine it spreads on the chest. side : -1 right, +1 left."""
    jitter = rng.uniform(0.95, 1.05, 3)
    if position is Position.PRONE:
        centre, axes = (side * 80.0, 26.0, 0.0), np.array([60.0, 98.0, 64.0])
    else:
        centre, axes = (side * 88.0, 32.0, 0.0), np.array([70.0, 58.0, 68.0])
    x, y, z = (float(v) for v in axes * jitter * size)
    return Breast(centre, (x, y, z), float(np.clip(density + rng.normal(0, 0.05), 0.0, 1.0)))


def _draw_lesion(rng: Rng, kind: Lesion, breast: Breast) -> LesionShape | None:
    """A lesion in the gland: malignant ones are irregular and spiculated, benign ones oval and smooth."""
    if kind is Lesion.NONE:
        return None
    malignant = kind is Lesion.MALIGNANT
    radius = float(rng.uniform(7.5, 14.0) if malignant else rng.uniform(7.0, 13.5))
    angle, out = rng.uniform(0, 2 * np.pi), rng.uniform(0.08, 0.52)
    depth = rng.uniform(0.35, 0.62)  # of the way from the nipple to the ellipsoid's middle
    offset = np.array([np.cos(angle) * out, -(1 - depth), np.sin(angle) * out]) * breast.semi_axes_mm
    x, y, z = (float(v) for v in np.array(breast.centre_mm) + offset)
    if malignant:
        bumps = np.concatenate([_bumps_of(rng, 7, (-0.22, 0.32), 5.0), _bumps_of(rng, 16, (0.35, 0.95), 70.0)])
        stretch = tuple(float(v) for v in rng.uniform(0.85, 1.1, 3))
    else:
        bumps = _bumps_of(rng, 4, (-0.05, 0.05), 2.5)
        stretch = tuple(float(v) for v in rng.permutation([1.15, 1.0, 0.75]))
    return LesionShape((x, y, z), radius, (stretch[0], stretch[1], stretch[2]), bumps, float(rng.uniform(0.25, 0.5)))


def _bumps_of(rng: Rng, count: int, heights: tuple[float, float], sharpness: float) -> NDArray[np.float32]:
    """Directions spread over the sphere, each with a height and a sharpness."""
    directions = rng.standard_normal((count, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    height = rng.uniform(*heights, (count, 1))
    return np.hstack([directions, height, np.full((count, 1), sharpness)]).astype(np.float32)


def _draw_cyst(rng: Rng, breast: Breast) -> Ellipsoid:
    centre = np.array(breast.centre_mm) + rng.uniform(-0.5, 0.5, 3) * breast.semi_axes_mm
    centre[1] = breast.centre_mm[1] - rng.uniform(0.2, 0.7) * breast.semi_axes_mm[1]
    axes = rng.uniform(2.0, 6.0) * rng.uniform(0.8, 1.2, 3)
    return Ellipsoid(Tissue.CYST, _triple(centre), _triple(axes))


def _draw_node(rng: Rng, side: int) -> Ellipsoid:
    """A lymph node in the axilla."""
    centre = np.array([side * 138.0, 48.0, 62.0]) + rng.uniform(-5, 5, 3)
    return Ellipsoid(Tissue.NODE, _triple(centre), _triple(np.array([5.0, 4.0, 8.0]) * rng.uniform(0.7, 1.1)))


def clear_of(lesion: LesionShape | None, each: Ellipsoid) -> bool:
    """Whether a cyst keeps its distance from the lesion."""
    if lesion is None:
        return True
    distance = np.linalg.norm(np.subtract(each.centre_mm, lesion.centre_mm))
    return bool(distance > 1.8 * lesion.radius_mm + max(each.semi_axes_mm))


def draw_texture(rng: Rng, *, pitch_mm: float, sigma: float) -> _Texture:
    """A periodic texture. sigma : of its smoothing, in lattice steps."""
    noise = gaussian_filter(rng.standard_normal((64, 64, 64), dtype=np.float32), sigma, mode="wrap")
    return _Texture(noise / noise.std(), pitch_mm)


def _triple(values: NDArray[np.float64]) -> Millimetres:
    x, y, z = (float(v) for v in values)
    return x, y, z
