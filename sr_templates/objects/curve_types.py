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
from mome_core.measurements import (
    ENHANCING_PERCENT,
    PHASE_1_TOLERANCE_PERCENT,
    TYPE_NUMBERS,
    CurveType,
    Measurements,
    NotMeasuredCode,
)
from mome_core.results import Laterality
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
_WHOSE = {Laterality.BOTH: "both breasts", Laterality.LEFT: "the left breast", Laterality.RIGHT: "the right breast"}
_NO_TYPES = {NotMeasuredCode.TIMES_UNKNOWN, NotMeasuredCode.DELAYED_PHASE_MISSING}
_METHOD = (
    f"Initial uptake of {ENHANCING_PERCENT:g} % or more; "
    f"last signal within {PHASE_1_TOLERANCE_PERCENT:g} % of the first post-contrast one: plateau"
)


def build(context: BuildContext) -> Instances:
    """One segmentation on the slices that hold enhancing tissue."""
    types = context.kinetics.types
    if types is None:
        raise NotShowable(_why_no_types(context.result.measurements))
    if not types.voxels.any():
        raise NotShowable("no tissue in the breasts enhances")
    placement = place(types, Modality.DCE, context.common.evidence).without_empty_ends()
    found = context.result.breasts
    laterality = Laterality.BOTH if found is None else found.laterality
    return (_build_segmentation(context.common, placement, laterality),)


def _why_no_types(measurements: Measurements | None) -> str:
    """In the words of what was not measured."""
    reasons = () if measurements is None else measurements.not_measured
    return next((each.words for each in reasons if each.code in _NO_TYPES), "no curve has a type")


def _build_segmentation(common: CommonAttributes, placement: Placement, laterality: Laterality) -> Dataset:
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
        [_segment(common, segment, each, laterality) for segment, each in enumerate(present, start=1)],
        **identity_arguments(instance),
        content_label="CURVE_TYPES",
        omit_empty_frames=True,
    )
    dimensions, side = common.uid("dimensions", "curve types"), codes.LATERALITIES[laterality]
    facts = FrameFacts(placement.images, dimensions, _METHOD, side)
    repair(instance, built, SEVERAL_SEGMENTS_REPAIRS, facts)
    return instance


def _segment(common: CommonAttributes, number: int, curve: CurveType, laterality: Laterality) -> SegmentDescription:
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
        f"{curve} enhancement of {_WHOSE[laterality]}",
        [codes.BREAST],
        display_color=_COLOURS[curve],
    )
    segment.SegmentDescription = f"{_METHOD}; above: persistent, below: washout. Measured without a network"
    return segment
