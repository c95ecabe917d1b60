"""The shape of the detailed patient's breasts, and places in them; lengths in LPS mm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dicom_io.phantom.spec import Breasts, Millimetres, PhantomSpec, Position
from dicom_io.phantom.tissue import Rng

Vector = NDArray[Any]


@dataclass(frozen=True, slots=True)
class BreastShape:
    """A breast that leaves the chest wall.

    Parameters
    ----------
    centre_mm, semi_axes_mm
        Of the ellipsoid that it starts from.
    cone
        -0.3 full to 0.3 pointed.
    lean
        How far the nipple is moved sideways and down, relative to the semi-axes.
    glandular
        Size of the gland relative to the breast, 0 to 1.
    """

    centre_mm: Millimetres
    semi_axes_mm: Millimetres
    cone: float
    lean: tuple[float, float]
    glandular: float

    @property
    def nipple_mm(self) -> Millimetres:
        x, y, z = self.centre_mm
        a, b, c = self.semi_axes_mm
        return (x + self.lean[0] * a, y - b, z + self.lean[1] * c)

    @property
    def is_left(self) -> bool:
        return self.centre_mm[0] > 0

    def place(self, way: Vector) -> Millimetres:
        """The LPS position of a place in a breast, -1 to 1 along each semi-axis."""
        forward = -way[1]
        moved = way + np.array([self.lean[0] * forward, 0.0, self.lean[1] * forward])
        x, y, z = (float(v) for v in np.array(self.centre_mm) + moved * self.semi_axes_mm)
        return x, y, z


def draw_breasts(rng: Rng, spec: PhantomSpec, glandular: float) -> tuple[BreastShape, ...]:
    """Both breasts are alike but not equal; prone they hang, supine they spread on the chest."""
    prone = spec.position is Position.PRONE
    mean = np.array([58.0, 92.0, 61.0] if prone else [70.0, 56.0, 68.0])
    axes = mean * np.exp(rng.normal(0, (0.09, 0.14, 0.09))) * np.exp(rng.normal(0, 0.06))
    cone, lean = rng.uniform(-0.12, 0.22), rng.normal((0.05, -0.05), (0.06, 0.08))
    found = []
    for side in (-1, 1):
        own = np.clip(axes * np.exp(rng.normal(0, 0.04, 3)), 38.0, (71.0, 118.0, 73.0))
        centre = (side * (79.0 if prone else 88.0), 27.0 if prone else 32.0, float(rng.normal(0, 2)))
        x, y, z = (float(v) for v in own)
        gland = float(np.clip(glandular + rng.normal(0, 0.04), 0.15, 0.98))
        found.append(BreastShape(centre, (x, y, z), float(cone), (float(side * lean[0]), float(lean[1])), gland))
    return {Breasts.BOTH: tuple(found), Breasts.RIGHT: tuple(found[:1]), Breasts.LEFT: tuple(found[1:])}[spec.breasts]


def draw_place(rng: Rng, breast: BreastShape, radius_mm: float) -> Millimetres:
    """Somewhere in the gland, most often lateral and up, wholly under the skin where the lesion's size allows it."""
    axes = np.array(breast.semi_axes_mm)
    side = 1 if breast.is_left else -1
    largest = np.maximum(1 - (radius_mm + 7) / axes, 0.05)
    way = np.clip(
        rng.normal((0.15 * side, -0.38, 0.10), (0.30, 0.20, 0.30)), (-0.62, -0.75, -0.62), (0.62, -0.02, 0.62)
    )
    way *= min(1.0, float(0.9 * largest.min() / max(np.linalg.norm(way), 1e-6)))
    return breast.place(way)
