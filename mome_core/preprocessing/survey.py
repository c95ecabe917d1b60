"""A small copy of each phase along the patient's axes, on which breasts, contrast uptake and motion are measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mome_core.preprocessing.breast_mask import BreastMask
from mome_core.preprocessing.resample import Grid, Sampling
from mome_core.volume import Affine, Dynamic, Volume

_Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """Small copies of every phase along the patient's axes, in which breasts and motion are looked for.

    Parameters
    ----------
    phases
        (phase, left, posterior, superior) float32.
    affine
        (4, 4) from the last three indices to LPS mm.
    """

    phases: _Array
    affine: Affine

    def at(self, voxel_mm: float) -> Survey:
        """The survey with another voxel size."""
        return survey_of(Dynamic(self.phases, self.affine, ""), voxel_mm)


def survey_of(source: Dynamic | Volume, voxel_mm: float) -> Survey:
    """Every phase of a dynamic (or the one of a volume) with equal voxels of that size, averaged where it shrinks."""
    phases = source.voxels if isinstance(source, Dynamic) else source.voxels[None]
    grid = grid_of(source)
    sampling = Sampling.whole(grid, antialias=True).spaced((voxel_mm, voxel_mm, voxel_mm))
    small = np.stack([sampling.take(phase) for phase in phases])
    return Survey(np.nan_to_num(small, copy=False, nan=0.0, posinf=0.0, neginf=0.0), sampling.affine)


def grid_of(source: Dynamic | Volume) -> Grid:
    """Where the source's voxels lie."""
    i, j, k = source.voxels.shape[-3:]
    return Grid((i, j, k), source.affine, source.frame_of_reference_uid)


def enhancement(survey: Survey, breasts: BreastMask) -> tuple[float, ...]:
    """Strongest uptake in the breasts of each post-contrast phase, as a share of their signal before contrast.

    It is the 99th percentile of the difference to the pre-contrast phase over the median of that phase.
    """
    inside = survey.phases[:, breasts.mask]
    before = max(float(np.median(inside[0])), 1e-6)
    return tuple(float(np.percentile(phase - inside[0], 99)) / before for phase in inside[1:])
