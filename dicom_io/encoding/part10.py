"""A received instance as a DICOM file (PS3.10): written while it arrives, then walked to its last byte.

The walk is iterative and its depth is limited: nesting or lengths that lie cost a refusal, not a process.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import re
import struct
from dataclasses import dataclass
from pathlib import Path

from pydicom.filereader import read_file_meta_info

from dicom_io.encoding.arrival import LONGEST_VALUE, WANTED, kind_of, slice_of
from dicom_io.encoding.tables import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT_HEADER,
    IMPLICIT_HEADER,
    IMPLICIT_LITTLE_ENDIAN,
    ITEM,
    ITEM_END,
    ITEM_GROUP,
    LONG_LENGTH,
    LONG_VRS,
    PIXEL_DATA,
    PREAMBLE_BYTES,
    SEQUENCE_END,
    SHORT_VRS,
    UNDEFINED_LENGTH,
)
from dicom_io.errors import DicomError

# Of the whole product: associations, received files, phantoms and result files, and what the conformance statement
# names. Not raised with the version: both stand in every received file, whose digest tells a repeat from a conflict.
IMPLEMENTATION_CLASS_UID = "2.25.310281731925426098127712354198237714211"
IMPLEMENTATION_VERSION_NAME = "MOME_NODE_0_1"
MAX_DEPTH = 64
MAX_ELEMENTS = 5_000_000
ITEM_GROUP_BYTES = struct.pack("<H", ITEM_GROUP)
DELIMITERS = (ITEM_END, SEQUENCE_END)
META_START = PREAMBLE_BYTES + 16  # behind "DICM" and the group length (PS3.10 7.1)
SOP_CLASS, SOP_INSTANCE, STUDY, SERIES = 0x00080016, 0x00080018, 0x0020000D, 0x0020000E
PATIENT_ID, PATIENT_ID_ISSUER = 0x00100020, 0x00100021
IDENTIFIERS = {
    SOP_CLASS: b"UI",
    SOP_INSTANCE: b"UI",
    STUDY: b"UI",
    SERIES: b"UI",
    PATIENT_ID: b"LO",
    PATIENT_ID_ISSUER: b"LO",
}
OF_INTEREST = WANTED | IDENTIFIERS.keys()
UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+")


class NotAnInstance(DicomError):
    """The bytes are no whole DICOM data set, or not the one that was announced."""


@dataclass(frozen=True, slots=True)
class ReceivedInstance:
    """An instance in a temporary file: complete, examined, not yet durable.

    path : temporary; sha256 : of the whole file, which is the same however often the instance is sent.
    patient_digest : SHA-256 of patient ID and its issuer.
    kind, slice_position : which part of its scanner's protocol it is, and where it lies (dicom_io.encoding.arrival).
    """

    path: Path
    sha256: str
    size_bytes: int
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    study_instance_uid: str
    transfer_syntax_uid: str
    patient_digest: str
    kind: str
    slice_position: int | None


class InstanceFile:
    """The temporary file that an arriving data set is written into."""

    def __init__(self, path: Path, sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> None:
        """Create the file and write our own preamble and file meta information; OSError when that cannot be."""
        self.path = path
        self.sop_class_uid, self.sop_instance_uid = sop_class_uid, sop_instance_uid
        self.transfer_syntax_uid = transfer_syntax_uid
        self.digest = hashlib.sha256()
        self.size = 0
        self.descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        head = file_meta(sop_class_uid, sop_instance_uid, transfer_syntax_uid)
        self.data_set_offset = len(head)
        self.write(memoryview(head))

    def write(self, fragment: memoryview) -> None:
        """Append bytes of the data set."""
        self.digest.update(fragment)
        self.size += len(fragment)
        while fragment:
            fragment = fragment[os.write(self.descriptor, fragment) :]

    def finish(self) -> ReceivedInstance:
        """Examine and sync what has arrived; raises NotAnInstance, and OSError when the disk refuses."""
        explicit = self.transfer_syntax_uid != IMPLICIT_LITTLE_ENDIAN
        with mmap.mmap(self.descriptor, 0, access=mmap.ACCESS_READ) as content:
            found = walk(content, self.data_set_offset, explicit=explicit)
        examined = received(self.path, self.digest.hexdigest(), self.size, self.transfer_syntax_uid, found)
        if (examined.sop_class_uid, examined.sop_instance_uid) != (self.sop_class_uid, self.sop_instance_uid):
            raise NotAnInstance("the data set holds another SOP class or instance than the command announced")
        os.fsync(self.descriptor)
        self._close()
        return examined

    def discard(self) -> None:
        """Close and remove the file."""
        self._close()
        self.path.unlink(missing_ok=True)

    def _close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1  # closing a number twice could close another thread's file


def received(path: Path, sha256: str, size: int, transfer_syntax_uid: str, found: dict[int, bytes]) -> ReceivedInstance:
    """What was found in a file, in words; raises NotAnInstance when a UID is missing or none."""
    uids = {tag: uid_of(found.get(tag, b""), tag) for tag in (SOP_CLASS, SOP_INSTANCE, SERIES, STUDY)}
    patient = b"\0".join(found.get(tag, b"").strip(b" \0") for tag in (PATIENT_ID, PATIENT_ID_ISSUER))
    return ReceivedInstance(
        path=path,
        sha256=sha256,
        size_bytes=size,
        sop_class_uid=uids[SOP_CLASS],
        sop_instance_uid=uids[SOP_INSTANCE],
        series_instance_uid=uids[SERIES],
        study_instance_uid=uids[STUDY],
        transfer_syntax_uid=transfer_syntax_uid,
        patient_digest=hashlib.sha256(patient).hexdigest(),
        kind=kind_of(found),
        slice_position=slice_of(found),
    )


def file_meta(sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> bytes:
    """128 zero bytes, DICM and group 0002. Who sent it is not in it, so that a repeat has the same bytes."""

    def element(number: int, vr: bytes, value: bytes) -> bytes:
        value += (b"\0" if vr == b"UI" else b" ") * (len(value) % 2)
        return struct.pack("<HH2sH", 2, number, vr, len(value)) + value

    body = struct.pack("<HH2sHI", 2, 1, b"OB", 0, 2) + b"\0\1"
    body += element(0x02, b"UI", sop_class_uid.encode()) + element(0x03, b"UI", sop_instance_uid.encode())
    body += element(0x10, b"UI", transfer_syntax_uid.encode()) + element(0x12, b"UI", IMPLEMENTATION_CLASS_UID.encode())
    body += element(0x13, b"SH", IMPLEMENTATION_VERSION_NAME.encode())
    return bytes(PREAMBLE_BYTES) + b"DICM" + struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(body)) + body


def uid_of(value: bytes, tag: int) -> str:
    """The value as a UID; raises NotAnInstance without repeating what was received."""
    text = value.decode("ascii", "replace").rstrip("\0 ")
    if len(text) > 64 or not UID.fullmatch(text):
        raise NotAnInstance(f"({tag >> 16:04X},{tag & 0xFFFF:04X}) holds no valid UID")
    return text


@dataclass(slots=True)
class Level:
    """One open data set, sequence or list of fragments during the walk; `end` is None for undefined length."""

    kind: str
    end: int | None
    explicit: bool
    last_tag: int = -1

    def open(self, tag: int, vr: bytes, length: int, position: int) -> Level | None:
        """What this tag opens inside the level; None for a plain value, a fragment, or the end of the level."""
        if tag in DELIMITERS:
            if self.end is not None or length or (tag == ITEM_END) is not (self.kind == "data set"):
                raise NotAnInstance("a delimiter stands where nothing ends")
            return None
        return (
            self._open_element(tag, vr, length, position)
            if self.kind == "data set"
            else self._open_item(tag, length, position)
        )

    def _open_item(self, tag: int, length: int, position: int) -> Level | None:
        if tag != ITEM or (self.kind == "fragments" and length == UNDEFINED_LENGTH):
            raise NotAnInstance("a sequence holds something that is no item")
        if self.kind == "fragments":
            return None
        return Level("data set", None if length == UNDEFINED_LENGTH else position + length, self.explicit)

    def _open_element(self, tag: int, vr: bytes, length: int, position: int) -> Level | None:
        if tag <= self.last_tag or tag == ITEM:
            raise NotAnInstance("elements are not in ascending order")
        self.last_tag = tag
        if length != UNDEFINED_LENGTH:
            return Level("sequence", position + length, explicit=True) if vr == b"SQ" else None
        if tag == PIXEL_DATA and vr in (b"OB", b"OW"):
            return Level("fragments", None, explicit=True)
        if vr not in (b"SQ", b"UN", b""):
            raise NotAnInstance("an element of this VR cannot have undefined length")
        return Level("sequence", None, explicit=vr == b"SQ")  # PS3.5 6.2.2: UN of undefined length is implicit


def walk(content: mmap.mmap | bytes, start: int, *, explicit: bool) -> dict[int, bytes]:
    """Follow every length of a little-endian data set to its last byte; gives what is wanted of the top level.

    Raises NotAnInstance when lengths do not add up, tags do not ascend, a VR is unknown or nesting is too deep.
    """
    size, position, found = len(content), start, dict[int, bytes]()
    levels = [Level("data set", size, explicit)]
    for _ in range(MAX_ELEMENTS):
        level = levels[-1]
        if position == level.end:
            levels.pop()
            if not levels:
                return found
            continue
        end = size if level.end is None else level.end
        if position + 8 > end:
            raise NotAnInstance("the data set ends inside an element")
        tag, vr, length, position = header(content, position, explicit=level.explicit)
        if tag in OF_INTEREST and len(levels) == 1 and is_kept(tag, vr, length):
            found[tag] = content[position : position + length]
        opened = level.open(tag, vr, length, position)
        if opened is not None:
            levels.append(opened)
        elif tag in DELIMITERS:
            levels.pop()
        else:
            position += length
        if position > end:
            raise NotAnInstance("an element is longer than what holds it")
        if len(levels) > MAX_DEPTH:
            raise NotAnInstance(f"sequences are nested deeper than {MAX_DEPTH}")
    raise NotAnInstance(f"the data set holds more than {MAX_ELEMENTS} elements")


def header(content: mmap.mmap | bytes, position: int, *, explicit: bool) -> tuple[int, bytes, int, int]:
    """Tag, VR (empty if implicit), value length and value position of the element at this position."""
    if not explicit or content[position : position + 2] == ITEM_GROUP_BYTES:
        group, element, length = IMPLICIT_HEADER.unpack_from(content, position)
        return group << 16 | element, b"", length, position + 8
    group, element, vr, length = EXPLICIT_HEADER.unpack_from(content, position)
    if vr in SHORT_VRS:
        return group << 16 | element, vr, length, position + 8
    if vr not in LONG_VRS:
        raise NotAnInstance("an element has an unknown VR")
    if position + 12 > len(content):
        raise NotAnInstance("the data set ends inside an element")
    return group << 16 | element, vr, LONG_LENGTH.unpack_from(content, position + 8)[0], position + 12


def is_kept(tag: int, vr: bytes, length: int) -> bool:
    """Whether the value of an element of interest is kept; raises NotAnInstance for an identifier of another VR."""
    if tag not in IDENTIFIERS:
        return length <= LONGEST_VALUE
    if length != UNDEFINED_LENGTH and vr and vr != IDENTIFIERS[tag]:
        raise NotAnInstance(f"({tag >> 16:04X},{tag & 0xFFFF:04X}) has a wrong VR")
    return length != UNDEFINED_LENGTH


def copy_instance(source: Path, path: Path) -> ReceivedInstance:
    """An instance from a DICOM file, through the same examination as one from the network.

    Raises NotAnInstance for what is no DICOM file, and for syntaxes that are not taken from the network either.
    """
    content = source.read_bytes()
    if content[PREAMBLE_BYTES : PREAMBLE_BYTES + 4] != b"DICM" or len(content) < META_START:
        raise NotAnInstance("no DICOM file: the preamble is missing")
    meta = read_file_meta_info(source)
    syntax = str(meta.get("TransferSyntaxUID", ""))
    if syntax in (DEFLATED, BIG_ENDIAN) or not syntax:
        raise NotAnInstance("the transfer syntax is deflated, big endian or unknown; convert it, e.g. with dcmconv")
    offset = META_START + int(meta.FileMetaInformationGroupLength)
    sop_class, sop_instance = str(meta.MediaStorageSOPClassUID), str(meta.MediaStorageSOPInstanceUID)
    file = InstanceFile(path, sop_class, sop_instance, syntax)
    try:
        file.write(memoryview(content)[offset:])
        return file.finish()
    except NotAnInstance:
        file.discard()
        raise


def examine(path: Path) -> ReceivedInstance:
    """A stored file as if it had just been received; raises NotAnInstance when it is not whole."""
    with path.open("rb") as file:
        if file.read(PREAMBLE_BYTES + 4)[PREAMBLE_BYTES:] != b"DICM":
            raise NotAnInstance("no DICOM file: the preamble is missing")
        file.seek(0)
        sha256, size = hashlib.file_digest(file, "sha256").hexdigest(), file.tell()
        meta = read_file_meta_info(path)
        syntax = str(meta.get("TransferSyntaxUID", ""))
        offset = META_START + int(meta.FileMetaInformationGroupLength)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            found = walk(content, offset, explicit=syntax != IMPLICIT_LITTLE_ENDIAN)
    return received(path, sha256, size, syntax, found)
