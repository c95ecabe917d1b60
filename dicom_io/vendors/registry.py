"""Every vendor that is known, a row each, and which of them made an image."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache

from dicom_io.encoding.shapes import SafePrivate
from dicom_io.vendors import canon, ge, hitachi, philips, siemens, uih
from dicom_io.vendors.base import VendorProfile

VENDORS: tuple[VendorProfile, ...] = (
    siemens.SIEMENS,
    ge.GE,
    philips.PHILIPS,
    uih.UIH,
    canon.CANON,
    hitachi.HITACHI,
)

# An anonymiser may remove Manufacturer and leave the rest: a mosaic and the texts of Siemens tell themselves.
OTHER = VendorProfile(
    "other",
    tiling=siemens.tiling,
    image_type_copy=siemens.IMAGE_TYPE_TEXT,
    scan_options_copy=siemens.OPTIONS_TEXT,
)


@lru_cache(256)
def vendor_of(manufacturer: str) -> VendorProfile:
    """The vendor by Manufacturer (0008,0070) as any of its software versions spells it; OTHER when none is known."""
    name = f"{manufacturer.upper()} "
    return next((vendor for vendor in VENDORS if any(word in name for word in vendor.manufacturers)), OTHER)


def safe_private_elements() -> Mapping[tuple[int, str], tuple[SafePrivate, ...]]:
    """The private elements that de-identification may keep, by group and creator."""
    kept: dict[tuple[int, str], tuple[SafePrivate, ...]] = defaultdict(tuple)
    for vendor in VENDORS:
        for each in vendor.safe_private:
            kept[each.tag.group, each.tag.creator] += (each,)
    return dict(kept)
