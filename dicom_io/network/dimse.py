"""DIMSE command sets as bytes: Implicit VR Little Endian, group 0000 only (PS3.7 section 6.3 and annex E)."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from enum import IntEnum

from dicom_io.encoding.tables import IMPLICIT_HEADER
from dicom_io.errors import DicomError

LARGEST_COMMAND = 64 * 1024
NO_DATA_SET, DATA_SET_FOLLOWS = 0x0101, 0x0001
RESPONSE = 0x8000  # of a command field
PENDING = frozenset((0xFF00, 0xFF01))  # more responses follow (PS3.4 C.4)
SUCCESS, PROCESSING_FAILURE, NOT_SUPPORTED, NO_SUCH_OPERATION = 0x0000, 0x0110, 0x0122, 0x0211  # PS3.7 annex C
RESOURCE_LIMITATION = 0x0213
OUT_OF_RESOURCES, CANNOT_UNDERSTAND, NOT_AUTHORIZED = 0xA700, 0xC000, 0x0124  # of a C-STORE (PS3.4 B.2.3)
WARNINGS = frozenset((0xB000, 0xB006, 0xB007))  # of a C-STORE (PS3.4 B.2.3): kept, but not quite as sent


def is_kept(status: int) -> bool:
    """Whether a C-STORE was a success, with or without a warning."""
    return status == SUCCESS or status in WARNINGS


class CommandField(IntEnum):
    """Command Field (0000,0100) of the requests and responses that the node speaks (PS3.7 table E.1-1)."""

    C_STORE_RQ = 0x0001
    C_STORE_RSP = 0x8001
    C_ECHO_RQ = 0x0030
    C_ECHO_RSP = 0x8030
    N_EVENT_REPORT_RQ = 0x0100
    N_EVENT_REPORT_RSP = 0x8100
    N_ACTION_RQ = 0x0130
    N_ACTION_RSP = 0x8130
    C_CANCEL_RQ = 0x0FFF
    C_GET_RQ = 0x0010
    C_FIND_RQ = 0x0020
    C_MOVE_RQ = 0x0021


class CommandElement(IntEnum):
    """Elements of a command set, by their number in group 0000 (PS3.7 annex E)."""

    GROUP_LENGTH = 0x0000
    AFFECTED_SOP_CLASS_UID = 0x0002
    REQUESTED_SOP_CLASS_UID = 0x0003
    COMMAND_FIELD = 0x0100
    MESSAGE_ID = 0x0110
    MESSAGE_ID_RESPONDED_TO = 0x0120
    DATA_SET_TYPE = 0x0800
    STATUS = 0x0900
    ERROR_COMMENT = 0x0902
    AFFECTED_SOP_INSTANCE_UID = 0x1000
    REQUESTED_SOP_INSTANCE_UID = 0x1001
    EVENT_TYPE_ID = 0x1002
    ACTION_TYPE_ID = 0x1008
    MOVE_DESTINATION = 0x0600
    PRIORITY = 0x0700
    REMAINING_SUBOPERATIONS = 0x1020
    COMPLETED_SUBOPERATIONS = 0x1021
    FAILED_SUBOPERATIONS = 0x1022
    MOVE_ORIGINATOR = 0x1030


_UIDS = frozenset(
    (
        CommandElement.AFFECTED_SOP_CLASS_UID,
        CommandElement.REQUESTED_SOP_CLASS_UID,
        CommandElement.AFFECTED_SOP_INSTANCE_UID,
        CommandElement.REQUESTED_SOP_INSTANCE_UID,
    )
)
_TEXTS = frozenset((CommandElement.ERROR_COMMENT, CommandElement.MOVE_DESTINATION, CommandElement.MOVE_ORIGINATOR))
Command = Mapping[int, int | str]


class InvalidCommandSet(DicomError):
    """What arrived is no DIMSE command set."""


def decode(content: bytes) -> dict[int, int | str]:
    """Element number -> UID, text or number (US); other elements are of no interest.

    Raises InvalidCommandSet for wrong lengths.
    """
    command: dict[int, int | str] = {}
    offset = 0
    while offset < len(content):
        if offset + IMPLICIT_HEADER.size > len(content):
            raise InvalidCommandSet("a command set ends inside an element")
        group, element, length = IMPLICIT_HEADER.unpack_from(content, offset)
        offset += IMPLICIT_HEADER.size
        value = content[offset : offset + length]
        if group or len(value) != length:
            raise InvalidCommandSet("a command set holds a wrong group or length")
        if element in _UIDS:
            command[element] = _uid(value)
        elif element in _TEXTS:
            command[element] = printable(value.decode("latin-1"))
        elif length == 2:
            command[element] = int.from_bytes(value, "little")
        offset += length
    if not isinstance(command.get(CommandElement.COMMAND_FIELD), int):
        raise InvalidCommandSet("a command set without Command Field")
    return command


def _uid(value: bytes) -> str:
    """A UID without its padding."""
    try:
        return value.rstrip(b"\0 ").decode("ascii")
    except UnicodeDecodeError:
        raise InvalidCommandSet("a command set holds a UID that is not ASCII") from None


def printable(text: str | None) -> str:
    """An AE title or comment that cannot do harm where it is shown: in logs, in the audit trail, on web pages."""
    return "".join(c if " " <= c <= "~" else "?" for c in (text or "").rstrip("\0 ")).strip()


def encode(command: Command) -> bytes:
    """The command set with its group length, elements in ascending order."""
    body = b"".join(_encode_element(element, command[element]) for element in sorted(command))
    return IMPLICIT_HEADER.pack(0, CommandElement.GROUP_LENGTH, 4) + struct.pack("<I", len(body)) + body


def _encode_element(element: int, value: int | str) -> bytes:
    """One element: a number as US, a text padded to even length (a UID with a zero byte)."""
    if isinstance(value, int):
        return IMPLICIT_HEADER.pack(0, element, 2) + struct.pack("<H", value)
    padding = b"\0" if element in _UIDS else b" "
    encoded = value.encode("ascii", "replace")
    encoded += padding * (len(encoded) % 2)
    return IMPLICIT_HEADER.pack(0, element, len(encoded)) + encoded


def response(request: Command, status: int, comment: str = "") -> dict[int, int | str]:
    """The command set that answers a request; Error Comment only where there is something to say."""
    command: dict[int, int | str] = {
        CommandElement.COMMAND_FIELD: int(request[CommandElement.COMMAND_FIELD]) | RESPONSE,
        CommandElement.MESSAGE_ID_RESPONDED_TO: request.get(CommandElement.MESSAGE_ID, 0),
        CommandElement.DATA_SET_TYPE: NO_DATA_SET,
        CommandElement.STATUS: status,
    }
    for affected, requested in (
        (CommandElement.AFFECTED_SOP_CLASS_UID, CommandElement.REQUESTED_SOP_CLASS_UID),
        (CommandElement.AFFECTED_SOP_INSTANCE_UID, CommandElement.REQUESTED_SOP_INSTANCE_UID),
    ):
        uid = request.get(affected) or request.get(requested)
        if uid:
            command[affected] = uid
    for echoed in (CommandElement.EVENT_TYPE_ID, CommandElement.ACTION_TYPE_ID):
        if echoed in request:
            command[echoed] = request[echoed]
    if comment:
        command[CommandElement.ERROR_COMMENT] = comment[:64]
    return command
