"""Fits, pads and flips the network's arrays as the released code does (data/augmentation.py), and undoes it for maps.

Every function works on the last three axes (axis0, axis1, slice) and leaves leading ones (batch, channel) alone.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from scipy import ndimage

from mome_core.preprocessing.recipe import Size
from mome_core.volume import Voxels

Offset = tuple[int, int, int]
Axes = tuple[int, ...]
Placement = tuple[float, float, float]

CENTRE: Placement = (0.5, 0.5, 0.5)

PLACEMENTS: tuple[Placement, ...] = (CENTRE, *((a, b, c) for a, b, c in product((0.0, 1.0), repeat=3)))
"""Where the array lies in its padding, as a share of the slack of each axis, in the published order p = 0..8."""

FLIPS: tuple[Axes, ...] = ((0,), (1,), (2,), (0, 1), (0, 2), (1, 2))
"""The six published flips in their order f = 0..5: never the identity, never all three axes."""

FLIP_GROUP: tuple[Axes, ...] = ((), *FLIPS, (0, 1, 2))
"""All eight flips: the published ones, the identity, and all three axes."""


def fit_factor(shape: Size, size: Size) -> float:
    """Factor that all axes are resized by: 1, or the smallest of size / shape when any axis exceeds its size."""
    return min(1.0, *(target / n for n, target in zip(shape, size, strict=True)))


def fit(array: Voxels, size: Size) -> Voxels:
    """Shrink by one common factor, linear, end points kept, when any axis exceeds `size`; otherwise the same array."""
    factor = fit_factor(spatial(array), size)
    if factor == 1.0:
        return array
    return np.asarray(ndimage.zoom(array, (1.0,) * (array.ndim - 3) + (factor,) * 3, order=1))


def offset_of(placement: Placement, shape: Size, size: Size) -> Offset:
    """Index at which an array of `shape` begins in a padding of `size`: floor(slack * share) on each axis."""
    i, j, k = (int((target - n) * share) for n, target, share in zip(shape, size, placement, strict=True))
    return i, j, k


def pad(array: Voxels, size: Size, placement: Placement = CENTRE) -> Voxels:
    """Zeros of `size` around the array; `placement` is one of PLACEMENTS (validation and testing: centre)."""
    return pad_at(array, size, offset_of(placement, spatial(array), size))


def pad_at(array: Voxels, size: Size, offset: Offset) -> Voxels:
    """Zeros of `size` with the array beginning at `offset`; ValueError where it does not fit."""
    window = _window(spatial(array), size, offset)
    padded = np.zeros(array.shape[:-3] + size, dtype=array.dtype)
    padded[window] = array
    return padded


def unpad(padded: Voxels, shape: Size, offset: Offset) -> Voxels:
    """The part of a padded map that `pad_at` filled, as a view."""
    part: Voxels = padded[_window(shape, spatial(padded), offset)]
    return part


def flip(array: Voxels, axes: Axes) -> Voxels:
    """Mirror the named spatial axes (0, 1, 2), as a view; it is its own inverse."""
    return np.flip(array, tuple(axis - 3 for axis in axes)) if axes else array


def spatial(array: Voxels) -> Size:
    """(axis0, axis1, slice) of an array with any leading axes."""
    if array.ndim < 3:
        raise ValueError(f"needs three spatial axes, got shape {array.shape}")
    i, j, k = array.shape[-3:]
    return i, j, k


def _window(shape: Size, size: Size, offset: Offset) -> tuple[Any, ...]:
    if any(o < 0 or o + n > target for n, target, o in zip(shape, size, offset, strict=True)):
        raise ValueError(f"an array of {shape} at offset {offset} does not fit into {size}")
    return (..., *(slice(o, o + n) for o, n in zip(offset, shape, strict=True)))
