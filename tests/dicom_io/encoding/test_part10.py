"""A data set that lies about itself is refused while it is validated, with the reason; an honest one passes."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from pydicom.filereader import read_file_meta_info
from pydicom.uid import ExplicitVRLittleEndian

from dicom_io.encoding.part10 import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    InstanceFile,
    copy_instance,
    examine,
)
from dicom_io.errors import NotAnInstance
from places import DOCS


def explicit(tag: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    size = len(value) if length is None else length
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr)
    return head + (struct.pack("<xxI", size) if vr in (b"SQ", b"OB", b"OW", b"UN") else struct.pack("<H", size)) + value


IDENTITY = (
    explicit(0x00080016, b"UI", b"1.2.840.10008.5.1.4.1.1.4\0")
    + explicit(0x00080018, b"UI", b"1.2.3.4\0")
    + explicit(0x0020000D, b"UI", b"1.2\0")
    + explicit(0x0020000E, b"UI", b"1.3\0")
)
ITEM = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
NESTED = (explicit(0x00400260, b"SQ", b"", 0xFFFFFFFF) + ITEM) * 20_000


def received(tmp_path: Path, data_set: bytes) -> None:
    file = InstanceFile(tmp_path / "x", "1.2.840.10008.5.1.4.1.1.4", "1.2.3.4", str(ExplicitVRLittleEndian))
    file.write(memoryview(data_set))
    try:
        file.finish()
    finally:
        file.discard()


@pytest.mark.parametrize(
    ("data_set", "why"),
    [
        pytest.param(IDENTITY[:-3], "longer than what holds it", id="cut inside a value"),
        pytest.param(IDENTITY + b"\x28\x00\x10", "ends inside an element", id="cut inside a header"),
        pytest.param(IDENTITY + explicit(0x7FE00010, b"OW", b"\0" * 10, 2**30), "longer than", id="claims 1 GiB"),
        pytest.param(IDENTITY + NESTED, "nested deeper", id="20,000 nested sequences"),
        pytest.param(IDENTITY + explicit(0x00100020, b"LO", b"AB"), "ascending", id="tags descend"),
        pytest.param(IDENTITY + explicit(0x00280010, b"ZZ", b"\0\0"), "unknown VR", id="unknown VR"),
        pytest.param(IDENTITY.replace(b"1.2.3.4\0", b"1.2.3.5\0"), "announced", id="other instance than announced"),
        pytest.param(IDENTITY.replace(b"UI\x04\x001.2\0", b"LO\x04\x001.2 "), "wrong VR", id="study UID with VR LO"),
        pytest.param(explicit(0x00080016, b"UI", b"1.2\0"), "no valid UID", id="no study"),
        pytest.param(b"", "no valid UID", id="empty"),
    ],
)
def test_a_data_set_that_lies_is_refused_with_the_reason(tmp_path: Path, data_set: bytes, why: str) -> None:
    with pytest.raises(NotAnInstance, match=why):
        received(tmp_path, data_set)
    assert list(tmp_path.iterdir()) == []


def test_an_honest_data_set_with_nested_sequences_passes(tmp_path: Path) -> None:
    end = struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    nested = (explicit(0x00400260, b"SQ", b"", 0xFFFFFFFF) + ITEM) * 20 + end * 20
    received(tmp_path, IDENTITY + nested)


def test_received_files_bear_the_uid_that_the_conformance_statement_names(tmp_path: Path) -> None:
    file = InstanceFile(tmp_path / "x", "1.2.840.10008.5.1.4.1.1.4", "1.2.3.4", str(ExplicitVRLittleEndian))
    file.write(memoryview(IDENTITY))
    received = file.finish()
    meta = read_file_meta_info(received.path)
    assert meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert meta.ImplementationVersionName == IMPLEMENTATION_VERSION_NAME
    assert IMPLEMENTATION_CLASS_UID in (DOCS / "conformance.md").read_text("utf-8")


def test_the_same_instance_is_the_same_bytes_whoever_sends_it(tmp_path: Path) -> None:
    digests = set()
    for name in ("a", "b"):
        file = InstanceFile(tmp_path / name, "1.2.840.10008.5.1.4.1.1.4", "1.2.3.4", str(ExplicitVRLittleEndian))
        file.write(memoryview(IDENTITY))
        digests.add(file.finish().sha256)
    assert len(digests) == 1


def test_a_stored_file_is_examined_and_copied_as_if_it_just_arrived(tmp_path: Path) -> None:
    file = InstanceFile(tmp_path / "x", "1.2.840.10008.5.1.4.1.1.4", "1.2.3.4", str(ExplicitVRLittleEndian))
    file.write(memoryview(IDENTITY))
    received = file.finish()
    assert examine(received.path) == received
    copied = copy_instance(received.path, tmp_path / "copy")
    assert (copied.sha256, copied.study_instance_uid) == (received.sha256, "1.2")


def test_what_is_no_dicom_file_is_not_copied(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("nothing to see" * 20)
    with pytest.raises(NotAnInstance, match="preamble"):
        copy_instance(tmp_path / "notes", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
