"""The region of highest saliency as an SR that viewers jump from: where it lies, and nothing that is of the patient.

One group (TID 1411): the segment, its outline in the plane of the peak (SCOORD, SCOORD3D), and what was measured in it.
No probability: next to one place it would be read as the score of a lesion; the gate holds that.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from highdicom.sr import ContentItem, VolumetricROIMeasurementsAndQualitativeEvaluations
from pydicom.dataset import Dataset

from mome_core.measurements import Measurements
from sr_templates.context import BuildContext, Instances
from sr_templates.dicom import codes
from sr_templates.dicom.common_attributes import CommonAttributes
from sr_templates.dicom.document import (
    MeasurementGroup,
    algorithm_identification,
    evaluation,
    finding_site,
    finished,
    image,
    measurement_report,
    outline,
    outline_in_space,
    referenced_segment,
    tracking_identifier,
    with_items,
)
from sr_templates.dicom.measured_items import measured_at_point, worst_curve
from sr_templates.dicom.report_wording import ReportWording
from sr_templates.dicom.score_words import explanation_words
from sr_templates.errors import NotShowable
from sr_templates.kinds import Kind
from sr_templates.saliency.impression import place_of_region
from sr_templates.saliency.placed import PlacedSaliency
from sr_templates.saliency.region import SIDE_CODES, Region, region_name


def build(context: BuildContext) -> Instances:
    """One document, beside the segmentation that it refers to."""
    placed, region = context.placed, context.region
    if Kind.SEGMENTATION not in context.links:
        raise NotShowable("it refers to the segmentation, which is not written")
    common, links = context.common, context.links
    instance = common.new_instance(Kind.REGION, placed.saliency.endpoint, *links)
    group = _volumetric_roi_group(common, placed, region, links, context.result.measurements)
    wording = ReportWording.of(context.options.page.language, common.evidence.reference)
    first = wording.item(codes.IMPRESSION, place_of_region(placed, region, wording.words))
    root = measurement_report(codes.IMAGING_MEASUREMENT_REPORT, common.device, [group], first=first)
    return (finished(instance, common, root, links.values()),)


def _volumetric_roi_group(
    common: CommonAttributes,
    placed: PlacedSaliency,
    region: Region,
    links: Mapping[Kind, Dataset],
    measurements: Measurements | None,
) -> MeasurementGroup:
    """TID 1411; tracking identifier and UID are those of the segment."""
    how = f"saliency of {placed.saliency.modality}: {explanation_words(placed.saliency)}"
    source = placed.images[region.peak[2]].header
    group = VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier(region_name(region), common.tracking_uid("region of highest saliency")),
        referenced_segment=referenced_segment(links[Kind.SEGMENTATION], str(source.SeriesInstanceUID)),
        finding_type=codes.REGION_OF_HIGHEST_SALIENCY,
        finding_sites=[finding_site(codes.BILATERAL if region.side is None else SIDE_CODES[region.side])],
        algorithm_id=algorithm_identification(placed.score.model, common.device, [how]),
        measurements=measured_at_point(measurements),
        qualitative_evaluations=[
            evaluation(codes.INTENDED_USE, codes.RESEARCH_ONLY),
            *worst_curve(measurements),
        ],
    )
    items = _outlines(placed, region)
    if Kind.SALIENCY_MAP in links:
        items.append(image(codes.VISUAL_EXPLANATION, links[Kind.SALIENCY_MAP]))
    return with_items(group, items)


def _outlines(placed: PlacedSaliency, region: Region) -> list[ContentItem]:
    """Closed box along the outer edges of the region's pixels in the plane of the peak: on its image, and in space.

    The one on the image comes first: OHIF 3.13 shows the first, and for coordinates in space alone it opens the first
    series of the frame of reference, a localizer.
    """
    k, volume = region.peak[2], placed.placement.volume
    columns, rows = (np.flatnonzero(region.mask[:, :, k].any(axis=axis)) for axis in (1, 0))
    left, right, top, bottom = columns[0], columns[-1] + 1, rows[0], rows[-1] + 1
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom), (left, top)], dtype=float)
    index = np.column_stack([corners - 0.5, np.full(len(corners), k), np.ones(len(corners))])
    in_space = outline_in_space((index @ volume.affine.T)[:, :3], volume.frame_of_reference_uid)
    return [outline(corners, placed.images[k]), in_space]
