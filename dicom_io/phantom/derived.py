"""What the scanner computes by itself: subtractions and maximum intensity projections."""

from __future__ import annotations

import numpy as np

from mome_core.volume import Dynamic, Volume


def subtraction(dynamic: Dynamic, phase: int) -> Volume:
    """A phase minus the pre-contrast phase, negative values cut as scanners do."""
    difference = np.maximum(dynamic.voxels[phase] - dynamic.voxels[0], 0)
    return Volume(difference, dynamic.affine, dynamic.frame_of_reference_uid)


def projection(volume: Volume) -> Volume:
    """Maximum along the slices as one image in the middle of the stack."""
    depth = volume.voxels.shape[2]
    affine = volume.affine.copy()
    affine[:3, 3] += affine[:3, 2] * (depth - 1) / 2
    affine[:3, 2] *= depth
    return Volume(volume.voxels.max(axis=2, keepdims=True), affine, volume.frame_of_reference_uid)
