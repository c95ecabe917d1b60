"""One association as acceptor: negotiation by pynetdicom's codecs, then DIMSE messages streamed without copies.

pynetdicom's own acceptor spends most of its receive time asleep in polling loops (spec/reliability.md 4.2), reads PDUs
of any length and parks a dead connection for `acse_timeout`; none of that is on this path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pydicom.uid import UID
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
    SCP_SCU_RoleSelectionNegotiation,
)
from pynetdicom.presentation import PresentationContext, negotiate_as_acceptor

from dicom_io.encoding.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicom_io.errors import DicomError
from dicom_io.network import dimse
from dicom_io.network.dimse import Command, CommandField, Element
from dicom_io.network.upper_layer import (
    PDV_HEADER,
    RELEASE_RP,
    PduStream,
    PduType,
    PeerGone,
    ProtocolError,
    abort,
    p_data,
)

CLOSE_SECONDS = 1.0
APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
SUCCESS, OUT_OF_RESOURCES, CANNOT_UNDERSTAND = 0x0000, 0xA700, 0xC000
RESPONSE, DATA_SET_FOLLOWS = 0x8000, 0x0001
NO_SUCH_OPERATION = 0x0211  # "unrecognised operation", PS3.7 annex C


@dataclass(frozen=True, slots=True)
class Peer:
    """Who called whom from where; AE titles are what the peer claims, never proof of identity."""

    calling_ae_title: str
    called_ae_title: str
    address: str


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why an association is not accepted (PS3.8 section 9.3.4): result, source, reason; and in words for the log."""

    result: int
    source: int
    reason: int
    words: str


