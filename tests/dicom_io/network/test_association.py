"""One association as acceptor, message by message: what it answers, and what ends it."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pynetdicom import build_context
from pynetdicom.sop_class import MRImageStorage, Verification

from dicom_io.network import dimse
from dicom_io.network.association import AcceptedAssociation
from dicom_io.network.dimse import CommandElement, CommandField
from dicom_io.network.service import CALLED_UNKNOWN, AssociationRejection, DimseResponse, Peer
from dicom_io.network.upper_layer import HEADER, PduLimits, PduStream, PduType
from memory_scp import MemoryScp, connection_pair
from raw_peer import association_request, pdv, store, store_request

PATIENT = PduLimits(first_pdu_seconds=30.0, pdu_seconds=30.0, idle_seconds=60.0)
STORE = store_request()


@pytest.fixture
def scp() -> MemoryScp:
    return MemoryScp()


@contextmanager
def served(scp: MemoryScp, rejection: AssociationRejection | None = None) -> Iterator[socket.socket]:
    """The peer's end of a connection that an association runs on; the association has ended when this ends."""
    peer, ours = connection_pair()
    contexts = [build_context(Verification), build_context(MRImageStorage)]
    association = AcceptedAssociation(PduStream(ours, PATIENT), "192.0.2.1", contexts, scp)
    thread = threading.Thread(target=association.run, args=(lambda _peer: rejection,))
    thread.start()
    try:
        yield peer
    finally:
        peer.close()
        thread.join(60)
        ours.close()
    assert not thread.is_alive()


@contextmanager
def negotiated(scp: MemoryScp, **request: str) -> Iterator[socket.socket]:
    """An association that was accepted."""
    with served(scp) as peer:
        peer.sendall(association_request(**request))  # type: ignore[arg-type]
        assert peer.recv(4096)[0] == PduType.ASSOCIATE_AC
        yield peer


def command(field: CommandField, **more: int | str) -> bytes:
    """A request without data set."""
    elements: dict[int, int | str] = {
        CommandElement.COMMAND_FIELD: int(field),
        CommandElement.MESSAGE_ID: 3,
        CommandElement.DATA_SET_TYPE: dimse.NO_DATA_SET,
    }
    return dimse.encode(elements | {CommandElement[name.upper()]: value for name, value in more.items()})


def responded(peer: socket.socket) -> dict[int, int | str]:
    return dimse.decode(peer.recv(65536)[12:])


def test_an_instance_in_many_fragments_arrives_whole(scp: MemoryScp) -> None:
    with negotiated(scp) as peer:
        for byte in range(0, len(STORE), 40):
            peer.sendall(pdv(STORE[byte : byte + 40], control=3 if byte + 40 >= len(STORE) else 1))
        peer.sendall(pdv(b"abc", control=0) + pdv(b"", control=0) + pdv(b"def", control=2))
        assert responded(peer)[CommandElement.STATUS] == dimse.SUCCESS
    assert scp.kept == [b"abcdef"]


def test_a_released_association_ends_without_a_complaint(scp: MemoryScp) -> None:
    with negotiated(scp) as peer:
        assert store(peer, b"data") == dimse.SUCCESS
        peer.sendall(HEADER.pack(PduType.RELEASE_RQ, 4) + bytes(4))
        assert peer.recv(100)[0] == PduType.RELEASE_RP
    assert scp.ends == [""]


def test_a_rejected_peer_is_told_the_reason(scp: MemoryScp) -> None:
    with served(scp, CALLED_UNKNOWN) as peer:
        peer.sendall(association_request())
        answer = peer.recv(100)
        assert (answer[0], *answer[7:10]) == (PduType.ASSOCIATE_RJ, 1, 1, 7)
    assert scp.ends == [CALLED_UNKNOWN.words]


def test_an_echo_is_answered_and_an_unknown_operation_refused(scp: MemoryScp) -> None:
    with negotiated(scp) as peer:
        peer.sendall(pdv(command(CommandField.C_ECHO_RQ), control=3))
        echoed = responded(peer)
        assert echoed[CommandElement.STATUS] == dimse.SUCCESS
        assert echoed[CommandElement.MESSAGE_ID_RESPONDED_TO] == 3
        find = command(CommandField.C_ECHO_RQ).replace(b"\x30\x00", b"\x20\x00", 1)
        peer.sendall(pdv(find, control=3))
        assert responded(peer)[CommandElement.STATUS] == dimse.NO_SUCH_OPERATION


