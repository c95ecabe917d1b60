"""Which material lies where in the detailed patient, as shares of voxels.

A surface is a signed distance in mm, negative inside. How much of a voxel lies inside follows from how far the
surface's distance changes across that voxel, whatever its orientation: the sum of the distance's steps along the three
edges. Skin that crosses thick slices at a slant is therefore spread over them, as in a scanner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dicom_io.phantom.body import Points
from dicom_io.phantom.composition import ellipsoid, smooth_union
from dicom_io.phantom.detailed.breast import BreastShape
from dicom_io.phantom.detailed.chest import CHEST_AXES, CHEST_MIDDLE, organs
from dicom_io.phantom.detailed.fields import Deformation
from dicom_io.phantom.detailed.materials import Material
from dicom_io.phantom.detailed.patient import DetailedPatient
from dicom_io.phantom.detailed.threads import Threads
from dicom_io.phantom.grid import Float, SamplingGrid
from dicom_io.phantom.spec import Millimetres

_Where = NDArray[np.intp]
_SKIN_MM = 2.0
_FAT_ON_CHEST_MM = 13.0
_SLICE_PROFILE = 1.6  # slices of a three-dimensional acquisition see more than their spacing (slice resolution 60 %)


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """What the voxels of a slab that hold any tissue are made of.

    Parameters
    ----------
    where
        Their indices in the slab, flat in (column, row, slice) order.
    shares
        (materials, voxels)
    breasts
        (left and right, voxels) share of the voxel in each breast.
    lesion
        (voxels,) share of the voxel within the extent of a lesion.
    points
        Their positions.
    """

    where: _Where
    shares: Float
    breasts: Float
    lesion: Float
    points: Points


class _Layers:
    """Materials take their share of what is still free, from the front to the back."""

    __slots__ = ("free", "shares")

    def __init__(self, inside: Float) -> None:
        self.shares = np.zeros((len(Material), inside.size), np.float32)
        self.free = inside.copy()

    def lay(self, material: Material, share: Float | float, where: _Where | slice = slice(None)) -> None:
        taken = self.free[where] * share
        self.shares[material, where] += taken
        self.free[where] -= taken


def mix(patient: DetailedPatient, grid: SamplingGrid, slab: slice, distortion: Deformation | None = None) -> Mixture:
    """Material shares of the voxels of some slices; a distorted image shows other positions than it should."""
    shape = grid.slab_shape(slab)
    points = grid.points(slab)
    distortions = (patient.deformation, *filter(None, [distortion]))
    placed = patient.deformation.moved(distortion.moved(points) if distortion else points)
    surface = _skin_surface(patient, placed)
    width = _width(surface.reshape(shape), grid).ravel()
    where = np.flatnonzero(surface < 0.5 * width)
    here = _Voxels(_at(placed, where), np.arange(len(where)), float(np.prod(grid.spacing_mm) ** (1 / 3)))
    surface, width = surface[where], width[where]
    layers = _Layers(_share(surface, width))
    chest_surface = ellipsoid(here.points, CHEST_MIDDLE, (*_chest_axes(patient), None))
    chest = _share(chest_surface, np.float32(here.width_mm))
    breast_width = np.float32(here.width_mm)
    regions = [_share(_breast_surface(each, here.points) - np.float32(3), breast_width) for each in patient.breasts]
    breasts = np.zeros((2, len(where)), np.float32)
    for each, region in zip(patient.breasts, regions, strict=True):
        breasts[0 if each.is_left else 1] = layers.free * (1 - chest) * region
    _lay_nipples(layers, patient, here)
    under, whole = _share(surface + np.float32(_SKIN_MM), width), _share(surface, width)
    layers.lay(Material.SKIN, np.asarray(1 - under / np.maximum(whole, 1e-6), np.float32))
    within = np.flatnonzero(chest)
    for material, share in organs(_at(here.points, within), here.width_mm, patient.torso):
        layers.lay(material, chest[within] * share, within)
    lesion = np.zeros(len(where), np.float32)
    soft = np.flatnonzero(layers.free > 1e-4)
    inner = here.some(soft)
    _lay_lesions(layers, patient, inner, lesion)
    _lay_threads(layers, patient, (grid, slab, where), distortions)
    _lay_blobs(layers, patient, inner)
    _lay_gland(layers, patient, inner, -surface[soft])
    layers.lay(Material.FAT_UNSUPPRESSED, _fat_failure(patient, here.points))
    layers.lay(Material.FAT, 1.0)
    return Mixture(where, layers.shares, breasts, lesion, _at(points, where))


@dataclass(frozen=True, slots=True, eq=False)
class _Voxels:
    """Some voxels: positions, their columns in the table of shares, and the geometric mean of their edges."""

    points: Points
    where: _Where
    width_mm: float

    def some(self, chosen: _Where) -> _Voxels:
        return _Voxels(_at(self.points, chosen), self.where[chosen], self.width_mm)

    def near(self, centre: Millimetres, reach_mm: float) -> _Voxels:
        """Those within a cube around a centre."""
        inside = np.abs(self.points[0] - np.float32(centre[0])) < reach_mm
        for axis in (1, 2):
            inside &= np.abs(self.points[axis] - np.float32(centre[axis])) < reach_mm
        return self.some(np.flatnonzero(inside))


def _at(points: Points, where: _Where) -> Points:
    return points[0][where], points[1][where], points[2][where]


def _share(distance: Float, width: Float | np.float32) -> Float:
    """Share of a voxel inside a surface; `width` is how far the distance changes across the voxel."""
    share: Float = np.clip(0.5 - distance / width, 0, 1)
    return share


def _width(surface: Float, grid: SamplingGrid) -> Float:
    """How far a signed distance changes across what each voxel sees, and at least a third of its shortest edge."""
    total = np.full(surface.shape, 1e-3, np.float32)
    for axis in range(3):
        if surface.shape[axis] > 1:
            blur = np.float32(_SLICE_PROFILE if axis == 2 else 1)
            total += blur * np.abs(np.gradient(surface, axis=axis)).astype(np.float32)
    return np.clip(total, min(grid.spacing_mm) / 3, 2 * sum(grid.spacing_mm))


def _chest_axes(patient: DetailedPatient) -> tuple[float, float]:
    return CHEST_AXES[0] * patient.torso, CHEST_AXES[1] * patient.torso


def _skin_surface(patient: DetailedPatient, points: Points) -> Float:
    """Signed distance to the outside of the skin: torso, breasts and nipples."""
    wide, deep = _chest_axes(patient)
    axes = (wide + _FAT_ON_CHEST_MM + 6, deep + _FAT_ON_CHEST_MM, None)
    surface = ellipsoid(points, CHEST_MIDDLE, axes)
    for breast in patient.breasts:
        surface = smooth_union(surface, _breast_surface(breast, points), 22.0)
        surface = smooth_union(surface, ellipsoid(points, breast.nipple_mm, (5.0, 6.0, 5.0)), 7.0)
    return surface


def _in_breast(breast: BreastShape, points: Points) -> Points:
    """Positions in the breast's own coordinates, -1 to 1 along each semi-axis; -y is towards the nipple."""
    x, y, z = (
        (c - np.float32(m)) * np.float32(1 / a)
        for c, m, a in zip(points, breast.centre_mm, breast.semi_axes_mm, strict=True)
    )
    forward = np.clip(-y, 0, 1.2)
    narrow = 1 / (1 - np.float32(breast.cone) * forward)
    return (x - np.float32(breast.lean[0]) * forward) * narrow, y, (z - np.float32(breast.lean[1]) * forward) * narrow


