"""The region of highest saliency drawn on its slice: an SR with coordinates (TID 1410), off by default.

It shows a patient-level score next to one location, which a reader may take for the score of a lesion.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from highdicom.sr import ImageRegion, PlanarROIMeasurementsAndQualitativeEvaluations
from pydicom.dataset import Dataset

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
    image_region,
    measurement_report,
    percentage,
    tracking_identifier,
    with_explanation,
)
from sr_templates.dicom.score_words import explanation_words
from sr_templates.kinds import Kind
from sr_templates.saliency.placed import PlacedSaliency
from sr_templates.saliency.region import SIDE_CODES, Region, region_name


def build(context: BuildContext) -> Instances:
    """One document, where viewers can draw on the images."""
    return (_build_region_report(context.common, context.annotated, context.region, context.links),)


def _build_region_report(
    common: CommonAttributes, placed: PlacedSaliency, region: Region, links: Mapping[Kind, Dataset]
) -> Dataset:
    """A box around the region on the slice of its peak, with the patient's score and a name that says what it is."""
    instance = common.new_instance(Kind.REGION, placed.saliency.endpoint, *links)
    group = _planar_roi_group(common, placed, region, links)
    root = measurement_report(codes.IMAGING_MEASUREMENT_REPORT, common.device, [group])
    return finished(instance, common, root, links.values())


def _planar_roi_group(
    common: CommonAttributes, placed: PlacedSaliency, region: Region, links: Mapping[Kind, Dataset]
) -> MeasurementGroup:
    """TID 1410; tracking identifier and UID are those of the segment."""
    score, saliency = placed.score, placed.saliency
    how = f"saliency of {saliency.modality}: {explanation_words(saliency)}"
    group = PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier(region_name(region), common.tracking_uid("region of highest saliency")),
        _outline(placed, region),
        finding_sites=[finding_site(codes.BILATERAL if region.side is None else SIDE_CODES[region.side])],
        algorithm_id=algorithm_identification(score.model, common.device, [how]),
        measurements=[]
        if score.probability is None
        else [percentage(codes.PROBABILITY[score.endpoint], score.probability)],
        qualitative_evaluations=[evaluation(codes.INTENDED_USE, codes.RESEARCH_ONLY)],
    )
    explained = [links[Kind.SALIENCY_MAP]] if Kind.SALIENCY_MAP in links else []
    return with_explanation(group, [image(codes.VISUAL_EXPLANATION, each) for each in explained])


def _outline(placed: PlacedSaliency, region: Region) -> ImageRegion:
    """Closed box in pixel coordinates of the slice of the peak."""
    k = region.peak[2]
    columns, rows = (np.flatnonzero(region.mask[:, :, k].any(axis=axis)) for axis in (1, 0))
    left, right, top, bottom = columns[0], columns[-1] + 1, rows[0], rows[-1] + 1
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom], [left, top]], dtype=float)
    return image_region(corners, placed.images[k])
