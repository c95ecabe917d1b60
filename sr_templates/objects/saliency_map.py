"""The saliency as a Parametric Map (PS3.3 A.75), for viewers that colour numbers."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from mome_core.results import Saliency
from mome_core.volume import Volume
from sr_templates.dicom import codes
from sr_templates.dicom.common_attributes import CommonAttributes
from sr_templates.dicom.grid import Placement
from sr_templates.dicom.multiframe import decimals, frame_groups, lay_out_frames, sequence_of
from sr_templates.dicom.text import short
from sr_templates.highlight import Highlight
from sr_templates.kinds import Kind

IMAGE_TYPE = ["DERIVED", "PRIMARY", "VOLUME", "QUANTITY"]
UNSIGNED_ZERO = 32768  # stored value of "no influence" in the 16-bit encoding


class MapEncoding(StrEnum):
    """How the map's numbers are stored; the values are the words of the settings file."""

    FLOAT32 = "float32"
    UINT16 = "uint16"


def build_saliency_map(
    edition: CommonAttributes, shown: Highlight, placement: Placement, encoding: MapEncoding, *, crop: bool
) -> Dataset:
    """One parametric map of the shown saliency, one frame per slice, in the order of the placement.

    Stored values are shares of the smoothed peak, because some viewers colour a fixed range of them (OHIF 3.13:
    opacity runs from 0 to 0.9); the real world value mapping gives the saliency in units of the score's logit.

    crop : leave out the slices at both ends on which every value is zero, where the network did not look.
    """
    saliency = shown.saliency
    placement = without_empty_ends(placement) if crop else placement
    variant = (saliency.endpoint, saliency.modality, encoding, str(crop))
    instance = edition.new_instance(
        Kind.SALIENCY_MAP, *variant, method=abbreviation(saliency.method), modality=saliency.modality
    )
    lay_out_frames(instance, placement.images, edition.uid("dimensions", *variant))
    _describe(instance, saliency, placement.note)
    planes = placement.volume.voxels.transpose(2, 1, 0)  # (slice, row, column), the order of pixel data
    zero, unit = _store(instance, planes, shown.peak, encoding)
    shared = instance.SharedFunctionalGroupsSequence[0]
    _describe_frames(shared)
    shared.FrameVOILUTSequence = sequence_of(
        WindowCenter=[zero],
        WindowWidth=decimals([2 * shown.peak / unit]),
        WindowCenterWidthExplanation=["signed saliency"],
    )
    shared.RealWorldValueMappingSequence = [_real_world_values(planes, zero, unit, encoding)]
    instance.PerFrameFunctionalGroupsSequence = frame_groups(
        placement.images, codes.ATTRIBUTION, short(f"{saliency.method}. {placement.note}", 1024)
    )
    return instance


def abbreviation(method: str) -> str:
    """IG for integrated gradients: a series description has 64 characters."""
    words = method.split()
    return "".join(word[0] for word in words).upper() if len(words) > 1 else short(method, 16)


def without_empty_ends(placement: Placement) -> Placement:
    """The placement without the slices at its ends that hold zeros only; all of it when every slice does."""
    held = np.flatnonzero(placement.volume.voxels.any(axis=(0, 1)))
    if not held.size:
        return placement
    first, last = int(held[0]), int(held[-1])
    affine = placement.volume.affine.copy()
    affine[:3, 3] += first * affine[:3, 2]
    volume = Volume(placement.volume.voxels[:, :, first : last + 1], affine, placement.volume.frame_of_reference_uid)
    return replace(placement, volume=volume, images=placement.images[first : last + 1])


def _describe(instance: Dataset, saliency: Saliency, note: str) -> None:
    instance.ImageType = IMAGE_TYPE
    instance.PixelPresentation = "MONOCHROME"
    instance.ContentQualification = "RESEARCH"
    instance.ContentLabel = "SALIENCY"
    asked = saliency.endpoint.replace("_", " ")
    instance.ContentDescription = short(f"Saliency for {asked}, research use only", 64)
    instance.ContentCreatorName = ""
    instance.ImageComments = short(f"Signed share of each voxel in the score for {asked}. Not a lesion. {note}", 10240)
    instance.CodingSchemeIdentificationSequence = [codes.coding_scheme_identification()]
    instance.AcquisitionContextSequence = []
    instance.SamplesPerPixel = 1
    instance.PhotometricInterpretation = "MONOCHROME2"
    instance.PresentationLUTShape = "IDENTITY"
    instance.BurnedInAnnotation = "NO"
    instance.RecognizableVisualFeatures = "NO"
    instance.LossyImageCompression = "00"
    instance.BodyPartExamined = "BREAST"


def _store(instance: Dataset, planes: NDArray[Any], peak: float, encoding: MapEncoding) -> tuple[float, float]:
    """Write the pixels; the stored value of zero saliency, and the saliency that one stored unit stands for."""
    if encoding is MapEncoding.FLOAT32:
        instance.BitsAllocated = 32
        instance.FloatPixelData = np.divide(planes, peak, dtype="<f4").tobytes()
        return 0.0, peak
    unit = (max(float(planes.max()), -float(planes.min())) or 1.0) / (UNSIGNED_ZERO - 1)
    instance.BitsAllocated = instance.BitsStored = 16
    instance.HighBit, instance.PixelRepresentation = 15, 0
    instance.PixelData = b"".join(np.rint(plane / unit + UNSIGNED_ZERO).astype("<u2").tobytes() for plane in planes)
    return float(UNSIGNED_ZERO), unit


def _describe_frames(shared: Dataset) -> None:
    """Macros that a parametric map must hold (PS3.3 Table A.75-2); a frame covers both breasts."""
    shared.FrameAnatomySequence = sequence_of(
        FrameLaterality="B", AnatomicRegionSequence=[codes.code_item(codes.BREAST)]
    )
    shared.ParametricMapFrameTypeSequence = sequence_of(FrameType=IMAGE_TYPE)
    shared.PixelValueTransformationSequence = sequence_of(RescaleIntercept=0, RescaleSlope=1, RescaleType="US")


def _real_world_values(planes: NDArray[Any], zero: float, unit: float, encoding: MapEncoding) -> Dataset:
    """From stored values to saliency; the range mapped is given in stored values (PS3.3 C.7.6.16.2.11)."""
    item = Dataset()
    item.LUTLabel = "Saliency"
    item.LUTExplanation = "Share of the voxel in the score (logit)"
    item.MeasurementUnitsCodeSequence = [codes.code_item(codes.NO_UNITS)]
    item.RealWorldValueIntercept = -zero * unit
    item.RealWorldValueSlope = unit
    if encoding is MapEncoding.FLOAT32:
        item.DoubleFloatRealWorldValueFirstValueMapped = float(np.float32(planes.min() / np.float32(unit)))
        item.DoubleFloatRealWorldValueLastValueMapped = float(np.float32(planes.max() / np.float32(unit)))
    else:
        item.add_new("RealWorldValueFirstValueMapped", "US", 0)
        item.add_new("RealWorldValueLastValueMapped", "US", 65535)
    quantity = Dataset()
    quantity.ValueType = "CODE"
    quantity.ConceptNameCodeSequence = [codes.code_item(codes.QUANTITY)]
    quantity.ConceptCodeSequence = [codes.code_item(codes.SALIENCY)]
    item.QuantityDefinitionSequence = [quantity]
    return item
