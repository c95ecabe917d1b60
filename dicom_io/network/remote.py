"""A peer that we connect to: where it is, how the connection is secured, how long it may take."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Protocol

from dicom_io.errors import PeerFault, PeerUnreachable
from dicom_io.network.tls import TlsFilesUnusable, requestor_context


class Remote(Protocol):
    """A peer on the network; a destination from the settings satisfies this protocol."""

    @property
    def name(self) -> str:
        """The name by which the settings and messages refer to it."""

    @property
    def ae_title(self) -> str:
        """Its AE title."""

    @property
    def host(self) -> str:
        """Its address."""

    @property
    def port(self) -> int:
        """Its port."""

    @property
    def tls(self) -> bool:
        """Whether to use TLS."""

    @property
    def authorities(self) -> str:
        """PEM file of the certificate authorities to trust; empty: those of the system."""

    @property
    def check_name(self) -> bool:
        """Whether its certificate must name its host."""

    @property
    def certificate(self) -> str:
        """PEM file of the certificate that we present; empty: none."""

    @property
    def key(self) -> str:
        """PEM file of its key."""


@dataclass(frozen=True, slots=True)
class RemoteAE:
    """A peer that is not in the settings."""

    name: str
    ae_title: str
    host: str
    port: int
    tls: bool = False
    authorities: str = ""
    check_name: bool = True
    certificate: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait for the connection, the response to an association request, the response to a message."""

    connect: float = 10.0
    association: float = 15.0
    message: float = 60.0


def address_of(remote: Remote) -> str:
    """The peer as messages name it, e.g. "pacs (PACS at 10.0.0.5 port 104)"."""
    return f"{remote.name} ({remote.ae_title} at {remote.host} port {remote.port})"


def tls_of(remote: Remote) -> ssl.SSLContext | None:
    """How to secure the connection (files are read anew each time); raises PeerUnreachable when they are unusable."""
    if not remote.tls:
        return None
    try:
        return requestor_context(remote.certificate, remote.key, remote.authorities, check_name=remote.check_name)
    except TlsFilesUnusable as error:
        raise PeerUnreachable(f"{remote.name}: {error}", PeerFault.TLS_FILES) from None
