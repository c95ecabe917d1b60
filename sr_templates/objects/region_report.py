"""The region of highest saliency drawn on its slice: an SR with coordinates (TID 1410), off by default.

It puts a patient's score beside one place, which a reader may take for the score of a lesion.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from highdicom.sr.value_types import ContentItem, ScoordContentItem
from pydicom.dataset import Dataset

from sr_templates.dicom import codes
from sr_templates.dicom.common_attributes import CommonAttributes
from sr_templates.dicom.document import (
    CONTAINS,
    CONTEXT,
    MODIFIER,
    code,
    container,
    image,
    modified,
    observer,
    percentage,
    source_image,
    text,
    uid_reference,
)
from sr_templates.highlight import Highlight
from sr_templates.kinds import Kind
from sr_templates.objects.report import algorithm, finding_site, finished
from sr_templates.objects.segmentation import SIDE_CODES, tracking_identifier
from sr_templates.region import Region


def build_region_report(
    edition: CommonAttributes, shown: Highlight, region: Region, links: Mapping[Kind, Dataset]
) -> Dataset:
    """A box around the region on the slice of its peak, with the patient's score and a name that says what it is."""
    instance = edition.new_instance(Kind.REGION, shown.saliency.endpoint, *links)
    root = container(
        codes.IMAGING_MEASUREMENT_REPORT,
        [
            code(codes.LANGUAGE, codes.ENGLISH, MODIFIER),
            *observer(edition.device),
            code(codes.PROCEDURE_REPORTED, codes.MULTIPARAMETRIC_MRI, MODIFIER),
            container(codes.IMAGE_LIBRARY, []),
            container(codes.IMAGING_MEASUREMENTS, [_group(edition, shown, region, links)]),
        ],
        relation=None,
        template="1500",
    )
    return finished(instance, edition, root, links)


def _group(edition: CommonAttributes, shown: Highlight, region: Region, links: Mapping[Kind, Dataset]) -> ContentItem:
    """TID 1410; tracking identifier and UID are those of the segment."""
    score = shown.score
    laterality = codes.BILATERAL if region.side is None else SIDE_CODES[region.side]
    name = tracking_identifier(region)
    items = [
        text(codes.TRACKING_IDENTIFIER, name, CONTEXT),
        uid_reference(codes.TRACKING_UID, edition.tracking_uid("region of highest saliency"), CONTEXT),
        finding_site(laterality),
        *algorithm(score.model, edition.device, [f"saliency of {shown.saliency.modality}, {shown.saliency.method}"]),
        percentage(codes.PROBABILITY[score.endpoint], score.probability),
        _outline(shown, region),
        code(codes.INTENDED_USE, codes.RESEARCH_ONLY),
    ]
    if Kind.SALIENCY_MAP in links:
        items.append(image(codes.VISUAL_EXPLANATION, links[Kind.SALIENCY_MAP]))
    return container(codes.MEASUREMENT_GROUP, items, template="1410")


def _outline(shown: Highlight, region: Region) -> ContentItem:
    """Closed box in pixel coordinates of the slice; (0, 0) is the outer corner of the first pixel."""
    k = region.peak[2]
    columns, rows = (np.flatnonzero(region.mask[:, :, k].any(axis=axis)) for axis in (1, 0))
    left, right, top, bottom = columns[0], columns[-1] + 1, rows[0], rows[-1] + 1
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom], [left, top]], dtype=float)
    outline = ScoordContentItem(codes.IMAGE_REGION, "POLYLINE", corners, relationship_type=CONTAINS)
    return modified(outline, source_image(codes.SOURCE_OF_MEASUREMENT, shown.images[k], "SELECTED FROM"))
