"""Fibroglandular tissue (FGT) and background parenchymal enhancement (BPE) in millilitres; never a BI-RADS letter.

On the fat-suppressed phase before contrast gland is brighter than fat. What is brighter than half-way between the two
is gland; the coil's uneven reception is estimated from both and divided out, and this is repeated. BPE is the FGT that
takes up 20 % or more in the first post-contrast phase. That threshold is our own choice: published programs differ in
it, so numbers of two programs do not compare.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mome_core.measurements import BreastTissue, NotMeasured, NotMeasuredCode
from mome_core.preprocessing.breast_mask import BreastMask
from mome_core.preprocessing.survey import Survey

_Array = NDArray[np.float32]
_Mask = NDArray[np.bool_]

_BACKGROUND_PERCENT = 20.0
_SKIN_MM = 4.0
_RECEPTION_MM = 25.0
_ROUNDS = 4
_FIRST_GUESS = (25.0, 98.0)  # percentiles of brightness: of fat, of gland
_LEAST_RATIO = 2.0
"""Gland to fat; below it fat suppression has failed or was not asked for, and the two cannot be told apart."""


@dataclass(frozen=True, slots=True, eq=False)
class _Gland:
    """Which voxels are gland, and how much brighter than fat gland is."""

    voxels: _Mask
    ratio: float


def breast_tissue(
    survey: Survey, breasts: BreastMask, lesion: _Mask | None, *, smallest_ml: float
) -> tuple[BreastTissue, ...] | NotMeasured:
    """FGT and BPE of each breast that is there, on the survey's grid.

    Parameters
    ----------
    lesion
        The measured tissue on that grid, which is neither.
    smallest_ml
        A side with less tissue than this has no breast.
    """
    inside = breasts.mask
    gland = _gland_of(survey.phases[0], inside & (breasts.to_skin_mm() > _SKIN_MM))
    if gland is None or gland.ratio < _LEAST_RATIO:
        words = "gland is not brighter than fat before contrast: fat is not suppressed, or there is hardly any gland"
        return NotMeasured("breast tissue", NotMeasuredCode.GLAND_NOT_TOLD_APART, words)
    fgt = gland.voxels if lesion is None else gland.voxels & ~lesion
    before = survey.phases[0]
    taken_up = survey.phases[1] - before >= _BACKGROUND_PERCENT / 100 * np.maximum(before, 1e-6)
    voxel_ml = abs(float(np.linalg.det(breasts.affine[:3, :3]))) / 1000
    found = []
    for side, on_side in (("L", breasts.left), ("R", ~breasts.left)):
        breast_ml = float((inside & on_side).sum() * voxel_ml)
        if breast_ml >= smallest_ml:
            ml = (float((part & on_side).sum() * voxel_ml) for part in (fgt, fgt & taken_up))
            found.append(BreastTissue(side, breast_ml, *ml))
    return tuple(found)


def _gland_of(before: _Array, where: _Mask) -> _Gland | None:
    """Gland among fat; None where nothing is left to look at."""
    values = before[where]
    if values.size < 100 or values.max() <= values.min():
        return None
    reception = np.ones_like(before)
    fat, gland = (float(each) for each in np.percentile(values, _FIRST_GUESS))
    for _ in range(_ROUNDS):
        even = before[where] / reception[where]
        bright = even > (fat + gland) / 2
        if bright.any() and not bright.all():
            fat, gland = float(np.median(even[~bright])), float(np.percentile(even[bright], 75))
        reception = _reception(before, where, np.where(bright, gland, max(fat, 1e-6)))
    even = before / np.maximum(reception, 1e-6)
    return _Gland(where & (even > (fat + gland) / 2), gland / max(fat, 1e-6))


def _reception(before: _Array, where: _Mask, expected: NDArray[np.float64]) -> _Array:
    """How much brighter than expected each neighbourhood is; the survey's voxels are 2.5 mm."""
    ratio, weight = np.zeros_like(before), where.astype(np.float32)
    ratio[where] = before[where] / expected
    total, count = (ndimage.gaussian_filter(each, _RECEPTION_MM / 2.5, truncate=2.5) for each in (ratio, weight))
    return np.asarray(np.where(count > 1e-3, total / np.maximum(count, 1e-3), 1.0), dtype=np.float32)
