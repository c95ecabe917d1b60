"""Which part of a scanner's protocol an arriving image belongs to, from the few elements that validation keeps."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

IMAGE_TYPE, MODALITY, MANUFACTURER, STATION = 0x00080008, 0x00080060, 0x00080070, 0x00081010
STUDY_DESCRIPTION, SERIES_DESCRIPTION, MODEL = 0x00081030, 0x0008103E, 0x00081090
SERIAL_NUMBER, PROTOCOL = 0x00181000, 0x00181030
TEMPORAL_POSITIONS, IMAGES_IN_ACQUISITION = 0x00200105, 0x00201002
FRAMES, ROWS, COLUMNS = 0x00280008, 0x00280010, 0x00280011
POSITION, ORIENTATION = 0x00200032, 0x00200037
_DESCRIBING = (
    IMAGE_TYPE,
    MODALITY,
    MANUFACTURER,
    STATION,
    STUDY_DESCRIPTION,
    SERIES_DESCRIPTION,
    MODEL,
    SERIAL_NUMBER,
    PROTOCOL,
    TEMPORAL_POSITIONS,
    IMAGES_IN_ACQUISITION,
    FRAMES,
    ROWS,
    COLUMNS,
)
"""Scanner, protocol, and what the scanner says of the whole: equal for all images of one part of a protocol."""

WANTED = frozenset((*_DESCRIBING, POSITION, ORIENTATION))
LONGEST_VALUE = 1024


def kind_of(found: Mapping[int, bytes]) -> str:
    """A digest of the part of a protocol that an image belongs to; holds no text that was received."""
    values = [found.get(tag, b"").strip(b" \0") for tag in _DESCRIBING]
    return hashlib.sha256(repr(values).encode()).hexdigest()[:16]


def slice_of(found: Mapping[int, bytes]) -> int | None:
    """Position of an image along its normal, in 1/100 mm; None without Image Plane attributes (PS3.3 C.7.6.2)."""
    try:
        position = _numbers(found[POSITION], 3)
        row_x, row_y, row_z, column_x, column_y, column_z = _numbers(found[ORIENTATION], 6)
    except (KeyError, ValueError):
        return None
    normal = (
        row_y * column_z - row_z * column_y,
        row_z * column_x - row_x * column_z,
        row_x * column_y - row_y * column_x,
    )
    place = 100.0 * sum(a * b for a, b in zip(position, normal, strict=True))
    return round(place) if abs(place) < 1e9 else None  # false for NaN too


def _numbers(value: bytes, count: int) -> list[float]:
    """The values of a decimal string; raises ValueError unless there are `count` of them."""
    found = [float(each) for each in value.strip(b" \0").split(b"\\")]
    if len(found) != count:
        raise ValueError("not the number of values that the standard requires")
    return found
