"""A mail server and a webhook that keep what they are given."""

from __future__ import annotations

import json
import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

from ports import serving


class Mailbox(socketserver.StreamRequestHandler):
    """A mail server that keeps what it is given."""

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline().strip().upper():
            if line == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                while (text := self.rfile.readline()) != b".\r\n":
                    self.server.mail.append(text.decode())  # type: ignore[attr-defined]
            self.wfile.write(b"221 bye\r\n" if line == b"QUIT" else b"250 ok\r\n")


class Hook(BaseHTTPRequestHandler):
    """A webhook that keeps what it is given."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.mail.append(json.loads(body))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def listening(server: socketserver.BaseServer) -> Iterator[list[object]]:
    """Serve in a thread until the block ends; gives `server.mail`, for what it keeps."""
    server.mail = []  # type: ignore[attr-defined]
    with serving(server):
        yield server.mail  # type: ignore[attr-defined]


@contextmanager
def mail_server() -> Iterator[tuple[int, list[object]]]:
    """Port, and the lines of every message that comes."""
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mailbox)
    server.daemon_threads = True
    with listening(server) as mail:
        yield server.server_address[1], mail


@contextmanager
def webhook() -> Iterator[tuple[str, list[dict[str, object]]]]:
    """URL, and the body of every POST that comes."""
    server = HTTPServer(("127.0.0.1", 0), Hook)
    with listening(server) as posts:
        yield f"http://127.0.0.1:{server.server_address[1]}/", posts  # type: ignore[misc]
