"""What parametric map and segmentation share: frames that lie on source images (PS3.3 C.7.6.16, C.7.6.17)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.tag import Tag
from pydicom.uid import UID
from pydicom.valuerep import DSfloat

from sr_templates.dicom import codes
from sr_templates.dicom.evidence import Slices, SourceImage

IMAGE_POSITION = Tag("ImagePositionPatient")
PLANE_POSITION_GROUP = Tag("PlanePositionSequence")


def sequence_of(**attributes: object) -> list[Dataset]:
    """A sequence with one item that holds these attributes."""
    item = Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return [item]


def decimals(values: Iterable[float]) -> list[DSfloat]:
    """Numbers as DS, which holds at most 16 characters."""
    return [DSfloat(float(value), auto_format=True) for value in values]


def lay_out_frames(instance: Dataset, images: Slices, dimension_uid: UID) -> None:
    """Give the object one frame per source image: matrix, planes, dimensions, references.

    Frames come in the order of `images`; frame k has the plane of the k-th image, exactly as its header states it.
    """
    header = images[0].header
    instance.Rows, instance.Columns = int(header.Rows), int(header.Columns)
    instance.NumberOfFrames = len(images)
    instance.FrameOfReferenceUID = header.FrameOfReferenceUID
    instance.PositionReferenceIndicator = ""
    instance.DimensionOrganizationSequence = sequence_of(DimensionOrganizationUID=dimension_uid)
    instance.DimensionOrganizationType = "3D"
    instance.DimensionIndexSequence = sequence_of(
        DimensionOrganizationUID=dimension_uid,
        DimensionIndexPointer=IMAGE_POSITION,
        FunctionalGroupPointer=PLANE_POSITION_GROUP,
        DimensionDescriptionLabel="Image Position Patient",
    )
    instance.ReferencedSeriesSequence = referenced_series(image.header for image in images)
    instance.SharedFunctionalGroupsSequence = [_shared_groups(images)]


def frame_groups(images: Slices, derivation: Code, description: str) -> list[Dataset]:
    """Per-frame functional groups: frame content, plane, and the source image with the way it was used."""
    groups = []
    for number, image in enumerate(images, start=1):
        group = Dataset()
        group.FrameContentSequence = sequence_of(
            DimensionIndexValues=[number], StackID="1", InStackPositionNumber=number
        )
        group.PlanePositionSequence = sequence_of(ImagePositionPatient=decimals(image.position_mm))
        group.DerivationImageSequence = sequence_of(
            DerivationDescription=description,
            DerivationCodeSequence=[codes.code_item(derivation)],
            SourceImageSequence=[source_item(image)],
        )
        groups.append(group)
    return groups


def source_item(image: SourceImage) -> Dataset:
    """Reference to the image, and its frame, that was processed."""
    item = instance_item(image.header)
    if image.frame is not None:
        item.ReferencedFrameNumber = image.frame
    item.SpatialLocationsPreserved = "YES"
    item.PurposeOfReferenceCodeSequence = [codes.code_item(codes.SOURCE_FOR_PROCESSING)]
    return item


def instance_item(header: Dataset) -> Dataset:
    """Reference to an instance by its SOP class and UID."""
    item = Dataset()
    item.ReferencedSOPClassUID = header.SOPClassUID
    item.ReferencedSOPInstanceUID = header.SOPInstanceUID
    return item


def referenced_series(headers: Iterable[Dataset]) -> list[Dataset]:
    """Common Instance Reference of instances of this study: series in order of appearance, each instance once."""
    by_series: dict[str, dict[str, Dataset]] = {}
    for header in headers:
        by_series.setdefault(str(header.SeriesInstanceUID), {})[str(header.SOPInstanceUID)] = header
    items = []
    for series_uid, members in by_series.items():
        item = Dataset()
        item.SeriesInstanceUID = series_uid
        item.ReferencedInstanceSequence = [instance_item(header) for header in members.values()]
        items.append(item)
    return items


def _shared_groups(images: Slices) -> Dataset:
    groups = Dataset()
    spacing = slice_spacing_mm(images)
    groups.PixelMeasuresSequence = sequence_of(
        PixelSpacing=decimals(images[0].spacing_mm),
        SliceThickness=decimals([spacing])[0],
        SpacingBetweenSlices=decimals([spacing])[0],
    )
    groups.PlaneOrientationSequence = sequence_of(ImageOrientationPatient=decimals(images[0].orientation))
    return groups


def slice_spacing_mm(images: Sequence[SourceImage]) -> float:
    """Distance between neighbouring slices; of a single slice, its thickness as the header states it."""
    if len(images) < 2:
        return float(images[0].header.get("SliceThickness") or 1.0)
    normal = np.cross(images[0].orientation[:3], images[0].orientation[3:])
    return float(abs((images[-1].position_mm - images[0].position_mm) @ normal)) / (len(images) - 1)
