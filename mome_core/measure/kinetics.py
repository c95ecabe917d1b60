"""Time-signal curves, their types, and maps of both.

The initial phase is the first one after contrast and the delayed phase the last one, so the rule is that of the ACR
BI-RADS Atlas (5th edition, MRI, kinetic curve assessment): a last signal more than 10 % above the first is persistent
(type I), more than 10 % below it washout (type III), else plateau (type II). Of a tissue the most suspicious curve is
told, which separates benign from malignant where the mean does not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mome_core.measure.enhancement import Array, Enhancement, Index, Mask
from mome_core.measurements import (
    ENHANCING_PERCENT,
    PHASE_1_TOLERANCE_PERCENT,
    TYPE_NUMBERS,
    Curve,
    CurveType,
    KineticMaps,
)

_PLACE_MM = 5.0
"""Width of the place whose mean is one curve: some voxels, as readers place regions of interest."""
_LEAST_SHARE_OF_PLACE = 2 / 3


def place_shape(spacing_mm: tuple[float, float, float]) -> Index:
    """Voxels of one place along each axis, odd: at least three in the plane, one across."""
    i, j, k = (2 * round((_PLACE_MM / step - 1) / 2) + 1 for step in spacing_mm)
    return max(3, i), max(3, j), max(1, k)


def curve_in(enhancement: Enhancement, mask: Mask, *, delayed: bool) -> Curve:
    """The curve of the mean signal over some voxels."""
    signal = np.array([float(phase[mask].mean()) for phase in enhancement.phases])
    rise = 100 * (signal / max(signal[0], 1e-6) - 1)
    change = float(100 * (signal[-1] / max(signal[1], 1e-6) - 1)) if delayed else None
    return Curve((0.0, *rise[1:].tolist()), change, int(mask.sum()))


def around(enhancement: Enhancement, index: Index) -> Mask:
    """The place around a voxel, as far as it lies in the breasts; the voxel itself always."""
    mask = np.zeros(enhancement.breasts.shape, dtype=bool)
    reach = [n // 2 for n in place_shape(enhancement.spacing_mm)]
    mask[tuple(slice(max(0, at - r), at + r + 1) for at, r in zip(index, reach, strict=True))] = True
    mask &= enhancement.breasts
    mask[index] = True
    return mask


def worst_place(enhancement: Enhancement, tissue: Mask) -> Mask:
    """The place within the tissue whose signal falls most, or rises least, from the first phase to the last.

    A place has two thirds of its voxels in the tissue, or as many as the fullest one of a small tissue has.
    """
    box = ndimage.find_objects(tissue.astype(np.uint8))[0]
    inside, size = tissue[box].astype(np.float32), place_shape(enhancement.spacing_mm)
    held = _sum_around(inside, size)
    first, last = (_sum_around(enhancement.phases[phase][box] * inside, size) for phase in (1, -1))
    full = min(_LEAST_SHARE_OF_PLACE * float(np.prod(size)), float(held[inside > 0].max()))
    eligible = (inside > 0) & (held >= full - 0.5)
    ratio = np.where(eligible, last / np.maximum(first, 1e-6), np.inf)
    i, j, k = (
        int(at) + edge.start for at, edge in zip(np.unravel_index(ratio.argmin(), ratio.shape), box, strict=True)
    )
    return around(enhancement, (i, j, k)) & tissue


def _sum_around(values: NDArray[np.float32], size: Index) -> Array:
    """Sum over the place around each voxel."""
    mean = ndimage.uniform_filter(np.asarray(values, dtype=np.float32), size, mode="constant")
    return np.asarray(mean * np.prod(size), dtype=np.float32)


def delayed_change_percent(enhancement: Enhancement, enhancing: Mask) -> Array:
    """(columns, rows, slices) change from the first post-contrast phase to the last; zero where nothing enhances."""
    first: Array = enhancement.phases[1].astype(np.float32)
    change = np.zeros_like(first)
    np.divide(100 * (enhancement.phases[-1] - first), first, out=change, where=enhancing & (first > 0))
    return change


def types_of(change_percent: Array, enhancing: Mask) -> NDArray[np.uint8]:
    """The number of each voxel's curve type (TYPE_NUMBERS); zero where nothing enhances."""
    numbers = [TYPE_NUMBERS[each] for each in (CurveType.WASHOUT, CurveType.PLATEAU, CurveType.PERSISTENT)]
    found = np.array(numbers, np.uint8)[
        np.digitize(change_percent, (-PHASE_1_TOLERANCE_PERCENT, PHASE_1_TOLERANCE_PERCENT))
    ]
    return np.asarray(np.where(enhancing, found, np.uint8(0)))


def kinetic_maps(enhancement: Enhancement, times_s: tuple[float, ...], tissue: Mask | None) -> KineticMaps:
    """Maps of the breasts.

    Parameters
    ----------
    times_s
        Of the phases; empty where unknown, and then there is neither a delayed change nor a time to peak.
    """
    uptake = enhancement.in_whole(enhancement.uptake_percent)
    found = None if tissue is None else enhancement.in_whole(tissue)
    if not times_s:
        return KineticMaps(uptake, tissue=found)
    enhancing = enhancement.uptake_percent >= ENHANCING_PERCENT
    change = delayed_change_percent(enhancement, enhancing)
    return KineticMaps(
        uptake,
        enhancement.in_whole(change),
        enhancement.in_whole(_time_to_peak_s(enhancement, times_s, enhancing)),
        enhancement.in_whole(types_of(change, enhancing)),
        found,
    )


def _time_to_peak_s(enhancement: Enhancement, times_s: tuple[float, ...], enhancing: Mask) -> Array:
    """Seconds from the first post-contrast phase to the phase of the highest signal; zero where nothing enhances."""
    peak = enhancement.phases[1].copy()
    found = np.zeros(peak.shape, dtype=np.float32)
    for phase, time_s in zip(enhancement.phases[2:], times_s[2:], strict=True):
        higher = enhancing & (phase > peak)
        found[higher] = time_s
        np.copyto(peak, phase, where=higher)
    return found
