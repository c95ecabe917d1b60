"""One association as requestor: a request at a time, its response read by the thread that sent it.

pynetdicom's requestor has a second thread that reads the same queue of messages; under load it takes a response that
the sender waits for, who then waits for its whole time-out (docs/upstream/pynetdicom-requestor.md). Here there is no
second thread.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from pynetdicom.presentation import PresentationContext

from dicom_io.errors import DicomError, PeerFault, PeerUnreachable
from dicom_io.network import dimse
from dicom_io.network.dimse import DATA_SET_FOLLOWS, NO_DATA_SET, PENDING, RESPONSE, Command, CommandElement
from dicom_io.network.negotiation import AgreedContexts, decode_acceptance, decode_rejection, encode_request
from dicom_io.network.remote import Remote, Timeouts, address_of, tls_of
from dicom_io.network.service import AssociationRejection
from dicom_io.network.upper_layer import (
    RELEASE_RP,
    RELEASE_RQ,
    ConnectionLost,
    PduLimits,
    PduStream,
    PduType,
    PeerTooSlow,
    ProtocolError,
    TlsExpected,
    TlsFailed,
    abort,
    p_data,
    presentation_data_values,
)

_LARGEST_PDU = 128 * 1024  # that we send, however large a PDU the peer takes: each is given the time of one message
_LARGEST_DATA_SET = 16 * 1024 * 1024  # of a response or a report: one on commitment of 100,000 instances
_BY_USER, _CALLING, _CALLED, _BY_PRESENTATION = 1, 3, 7, 3  # source and reasons of a rejection (PS3.8 9.3.4)


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A DIMSE message of the peer: its command, and its data set (empty where none follows)."""

    context_id: int
    command: Command
    data_set: bytes

    @property
    def status(self) -> int:
        """The status of a response."""
        return int(self.command.get(CommandElement.STATUS, dimse.NO_SUCH_OPERATION))


_Answer = Callable[[ReceivedMessage, str], int]
"""Gives the status of the answer to a request of the peer on our association; the text is its transfer syntax."""


def associate(
    calling_ae_title: str,
    remote: Remote,
    contexts: Sequence[PresentationContext],
    timeouts: Timeouts | None = None,
    answer: _Answer = lambda _message, _syntax: dimse.NO_SUCH_OPERATION,
) -> RequestedAssociation:
    """An established association, to be used as a context manager: it is released, or aborted after an error.

    Parameters
    ----------
    answer
        For requests that the peer sends on this association (reports of storage commitment).

    Raises PeerUnreachable, with the fault; a peer that accepts none of the contexts is one.
    """
    timeouts, where = timeouts or Timeouts(), address_of(remote)
    stream = _connect(remote, where, timeouts)
    try:
        agreed = _negotiate(stream, calling_ae_title, remote, contexts)
        if not agreed.abstract_syntax:
            raise PeerUnreachable(f"{where} accepts none of the SOP classes that we propose", PeerFault.CLASS_REFUSED)
    except PeerUnreachable as error:
        stream.connection.close()
        if remote.tls and error.fault is PeerFault.ENDED:  # that is how TLS 1.3 turns a certificate of ours away
            raise PeerUnreachable(str(error), PeerFault.TLS_FAILED) from None
        raise
    return RequestedAssociation(stream, where, agreed, timeouts, answer)


