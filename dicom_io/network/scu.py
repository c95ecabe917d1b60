"""C-ECHO and C-STORE to a peer: with time limits, one response per instance, one association for all of them."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydicom import dcmread
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom import AE, build_context
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]  # made at import

from dicom_io.errors import PeerUnreachable
from dicom_io.network.dimse import NOT_SUPPORTED, is_kept
from dicom_io.network.tls import TlsFilesUnusable, requestor_context

_MAX_CONTEXTS = 128


class NothingAccepted(PeerUnreachable):
    """A peer accepts the association but none of the proposed SOP classes."""


class PeerRejected(PeerUnreachable):
    """A peer rejects the association, most often because it does not know our AE title."""


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


@dataclass(frozen=True, slots=True)
class StoreResponse:
    """The peer's response to the C-STORE of one instance (PS3.4 B.2.3)."""

    sop_class_uid: str
    sop_instance_uid: str
    status: int
    comment: str = ""

    @property
    def kept(self) -> bool:
        """Whether the peer stored the instance, with or without a warning."""
        return is_kept(self.status)


def echo(calling_ae_title: str, remote: Remote, timeouts: Timeouts | None = None) -> float:
    """Send a C-ECHO; returns the seconds it took, association included. Raises PeerUnreachable."""
    started = time.monotonic()
    association = associate(calling_ae_title, remote, [build_context(Verification)], timeouts or Timeouts())
    status = association.send_c_echo()
    association.release()
    if not status or status.Status != 0:
        raise PeerUnreachable(f"{remote.name}: answered the C-ECHO with a failure")
    return time.monotonic() - started


def send(
    calling_ae_title: str, remote: Remote, paths: Sequence[Path], timeouts: Timeouts | None = None
) -> Iterator[StoreResponse]:
    """C-STORE each file and yield the responses; raises PeerUnreachable when the peer is gone or rejects us.

    An instance whose SOP class the peer does not accept yields NOT_SUPPORTED; the others are still sent.
    """
    names = [(path, *syntax_of(path)) for path in paths]
    pairs = sorted({(sop_class, syntax) for _, sop_class, _, syntax in names})
    contexts = [build_context(sop_class, syntax) for sop_class, syntax in pairs]
    contexts += [build_context(each, ImplicitVRLittleEndian) for each in sorted({pair[0] for pair in pairs})]
    try:
        association = associate(calling_ae_title, remote, contexts[:_MAX_CONTEXTS], timeouts or Timeouts())
    except NothingAccepted:
        yield from (_not_supported(sop_class, sop_instance) for _, sop_class, sop_instance, _ in names)
        return
    try:
        accepted = {str(context.abstract_syntax) for context in association.accepted_contexts}
        for path, sop_class, sop_instance, _ in names:
            if sop_class in accepted:
                yield _store(association, remote, path, sop_class, sop_instance)
            else:
                yield _not_supported(sop_class, sop_instance)
        association.release()
    finally:
        if association.is_established:
            association.abort()


def _not_supported(sop_class: str, sop_instance: str) -> StoreResponse:
    """The response that stands for an instance whose SOP class the peer did not accept."""
    return StoreResponse(sop_class, sop_instance, NOT_SUPPORTED, "the peer accepts no such objects")


def _store(association: Association, remote: Remote, path: Path, sop_class: str, sop_instance: str) -> StoreResponse:
    """Send one C-STORE; raises PeerUnreachable when there is no response."""
    try:
        status = association.send_c_store(dcmread(path))
    except (RuntimeError, ValueError) as error:  # not established any more, or no context of this syntax
        if association.is_established:
            return StoreResponse(sop_class, sop_instance, NOT_SUPPORTED, "no accepted transfer syntax")
        raise PeerUnreachable(f"{remote.name}: the association ended while sending") from error
    if not status:
        raise PeerUnreachable(f"{remote.name}: no answer to a C-STORE, or the association was aborted")
    return StoreResponse(sop_class, sop_instance, int(status.Status), str(status.get("ErrorComment", "")))


def associate(
    calling_ae_title: str, remote: Remote, contexts: Sequence[PresentationContext], timeouts: Timeouts
) -> Association:
    """An established association; raises PeerUnreachable, PeerRejected or NothingAccepted with what to check."""
    scu = AE(calling_ae_title)
    scu.connection_timeout = timeouts.connect
    scu.acse_timeout = timeouts.association
    scu.dimse_timeout = timeouts.message
    scu.network_timeout = timeouts.message
    association = scu.associate(
        remote.host, remote.port, list(contexts), ae_title=remote.ae_title, tls_args=tls_of(remote)
    )
    if association.is_established:
        return association
    where = f"{remote.name} ({remote.ae_title} at {remote.host} port {remote.port})"
    if association.is_rejected:
        raise PeerRejected(f"{where}: rejected the association; does it know the AE title {calling_ae_title}?")
    if association.rejected_contexts and not association.accepted_contexts:
        raise NothingAccepted(f"{where}: accepts none of the SOP classes that were proposed")
    doubt = "do we trust its certificate, and it ours" if remote.tls else "is the port open"
    raise PeerUnreachable(f"{where}: no association; is it running, and {doubt}?")


def tls_of(remote: Remote) -> tuple[ssl.SSLContext, str] | None:
    """How to secure the connection (files are read anew each time); raises PeerUnreachable when they are unusable."""
    if not remote.tls:
        return None
    try:
        context = requestor_context(remote.certificate, remote.key, remote.authorities, check_name=remote.check_name)
    except TlsFilesUnusable as error:
        raise PeerUnreachable(f"{remote.name}: {error}") from None
    return context, remote.host


def syntax_of(path: Path) -> tuple[str, str, str]:
    """SOP class, SOP instance and transfer syntax of a file."""
    header = dcmread(path, stop_before_pixels=True, specific_tags=["SOPClassUID", "SOPInstanceUID"])
    return str(header.SOPClassUID), str(header.SOPInstanceUID), str(header.file_meta.TransferSyntaxUID)
