"""Audit repositories: one of ours that shows every byte and misbehaves on request, and a real rsyslog."""

from __future__ import annotations

import shutil
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from certificates import Signed
from ports import free_port, wait_until_it_listens

RSYSLOG = shutil.which("rsyslogd", path="/usr/sbin:/usr/bin")


def rsyslog_available() -> bool:
    """Whether rsyslog can receive by TLS here."""
    return RSYSLOG is not None and any(Path("/usr/lib").rglob("rsyslog/lmnsd_ossl.so"))


@dataclass
class SyslogReceiver:
    """Takes frames of RFC 5425 by TLS.

    Parameters
    ----------
    behaviour
        Gets the connection when it is made; True to read it as usual, False when it did with it what it wanted.
    polite
        Whether it ends TLS with close_notify before it closes.
    """

    signed: Signed
    polite: bool = True
    behaviour: Callable[[ssl.SSLSocket], bool] = lambda _connection: True
    frames: list[str] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    @contextmanager
    def running(self, port: int = 0) -> Iterator[SyslogReceiver]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.signed.certificate, self.signed.key)
        with socket.create_server(("127.0.0.1", port)) as server:
            self.port = server.getsockname()[1]
            stopping = threading.Event()
            thread = threading.Thread(target=self._accept, args=(server, context, stopping), daemon=True)
            thread.start()
            try:
                yield self
            finally:
                stopping.set()
                socket.create_connection(("127.0.0.1", self.port)).close()
                thread.join(10)

    def _accept(self, server: socket.socket, context: ssl.SSLContext, stopping: threading.Event) -> None:
        while True:
            plain, _ = server.accept()
            if stopping.is_set():
                plain.close()
                return
            try:
                with context.wrap_socket(plain, server_side=True) as connection:
                    self.connections += 1
                    if self.behaviour(connection):
                        self._read(connection)
            except OSError:
                continue

    def _read(self, connection: ssl.SSLSocket) -> None:
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        while received:
            length, _, rest = received.partition(b" ")
            self.frames.append(rest[: int(length)].decode())
            received = rest[int(length) :]
        if self.polite:
            connection.unwrap()


def reset(connection: ssl.SSLSocket) -> bool:
    """End a connection as a process that dies with something unread: by a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    return False


def slam(connection: ssl.SSLSocket) -> bool:
    """Close at once, without close_notify and without reading: what a balancer without a server does."""
    connection.close()
    return False


@contextmanager
def rsyslog(folder: Path, signed: Signed, authorities: str, port: int | None = None) -> Iterator[tuple[int, Path]]:
    """A real rsyslog that takes syslog by TLS; its port, and the file that gets one line for each message."""
    port, out = port or free_port(), folder / "received"
    config = folder / "rsyslog.conf"
    config.write_text(
        f"""global(defaultNetstreamDriver="ossl" defaultNetstreamDriverCAFile="{authorities}"
  defaultNetstreamDriverCertFile="{signed.certificate}" defaultNetstreamDriverKeyFile="{signed.key}"
  workDirectory="{folder}" maxMessageSize="64k" parser.escapeControlCharactersOnReceive="off")
module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="anon")
template(name="all" type="string" string="%pri% %msgid% %app-name% %msg%\\n")
input(type="imtcp" port="{port}" address="127.0.0.1" ruleset="kept")
ruleset(name="kept") {{ action(type="omfile" file="{out}" template="all" asyncWriting="off") }}
"""
    )
    command = [str(RSYSLOG), "-n", "-f", str(config), "-i", str(folder / "rsyslog.pid")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until_it_listens(port, process)
            yield port, out
        finally:
            process.terminate()
            process.wait(30)
