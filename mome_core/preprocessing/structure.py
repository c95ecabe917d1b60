"""Tells an image from noise: neighbouring voxels of anatomy are alike, those of noise or of damaged pixels are not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mome_core.preprocessing.breast_mask import BreastMask
from mome_core.volume import Dynamic, Volume

LEAST_CORRELATION = 0.1  # voxels that changed places have 0.00 to 0.01, those of phantoms more than 0.6
_MOST_SLICES = 16
_FEWEST_PAIRS = 200  # fewer prove nothing: the standard error of a correlation of 0 is 0.07 then


def has_structure(source: Dynamic | Volume, breasts: BreastMask | None) -> bool:
    """Whether a series holds an image; also where too few voxels, or voxels of one value, leave that undecided."""
    found = neighbour_correlation(source, breasts)
    return found is None or found >= LEAST_CORRELATION


def neighbour_correlation(source: Dynamic | Volume, breasts: BreastMask | None) -> float | None:
    """Pearson's correlation of voxels with their neighbours in the slice (autocorrelation at lag one), within [-1, 1].

    Parameters
    ----------
    source
        On the grid on which it was acquired, for resampling makes neighbours alike; of a dynamic the first phase.
    breasts
        Only pairs that lie in a breast count; all do where it is None. At most 16 slices are looked at.

    Returns
    -------
    float or None
        Mean of both directions in the slice; None with fewer than 200 pairs or without variation.
    """
    volume = source.voxels[0] if isinstance(source, Dynamic) else source.voxels
    step = -(-volume.shape[2] // _MOST_SLICES)
    slices = np.asarray(volume[:, :, ::step], np.float32)
    affine = source.affine @ np.diag([1.0, 1.0, float(step), 1.0])
    i, j, k = slices.shape
    inside = np.isfinite(slices)
    if breasts is not None:
        inside &= breasts.on(affine, (i, j, k))
    found = [_correlation(*_pairs(slices, inside, axis)) for axis in (0, 1)]
    known = [each for each in found if each is not None]
    return float(np.mean(known)) if known else None


def _pairs(
    slices: NDArray[np.float32], inside: NDArray[np.bool_], axis: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Values of voxels and of their next neighbours along an axis, where both count."""
    values, counts = np.moveaxis(slices, axis, 0), np.moveaxis(inside, axis, 0)
    both = counts[:-1] & counts[1:]
    return values[:-1][both], values[1:][both]


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float | None:
    if one.size < _FEWEST_PAIRS or not one.std() or not other.std():
        return None
    return float(np.corrcoef(one, other)[0, 1])
