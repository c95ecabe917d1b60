"""Siemens: numaris (VA to VE), where much is private or in the CSA header, and XA with its classic export."""

from __future__ import annotations

import math
import re
import struct

import numpy as np
from csa_header import CsaHeader
from csa_header.exceptions import CsaReadError

from dicom_io.encoding.elements import Elements
from dicom_io.encoding.shapes import Numbers, PrivateTag, SafePrivate, Words, words
from dicom_io.vendors.base import (
    B_VALUES,
    Clue,
    Diffusion,
    Tile,
    Tiling,
    Vendor,
    VendorProfile,
    direction_of,
    standard_diffusion,
    unsuppressed_when_options_are_listed,
)
from dicom_io.vendors.vocabulary import IMAGE_WORDS, OPTION_WORDS

_HEADER = "SIEMENS MR HEADER"
MOSAIC_COUNT = PrivateTag(0x0019, _HEADER, 0x0A)
B_VALUE = PrivateTag(0x0019, _HEADER, 0x0C)  # all that the classic export of XA has: (0018,9087) is missing
DIRECTION = PrivateTag(0x0019, _HEADER, 0x0D)
IMAGE_TYPE_TEXT = PrivateTag(0x0051, _HEADER, 0x16)  # MIP/M/ND/NORM
OPTIONS_TEXT = PrivateTag(0x0051, _HEADER, 0x19)  # A1/PFP/FS
CSA_IMAGE_HEADER = PrivateTag(0x0029, "SIEMENS CSA HEADER", 0x10)  # not safe to keep: the protocol is in it
_DIFFUSION_NAME = re.compile(r"^\*?ep_b(\d+)(?:t|#\d+)?$")  # ep_b1000#6, ep_b1000t; not the ADC ep_b0_1000


def _diffusion(elements: Elements) -> Diffusion:
    """The private b-value, then the standard one, then the CSA header or the sequence name of an echo-planar image."""
    standard = standard_diffusion(elements)
    b_value = elements.number(B_VALUE.within(elements))
    direction = direction_of(elements.text(DIRECTION.within(elements)))
    if b_value is None:
        b_value = standard.b_value
    if b_value is None and "EP" in elements.text("ScanningSequence"):
        b_value = _hidden_b_value(elements)
    return Diffusion(b_value, direction or standard.direction, standard.gradient)


def _hidden_b_value(elements: Elements) -> float | None:
    named = _DIFFUSION_NAME.match(elements.text("SequenceName"))
    value = csa_image_header(elements).get("B_value", ())
    return value[0] if value else (float(named.group(1)) if named else None)


def tiling(elements: Elements, image_type: tuple[str, ...]) -> Tiling | None:
    """The slices of a mosaic.

    Siemens gives the corner of the whole mosaic as if it were one slice around the same centre: corner of slice 0 =
    corner of the mosaic + half the surplus of rows and columns; the others follow along the slice normal of the CSA
    header, whose sense (not that of the row and column vectors) is the order of the tiles.
    """
    if "MOSAIC" not in image_type:
        return None
    csa = csa_image_header(elements)
    counted = elements.number(MOSAIC_COUNT.within(elements)) or 0
    count = int(next(iter(csa.get("NumberOfImagesInMosaic", ())), counted))
    axes = np.array(elements.numbers("ImageOrientationPatient"), dtype=float)
    corner = np.array(elements.numbers("ImagePositionPatient"), dtype=float)
    spacing = elements.numbers("PixelSpacing")
    step_mm = elements.number("SpacingBetweenSlices") or elements.number("SliceThickness")
    if count < 1 or axes.shape != (6,) or corner.shape != (3,) or len(spacing) != 2 or not step_mm:
        return None
    side = math.ceil(math.sqrt(count))
    height, width = elements.integer("Rows") or 0, elements.integer("Columns") or 0
    rows, columns = height // side, width // side
    first = corner + axes[:3] * spacing[1] * (width - columns) / 2 + axes[3:] * spacing[0] * (height - rows) / 2
    normal = np.array(csa.get("SliceNormalVector", ()), dtype=float)
    if normal.shape != (3,):
        normal = np.cross(axes[:3], axes[3:])
    corners = first + np.outer(np.arange(count), normal * step_mm)
    places = ((*divmod(index, side), tuple(map(float, corners[index]))) for index in range(count))
    return Tiling(rows, columns, tuple(Tile(r * rows, c * columns, position) for r, c, position in places))


def csa_image_header(elements: Elements) -> dict[str, tuple[float, ...]]:
    """The numbers of the CSA image header (0029,1010), empty when there is none or it is damaged."""
    raw = elements.data(CSA_IMAGE_HEADER.within(elements))
    if len(raw) < 16:
        return {}
    try:
        parsed = CsaHeader(raw).read()
    except (CsaReadError, struct.error, ValueError, IndexError, KeyError, OverflowError):
        return {}
    return {name: _csa_numbers(entry.get("value")) for name, entry in parsed.items() if isinstance(entry, dict)}


def _csa_numbers(value: object) -> tuple[float, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(float(v) for v in values if isinstance(v, int | float))


SIEMENS = VendorProfile(
    Vendor.SIEMENS,
    manufacturers=("SIEMENS",),
    diffusion=_diffusion,
    fat_suppression=unsuppressed_when_options_are_listed,
    tiling=tiling,
    image_type_copy=IMAGE_TYPE_TEXT,
    scan_options_copy=OPTIONS_TEXT,
    phase_order=(
        Clue.ACQUISITION_NUMBER,
        Clue.TEMPORAL_POSITION,
        Clue.CONTENT_TIME,
        Clue.ACQUISITION_TIME,
        Clue.INSTANCE_NUMBER,
    ),
    safe_private=(
        SafePrivate(MOSAIC_COUNT, "US", Numbers(0, 999)),
        SafePrivate(B_VALUE, "IS", B_VALUES),
        SafePrivate(DIRECTION, "CS", words("NONE DIRECTIONAL ISOTROPIC BMATRIX")),
        SafePrivate(IMAGE_TYPE_TEXT, "LO", Words(IMAGE_WORDS, divider="/")),
        SafePrivate(OPTIONS_TEXT, "LO", Words(OPTION_WORDS, divider="/")),
    ),
)
