"""PDUs on a socket: read whole ones within limits of time and size, write each with one call (PS3.8 section 9.3)."""

from __future__ import annotations

import hashlib
import select
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from dicom_io.errors import DicomError
from dicom_io.network.service import Certificate

HEADER = struct.Struct(">BxI")  # PDU type, reserved, length of what follows
PDV_HEADER = struct.Struct(">IBB")  # length of what follows, presentation context ID, message control header
LARGEST_REQUEST = 160 * 1024  # 128 presentation contexts with many transfer syntaxes fit; more is an attack
_TLS_ALERT = 0x15  # content type of a TLS record (RFC 8446 section 5.1)
_SMALL_PDU = 1024  # reject, release and abort hold 4 bytes; be lenient


class PduType(IntEnum):
    """PDU types of PS3.8 section 9.3.1."""

    ASSOCIATE_RQ = 1
    ASSOCIATE_AC = 2
    ASSOCIATE_RJ = 3
    P_DATA = 4
    RELEASE_RQ = 5
    RELEASE_RP = 6
    ABORT = 7


RELEASE_RQ = HEADER.pack(PduType.RELEASE_RQ, 4) + bytes(4)
RELEASE_RP = HEADER.pack(PduType.RELEASE_RP, 4) + bytes(4)


class ProtocolError(DicomError):
    """The peer broke the protocol, was too slow, or is gone; the association ends."""


class PeerTooSlow(ProtocolError):
    """The peer took longer than it is given."""


class ConnectionLost(ProtocolError):
    """The connection was closed, or the peer aborted the association."""


class TlsExpected(ProtocolError):
    """The peer answers with an alert of TLS, and this connection is not secured."""


class TlsFailed(ConnectionLost):
    """The connection could not be secured; `untrusted`: because the peer's certificate is none that we trust."""

    def __init__(self, error: OSError) -> None:
        """From what the ssl module raised, before or after the handshake."""
        self.untrusted = isinstance(error, ssl.SSLCertVerificationError)
        words = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else _words_of(error)
        super().__init__(f"no TLS: {words}")


@dataclass(frozen=True, slots=True)
class PduLimits:
    """How much a peer may send, and how long it may take.

    Parameters
    ----------
    largest_p_data
        Bytes of one P-DATA PDU; announced to the peer and enforced.
    first_pdu_seconds
        From the connection to the complete association request.
    pdu_seconds
        From the first byte of a PDU to its last.
    idle_seconds
        Between PDUs of an association.
    least_rate, rate_seconds
        Bytes a second that a message in flight has at least, on average over so many seconds of waiting for the peer.
    """

    largest_p_data: int = 128 * 1024
    first_pdu_seconds: float = 6.0
    pdu_seconds: float = 10.0
    idle_seconds: float = 60.0
    least_rate: int = 1024
    rate_seconds: float = 60.0

    def of(self, pdu_type: int) -> int:
        """The largest length that is accepted for a PDU of this type."""
        if pdu_type == PduType.P_DATA:
            return self.largest_p_data
        return LARGEST_REQUEST if pdu_type in (PduType.ASSOCIATE_RQ, PduType.ASSOCIATE_AC) else _SMALL_PDU


