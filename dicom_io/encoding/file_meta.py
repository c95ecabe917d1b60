"""File meta information (PS3.10 7.1): what a file says of its data set, from bytes that nobody has checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import BytesIO

from pydicom import dcmread

from dicom_io.encoding.tables import PREAMBLE_BYTES
from dicom_io.errors import NotAnInstance

META_START = PREAMBLE_BYTES + 16
"""Bytes up to the end of the group length."""
_LONGEST_META = 64 * 1024
_LONGEST_UID = 64
_UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+", re.ASCII)


@dataclass(frozen=True, slots=True)
class FileMeta:
    """SOP class, SOP instance and transfer syntax of the data set; three UIDs where it was read from a file."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str


def is_uid(text: str) -> bool:
    """Whether a text is a UID as PS3.5 9.1 has them."""
    return len(text) <= _LONGEST_UID and _UID.fullmatch(text) is not None


def data_set_offset(head: bytes | bytearray) -> int:
    """Where the data set begins, by the first META_START bytes of a file; raises NotAnInstance."""
    if len(head) < META_START or head[PREAMBLE_BYTES : PREAMBLE_BYTES + 8] != b"DICM\x02\x00\x00\x00":
        raise NotAnInstance("no DICOM file: the preamble or the group length is missing")
    length = int.from_bytes(head[META_START - 4 : META_START], "little")
    if length > _LONGEST_META:
        raise NotAnInstance("the file meta information is too long")
    return META_START + length


def file_meta_of(head: bytes) -> FileMeta:
    """The meta information of a file, by its bytes before the data set; raises NotAnInstance."""
    try:
        meta = dcmread(BytesIO(head)).file_meta
        found = FileMeta(
            str(meta.get("MediaStorageSOPClassUID", "")),
            str(meta.get("MediaStorageSOPInstanceUID", "")),
            str(meta.get("TransferSyntaxUID", "")),
        )
    except Exception:  # noqa: BLE001 - pydicom raises many kinds, some only when a value is asked for
        raise NotAnInstance("the file meta information cannot be read") from None
    if not all(map(is_uid, (found.sop_class_uid, found.sop_instance_uid, found.transfer_syntax_uid))):
        raise NotAnInstance("the file meta information lacks a valid UID")
    return found
