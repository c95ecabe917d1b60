"""Our side of an association that we ask for: every way in which a peer may end it, and a machine that is busy."""

from __future__ import annotations

import multiprocessing
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pynetdicom import build_context
from pynetdicom.sop_class import MRImageStorage, StorageCommitmentPushModel, Verification

from certificates import Authority
from dicom_io.errors import PeerFault, PeerUnreachable
from dicom_io.network import dimse
from dicom_io.network.acceptor import Acceptor
from dicom_io.network.contexts import acceptor_contexts
from dicom_io.network.dimse import NO_DATA_SET, CommandElement, CommandField
from dicom_io.network.negotiation import accept_contexts, decode_request, encode_rejection
from dicom_io.network.remote import RemoteAE, Timeouts
from dicom_io.network.requestor import ReceivedMessage, RequestedAssociation, associate
from dicom_io.network.service import AssociationRejection
from dicom_io.network.tls import acceptor_context
from dicom_io.network.upper_layer import RELEASE_RP, RELEASE_RQ, PduLimits, PduStream, PduType, abort, p_data
from memory_scp import MemoryScp, accepting
from ports import free_port

PATIENT = Timeouts(connect=60.0, association=60.0, message=60.0)
HASTY = Timeouts(connect=60.0, association=0.3, message=0.3)
VERIFICATION = str(Verification)
ECHO = {
    CommandElement.AFFECTED_SOP_CLASS_UID: VERIFICATION,
    CommandElement.COMMAND_FIELD: int(CommandField.C_ECHO_RQ),
}
BUSY_PROCESSES = 20
"""Ten times the two processors of the machine on which responses were lost."""


@contextmanager
def peer(script: Callable[[PduStream], None]) -> Iterator[RemoteAE]:
    """A peer that takes one connection and does with it what it was told."""

    def serve(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            script(PduStream(connection, PduLimits(pdu_seconds=60.0, first_pdu_seconds=60.0)))

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,), daemon=True)
        thread.start()
        yield RemoteAE("pacs", "PACS", "127.0.0.1", server.getsockname()[1])
        thread.join(60)


def accept(stream: PduStream) -> None:
    """Accept the association with whatever is proposed for Verification and commitment."""
    offered = [build_context(Verification), build_context(StorageCommitmentPushModel)]
    stream.send(accept_contexts(decode_request(stream.read()[1]), offered, 16_384)[1])


def answering(*pdus: bytes) -> Callable[[PduStream], None]:
    """A peer that accepts, reads one request, writes this, and waits for the end."""

    def script(stream: PduStream) -> None:
        accept(stream)
        stream.read()
        stream.send(b"".join(pdus))
        read_to_the_end(stream)

    return script


def read_to_the_end(stream: PduStream) -> None:
    """Read until the other side has gone, and agree to a release."""
    try:
        while stream.read()[0] != PduType.RELEASE_RQ:
            continue
        stream.send(RELEASE_RP)
    except Exception:  # noqa: BLE001 - gone, in whatever way
        return


def command_pdus(field: int, context_id: int = 1, **more: int) -> bytes:
    """A command set without data set."""
    command = {CommandElement.COMMAND_FIELD: field, CommandElement.DATA_SET_TYPE: NO_DATA_SET}
    command |= {CommandElement[name]: value for name, value in more.items()}
    return b"".join(p_data(context_id, dimse.encode(command), command=True, largest=0))


def fault_of(remote: RemoteAE, timeouts: Timeouts = PATIENT) -> tuple[PeerFault, str]:
    """What an attempt to echo that peer ends in."""
    with (
        pytest.raises(PeerUnreachable) as raised,
        associate("NODE", remote, [build_context(Verification)], timeouts) as association,
    ):
        association.request(1, ECHO)
    assert str(raised.value).startswith("pacs (PACS at ")
    assert raised.value.retryable
    return raised.value.fault, str(raised.value)


@pytest.mark.parametrize(
    ("codes", "fault"),
    [
        ((1, 1, 7), PeerFault.CALLED_TITLE),
        ((1, 1, 3), PeerFault.CALLING_TITLE),
        ((2, 3, 1), PeerFault.BUSY),
        ((2, 3, 2), PeerFault.BUSY),
        ((1, 1, 1), PeerFault.REJECTED),
        ((1, 2, 2), PeerFault.REJECTED),
    ],
)
def test_a_rejection_says_who_is_not_known_to_whom(codes: tuple[int, int, int], fault: PeerFault) -> None:
    def reject(stream: PduStream) -> None:
        stream.read()
        stream.send(encode_rejection(AssociationRejection(*codes, words="")))
        read_to_the_end(stream)

    with peer(reject) as remote:
        found, words = fault_of(remote)
    assert found is fault
    assert f"(result {codes[0]}, source {codes[1]}, reason {codes[2]})" in words


