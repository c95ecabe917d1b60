"""The simulated patient: which tissue lies where, as smooth functions of position in LPS mm.

A surface is a signed distance in mm, negative inside; a voxel that a surface crosses is mixed, so that edges look the
same on every grid. Tissues are laid from the front to the back: each takes its share of what is still free.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from dicom_io.phantom.grid import Float, SamplingGrid
from dicom_io.phantom.spec import Breasts, Lesion, Millimetres, Position
from dicom_io.phantom.tissue import Rng, Tissue

Points = tuple[Float, Float, Float]


# ---------------------------------------------------------------------------------------------------- the patient


@dataclass(frozen=True, slots=True)
class Breast:
    """An ellipsoid that leaves the chest wall; the nipple is its most anterior point.

    centre_mm, semi_axes_mm : of the ellipsoid, LPS.
    density : 0 almost entirely fat to 1 extremely dense.
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

    bumps : (n, 5) unit vector, height relative to the radius, sharpness; broad ones are lobes, sharp ones spicules.
    stretch : radius multiplier along x, y, z.
    rim : thickness of the rim relative to the radius.
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
class Texture:
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
    balls: tuple[Ellipsoid, ...]
    coarse: Texture
    fine: Texture
    enhancement: float
    fat_failure: float


def draw_body(rng: Rng, lesion: Lesion, breasts: Breasts, position: Position) -> Body:
    """One patient of her kind; every draw comes from `rng`."""
    density = float(rng.uniform(0.1, 0.9))
    size = float(rng.uniform(0.9, 1.1))
    pair = (draw_breast(rng, -1, density, size, position), draw_breast(rng, +1, density, size, position))
    present = {Breasts.BOTH: pair, Breasts.RIGHT: pair[:1], Breasts.LEFT: pair[1:]}[breasts]
    bearer = present[int(rng.integers(len(present)))]
    shape = draw_lesion(rng, lesion, bearer)
    cysts = tuple(draw_cyst(rng, present[int(rng.integers(len(present)))]) for _ in range(int(rng.integers(0, 4))))
    nodes = tuple(draw_node(rng, side) for side in (-1, 1))
    return Body(
        breasts=present,
        lesion=shape,
        balls=tuple(cyst for cyst in cysts if clear_of(shape, cyst)) + nodes,
        coarse=draw_texture(rng, pitch_mm=6.0, sigma=1.1),
        fine=draw_texture(rng, pitch_mm=1.7, sigma=1.0),
        enhancement=float(rng.beta(1.3, 3.0)),
        fat_failure=float(rng.uniform(0.02, 0.10)),
    )


def draw_breast(rng: Rng, side: int, density: float, size: float, position: Position) -> Breast:
    """side : -1 right, +1 left. Prone the breast hangs, supine it spreads on the chest."""
    jitter = rng.uniform(0.95, 1.05, 3)
    if position is Position.PRONE:
        centre, axes = (side * 80.0, 26.0, 0.0), np.array([60.0, 98.0, 64.0])
    else:
        centre, axes = (side * 88.0, 32.0, 0.0), np.array([70.0, 58.0, 68.0])
    x, y, z = (float(v) for v in axes * jitter * size)
    return Breast(centre, (x, y, z), float(np.clip(density + rng.normal(0, 0.05), 0.0, 1.0)))


