"""Everything that is changed in what highdicom 0.28 builds, each with its reason.

`tests/sr_templates/dicom/test_repairs.py` builds each object by highdicom alone and fails as soon as it no longer has
the defect: then the repair can go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial

import numpy as np
from highdicom.sr import ContentItem, Measurement
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import UID

from sr_templates.dicom import codes
from sr_templates.dicom.evidence import Slices
from sr_templates.dicom.multiframe import laterality_of_both
from sr_templates.dicom.references import referenced_series, source_item
from sr_templates.dicom.streamed import Planes


@dataclass(frozen=True, slots=True, eq=False)
class FrameFacts:
    """What highdicom has no argument for, about the frames of an image.

    Parameters
    ----------
    images
        The source image of each frame, in the order of the grid.
    dimension_uid
        Dimension Organization UID.
    derivation
        Derivation Description of every frame, at most 1024 characters.
    side
        Code of the side that the segment lies on; None where it is not known, and for a parametric map.
    pixels
        Of a parametric map, a plane for each of `images`; None where highdicom wrote them.
    """

    images: Slices
    dimension_uid: UID
    derivation: str
    side: Code | None = None
    pixels: Planes | None = None


def keep_identity(instance: Dataset, built: Dataset) -> None:
    """Take over what highdicom built, except what the object already has.

    highdicom copies a few attributes of patient and study, where archives split a study whose objects differ in any
    (dcentvfy: "different information entities"); it reads the clock for creation and content, so that no two runs give
    the same bytes; and it signs the file with its own implementation class UID.
    """
    for element in built:
        if element.tag not in instance:
            instance[element.tag] = element


# --- images


def fix_dimension_uid(instance: Dataset, facts: FrameFacts) -> None:
    """highdicom draws the Dimension Organization UID at random: no two runs would give the same bytes."""
    for item in (*instance.DimensionOrganizationSequence, *instance.DimensionIndexSequence):
        item.DimensionOrganizationUID = facts.dimension_uid


def reference_source_frames(instance: Dataset, facts: FrameFacts) -> None:
    """highdicom cannot say which frame of several Enhanced MR instances was used (PS3.3 C.7.6.16.2.6).

    It takes one multi-frame image only, names all frames at one position (so every phase of a dynamic), and has no
    argument for the Derivation Description.
    """
    positions = np.array([image.position_mm for image in facts.images])
    for groups in instance.PerFrameFunctionalGroupsSequence:
        derivation = groups.DerivationImageSequence[0]
        derivation.DerivationDescription = facts.derivation
        derivation.SourceImageSequence = [source_item(facts.images[_nearest(positions, groups)])]


def _nearest(positions_mm: NDArray[np.float64], groups: Dataset) -> int:
    """Index of the source image that a frame lies on."""
    position = np.array(groups.PlanePositionSequence[0].ImagePositionPatient, dtype=float)
    return int(np.linalg.norm(positions_mm - position, axis=1).argmin())


def list_series_once(instance: Dataset, facts: FrameFacts) -> None:
    """highdicom lists an instance once for each of its frames, and lists all again in Source Image Sequence.

    The General Reference module's list has no Purpose of Reference and no frame numbers: it says less than the
    functional groups do (PS3.3 C.12.4, C.12.2).
    """
    instance.ReferencedSeriesSequence = referenced_series(image.header for image in facts.images)
    instance.pop("SourceImageSequence", None)


def add_content_creator(instance: Dataset, facts: FrameFacts) -> None:
    """Content Creator's Name is Type 2 (PS3.3 Table 10-12): present and empty when no person made the object.

    highdicom leaves it out unless it is given a name (dicom-validator: "Tag ContentCreatorName is missing").
    """
    instance.ContentCreatorName = ""


def add_frame_anatomy(instance: Dataset, facts: FrameFacts) -> None:
    """Frame Anatomy is mandatory in a parametric map (PS3.3 Table A.75-2); highdicom has no argument for it.

    dicom-validator reports it as missing, dciodvfy as missing laterality.
    """
    instance.SharedFunctionalGroupsSequence[0].FrameAnatomySequence = laterality_of_both()


def order_along_normal(instance: Dataset, facts: FrameFacts) -> None:
    """highdicom orders frames against the normal of their planes: the axial slice nearest to the head comes first.

    dcmqi 1.5.7 (`paramap2itkimage`, so 3D Slicer) takes frames for ascending whatever positions they state, and
    mirrors such a map from head to feet. Both orders are legal (PS3.3 C.7.6.17).
    """
    frames = sorted(instance.PerFrameFunctionalGroupsSequence, key=partial(_along_normal, instance))
    for number, groups in enumerate(frames, start=1):
        groups.FrameContentSequence[0].DimensionIndexValues = [number]
    instance.PerFrameFunctionalGroupsSequence = frames


def _along_normal(instance: Dataset, groups: Dataset) -> float:
    """Distance of a frame's plane along its normal, mm."""
    (plane,) = instance.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence
    orientation = np.array(plane.ImageOrientationPatient, dtype=float)
    position = np.array(groups.PlanePositionSequence[0].ImagePositionPatient, dtype=float)
    return float(np.cross(orientation[:3], orientation[3:]) @ position)