def test_a_port_that_is_closed_a_name_that_is_unknown_and_a_host_that_is_silent_are_told_apart() -> None:
    closed = RemoteAE("pacs", "PACS", "127.0.0.1", free_port())
    assert fault_of(closed)[0] is PeerFault.PORT_CLOSED
    for name in ("pacs.invalid", "x" * 80):
        assert fault_of(RemoteAE("pacs", "PACS", name, 104))[0] is PeerFault.HOST_UNKNOWN
    with socket.socket() as full:  # its queue holds one connection, and it is taken: the next is not answered
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        silent = RemoteAE("pacs", "PACS", "127.0.0.1", full.getsockname()[1])
        assert fault_of(silent, Timeouts(connect=0.3))[0] is PeerFault.HOST_SILENT
        for each in waiting:
            each.close()


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        (lambda stream: stream.read(), PeerFault.ENDED),
        (lambda stream: stream.send(abort()), PeerFault.ENDED),
        (lambda stream: stream.send(b"HTTP/1.1 400 Bad Request\r\n\r\n"), PeerFault.NOT_DICOM),
        (lambda stream: stream.send(RELEASE_RP), PeerFault.NOT_DICOM),
        (lambda stream: stream.send(bytes((2, 0, 0, 0, 0, 4)) + b"what"), PeerFault.NOT_DICOM),
        (lambda stream: stream.send(bytes((0x15, 3, 3, 0, 2, 2, 70))), PeerFault.TLS_EXPECTED),
        (answering(abort()), PeerFault.ENDED),
        (answering(RELEASE_RQ), PeerFault.ENDED),
        (answering(RELEASE_RP), PeerFault.NOT_DICOM),
        (answering(command_pdus(0x8030, context_id=9, STATUS=0)), PeerFault.NOT_DICOM),
        (answering(b"".join(p_data(1, b"no command", command=True, largest=0))), PeerFault.NOT_DICOM),
        (answering(bytes((4, 0, 0, 0, 0, 6, 0, 0, 0, 99, 1, 3))), PeerFault.NOT_DICOM),
    ],
)
def test_whatever_a_peer_does_ends_in_a_fault(script: Callable[[PduStream], None], fault: PeerFault) -> None:
    with peer(script) as remote:
        assert fault_of(remote)[0] is fault


@pytest.mark.parametrize(
    ("before", "established"), [(lambda stream: None, False), (lambda stream: (accept(stream), stream.read()), True)]
)
def test_a_peer_that_falls_silent_holds_us_for_our_time_and_no_longer(
    before: Callable[[PduStream], None], established: bool
) -> None:
    def fall_silent(stream: PduStream) -> None:
        before(stream)
        read_to_the_end(stream)

    with (
        peer(fall_silent) as remote,
        pytest.raises(PeerUnreachable) as raised,
        associate("NODE", remote, [build_context(Verification)], HASTY) as association,
    ):
        association.request(1, ECHO)
    assert (raised.value.fault, raised.value.established) == (PeerFault.NO_ANSWER, established)


def test_a_peer_that_takes_none_of_our_classes_is_told_from_one_that_is_gone() -> None:
    with accepting(MemoryScp(), [build_context(MRImageStorage)]) as remote:
        assert fault_of(remote)[0] is PeerFault.CLASS_REFUSED


def test_tls_on_one_side_only_is_named_for_the_side(tmp_path: Path) -> None:
    hospital = Authority(tmp_path)
    ours = hospital.signs("pacs")
    tls = acceptor_context(ours.certificate, ours.key, "")
    acceptor = Acceptor(("127.0.0.1", 0), acceptor_contexts(), MemoryScp(), tls=tls)
    threading.Thread(target=acceptor.serve_forever, daemon=True).start()
    plain = RemoteAE("pacs", "PACS", "127.0.0.1", acceptor.port)
    stranger = RemoteAE("pacs", "PACS", "127.0.0.1", acceptor.port, True, Authority(tmp_path, "elsewhere").file)
    assert fault_of(plain)[0] in (PeerFault.TLS_EXPECTED, PeerFault.ENDED)
    assert fault_of(stranger)[0] is PeerFault.TLS_UNTRUSTED
    acceptor.stop(1.0)
    with accepting(MemoryScp(), acceptor_contexts()) as remote:
        secured = RemoteAE("pacs", "PACS", remote.host, remote.port, True, hospital.file)
        assert fault_of(secured)[0] is PeerFault.TLS_FAILED


