"""The region of highest saliency as a Segmentation (PS3.3 A.51), for viewers without parametric maps."""

from __future__ import annotations

from highdicom import AlgorithmIdentificationSequence
from highdicom.color import CIELabColor
from highdicom.seg import Segmentation, SegmentDescription
from pydicom.dataset import Dataset

from mome_core.results import ModelIdentity, Saliency
from sr_templates.context import BuildContext, Instances
from sr_templates.dicom import codes
from sr_templates.dicom.common_attributes import CommonAttributes
from sr_templates.dicom.evidence import Slices
from sr_templates.dicom.multiframe import frame_sources, identity_arguments
from sr_templates.dicom.repairs import SEGMENTATION_REPAIRS, FrameFacts, repair
from sr_templates.dicom.text import short
from sr_templates.kinds import Kind
from sr_templates.saliency.region import SHARE_OF_PEAK, SIDE_CODES, Region, region_name

_ORANGE = CIELabColor(67.0, 42.0, 79.0)


def build(context: BuildContext) -> Instances:
    """One segment: the region of the saliency that is shown."""
    placed = context.placed
    return (_build_segmentation(context.common, placed.saliency, context.region, placed.images, placed.score.model),)


def _build_segmentation(
    common: CommonAttributes, saliency: Saliency, region: Region, images: Slices, model: ModelIdentity
) -> Dataset:
    """One binary segment on the slices that hold the region, on the grid that was analysed."""
    held = tuple(images[k] for k in region.slices)
    instance = common.new_instance(Kind.SEGMENTATION, saliency.endpoint, saliency.modality)
    instance.ContentDescription = "Region of highest saliency, research use only"
    built = Segmentation(
        frame_sources(held),
        region.mask[:, :, region.slices].transpose(2, 1, 0),
        "BINARY",
        [_segment(common, saliency, region, model)],
        **identity_arguments(instance),
        content_label="SALIENT_REGION",
        omit_empty_frames=False,
    )
    facts = FrameFacts(
        held,
        common.uid("dimensions", "segmentation"),
        "Threshold on the smoothed saliency; not a lesion outline",
        None if region.side is None else SIDE_CODES[region.side],
    )
    repair(instance, built, SEGMENTATION_REPAIRS, facts)
    return instance


def _segment(common: CommonAttributes, saliency: Saliency, region: Region, model: ModelIdentity) -> SegmentDescription:
    segment = SegmentDescription(
        1,
        "Region of highest saliency",
        codes.SPATIAL_CONCEPT,
        codes.REGION_OF_HIGHEST_SALIENCY,
        "AUTOMATIC",
        algorithm_identification(model),
        common.tracking_uid("region of highest saliency"),
        region_name(region),
        [codes.BREAST],
        display_color=_ORANGE,
    )
    segment.SegmentDescription = short(
        f"Voxels around the peak that reach {100 * SHARE_OF_PEAK:.0f} % of it; saliency of {saliency.modality} "
        f"for {saliency.endpoint}; {region.volume_ml:.1f} ml; not a lesion outline",
        1024,
    )
    return segment


def algorithm_identification(model: ModelIdentity) -> AlgorithmIdentificationSequence:
    """The model as the Algorithm Identification Macro names it (PS3.3 Table 10-19)."""
    return AlgorithmIdentificationSequence(
        short(model.name, 64),
        codes.ARTIFICIAL_INTELLIGENCE,
        short(model.version, 64),
        parameters={codes.WEIGHTS.strip(): model.sha256},
    )
