"""Philips: instance numbers are random or run through time first; old software has private b-values only."""

from __future__ import annotations

from dataclasses import replace

from dicom_io.encoding.elements import Elements
from dicom_io.encoding.shapes import Numbers, PrivateTag, SafePrivate, words
from dicom_io.vendors.base import (
    B_VALUES,
    Clocks,
    Clue,
    Diffusion,
    Direction,
    Vendor,
    VendorProfile,
    standard_clocks,
    standard_diffusion,
)

_IMAGING = "PHILIPS IMAGING DD 001"
_MR_IMAGING = "PHILIPS MR IMAGING DD 001"
B_VALUE = PrivateTag(0x2001, _IMAGING, 0x03)
DIRECTION_LABEL = PrivateTag(0x2001, _IMAGING, 0x04)
SPIR = PrivateTag(0x2001, _IMAGING, 0x21)
WATER_EXCITATION = PrivateTag(0x2005, _MR_IMAGING, 0x2F)
DYNAMIC_NUMBER = PrivateTag(0x2005, _MR_IMAGING, 0xA0)


def _diffusion(elements: Elements) -> Diffusion:
    """Software 2.5 has only the private b-value; the trace volume is marked by the direction label I alone."""
    standard = standard_diffusion(elements)
    b_value = standard.b_value
    if b_value is None:
        b_value = elements.number(B_VALUE.within(elements), "FL")
    label = elements.text(DIRECTION_LABEL.within(elements)).upper()
    direction = Direction.ISOTROPIC if label.startswith("I") else standard.direction
    return Diffusion(b_value, direction, standard.gradient)


def _fat_suppression(elements: Elements, options: frozenset[str]) -> bool | None:
    """Whether SPIR or water excitation was on."""
    del options
    switches = (elements.text(tag.within(elements)).upper() for tag in (SPIR, WATER_EXCITATION))
    return True if "Y" in switches else None


def _clocks(elements: Elements) -> Clocks:
    """The standard clocks; the private dynamic number where the temporal position is missing."""
    standard = standard_clocks(elements)
    if standard.temporal_position is not None:
        return standard
    return replace(standard, temporal_position=elements.number(DYNAMIC_NUMBER.within(elements), "FL"))


PHILIPS = VendorProfile(
    Vendor.PHILIPS,
    manufacturers=("PHILIPS",),
    diffusion=_diffusion,
    fat_suppression=_fat_suppression,
    clocks=_clocks,
    # never the instance number
    phase_order=(Clue.TEMPORAL_POSITION, Clue.TRIGGER_TIME, Clue.CONTENT_TIME, Clue.ACQUISITION_TIME),
    safe_private=(
        SafePrivate(B_VALUE, "FL", B_VALUES),
        SafePrivate(DIRECTION_LABEL, "CS", words("P M S R L A F H I O")),
        SafePrivate(SPIR, "CS", words("Y N")),
        SafePrivate(WATER_EXCITATION, "CS", words("Y N")),
        SafePrivate(DYNAMIC_NUMBER, "FL", Numbers(0, 99_999)),
    ),
)
