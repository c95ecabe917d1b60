"""A file in pieces: its meta information is read once it is whole, its data set handed on byte for byte."""

from __future__ import annotations

import pytest

from dicom_io.encoding.file_meta import FileMeta
from dicom_io.encoding.part10_stream import Part10Stream
from dicom_io.errors import NotAnInstance
from live_node import instance
from web_store import part10


def read(content: bytes, size: int) -> tuple[list[FileMeta], bytes]:
    metas, data = [], bytearray()

    def opened(meta: FileMeta):
        metas.append(meta)
        return data.extend

    stream = Part10Stream(opened)
    for start in range(0, len(content), size):
        stream.feed(memoryview(content)[start : start + size])
    stream.close()
    return metas, bytes(data)


@pytest.mark.parametrize("size", [1, 131, 144, 1000, 10**6])
def test_the_data_set_is_what_follows_the_meta_information(size: int) -> None:
    image = instance("1.2.3")
    content = part10(image)
    (meta,), data = read(content, size)
    assert (meta.sop_class_uid, meta.sop_instance_uid) == (image.SOPClassUID, image.SOPInstanceUID)
    assert content.endswith(data)
    assert data.startswith(b"\x08\x00")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x" * 500,
        bytes(128) + b"DICM",
        bytes(128) + b"DICM\x02\x00\x00\x00UL\x04\x00\xff\xff\xff\x7f" + bytes(100),
        bytes(128) + b"DICM\x02\x00\x00\x00UL\x04\x00\x08\x00\x00\x00" + b"\xff" * 100,
    ],
)
def test_what_is_no_dicom_file_is_refused(content: bytes) -> None:
    with pytest.raises(NotAnInstance):
        read(content, 50)


def test_a_big_endian_file_is_refused() -> None:
    content = part10(instance("1.2.3")).replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.2\0")
    with pytest.raises(NotAnInstance, match="big endian"):
        read(content, 5000)
