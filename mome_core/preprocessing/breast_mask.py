"""Finds both breasts on a fat-suppressed volume: what lies between the chest wall and the air, slice by slice.

Each axial slice is unrolled about a point inside the thorax, so that the chest wall becomes a line. On the way inwards
that line is where dark fat turns into brighter muscle; dynamic programming finds it under the skin, near the arc that
the torso's width and the sternum suggest. What lies before it, thicker than the fat over the sternum, is breast. The
stacked slices are smoothed by a 3-D Gaussian (paper, Methods). Prone or supine makes no difference: the patient's axes
are used, and anterior is anterior.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mome_core.case import FIELD_OF_TWO_MM
from mome_core.errors import Ineligibility, StudyIneligible
from mome_core.preprocessing.chest_wall import ANGLES, POLE_BEHIND_STERNUM_MM, RADII_MM, PolarSampling, chest_wall
from mome_core.preprocessing.recipe import BreastRules, Size
from mome_core.volume import Affine, voxel_ml_of

_Array = NDArray[np.float32]
_Mask = NDArray[np.bool_]

_BRIGHT = 210.0  # 99th percentile; log(1 + x) then keeps air and fat apart
_LEAST_SIGNAL_TO_AIR = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class BreastMask:
    """Both breasts on a coarse grid along the patient's axes, to be brought to any other grid.

    Parameters
    ----------
    share
        (left, posterior, superior) float32 in [0, 1]; 0.5 is the surface.
    left
        Which voxels belong to the patient's left side.
    body
        Which voxels belong to the patient and not to the air.
    chest
        The chest wall and what lies behind it.
    affine
        (4, 4) from an index of `share` to LPS mm.
    frame_of_reference_uid
        Of the series on which they were found.
    """

    share: _Array
    left: _Mask
    body: _Mask
    chest: _Mask
    affine: Affine
    frame_of_reference_uid: str = ""

    @property
    def mask(self) -> _Mask:
        return np.asarray(self.share > 0.5)

    @property
    def volumes_ml(self) -> tuple[float, float]:
        """Millilitres of the left and of the right breast."""
        voxel_ml = voxel_ml_of(self.affine)
        return float((self.mask & self.left).sum() * voxel_ml), float((self.mask & ~self.left).sum() * voxel_ml)

    def on(self, affine: Affine, shape: Size) -> _Mask:
        """Which voxels of another grid (index to LPS mm) lie in a breast."""
        index = np.linalg.inv(self.affine) @ affine
        matrix, shift = index[:3, :3], index[:3, 3]
        along_axes = np.allclose(matrix, np.diag(np.diag(matrix)), atol=1e-9)
        share = ndimage.affine_transform(
            self.share, np.diag(matrix) if along_axes else matrix, shift, output_shape=shape, order=1
        )
        return np.asarray(share > 0.5)

    def to_skin_mm(self) -> _Array:
        """(left, posterior, superior) distance of each voxel of the body to the air, mm; half a voxel is the skin."""
        return self._distance_mm(self.body)

    def to_chest_wall_mm(self) -> _Array:
        """(left, posterior, superior) distance of each voxel to the chest wall, mm; zero in it."""
        return self._distance_mm(~self.chest)

    def _distance_mm(self, inside: _Mask) -> _Array:
        """Distance of each voxel to the surface of a mask that it lies in."""
        spacing = np.linalg.norm(self.affine[:3, :3], axis=0)
        found = ndimage.distance_transform_edt(inside, sampling=spacing.tolist())
        return np.asarray(np.maximum(found - spacing.mean() / 2, 0.0), dtype=np.float32)

    def box_on(self, affine: Affine, shape: Size, margin_mm: float) -> tuple[Size, Size] | None:
        """First index and end of the breasts' box plus margin on another grid; None where it does not reach them."""
        inside = np.argwhere(self.mask)
        spacing = np.linalg.norm(self.affine[:3, :3], axis=0)
        low = inside.min(axis=0) - 0.5 - margin_mm / spacing
        high = inside.max(axis=0) + 0.5 + margin_mm / spacing
        corners = np.stack(np.meshgrid(*zip(low, high, strict=True), indexing="ij")).reshape(3, 8)
        index = np.linalg.inv(affine) @ self.affine
        there = index[:3, :3] @ corners + index[:3, 3:]
        first = np.clip(np.floor(there.min(axis=1) + 0.5), 0, shape).astype(int)
        end = np.clip(np.ceil(there.max(axis=1) + 0.5), 0, shape).astype(int)
        if (end <= first).any():
            return None
        (a, b, c), (d, e, f) = first.tolist(), end.tolist()
        return (a, b, c), (d, e, f)


