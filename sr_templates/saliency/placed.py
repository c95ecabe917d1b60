"""The saliency that pictures and segmentation show, placed on its source images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from mome_core.calibration import Call
from mome_core.case import Modality
from mome_core.results import AnalyzedBreasts, Result, Saliency, Score
from mome_core.volume import Affine, Volume, voxel_ml_of
from sr_templates.dicom.evidence import Evidence, Slices, SourceImage, Vector
from sr_templates.dicom.grid import Placement, place_as_analysed, place_for_overlay
from sr_templates.saliency.region import (
    LEAST_IN_BREASTS,
    LEAST_LOG_ODDS_PER_ML,
    Region,
    find_region,
    in_breasts,
    smooth,
)

_MARGIN_SLICES = 1
_FAR_BELOW = 0.2  # of the lowest line: no line depends on it


class Unshown(StrEnum):
    """Why no place is shown; the words are in the table of sentences."""

    NEGATIVE = "NEGATIVE"
    NO_CALL = "NO_CALL"
    NOT_RAISED = "NOT_RAISED"
    FAINT = "FAINT"
    BREASTS_UNKNOWN = "BREASTS_UNKNOWN"
    OUTSIDE_BREASTS = "OUTSIDE_BREASTS"


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
        None where no place may be shown.
    unshown
        Why not; None with a region.
    shown
        What pictures show of it: the blurred saliency in log odds per ml, zero outside the breasts; None with none.
    """

    saliency: Saliency
    score: Score
    placement: Placement
    overlay: Placement | None
    smoothed: Volume | None
    region: Region | None
    unshown: Unshown | None
    shown: Volume | None

    @property
    def images(self) -> Slices:
        return self.placement.images

    @property
    def peak(self) -> float:
        """The unit of the map: largest smoothed saliency that raised the score, else that lowered it, else 1."""
        if self.smoothed is None:
            return 1.0
        highest, lowest = float(self.smoothed.voxels.max()), float(self.smoothed.voxels.min())
        return highest if highest > 0 else -lowest or 1.0

    def shown_slice(self, k: int) -> NDArray[np.float32]:
        """(columns, rows) of what is shown on slice k of the grid, log odds per ml, zero outside its box."""
        columns, rows, _ = self.placement.volume.voxels.shape
        plane = np.zeros((columns, rows), dtype=np.float32)
        i, j, start = self._corner
        if self.shown is not None and 0 <= k - start < self.shown.voxels.shape[2]:
            inner = self.shown.voxels[:, :, k - start]
            plane[i : i + inner.shape[0], j : j + inner.shape[1]] = inner
        return plane

    def strongest_along(self, axis: int) -> NDArray[np.float32]:
        """Value of largest magnitude of what is shown along an index axis; the other two in order, whole."""
        columns, rows, slices = self.placement.volume.voxels.shape
        strongest = np.zeros([size for at, size in enumerate((columns, rows, slices)) if at != axis], dtype=np.float32)
        if self.shown is None:
            return strongest
        highest, lowest = self.shown.voxels.max(axis=axis), self.shown.voxels.min(axis=axis)
        i, j = (start for at, start in enumerate(self._corner) if at != axis)
        inner = np.where(highest >= -lowest, highest, lowest)
        strongest[i : i + inner.shape[0], j : j + inner.shape[1]] = inner
        return strongest

    @property
    def totals(self) -> tuple[float, float]:
        """Log odds that the voxels within the lowest contours raised and lowered the score by, in all."""
        if self.shown is None:
            return 0.0, 0.0
        voxels, voxel_ml = self.shown.voxels, voxel_ml_of(self.shown.affine)
        raised, lowered = voxels >= LEAST_LOG_ODDS_PER_ML, voxels <= -LEAST_LOG_ODDS_PER_ML
        return float(voxels[raised].sum() * voxel_ml), float(voxels[lowered].sum() * voxel_ml)

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
        images[len(images) // 2] if peak_mm is None or tiled else min(images, key=partial(off_plane_mm, peak_mm))
        for images, tiled in grids
    )


def off_plane_mm(point_mm: Vector, source: SourceImage) -> float:
    """How far a point lies from the plane of a source image."""
    normal = np.cross(source.orientation[:3], source.orientation[3:])
    return abs(float((point_mm - source.position_mm) @ normal))


def place_saliencies(result: Result, evidence: Evidence) -> Iterator[PlacedSaliency]:
    """One saliency of each score that has some, in the order of the scores: on DCE where it was used.

    Raises EvidenceRefused when one does not lie on the images that are said to be its source.
    """
    for score, saliency in _to_show(result):
        yield _placed(saliency, score, evidence, result.breasts)


