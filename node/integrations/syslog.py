"""Audit messages by syslog over TLS: RFC 5424 messages, RFC 5425 framing, PS3.15 A.6."""

from __future__ import annotations

import fcntl
import os
import socket
import ssl
import struct
import termios
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from node.integration_settings import AuditRepositorySettings
from node.integrations.connection import connect_by_tls, words_of_failure
from node.integrations.errors import ReceiverUnreachable

_REPOSITORY = "audit repository"
_PRIORITY = 10 * 8 + 5  # security and authorization messages; normal but significant (PS3.15 A.6)
_APPLICATION, _MESSAGE_ID = "mome-node", "DICOM+RFC3881"
_BOM = "\ufeff"  # RFC 5424 6.4: a message in UTF-8 begins with it
_SECONDS = 20.0


def syslog_frame(text: str, at: float) -> bytes:
    """One message with its length in front.

    Parameters
    ----------
    at
        When it happened, seconds since 1970, UTC.
    """
    happened = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    host = _printable(socket.gethostname(), 255)
    header = f"<{_PRIORITY}>1 {happened} {host} {_APPLICATION} {os.getpid()} {_MESSAGE_ID} - "
    content = (header + _BOM + text).encode()
    return str(len(content)).encode() + b" " + content


def _printable(text: str, longest: int) -> str:
    """A header field: printable ASCII without spaces, `-` for an empty one."""
    return "".join(each for each in text if "!" <= each <= "~")[:longest] or "-"


def send_frames(repository: AuditRepositorySettings, frames: Sequence[bytes]) -> None:
    """Send these messages on a connection of their own; raises ReceiverUnreachable when they may not have arrived.

    Syslog has no acknowledgement. The connection is therefore closed in order: a peer ends it only after it has read
    everything, and one that dies with something unread resets it.
    """
    connection = connect_by_tls(_REPOSITORY, repository.host, repository.port, repository, _SECONDS)
    try:
        for frame in frames:
            connection.sendall(frame)
        _close_in_order(connection)
    except OSError as error:
        where = f"{repository.host} port {repository.port}"
        raise ReceiverUnreachable(f"{_REPOSITORY}: {where}: {words_of_failure(error)}") from None
    finally:
        connection.close()


def _close_in_order(connection: ssl.SSLSocket) -> None:
    """Say that nothing follows, and wait until the peer has read that; raises OSError when it has not."""
    try:
        connection.unwrap().close()  # close_notify both ways
    except ssl.SSLEOFError:
        _require_all_read(connection)


def _require_all_read(connection: ssl.SSLSocket) -> None:
    """Raise OSError unless the peer, which ended the connection without close_notify, had taken every byte.

    What reaches a socket that is closed, or lies in it unread, is answered with a reset and never acknowledged.
    """
    deadline = time.monotonic() + _SECONDS
    while _unacknowledged_bytes(connection):
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.01)
    if failure := connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(failure, os.strerror(failure))


def _unacknowledged_bytes(connection: ssl.SSLSocket) -> int:
    """How much of what was sent the peer has not acknowledged (SIOCOUTQ)."""
    (count,) = struct.unpack("i", fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4)))
    return int(count)


def probe(repository: AuditRepositorySettings) -> str:
    """Connect and close, without a message; the TLS version that was agreed. Raises ReceiverUnreachable."""
    with connect_by_tls(_REPOSITORY, repository.host, repository.port, repository, _SECONDS) as connection:
        return str(connection.version())
