"""What the acceptor asks of the application behind it: whom to admit, where instances go, what to respond."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from dicom_io.network.dimse import Command


@dataclass(frozen=True, slots=True)
class Certificate:
    """The certificate that a peer has proved to own.

    Parameters
    ----------
    sha256
        Of the certificate (DER), hexadecimal.
    names
        Its subject alternative names: hosts and addresses, in small letters.
    """

    sha256: str
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Peer:
    """Calling and called AE title and address of a peer; AE titles are claims, never proof of identity.

    Parameters
    ----------
    certificate
        What proves who it is, over TLS; None where it showed none that we trust.
    """

    calling_ae_title: str
    called_ae_title: str
    address: str
    certificate: Certificate | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class AssociationRejection:
    """Why an association is not accepted (PS3.8 section 9.3.4): result, source, reason; and in words for the log."""

    result: int
    source: int
    reason: int
    words: str


@dataclass(frozen=True, slots=True)
class StoreRequest:
    """What a C-STORE request announces, before its data set arrives.

    Parameters
    ----------
    move_originator
        AE title whose C-MOVE this is a part of (PS3.7 9.3.1.1); empty: of none.
    """

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    move_originator: str = ""


CALLING_UNKNOWN = AssociationRejection(1, 1, 3, "calling AE title not recognised")
CALLED_UNKNOWN = AssociationRejection(1, 1, 7, "called AE title not recognised")
CERTIFICATE_OF_ANOTHER = AssociationRejection(1, 1, 3, "its certificate is not that of this AE title")
ADDRESS_UNKNOWN = AssociationRejection(1, 1, 3, "connections from this address are not taken")
ALL_SLOTS_TAKEN = AssociationRejection(2, 3, 2, "as many associations are open as may be")
CALLER_HAS_TOO_MANY = AssociationRejection(2, 3, 2, "this AE title has as many associations open as one may have")
ADDRESS_HAS_TOO_MANY = AssociationRejection(2, 3, 2, "this address has as many associations open as one may have")
DRAINING = AssociationRejection(2, 3, 1, "this node is being drained; try again later")
NOT_DICOM = AssociationRejection(1, 1, 2, "application context not supported")


@dataclass(frozen=True, slots=True)
class DimseResponse:
    """The response to a message.

    Parameters
    ----------
    follow_up
        Makes the request (command set, data set) that we send afterwards on the same association.
    """

    status: int
    data_set: bytes = b""
    comment: str = ""
    follow_up: Callable[[], tuple[Command, bytes]] | None = None


class InstanceRefused(Exception):
    """An instance that is answered with this failure status, for a reason that the peer may read."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class InstanceWriter(Protocol):
    """Where the data set of one C-STORE goes while it arrives."""

    def write(self, fragment: memoryview) -> None:
        """Write the next bytes; may raise OSError or InstanceRefused, then the rest is read and thrown away."""

    def finish(self) -> int:
        """All bytes are here: keep them durably, and give the DIMSE status. Nothing is success before that."""

    def discard(self) -> None:
        """The instance will not be kept."""


class ServiceClassProvider(Protocol):
    """The application's decisions about peers and their messages."""

    def allows(self, address: str) -> bool:
        """Whether this IP address may ask for associations at all; answered at once, from memory."""

    def admit(self, peer: Peer) -> AssociationRejection | None:
        """None to accept the association."""

    def rejected(self, peer: Peer, why: AssociationRejection) -> None:
        """The peer was rejected, by `admit` or because too many associations are open.

        Of a connection that `allows` refused nothing but the address is known: both AE titles are empty.
        """

    def open(self, peer: Peer, request: StoreRequest) -> InstanceWriter:
        """A C-STORE request arrived; may raise InstanceRefused or OSError."""

    def answer(self, peer: Peer, command: Command, data_set: bytes, transfer_syntax_uid: str) -> DimseResponse:
        """The response to a message that is neither C-STORE nor C-ECHO."""

    def ended(self, peer: Peer | None, address: str, why: str) -> None:
        """An association (or a connection that never became one) ended; `why` is empty after a release."""