def draw_lesion(rng: Rng, kind: Lesion, breast: Breast) -> LesionShape | None:
    """Somewhere in the gland; malignant ones are irregular and spiculated, benign ones oval and smooth."""
    if kind is Lesion.NONE:
        return None
    malignant = kind is Lesion.MALIGNANT
    radius = float(rng.uniform(7.5, 14.0) if malignant else rng.uniform(7.0, 13.5))
    angle, out = rng.uniform(0, 2 * np.pi), rng.uniform(0.08, 0.52)
    depth = rng.uniform(0.35, 0.62)  # of the way from the nipple to the ellipsoid's middle
    offset = np.array([np.cos(angle) * out, -(1 - depth), np.sin(angle) * out]) * breast.semi_axes_mm
    x, y, z = (float(v) for v in np.array(breast.centre_mm) + offset)
    if malignant:
        bumps = np.concatenate([bumps_of(rng, 7, (-0.22, 0.32), 5.0), bumps_of(rng, 16, (0.35, 0.95), 70.0)])
        stretch = tuple(float(v) for v in rng.uniform(0.85, 1.1, 3))
    else:
        bumps = bumps_of(rng, 4, (-0.05, 0.05), 2.5)
        stretch = tuple(float(v) for v in rng.permutation([1.15, 1.0, 0.75]))
    return LesionShape((x, y, z), radius, (stretch[0], stretch[1], stretch[2]), bumps, float(rng.uniform(0.25, 0.5)))


