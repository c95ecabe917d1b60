"""Subtraction, interpolation in time, and standardisation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mome_core.preprocessing.recipe import Recipe, StatisticsOver

_Array = NDArray[np.float32]
_Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Statistics:
    """What standardisation found in one modality.

    Parameters
    ----------
    means, sigmas
        In the source's values; one each for all channels, or one per channel.
    finite
        Whether every voxel was a finite number; those that were not became zero.
    constant
        Whether there was no variation at all, so that nothing but zeros is left.
    """

    means: tuple[float, ...]
    sigmas: tuple[float, ...]
    finite: bool
    constant: bool


def phase_weights(found: int, wanted: int) -> NDArray[np.float64]:
    """(wanted, found) weights that interpolate phases linearly over their index, end points kept.

    The paper's first-order spline in grid-constant mode is `scipy.ndimage.zoom(order=1)` on the phase axis: 5 phases
    to 6 lie at 0, 0.8, 1.6, 2.4, 3.2 and 4 (scipy.ndimage.zoom, order 1). A single phase is repeated.
    """
    at = np.linspace(0.0, found - 1, wanted) if wanted > 1 else np.zeros(1)
    return np.asarray(np.maximum(0.0, 1.0 - np.abs(at[:, None] - np.arange(found)[None, :])))


def standardise(array: _Array, mask: _Mask, recipe: Recipe) -> Statistics:
    """Take out mean and sigma in place and put zeros outside of the mask.

    Parameters
    ----------
    array
        (channel, axis0, axis1, slice).
    mask
        (axis0, axis1, slice).
    """
    finite = bool(np.isfinite(array).all())
    if not finite:
        np.nan_to_num(array, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    groups = list(array[:, None]) if recipe.statistics_per_phase else [array]
    moments = [_moments(group, mask, recipe.statistics_over) for group in groups]
    means, sigmas = zip(*moments, strict=True)
    array -= np.array(means, np.float32)[:, None, None, None]
    array /= np.array([sigma or 1.0 for sigma in sigmas], np.float32)[:, None, None, None]
    array *= mask
    constant = not any(sigmas)
    if constant:
        array[:] = 0.0
    return Statistics(means, sigmas, finite, constant)


def _moments(group: _Array, mask: _Mask, over: StatisticsOver) -> tuple[float, float]:
    """Mean and sigma of (channel, axis0, axis1, slice); sigma 0 where rounding is all that varies."""
    values = group[:, mask] if over is StatisticsOver.MASK else group
    if values.size == 0:
        return 0.0, 0.0
    mean = float(values.mean(dtype=np.float64))
    sigma = float(values.std(dtype=np.float64))
    return mean, sigma if sigma > 1e-6 * max(1.0, abs(mean)) else 0.0
