"""File meta information that lies is refused by one typed error, whichever way a file comes."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from dicom_io.encoding.file_meta import data_set_offset, file_meta_of, is_uid
from dicom_io.encoding.part10 import copy_instance, examine
from dicom_io.errors import NotAnInstance


def element(number: int, vr: bytes, value: bytes) -> bytes:
    return struct.pack("<HH2sH", 2, number, vr, len(value)) + value


def file(*elements: bytes) -> bytes:
    body = b"".join(elements)
    return bytes(128) + b"DICM" + element(0, b"UL", struct.pack("<I", len(body))) + body


SOP_CLASS, INSTANCE, SYNTAX = element(2, b"UI", b"1.2\0"), element(3, b"UI", b"1.3\0"), element(16, b"UI", b"1.2.4\0")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        file(SOP_CLASS, INSTANCE),
        file(SOP_CLASS, SYNTAX),
        file(element(2, b"US", b"\1\2\3"), INSTANCE, SYNTAX),
        file(element(2, b"ZZ", b"1.2\0"), INSTANCE, SYNTAX),
        file(element(2, b"UI", "\u00fc".encode("latin-1") * 40_000), INSTANCE, SYNTAX),
        bytes(128) + b"DICM" + element(1, b"OB", b"\0\1") + SOP_CLASS + INSTANCE + SYNTAX,
        file(SOP_CLASS, INSTANCE, SYNTAX)[:150],
    ],
    ids=["empty", "no syntax", "no instance", "odd number", "no VR", "endless UID", "no group length", "cut"],
)
def test_it_is_refused_and_nothing_of_it_is_kept(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(NotAnInstance):
        examine(path)
    with pytest.raises(NotAnInstance):
        copy_instance(path, tmp_path / "copy")
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_right_is_read() -> None:
    content = file(SOP_CLASS, INSTANCE, SYNTAX)
    assert data_set_offset(content) == len(content)
    found = file_meta_of(content)
    assert (found.sop_class_uid, found.sop_instance_uid, found.transfer_syntax_uid) == ("1.2", "1.3", "1.2.4")


@pytest.mark.parametrize("text", ["", "1", "1..2", "1.02", "1.2.", "1.a", "1.\u0662", "1." + "2" * 63])
def test_what_is_no_uid_is_none(text: str) -> None:
    assert not is_uid(text)