class RequestedAssociation:
    """The requestor's side of one association; every method may raise PeerUnreachable."""

    def __init__(
        self, stream: PduStream, where: str, agreed: AgreedContexts, timeouts: Timeouts, answer: _Answer
    ) -> None:
        self.stream, self.where, self.timeouts, self.answer = stream, where, timeouts, answer
        self.agreed = agreed
        self.messages = 0

    def contexts_of(self, sop_class_uid: str) -> dict[str, int]:
        """Transfer syntax -> presentation context, of those that were accepted for a SOP class."""
        numbers = (number for number, accepted in self.agreed.abstract_syntax.items() if accepted == sop_class_uid)
        return {self.agreed.transfer_syntax[number]: number for number in numbers}

    def request(self, context_id: int, command: Command, data_set: bytes | memoryview = b"") -> ReceivedMessage:
        """Send a request; gives its one response."""
        return next(self.responses(context_id, command, data_set))

    def responses(
        self,
        context_id: int,
        command: Command,
        data_set: bytes | memoryview = b"",
        *,
        deadline: float = float("inf"),
    ) -> Iterator[ReceivedMessage]:
        """Send a request; gives each response as it comes, the last of which is not pending.

        Parameters
        ----------
        deadline
            On the monotonic clock; for all of them, while each has the time of one message.
        """
        self.messages += 1
        field = int(command[CommandElement.COMMAND_FIELD])
        with _told_as_faults(self.where, established=True):
            self._send(context_id, {**command, CommandElement.MESSAGE_ID: self.messages}, data_set)
            while True:
                message = self._next(min(deadline, time.monotonic() + self.timeouts.message))
                if message.command[CommandElement.COMMAND_FIELD] == field | RESPONSE:
                    yield message
                    if message.status not in PENDING:
                        return

    def serve(self, seconds: float, until: Callable[[], bool]) -> None:
        """Answer requests of the peer for some seconds, or until this says so."""
        deadline = time.monotonic() + seconds
        with _told_as_faults(self.where, established=True):
            while not until() and time.monotonic() < deadline:
                try:
                    self._next(deadline)
                except PeerTooSlow:
                    return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._release()
            else:
                self.stream.send(abort(source=0))
        except ProtocolError:  # it is over either way, and every response that we wanted is here
            return
        finally:
            self.stream.connection.close()

    def _release(self) -> None:
        """Ask for the release and wait until the peer agrees."""
        self.stream.send(RELEASE_RQ)
        deadline = time.monotonic() + self.timeouts.association
        while self.stream.read(deadline - time.monotonic())[0] == PduType.P_DATA:
            continue  # what it had sent before it read our request

    def _send(self, context_id: int, command: Command, data_set: bytes | memoryview = b"") -> None:
        """One command set and its data set, PDU by PDU."""
        kind = DATA_SET_FOLLOWS if data_set else NO_DATA_SET
        largest = min(self.agreed.largest_pdu or _LARGEST_PDU, _LARGEST_PDU)
        encoded = dimse.encode({**command, CommandElement.DATA_SET_TYPE: kind})
        for pdu in p_data(context_id, encoded, command=True, largest=largest):
            self.stream.send(pdu)
        if data_set:
            for pdu in p_data(context_id, data_set, command=False, largest=largest):
                self.stream.send(pdu)

    def _next(self, deadline: float) -> ReceivedMessage:
        """The next message of the peer; a request is answered before it is given."""
        message = self._read(deadline)
        field = int(message.command[CommandElement.COMMAND_FIELD])
        if not field & RESPONSE:
            status = self.answer(message, self.agreed.transfer_syntax[message.context_id])
            self._send(message.context_id, dimse.response(message.command, status))
        return message

    def _read(self, deadline: float) -> ReceivedMessage:
        """One whole message, however many PDUs it comes in."""
        command, data, context_id, whole = bytearray(), bytearray(), 0, False
        decoded: Command | None = None
        while not whole:
            pdu_type, content = self.stream.read(max(0.0, deadline - time.monotonic()))
            self._require_data(pdu_type)
            for value in presentation_data_values(content):
                context_id = value.context_id
                self._collect(command if value.is_command else data, value.fragment)
                if value.is_command and value.is_last:
                    decoded = dimse.decode(bytes(command))
                has_data = decoded is not None and decoded.get(CommandElement.DATA_SET_TYPE) != NO_DATA_SET
                whole = value.is_last and (not has_data or not value.is_command)
        if decoded is None or context_id not in self.agreed.transfer_syntax:
            raise ProtocolError("a message without its command, or on a context that was not accepted")
        return ReceivedMessage(context_id, decoded, bytes(data))

    def _require_data(self, pdu_type: int) -> None:
        """Raise for a PDU that is no part of a message."""
        if pdu_type == PduType.RELEASE_RQ:
            self.stream.send(RELEASE_RP)
            raise ConnectionLost("the peer released the association before it answered")
        if pdu_type == PduType.ABORT:
            raise ConnectionLost("the peer aborted the association")
        if pdu_type != PduType.P_DATA:
            raise ProtocolError(f"a PDU of type {pdu_type} does not belong in an association")

    def _collect(self, collected: bytearray, fragment: memoryview) -> None:
        """Add a fragment of a message."""
        collected += fragment
        if len(collected) > _LARGEST_DATA_SET:
            raise ProtocolError("a message is larger than any that we asked for")