def _breast_surface(breast: BreastShape, points: Points) -> Float:
    a, b, c = (np.float32(1 / each) for each in breast.semi_axes_mm)
    x, y, z = _in_breast(breast, points)
    level = np.sqrt(x * x + y * y + z * z + np.float32(1e-6))
    slope = np.sqrt((x * a) ** 2 + (y * b) ** 2 + (z * c) ** 2 + np.float32(1e-12))
    distance: Float = (level - 1) * level / slope
    return distance


def _lay_nipples(layers: _Layers, patient: DetailedPatient, voxels: _Voxels) -> None:
    for breast in patient.breasts:
        near = voxels.near(breast.nipple_mm, 12.0)
        nipple = ellipsoid(near.points, breast.nipple_mm, (4.5, 5.5, 4.5))
        layers.lay(Material.NIPPLE, 0.85 * _share(nipple, np.float32(near.width_mm)), near.where)


def _lay_lesions(layers: _Layers, patient: DetailedPatient, voxels: _Voxels, extent: Float) -> None:
    """Septa, core and rim of every lesion; writes the share of each voxel in a lesion into `extent`."""
    for lesion in patient.lesions:
        near = voxels.near(lesion.centre_mm, lesion.reach_mm + voxels.width_mm)
        whole, solid, core, septa = lesion.parts(near.points, patient.texture, near.width_mm)
        layers.lay(Material.LESION_SEPTUM, septa * solid, near.where)
        layers.lay(Material.LESION_CORE, core * solid, near.where)
        layers.lay(Material.LESION_RIM, solid, near.where)
        extent[near.where] = np.maximum(extent[near.where], whole)