def test_a_request_of_the_peer_is_answered_while_we_wait_for_its_response() -> None:
    seen: list[ReceivedMessage] = []

    def note(message: ReceivedMessage, syntax: str) -> int:
        assert syntax
        seen.append(message)
        return dimse.SUCCESS

    report = command_pdus(int(CommandField.N_EVENT_REPORT_RQ), MESSAGE_ID=77, EVENT_TYPE_ID=1)
    with (
        peer(answering(report, command_pdus(0x8030, STATUS=0))) as remote,
        associate("NODE", remote, [build_context(Verification)], PATIENT, note) as association,
    ):
        assert association.request(1, ECHO).status == dimse.SUCCESS
    assert [each.command[CommandElement.MESSAGE_ID] for each in seen] == [77]


def test_responses_come_until_one_is_not_pending_and_not_for_ever() -> None:
    pending = command_pdus(0x8030, STATUS=0xFF00)
    with (
        peer(answering(pending, pending, command_pdus(0x8030, STATUS=0))) as remote,
        associate("NODE", remote, [build_context(Verification)], PATIENT) as association,
    ):
        assert [each.status for each in association.responses(1, ECHO)] == [0xFF00, 0xFF00, 0]
    with (
        peer(answering(pending)) as remote,
        pytest.raises(PeerUnreachable, match="no answer in time"),
        associate("NODE", remote, [build_context(Verification)], PATIENT) as association,
    ):
        list(association.responses(1, ECHO, deadline=0.0))


def test_a_message_larger_than_any_we_asked_for_is_not_collected() -> None:
    endless = b"".join(p_data(1, bytes(100_000), command=False, largest=0)).replace(bytes((1, 2)), bytes((1, 0)), 1)
    head = {CommandElement.COMMAND_FIELD: 0x8030, CommandElement.DATA_SET_TYPE: 1, CommandElement.STATUS: 0}
    first = b"".join(p_data(1, dimse.encode(head), command=True, largest=0))

    def flood(stream: PduStream) -> None:
        accept(stream)
        stream.read()
        stream.send(first)
        try:
            while True:
                stream.send(endless)
        except Exception:  # noqa: BLE001 - we have cut it off
            return

    with peer(flood) as remote:
        fault, words = fault_of(remote)
    assert (fault, "larger than any" in words) == (PeerFault.NOT_DICOM, True)


def test_one_thread_does_it_all(tmp_path: Path) -> None:
    """The standstill of pynetdicom's requestor needs two threads that read one queue of messages."""
    with accepting(MemoryScp(), acceptor_contexts()) as remote:
        before = threading.active_count()
        with associate("NODE", remote, [build_context(Verification)], PATIENT) as association:
            ours = {each for each in threading.enumerate() if "association-" not in each.name}
            association.request(1, ECHO)
        assert len(ours) == before


@pytest.mark.slow
def test_no_response_is_lost_at_ten_times_the_load() -> None:
    with busy_machine(), accepting(MemoryScp(), acceptor_contexts()) as remote:
        for _ in range(3):
            with associate("NODE", remote, [build_context(MRImageStorage)], PATIENT) as association:
                assert [store(association, number) for number in range(400)] == [dimse.SUCCESS] * 400


def store(association: RequestedAssociation, number: int) -> int:
    """C-STORE a data set that is as small as can be, so that nothing lies between two requests."""
    command = {
        CommandElement.AFFECTED_SOP_CLASS_UID: str(MRImageStorage),
        CommandElement.COMMAND_FIELD: int(CommandField.C_STORE_RQ),
        CommandElement.PRIORITY: 0,
        CommandElement.AFFECTED_SOP_INSTANCE_UID: f"1.2.{number}",
    }
    return association.request(1, command, b"\x08\x00\x16\x00UI\x00\x00").status


@contextmanager
def busy_machine() -> Iterator[None]:
    """As many processes as it takes, each of which never waits."""
    context = multiprocessing.get_context("spawn")
    burners = [context.Process(target=burn, daemon=True) for _ in range(BUSY_PROCESSES)]
    for each in burners:
        each.start()
    try:
        yield
    finally:
        for each in burners:
            each.kill()
            each.join()


def burn() -> None:
    """Count for ever."""
    number = 0
    while True:
        number += 1
