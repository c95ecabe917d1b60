"""A received instance as a DICOM file (PS3.10): written while it arrives, then validated to its last byte."""

from __future__ import annotations

import hashlib
import mmap
import os
import struct
from dataclasses import dataclass
from pathlib import Path

from dicom_io.encoding.arrival import kind_of, slice_of
from dicom_io.encoding.elements import Elements, RawElements, tag_of
from dicom_io.encoding.file_meta import META_START, data_set_offset, file_meta_of, is_uid
from dicom_io.encoding.patient import PatientIdentity
from dicom_io.encoding.tables import BIG_ENDIAN, DEFLATED, IMPLICIT_LITTLE_ENDIAN, PREAMBLE_BYTES
from dicom_io.encoding.validation import PATIENT, SERIES, SOP_CLASS, SOP_INSTANCE, STUDY, validate
from dicom_io.errors import NotAnInstance

# Of the whole product: associations, received files, phantoms and result files, and what the conformance statement
# names. Not raised with the version: both stand in every received file, whose digest tells a repeat from a conflict.
IMPLEMENTATION_CLASS_UID = "2.25.310281731925426098127712354198237714211"
IMPLEMENTATION_VERSION_NAME = "MOME_NODE_0_1"


@dataclass(frozen=True, slots=True)
class ReceivedInstance:
    """An instance in a temporary file: complete, examined, not yet durable.

    Parameters
    ----------
    path
        Of the temporary file.
    sha256
        Of the whole file; the same each time the instance is sent.
    patient
        For comparison only: never shown, logged or kept as it is.
    kind, slice_position
        Which part of its scanner's protocol it is, and where it lies (dicom_io.encoding.arrival).
    """

    path: Path
    sha256: str
    size_bytes: int
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    study_instance_uid: str
    transfer_syntax_uid: str
    patient: PatientIdentity
    kind: str
    slice_position: int | None


class InstanceFile:
    """The temporary file that an arriving data set is written into."""

    def __init__(self, path: Path, sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> None:
        """Create the file and write our own preamble and file meta information; raises OSError when that fails."""
        self.path = path
        self.sop_class_uid, self.sop_instance_uid = sop_class_uid, sop_instance_uid
        self.transfer_syntax_uid = transfer_syntax_uid
        self.study_instance_uid = ""  # the study that it must belong to; empty: any
        self.digest = hashlib.sha256()
        self.size = 0
        head = _file_meta(sop_class_uid, sop_instance_uid, transfer_syntax_uid)
        self.descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        self.data_set_offset = len(head)
        self.write(memoryview(head))

    def write(self, fragment: memoryview) -> None:
        """Append bytes of the data set."""
        self.digest.update(fragment)
        self.size += len(fragment)
        while fragment:
            fragment = fragment[os.write(self.descriptor, fragment) :]

    def finish(self) -> ReceivedInstance:
        """Validate and sync what was received; raises NotAnInstance, or OSError when the disk fails."""
        explicit = self.transfer_syntax_uid != IMPLICIT_LITTLE_ENDIAN
        with mmap.mmap(self.descriptor, 0, access=mmap.ACCESS_READ) as content:
            found = validate(content, self.data_set_offset, explicit=explicit)
        examined = _received(self.path, self.digest.hexdigest(), self.size, self.transfer_syntax_uid, found)
        if (examined.sop_class_uid, examined.sop_instance_uid) != (self.sop_class_uid, self.sop_instance_uid):
            raise NotAnInstance("the data set holds another SOP class or instance than the command announced")
        if self.study_instance_uid not in ("", examined.study_instance_uid):
            raise NotAnInstance("the data set belongs to another study than the request says")
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


def _received(
    path: Path, sha256: str, size: int, transfer_syntax_uid: str, found: dict[int, bytes]
) -> ReceivedInstance:
    """The record of a validated file; raises NotAnInstance when a UID is missing or invalid."""
    uids = {tag: _uid_of(found.get(tag, b""), tag) for tag in (SOP_CLASS, SOP_INSTANCE, SERIES, STUDY)}
    patient: RawElements = {tag_of(tag): (None, value) for tag, value in found.items() if tag in PATIENT}
    return ReceivedInstance(
        path=path,
        sha256=sha256,
        size_bytes=size,
        sop_class_uid=uids[SOP_CLASS],
        sop_instance_uid=uids[SOP_INSTANCE],
        series_instance_uid=uids[SERIES],
        study_instance_uid=uids[STUDY],
        transfer_syntax_uid=transfer_syntax_uid,
        patient=PatientIdentity.of(Elements.of_bytes(patient, implicit=True)),
        kind=kind_of(found),
        slice_position=slice_of(found),
    )


def _file_meta(sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> bytes:
    """Preamble, "DICM" and group 0002, without the sender's AE title, so that a repeated send has the same bytes."""

    def element(number: int, vr: bytes, value: bytes) -> bytes:
        value += (b"\0" if vr == b"UI" else b" ") * (len(value) % 2)
        return struct.pack("<HH2sH", 2, number, vr, len(value)) + value

    body = struct.pack("<HH2sHI", 2, 1, b"OB", 0, 2) + b"\0\1"
    body += element(0x02, b"UI", sop_class_uid.encode()) + element(0x03, b"UI", sop_instance_uid.encode())
    body += element(0x10, b"UI", transfer_syntax_uid.encode()) + element(0x12, b"UI", IMPLEMENTATION_CLASS_UID.encode())
    body += element(0x13, b"SH", IMPLEMENTATION_VERSION_NAME.encode())
    return bytes(PREAMBLE_BYTES) + b"DICM" + struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(body)) + body


def _uid_of(value: bytes, tag: int) -> str:
    """The value as a UID; raises NotAnInstance with a message that does not repeat the value."""
    text = value.decode("ascii", "replace").rstrip("\0 ")
    if not is_uid(text):
        raise NotAnInstance(f"({tag >> 16:04X},{tag & 0xFFFF:04X}) holds no valid UID")
    return text


def copy_instance(source: Path, path: Path) -> ReceivedInstance:
    """Copy an instance from a DICOM file, with the same validation as one from the network.

    Raises NotAnInstance for a file that is not DICOM, or whose transfer syntax is not accepted from the network either.
    """
    content = source.read_bytes()
    offset = data_set_offset(content[:META_START])
    meta = file_meta_of(content[:offset])
    if meta.transfer_syntax_uid in (DEFLATED, BIG_ENDIAN):
        raise NotAnInstance("the transfer syntax is deflated or big endian; convert it, e.g. with dcmconv")
    file = InstanceFile(path, meta.sop_class_uid, meta.sop_instance_uid, meta.transfer_syntax_uid)
    try:
        file.write(memoryview(content)[offset:])
        return file.finish()
    except NotAnInstance:
        file.discard()
        raise


def examine(path: Path) -> ReceivedInstance:
    """A stored file as if it had just been received; raises NotAnInstance when it is not whole."""
    with path.open("rb") as file:
        offset = data_set_offset(file.read(META_START))
        file.seek(0)
        syntax = file_meta_of(file.read(offset)).transfer_syntax_uid
        file.seek(0)
        sha256, size = hashlib.file_digest(file, "sha256").hexdigest(), file.tell()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            found = validate(content, offset, explicit=syntax != IMPLICIT_LITTLE_ENDIAN)
    return _received(path, sha256, size, syntax, found)
