"""Round things in and beside the detailed patient's breasts: cysts, nodes, clips, biopsy cavities, implants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dicom_io.phantom.detailed.breast import BreastShape, Vector
from dicom_io.phantom.detailed.lesions import LesionGeometry
from dicom_io.phantom.detailed.materials import Material
from dicom_io.phantom.spec import Millimetres
from dicom_io.phantom.tissue import Rng


@dataclass(frozen=True, slots=True)
class Blob:
    """A small ellipsoid of one material: cyst, node, clip, cavity, implant. Later ones lie behind earlier ones."""

    material: Material
    centre_mm: Millimetres
    semi_axes_mm: Millimetres


def draw_blobs(rng: Rng, breasts: tuple[BreastShape, ...], *, plain: bool) -> tuple[Blob, ...]:
    """Nodes with a fatty hilum, cysts, and now and then a clip, a biopsy cavity or implants."""
    found = [blob for side in (-1, 1) for _ in range(int(rng.integers(1, 4))) for blob in _draw_node(rng, side)]
    for _ in range(int(rng.poisson(1.3))):
        watery = plain or rng.random() < 0.8
        axes = float(np.clip(rng.lognormal(1.1, 0.5), 1.2, 12.0)) * rng.uniform(0.75, 1.25, 3)
        place = _anywhere(rng, breasts)
        found.append(Blob(Material.CYST if watery else Material.PROTEIN_CYST, place, _triple(axes)))
    if not plain and rng.random() < 0.06:
        found.insert(0, Blob(Material.VOID, _anywhere(rng, breasts), _triple(rng.uniform(1.5, 3.0, 3))))
    if not plain and rng.random() < 0.04:
        place, axes = _anywhere(rng, breasts), rng.uniform(5, 14, 3)
        found += [Blob(Material.CYST, place, _triple(axes)), Blob(Material.SCAR, place, _triple(axes + 2.0))]
    if not plain and rng.random() < 0.02:
        found += [Blob(Material.SILICONE, b.place(np.array([0, 0.05, 0])), _of_breast(b, 0.55)) for b in breasts]
    return tuple(found)


def _of_breast(breast: BreastShape, share: float) -> Millimetres:
    return _triple(np.array(breast.semi_axes_mm) * (share, 0.5 * share, share))


def _anywhere(rng: Rng, breasts: tuple[BreastShape, ...]) -> Millimetres:
    breast = breasts[int(rng.integers(len(breasts)))]
    return breast.place(rng.uniform((-0.45, -0.65, -0.45), (0.45, -0.05, 0.45)))


def _draw_node(rng: Rng, side: int) -> tuple[Blob, Blob]:
    """A lymph node in the armpit: bean-shaped, with fat in its hilum."""
    centre = np.array([side * 118.0, 60.0, 54.0]) + rng.uniform(-1, 1, 3) * (5, 3, 18)
    axes = np.array([4.5, 3.5, 7.0]) * rng.uniform(0.6, 1.2)
    hilum = centre + np.array([side * 1.5, 0.5, 0])
    return Blob(Material.FAT, _triple(hilum), _triple(axes * 0.5)), Blob(Material.NODE, _triple(centre), _triple(axes))


def clear_of(lesions: tuple[LesionGeometry, ...], blob: Blob) -> bool:
    """Whether a blob keeps its distance from every lesion."""
    return all(
        np.linalg.norm(np.subtract(blob.centre_mm, each.centre_mm)) > 1.3 * each.radius_mm + max(blob.semi_axes_mm)
        for each in lesions
    )


def _triple(values: Vector) -> Millimetres:
    x, y, z = (float(v) for v in values)
    return x, y, z
