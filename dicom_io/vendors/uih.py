"""United Imaging: nominal and actual b-values, and all slices of a volume as tiles of one image (VFRAME)."""

from __future__ import annotations

import math

from dicom_io.encoding.elements import Elements
from dicom_io.encoding.shapes import PrivateTag, SafePrivate
from dicom_io.vendors.base import (
    B_VALUES,
    Diffusion,
    Tile,
    Tiling,
    Vendor,
    VendorProfile,
    acquired_s,
    standard_diffusion,
)

_HEADER = "IMAGE PRIVATE HEADER"
ACTUAL_B_VALUE = PrivateTag(0x0065, _HEADER, 0x09)
NOMINAL_B_VALUE = PrivateTag(0x0065, _HEADER, 0x0A)
SLICES = PrivateTag(0x0065, _HEADER, 0x51)


def _diffusion(elements: Elements) -> Diffusion:
    """The protocol's nominal b-value; the actual one (929.75 for 1000) only where no nominal is kept."""
    standard = standard_diffusion(elements)
    actual = elements.number(ACTUAL_B_VALUE.within(elements), "FD")
    nominal = elements.number(NOMINAL_B_VALUE.within(elements), "FD")
    if nominal is not None and actual is not None and actual < nominal / 10:
        nominal = 0.0  # the b0 of a series may carry the series' nominal value
    b_value = next((value for value in (nominal, actual, standard.b_value) if value is not None), None)
    return Diffusion(b_value, standard.direction, standard.gradient)


def _tiling(elements: Elements, image_type: tuple[str, ...]) -> Tiling | None:
    """The slices of a VFRAME image: an item each, with its own Image Position (Patient) and Acquisition Time."""
    items = elements.items(SLICES.within(elements)) if "VFRAME" in image_type else []
    if not items:
        return None
    height, width = elements.integer("Rows") or 0, elements.integer("Columns") or 0
    across = math.ceil(math.sqrt(len(items)))
    down = math.ceil(len(items) / across)
    if height % down:  # then the grid is square, its last rows empty
        down = across
    rows, columns = height // down, width // across
    tiles = []
    for index, item in enumerate(items):
        row, column = divmod(index, across)
        tiles.append(Tile(row * rows, column * columns, item.numbers("ImagePositionPatient"), acquired_s(item)))
    return Tiling(rows, columns, tuple(tiles))


UIH = VendorProfile(
    Vendor.UIH,
    manufacturers=("UIH", "UNITED IMAGING"),
    diffusion=_diffusion,
    tiling=_tiling,
    safe_private=(
        SafePrivate(ACTUAL_B_VALUE, "FD", B_VALUES),
        SafePrivate(NOMINAL_B_VALUE, "FD", B_VALUES),
        SafePrivate(SLICES, "SQ", None),
    ),
)
