"""The rendered overlay: the saliency painted on the source slices."""

from __future__ import annotations

import numpy as np

from mome_core.case import Modality
from mome_core.results import Result
from sr_studies import DEVICE
from sr_templates.build import build_objects
from sr_templates.dicom.evidence import Evidence
from sr_templates.dicom.grid import image_affine
from sr_templates.kinds import Kind


def test_the_overlay_shows_the_slices_with_the_region_and_one_more_in_colour(
    result: Result, evidence: Evidence
) -> None:
    objects = build_objects(result, evidence, DEVICE)
    overlay, segmented = objects.by_kind[Kind.OVERLAY], int(objects.by_kind[Kind.SEGMENTATION][0].NumberOfFrames)
    assert len(overlay) == segmented + 2
    middle = overlay[len(overlay) // 2]
    pixels = np.frombuffer(middle.PixelData, np.uint8)[: middle.Rows * middle.Columns * 3]
    rgb = pixels.reshape(middle.Rows, middle.Columns, 3).astype(int)
    coloured = np.argwhere(rgb[..., 0] - rgb[..., 2] > 60)
    grid = evidence.images(Modality.DCE)
    i, j, *_ = np.linalg.inv(image_affine(grid)) @ (60.0, -20.0, 5.0, 1)
    assert np.abs(coloured.mean(axis=0) - (j, i)).max() < 1
