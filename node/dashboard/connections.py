"""Connections to the web port: so many of one address and in all, and each phase of a request has its time.

uvicorn counts connections and gives a first request all the time in the world, so that 200 idle ones end the dashboard.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

_TLS_HANDSHAKE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How many connections may be open, and how long a browser may take.

    Parameters
    ----------
    in_all, per_address
        Connections. For one more, the oldest on which nothing is being answered is closed.
    crowds
        Addresses of which there may be any number: reverse proxies.
    headers_seconds
        From the connection, or the answer before, to the last header of a request.
    body_seconds, least_rate
        For a body, and a second more for each so many bytes of it.
    answer_seconds
        In which a browser reads some of what it is answered.
    """

    in_all: int = 512
    per_address: int = 64
    crowds: frozenset[str] = frozenset()
    headers_seconds: float = 10.0
    body_seconds: float = 30.0
    least_rate: int = 1024
    answer_seconds: float = 30.0


class _Phase(Enum):
    """What a connection waits for."""

    HEADERS = "headers"
    BODY = "body"
    ANSWER = "answer"


def limited(limits: ConnectionLimits) -> type[asyncio.Protocol]:
    """uvicorn's protocol within these limits."""
    return type("LimitedConnection", (_LimitedConnection,), {"limits": limits})


class _LimitedConnection(H11Protocol):
    """A connection that is closed when a phase of a request takes too long, or others need its place."""

    limits = ConnectionLimits()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a place, if there is one; the first headers are due."""
        super().connection_made(transport)
        self.address = self.client[0] if self.client else ""
        self.since, self.count, self.unread = self.loop.time(), 0, 0
        self.phase, self.timer = _Phase.ANSWER, self.loop.call_later(0, lambda: None)
        self.make_room()
        self.follow()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is due any more."""
        self.timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some of a request is here."""
        self.count += len(data)
        super().data_received(data)
        self.follow()

    def on_response_complete(self) -> None:
        """The next request may come."""
        super().on_response_complete()
        self.follow()

    @property
    def waits(self) -> bool:
        """Whether nothing is being answered, so that ending now loses nothing."""
        return self.phase is _Phase.HEADERS

    def make_room(self) -> None:
        """Close a connection when this one is one too many: an idle one, or this one where none is."""
        others = [each for each in self.connections if isinstance(each, _LimitedConnection)]
        same = [each for each in others if each.address == self.address]
        if len(same) > self.limits.per_address and self.address not in self.limits.crowds:
            crowd = same
        elif len(others) > self.limits.in_all:
            idle = Counter(each.address for each in others if each.waits).most_common(1)
            crowd = [each for each in others if idle and each.address == idle[0][0]]
        else:
            return
        waiting = [each for each in crowd if each.waits and each is not self]
        min(waiting, key=lambda each: each.since, default=self).end()

    def end(self) -> None:
        """Close the connection at once."""
        self.connections.discard(self)
        self.timer.cancel()
        self.transport.abort()

    def follow(self) -> None:
        """Begin another phase, if it is one, with its own time."""
        their_state = self.conn.their_state
        phase = _Phase.ANSWER
        if their_state is h11.IDLE:
            phase = _Phase.HEADERS
        elif their_state is h11.SEND_BODY:
            phase = _Phase.BODY
        if phase is self.phase or self.transport.is_closing():
            return
        self.timer.cancel()
        self.phase, self.since, self.count, self.unread = phase, self.loop.time(), 0, 0
        first = {
            _Phase.HEADERS: self.limits.headers_seconds,
            _Phase.BODY: self.limits.body_seconds,
            _Phase.ANSWER: self.limits.answer_seconds,
        }
        self.timer = self.loop.call_later(first[phase], self.look)

    def look(self) -> None:
        """The time of a phase is over: give it more where there is a reason, else close the connection."""
        more = 0.0
        if self.phase is _Phase.BODY:
            due = self.since + self.limits.body_seconds + self.count / self.limits.least_rate
            more = 1.0 if self.flow.read_paused else due - self.loop.time()  # paused: it waits for us
        elif self.phase is _Phase.ANSWER:
            unread = self.transport.get_write_buffer_size()
            more = 0.0 if unread and unread == self.unread else self.limits.answer_seconds
            self.unread = unread
        if more <= 0:
            self.end()
        else:
            self.timer = self.loop.call_later(more, self.look)


class HandshakeLoop(asyncio.SelectorEventLoop):
    """The event loop of the web port: whoever begins TLS completes it soon."""

    async def create_server(self, *args: Any, **options: Any) -> asyncio.Server:
        """As usual, with a deadline for the handshake."""
        if options.get("ssl") is not None:
            options["ssl_handshake_timeout"] = _TLS_HANDSHAKE_SECONDS
        return await super().create_server(*args, **options)
