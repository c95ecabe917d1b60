"""TCP and TLS connections to the systems around a PACS, with time limits and one sentence for each failure."""

from __future__ import annotations

import socket
import ssl

from dicom_io.network.tls import TlsFilesUnusable, requestor_context
from node.integration_settings import TlsPeer
from node.integrations.errors import ReceiverUnreachable

_CONNECT_SECONDS = 10.0


def tls_context(peer: TlsPeer) -> ssl.SSLContext:
    """TLS towards this peer, in the same profile as for DICOM; raises ReceiverUnreachable for unusable files."""
    try:
        return requestor_context(peer.certificate, peer.key, peer.authorities, check_name=peer.check_name)
    except TlsFilesUnusable as error:
        raise ReceiverUnreachable(str(error)) from None


def connect(name: str, host: str, port: int, seconds: float) -> socket.socket:
    """A connection in the clear whose every read and write takes at most so many seconds; raises ReceiverUnreachable.

    Parameters
    ----------
    name
        How messages call the peer.
    """
    try:
        connection = socket.create_connection((host, port), timeout=_CONNECT_SECONDS)
    except OSError as error:
        raise ReceiverUnreachable(f"{name}: {host} port {port}: {words_of_failure(error)}") from None
    connection.settimeout(seconds)
    return connection


def connect_by_tls(name: str, host: str, port: int, tls: TlsPeer, seconds: float) -> ssl.SSLSocket:
    """The same by TLS."""
    context = tls_context(tls)
    plain = connect(name, host, port, seconds)
    try:
        return context.wrap_socket(plain, server_hostname=host)
    except OSError as error:  # ssl.SSLError is one
        plain.close()
        raise ReceiverUnreachable(f"{name}: TLS with {host} port {port}: {words_of_failure(error)}") from None


def words_of_failure(error: OSError) -> str:
    """What happened to a connection, in a few words that no peer can write."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({(error.reason or 'no reason given').replace('_', ' ').lower()})"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return "the host name is not known"
    return error.strerror or type(error).__name__
