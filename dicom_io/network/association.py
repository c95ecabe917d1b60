"""One association as acceptor: negotiated, then DIMSE messages streamed without copies.

pynetdicom's own acceptor spends most of its receive time asleep in polling loops (spec/reliability.md 4.2), reads PDUs
of any length and parks a dead connection for `acse_timeout`; none of that is on this path.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pynetdicom.presentation import PresentationContext

from dicom_io.errors import DicomError
from dicom_io.network import dimse
from dicom_io.network.dimse import DATA_SET_FOLLOWS, RESPONSE, Command, CommandElement, CommandField, printable
from dicom_io.network.negotiation import accept_contexts, decode_request, encode_rejection
from dicom_io.network.service import (
    AssociationRejection,
    DimseResponse,
    InstanceRefused,
    InstanceWriter,
    Peer,
    ServiceClassProvider,
    StoreRequest,
)
from dicom_io.network.upper_layer import (
    RELEASE_RP,
    ConnectionLost,
    PduLimits,
    PduStream,
    PduType,
    PeerTooSlow,
    PresentationDataValue,
    ProtocolError,
    abort,
    p_data,
    presentation_data_values,
)

_CLOSE_SECONDS = 1.0
_LARGEST_MESSAGE = 2 * 1024 * 1024  # a storage commitment request for 10,000 instances has 1.7 MiB at most


class AcceptedAssociation:
    """The acceptor's side of one connection, run by its own thread."""

    def __init__(
        self, stream: PduStream, address: str, contexts: Sequence[PresentationContext], service: ServiceClassProvider
    ) -> None:
        self.stream = stream
        self.address = address
        self.contexts = contexts
        self.service = service
        self.peer: Peer | None = None
        self.transfer_syntax: Mapping[int, str] = {}
        self.abstract_syntax: Mapping[int, str] = {}
        self.largest_pdu = 0
        self.message: _IncomingMessage | None = None

    @property
    def idle(self) -> bool:
        """Whether no message is in flight, so that ending now loses nothing."""
        return self.message is None

    def run(self, admit: Callable[[Peer], AssociationRejection | None]) -> None:
        """Serve from the first byte to the last; never raises for what a peer does.

        Parameters
        ----------
        admit
            Decides on the peer after its request was read; None accepts.
        """
        why = ""
        try:
            rejection = admit(self.negotiate())
            if rejection is None:
                self.accept()
                self.serve()
            else:
                self.stream.send(encode_rejection(rejection))
                why = rejection.words
                self.await_close()
        except ConnectionLost as lost:
            why = str(lost)
        except DicomError as fault:
            why = str(fault)
            self.abort_quietly()
        finally:
            if self.message is not None:
                self.message.discard()
            self.service.ended(self.peer, self.address, why)

    def negotiate(self) -> Peer:
        """Secure the connection and read the association request; the caller accepts or rejects it."""
        self.stream.handshake()
        pdu_type, content = self.stream.read(self.stream.limits.first_pdu_seconds)
        if pdu_type != PduType.ASSOCIATE_RQ:
            raise ProtocolError("the first PDU is no association request")
        self.request = decode_request(content)
        calling, called = self.request.calling_ae_title, self.request.called_ae_title
        self.peer = Peer(printable(calling), printable(called), self.address, self.stream.certificate())
        return self.peer

    def accept(self) -> None:
        """Negotiate presentation contexts and send A-ASSOCIATE-AC."""
        agreed, acceptance = accept_contexts(self.request, self.contexts, self.stream.limits.largest_p_data)
        self.abstract_syntax, self.transfer_syntax = agreed.abstract_syntax, agreed.transfer_syntax
        self.largest_pdu = agreed.largest_pdu
        self.stream.send(acceptance)

    def serve(self) -> None:
        """Answer messages until the peer releases, aborts, breaks the protocol or is gone."""
        pace = _Pace(self.stream.limits)
        while True:
            in_flight, began = not self.idle, time.monotonic()
            pdu_type, content = self.stream.read(self.stream.limits.pdu_seconds if in_flight else None)
            pace = pace.after(len(content), time.monotonic() - began) if in_flight else _Pace(self.stream.limits)
            if pdu_type == PduType.P_DATA:
                self.receive(content)
            elif pdu_type == PduType.RELEASE_RQ:
                self.stream.send(RELEASE_RP)
                return
            elif pdu_type == PduType.ABORT:
                raise ConnectionLost("the peer aborted the association")
            else:
                raise ProtocolError(f"a PDU of type {pdu_type} does not belong in an association")

    def receive(self, content: memoryview) -> None:
        """The PDVs of one P-DATA PDU, in order; each belongs to the message in flight or begins one."""
        for value in presentation_data_values(content):
            self.receive_fragment(value)

    def receive_fragment(self, value: PresentationDataValue) -> None:
        """One PDV: part of a command set, or of the data set that follows it."""
        if value.context_id not in self.transfer_syntax:
            raise ProtocolError("a message on a presentation context that was not accepted")
        if self.message is None:
            self.message = _IncomingMessage(value.context_id)
        if self.message.context_id != value.context_id or value.is_command is self.message.has_command:
            raise ProtocolError("fragments of two messages are mixed")
        if value.is_command:
            self.receive_command(self.message, value.fragment, value.is_last)
        else:
            self.message.receive_data(value.fragment)
            if value.is_last:
                self.complete(self.message)

    def receive_command(self, message: _IncomingMessage, fragment: memoryview, is_last: bool) -> None:
        """Collect the command set; when it is complete, open what its data set goes into, or answer at once."""
        message.command_bytes += fragment
        if len(message.command_bytes) > dimse.LARGEST_COMMAND:
            raise ProtocolError("a command set is larger than any that the standard defines")
        if not is_last:
            return
        message.command = dimse.decode(bytes(message.command_bytes))
        message.has_command = True
        if message.command[CommandElement.COMMAND_FIELD] == CommandField.C_STORE_RQ:
            self.open_instance(message)
        if message.command.get(CommandElement.DATA_SET_TYPE, dimse.NO_DATA_SET) == dimse.NO_DATA_SET:
            self.complete(message)

    def open_instance(self, message: _IncomingMessage) -> None:
        """Begin to keep the instance of a C-STORE request, unless the service refuses it."""
        sop_class = str(message.command.get(CommandElement.AFFECTED_SOP_CLASS_UID, ""))
        sop_instance = str(message.command.get(CommandElement.AFFECTED_SOP_INSTANCE_UID, ""))
        has_data_set = message.command.get(CommandElement.DATA_SET_TYPE) != dimse.NO_DATA_SET
        if not sop_instance or not sop_class or not has_data_set:
            raise ProtocolError("a C-STORE request without SOP class, instance or data set")
        if sop_class != self.abstract_syntax[message.context_id]:
            message.refusal = InstanceRefused(dimse.NOT_SUPPORTED, "SOP class is not that of the presentation context")
            return
        try:
            syntax = self.transfer_syntax[message.context_id]
            originator = str(message.command.get(CommandElement.MOVE_ORIGINATOR, ""))
            request = StoreRequest(sop_class, sop_instance, syntax, originator)
            message.writer = self.service.open(self.require_peer(), request)
        except InstanceRefused as refusal:
            message.refusal = refusal
        except OSError:
            message.refusal = InstanceRefused(dimse.OUT_OF_RESOURCES, "storage is not writable")

    def complete(self, message: _IncomingMessage) -> None:
        """The message is whole: do what it asks and respond; a response to us needs none."""
        field = int(message.command[CommandElement.COMMAND_FIELD])
        if field != CommandField.C_CANCEL_RQ and not field & RESPONSE:
            response = self.perform(message)
            command = dimse.response(message.command, response.status, response.comment)
            self.send_message(message.context_id, command, response.data_set)
            if response.follow_up is not None:
                self.send_message(message.context_id, *response.follow_up())
        self.message = None

    def send_message(self, context_id: int, command: Command, data_set: bytes) -> None:
        """Send one command set and its data set."""
        kind = DATA_SET_FOLLOWS if data_set else dimse.NO_DATA_SET
        encoded = dimse.encode({**command, CommandElement.DATA_SET_TYPE: kind})
        pdus = [*p_data(context_id, encoded, command=True, largest=self.largest_pdu)]
        if data_set:
            pdus += p_data(context_id, data_set, command=False, largest=self.largest_pdu)
        self.stream.send(b"".join(pdus))

    def perform(self, message: _IncomingMessage) -> DimseResponse:
        """Do what the message asks for."""
        field = message.command[CommandElement.COMMAND_FIELD]
        if field == CommandField.C_ECHO_RQ:
            return DimseResponse(dimse.SUCCESS)
        if field == CommandField.C_STORE_RQ:
            return message.finish_instance()
        if field in (CommandField.N_ACTION_RQ, CommandField.N_EVENT_REPORT_RQ):
            if message.refusal is not None:
                return DimseResponse(message.refusal.status, comment=str(message.refusal))
            syntax = self.transfer_syntax[message.context_id]
            return self.service.answer(self.require_peer(), message.command, bytes(message.data), syntax)
        return DimseResponse(dimse.NO_SUCH_OPERATION)

    def require_peer(self) -> Peer:
        """The peer, known from the moment of negotiation."""
        if self.peer is None:
            raise ProtocolError("no association was negotiated")
        return self.peer

    def await_close(self) -> None:
        """Let the peer close after a rejection, for a moment (PS3.8 9.2.3, ARTIM): it may not have read it yet."""
        try:
            self.stream.read(_CLOSE_SECONDS)
        except ProtocolError:
            return

    def abort_quietly(self) -> None:
        """Send A-ABORT if the peer still listens."""
        try:
            self.stream.send(abort())
        except ConnectionLost:
            return


