"""Errors between DICOM bytes and a Case, with messages for the person who reads them."""

from __future__ import annotations

from enum import StrEnum


class DicomError(Exception):
    """Base of every error of this package; `retryable` says whether trying the same again can help."""

    retryable = False


class NotAnInstance(DicomError):
    """The bytes are no whole DICOM data set, or not the one that was announced."""


class NotAnImage(DicomError):
    """A file is no DICOM instance, or an instance without an image that we could place; the message says why."""


class PixelsUnreadable(DicomError):
    """The pixel data cannot be decoded: a codec that does not exist, damage, or a limit; the message says which."""


class NoVolume(DicomError):
    """The images of a series form no volume; the message says what is wrong with their geometry."""


class PeerFault(StrEnum):
    """Where the way to a peer ends: a stable code; the words for a person are made where the settings are known."""

    HOST_UNKNOWN = "PEER_HOST_UNKNOWN"  # its host name has no address (DNS)
    HOST_SILENT = "PEER_HOST_SILENT"  # no route to its host, or no answer from it in time
    PORT_CLOSED = "PEER_PORT_CLOSED"  # its host answers, and nothing listens on that port
    TLS_FILES = "PEER_TLS_FILES"  # our own files for TLS cannot be used
    TLS_UNTRUSTED = "PEER_TLS_UNTRUSTED"  # its certificate is none that we trust
    TLS_FAILED = "PEER_TLS_FAILED"  # it speaks no TLS there, or does not trust our certificate
    TLS_EXPECTED = "PEER_TLS_EXPECTED"  # it wants TLS, and we offered none
    CALLED_TITLE = "PEER_CALLED_TITLE"  # it goes by another AE title (PS3.8 9.3.4: source 1, reason 7)
    CALLING_TITLE = "PEER_CALLING_TITLE"  # it does not know our AE title (source 1, reason 3)
    BUSY = "PEER_BUSY"  # it rejects for the moment: congestion, a limit of its own
    REJECTED = "PEER_REJECTED"  # it rejects the association for another reason
    NO_ANSWER = "PEER_NO_ANSWER"  # it is connected, and says nothing in time
    NOT_DICOM = "PEER_NOT_DICOM"  # it answers, and not as DICOM
    ENDED = "PEER_ENDED"  # it closed the connection, or aborted the association
    CLASS_REFUSED = "PEER_CLASS_REFUSED"  # it accepts the association, and not the service or class we propose
    REQUEST_FAILED = "PEER_REQUEST_FAILED"  # it answered a request with a failure
    WEB_UNAUTHORIZED = "PEER_WEB_UNAUTHORIZED"  # its web service wants other credentials
    WEB_NOT_FOUND = "PEER_WEB_NOT_FOUND"  # no STOW-RS under that address
    WEB_FAILED = "PEER_WEB_FAILED"  # its web service answers with a failure


class PeerUnreachable(DicomError):
    """What we want of a peer does not come about; the message names peer and cause, never a patient.

    Parameters
    ----------
    established
        Whether the association stood: the peer is there, and what we asked for is what failed.
    """

    retryable = True

    def __init__(self, message: str, fault: PeerFault, *, established: bool = False) -> None:
        super().__init__(message)
        self.fault, self.established = fault, established


class NoPhaseOrder(DicomError):
    """The headers do not tell the order of the phases, or contradict each other."""