def find_breasts(volume: _Array, affine: Affine, rules: BreastRules) -> BreastMask:
    """The breasts of a volume with axes (left, posterior, superior) and equal voxels of `rules.working_mm`.

    StudyIneligible where there is no body, or nothing in front of the chest wall that could be a breast. A field that
    holds one side of the patient only is looked at together with its mirror image, and by itself if that shows nothing.
    """
    if _is_of_one_side(volume.shape[0], affine, rules):
        with suppress(StudyIneligible):
            return _find_one(volume, affine, rules)
    return _find_both(volume, affine, rules)


def _find_both(volume: _Array, affine: Affine, rules: BreastRules) -> BreastMask:
    volume = _rescaled(volume)
    body = _body_of(volume, rules)
    middle, sternum = _landmarks(body, rules)
    polar = PolarSampling(middle, sternum + POLE_BEHIND_STERNUM_MM / rules.working_mm, rules.working_mm)
    wall_mm = chest_wall(volume, body, polar, rules)
    footprint = _breast_footprint(body, polar, wall_mm, rules)
    mask = body & polar.in_front(wall_mm, footprint, volume.shape[:2])
    chest = body & ~polar.in_front(wall_mm, np.ones_like(footprint), volume.shape[:2])
    share = _smoothed(_keep_large(mask, rules), rules)
    left = _left_of(share, middle, affine, rules)
    found = BreastMask(share, left, body, chest, affine)
    if max(found.volumes_ml) < rules.smallest_breast_ml:
        raise StudyIneligible("no breast was found on the fat-suppressed T1-weighted series", Ineligibility.NO_BREAST)
    return found


def _is_of_one_side(width: int, affine: Affine, rules: BreastRules) -> bool:
    """Whether a field is too narrow for two breasts, and most of it lies on one side of the isocentre (x = 0)."""
    width_mm = width * rules.working_mm
    middle_mm = float(affine[0, 3] + affine[0, 0] * (width - 1) / 2)
    return width_mm < FIELD_OF_TWO_MM and abs(middle_mm) >= width_mm / 4


def _find_one(volume: _Array, affine: Affine, rules: BreastRules) -> BreastMask:
    """The breast of a field of one side: with its mirror image beyond the edge next to the isocentre it is a patient.

    The torso's middle is then at that edge, where `_landmarks` and `expected_wall` look for it.
    """
    width = volume.shape[0]
    is_left = float(affine[0, 3] + affine[0, 0] * (width - 1) / 2) > 0
    mirrored = volume[::-1]
    whole = np.concatenate((mirrored, volume) if is_left else (volume, mirrored))
    origin = affine.copy()
    origin[:3, 3] -= affine[:3, 0] * width * is_left
    found = _find_both(whole, origin, rules)
    here = slice(width, None) if is_left else slice(None, width)
    share = found.share[here]
    return BreastMask(share, np.full(share.shape, is_left), found.body[here], found.chest[here], affine)


def _left_of(share: _Array, middle: float, affine: Affine, rules: BreastRules) -> _Mask:
    """Which voxels are the patient's left: beyond the middle of the body.

    A field too narrow for two breasts has its own middle; there all is of the side of the isocentre (x = 0) on which
    the breast lies.
    """
    if share.shape[0] * rules.working_mm >= FIELD_OF_TWO_MM:
        return np.broadcast_to(np.arange(share.shape[0])[:, None, None] > middle, share.shape)
    inside = np.argwhere(share > 0.5)
    is_left = inside.size > 0 and float((affine @ (*inside.mean(axis=0), 1.0))[0]) > 0
    return np.full(share.shape, is_left)


def _rescaled(volume: _Array) -> _Array:
    """Brightness in the same units whatever the scanner's: some store 0 to 4095, others 0 to 5."""
    bright = float(np.percentile(volume, 99))
    return volume * np.float32(_BRIGHT / bright) if bright > 0 else volume


def _body_of(volume: _Array, rules: BreastRules) -> _Mask:
    """Everything but the air around the patient: the largest piece that is brighter than air, holes filled."""
    smooth = ndimage.gaussian_filter(np.maximum(volume, 0.0), rules.air_smoothing_mm / rules.working_mm)
    measured = smooth[volume > 0]  # some scanners write zeros where they did not measure
    if measured.size == 0 or measured.max() - measured.min() <= 1e-3 * measured.max():
        raise StudyIneligible(
            "no breast was found: the fat-suppressed T1-weighted series shows no body", Ineligibility.NO_BREAST
        )
    threshold = _air_threshold(measured)
    pieces, count = ndimage.label(ndimage.binary_opening(smooth > threshold, iterations=2))
    if not count:
        raise StudyIneligible(
            "no breast was found: the fat-suppressed T1-weighted series shows no body", Ineligibility.NO_BREAST
        )
    largest = pieces == 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
    if np.median(smooth[largest]) < _LEAST_SIGNAL_TO_AIR * np.median(smooth[~largest]):
        raise StudyIneligible(
            "no breast was found: the fat-suppressed T1-weighted series shows noise only", Ineligibility.NO_BREAST
        )
    edge = largest & ~ndimage.binary_erosion(largest, iterations=3, border_value=1)
    sharp = ndimage.gaussian_filter(volume, 0.4)
    largest &= ~edge | (sharp > ndimage.maximum_filter(sharp, size=5) / 2)  # the skin's own half maximum
    for k in range(largest.shape[2]):
        largest[:, :, k] = ndimage.binary_fill_holes(largest[:, :, k])
    return np.asarray(largest)


