"""PDUs over a connection within this process: whole ones only, within limits of time and size."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from dicom_io.network.upper_layer import (
    HEADER,
    LARGEST_REQUEST,
    PDV_HEADER,
    ConnectionLost,
    PduLimits,
    PduStream,
    PduType,
    ProtocolError,
    abort,
    p_data,
)
from memory_scp import connection_pair

PATIENT = PduLimits(largest_p_data=4096, first_pdu_seconds=60.0, pdu_seconds=60.0, idle_seconds=60.0)
HASTY = PduLimits(largest_p_data=4096, first_pdu_seconds=0.2, pdu_seconds=0.2, idle_seconds=0.2)


@pytest.fixture
def connection() -> Iterator[tuple[socket.socket, socket.socket]]:
    peer, ours = connection_pair()
    yield peer, ours
    peer.close()
    ours.close()


def pdu(pdu_type: int, content: bytes) -> bytes:
    return HEADER.pack(pdu_type, len(content)) + content


def test_pdus_that_arrive_together_or_in_pieces_are_read_one_by_one(
    connection: tuple[socket.socket, socket.socket],
) -> None:
    peer, ours = connection
    stream = PduStream(ours, PATIENT)
    sent = [bytes([n]) * (n * 700) for n in range(1, 6)]
    whole = b"".join(pdu(PduType.P_DATA, each) for each in sent)

    def drip() -> None:
        for start in range(0, len(whole), 999):
            peer.sendall(whole[start : start + 999])

    thread = threading.Thread(target=drip)
    thread.start()
    assert [bytes(stream.read()[1]) for _ in sent] == sent
    thread.join(60)


@pytest.mark.parametrize(
    ("header", "why"),
    [
        (HEADER.pack(PduType.P_DATA, 5000), "claims 5000 bytes, 4096 are allowed"),
        (HEADER.pack(PduType.ASSOCIATE_RQ, LARGEST_REQUEST + 1), "are allowed"),
        (HEADER.pack(PduType.ABORT, 0xFFFFFFFF), "are allowed"),
        (HEADER.pack(0x77, 4), "no PDU has type 0x77"),
    ],
)
def test_a_pdu_is_refused_at_its_header(
    connection: tuple[socket.socket, socket.socket], header: bytes, why: str
) -> None:
    peer, ours = connection
    peer.sendall(header)
    with pytest.raises(ProtocolError, match=why):
        PduStream(ours, PATIENT).read()


def test_a_peer_that_goes_is_lost_and_not_slow(connection: tuple[socket.socket, socket.socket]) -> None:
    peer, ours = connection
    peer.sendall(HEADER.pack(PduType.P_DATA, 100) + b"half")
    peer.close()
    with pytest.raises(ConnectionLost, match="closed the connection"):
        PduStream(ours, PATIENT).read()


@pytest.mark.parametrize("begun", [b"", HEADER.pack(PduType.P_DATA, 100) + b"half"])
def test_a_peer_that_says_nothing_or_stops_is_too_slow(
    connection: tuple[socket.socket, socket.socket], begun: bytes
) -> None:
    peer, ours = connection
    peer.sendall(begun)
    with pytest.raises(ProtocolError, match="too slow") as raised:
        PduStream(ours, HASTY).read()
    assert not isinstance(raised.value, ConnectionLost)


def test_a_peer_that_does_not_read_holds_us_up_for_a_limited_time(
    connection: tuple[socket.socket, socket.socket],
) -> None:
    _peer, ours = connection
    stream = PduStream(ours, HASTY)
    started = time.monotonic()
    with pytest.raises(ProtocolError, match="too slow"):
        stream.send(bytes(64 << 20))
    assert time.monotonic() - started >= HASTY.pdu_seconds


@pytest.mark.parametrize(("largest", "count"), [(0, 1), (1006, 3), (100_000, 1)])
def test_a_message_is_cut_into_pdus_that_the_peer_receives(largest: int, count: int) -> None:
    content = bytes(range(256)) * 10
    pdus, joined, last = b"".join(p_data(3, content, command=True, largest=largest)), b"", 0
    for _ in range(count):
        pdu_type, length = HEADER.unpack_from(pdus)
        assert pdu_type == PduType.P_DATA
        assert not largest or length <= largest
        _, context_id, last = PDV_HEADER.unpack_from(pdus, HEADER.size)
        assert context_id == 3
        joined += pdus[HEADER.size + PDV_HEADER.size : HEADER.size + length]
        pdus = pdus[HEADER.size + length :]
    assert (pdus, joined, last) == (b"", content, 3)


def test_an_empty_data_set_is_one_last_fragment() -> None:
    assert b"".join(p_data(1, b"", command=False, largest=0)) == bytes((4, 0, 0, 0, 0, 6, 0, 0, 0, 2, 1, 2))


def test_an_abort_comes_from_the_service_provider() -> None:
    assert abort(2) == bytes((7, 0, 0, 0, 0, 4, 0, 0, 2, 2))