def _connect(remote: Remote, where: str, timeouts: Timeouts) -> PduStream:
    """A connection, secured where the peer wants that; raises PeerUnreachable."""
    tls = tls_of(remote)
    try:
        connection = socket.create_connection((remote.host, remote.port), timeout=timeouts.connect)
    except (socket.gaierror, UnicodeError):
        raise PeerUnreachable(f"{where}: no host of that name is known", PeerFault.HOST_UNKNOWN) from None
    except ConnectionRefusedError:
        raise PeerUnreachable(f"{where}: nothing listens on that port", PeerFault.PORT_CLOSED) from None
    except TimeoutError:
        words = f"no connection within {timeouts.connect:g} s"
        raise PeerUnreachable(f"{where}: {words}", PeerFault.HOST_SILENT) from None
    except OSError as error:
        raise PeerUnreachable(f"{where}: {error.strerror or 'no connection'}", PeerFault.HOST_SILENT) from None
    if tls is not None:
        connection = tls.wrap_socket(connection, server_hostname=remote.host, do_handshake_on_connect=False)
    limits = PduLimits(first_pdu_seconds=timeouts.association, pdu_seconds=timeouts.message)
    stream = PduStream(connection, limits)
    try:
        with _told_as_faults(where):
            stream.handshake()
    except PeerUnreachable:
        connection.close()
        raise
    return stream


def _negotiate(
    stream: PduStream, calling_ae_title: str, remote: Remote, contexts: Sequence[PresentationContext]
) -> AgreedContexts:
    """Ask for the association; raises PeerUnreachable when it is rejected, or not answered."""
    where = address_of(remote)
    with _told_as_faults(where):
        stream.send(encode_request(calling_ae_title, remote.ae_title, contexts, stream.limits.largest_p_data))
        pdu_type, content = stream.read(stream.limits.first_pdu_seconds)
        if pdu_type == PduType.ASSOCIATE_AC:
            return decode_acceptance(content, contexts)
        if pdu_type == PduType.ASSOCIATE_RJ:
            why = decode_rejection(content)
            codes = f"result {why.result}, source {why.source}, reason {why.reason}"
            raise PeerUnreachable(f"{where} rejects the association: {why.words} ({codes})", _fault_of(why))
        if pdu_type == PduType.ABORT:
            raise ConnectionLost("it aborts instead of answering the association request")
        raise ProtocolError("its answer to the association request is none")


def _fault_of(why: AssociationRejection) -> PeerFault:
    """What a rejection means for the settings."""
    if why.source == _BY_USER and why.reason in (_CALLING, _CALLED):
        return PeerFault.CALLED_TITLE if why.reason == _CALLED else PeerFault.CALLING_TITLE
    return PeerFault.BUSY if why.source == _BY_PRESENTATION else PeerFault.REJECTED


@contextmanager
def _told_as_faults(where: str, *, established: bool = False) -> Iterator[None]:
    """What goes wrong inside is raised as PeerUnreachable, with the peer's name and the fault."""
    try:
        yield
    except TlsFailed as error:
        fault = PeerFault.TLS_UNTRUSTED if error.untrusted else PeerFault.TLS_FAILED
        raise PeerUnreachable(f"{where}: {error}", fault, established=established) from None
    except TlsExpected as error:
        raise PeerUnreachable(f"{where}: {error}", PeerFault.TLS_EXPECTED, established=established) from None
    except PeerTooSlow:
        raise PeerUnreachable(f"{where}: no answer in time", PeerFault.NO_ANSWER, established=established) from None
    except ConnectionLost as error:
        raise PeerUnreachable(f"{where}: {error}", PeerFault.ENDED, established=established) from None
    except PeerUnreachable:
        raise
    except DicomError as error:
        raise PeerUnreachable(
            f"{where}: it does not speak DICOM as expected: {error}", PeerFault.NOT_DICOM, established=established
        ) from None
