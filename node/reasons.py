"""Why something failed, was refused or stands still: a stable code for programs, and words for people."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from dicom_io.errors import PeerFault
from dicom_io.network.service import (
    ADDRESS_HAS_TOO_MANY,
    ADDRESS_UNKNOWN,
    ALL_SLOTS_TAKEN,
    CALLED_UNKNOWN,
    CALLER_HAS_TOO_MANY,
    CALLING_UNKNOWN,
    CERTIFICATE_OF_ANOTHER,
    DRAINING,
    AssociationRejection,
)
from mome_core.errors import Ineligibility


class ReasonCode(StrEnum):
    """What kind of reason it is, beside Ineligibility (of a study) and PeerFault (on the way to a peer)."""

    TWO_PATIENTS = "TWO_PATIENTS"  # images of two patients came under one Study Instance UID
    FOREIGN_OBJECT = "FOREIGN_OBJECT"  # a document of another patient came under a Study Instance UID; it is kept apart
    TWO_VERSIONS = "TWO_VERSIONS"  # one SOP Instance UID came with two contents
    SCORE_WITHHELD = "SCORE_WITHHELD"  # the analysis gave a score, and a quality flag withheld it
    ANALYSIS_FAILED = "ANALYSIS_FAILED"  # the analysis raised an error
    WORKER_DIED = "WORKER_DIED"  # the process that worked on the job ended, or was too slow for its lease
    PEER_REFUSED = "PEER_REFUSED"  # a destination answered, and took an object not
    PEER_UNREACHABLE = "PEER_UNREACHABLE"  # a destination did not answer; since 0.2 one of PeerFault says why
    PEER_FULL = "PEER_FULL"  # a destination took an object not for want of room, or of another resource
    PARTLY_TAKEN = "PARTLY_TAKEN"  # delivered, without objects of a class that the destination does not take
    MESSAGE_IMPOSSIBLE = "MESSAGE_IMPOSSIBLE"  # a result cannot be told: it has no report, or its patient no ID
    COMMITMENT_AWAITED = "COMMITMENT_AWAITED"  # objects are sent; the destination has not yet answered for them
    COMMITMENT_MISSING = "COMMITMENT_MISSING"  # a destination does not answer for objects that it took
    REPORT_REJECTED = "REPORT_REJECTED"  # our own settings turned away the association with that answer
    INTEGRITY_LOST = "INTEGRITY_LOST"  # a file is gone, unreadable, or not what was stored
    NEW_INSTANCE = "NEW_INSTANCE"  # a study that was complete received an image: its next revision begins
    REQUEUED = "REQUEUED"  # the operator asked for a new analysis
    CANCELLED = "CANCELLED"  # the operator does not want the analysis or the delivery
    PLANNED_STOP = "PLANNED_STOP"  # the node was stopped or reloaded while the job was under way
    CALLING_UNKNOWN = "CALLING_UNKNOWN"  # association rejected: calling AE title (or, by older entries, address)
    ADDRESS_UNKNOWN = "ADDRESS_UNKNOWN"  # connection refused: the settings do not list its address
    CERTIFICATE_OF_ANOTHER = "CERTIFICATE_OF_ANOTHER"  # association rejected: not the certificate of that AE title
    ADDRESS_HAS_TOO_MANY = "ADDRESS_HAS_TOO_MANY"  # association rejected: this address has as many open as it may
    CALLED_UNKNOWN = "CALLED_UNKNOWN"  # association rejected: the caller asked for another AE title
    ALL_SLOTS_TAKEN = "ALL_SLOTS_TAKEN"  # association rejected: as many are open as the site allows
    CALLER_HAS_TOO_MANY = "CALLER_HAS_TOO_MANY"  # association rejected: this caller has as many open as it may
    NOT_A_CALLER = "NOT_A_CALLER"  # instance refused: a destination that may report to us, and is none of the callers
    DRAINING = "DRAINING"  # association rejected: the operator drains this node
    UNKNOWN = "UNKNOWN"  # written before reasons had codes, in words that we do not know


StableCode = ReasonCode | Ineligibility | PeerFault


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason as it is stored: what programs compare and count, and what people read."""

    code: StableCode
    words: str

    def __str__(self) -> str:
        return self.words


_CODES: dict[str, StableCode] = {each.value: each for each in (*ReasonCode, *Ineligibility, *PeerFault)}


def code_of(text: str) -> StableCode | None:
    """The code that was stored as this text; None for no reason, UNKNOWN for a code of another version."""
    return _CODES.get(text, ReasonCode.UNKNOWN) if text else None


REJECTION_CODES: dict[AssociationRejection, ReasonCode] = {
    CALLING_UNKNOWN: ReasonCode.CALLING_UNKNOWN,
    ADDRESS_UNKNOWN: ReasonCode.ADDRESS_UNKNOWN,
    CERTIFICATE_OF_ANOTHER: ReasonCode.CERTIFICATE_OF_ANOTHER,
    ADDRESS_HAS_TOO_MANY: ReasonCode.ADDRESS_HAS_TOO_MANY,
    CALLED_UNKNOWN: ReasonCode.CALLED_UNKNOWN,
    ALL_SLOTS_TAKEN: ReasonCode.ALL_SLOTS_TAKEN,
    CALLER_HAS_TOO_MANY: ReasonCode.CALLER_HAS_TOO_MANY,
    DRAINING: ReasonCode.DRAINING,
}
