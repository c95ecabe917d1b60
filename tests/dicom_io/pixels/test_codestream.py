"""The size that compressed frames announce, of every kind that is accepted."""

from __future__ import annotations

import struct

import pytest

from dicom_io.pixels.codestream import announced_shape, has_end


def jpeg(marker: int, *before: bytes) -> bytes:
    header = struct.pack(">BBHBHHB", 0xFF, marker, 11, 12, 20, 30, 1) + b"\1\x11\0"
    return b"\xff\xd8" + b"".join(before) + header + b"\xff\xda\0\2\xff\xd9"


SIZ = b"\xff\x4f\xff\x51" + struct.pack(">HHIIII", 41, 0, 35, 22, 5, 2) + struct.pack(">IIII", 35, 22, 0, 0) + b"\0\1"


@pytest.mark.parametrize(
    "frame",
    [jpeg(0xC3), jpeg(0xF7), jpeg(0xC0, b"\xff\xe0\0\4JF", b"\xff"), SIZ, b"\0\0\0\x0cjP  " + SIZ],
    ids=["JPEG lossless", "JPEG-LS", "behind a segment and fill bytes", "JPEG 2000", "JPEG 2000 in a JP2 file"],
)
def test_rows_columns_and_components_are_read(frame: bytes) -> None:
    assert announced_shape(frame) == (20, 30, 1)


@pytest.mark.parametrize("frame", [b"", b"\xff\xd8", b"\xff\xd8\xff\xda\0\2", SIZ[:20], jpeg(0xC3)[:9], bytes(40)])
def test_what_does_not_say_says_nothing(frame: bytes) -> None:
    assert announced_shape(frame) is None


def test_a_frame_that_is_cut_off_has_no_end() -> None:
    assert has_end(jpeg(0xF7))
    assert not has_end(jpeg(0xF7)[:-2])
