"""Curve types of all enhancing tissue as a Segmentation of three segments: persistent, plateau, washout.

Off by default: it marks every vessel and lymph node that enhances, beside the one place that the page is about.
"""

from __future__ import annotations

import numpy as np
from highdicom import AlgorithmIdentificationSequence
from highdicom.color import CIELabColor
from highdicom.seg import Segmentation, SegmentDescription
from pydicom.dataset import Dataset

from mome_core.case import Modality
from mome_core.measurements import TYPE_NUMBERS, CurveType
from sr_templates.context import BuildContext, Instances
from sr_templates.dicom import codes
from sr_templates.dicom.common_attributes import CommonAttributes
from sr_templates.dicom.grid import Placement, place
from sr_templates.dicom.multiframe import frame_sources, identity_arguments
from sr_templates.dicom.repairs import SEVERAL_SEGMENTS_REPAIRS, FrameFacts, repair
from sr_templates.errors import NotShowable
from sr_templates.kinds import Kind

_COLOURS = {  # as kinetic overlays of breast MRI workstations: blue, yellow, red
    CurveType.PERSISTENT: CIELabColor(40.0, 10.0, -60.0),
    CurveType.PLATEAU: CIELabColor(90.0, -5.0, 80.0),
    CurveType.WASHOUT: CIELabColor(50.0, 75.0, 55.0),
}
_METHOD = "Initial uptake of 50 % or more; last signal within 10 % of the first post-contrast one: plateau"


def build(context: BuildContext) -> Instances:
    """One segmentation on the slices that hold enhancing tissue."""
    types = context.kinetics.types
    if types is None:
        raise NotShowable("the times of the phases are not known, so that no curve has a type")
    if not types.voxels.any():
        raise NotShowable("no tissue in the breasts enhances")
    placement = place(types, Modality.DCE, context.common.evidence).without_empty_ends()
    return (_build_segmentation(context.common, placement),)


def _build_segmentation(common: CommonAttributes, placement: Placement) -> Dataset:
    """Binary segments that do not overlap, each on the slices that hold it."""
    instance = common.new_instance(Kind.CURVE_TYPES)
    instance.ContentDescription = "Curve types of enhancing tissue, research use only"
    numbers = placement.volume.voxels.transpose(2, 1, 0)
    present = [each for each, number in TYPE_NUMBERS.items() if (numbers == number).any()]
    labels = np.zeros(numbers.shape, dtype=np.uint8)
    for segment, each in enumerate(present, start=1):
        labels[numbers == TYPE_NUMBERS[each]] = segment
    built = Segmentation(
        frame_sources(placement.images),
        labels,
        "BINARY",
        [_segment(common, segment, each) for segment, each in enumerate(present, start=1)],
        **identity_arguments(instance),
        content_label="CURVE_TYPES",
        omit_empty_frames=True,
    )
    facts = FrameFacts(placement.images, common.uid("dimensions", "curve types"), _METHOD, codes.BILATERAL)
    repair(instance, built, SEVERAL_SEGMENTS_REPAIRS, facts)
    return instance


def _segment(common: CommonAttributes, number: int, curve: CurveType) -> SegmentDescription:
    segment = SegmentDescription(
        number,
        f"{curve.capitalize()} enhancement",
        codes.SPATIAL_CONCEPT,
        codes.CURVE_TYPES[curve],
        "AUTOMATIC",
        AlgorithmIdentificationSequence(
            "MOME Node measurements", codes.MULTISPECTRAL_PROCESSING, common.device.software_version
        ),
        common.tracking_uid(f"{curve} enhancement"),
        f"{curve} enhancement of both breasts",
        [codes.BREAST],
        display_color=_COLOURS[curve],
    )
    segment.SegmentDescription = f"{_METHOD}; above: persistent, below: washout. Measured without a network"
    return segment
