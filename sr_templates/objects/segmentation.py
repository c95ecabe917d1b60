"""The region of highest saliency as a Segmentation (PS3.3 A.51), for viewers without parametric maps."""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset

from mome_core.results import ModelIdentity, Saliency
from sr_templates.dicom import codes
from sr_templates.dicom.common_attributes import CommonAttributes
from sr_templates.dicom.evidence import Slices
from sr_templates.dicom.multiframe import frame_groups, lay_out_frames, sequence_of
from sr_templates.dicom.text import short
from sr_templates.kinds import Kind
from sr_templates.region import SHARE_OF_PEAK, Region, Side

DISPLAY_CIELAB = (43908, 43690, 53199)  # L* 67, a* 42, b* 79: orange, scaled as PS3.3 C.10.7.1.1 says
SIDE_CODES = {Side.LEFT: codes.LEFT, Side.RIGHT: codes.RIGHT}


def tracking_identifier(region: Region) -> str:
    """What the region is called in every object."""
    side = {Side.LEFT: "Left breast: ", Side.RIGHT: "Right breast: ", None: ""}[region.side]
    return f"{side}region of highest saliency"


def build_segmentation(
    edition: CommonAttributes, saliency: Saliency, region: Region, images: Slices, model: ModelIdentity
) -> Dataset:
    """One binary segment on the slices that hold the region, on the grid that was analysed."""
    held = tuple(images[k] for k in region.slices)
    instance = edition.new_instance(Kind.SEGMENTATION, saliency.endpoint, saliency.modality)
    lay_out_frames(instance, held, edition.uid("dimensions", "segmentation"))
    _describe(instance)
    instance.SegmentSequence = [_segment(edition, saliency, region, model)]
    instance.SharedFunctionalGroupsSequence[0].SegmentIdentificationSequence = sequence_of(ReferencedSegmentNumber=1)
    instance.PerFrameFunctionalGroupsSequence = frame_groups(
        held, codes.SEGMENTATION_DERIVATION, "Threshold on the smoothed saliency; not a lesion outline"
    )
    planes = region.mask[:, :, region.slices].transpose(2, 1, 0)
    packed = np.packbits(planes.ravel(), bitorder="little").tobytes()
    instance.PixelData = packed + b"\x00" * (len(packed) % 2)
    return instance


def _describe(instance: Dataset) -> None:
    instance.ImageType = ["DERIVED", "PRIMARY"]
    instance.ContentLabel = "SALIENT_REGION"
    instance.ContentDescription = "Region of highest saliency, research use only"
    instance.ContentCreatorName = ""
    instance.CodingSchemeIdentificationSequence = [codes.coding_scheme_identification()]
    instance.SegmentationType = "BINARY"
    instance.SegmentsOverlap = "NO"
    instance.SamplesPerPixel = 1
    instance.PhotometricInterpretation = "MONOCHROME2"
    instance.PresentationLUTShape = "IDENTITY"
    instance.BitsAllocated = instance.BitsStored = 1
    instance.HighBit = instance.PixelRepresentation = 0
    instance.LossyImageCompression = "00"
    instance.BurnedInAnnotation = "NO"


def _segment(edition: CommonAttributes, saliency: Saliency, region: Region, model: ModelIdentity) -> Dataset:
    breast = codes.code_item(codes.BREAST)
    if region.side is not None:
        breast.AnatomicRegionModifierSequence = [codes.code_item(SIDE_CODES[region.side])]
    segment = Dataset()
    segment.SegmentNumber = 1
    segment.SegmentLabel = "Region of highest saliency"
    segment.SegmentDescription = short(
        f"Voxels around the peak that reach {100 * SHARE_OF_PEAK:.0f} % of it; saliency of {saliency.modality} "
        f"for {saliency.endpoint}; {region.volume_ml:.1f} ml; not a lesion outline",
        1024,
    )
    segment.SegmentAlgorithmType = "AUTOMATIC"
    segment.SegmentAlgorithmName = short(model.name, 64)
    segment.SegmentationAlgorithmIdentificationSequence = [algorithm_item(model)]
    segment.SegmentedPropertyCategoryCodeSequence = [codes.code_item(codes.SPATIAL_CONCEPT)]
    segment.SegmentedPropertyTypeCodeSequence = [codes.code_item(codes.REGION_OF_HIGHEST_SALIENCY)]
    segment.AnatomicRegionSequence = [breast]
    segment.TrackingID = tracking_identifier(region)
    segment.TrackingUID = edition.tracking_uid("region of highest saliency")
    segment.RecommendedDisplayCIELabValue = list(DISPLAY_CIELAB)
    return segment


def algorithm_item(model: ModelIdentity) -> Dataset:
    """The model as the Algorithm Identification Macro names it (PS3.3 Table 10-19)."""
    item = Dataset()
    item.AlgorithmFamilyCodeSequence = [codes.code_item(codes.ARTIFICIAL_INTELLIGENCE)]
    item.AlgorithmName = short(model.name, 64)
    item.AlgorithmVersion = short(model.version, 64)
    item.AlgorithmParameters = f"{codes.WEIGHTS}{model.sha256}"
    return item