class PduStream:
    """One connection as a stream of whole PDUs; its buffer is all the memory that a peer can make us use."""

    def __init__(self, connection: socket.socket, limits: PduLimits) -> None:
        self.connection = connection
        self.limits = limits
        self.buffer = memoryview(bytearray(2 * max(limits.largest_p_data, LARGEST_REQUEST)))
        self.start = self.end = 0
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setblocking(False)
        self.poll = select.poll()

    def handshake(self) -> None:
        """Complete the TLS handshake, if there is one, within the time limit of the first PDU."""
        deadline = time.monotonic() + self.limits.first_pdu_seconds
        while isinstance(self.connection, ssl.SSLSocket):
            try:
                self.connection.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.wait(select.POLLIN, deadline)
            except ssl.SSLWantWriteError:
                self.wait(select.POLLOUT, deadline)
            except OSError as error:
                raise TlsFailed(error) from None

    def certificate(self) -> Certificate | None:
        """The certificate that the peer has shown and we trust; None without TLS, or without one."""
        der = self.connection.getpeercert(binary_form=True) if isinstance(self.connection, ssl.SSLSocket) else None
        if not der or not isinstance(self.connection, ssl.SSLSocket):
            return None
        shown = self.connection.getpeercert() or {}
        names = frozenset(str(each[-1]).lower() for each in shown.get("subjectAltName", ()))
        return Certificate(hashlib.sha256(der).hexdigest(), names)

    def read(self, idle_seconds: float | None = None) -> tuple[int, memoryview]:
        """Type and content of the next PDU; the view is valid until the next read.

        Raises ProtocolError when it is too large, too slow or of an unknown type, ConnectionLost at the end.
        """
        self.fill(1, time.monotonic() + (self.limits.idle_seconds if idle_seconds is None else idle_seconds))
        deadline = time.monotonic() + self.limits.pdu_seconds
        self.fill(HEADER.size, deadline)
        pdu_type, length = HEADER.unpack_from(self.buffer, self.start)
        if pdu_type == _TLS_ALERT:
            raise TlsExpected("it speaks TLS, and we do not")
        if not PduType.ASSOCIATE_RQ <= pdu_type <= PduType.ABORT:
            raise ProtocolError(f"no PDU has type {pdu_type:#04x}")
        if length > self.limits.of(pdu_type):
            raise ProtocolError(
                f"a PDU of type {pdu_type} claims {length} bytes, {self.limits.of(pdu_type)} are allowed"
            )
        self.fill(HEADER.size + length, deadline)
        content = self.buffer[self.start + HEADER.size : self.start + HEADER.size + length]
        self.start += HEADER.size + length
        return pdu_type, content

    def fill(self, wanted: int, deadline: float) -> None:
        """Receive until the buffer holds this many unread bytes."""
        if self.end - self.start >= wanted:
            return
        if self.start + wanted > len(self.buffer) or self.start == self.end:
            self.buffer[: self.end - self.start] = self.buffer[self.start : self.end]
            self.start, self.end = 0, self.end - self.start
        while self.end - self.start < wanted:
            self.end += self.receive(deadline)

    def receive(self, deadline: float) -> int:
        """Receive what is available, at least one byte."""
        while True:
            try:
                count = self.connection.recv_into(self.buffer[self.end :])
            except (BlockingIOError, ssl.SSLWantReadError):
                # A sender with Nagle's algorithm waits for our acknowledgement, 40 ms an image unless it comes at once.
                self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
                self.wait(select.POLLIN, deadline)
                continue
            except OSError as error:
                raise _lost(error) from None
            if not count:
                raise ConnectionLost("the peer closed the connection")
            return count

    def send(self, pdu: bytes) -> None:
        """Write one PDU, with one call unless the peer is slow; one that does not read is given `pdu_seconds`."""
        deadline = time.monotonic() + self.limits.pdu_seconds
        rest = memoryview(pdu)
        while rest:
            try:
                rest = rest[self.connection.send(rest) :]
            except (BlockingIOError, ssl.SSLWantWriteError):
                self.wait(select.POLLOUT, deadline)
            except OSError as error:
                raise _lost(error) from None

    def wait(self, event: int, deadline: float) -> None:
        """Wait until the connection can be read from or written to; raises ProtocolError when that takes too long."""
        self.poll.register(self.connection, event)
        if not self.poll.poll(max(0.0, 1000 * (deadline - time.monotonic()))):
            raise PeerTooSlow("the peer was too slow")


def _lost(error: OSError) -> ConnectionLost:
    """A connection that broke; with TLS 1.3 a peer refuses our certificate only after the handshake."""
    return (
        TlsFailed(error)
        if isinstance(error, ssl.SSLError)
        else ConnectionLost(f"the connection broke: {error.strerror}")
    )


def _words_of(error: OSError) -> str:
    """OpenSSL's reason in small letters, e.g. "wrong version number"; of another error what the system says."""
    if isinstance(error, ssl.SSLEOFError):
        return "the peer closed the connection"
    reason = getattr(error, "reason", None)
    return str(reason).replace("_", " ").lower() if reason else error.strerror or type(error).__name__


def p_data(context_id: int, content: bytes | memoryview, *, command: bool, largest: int) -> Iterator[bytes]:
    """One command or data set as P-DATA PDUs, each at most `largest` bytes long (0: no limit); one PDV in each."""
    step = largest - PDV_HEADER.size if largest else max(len(content), 1)
    for offset in range(0, max(len(content), 1), step):
        fragment = content[offset : offset + step]
        control = int(command) | (2 if offset + step >= len(content) else 0)
        header = PDV_HEADER.pack(len(fragment) + 2, context_id, control)
        yield b"".join((HEADER.pack(PduType.P_DATA, PDV_HEADER.size + len(fragment)), header, fragment))


class PresentationDataValue(NamedTuple):
    """A fragment of a command set or of a data set (PS3.8 section 9.3.5.1 and annex E.2)."""

    context_id: int
    fragment: memoryview
    is_command: bool
    is_last: bool


def presentation_data_values(content: memoryview) -> Iterator[PresentationDataValue]:
    """The PDVs of one P-DATA PDU, in order; raises ProtocolError."""
    offset = 0
    while offset < len(content):
        if len(content) - offset < PDV_HEADER.size:
            raise ProtocolError("a P-DATA PDU ends inside a PDV")
        length, context_id, control = PDV_HEADER.unpack_from(content, offset)
        end = offset + 4 + length
        if length < 2 or end > len(content):
            raise ProtocolError("a PDV is longer than its PDU")
        fragment = content[offset + PDV_HEADER.size : end]
        yield PresentationDataValue(context_id, fragment, bool(control & 1), bool(control & 2))
        offset = end


def abort(reason: int = 0, source: int = 2) -> bytes:
    """A-ABORT by the service provider (PS3.8 section 9.3.8): 0 not specified, 1 unrecognised PDU, 2 unexpected PDU.

    Source 0: by the service user, without a reason.
    """
    return HEADER.pack(PduType.ABORT, 4) + bytes((0, 0, source, reason))
