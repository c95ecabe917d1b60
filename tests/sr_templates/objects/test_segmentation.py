"""The segmentation: one segment, the region of highest saliency."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mome_core.case import Modality
from mome_core.results import Result
from sr_readers import frames_on_grid
from sr_studies import DEVICE, Layout, make_evidence, make_result
from sr_templates.build import ResultObjects, build_objects
from sr_templates.dicom.evidence import Evidence
from sr_templates.kinds import Kind
from sr_templates.saliency.placed import place_saliency
from sr_templates.saliency.region import find_region, smooth


def test_the_segmentation_holds_the_region_and_nothing_else(result: Result, evidence: Evidence) -> None:
    instance = build_objects(result, evidence, DEVICE).by_kind[Kind.SEGMENTATION][0]
    volume, images = result.saliency[0].volume, evidence.images(Modality.DCE)
    smoothed = smooth(volume)
    assert smoothed is not None
    region = find_region(volume, smoothed, images[0].header)
    assert region is not None
    size = int(instance.NumberOfFrames) * instance.Rows * instance.Columns
    bits = np.unpackbits(np.frombuffer(instance.PixelData, np.uint8), bitorder="little")[:size]
    frames = bits.reshape(int(instance.NumberOfFrames), instance.Rows, instance.Columns)
    mask = frames_on_grid(instance, frames, tuple(images[k] for k in region.slices))
    assert np.array_equal(mask.astype(bool), region.mask[:, :, region.slices])
    assert frames.any(axis=(1, 2)).all()


def test_readers_find_the_segment_in_index_and_frame(objects: ResultObjects) -> None:
    instance = objects.by_kind[Kind.SEGMENTATION][0]
    assert [item.DimensionDescriptionLabel for item in instance.DimensionIndexSequence] == [
        "Referenced Segment Number",
        "Image Position Patient",
    ]
    for number, groups in enumerate(instance.PerFrameFunctionalGroupsSequence, start=1):
        assert groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber == 1
        assert list(groups.FrameContentSequence[0].DimensionIndexValues) == [1, number]


@pytest.mark.parametrize(("lesion_x_mm", "side"), [(60.0, "Left"), (-60.0, "Right"), (4.0, None)])
def test_the_segment_states_its_side_where_the_geometry_tells_it(lesion_x_mm: float, side: str | None) -> None:
    evidence = make_evidence(Layout(lesion_x_mm=lesion_x_mm))
    objects = build_objects(make_result(evidence, lesion_x_mm), evidence, DEVICE)
    segment = objects.by_kind[Kind.SEGMENTATION][0].SegmentSequence[0]
    modifier = segment.AnatomicRegionSequence[0].get("AnatomicRegionModifierSequence")
    assert (modifier[0].CodeMeaning if modifier else None) == side
    assert "lesion" not in segment.SegmentLabel.lower()


def test_the_volume_in_the_description_is_that_of_the_pixels(result: Result, evidence: Evidence) -> None:
    """One voxel of the region lies outside the breasts, so it is left out."""
    assert result.breasts is not None
    whole = place_saliency(result, evidence)
    assert whole is not None
    assert whole.region is not None
    inside = np.ones(whole.region.mask.shape, np.float32)
    inside[tuple(np.argwhere(whole.region.mask)[0])] = 0.0
    cut = replace(result.breasts, share=replace(result.breasts.share, voxels=inside))
    instance = build_objects(replace(result, breasts=cut), evidence, DEVICE).by_kind[Kind.SEGMENTATION][0]
    held = np.unpackbits(np.frombuffer(instance.PixelData, np.uint8)).sum()
    assert held == whole.region.mask.sum() - 1
    ml = held * 6.5 * 6.5 * 6.0 / 1000
    assert f"; {ml:.1f} ml;" in instance.SegmentSequence[0].SegmentDescription
