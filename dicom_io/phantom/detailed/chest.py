"""What lies behind the breasts: the mean chest in LPS mm, scaled about its middle."""

from __future__ import annotations

import numpy as np

from dicom_io.phantom.body import Points
from dicom_io.phantom.composition import ellipsoid
from dicom_io.phantom.detailed.materials import Material
from dicom_io.phantom.grid import Float
from dicom_io.phantom.spec import Millimetres

CHEST_MIDDLE: Millimetres = (0.0, 124.0, 0.0)
CHEST_AXES = (146.0, 100.0)


def organs(points: Points, width_mm: float, size: float) -> list[tuple[Material, Float | float]]:
    """Heart, vessels, spine, sternum, liver, lungs and ribs in a muscular wall: shares, from the front to the back.

    Parameters
    ----------
    width_mm
        Of a voxel.
    size
        Of the chest, relative to the mean one.
    """
    x, y, z = (c * np.float32(1 / size) for c in points)
    y = y - np.float32(124 / size - 124)
    points = (x, y, z)
    wide, deep = CHEST_AXES

    def inside(surface: Float) -> Float:
        share: Float = np.clip(0.5 - surface * np.float32(size / width_mm), 0, 1)
        return share

    heart = ellipsoid(points, (26, 84, -22), (50, 40, 50))
    wall = ellipsoid(points, CHEST_MIDDLE, (wide - 9, deep - 9, None))
    thorax = ellipsoid(points, CHEST_MIDDLE, (wide - 22, deep - 20, None))
    lungs = np.minimum(*(ellipsoid(points, (side * 70, 128, 30), (58, 72, 150)) for side in (-1, 1)))
    ribs = np.cos((z + np.float32(0.30) * y + np.float32(0.12) * np.abs(x)) * np.float32(2 * np.pi / 27)) * 9 + 1
    return [
        (Material.BLOOD, inside(heart + np.float32(9))),
        (Material.MUSCLE, inside(heart)),
        (Material.BLOOD, inside(ellipsoid(points, (24, 184, 0), (11, 11, None)))),
        (Material.BLOOD, inside(ellipsoid(points, (-19, 40, 0), (2.2, 2.2, None)))),
        (Material.BLOOD, inside(ellipsoid(points, (19, 40, 0), (2.2, 2.2, None)))),
        (Material.BONE, inside(ellipsoid(points, (0, 206, 0), (23, 20, None)))),
        (Material.BONE, inside(ellipsoid(points, (0, 36, 10), (15, 6, None)))),
        (Material.LIVER, inside(np.maximum(ellipsoid(points, (-58, 120, -112), (96, 84, 66)), thorax))),
        (Material.LUNG, inside(np.maximum(lungs, thorax))),
        (Material.BONE, inside(np.maximum(np.maximum(wall, -thorax), ribs))),
        (Material.MUSCLE, 1.0),
    ]
