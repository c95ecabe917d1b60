"""A peer that writes bytes by hand, so that it can lie: associations, PDVs and commands without a DICOM library."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from pydicom.uid import UID, ExplicitVRLittleEndian
from pynetdicom.sop_class import MRImageStorage

from dicom_io.network import dimse
from dicom_io.network.upper_layer import HEADER, PduType


def item(kind: int, content: bytes) -> bytes:
    """An item of an association request."""
    return struct.pack(">BxH", kind, len(content)) + content


def association_request(
    *,
    calling: bytes = b"RAW",
    called: bytes = b"MOMENODE",
    abstract: str = str(MRImageStorage),
    syntax: str = "",
    largest: int = 16384,
) -> bytes:
    """A-ASSOCIATE-RQ with one presentation context (ID 1)."""
    syntax = syntax or str(UID(ExplicitVRLittleEndian))
    context = item(0x20, bytes((1, 0, 0, 0)) + item(0x30, abstract.encode()) + item(0x40, syntax.encode()))
    user = item(0x50, item(0x51, struct.pack(">I", largest)) + item(0x52, b"1.2.3"))
    body = struct.pack(">Hxx16s16s32x", 1, called.ljust(16), calling.ljust(16))
    body += item(0x10, b"1.2.840.10008.3.1.1.1") + context + user
    return HEADER.pack(PduType.ASSOCIATE_RQ, len(body)) + body


def associate(port: int, **request: str) -> socket.socket:
    """A connection on which the association was accepted."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection.sendall(association_request(**request))  # type: ignore[arg-type]
    assert connection.recv(4096)[0] == PduType.ASSOCIATE_AC
    return connection


def pdv(content: bytes, *, control: int, context: int = 1) -> bytes:
    """A P-DATA PDU with one PDV; control: 1 command, 2 last fragment."""
    header = struct.pack(">IBB", len(content) + 2, context, control)
    return HEADER.pack(PduType.P_DATA, len(content) + 6) + header + content


def store_request(sop_instance_uid: str = "1.2.3.4", sop_class_uid: str = str(MRImageStorage)) -> bytes:
    """The command set of a C-STORE request."""
    return dimse.encode(
        {
            dimse.CommandElement.AFFECTED_SOP_CLASS_UID: sop_class_uid,
            dimse.CommandElement.COMMAND_FIELD: dimse.CommandField.C_STORE_RQ,
            dimse.CommandElement.MESSAGE_ID: 7,
            dimse.CommandElement.DATA_SET_TYPE: 1,
            dimse.CommandElement.AFFECTED_SOP_INSTANCE_UID: sop_instance_uid,
        }
    )


def store(connection: socket.socket, data_set: bytes, command: bytes = b"") -> int | None:
    """C-STORE these bytes as a data set; the status, or None when the peer ended the association instead."""
    message = pdv(command or store_request(), control=3)
    for offset in range(0, max(len(data_set), 1), 100_000):
        last = offset + 100_000 >= len(data_set)
        message += pdv(data_set[offset : offset + 100_000], control=2 if last else 0)
    try:
        connection.sendall(message)
        answer = connection.recv(4096)
    except OSError:
        return None
    if not answer or answer[0] != PduType.P_DATA:
        return None
    return int(dimse.decode(answer[12:])[dimse.CommandElement.STATUS])


def element(tag: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    """An element in Explicit VR Little Endian; its length may be a lie."""
    header = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr)
    count = len(value) if length is None else length
    long = vr in (b"OB", b"OW", b"SQ", b"UN", b"UT", b"OF", b"UC", b"UR")
    return header + (struct.pack("<xxI", count) if long else struct.pack("<H", count)) + value


@contextmanager
def deaf_peer() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])
