"""An interface engine: MLLP by python-hl7, which no one here wrote, with TLS where it is asked for."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import hl7
from hl7.mllp import start_hl7_server

from certificates import Signed

Answer = Callable[[hl7.Message], str | bytes | None]


def accepts(message: hl7.Message) -> str:
    """Application accept."""
    return str(message.create_ack("AA"))


def refuses(code: str, error: str = "") -> Answer:
    """An answer with this code, and an error text that names the patient, as some receivers write."""

    def answer(message: hl7.Message) -> str:
        words = f"patient {message.segment('PID')(5)} is not known"
        err = f"ERR|||{error}^x|E||||{words}\r" if error else ""
        return f"{message.create_ack(code)}{err}"

    return answer


@dataclass
class Hl7Engine:
    """Keeps what it is sent, and answers as it was told: None for no answer, bytes as they are."""

    answer: Answer = accepts
    signed: Signed | None = None
    messages: list[hl7.Message] = field(default_factory=list)
    port: int = 0

    @contextmanager
    def running(self, port: int = 0) -> Iterator[Hl7Engine]:
        loop, ready = asyncio.new_event_loop(), threading.Event()
        stop = asyncio.Event()

        async def serve() -> None:
            context = None
            if self.signed:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(self.signed.certificate, self.signed.key)
            server = await start_hl7_server(self._on_connection, "127.0.0.1", port, ssl=context, encoding="utf-8")
            self.port = server.sockets[0].getsockname()[1]
            ready.set()
            async with server:
                await stop.wait()

        thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
        thread.start()
        assert ready.wait(30)
        try:
            yield self
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join(30)

    async def _on_connection(self, reader: object, writer: object) -> None:
        try:
            while True:
                message = await reader.readmessage()  # type: ignore[attr-defined]
                self.messages.append(message)
                answer = self.answer(message)
                if answer is None:
                    break
                writer.write(answer) if isinstance(answer, bytes) else writer.writeblock(answer.encode())  # type: ignore[attr-defined]
                await writer.drain()  # type: ignore[attr-defined]
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()  # type: ignore[attr-defined]
