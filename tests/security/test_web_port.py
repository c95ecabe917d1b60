"""What one host can do to the web port: finding H5 of the review of 2026-11-29, against a real server."""

from __future__ import annotations

import asyncio
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from certificates import Authority
from node.dashboard.connections import ConnectionLimits
from node.dashboard.server import server_config
from node.settings_sections import DashboardSettings
from ports import free_port, is_closed

ATTACKER = "127.0.0.67"
HASTY = ConnectionLimits(headers_seconds=0.6, body_seconds=0.6, least_rate=4096, answer_seconds=0.4)
_Message = dict[str, Any]


async def application(
    scope: _Message, receive: Callable[[], Awaitable[_Message]], send: Callable[[_Message], Awaitable[None]]
) -> None:
    """Answers with the length of what it was sent; `/large` with 64 MiB; `/slow` after a while."""
    if scope["type"] != "http":
        return
    length, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length, more = length + len(message.get("body", b"")), message.get("more_body", False)
    if scope["path"] == "/slow":
        await asyncio.sleep(1.2)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(1024 if scope["path"] == "/large" else 0):
        await send({"type": "http.response.body", "body": bytes(65536), "more_body": True})
    await send({"type": "http.response.body", "body": b"%d" % length})


@contextmanager
def serving(limits: ConnectionLimits, **dashboard: object) -> Iterator[int]:
    """The server of the dashboard within these limits; gives its port."""
    here = DashboardSettings(port=free_port(), **dashboard)
    server = uvicorn.Server(server_config(application, here, limits))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    try:
        yield here.port
    finally:
        server.should_exit = server.force_exit = True
        thread.join(30)


def connected(port: int, address: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30, source_address=(address, 0))


def page(port: int, address: str = "127.0.0.1", path: str = "/") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30, source_address=(address, 0))
    connection.request("GET", path)
    status = connection.getresponse().status
    connection.close()
    return status


def closed_after(connection: socket.socket, drip: bytes = b"", seconds: float = 30.0) -> float:
    """Seconds until the other side ends it, while these bytes come one after the other."""
    began = time.monotonic()
    connection.settimeout(0.05)
    rest = iter(drip)
    while time.monotonic() - began < seconds:
        with suppress(StopIteration):
            try:
                connection.sendall(bytes((next(rest),)))
            except OSError:
                return time.monotonic() - began
        try:
            if not connection.recv(65536):
                return time.monotonic() - began
        except TimeoutError:
            continue
        except OSError:
            return time.monotonic() - began
    raise AssertionError("it was never closed")


@pytest.mark.parametrize("first", [b"", b"G", b"GET / HTTP/1.1\r\nHost: x\r\n"], ids=["silent", "a byte", "half"])
def test_who_sends_no_whole_requestis_closed(first: bytes) -> None:
    with serving(HASTY) as port, connected(port) as connection:
        connection.sendall(first)
        assert 0.3 < closed_after(connection) < 20


def test_headers_that_drip_do_not_gain_time() -> None:
    with serving(HASTY) as port, connected(port) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX: ")
        assert closed_after(connection, b"a" * 10_000) < 20
        assert page(port) == 200


def test_a_second_request_has_the_same_time_as_the_first() -> None:
    with serving(HASTY) as port, connected(port) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        assert closed_after(connection, b"GET / HTTP/1.1\r\nX: " + b"a" * 10_000) < 20


def test_a_body_that_drips_is_ended_and_one_over_a_slow_line_is_not() -> None:
    with serving(HASTY) as port:
        with connected(port) as connection:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
            assert closed_after(connection, b"a" * 10_000) < 20
        with connected(port) as slow:
            slow.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n")
            for _ in range(20):  # 2 s, three times as long as a body has that brings nothing
                slow.sendall(bytes(1000))
                time.sleep(0.1)
            assert slow.recv(4096).startswith(b"HTTP/1.1 200")


def test_who_does_not_read_the_answer_is_ended_and_who_waits_for_it_is_not() -> None:
    with serving(HASTY) as port:
        assert page(port, path="/slow") == 200
        with connected(port) as connection:
            connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
            time.sleep(3.0)  # and then reads what has come
            read = 0
            with suppress(ConnectionError):
                while chunk := connection.recv(1 << 20):
                    read += len(chunk)
            assert read < 1024 * 65536


def test_an_address_that_holds_its_share_gets_one_more_for_its_oldest() -> None:
    with serving(ConnectionLimits(per_address=8)) as port:
        held = [connected(port, ATTACKER) for _ in range(40)]
        time.sleep(0.3)
        alive = [each for each in held if not is_closed(each)]
        assert len(alive) == 8
        assert alive == held[-8:]
        assert page(port) == page(port, ATTACKER) == 200
        for each in held:
            each.close()


def test_when_all_places_are_taken_the_largest_crowd_gives_one() -> None:
    with serving(ConnectionLimits(in_all=20, per_address=15)) as port:
        few = [connected(port, "127.0.0.68") for _ in range(5)]
        many = [connected(port, ATTACKER) for _ in range(15)]
        time.sleep(0.2)
        assert page(port) == 200
        assert [is_closed(each) for each in few] == [False] * 5
        assert sum(map(is_closed, many)) == 1
        for each in (*few, *many):
            each.close()


def test_a_proxy_may_hold_as_many_as_it_needs() -> None:
    with serving(ConnectionLimits(per_address=4, crowds=frozenset((ATTACKER,)))) as port:
        held = [connected(port, ATTACKER) for _ in range(30)]
        time.sleep(0.2)
        assert not any(map(is_closed, held))
        for each in held:
            each.close()


def test_a_handshake_that_is_not_completed_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.dashboard.connections._TLS_HANDSHAKE_SECONDS", 0.5)
    hospital = Authority(tmp_path)
    ours = hospital.signs("node")
    with serving(ConnectionLimits(), certificate=ours.certificate, key=ours.key) as port:
        with connected(port) as silent:
            assert closed_after(silent) < 20
        trusted = ssl.create_default_context(cafile=hospital.file)
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=trusted)
        connection.request("GET", "/")
        assert connection.getresponse().status == 200
        connection.close()