def bumps_of(rng: Rng, count: int, heights: tuple[float, float], sharpness: float) -> NDArray[np.float32]:
    """Directions spread over the sphere, each with a height and a sharpness."""
    directions = rng.standard_normal((count, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    height = rng.uniform(*heights, (count, 1))
    return np.hstack([directions, height, np.full((count, 1), sharpness)]).astype(np.float32)


def draw_cyst(rng: Rng, breast: Breast) -> Ellipsoid:
    centre = np.array(breast.centre_mm) + rng.uniform(-0.5, 0.5, 3) * breast.semi_axes_mm
    centre[1] = breast.centre_mm[1] - rng.uniform(0.2, 0.7) * breast.semi_axes_mm[1]
    axes = rng.uniform(2.0, 6.0) * rng.uniform(0.8, 1.2, 3)
    return Ellipsoid(Tissue.CYST, triple(centre), triple(axes))


def draw_node(rng: Rng, side: int) -> Ellipsoid:
    """A lymph node in the axilla."""
    centre = np.array([side * 138.0, 48.0, 62.0]) + rng.uniform(-5, 5, 3)
    return Ellipsoid(Tissue.NODE, triple(centre), triple(np.array([5.0, 4.0, 8.0]) * rng.uniform(0.7, 1.1)))


def clear_of(lesion: LesionShape | None, ball: Ellipsoid) -> bool:
    """Whether a ball keeps its distance from the lesion."""
    if lesion is None:
        return True
    distance = np.linalg.norm(np.subtract(ball.centre_mm, lesion.centre_mm))
    return bool(distance > 1.8 * lesion.radius_mm + max(ball.semi_axes_mm))


def draw_texture(rng: Rng, *, pitch_mm: float, sigma: float) -> Texture:
    """sigma : of the smoothing, in lattice steps."""
    noise = gaussian_filter(rng.standard_normal((64, 64, 64), dtype=np.float32), sigma, mode="wrap")
    return Texture(noise / noise.std(), pitch_mm)


def triple(values: NDArray[np.float64]) -> Millimetres:
    x, y, z = (float(v) for v in values)
    return x, y, z


# ----------------------------------------------------------------------------------------------------- the surfaces


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


SKIN_MM = 2.2
FAT_ON_CHEST_MM = 13.0
CHEST = ((0.0, 124.0, 0.0), (146.0, 100.0, None))
BODY_AXES = (CHEST[1][0] + FAT_ON_CHEST_MM + 6, CHEST[1][1] + FAT_ON_CHEST_MM, None)


def skin_surface(body: Body, points: Points) -> Float:
    """Signed distance to the outside of the skin: torso, breasts and nipples."""
    surface = ellipsoid(points, CHEST[0], BODY_AXES)
    for breast in body.breasts:
        surface = smooth_union(surface, ellipsoid(points, breast.centre_mm, breast.semi_axes_mm), 22.0)
        surface = smooth_union(surface, ellipsoid(points, breast.nipple_mm, (5.5, 6.5, 5.5)), 8.0)
    return surface


def lesion_surface(lesion: LesionShape, points: Points) -> Float:
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


# ------------------------------------------------------------------------------------------------------ the tissues


@dataclass(frozen=True, slots=True, eq=False)
class VoxelSubset:
    """Some voxels of a slab.

    where : their indices in the slab. width_mm : of a voxel, the geometric mean of its edges.
    """

    points: Points
    where: NDArray[np.intp]
    width_mm: float

    def near(self, centre: Millimetres, reach_mm: float) -> VoxelSubset:
        """Those of them within a cube about a centre."""
        inside = np.abs(self.points[0] - np.float32(centre[0])) < reach_mm
        for axis in (1, 2):
            inside &= np.abs(self.points[axis] - np.float32(centre[axis])) < reach_mm
        chosen = np.flatnonzero(inside)
        return VoxelSubset(at(self.points, chosen), self.where[chosen], self.width_mm)

    def inside(self, distance: Float) -> Float:
        """Share of each voxel that lies inside a surface."""
        return coverage(distance, self.width_mm)


def at(points: Points, where: NDArray[np.intp]) -> Points:
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

    shares : (tissues, voxels); breasts : (breasts, voxels) share of the voxel in each breast (0 outside).
    """

    shares: Float
    breasts: Float


def compose(body: Body, grid: SamplingGrid, slab: slice) -> Composition:
    """Tissue shares of the voxels of some slices, flat in (column, row, slice) order."""
    points = grid.points(slab)
    width = float(np.prod(grid.spacing_mm) ** (1 / 3))
    surface = skin_surface(body, points)
    chest_surface = ellipsoid(points, *CHEST)
    inside, chest = coverage(surface, width), coverage(chest_surface, width)
    breasts = [inside * (1 - chest) * coverage(breast, width) for breast in breast_surfaces(body, points)]
    layers = TissueLayers(inside)
    layers.lay(Tissue.SKIN, 1 - coverage(surface + np.float32(SKIN_MM), max(width * 0.6, 1.0)))
    within = np.flatnonzero(chest)
    lay_chest(layers, VoxelSubset(at(points, within), within, width), chest[within])
    soft = np.flatnonzero(layers.free > 1e-4)
    lay_soft_tissue(layers, body, VoxelSubset(at(points, soft), soft, width), -surface[soft])
    return Composition(layers.shares, np.stack(breasts))


def breast_surfaces(body: Body, points: Points) -> list[Float]:
    """Each breast with the fillet at its base."""
    return [ellipsoid(points, breast.centre_mm, breast.semi_axes_mm) - np.float32(3.0) for breast in body.breasts]


def lay_chest(layers: TissueLayers, part: VoxelSubset, chest: Float) -> None:
    """Heart, vessels, spine, sternum, liver, lungs and ribs in a muscular wall. chest : share of the voxel in it."""
    points, inside = part.points, part.inside
    x, y, z = points
    heart = ellipsoid(points, (26, 84, -22), (50, 40, 50))
    wall = ellipsoid(points, CHEST[0], (CHEST[1][0] - 9, CHEST[1][1] - 9, None))
    thorax = ellipsoid(points, CHEST[0], (CHEST[1][0] - 22, CHEST[1][1] - 20, None))
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
        layers.lay(tissue, chest * share, part.where)


def lay_soft_tissue(layers: TissueLayers, body: Body, part: VoxelSubset, depth: Float) -> None:
    """Lesion, nodes, cysts, vessels and gland in fat. depth : mm under the skin."""
    if body.lesion is not None:
        lay_lesion(layers, body.lesion, part)
    for ball in body.balls:
        near = part.near(ball.centre_mm, max(ball.semi_axes_mm) + 2 * part.width_mm)
        layers.lay(ball.tissue, near.inside(ellipsoid(near.points, ball.centre_mm, ball.semi_axes_mm)), near.where)
    coarse, fine = body.coarse.at(part.points), body.fine.at(part.points)
    layers.lay(Tissue.VESSEL, vessel_share(body, part) * (depth > 3), part.where)
    gland = gland_share(body, part.points, coarse, fine) * np.clip((depth - 5) * np.float32(0.2), 0, 1)
    active = np.clip(np.float32(body.enhancement) * (1 + np.float32(0.8) * body.coarse.at(part.points, 40.7)), 0, 1)
    layers.lay(Tissue.PARENCHYMA_ENHANCING, gland * active, part.where)
    layers.lay(Tissue.PARENCHYMA, gland * (1 - active) / (1 - gland * active + np.float32(1e-6)), part.where)
    septa = np.clip(1 - np.abs(fine + coarse) * np.float32(7), 0, 1) * np.float32(0.35) * (depth > 2)
    layers.lay(Tissue.SKIN, septa, part.where)
    layers.lay(Tissue.FAT_UNSUPPRESSED, fat_failure(body, part.points), part.where)
    layers.lay(Tissue.FAT, 1.0, part.where)


def lay_lesion(layers: TissueLayers, lesion: LesionShape, part: VoxelSubset) -> None:
    """The core, and the rim around it."""
    near = part.near(lesion.centre_mm, lesion.radius_mm * 2.6 + part.width_mm)
    surface = lesion_surface(lesion, near.points)
    layers.lay(Tissue.LESION_CORE, near.inside(surface + np.float32(lesion.rim * lesion.radius_mm)), near.where)
    layers.lay(Tissue.LESION_RIM, near.inside(surface), near.where)


def vessel_share(body: Body, part: VoxelSubset) -> Float:
    """Thin tubes: where two slow textures are both zero; their gradient turns value into about mm."""
    one, other = (body.coarse.at(part.points, offset, stretch=2.6) for offset in (21.3, 47.9))
    distance = np.hypot(one, other) * np.float32(22.0)
    return coverage(distance - np.float32(0.9), max(part.width_mm, 1.0))


def gland_share(body: Body, points: Points, coarse: Float, fine: Float) -> Float:
    """Fibroglandular tissue: a ragged cone behind the nipple, the wider the denser the breast."""
    total = np.zeros_like(coarse)
    for breast in body.breasts:
        x, y, z = scaled_to(breast, points)
        radial = np.sqrt(x * x + z * z) * np.float32(1.9 - 0.9 * breast.density)
        ahead = np.clip((-y - np.float32(0.42)) * np.float32(1.7), -1, 1)
        potential = np.float32(0.25 + 0.55 * breast.density) - radial - ahead * ahead * np.float32(0.8)
        potential += np.float32(0.28) * coarse + np.float32(0.20) * fine
        total += np.clip(potential * np.float32(1.7), 0, 1) * ((x * x + y * y + z * z < 1) & (y < 0.35))
    return np.minimum(total, 1)


def scaled_to(breast: Breast, points: Points) -> Points:
    """Positions in the breast's ellipsoid, -1 to 1 along each axis."""
    zipped = zip(points, breast.centre_mm, breast.semi_axes_mm, strict=True)
    x, y, z = ((c - np.float32(middle)) * np.float32(1 / axis) for c, middle, axis in zipped)
    return x, y, z


def fat_failure(body: Body, points: Points) -> Float:
    """Share of fat that keeps its signal: little in the middle, more towards the ends of the shimmed volume."""
    x, y, z = points
    off_centre = (z / 95) ** 2 + (np.abs(x) / 170) ** 4 + np.maximum(y - 30, 0) / 260
    share: Float = np.clip(np.float32(body.fat_failure) * (0.25 + off_centre * 3), 0, 0.8).astype(np.float32)
    return share


def coil_sensitivity(points: Points) -> Float:
    """Receive profile of a breast coil: strong around the breasts, weak in the back."""
    x, y, z = points
    side = (np.abs(x) - np.float32(85)) / 95
    falloff = side * side + ((y + 25) / 120) ** 2 + (z / 150) ** 2
    profile: Float = (np.float32(0.42) + np.float32(0.85) * np.exp(-falloff)).astype(np.float32)
    return profile
