"""The region as an SR: one place, its segment, and no score beside it."""

from __future__ import annotations

from io import BytesIO

import highdicom
import numpy as np
import pytest
from pydicom.dataset import Dataset

from mome_core.case import Modality
from mome_core.results import Result
from sr_studies import DEVICE, OBLIQUE, SAGITTAL, Layout, enhanced_evidence, make_evidence, make_result
from sr_templates.build import ResultObjects, build_objects, encode
from sr_templates.context import ObjectOptions
from sr_templates.dicom.evidence import Evidence
from sr_templates.dicom.measured_items import measured_at_point
from sr_templates.kinds import DEFAULT_KINDS, Kind
from sr_templates.saliency.placed import place_saliency
from told_measurements import MEASURED


def group_of(objects: ResultObjects) -> dict[str, Dataset]:
    """Items of the one measurement group by the meaning of their name; of the two outlines the one in space."""
    measurements = objects.by_kind[Kind.REGION][0].ContentSequence[-1]
    (group,) = measurements.ContentSequence
    return {item.ConceptNameCodeSequence[0].CodeMeaning: item for item in group.ContentSequence}


def test_it_is_written_by_default_and_holds_no_number_of_the_patient(objects: ResultObjects) -> None:
    assert Kind.REGION in DEFAULT_KINDS
    region = objects.by_kind[Kind.REGION][0]
    told = sum(element.keyword == "NumericValue" for element in region.iterall())
    assert told == len(measured_at_point(MEASURED)), "every number in it was measured on the images"
    assert "Probability" not in str(region)


def test_it_says_first_where_the_place_is(objects: ResultObjects) -> None:
    first = objects.by_kind[Kind.REGION][0].ContentSequence[0]
    assert first.TextValue == "Region of highest saliency, not a lesion outline: left side, DCE series 4, image 1006."


def test_it_is_tracked_as_the_segment_that_it_refers_to(objects: ResultObjects) -> None:
    segmentation, items = objects.by_kind[Kind.SEGMENTATION][0], group_of(objects)
    segment = segmentation.SegmentSequence[0]
    assert items["Tracking Identifier"].TextValue == segment.TrackingID == "Left breast: region of highest saliency"
    assert segment.TrackingUID == items["Tracking Unique Identifier"].UID
    reference = items["Referenced Segment"].ReferencedSOPSequence[0]
    assert (reference.ReferencedSOPInstanceUID, reference.ReferencedSegmentNumber) == (segmentation.SOPInstanceUID, 1)
    assert items["Finding Site"].ContentSequence[0].ConceptCodeSequence[0].CodeMeaning == "Left"


STUDIES = {
    "axial": make_evidence(Layout()),
    "sagittal": make_evidence(Layout(orientation=SAGITTAL)),
    "oblique": make_evidence(Layout(orientation=OBLIQUE)),
    "enhanced": enhanced_evidence(Layout()),
    "phases in one series": make_evidence(Layout(phases_in_one_series=True)),
}


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES.keys())
def test_both_outlines_are_one_box_around_the_peak_in_its_plane(study: Evidence) -> None:
    result = make_result(study)
    placed = place_saliency(result, study)
    assert placed is not None and placed.region is not None
    (group,) = build_objects(result, study, DEVICE).by_kind[Kind.REGION][0].ContentSequence[-1].ContentSequence
    on_image, in_space = (item for item in group.ContentSequence if item.ValueType in ("SCOORD", "SCOORD3D"))
    source, volume = placed.images[placed.region.peak[2]], placed.placement.volume
    reference = on_image.ContentSequence[0].ReferencedSOPSequence[0]
    assert reference.ReferencedSOPInstanceUID == source.header.SOPInstanceUID
    assert reference.get("ReferencedFrameNumber") == source.frame
    pixels = np.array(on_image.GraphicData).reshape(-1, 2)
    corners_mm = np.array(in_space.GraphicData).reshape(-1, 3)
    index = (np.linalg.inv(volume.affine) @ np.column_stack([corners_mm, np.ones(len(corners_mm))]).T)[:3].T
    assert np.allclose(index[:, :2] + 0.5, pixels, atol=1e-3)
    assert np.allclose(index[:, 2], placed.region.peak[2], atol=1e-3)
    i, j, _ = placed.region.peak
    assert (pixels.min(axis=0) <= (i, j)).all() and (pixels.max(axis=0) >= (i + 1, j + 1)).all()
    assert in_space.ReferencedFrameOfReferenceUID == volume.frame_of_reference_uid


def test_highdicom_finds_the_group_by_its_segment(objects: ResultObjects) -> None:
    read = highdicom.sr.srread(BytesIO(encode(objects.by_kind[Kind.REGION][0])))
    segmentation = objects.by_kind[Kind.SEGMENTATION][0]
    (group,) = read.content.get_volumetric_roi_measurement_groups()
    assert group.referenced_segment.referenced_sop_instance_uid == segmentation.SOPInstanceUID


def test_without_the_segmentation_it_is_not_written_and_the_reader_learns_why(
    result: Result, evidence: Evidence
) -> None:
    only = ObjectOptions(frozenset({Kind.REGION}))
    objects = build_objects(result, evidence, DEVICE, options=only)
    assert objects.not_written[Kind.REGION] == "it refers to the segmentation, which is not written"
    assert Modality.DCE in result.modalities_used
