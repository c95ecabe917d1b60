"""MLLP: HL7 v2 messages over TCP or TLS, each acknowledged before it counts as taken."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass

from node.integration_settings import Hl7Receiver
from node.integrations.connection import connect, connect_by_tls, words_of_failure
from node.integrations.er7 import COMPONENT, fields_of
from node.integrations.errors import ReceiverRefused, ReceiverUnreachable

_START, _END = b"\x0b", b"\x1c\r"
_LONGEST_ANSWER = 64 * 1024
_ACCEPTED = frozenset(("AA", "CA"))  # table 0008: application and commit accept
_REFUSED = {"AE": "error", "AR": "reject", "CE": "error", "CR": "reject"}
_ERRORS = {  # table 0357, of ERR-3
    "100": "segment sequence",
    "101": "a required field is missing",
    "102": "data type",
    "103": "a value is not in its table",
    "200": "message type is not supported",
    "201": "event code is not supported",
    "202": "processing ID is not supported",
    "203": "version is not supported",
    "204": "an identifier is not known there",
    "205": "an identifier is there already",
    "206": "the record is locked",
    "207": "internal error",
}
_PASSING = frozenset(("206", "207"))


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What a receiver answered: MSA-1, MSA-2 and the code of ERR-3, which is empty where it names none."""

    code: str
    control_id: str
    error: str


def send_message(receiver: Hl7Receiver, message: bytes, control_id: str) -> Acknowledgement:
    """Send one message and await its acknowledgement.

    Raises ReceiverUnreachable when nobody takes it or answers, ReceiverRefused for AE, AR, CE or CR.
    """
    connection = _connected(receiver)
    with connection:
        try:
            connection.sendall(_START + message + _END)
            answer = _read_block(connection, time.monotonic() + receiver.answer_seconds)
        except OSError as error:
            raise ReceiverUnreachable(f"{receiver.name}: {words_of_failure(error)}") from None
    acknowledgement = _acknowledgement(answer)
    if acknowledgement is None:
        raise ReceiverUnreachable(f"{receiver.name}: the answer is no HL7 acknowledgement")
    if acknowledgement.control_id != control_id:
        raise ReceiverUnreachable(f"{receiver.name}: the acknowledgement is for another message")
    if acknowledgement.code not in _ACCEPTED:
        raise _refusal(receiver.name, acknowledgement)
    return acknowledgement


def probe(receiver: Hl7Receiver) -> str:
    """Connect, and send nothing: MLLP has no question that is not a message. Raises ReceiverUnreachable."""
    with _connected(receiver):
        return f"takes a connection{' by TLS' if receiver.tls else ''}"


def _connected(receiver: Hl7Receiver) -> socket.socket:
    where = (receiver.name, receiver.host, receiver.port)
    if receiver.tls:
        return connect_by_tls(*where, receiver, receiver.answer_seconds)
    return connect(*where, receiver.answer_seconds)


def _read_block(connection: socket.socket, deadline: float) -> bytes:
    """The bytes between the next start and end of block, whole before the deadline (of the monotonic clock)."""
    received = b""
    while _END not in received:
        chunk = connection.recv(4096)
        if not chunk:
            raise ConnectionResetError(None, "the connection ended before an acknowledgement")
        received += chunk
        if len(received) > _LONGEST_ANSWER:
            raise OSError(None, "the answer is too long for an acknowledgement")
        if time.monotonic() > deadline:
            raise TimeoutError
    return received.partition(_START)[2].partition(_END)[0]


def _acknowledgement(answer: bytes) -> Acknowledgement | None:
    """The acknowledgement in an answer; its texts are left out, they may name a patient."""
    fields = [*fields_of(answer, "MSA"), "", ""]
    code = fields[0].strip()
    if code not in _ACCEPTED and code not in _REFUSED:
        return None
    error = [*fields_of(answer, "ERR"), "", "", ""][2].split(COMPONENT)[0].strip()
    return Acknowledgement(code, fields[1].strip(), error if error in _ERRORS else "")


def _refusal(name: str, acknowledgement: Acknowledgement) -> ReceiverRefused:
    """The refusal in our own words: a code of table 0357 where the receiver gives one."""
    kind = f"{acknowledgement.code} ({_REFUSED[acknowledgement.code]})"
    cause = f", {acknowledgement.error}: {_ERRORS[acknowledgement.error]}" if acknowledgement.error else ""
    return ReceiverRefused(f"{name}: answered {kind}{cause}", lasting=acknowledgement.error not in _PASSING)
