"""The audit trail: what happened to studies and to the node, each entry chained to the one before by its digest.

A changed, removed, added or swapped entry breaks the chain from there on. Entries name no patient: a study by its
number, a peer by AE title and address. Studies' transitions are entries too, made in the same transaction.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from xml.etree.ElementTree import Element, SubElement, tostring

from node.errors import NodeError


class AuditEvent(StrEnum):
    """What is audited beside the transitions of studies."""

    STARTED = "STARTED"
    LISTENING = "LISTENING"
    STOPPED = "STOPPED"
    RECEIVED = "RECEIVED"
    SENT = "SENT"
    REJECTED = "REJECTED"
    CONFLICT = "CONFLICT"
    FORGED_REPORT = "FORGED_REPORT"
    INTEGRITY_LOST = "INTEGRITY_LOST"
    RECOVERED = "RECOVERED"
    DELETED = "DELETED"
    LOGGED_IN = "LOGGED_IN"
    LOGGED_OUT = "LOGGED_OUT"
    LOGIN_REFUSED = "LOGIN_REFUSED"
    ACCESS_CHANGED = "ACCESS_CHANGED"
    OPERATED = "OPERATED"
    DOWNLOADED = "DOWNLOADED"
    MODEL_DECIDED = "MODEL_DECIDED"


class AuditBroken(NodeError):
    """The audit trail was changed after it was written; the message names the first entry that does not fit."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry as it is chained. at : seconds since 1970, UTC; study_id : our own number, None for the node itself."""

    at: float
    study_id: int | None
    event: str
    from_state: str
    to_state: str
    revision: int
    detail: str


def chained(previous: str, entry: AuditEntry) -> str:
    """The digest of an entry, given that of the entry before (the first: an empty text)."""
    at, *rest = astuple(entry)
    return hashlib.sha256(json.dumps([previous, float(at), *rest]).encode()).hexdigest()


def verify(entries: Iterable[tuple[int, AuditEntry, str]], count: int, head: str) -> int:
    """Check (number, entry, digest) of the whole trail against its count and newest digest; gives how many there are.

    Raises AuditBroken with the number of the first entry that does not fit.
    """
    digest, seen = "", 0
    for number, entry, stored in entries:
        digest = chained(digest, entry)
        if digest != stored:
            raise AuditBroken(f"the audit trail was changed: entry {number} does not follow from the one before it")
        seen += 1
    if seen != count or digest != head:
        raise AuditBroken(f"the audit trail was changed: {count} entries were written, {seen} are there")
    return seen


# Event ID and type of PS3.15 A.5.3, by our event; a transition of a study is the use of the application.
APPLICATION, IMPORTED, TRANSFERRED, ALERT, DELETED, AUTHENTICATED, ACCESSED = (
    ("110100", "Application Activity"),
    ("110107", "Import"),
    ("110104", "DICOM Instances Transferred"),
    ("110113", "Security Alert"),
    ("110105", "DICOM Study Deleted"),
    ("110114", "User Authentication"),
    ("110103", "DICOM Instances Accessed"),
)
MESSAGES: dict[str, tuple[tuple[str, str], str]] = {
    AuditEvent.STARTED: (APPLICATION, "E"),
    AuditEvent.LISTENING: (APPLICATION, "E"),
    AuditEvent.STOPPED: (APPLICATION, "E"),
    AuditEvent.RECEIVED: (TRANSFERRED, "C"),
    AuditEvent.SENT: (TRANSFERRED, "R"),
    AuditEvent.REJECTED: (ALERT, "E"),
    AuditEvent.CONFLICT: (ALERT, "E"),
    AuditEvent.FORGED_REPORT: (ALERT, "E"),
    AuditEvent.INTEGRITY_LOST: (ALERT, "E"),
    AuditEvent.RECOVERED: (IMPORTED, "C"),
    AuditEvent.DELETED: (DELETED, "D"),
    AuditEvent.LOGGED_IN: (AUTHENTICATED, "E"),
    AuditEvent.LOGGED_OUT: (AUTHENTICATED, "E"),
    AuditEvent.LOGIN_REFUSED: (AUTHENTICATED, "E"),
    AuditEvent.ACCESS_CHANGED: (ALERT, "E"),
    AuditEvent.DOWNLOADED: (ACCESSED, "R"),
}
FAILURES = frozenset(
    (
        AuditEvent.REJECTED,
        AuditEvent.CONFLICT,
        AuditEvent.FORGED_REPORT,
        AuditEvent.INTEGRITY_LOST,
        AuditEvent.LOGIN_REFUSED,
        "GAVE_UP",
    )
)


def message(entry: AuditEntry, ae_title: str, study_instance_uid: str = "") -> str:
    """The entry as an audit message of PS3.15 A.5.1 (XML, one line); the study by its UID, no patient."""
    (code, words), action = MESSAGES.get(entry.event, (APPLICATION, "E"))
    root = Element("AuditMessage")
    happened = datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="milliseconds")
    outcome = "4" if entry.event in FAILURES else "0"
    event = SubElement(
        root, "EventIdentification", EventActionCode=action, EventDateTime=happened, EventOutcomeIndicator=outcome
    )
    SubElement(event, "EventID", {"csd-code": code, "codeSystemName": "DCM", "originalText": words})
    SubElement(event, "EventTypeCode", {"csd-code": entry.event, "codeSystemName": "99MOME", "originalText": words})
    SubElement(event, "EventOutcomeDescription").text = " ".join(
        part for part in (entry.event, entry.to_state and f"-> {entry.to_state}", entry.detail) if part
    )
    node = SubElement(root, "ActiveParticipant", UserID=ae_title, UserIsRequestor="false")
    SubElement(node, "RoleIDCode", {"csd-code": "110150", "codeSystemName": "DCM", "originalText": "Application"})
    SubElement(root, "AuditSourceIdentification", AuditSourceID=ae_title)
    if study_instance_uid:
        study = SubElement(
            root,
            "ParticipantObjectIdentification",
            ParticipantObjectID=study_instance_uid,
            ParticipantObjectTypeCode="2",
            ParticipantObjectTypeCodeRole="3",
        )
        kind = {"csd-code": "110180", "codeSystemName": "DCM", "originalText": "Study Instance UID"}
        SubElement(study, "ParticipantObjectIDTypeCode", kind)
    return tostring(root, encoding="unicode")
