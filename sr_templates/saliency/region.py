"""The region of highest saliency: where the network's score was raised most."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from scipy.ndimage import gaussian_filter, label, map_coordinates

from mome_core.case import FIELD_OF_TWO_MM
from mome_core.results import AnalyzedBreasts
from mome_core.volume import Affine, Volume, corners_of, voxel_ml_of
from sr_templates.dicom import codes
from sr_templates.dicom.evidence import Vector

_SMOOTHING_MM = 2.0
SHARE_OF_PEAK = 0.5
LEAST_LOG_ODDS_PER_ML = 0.25
"""Saliency that pictures show and a region needs; docs/results.md has what phantoms with and without lesion reach."""
LEAST_IN_BREASTS = 0.9  # of a region's voxels
_MIDLINE_MARGIN_MM = 15.0
Box = tuple[slice, slice, slice]


class Side(StrEnum):
    """Side of the patient; the values are DICOM's (0020,0060)."""

    LEFT = "L"
    RIGHT = "R"


SIDE_CODES = {Side.LEFT: codes.LEFT, Side.RIGHT: codes.RIGHT}


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """Voxels around the peak of the smoothed saliency that reach half of it.

    Parameters
    ----------
    mask
        On the saliency's grid, (columns, rows, slices).
    peak
        Index (i, j, k) of the peak.
    peak_mm
        The peak in LPS mm.
    side
        None where the geometry does not tell it beyond doubt.
    peak_per_ml
        Smoothed saliency at the peak, log odds per ml.
    """

    mask: NDArray[np.bool_]
    peak: tuple[int, int, int]
    peak_mm: Vector
    side: Side | None
    volume_ml: float
    peak_per_ml: float

    @property
    def slices(self) -> NDArray[Any]:
        """Indices of the slices that hold a part of the region, ascending."""
        return np.flatnonzero(self.mask.any(axis=(0, 1)))


def region_name(region: Region) -> str:
    """What the region is called in every object (Tracking ID, Tracking Identifier)."""
    side = {Side.LEFT: "Left breast: ", Side.RIGHT: "Right breast: ", None: ""}[region.side]
    return f"{side}region of highest saliency"


def _box_of(voxels: NDArray[Any], margin: tuple[int, int, int] = (0, 0, 0)) -> Box | None:
    """The smallest box around all non-zero voxels, widened by a margin in voxels; None if there is none."""
    seen = voxels != 0
    axes = (seen.any(axis=(1, 2)), seen.any(axis=(0, 2)), seen.any(axis=(0, 1)))
    if not axes[0].any():
        return None
    ends = [(int(found[0]), int(found[-1]) + 1) for found in map(np.flatnonzero, axes)]
    i, j, k = (
        slice(max(0, start - more), min(size, stop + more))
        for (start, stop), more, size in zip(ends, margin, voxels.shape, strict=True)
    )
    return i, j, k


def smooth(saliency: Volume) -> Volume | None:
    """The signed saliency blurred by 2 mm, in the box where the network looked; None where it is zero everywhere."""
    sigma = [_SMOOTHING_MM / step for step in saliency.spacing_mm]
    i, j, k = (int(np.ceil(2 * width)) for width in sigma)
    box = _box_of(saliency.voxels, margin=(i, j, k))
    if box is None:
        return None
    blurred = gaussian_filter(np.asarray(saliency.voxels[box], dtype=np.float32), sigma, truncate=2.0)
    affine = saliency.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ [edge.start for edge in box]
    return Volume(blurred, affine, saliency.frame_of_reference_uid)


def find_region(saliency: Volume, smoothed: Volume, header: Dataset) -> Region | None:
    """The region of highest saliency; None when no voxel raised the score.

    Parameters
    ----------
    smoothed
        `smooth(saliency)`, on a box of the saliency's grid.
    header
        Of a source image, for the laterality that it may state.
    """
    blurred = smoothed.voxels
    if blurred.max() <= 0:
        return None
    summit = np.unravel_index(int(blurred.argmax()), blurred.shape)
    parts, _ = label(blurred >= SHARE_OF_PEAK * blurred.max())
    start = np.rint(np.linalg.inv(saliency.affine) @ smoothed.affine[:, 3])[:3].astype(int)
    mask = np.zeros(saliency.voxels.shape, dtype=bool, order="F")
    mask[tuple(slice(at, at + size) for at, size in zip(start, blurred.shape, strict=True))] = parts == parts[summit]
    i, j, k = (int(at + inner) for at, inner in zip(start, summit, strict=True))
    peak_mm = (saliency.affine @ (i, j, k, 1))[:3]
    voxel_ml = voxel_ml_of(saliency.affine)
    volume_ml, peak_per_ml = float(mask.sum() * voxel_ml), float(blurred.max()) / voxel_ml
    return Region(mask, (i, j, k), peak_mm, side_of(peak_mm, saliency, header), volume_ml, peak_per_ml)


def in_breasts(index: NDArray[np.int_], affine: Affine, breasts: AnalyzedBreasts) -> NDArray[np.bool_]:
    """Which voxels lie in the breasts.

    Parameters
    ----------
    index
        (voxels, 3), in a grid of this affine, in the frame of reference of the breasts.
    """
    to_share = np.linalg.inv(breasts.share.affine) @ affine
    at = to_share[:3, :3] @ index.T + to_share[:3, 3:]
    return np.asarray(map_coordinates(breasts.share.voxels, at, order=1, mode="constant") > 0.5)


def side_of(point_mm: Vector, acquired: Volume, header: Dataset) -> Side | None:
    """The side of the patient on which a point lies, from the geometry of the acquisition.

    In a field of view wide enough for both breasts two witnesses must agree: the isocentre (x = 0) and the middle of
    the field. In a narrower one the header's laterality or, without it, the isocentre decides. Points near the
    midline and witnesses that disagree give None: a wrong side is worse than none.
    """
    middle, width = _field_across(acquired)
    stated = str(header.get("ImageLaterality") or header.get("Laterality") or "")
    if width >= FIELD_OF_TWO_MM:
        distances = (float(point_mm[0]), float(point_mm[0]) - middle)
    elif stated in (Side.LEFT, Side.RIGHT):
        return Side(stated) if (middle > 0) == (stated == Side.LEFT) or abs(middle) < _MIDLINE_MARGIN_MM else None
    else:
        distances = (float(point_mm[0]), middle)
    if min(distances) > _MIDLINE_MARGIN_MM:
        return Side.LEFT
    return Side.RIGHT if max(distances) < -_MIDLINE_MARGIN_MM else None


def _field_across(acquired: Volume) -> tuple[float, float]:
    """Middle and width of the field of view along the patient's left-right axis, mm."""
    low, high = corners_mm(acquired)
    return float(high[0] + low[0]) / 2, float(high[0] - low[0])


def corners_mm(volume: Volume) -> tuple[Vector, Vector]:
    """Smallest and largest LPS coordinates of the volume's voxel centres."""
    points = corners_of(volume.affine, volume.voxels.shape)
    return points.min(axis=1), points.max(axis=1)