def _lay_threads(
    layers: _Layers,
    patient: DetailedPatient,
    place: tuple[SamplingGrid, slice, _Where],
    distortions: Sequence[Deformation],
) -> None:
    """Spicules, vessels and ducts."""
    grid, slab, where = place
    columns = np.full(int(np.prod(grid.slab_shape(slab))), -1, np.intp)
    columns[where] = np.arange(len(where))
    for each in (*filter(None, [patient.spicules]), *patient.strands):
        x, y, z = each.points_mm.T
        for deformation in distortions:
            x, y, z = deformation.moved((x, y, z), -1.0)
        moved = Threads(each.material, np.stack([x, y, z], axis=1), each.volumes_mm3)
        voxels, share = moved.shares(grid, slab)
        inside = columns[voxels] >= 0
        layers.lay(each.material, share[inside], columns[voxels[inside]])


def _lay_blobs(layers: _Layers, patient: DetailedPatient, voxels: _Voxels) -> None:
    for each in patient.blobs:
        near = voxels.near(each.centre_mm, max(each.semi_axes_mm) + 2 * voxels.width_mm)
        surface = ellipsoid(near.points, each.centre_mm, each.semi_axes_mm)
        layers.lay(each.material, _share(surface, np.float32(near.width_mm)), near.where)


def _lay_gland(layers: _Layers, patient: DetailedPatient, voxels: _Voxels, depth: Float) -> None:
    """Gland that follows a 1/f^b field, some of it enhancing, and ligaments through fat and gland. depth : mm."""
    for breast in patient.breasts:
        position = _in_breast(breast, voxels.points)
        x, y, z = position
        chosen = np.flatnonzero((x * x + y * y + z * z < 1.1) & (depth > 1.5))
        part, under = voxels.some(chosen), depth[chosen]
        offset = 0.0 if breast.is_left else 31.4
        texture = _texture(patient, part, offset)
        gland = _gland_share(breast, _at(position, chosen), texture) * np.clip((under - 4) * np.float32(0.25), 0, 1)
        level = patient.texture.at(part.points, offset + 17.3, (2.0, 2.0, 2.0))
        active = np.clip(np.float32(patient.enhancing_share) * (1 + np.float32(0.9) * level), 0, 1)
        sheets = patient.sheets.at(part.points, offset)
        layers.lay(Material.GLAND_ENHANCING, gland * active, part.where)
        layers.lay(Material.GLAND, gland * (1 - active) / (1 - gland * active + np.float32(1e-6)), part.where)
        layers.lay(Material.LIGAMENT, _sheet_share(sheets, part.width_mm), part.where)


def _texture(patient: DetailedPatient, voxels: _Voxels, offset: float) -> Float:
    """The 1/f^b field, with finer detail where voxels are small enough to show it: 1/f^b looks alike at every scale."""
    texture = patient.texture.at(voxels.points, offset)
    fine = np.clip((3.0 - voxels.width_mm) / 1.5, 0, 1)
    if fine > 0:
        texture = texture + np.float32(0.3 * fine) * patient.texture.at(voxels.points, offset + 9.7, (0.15,) * 3)
    return texture


def _gland_share(breast: BreastShape, position: Points, texture: Float) -> Float:
    """Share of gland: a cone behind the nipple with an edge that the texture tears, the larger the denser."""
    x, y, z = position
    radial = np.sqrt(x * x + z * z) * np.float32(1.75 - 0.85 * breast.glandular)
    ahead = np.clip((-y - np.float32(0.40)) * np.float32(1.6), -1.2, 1)
    potential = np.float32(0.10 + 0.75 * breast.glandular) - radial - ahead * ahead * np.float32(0.7)
    share: Float = np.clip(np.float32(0.5) + (potential + np.float32(0.42) * texture) * np.float32(1.1), 0, 1)
    return share


def _sheet_share(field: Float, width_mm: float) -> Float:
    """Share of sheets 0.7 mm thick at the zeros of a wavy field, whose slope there is about 1 in 4 mm."""
    distance = np.abs(field) * np.float32(4.0)
    thickness = np.float32(min(0.7 / width_mm, 0.8))
    share: Float = thickness * np.clip(1.2 - distance / np.float32(width_mm), 0, 1)
    return share


def _fat_failure(patient: DetailedPatient, points: Points) -> Float:
    """Share of fat that keeps its signal: little in the middle, more at the ends, much where suppression failed."""
    x, y, z = points
    off_centre = (z / 95) ** 2 + (np.abs(x) / 170) ** 4 + np.maximum(y - 30, 0) / 260
    share = np.clip(np.float32(patient.fat_failure) * (0.25 + off_centre * 3), 0, 0.8)
    if patient.failed_side:
        away = ((x - np.float32(95 * patient.failed_side)) / 60) ** 2 + ((y + 20) / 70) ** 2 + ((z + 25) / 45) ** 2
        share = np.maximum(share, np.float32(0.75) * np.exp(-away))
    failed: Float = share.astype(np.float32)
    return failed
