"""What a compressed frame says of its own size, before a codec believes it: 300 bytes can announce 4 billion pixels."""

from __future__ import annotations

import struct

_SIZ = b"\xff\x4f\xff\x51"  # start of codestream, then image and tile size (ISO/IEC 15444-1 A.5.1)
_J2K_SIZE = struct.Struct(">4xIIII")  # behind the marker: length, capabilities, then extent and offset of the image
_J2K_COMPONENTS = struct.Struct(">H")
_COMPONENTS_AT = 36
_JPEG_SIZE = struct.Struct(">xHHB")  # precision, lines, samples per line, components (ISO/IEC 10918-1 B.2.2)
_FRAME_HEADERS = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC} | {0xF7})  # SOF0 to SOF15, and that of JPEG-LS
_START_OF_SCAN = 0xDA
_END_OF_IMAGE = b"\xff\xd9"


def announced_shape(frame: bytes) -> tuple[int, int, int] | None:
    """Rows, columns and components of a JPEG, JPEG-LS or JPEG 2000 frame; None where it does not say."""
    try:
        return _of_jpeg(frame) if frame[:2] == b"\xff\xd8" else _of_jpeg_2000(frame)
    except (struct.error, IndexError):
        return None


def has_end(frame: bytes) -> bool:
    """Whether a JPEG or JPEG-LS frame has its end; CharLS looks for a missing one for 10 s (100 bytes, measured)."""
    return _END_OF_IMAGE in frame


def _of_jpeg_2000(frame: bytes) -> tuple[int, int, int] | None:
    at = frame.find(_SIZ)  # not at the beginning in frames that some archives wrap as JP2 files
    if at < 0:
        return None
    width, height, left, top = _J2K_SIZE.unpack_from(frame, at + len(_SIZ))
    (components,) = _J2K_COMPONENTS.unpack_from(frame, at + len(_SIZ) + _COMPONENTS_AT)
    return height - top, width - left, components


def _of_jpeg(frame: bytes) -> tuple[int, int, int] | None:
    at = 2
    while frame[at] == 0xFF:
        if frame[at + 1] == 0xFF:  # any marker may have fill bytes before it
            at += 1
            continue
        marker, length = frame[at + 1], int.from_bytes(frame[at + 2 : at + 4], "big")
        if marker in _FRAME_HEADERS:
            rows, columns, components = _JPEG_SIZE.unpack_from(frame, at + 4)
            return rows, columns, components
        if marker == _START_OF_SCAN:
            return None
        at += 2 + length
    return None
