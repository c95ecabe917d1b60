"""What a peer may do to the acceptor, over real sockets: be honest, be slow, lie about lengths, or die."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from pynetdicom import build_context
from pynetdicom.sop_class import CTImageStorage, MRImageStorage, Verification

from dicom_io.network import dimse
from dicom_io.network.acceptor import Acceptor, AcceptorLimits
from dicom_io.network.upper_layer import HEADER, PduLimits, PduType
from memory_scp import MemoryScp
from raw_peer import associate, association_request, pdv, store, store_request

VERIFICATION = str(Verification)
ECHO = dimse.encode(
    {
        dimse.CommandElement.AFFECTED_SOP_CLASS_UID: VERIFICATION,
        dimse.CommandElement.COMMAND_FIELD: int(dimse.CommandField.C_ECHO_RQ),
        dimse.CommandElement.MESSAGE_ID: 1,
        dimse.CommandElement.DATA_SET_TYPE: dimse.NO_DATA_SET,
    }
)
PATIENT = PduLimits(first_pdu_seconds=30.0, pdu_seconds=30.0, idle_seconds=60.0)
HASTY = PduLimits(first_pdu_seconds=2.0, pdu_seconds=2.0, idle_seconds=60.0)


@pytest.fixture
def shelf() -> MemoryScp:
    return MemoryScp()


@pytest.fixture
def acceptor(shelf: MemoryScp) -> Iterator[Acceptor]:
    """It gives peers the time that a slow machine needs."""
    yield from listening(shelf, PATIENT)


@pytest.fixture
def hasty(shelf: MemoryScp) -> Iterator[Acceptor]:
    """It soon loses patience."""
    yield from listening(shelf, HASTY)


def listening(shelf: MemoryScp, pdu: PduLimits) -> Iterator[Acceptor]:
    contexts = [build_context(Verification), build_context(MRImageStorage)]
    limits = AcceptorLimits(associations=4, per_ae_title=3, pending=8, pdu=pdu)
    server = Acceptor(("127.0.0.1", 0), contexts, shelf, limits=limits)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.stop(1.0)
    thread.join(60)
    assert not thread.is_alive()


def negotiated(acceptor: Acceptor, ae_title: str = "HONEST", abstract: str = VERIFICATION) -> tuple[socket.socket, int]:
    """A connection on which an association was requested, and the type of the PDU that answered."""
    connection = connect(acceptor)
    connection.sendall(association_request(calling=ae_title.encode(), abstract=abstract))
    return connection, connection.recv(4096)[0]


def release(connection: socket.socket) -> None:
    connection.sendall(HEADER.pack(PduType.RELEASE_RQ, 4) + bytes(4))
    assert connection.recv(100)[0] == PduType.RELEASE_RP
    connection.close()


def echo(acceptor: Acceptor) -> bool:
    """Whether an honest peer has its C-ECHO answered (no client library: they lose answers on a busy machine)."""
    connection, answered = negotiated(acceptor)
    if answered != PduType.ASSOCIATE_AC:
        return False
    connection.sendall(pdv(ECHO, control=3))
    status = dimse.decode(connection.recv(4096)[12:])[dimse.CommandElement.STATUS]
    release(connection)
    return status == dimse.SUCCESS


def connect(acceptor: Acceptor) -> socket.socket:
    return socket.create_connection(("127.0.0.1", acceptor.port), timeout=60)


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Until a condition holds; fails when it does not in good time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def closed(connection: socket.socket, within_seconds: float = 60.0) -> bool:
    """Whether the other side ends the connection in time (whatever it sends before)."""
    deadline = time.monotonic() + within_seconds
    connection.settimeout(0.1)
    while time.monotonic() < deadline:
        try:
            if not connection.recv(4096):
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False


@pytest.mark.parametrize("size", [0, 1, 131_064, 131_072, 700_001])
def test_an_instance_arrives_whole_whatever_its_size(acceptor: Acceptor, shelf: MemoryScp, size: int) -> None:
    content = bytes(range(256)) * (size // 256) + bytes(size % 256)
    with associate(acceptor.port) as connection:
        assert store(connection, content) == dimse.SUCCESS
        release(connection)
    wait_for(lambda: bool(shelf.ends))
    assert shelf.kept == [content]
    assert shelf.ends == [""]


def test_an_object_over_the_limit_is_refused_and_the_association_lives(acceptor: Acceptor, shelf: MemoryScp) -> None:
    with associate(acceptor.port) as connection:
        assert store(connection, bytes(11_000_000)) == dimse.OUT_OF_RESOURCES
        assert store(connection, b"small") == dimse.SUCCESS
    assert shelf.kept == [b"small"]


def test_an_unknown_caller_is_told_so(acceptor: Acceptor) -> None:
    with connect(acceptor) as connection:
        connection.sendall(association_request(calling=b"BADGUY"))
        answer = connection.recv(4096)
    assert (answer[0], answer[9]) == (PduType.ASSOCIATE_RJ, 3)


def test_a_message_of_a_sop_class_that_was_not_offered_ends_the_association(acceptor: Acceptor) -> None:
    connection, _ = negotiated(acceptor, abstract=str(CTImageStorage))
    connection.sendall(pdv(store_request(sop_class_uid=str(CTImageStorage)), control=3))
    assert connection.recv(100)[0] == PduType.ABORT
    connection.close()


def test_one_ae_title_cannot_take_all_slots(acceptor: Acceptor, shelf: MemoryScp) -> None:
    held = [negotiated(acceptor, "GREEDY") for _ in range(4)]
    assert [answered for _, answered in held] == [*3 * [PduType.ASSOCIATE_AC], PduType.ASSOCIATE_RJ]
    assert shelf.rejections == ["GREEDY: this AE title has as many associations open as one may have"]
    assert echo(acceptor)
    for connection, _ in held:
        connection.close()


def test_all_ae_titles_together_cannot_take_more_than_all_slots(acceptor: Acceptor, shelf: MemoryScp) -> None:
    held = [negotiated(acceptor, f"MODALITY{n}") for n in range(5)]
    assert [answered for _, answered in held] == [*4 * [PduType.ASSOCIATE_AC], PduType.ASSOCIATE_RJ]
    assert shelf.rejections == ["MODALITY4: as many associations are open as may be"]
    release(held[0][0])
    wait_for(lambda: len(acceptor.associations) < 4)
    assert echo(acceptor)
    for connection, _ in held[1:]:
        connection.close()


def test_strangers_who_say_nothing_do_not_keep_anyone_out(hasty: Acceptor) -> None:
    silent = [connect(hasty) for _ in range(32)]
    assert all(echo(hasty) for _ in range(5))
    assert all(closed(each) for each in silent)
    wait_for(lambda: not hasty.pending)


def test_a_dripping_request_is_cut_off(hasty: Acceptor) -> None:
    with connect(hasty) as dripping:
        drops = 0
        try:
            for byte in HEADER.pack(PduType.ASSOCIATE_RQ, 1000) + bytes(100):
                dripping.sendall(bytes([byte]))
                time.sleep(0.1)
                drops += 1
        except OSError:
            pass
        assert closed(dripping)
        assert drops < 100


@pytest.mark.parametrize("largest", [1, 6])
def test_a_peer_that_takes_only_empty_pdus_is_aborted(acceptor: Acceptor, largest: int) -> None:
    with connect(acceptor) as peer:
        peer.sendall(association_request(largest=largest))
        assert peer.recv(4096)[0] == PduType.ABORT


@pytest.mark.parametrize("pdu_type", [PduType.ASSOCIATE_RQ, PduType.P_DATA, 0x77])
def test_a_length_beyond_the_limit_is_refused_at_the_header(acceptor: Acceptor, pdu_type: int) -> None:
    with connect(acceptor) as liar:
        liar.sendall(HEADER.pack(pdu_type, 0xFFFFFFFF))
        assert closed(liar, 20.0)  # long before the time of a first PDU is over
    assert echo(acceptor)


STORE = store_request()


def test_a_peer_that_dies_in_the_middle_of_an_instance_leaves_nothing(acceptor: Acceptor, shelf: MemoryScp) -> None:
    with associate(acceptor.port) as connection:
        connection.sendall(pdv(STORE, control=3) + pdv(bytes(5000), control=0))
    wait_for(lambda: bool(shelf.ends))
    assert shelf.kept == []
    assert not acceptor.associations


def test_200_malformed_connections_leave_no_thread_and_no_slot(acceptor: Acceptor) -> None:
    chance = random.Random(20261125)
    threads = threading.active_count()
    for case in range(200):
        with connect(acceptor) as connection:
            garbage = chance.randbytes(chance.randrange(1, 300))
            if case % 2:
                garbage = HEADER.pack(chance.randrange(1, 8), chance.randrange(0, 200)) + garbage
            connection.sendall(garbage)
    assert echo(acceptor)
    wait_for(lambda: not acceptor.pending and not acceptor.associations)
    wait_for(lambda: threading.active_count() <= threads + 2)


def test_stopping_lets_the_instance_in_flight_finish(acceptor: Acceptor, shelf: MemoryScp) -> None:
    with associate(acceptor.port) as connection:
        connection.sendall(pdv(STORE, control=3) + pdv(bytes(5000), control=0))
        wait_for(lambda: any(not each.idle for each in acceptor.associations.values()))
        stopping = threading.Thread(target=acceptor.stop, args=(60.0,))
        stopping.start()
        wait_for(acceptor.stopping.is_set)
        connection.sendall(pdv(bytes(10), control=2))
        answer = connection.recv(4096)
        assert dimse.decode(answer[12:])[dimse.CommandElement.STATUS] == 0
        stopping.join(60)
    assert len(shelf.kept) == 1
