"""GE: b-values in a private element of many values, phases counted by the temporal position, clocks of writing."""

from __future__ import annotations

from dataclasses import replace

from dicom_io.encoding.elements import Elements
from dicom_io.encoding.shapes import Numbers, PrivateTag, SafePrivate
from dicom_io.vendors.base import (
    B_VALUES,
    LABELS,
    Clue,
    Diffusion,
    Direction,
    Vendor,
    VendorProfile,
    standard_diffusion,
    unsuppressed_when_options_are_listed,
)

DIRECTION_KIND = PrivateTag(0x0043, "GEMS_PARM_01", 0x30)
B_VALUE = PrivateTag(0x0043, "GEMS_PARM_01", 0x39)
_B_VALUE_OFFSET = 1_000_000_000  # some GE software adds 1e9 to (0043,1039) on multi-b and synthetic DWI
_DIRECTIONS = {14: Direction.NONE, 15: Direction.ISOTROPIC, 16: Direction.DIRECTIONAL}


def _diffusion(elements: Elements) -> Diffusion:
    """(0043,1039) is right on b0 images too, where (0018,9087) is missing; it may arrive as UN text."""
    standard = standard_diffusion(elements)
    b_value = elements.number(B_VALUE.within(elements))
    if b_value is None:
        b_value = standard.b_value
    direction = _DIRECTIONS.get(elements.integer(DIRECTION_KIND.within(elements)) or 0)
    if b_value is None and direction is Direction.NONE:
        b_value = 0.0
    if b_value is not None and b_value >= _B_VALUE_OFFSET:
        b_value %= _B_VALUE_OFFSET
    return Diffusion(b_value, direction or standard.direction, standard.gradient)


GE = VendorProfile(
    Vendor.GE,
    manufacturers=("GE ", "GENERAL ELECTRIC"),
    diffusion=_diffusion,
    fat_suppression=unsuppressed_when_options_are_listed,
    phase_order=(*LABELS, Clue.TRIGGER_TIME, Clue.CONTENT_TIME, Clue.ACQUISITION_TIME, Clue.INSTANCE_NUMBER),
    timing_clues=(Clue.ACQUISITION_TIME, Clue.TRIGGER_TIME),  # Content Time is when the image was written
    safe_private=(
        SafePrivate(DIRECTION_KIND, "SS", Numbers(0, 99)),
        SafePrivate(B_VALUE, "IS", replace(B_VALUES, offset=_B_VALUE_OFFSET)),
    ),
)
