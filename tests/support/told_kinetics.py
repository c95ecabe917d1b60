"""Kinetic maps made by hand on the grid of a hand-made study."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mome_core.measurements import KineticMaps
from mome_core.results import Result
from mome_core.volume import Volume
from told_measurements import MEASURED


def with_kinetics(result: Result, like: Volume) -> Result:
    """The result with measurements, and a cube that is persistent, plateau and washout along its columns."""
    uptake, change, peak = (np.zeros(like.voxels.shape, np.float32) for _ in range(3))
    types = np.zeros(like.voxels.shape, np.uint8)
    cube = (slice(10, 19), slice(10, 20), slice(3, 7))
    uptake[cube] = 120.0
    for number, (columns, percent, seconds) in enumerate(((slice(10, 13), 25.0, 180.0), (slice(13, 16), 0.0, 90.0),
                                                          (slice(16, 19), -25.0, 0.0)), start=1):  # fmt: skip
        part = (columns, *cube[1:])
        types[part], change[part], peak[part] = number, percent, seconds

    def on_grid(voxels: np.ndarray) -> Volume:
        return Volume(voxels, like.affine, like.frame_of_reference_uid)

    maps = KineticMaps(*(on_grid(each) for each in (uptake, change, peak, types)))
    return replace(result, measurements=replace(MEASURED, not_measured=()), kinetics=maps)