def _air_threshold(values: _Array) -> float:
    """Half-way between air and the darkest tissue, of three classes of log brightness: air, suppressed fat, the rest.

    The classes are Otsu's (IEEE Trans Syst Man Cybern 1979;9:62).
    """
    logs = np.log1p(values)
    counts, edges = np.histogram(logs, bins=96)
    centres = (edges[:-1] + edges[1:]) / 2
    weight = np.concatenate([[0], np.cumsum(counts)]).astype(float)
    moment = np.concatenate([[0], np.cumsum(counts * centres)])
    low, high = (index + 1 for index in np.triu_indices(95, 1))
    between = np.zeros(len(low))
    for first, end in ((np.zeros_like(low), low), (low, high), (high, np.full_like(low, 96))):
        mass = weight[end] - weight[first]
        between += np.divide((moment[end] - moment[first]) ** 2, mass, out=np.zeros_like(between), where=mass > 0)
    best = int(np.argmax(between))
    air, fat = logs < edges[low[best]], (logs >= edges[low[best]]) & (logs < edges[high[best]])
    return float(np.median(values[air]) + np.median(values[fat if fat.any() else ~air])) / 2


def _landmarks(body: _Mask, rules: BreastRules) -> tuple[float, NDArray[np.float64]]:
    """The body's middle (index along left) and, slice by slice, the skin over the sternum (index along posterior)."""
    rows = np.flatnonzero(body.any(axis=(0, 2)))
    behind = body[:, rows[len(rows) // 2] :, :].any(axis=(1, 2))
    across = np.flatnonzero(behind)
    middle = float(across[0] + across[-1]) / 2
    reach = max(1, round(12.0 / rules.working_mm))
    strip = body[round(middle) - reach : round(middle) + reach + 1]
    skin = np.where(strip.any(axis=1), strip.argmax(axis=1), -1).max(axis=0).astype(float)
    seen = np.flatnonzero(skin >= 0)
    if not seen.size:
        raise StudyIneligible(
            "no breast was found: there is no body in the middle of the field of view", Ineligibility.NO_BREAST
        )
    skin = np.interp(np.arange(len(skin)), seen, skin[seen])
    smooth = ndimage.median_filter(skin, size=max(3, round(25.0 / rules.working_mm)), mode="nearest")
    return middle, np.asarray(ndimage.gaussian_filter1d(smooth, 10.0 / rules.working_mm, mode="nearest"))


def _breast_footprint(body: _Mask, polar: PolarSampling, wall_mm: _Array, rules: BreastRules) -> _Mask:
    """(slices, angles) rays on which the tissue before the wall is thicker than over the sternum by a breast's rim."""
    inside = polar.unroll(body.astype(np.float32)) > 0.5
    beyond = RADII_MM[None, None, :] > wall_mm[:, :, None]
    run = np.where(beyond, inside, True)
    length = np.where(run.all(axis=2), len(RADII_MM), run.argmin(axis=2))
    thickness = np.maximum(RADII_MM[np.minimum(length, len(RADII_MM) - 1)] - wall_mm, 0.0)
    sternum = np.median(thickness[:, np.abs(ANGLES) < np.radians(8.0)])
    thick = thickness > max(float(sternum), 10.0) + rules.rim_mm
    return np.asarray(ndimage.binary_opening(thick, np.ones((3, 3), dtype=bool)))


def _keep_large(mask: _Mask, rules: BreastRules) -> _Mask:
    """The mask without bridges and rims of each slice, and without pieces too small to be a breast."""
    radius = max(1, round(rules.opening_mm / rules.working_mm))
    offsets = np.arange(-radius, radius + 1)
    disc = (offsets[:, None] ** 2 + offsets[None, :] ** 2 <= radius**2)[:, :, None]
    pieces, count = ndimage.label(ndimage.binary_opening(mask, disc))
    sizes_ml = np.bincount(pieces.ravel(), minlength=count + 1) * rules.working_mm**3 / 1000
    sizes_ml[0] = 0.0
    return np.asarray((sizes_ml >= rules.smallest_breast_ml)[pieces])


def _smoothed(mask: _Mask, rules: BreastRules) -> _Array:
    """The stacked slices after a 3-D Gaussian, as shares in [0, 1]."""
    sigma = rules.smoothing_mm / rules.working_mm
    return np.asarray(ndimage.gaussian_filter(mask.astype(np.float32), sigma, mode="nearest"))
