"""Where a saliency lies among the source images, and on which of their grids a viewer can overlay it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import map_coordinates

from mome_core.case import Modality
from mome_core.results import Saliency
from mome_core.volume import Affine, Volume
from sr_templates.dicom.evidence import Evidence, Slices, places
from sr_templates.errors import EvidenceRefused

PLANE_TOLERANCE_MM = 0.01
DIRECTION_TOLERANCE = 1e-3
_RESAMPLED = (
    "Resampled to the {carrier} series: viewers cannot overlay a map on the {source} series, which does not hold one "
    "image at each position."
)


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """A map on the grid of source images that hold one image at each position.

    Parameters
    ----------
    volume
        Index (i, j, k) = (column, row, slice).
    images
        The source image of each slice.
    note
        What a reader must know about the grid; empty when it is the grid that was analysed.
    """

    volume: Volume
    images: Slices
    note: str = ""

    def without_empty_ends(self) -> Placement:
        """Without the slices at its ends that hold zeros only; all of it when every slice does."""
        held = np.flatnonzero(self.volume.voxels.any(axis=(0, 1)))
        if not held.size:
            return self
        first, last = int(held[0]), int(held[-1])
        affine = self.volume.affine.copy()
        affine[:3, 3] += first * affine[:3, 2]
        volume = Volume(self.volume.voxels[:, :, first : last + 1], affine, self.volume.frame_of_reference_uid)
        return replace(self, volume=volume, images=self.images[first : last + 1])


def image_affine(images: Slices) -> Affine:
    """Affine of the grid that these slices form: (column, row, slice) to LPS mm (PS3.3 C.7.6.2.1.1)."""
    first, last = images[0], images[-1]
    row_spacing, column_spacing = first.spacing_mm
    along_row, along_column = first.orientation[:3], first.orientation[3:]
    affine = np.eye(4)
    affine[:3, 0] = along_row * column_spacing
    affine[:3, 1] = along_column * row_spacing
    affine[:3, 2] = np.cross(along_row, along_column)
    if len(images) > 1:
        affine[:3, 2] = (last.position_mm - first.position_mm) / (len(images) - 1)
    affine[:3, 3] = first.position_mm
    return affine


def place_as_analysed(saliency: Saliency, evidence: Evidence) -> Placement:
    """The saliency beside the images of its own grid; raises EvidenceRefused if they do not match."""
    return place(saliency.volume, saliency.modality, evidence)


def place(volume: Volume, modality: Modality, evidence: Evidence) -> Placement:
    """A map of this modality beside the images of its grid; raises EvidenceRefused if they do not match."""
    images = evidence.images(modality)
    columns, rows, slices = volume.voxels.shape
    if len(images) != slices:
        raise EvidenceRefused(f"the map on the {modality} has {slices} slices, its evidence {len(images)} images")
    for k, image in enumerate(images):
        header = image.header
        if (int(header.Columns), int(header.Rows)) != (columns, rows):
            raise EvidenceRefused(f"slice {k + 1} of {modality}: matrix differs from its source image")
        expected = volume.affine @ (0, 0, k, 1)
        off_mm = float(np.abs(expected[:3] - image.position_mm).max())
        if off_mm > PLANE_TOLERANCE_MM:
            raise EvidenceRefused(f"slice {k + 1} of {modality} lies {off_mm:.2f} mm from its source image")
    _require_same_directions(volume.affine, image_affine(images))
    return Placement(volume, images)


def _require_same_directions(affine: Affine, source: Affine) -> None:
    """Raise EvidenceRefused unless rows and columns of both grids run the same way at the same spacing."""
    if np.abs(affine[:3, :2] - source[:3, :2]).max() > DIRECTION_TOLERANCE:
        raise EvidenceRefused("rows or columns of the map run differently from those of its source images")


def place_for_overlay(saliency: Saliency, evidence: Evidence) -> Placement | None:
    """The saliency on a series that viewers can load as one volume; None when the study has none.

    A viewer cannot overlay a map on a series that holds several phases at each position (OHIF 3.13: "Referenced Volume
    is missing"). Then a three-dimensional series of the same frame of reference takes its place.
    """
    if not evidence.series_repeats_positions(saliency.modality):
        return place_as_analysed(saliency, evidence)
    for modality in (Modality.T2, Modality.DWI, Modality.DCE):
        if _can_carry(modality, saliency, evidence):
            images = evidence.images(modality)
            volume = resample(saliency.volume, image_affine(images), _shape(images))
            return Placement(volume, images, _RESAMPLED.format(carrier=modality, source=saliency.modality))
    return None


def _shape(images: Slices) -> tuple[int, int, int]:
    header = images[0].header
    return int(header.Columns), int(header.Rows), len(images)


def _can_carry(modality: Modality, saliency: Saliency, evidence: Evidence) -> bool:
    images = evidence.images(modality)
    if len(images) < 3 or evidence.series_repeats_positions(modality):
        return False
    frames = {str(image.header.get("FrameOfReferenceUID", "")) for image in images}
    return frames == {saliency.volume.frame_of_reference_uid} and _is_regular(images)


def _is_regular(images: Slices) -> bool:
    """Whether the slices form one volume: one matrix, distinct places at equal steps."""
    if len({(int(image.header.Rows), int(image.header.Columns)) for image in images}) > 1:
        return False
    steps = np.diff([image.position_mm for image in images], axis=0)
    return len(places(images)) == len(images) and float(np.abs(steps - steps.mean(axis=0)).max()) < 0.05


def resample(volume: Volume, affine: Affine, shape: tuple[int, int, int]) -> Volume:
    """The volume on another grid of the same frame of reference, linear; zero outside. One slice at a time."""
    to_source = np.linalg.inv(volume.affine) @ affine
    resampled = np.zeros(shape, dtype=np.float32, order="F")
    i, j = np.meshgrid(np.arange(shape[0]), np.arange(shape[1]), indexing="ij")
    for k in range(shape[2]):
        at = np.tensordot(to_source[:3], np.stack([i, j, np.full_like(i, k), np.ones_like(i)]), axes=1)
        resampled[:, :, k] = map_coordinates(volume.voxels, at, order=1, mode="constant", output=np.float32)
    return Volume(resampled, affine, volume.frame_of_reference_uid)
