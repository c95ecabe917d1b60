"""Errors between DICOM bytes and a Case, with messages for the person who reads them."""


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


class PeerUnreachable(DicomError):
    """A peer does not answer, or not as DICOM; the message names the peer and what to check, never a patient."""

    retryable = True


class NoPhaseOrder(DicomError):
    """The headers do not tell the order of the phases, or contradict each other."""
