"""What parametric map and segmentation share: frames on source images, built by highdicom (PS3.3 C.7.6.16)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage
from pydicom.valuerep import DSfloat

from sr_templates.dicom import codes
from sr_templates.dicom.evidence import Slices, SourceImage

SHARE_OF_PEAK_LABEL = "Share of peak"  # LUT Label of the first real world value mapping of a saliency map
LOGIT_LABEL = "Saliency"
_COPIED = ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "Rows", "Columns")
_TYPE_2 = ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate",
           "StudyTime")  # fmt: skip


def _sequence_of(**attributes: object) -> list[Dataset]:
    """A sequence with one item that holds these attributes."""
    item = Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return [item]


def decimals(values: Iterable[float]) -> list[DSfloat]:
    """Numbers as DS, which holds at most 16 characters."""
    return [DSfloat(float(value), auto_format=True) for value in values]


def frame_sources(images: Slices, *, one_pixel: bool = False) -> list[Dataset]:
    """One header for each frame to be made, with what highdicom reads of a source image.

    Every source stands as a single-frame image: of multi-frame images highdicom takes one only, and matches its frames
    by position, which finds the other phases of a dynamic too. `repairs.reference_source_frames` then states the
    instance and its frame. Patient and study stay empty: those of `CommonAttributes` take their place.

    Parameters
    ----------
    one_pixel
        Frames of one pixel, for an object whose pixels `repairs.write_pixels` writes.
    """
    spacing = float(decimals([_slice_spacing_mm(images)])[0])
    sources = [_frame_source(image, number, spacing) for number, image in enumerate(images, start=1)]
    if one_pixel:
        for source in sources:
            source.Rows = source.Columns = 1
    return sources


def _frame_source(image: SourceImage, number: int, slice_spacing: float) -> Dataset:
    source = Dataset()
    for keyword in _COPIED:
        setattr(source, keyword, image.header[keyword].value)
    for keyword in _TYPE_2:
        setattr(source, keyword, "")
    source.SOPClassUID = MRImageStorage
    source.SOPInstanceUID = f"2.25.{number}"  # frames of one instance would be logged as duplicates
    source.Modality = "MR"
    source.ImagePositionPatient = decimals(image.position_mm)
    source.ImageOrientationPatient = decimals(image.orientation)
    source.PixelSpacing = decimals(image.spacing_mm)
    source.SliceThickness = source.SpacingBetweenSlices = slice_spacing
    return source


def identity_arguments(instance: Dataset) -> dict[str, Any]:
    """Series, instance and equipment as keyword arguments of highdicom's image classes."""
    return {
        "series_instance_uid": instance.SeriesInstanceUID,
        "series_number": instance.SeriesNumber,
        "sop_instance_uid": instance.SOPInstanceUID,
        "instance_number": instance.InstanceNumber,
        "manufacturer": instance.Manufacturer,
        "manufacturer_model_name": instance.ManufacturerModelName,
        "software_versions": instance.SoftwareVersions,
        "device_serial_number": instance.DeviceSerialNumber,
        "transfer_syntax_uid": ExplicitVRLittleEndian,
    }


def _slice_spacing_mm(images: Sequence[SourceImage]) -> float:
    """Distance between neighbouring slices; of a single slice, its thickness as the header states it."""
    if len(images) < 2:
        return float(images[0].header.get("SliceThickness") or 1.0)
    normal = np.cross(images[0].orientation[:3], images[0].orientation[3:])
    return float(abs((images[-1].position_mm - images[0].position_mm) @ normal)) / (len(images) - 1)


def laterality_of_both() -> list[Dataset]:
    """Frame Anatomy of frames that cover both breasts."""
    return _sequence_of(FrameLaterality="B", AnatomicRegionSequence=[codes.code_item(codes.BREAST)])