CALLING_UNKNOWN = Rejection(1, 1, 3, "calling AE title not recognised")
CALLED_UNKNOWN = Rejection(1, 1, 7, "called AE title not recognised")
ALL_SLOTS_TAKEN = Rejection(2, 3, 2, "as many associations are open as may be")
CALLER_HAS_TOO_MANY = Rejection(2, 3, 2, "this AE title has as many associations open as one may have")
NOT_DICOM = Rejection(1, 1, 2, "application context not supported")


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a message, and what we ask of the peer afterwards on the same association: (command, data set)."""

    status: int
    data_set: bytes = b""
    comment: str = ""
    then: Callable[[], tuple[Command, bytes]] | None = None


class Incoming(Protocol):
    """Where the data set of one C-STORE goes while it arrives."""

    def write(self, fragment: memoryview) -> None:
        """Take the next bytes; may raise OSError or IncomingRefused, then the rest is read and thrown away."""

    def finish(self) -> int:
        """All bytes are here: keep them durably, and give the DIMSE status. Nothing is success before that."""

    def discard(self) -> None:
        """The instance will not be kept."""


class IncomingRefused(Exception):
    """An instance that is answered with this failure status, for a reason that the peer may read."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Service(Protocol):
    """What stands behind the network: the application's decisions."""

    def admit(self, peer: Peer) -> Rejection | None:
        """None to accept the association."""

    def rejected(self, peer: Peer, why: Rejection) -> None:
        """The peer was turned away, by `admit` or because too many associations are open."""

    def open(self, peer: Peer, sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> Incoming:
        """A C-STORE request arrived; may raise IncomingRefused or OSError."""

    def answer(self, peer: Peer, command: Command, data_set: bytes, transfer_syntax_uid: str) -> Reply:
        """The reply to a message that is neither C-STORE nor C-ECHO."""

    def ended(self, peer: Peer | None, address: str, why: str) -> None:
        """An association (or a connection that never became one) ended; `why` is empty after a release."""


class Association:
    """The acceptor's side of one connection, run by its own thread."""

    def __init__(
        self, wire: PduStream, address: str, contexts: Sequence[PresentationContext], service: Service
    ) -> None:
        self.wire = wire
        self.address = address
        self.contexts = contexts
        self.service = service
        self.peer: Peer | None = None
        self.transfer_syntax: dict[int, str] = {}
        self.abstract_syntax: dict[int, str] = {}
        self.peer_limit = 0
        self.message: Message | None = None

    @property
    def idle(self) -> bool:
        """Whether no message is in flight, so that ending now loses nothing."""
        return self.message is None

    def negotiate(self) -> Peer:
        """Secure the connection and read the association request; the caller accepts or rejects it."""
        self.wire.handshake()
        pdu_type, content = self.wire.read(self.wire.limits.first_pdu_seconds)
        if pdu_type != PduType.ASSOCIATE_RQ:
            raise ProtocolError("the first PDU is no association request")
        self.request = decode_request(content)
        self.peer = Peer(
            printable(self.request.calling_ae_title), printable(self.request.called_ae_title), self.address
        )
        return self.peer

    def reject(self, why: Rejection) -> None:
        """Send A-ASSOCIATE-RJ."""
        primitive = A_ASSOCIATE()
        primitive.result, primitive.result_source, primitive.diagnostic = why.result, why.source, why.reason
        pdu = A_ASSOCIATE_RJ()
        pdu.from_primitive(primitive)
        self.wire.send(pdu.encode())

    def accept(self) -> None:
        """Negotiate presentation contexts and send A-ASSOCIATE-AC."""
        wanted_roles = {
            item.sop_class_uid: (item.scu_role, item.scp_role)
            for item in roles_in(self.request)
            if item.sop_class_uid is not None
        }
        results, roles = negotiate_as_acceptor(
            self.request.presentation_context_definition_list, list(self.contexts), wanted_roles
        )
        for context in results:
            if context.result == 0 and context.context_id is not None:
                self.transfer_syntax[context.context_id] = str(context.transfer_syntax[0])
                self.abstract_syntax[context.context_id] = str(context.abstract_syntax)
        self.peer_limit = self.request.maximum_length_received or 0
        if 0 < self.peer_limit <= PDV_HEADER.size:
            raise ProtocolError("the peer takes no PDU that could hold anything")
        self.wire.send(acceptance(self.request, results, roles, self.wire.limits.largest_p_data))

    def serve(self) -> None:
        """Answer messages until the peer releases, aborts, breaks the protocol or is gone."""
        while True:
            pdu_type, content = self.wire.read(None if self.idle else self.wire.limits.pdu_seconds)
            if pdu_type == PduType.P_DATA:
                self.take(content)
            elif pdu_type == PduType.RELEASE_RQ:
                self.wire.send(RELEASE_RP)
                return
            elif pdu_type == PduType.ABORT:
                raise PeerGone("the peer aborted the association")
            else:
                raise ProtocolError(f"a PDU of type {pdu_type} does not belong into an association")

    def take(self, content: memoryview) -> None:
        """The PDVs of one P-DATA PDU, in order; each belongs to the message in flight or begins one."""
        offset = 0
        while offset < len(content):
            if len(content) - offset < PDV_HEADER.size:
                raise ProtocolError("a P-DATA PDU ends inside a PDV")
            length, context_id, control = PDV_HEADER.unpack_from(content, offset)
            end = offset + 4 + length
            if length < 2 or end > len(content):
                raise ProtocolError("a PDV is longer than its PDU")
            self.take_fragment(
                context_id, content[offset + PDV_HEADER.size : end], bool(control & 1), bool(control & 2)
            )
            offset = end

    def take_fragment(self, context_id: int, fragment: memoryview, is_command: bool, is_last: bool) -> None:
        """One PDV: part of a command set, or of the data set that follows it."""
        if context_id not in self.transfer_syntax:
            raise ProtocolError("a message on a presentation context that was not accepted")
        if self.message is None:
            self.message = Message(context_id)
        if self.message.context_id != context_id or is_command is self.message.has_command:
            raise ProtocolError("fragments of two messages are mixed")
        if is_command:
            self.take_command(self.message, fragment, is_last)
        else:
            self.message.take_data(fragment)
            if is_last:
                self.conclude(self.message)

    def take_command(self, message: Message, fragment: memoryview, is_last: bool) -> None:
        """Collect the command set; when it is complete, open what its data set goes into, or answer at once."""
        message.command_bytes += fragment
        if len(message.command_bytes) > dimse.LARGEST_COMMAND:
            raise ProtocolError("a command set is larger than any that the standard defines")
        if not is_last:
            return
        message.command = dimse.decode(bytes(message.command_bytes))
        message.has_command = True
        if message.command[Element.COMMAND_FIELD] == CommandField.C_STORE_RQ:
            self.open_instance(message)
        if message.command.get(Element.DATA_SET_TYPE, dimse.NO_DATA_SET) == dimse.NO_DATA_SET:
            self.conclude(message)

    def open_instance(self, message: Message) -> None:
        """Begin to keep the instance of a C-STORE request, unless the service refuses it."""
        sop_class = str(message.command.get(Element.AFFECTED_SOP_CLASS_UID, ""))
        sop_instance = str(message.command.get(Element.AFFECTED_SOP_INSTANCE_UID, ""))
        if not sop_instance or not sop_class or message.command.get(Element.DATA_SET_TYPE) == dimse.NO_DATA_SET:
            raise ProtocolError("a C-STORE request without SOP class, instance or data set")
        if sop_class != self.abstract_syntax[message.context_id]:
            message.refusal = IncomingRefused(0x0122, "SOP class is not that of the presentation context")
            return
        try:
            syntax = self.transfer_syntax[message.context_id]
            message.incoming = self.service.open(self.require_peer(), sop_class, sop_instance, syntax)
        except IncomingRefused as refusal:
            message.refusal = refusal
        except OSError:
            message.refusal = IncomingRefused(OUT_OF_RESOURCES, "storage is not writable")

    def conclude(self, message: Message) -> None:
        """The message is complete: do what it asks and answer it; what answers us needs no answer."""
        field = int(message.command[Element.COMMAND_FIELD])
        if field != CommandField.C_CANCEL_RQ and not field & RESPONSE:
            reply = self.carry_out(message)
            self.say(message.context_id, dimse.response(message.command, reply.status, reply.comment), reply.data_set)
            if reply.then is not None:
                self.say(message.context_id, *reply.then())
        self.message = None

    def say(self, context_id: int, command: Command, data_set: bytes) -> None:
        """Send one message."""
        kind = DATA_SET_FOLLOWS if data_set else dimse.NO_DATA_SET
        encoded = dimse.encode({**command, Element.DATA_SET_TYPE: kind})
        pdus = p_data(context_id, encoded, command=True, largest=self.peer_limit)
        if data_set:
            pdus += p_data(context_id, data_set, command=False, largest=self.peer_limit)
        self.wire.send(pdus)

    def carry_out(self, message: Message) -> Reply:
        """What the message asks for, done."""
        field = message.command[Element.COMMAND_FIELD]
        if field == CommandField.C_ECHO_RQ:
            return Reply(SUCCESS)
        if field == CommandField.C_STORE_RQ:
            return message.finish_instance()
        if field in (CommandField.N_ACTION_RQ, CommandField.N_EVENT_REPORT_RQ):
            syntax = self.transfer_syntax[message.context_id]
            return self.service.answer(self.require_peer(), message.command, bytes(message.data), syntax)
        return Reply(NO_SUCH_OPERATION)

    def require_peer(self) -> Peer:
        """The peer, known from the moment of negotiation."""
        if self.peer is None:
            raise ProtocolError("no association was negotiated")
        return self.peer

    def run(self, admit: AdmitPeer) -> None:
        """Live from the first byte to the last; never raises for what a peer does."""
        why = ""
        try:
            rejection = admit(self.negotiate())
            if rejection is None:
                self.accept()
                self.serve()
            else:
                self.reject(rejection)
                why = rejection.words
                self.await_close()
        except PeerGone as gone:
            why = str(gone)
        except DicomError as fault:
            why = str(fault)
            self.abort_quietly()
        finally:
            if self.message is not None:
                self.message.discard()
            self.service.ended(self.peer, self.address, why)

    def await_close(self) -> None:
        """Let the peer close after a rejection, for a moment (PS3.8 9.2.3, ARTIM): it may not have read it yet."""
        try:
            self.wire.read(CLOSE_SECONDS)
        except ProtocolError:
            return

    def abort_quietly(self) -> None:
        """Send A-ABORT if the peer still listens."""
        try:
            self.wire.send(abort())
        except PeerGone:
            return


class AdmitPeer(Protocol):
    """Decides on a peer after its request was read; None accepts."""

    def __call__(self, peer: Peer) -> Rejection | None: ...


class Message:
    """One DIMSE message while its fragments arrive."""

    def __init__(self, context_id: int) -> None:
        self.context_id = context_id
        self.command_bytes = bytearray()
        self.command: Mapping[int, int | str] = {}
        self.has_command = False
        self.data = bytearray()
        self.incoming: Incoming | None = None
        self.refusal: IncomingRefused | None = None

    def take_data(self, fragment: memoryview) -> None:
        """The next bytes of the data set: to where the instance is kept, or nowhere after a refusal."""
        if self.refusal is not None:
            return
        if self.incoming is None:
            self.data += fragment
            if len(self.data) > LARGEST_MESSAGE:
                raise ProtocolError("the data set of a message is too large")
            return
        try:
            self.incoming.write(fragment)
        except IncomingRefused as refusal:
            self.refuse(refusal)
        except OSError:
            self.refuse(IncomingRefused(OUT_OF_RESOURCES, "storage is full or not writable"))

    def finish_instance(self) -> Reply:
        """The answer to a C-STORE: success only when the instance is durable."""
        if self.refusal is None and self.incoming is not None:
            try:
                return Reply(self.incoming.finish())
            except IncomingRefused as refusal:
                self.refuse(refusal)
            except OSError:
                self.refuse(IncomingRefused(OUT_OF_RESOURCES, "storage is full or not writable"))
        if self.refusal is None:
            raise ProtocolError("a C-STORE that was never opened")
        return Reply(self.refusal.status, comment=str(self.refusal))

    def refuse(self, refusal: IncomingRefused) -> None:
        self.refusal = refusal
        self.discard()

    def discard(self) -> None:
        """Throw away what has arrived of an instance."""
        if self.incoming is not None:
            self.incoming.discard()
            self.incoming = None


LARGEST_MESSAGE = 16 * 1024 * 1024  # a storage commitment request for 100,000 instances


def decode_request(content: memoryview) -> A_ASSOCIATE:
    """The association request; raises ProtocolError for bytes that are none."""
    pdu = A_ASSOCIATE_RQ()
    header = bytes((PduType.ASSOCIATE_RQ, 0)) + len(content).to_bytes(4, "big")
    try:
        pdu.decode(header + content)
        request = pdu.to_primitive()
    except Exception:  # noqa: BLE001 - pynetdicom's decoder raises whatever a malformed item makes it trip over
        raise ProtocolError("the association request cannot be read") from None
    if str(request.application_context_name) != APPLICATION_CONTEXT:
        raise ProtocolError("the association request is not for DICOM")
    if not request.presentation_context_definition_list:
        raise ProtocolError("the association request holds no presentation context")
    return request


def printable(ae_title: str | None) -> str:
    """An AE title that cannot do harm where it is shown: it goes into logs, the audit trail and web pages."""
    return "".join(c if " " <= c <= "~" else "?" for c in str(ae_title or "")).strip()


def roles_in(request: A_ASSOCIATE) -> list[SCP_SCU_RoleSelectionNegotiation]:
    """SCP/SCU Role Selection items (PS3.7 D.3.3.4)."""
    return [item for item in request.user_information if isinstance(item, SCP_SCU_RoleSelectionNegotiation)]


def acceptance(
    request: A_ASSOCIATE,
    results: Sequence[PresentationContext],
    roles: Sequence[SCP_SCU_RoleSelectionNegotiation],
    largest_p_data: int,
) -> bytes:
    """A-ASSOCIATE-AC as bytes."""
    maximum = MaximumLengthNotification()
    maximum.maximum_length_received = largest_p_data
    implementation = ImplementationClassUIDNotification()
    implementation.implementation_class_uid = UID(IMPLEMENTATION_CLASS_UID)
    version = ImplementationVersionNameNotification()
    version.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    primitive = A_ASSOCIATE()
    primitive.application_context_name = UID(APPLICATION_CONTEXT)
    primitive.calling_ae_title = request.calling_ae_title
    primitive.called_ae_title = request.called_ae_title
    primitive.result, primitive.result_source = 0, 1
    primitive.presentation_context_definition_results_list = list(results)
    primitive.user_information = [maximum, implementation, version, *roles]
    pdu = A_ASSOCIATE_AC()
    pdu.from_primitive(primitive)
    return pdu.encode()
