"""Every repair is still needed: what highdicom builds alone has the defect. A test that fails says: drop the repair."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import highdicom
import numpy as np
import pytest
from highdicom.pm import ParametricMap, RealWorldValueMapping
from highdicom.seg import Segmentation, SegmentDescription
from pydicom.dataset import Dataset

from mome_core.case import Modality
from sr_studies import DEVICE, MODEL, Layout, enhanced_evidence, make_evidence
from sr_templates.build import ResultObjects
from sr_templates.dicom import codes, document, repairs
from sr_templates.dicom.evidence import Slices, SourceImage
from sr_templates.kinds import Kind
from sr_templates.objects.segmentation import algorithm_identification

IMAGES = make_evidence(Layout(columns=9, rows=9, slices=3)).images(Modality.DCE)
IDENTITY: dict[str, Any] = {
    "series_instance_uid": "1.2.3",
    "series_number": 9010,
    "sop_instance_uid": "1.2.3.4",
    "instance_number": 1,
    "manufacturer": "MOME Node",
    "manufacturer_model_name": "MOME Node",
    "software_versions": "1",
    "device_serial_number": "1",
}


def headers(images: Slices = IMAGES) -> list[Dataset]:
    return [image.header for image in images]


def plain_map(pixels: np.ndarray | None = None, sources: list[Dataset] | None = None) -> ParametricMap:
    """A parametric map as highdicom builds it."""
    planes = np.ones((3, 9, 9), dtype=np.float32) if pixels is None else pixels
    mapping = RealWorldValueMapping("Saliency", "Share", codes.NO_UNITS, (0.0, 1.0), 1.0, 0.0)
    return ParametricMap(
        sources or headers(),
        planes,
        **IDENTITY,
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[mapping],
        voi_lut_transformations=[highdicom.VOILUTTransformation([0.0], [1.0])],
    )


def plain_segmentation() -> Segmentation:
    """A segmentation of one segment, as highdicom builds it; 81 bits take an odd number of bytes."""
    segment = SegmentDescription(
        1, "Region", codes.SPATIAL_CONCEPT, codes.REGION_OF_HIGHEST_SALIENCY, "AUTOMATIC",
        algorithm_identification(MODEL), "1.2.3.5", "region", [codes.BREAST],
    )  # fmt: skip
    mask = np.ones((1, 9, 9), dtype=bool)
    return Segmentation(headers(IMAGES[:1]), mask, "BINARY", [segment], **IDENTITY)


def z_of(frame: Dataset) -> float:
    return float(frame.PlanePositionSequence[0].ImagePositionPatient[2])


def identity_is_highdicoms() -> bool:
    meta, ours = plain_map().file_meta, plain_map()
    return (
        str(meta.ImplementationVersionName).startswith("highdicom")
        and "PatientAge" in ours
        and "SeriesDate" not in ours
    )


def dimension_uid_is_random() -> bool:
    first, second = (plain_map().DimensionOrganizationSequence[0].DimensionOrganizationUID for _ in range(2))
    return first != second


def phases_of_one_instance_are_not_told_apart() -> bool:
    evidence = enhanced_evidence(Layout(columns=9, rows=9, slices=3, phases_in_one_series=True))
    (source,) = {id(image.header): image.header for image in evidence.images(Modality.DCE)}.values()
    for keyword in ("PatientBirthDate", "StudyID"):
        assert keyword in source
    try:
        plain_map(sources=[source])
    except ValueError as refusal:
        return bool(refusal.args)
    return False


def derivation_is_not_described() -> bool:
    return "DerivationDescription" not in plain_map().PerFrameFunctionalGroupsSequence[0].DerivationImageSequence[0]


def sources_are_listed_again() -> bool:
    return "SourceImageSequence" in plain_map()


def content_creator_is_missing() -> bool:
    return "ContentCreatorName" not in plain_map() and "ContentCreatorName" not in plain_segmentation()


def frames_run_against_the_normal() -> bool:
    frames = plain_map().PerFrameFunctionalGroupsSequence
    return z_of(frames[0]) > z_of(frames[-1])


def three_maps_are_held() -> bool:
    pixels = np.ones((3, 512, 512), dtype=np.float32)
    images = make_evidence(Layout(columns=512, rows=512, slices=3, phases=2)).images(Modality.DCE)
    sources = headers(images)
    tracemalloc.start()
    plain_map(pixels, sources)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak > 1.9 * pixels.nbytes  # beside the array itself


def frame_anatomy_is_missing() -> bool:
    return "FrameAnatomySequence" not in plain_map().SharedFunctionalGroupsSequence[0]


def segment_is_identified_once() -> bool:
    return "SegmentIdentificationSequence" not in plain_segmentation().PerFrameFunctionalGroupsSequence[0]


def burned_in_annotation_is_missing() -> bool:
    return "BurnedInAnnotation" not in plain_segmentation()


def padding_is_a_digit() -> bool:
    segment = plain_segmentation()
    return len(segment.PixelData) % 2 == 0 and segment.PixelData[-1:] == b"0"


def side_has_no_argument() -> bool:
    (region,) = plain_segmentation().SegmentSequence[0].AnatomicRegionSequence
    return "AnatomicRegionModifierSequence" not in region


def containers_are_continuous() -> bool:
    return highdicom.sr.ContainerContentItem(codes.IMAGE_LIBRARY).ContinuityOfContent == "CONTINUOUS"


def numbers_are_not_rounded() -> bool:
    plain = highdicom.sr.Measurement(codes.SPREAD, 100 / 3, codes.PERCENT)
    return str(plain[0].MeasuredValueSequence[0].NumericValue) != "33.3"


def report_needs_a_measurement_group() -> bool:
    context = highdicom.sr.ObservationContext(observer_device_context=document.device_observer_context(DEVICE))
    try:
        highdicom.sr.MeasurementReport(context, codes.MULTIPARAMETRIC_MRI, [])
    except ValueError as refusal:
        return bool(refusal.args)
    return False


NEEDED: list[tuple[Callable[..., object], Callable[[], bool]]] = [
    (repairs.keep_identity, identity_is_highdicoms),
    (repairs.fix_dimension_uid, dimension_uid_is_random),
    (repairs.reference_source_frames, phases_of_one_instance_are_not_told_apart),
    (repairs.reference_source_frames, derivation_is_not_described),
    (repairs.list_series_once, sources_are_listed_again),
    (repairs.add_content_creator, content_creator_is_missing),
    (repairs.order_along_normal, frames_run_against_the_normal),
    (repairs.write_pixels, three_maps_are_held),
    (repairs.add_frame_anatomy, frame_anatomy_is_missing),
    (repairs.identify_segment_per_frame, segment_is_identified_once),
    (repairs.add_burned_in_annotation, burned_in_annotation_is_missing),
    (repairs.pad_with_zero, padding_is_a_digit),
    (repairs.add_side, side_has_no_argument),
    (repairs.separate, containers_are_continuous),
    (repairs.rounded, numbers_are_not_rounded),
    (repairs.add_items, report_needs_a_measurement_group),
]


@pytest.mark.parametrize(("repair", "defect"), [pytest.param(*each, id=each[1].__name__) for each in NEEDED])
def test_highdicom_alone_still_has_the_defect(repair: Callable[..., object], defect: Callable[[], bool]) -> None:
    assert defect(), f"highdicom {highdicom.__version__} no longer needs {repair.__name__}"


def test_every_repair_of_an_image_is_proven_needed() -> None:
    proven = {repair for repair, _ in NEEDED}
    assert {*repairs.MAP_REPAIRS, *repairs.SEGMENTATION_REPAIRS} <= proven


def test_highdicom_cannot_read_floats_with_a_slope_other_than_one() -> None:
    """Why the first mapping of a map has slope 1: `_CombinedPixelTransform.input_dtype` is not set for float pixels."""
    saliency_map = plain_map()
    saliency_map.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0].RealWorldValueSlope = 2.0
    with pytest.raises(AttributeError):
        saliency_map.get_volume()


def test_no_stand_in_for_a_source_is_left_in_an_object(objects: ResultObjects) -> None:
    for kind in (Kind.SALIENCY_MAP, Kind.SEGMENTATION):
        uids = {str(e.value) for e in objects.by_kind[kind][0].iterall() if e.VR == "UI" and isinstance(e.value, str)}
        assert not uids & {f"2.25.{number}" for number in range(20)}


def test_a_source_header_is_not_touched_by_what_highdicom_is_handed() -> None:
    image = SourceImage(headers()[0])
    before = image.header.to_json()
    plain_map()
    assert image.header.to_json() == before
