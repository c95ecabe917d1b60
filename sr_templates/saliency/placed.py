"""The saliency that pictures and segmentation show, placed on its source images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mome_core.case import Modality
from mome_core.results import Result, Saliency, Score
from mome_core.volume import Volume
from sr_templates.dicom.evidence import Evidence, Slices, SourceImage, Vector
from sr_templates.dicom.grid import Placement, place_as_analysed, place_for_overlay
from sr_templates.saliency.region import Region, find_region, smooth

_MARGIN_SLICES = 1


@dataclass(frozen=True, slots=True, eq=False)
class PlacedSaliency:
    """One saliency on its source images.

    Parameters
    ----------
    placement
        On the grid that was analysed.
    overlay
        On a grid that viewers can overlay, None if there is none.
    smoothed
        Blurred for the eye, in a box of its own; None when the saliency is zero everywhere.
    region
        None when no voxel raised the score.
    """

    saliency: Saliency
    score: Score
    placement: Placement
    overlay: Placement | None
    smoothed: Volume | None
    region: Region | None

    @property
    def images(self) -> Slices:
        return self.placement.images

    @property
    def peak(self) -> float:
        """The scale of every picture: largest smoothed saliency that raised the score, else that lowered it, else 1."""
        if self.smoothed is None:
            return 1.0
        highest, lowest = float(self.smoothed.voxels.max()), float(self.smoothed.voxels.min())
        return highest if highest > 0 else -lowest or 1.0

    def smoothed_slice(self, k: int) -> NDArray[np.float32]:
        """(columns, rows) of the smoothed saliency on slice k of the grid, zero outside its box."""
        columns, rows, _ = self.placement.volume.voxels.shape
        plane = np.zeros((columns, rows), dtype=np.float32)
        i, j, start = self._corner
        if self.smoothed is not None and 0 <= k - start < self.smoothed.voxels.shape[2]:
            inner = self.smoothed.voxels[:, :, k - start]
            plane[i : i + inner.shape[0], j : j + inner.shape[1]] = inner
        return plane

    def strongest_along(self, axis: int) -> NDArray[np.float32]:
        """Value of largest magnitude of the smoothed saliency along an index axis; the other two in order, whole."""
        columns, rows, slices = self.placement.volume.voxels.shape
        strongest = np.zeros([size for at, size in enumerate((columns, rows, slices)) if at != axis], dtype=np.float32)
        if self.smoothed is None:
            return strongest
        highest, lowest = self.smoothed.voxels.max(axis=axis), self.smoothed.voxels.min(axis=axis)
        i, j = (start for at, start in enumerate(self._corner) if at != axis)
        inner = np.where(highest >= -lowest, highest, lowest)
        strongest[i : i + inner.shape[0], j : j + inner.shape[1]] = inner
        return strongest

    @property
    def _corner(self) -> tuple[int, int, int]:
        """Index of the smoothed box's first voxel on the grid."""
        if self.smoothed is None:
            return 0, 0, 0
        i, j, k, _ = np.rint(np.linalg.inv(self.placement.volume.affine) @ self.smoothed.affine[:, 3]).astype(int)
        return int(i), int(j), int(k)

    def slices_around(self, region: Region) -> range:
        """Slices of the grid from the first to the last that holds a part of the region, and one more at both ends."""
        held = region.slices
        first, last = int(held[0]) - _MARGIN_SLICES, int(held[-1]) + _MARGIN_SLICES
        return range(max(0, first), min(len(self.images), last + 1))


def key_sources(
    evidence: Evidence, modalities: Sequence[Modality], placed: PlacedSaliency | None
) -> tuple[SourceImage, ...]:
    """One source image of each modality to look at first: the slice at the peak of the saliency, or the middle one."""
    peak_mm = None if placed is None or placed.region is None else placed.region.peak_mm
    grids = [(evidence.images(each), evidence.is_tiled(each)) for each in modalities if evidence.images(each)]
    return tuple(
        images[len(images) // 2] if peak_mm is None or tiled else min(images, key=partial(_off_plane_mm, peak_mm))
        for images, tiled in grids
    )


def _off_plane_mm(point_mm: Vector, source: SourceImage) -> float:
    normal = np.cross(source.orientation[:3], source.orientation[3:])
    return abs(float((point_mm - source.position_mm) @ normal))


def place_saliencies(result: Result, evidence: Evidence) -> Iterator[PlacedSaliency]:
    """One saliency of each score that has some, in the order of the scores: on DCE where it was used.

    Raises EvidenceRefused when one does not lie on the images that are said to be its source.
    """
    order = (Modality.DCE, Modality.T2, Modality.DWI)
    for score in result.scores:
        own = [each for each in result.saliency if each.endpoint is score.endpoint]
        if own:
            yield _placed(min(own, key=lambda each: order.index(each.modality)), score, evidence)


def place_saliency(result: Result, evidence: Evidence) -> PlacedSaliency | None:
    """The saliency that pictures show: of the first score that has one; None when the result holds none."""
    return next(place_saliencies(result, evidence), None)


def _placed(saliency: Saliency, score: Score, evidence: Evidence) -> PlacedSaliency:
    tiled = evidence.is_tiled(saliency.modality)
    images = evidence.images(saliency.modality)
    placement = Placement(saliency.volume, images) if tiled else place_as_analysed(saliency, evidence)
    smoothed = smooth(saliency.volume)
    region = find_region(saliency.volume, smoothed, images[0].header) if smoothed is not None else None
    overlay = place_for_overlay(saliency, evidence)
    return PlacedSaliency(saliency, score, placement, overlay, smoothed, region)