def _to_show(result: Result) -> Iterator[tuple[Score, Saliency]]:
    """Each score that has saliency, with the one that is shown of it."""
    order = (Modality.DCE, Modality.T2, Modality.DWI)
    for score in result.scores:
        own = [each for each in result.saliency if each.endpoint is score.endpoint]
        if own:
            yield score, min(own, key=lambda each: order.index(each.modality))


def place_saliency(result: Result, evidence: Evidence) -> PlacedSaliency | None:
    """The saliency that pictures show: of the first score that has one; None when the result holds none."""
    return next(place_saliencies(result, evidence), None)


def _placed(saliency: Saliency, score: Score, evidence: Evidence, breasts: AnalyzedBreasts | None) -> PlacedSaliency:
    tiled = evidence.is_tiled(saliency.modality)
    images = evidence.images(saliency.modality)
    placement = Placement(saliency.volume, images) if tiled else place_as_analysed(saliency, evidence)
    smoothed = smooth(saliency.volume)
    found = _in_its_frame(breasts, saliency)
    region, unshown = _region_to_show(saliency, smoothed, score, found, images[0].header)
    shown = None if region is None or found is None or smoothed is None else _shown(smoothed, found)
    overlay = place_for_overlay(saliency, evidence)
    return PlacedSaliency(saliency, score, placement, overlay, smoothed, region, unshown, shown)


def region_without_images(result: Result) -> tuple[Saliency, Region] | None:
    """The region that would be shown of a study without source images (NIfTI), and its map; None where none may be."""
    score, saliency = next(_to_show(result), (None, None))
    if score is None or saliency is None or result.withheld:
        return None
    found = _in_its_frame(result.breasts, saliency)
    region, _ = _region_to_show(saliency, smooth(saliency.volume), score, found, Dataset())
    return None if region is None else (saliency, region)


def _in_its_frame(breasts: AnalyzedBreasts | None, saliency: Saliency) -> AnalyzedBreasts | None:
    """The breasts, where their place on the saliency is known."""
    known = breasts is not None and breasts.share.frame_of_reference_uid == saliency.volume.frame_of_reference_uid
    return breasts if known else None


def _region_to_show(
    saliency: Saliency, smoothed: Volume | None, score: Score, breasts: AnalyzedBreasts | None, header: Dataset
) -> tuple[Region | None, Unshown | None]:
    """The region within the breasts; or None, and why it may not be shown."""
    affine = saliency.volume.affine
    region = find_region(saliency.volume, smoothed, header) if smoothed is not None else None
    unshown = _why_not(score, region, affine, breasts)
    if unshown is not None or region is None or breasts is None:
        return None, unshown
    mask = _within(region.mask, affine, breasts)
    return replace(region, mask=mask, volume_ml=float(mask.sum() * voxel_ml_of(affine))), None


def _why_not(score: Score, region: Region | None, affine: Affine, breasts: AnalyzedBreasts | None) -> Unshown | None:
    """Why the region may not be shown; None where it may. Breasts of unknown place are None."""
    if score.call is not Call.POSITIVE:
        return Unshown.NEGATIVE if score.call is Call.NEGATIVE else Unshown.NO_CALL
    if region is None:
        return Unshown.NOT_RAISED
    if region.peak_per_ml < LEAST_LOG_ODDS_PER_ML:
        return Unshown.FAINT
    if breasts is None:
        return Unshown.BREASTS_UNKNOWN
    (at_peak,) = in_breasts(np.array([region.peak]), affine, breasts)
    share = float(in_breasts(np.argwhere(region.mask), affine, breasts).mean())
    return None if at_peak and share >= LEAST_IN_BREASTS else Unshown.OUTSIDE_BREASTS


def _within(mask: NDArray[np.bool_], affine: Affine, breasts: AnalyzedBreasts) -> NDArray[np.bool_]:
    """The mask without what lies outside the breasts."""
    index = np.argwhere(mask)
    kept = np.zeros(mask.shape, dtype=bool, order="F")
    kept[tuple(index[in_breasts(index, affine, breasts)].T)] = True
    return kept


def _shown(smoothed: Volume, breasts: AnalyzedBreasts) -> Volume:
    """The blurred saliency in log odds per ml, in the breasts only; what is far below the lowest line is zero."""
    per_ml = smoothed.voxels / np.float32(voxel_ml_of(smoothed.affine))
    index = np.argwhere(np.abs(per_ml) >= _FAR_BELOW * LEAST_LOG_ODDS_PER_ML)
    at = tuple(index[in_breasts(index, smoothed.affine, breasts)].T)
    voxels = np.zeros(per_ml.shape, dtype=np.float32)
    voxels[at] = per_ml[at]
    return Volume(voxels, smoothed.affine, smoothed.frame_of_reference_uid)