def test_a_cancel_and_a_response_are_not_answered(scp: MemoryScp) -> None:
    with negotiated(scp) as peer:
        peer.sendall(pdv(command(CommandField.C_CANCEL_RQ), control=3))
        peer.sendall(pdv(command(CommandField.N_EVENT_REPORT_RSP, status=0), control=3))
        peer.sendall(pdv(command(CommandField.C_ECHO_RQ), control=3))
        assert responded(peer)[CommandElement.COMMAND_FIELD] == CommandField.C_ECHO_RSP


def test_a_request_of_ours_follows_the_response_it_belongs_to() -> None:
    class Reporting(MemoryScp):
        def answer(self, peer: Peer, command: dimse.Command, data_set: bytes, syntax: str) -> DimseResponse:
            report = {CommandElement.COMMAND_FIELD: int(CommandField.N_EVENT_REPORT_RQ)}
            return DimseResponse(dimse.SUCCESS, follow_up=lambda: (report, data_set[::-1]))

    with negotiated(Reporting()) as peer:
        action = command(CommandField.N_ACTION_RQ, data_set_type=1, action_type_id=1)
        peer.sendall(pdv(action, control=3) + pdv(b"abcd", control=2))
        answer = b""
        while b"dcba" not in answer:
            answer += peer.recv(65536)
    length = HEADER.unpack_from(answer)[1]
    assert dimse.decode(answer[12 : 6 + length])[CommandElement.COMMAND_FIELD] == CommandField.N_ACTION_RSP


@pytest.mark.parametrize(
    "pdu",
    [
        pytest.param(pdv(STORE, control=3, context=99), id="context that was not accepted"),
        pytest.param(pdv(b"data", control=2), id="data before a command"),
        pytest.param(pdv(STORE, control=3) + pdv(STORE, control=3), id="command inside a data set"),
        pytest.param(pdv(STORE[:-3], control=3), id="command with a wrong length"),
        pytest.param(pdv(store_request(sop_class_uid=""), control=3), id="store without a class"),
        pytest.param(HEADER.pack(PduType.P_DATA, 6) + struct.pack(">IBB", 5000, 1, 3), id="PDV longer than its PDU"),
        pytest.param(HEADER.pack(PduType.P_DATA, 3) + bytes(3), id="PDU that ends inside a PDV"),
        pytest.param(pdv(bytes(70_000), control=1), id="command without end"),
        pytest.param(HEADER.pack(PduType.ASSOCIATE_RQ, 4) + bytes(4), id="second association request"),
    ],
)
def test_a_broken_message_ends_its_association(scp: MemoryScp, pdu: bytes) -> None:
    with negotiated(scp) as peer:
        peer.sendall(pdu)
        assert peer.recv(100)[0] == PduType.ABORT
    assert scp.kept == []
    assert len(scp.ends) == 1
    assert scp.ends[0]


def test_a_peer_that_dies_in_the_middle_leaves_nothing(scp: MemoryScp) -> None:
    with negotiated(scp) as peer:
        peer.sendall(pdv(STORE, control=3) + pdv(bytes(5000), control=0))
    assert scp.kept == []
    assert scp.ends == ["the peer closed the connection"]


def test_a_store_of_another_class_than_its_context_is_refused(scp: MemoryScp) -> None:
    other = STORE.replace(b".4.1.1.4\0", b".4.1.1.2\0")
    with negotiated(scp) as peer:
        assert store(peer, bytes(10), other) == dimse.NOT_SUPPORTED
    assert scp.kept == []


def test_a_disk_that_cannot_be_written_is_a_refusal_and_the_association_lives(scp: MemoryScp) -> None:
    def full(*_of: object) -> None:
        raise OSError

    with negotiated(scp) as peer:
        scp.open = full  # type: ignore[assignment,method-assign]
        assert store(peer, b"data") == dimse.OUT_OF_RESOURCES
        del scp.open
        assert store(peer, b"data") == dimse.SUCCESS