@dataclass(frozen=True, slots=True)
class _Pace:
    """How fast a message arrives: bytes, and the seconds that we have waited for them; our own disk does not count."""

    limits: PduLimits
    count: int = 0
    seconds: float = 0.0

    def after(self, count: int, seconds: float) -> _Pace:
        """The pace after so many more bytes; raises PeerTooSlow below the least rate."""
        limits, count, seconds = self.limits, self.count + count, self.seconds + seconds
        if seconds < limits.rate_seconds:
            return _Pace(limits, count, seconds)
        if count < limits.least_rate * seconds:
            rate = f"{limits.least_rate} bytes a second over {limits.rate_seconds:g} s"
            raise PeerTooSlow(f"the peer sends less than {rate}")
        return _Pace(limits)


class _IncomingMessage:
    """One DIMSE message while its fragments arrive."""

    def __init__(self, context_id: int) -> None:
        self.context_id = context_id
        self.command_bytes = bytearray()
        self.command: Mapping[int, int | str] = {}
        self.has_command = False
        self.data = bytearray()
        self.writer: InstanceWriter | None = None
        self.refusal: InstanceRefused | None = None

    def receive_data(self, fragment: memoryview) -> None:
        """The next bytes of the data set: to where the instance is kept, or nowhere after a refusal."""
        if self.refusal is not None:
            return
        if self.writer is None:
            self.data += fragment
            if len(self.data) > _LARGEST_MESSAGE:
                self.data.clear()
                self.refusal = InstanceRefused(dimse.RESOURCE_LIMITATION, "larger than any request that is taken")
            return
        try:
            self.writer.write(fragment)
        except InstanceRefused as refusal:
            self.refuse(refusal)
        except OSError:
            self.refuse(InstanceRefused(dimse.OUT_OF_RESOURCES, "storage is full or not writable"))

    def finish_instance(self) -> DimseResponse:
        """The response to a C-STORE: success only when the instance is durable."""
        if self.refusal is None and self.writer is not None:
            try:
                return DimseResponse(self.writer.finish())
            except InstanceRefused as refusal:
                self.refuse(refusal)
            except OSError:
                self.refuse(InstanceRefused(dimse.OUT_OF_RESOURCES, "storage is full or not writable"))
        if self.refusal is None:
            raise ProtocolError("a C-STORE that was never opened")
        return DimseResponse(self.refusal.status, comment=str(self.refusal))

    def refuse(self, refusal: InstanceRefused) -> None:
        """Note why the instance is not kept, and discard it."""
        self.refusal = refusal
        self.discard()

    def discard(self) -> None:
        """Throw away what has arrived of an instance."""
        if self.writer is not None:
            self.writer.discard()
            self.writer = None