def write_pixels(instance: Dataset, facts: FrameFacts) -> None:
    """highdicom holds three maps to make one: the array, the bytes of its frames, and all bytes joined.

    So it is handed frames of one pixel; those of the map are read from the array when the object is written.
    """
    if facts.pixels is None:
        return
    positions = np.array([image.position_mm for image in facts.images])
    order = [_nearest(positions, groups) for groups in instance.PerFrameFunctionalGroupsSequence]
    planes = facts.pixels if order[0] <= order[-1] else facts.pixels.reversed()  # slices of a grid run one way
    instance.Rows, instance.Columns = planes.plane_shape
    keyword = "FloatPixelData" if planes.dtype.kind == "f" else "PixelData"
    setattr(instance, keyword, planes.file())


def add_burned_in_annotation(instance: Dataset, facts: FrameFacts) -> None:
    """highdicom leaves Burned In Annotation out of a segmentation; archives that anonymise ask for it."""
    instance.BurnedInAnnotation = "NO"


def identify_segment_per_frame(instance: Dataset, facts: FrameFacts) -> None:
    """highdicom states the segment of all frames once, in the shared functional groups, when there is one segment.

    Its own `sr.ReferencedSegment.from_segmentation` and dwv 0.36 look for Segment Identification in each frame.
    """
    shared = instance.SharedFunctionalGroupsSequence[0]
    for groups in instance.PerFrameFunctionalGroupsSequence:
        groups.SegmentIdentificationSequence = deepcopy(shared.SegmentIdentificationSequence)
    del shared.SegmentIdentificationSequence


def pad_with_zero(instance: Dataset, facts: FrameFacts) -> None:
    """Pixel data of odd length ends with a byte of zeros (PS3.5 8.1.1); highdicom appends the digit "0", 30H."""
    bits = int(instance.Rows) * int(instance.Columns) * int(instance.NumberOfFrames)
    if -(-bits // 8) % 2:
        instance.PixelData = instance.PixelData[:-1] + b"\0"


def add_side(instance: Dataset, facts: FrameFacts) -> None:
    """A paired structure needs a modifier that tells its side (PS3.3 10.5); highdicom has no argument for it."""
    if facts.side is None:
        return
    for segment in instance.SegmentSequence:
        (region,) = segment.AnatomicRegionSequence
        region.AnatomicRegionModifierSequence = [codes.code_item(facts.side)]


_IMAGE_REPAIRS: tuple[Callable[[Dataset, FrameFacts], None], ...] = (
    fix_dimension_uid,
    reference_source_frames,
    list_series_once,
    add_content_creator,
)
MAP_REPAIRS = (*_IMAGE_REPAIRS, order_along_normal, write_pixels, add_frame_anatomy)
SEGMENTATION_REPAIRS = (*_IMAGE_REPAIRS, identify_segment_per_frame, add_burned_in_annotation, pad_with_zero, add_side)
SEVERAL_SEGMENTS_REPAIRS = tuple(each for each in SEGMENTATION_REPAIRS if each is not identify_segment_per_frame)


def repair(
    instance: Dataset, built: Dataset, repairs: tuple[Callable[[Dataset, FrameFacts], None], ...], facts: FrameFacts
) -> None:
    """Make what highdicom built the content of an object, and apply the repairs."""
    keep_identity(instance, built)
    for each in repairs:
        each(instance, facts)


# --- documents


def separate(item: Dataset) -> Dataset:
    """Every container below becomes SEPARATE.

    highdicom's templates write CONTINUOUS (PS3.3 C.17.3.2.1: text that flows on); OHIF and Weasis then print values
    without their names.
    """
    if item.ValueType == "CONTAINER":
        item.ContinuityOfContent = "SEPARATE"
    for child in item.get("ContentSequence", ()):
        separate(child)
    return item


def rounded(measurement: Measurement, decimals: int) -> Measurement:
    """The Numeric Value reads as a person would write it; the exact one stays in Floating Point Value.

    highdicom writes up to 16 characters: "33.3333333333333" on the screen of every viewer.
    """
    measured = measurement[0].MeasuredValueSequence[0]
    measured.NumericValue = f"{float(measured.FloatingPointValue):.{decimals}f}"
    return measurement


def add_items(group: Dataset, items: Sequence[ContentItem]) -> None:
    """Content that the template allows but highdicom's class has no argument for.

    Of TID 1501 and TID 1411 the row IMAGE (130401, DCM, "Visual explanation"), an outline beside the segment, and text
    beside coded evaluations; of TID 1500 the Qualitative Evaluations, and an Image Library without descriptors.
    """
    for item in items:
        group.ContentSequence.append(item)
