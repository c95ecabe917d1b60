"""Audit entries as messages of PS3.15 A.5 (XML), for an audit repository.

The ledger's trail names no patient. A message may: the standard asks for the patient of every study that was moved,
used or deleted, and the repository is made to hold them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree.ElementTree import Element, SubElement, tostring

from node.audit import AuditEntry, AuditEvent
from node.states import StudyEvent


@dataclass(frozen=True, slots=True)
class AuditSubject:
    """The study that an entry is about, and its patient as its images name them.

    Parameters
    ----------
    study_instance_uid
        Empty for an entry that is about no study.
    patient_id
        Empty for a patient who has none; None when the patient is not known here.
    """

    study_instance_uid: str = ""
    patient_id: str | None = None
    patient_name: str = ""
    accession_number: str = ""


NOBODY = AuditSubject()


@dataclass(frozen=True, slots=True)
class _AuditCode:
    """A coded value of table A.5.1."""

    value: str
    meaning: str
    system: str = "DCM"

    def attributes(self) -> dict[str, str]:
        """As the attributes of an element."""
        return {"csd-code": self.value, "codeSystemName": self.system, "originalText": self.meaning}


@dataclass(frozen=True, slots=True)
class _AuditKind:
    """Event ID, type (None: ours alone) and action of an event (PS3.15 A.5.3); whether it tells of a failure."""

    event: _AuditCode
    type: _AuditCode | None = None
    action: str = "E"
    failure: bool = False


_ACTIVITY = _AuditCode("110100", "Application Activity")
_TRANSFERRED = _AuditCode("110104", "DICOM Instances Transferred")
_DELETED = _AuditCode("110105", "DICOM Study Deleted")
_ACCESSED = _AuditCode("110103", "DICOM Instances Accessed")
_QUERY = _AuditCode("110112", "Query")
_PROCEDURE = _AuditCode("110111", "Procedure Record")
_ALERT = _AuditCode("110113", "Security Alert")
_AUTHENTICATION = _AuditCode("110114", "User Authentication")
_START, _STOP = _AuditCode("110120", "Application Start"), _AuditCode("110121", "Application Stop")
_LOGIN, _LOGOUT = _AuditCode("110122", "Login"), _AuditCode("110123", "Logout")
_NODE = _AuditCode("110126", "Node Authentication")
_SOFTWARE = _AuditCode("110131", "Software Configuration")
_RESTRICTED = _AuditCode("110132", "Use of Restricted Function")
_OBJECT = _AuditCode("110135", "Object Security Attributes Changed")
_USER = _AuditCode("110137", "User Security Attributes Changed")
_APPLICATION = _AuditCode("110150", "Application")
_DESTINATION, _SOURCE = _AuditCode("110152", "Destination Role ID"), _AuditCode("110153", "Source Role ID")
_STUDY = _AuditCode("110180", "Study Instance UID")
_PATIENT = _AuditCode("2", "Patient Number", "RFC-3881")
_LONGEST = 700  # characters of the description: a receiver may cut a message off behind 8 KiB (RFC 5425 4.3.1)

_KINDS: dict[AuditEvent | StudyEvent, _AuditKind] = {
    AuditEvent.STARTED: _AuditKind(_ACTIVITY, _START),
    AuditEvent.LISTENING: _AuditKind(_ACTIVITY, _START),
    AuditEvent.STOPPED: _AuditKind(_ACTIVITY, _STOP),
    AuditEvent.RECEIVED: _AuditKind(_TRANSFERRED, action="C"),
    AuditEvent.SENT: _AuditKind(_TRANSFERRED, action="R"),
    AuditEvent.REJECTED: _AuditKind(_ALERT, _NODE, failure=True),
    AuditEvent.CONFLICT: _AuditKind(_ALERT, _OBJECT, failure=True),
    AuditEvent.FORGED_REPORT: _AuditKind(_ALERT, _NODE, failure=True),
    AuditEvent.INTEGRITY_LOST: _AuditKind(_ALERT, _OBJECT, failure=True),
    AuditEvent.RECOVERED: _AuditKind(_ALERT, _RESTRICTED),
    AuditEvent.DELETED: _AuditKind(_DELETED, action="D"),
    AuditEvent.LOGGED_IN: _AuditKind(_AUTHENTICATION, _LOGIN),
    AuditEvent.LOGGED_OUT: _AuditKind(_AUTHENTICATION, _LOGOUT),
    AuditEvent.LOGIN_REFUSED: _AuditKind(_AUTHENTICATION, _LOGIN, failure=True),
    AuditEvent.REFUSED: _AuditKind(_ALERT, _RESTRICTED, failure=True),
    AuditEvent.ACCESS_CHANGED: _AuditKind(_ALERT, _USER),
    AuditEvent.OPERATED: _AuditKind(_PROCEDURE, action="U"),
    AuditEvent.SEARCHED: _AuditKind(_QUERY),
    AuditEvent.ACCESSED: _AuditKind(_ACCESSED, action="R"),
    AuditEvent.DOWNLOADED: _AuditKind(_ACCESSED, action="R"),
    AuditEvent.ASSESSED: _AuditKind(_PROCEDURE, action="U"),
    AuditEvent.MODEL_DECIDED: _AuditKind(_ALERT, _SOFTWARE),
    StudyEvent.GAVE_UP: _AuditKind(_PROCEDURE, action="U", failure=True),
}
_TRANSITION = _AuditKind(_PROCEDURE, action="U")
_OTHER = _AuditKind(_ALERT, _RESTRICTED)
"""An entry of the node itself that has no row of its own; a test asks for one."""


def message(entry: AuditEntry, ae_title: str, subject: AuditSubject = NOBODY, site: str = "") -> str:
    """The entry as an audit message of PS3.15 A.5.1, one line.

    Parameters
    ----------
    ae_title
        Of this node.
    site
        Name of the hospital or department, empty for none.
    """
    kind = _kind_of(entry)
    root = Element("AuditMessage")
    happened = datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="milliseconds")
    outcome = "4" if kind.failure else "0"
    event = SubElement(
        root, "EventIdentification", EventActionCode=kind.action, EventDateTime=happened, EventOutcomeIndicator=outcome
    )
    SubElement(event, "EventID", kind.event.attributes())
    ours = _AuditCode(entry.event, entry.event.replace("_", " ").capitalize(), "99MOME")
    for code in (kind.type, ours) if kind.type else (ours,):
        SubElement(event, "EventTypeCode", code.attributes())
    words = (entry.event, entry.to_state and f"-> {entry.to_state}", entry.detail)
    SubElement(event, "EventOutcomeDescription").text = _plain(" ".join(part for part in words if part))[:_LONGEST]
    for participant in _participants(entry, ae_title):
        root.append(participant)
    SubElement(root, "AuditSourceIdentification", _without_empty(AuditSourceID=ae_title, AuditEnterpriseSiteID=site))
    root.extend(_objects(subject, entry))
    return tostring(root, encoding="unicode")


def _kind_of(entry: AuditEntry) -> _AuditKind:
    """The row of its event; an operator's act on no study in particular is the use of a restricted function."""
    if entry.event is AuditEvent.OPERATED and entry.study_id is None:
        return _OTHER
    return _KINDS.get(entry.event, _TRANSITION if isinstance(entry.event, StudyEvent) else _OTHER)


def _participants(entry: AuditEntry, ae_title: str) -> Iterator[Element]:
    """Who took part: this node, the peer or person it dealt with."""
    fields = entry.fields
    received, sent = entry.event is AuditEvent.RECEIVED, entry.event is AuditEvent.SENT
    role = _DESTINATION if received else _SOURCE if sent else _APPLICATION
    asked_by_another = bool(fields.person or fields.calling_ae_title)
    if fields.calling_ae_title:
        # what a stranger calls itself; the address beside it is what the network says
        caller = fields.calling_ae_title
        yield _participant(caller, _SOURCE, requestor=True, ae_title=caller, address=fields.address)
    if fields.person:
        yield _participant(fields.person, requestor=True, address="" if fields.calling_ae_title else fields.address)
    yield _participant(ae_title, role, requestor=not asked_by_another, ae_title=ae_title)
    if fields.peer:
        yield _participant(fields.peer, _DESTINATION, requestor=False)


def _participant(
    user: str, role: _AuditCode | None = None, *, requestor: bool, ae_title: str = "", address: str = ""
) -> Element:
    """One ActiveParticipant (A.5.2)."""
    attributes = _without_empty(
        UserID=user,
        AlternativeUserID=f"AETITLES={ae_title}" if ae_title else "",
        UserIsRequestor="true" if requestor else "false",
        NetworkAccessPointID=address,
        NetworkAccessPointTypeCode="2" if address else "",  # an IP address
    )
    element = Element("ActiveParticipant", attributes)
    if role is not None:
        SubElement(element, "RoleIDCode", role.attributes())
    return element


def _objects(subject: AuditSubject, entry: AuditEntry) -> Iterator[Element]:
    """The study and its patient; none for an entry that is about no study."""
    if not subject.study_instance_uid:
        return
    study = Element(
        "ParticipantObjectIdentification",
        ParticipantObjectID=subject.study_instance_uid,
        ParticipantObjectTypeCode="2",
        ParticipantObjectTypeCodeRole="3",
    )
    SubElement(study, "ParticipantObjectIDTypeCode", _STUDY.attributes())
    SubElement(study, "ParticipantObjectName").text = f"study {entry.study_id}" if entry.study_id else "study"
    if subject.accession_number:
        description = SubElement(study, "ParticipantObjectDescription")
        SubElement(description, "Accession", Number=_plain(subject.accession_number))
    yield study
    if subject.patient_id is None:
        return
    patient = Element(
        "ParticipantObjectIdentification",
        ParticipantObjectID=_plain(subject.patient_id) or "<none>",
        ParticipantObjectTypeCode="1",
        ParticipantObjectTypeCodeRole="1",
    )
    SubElement(patient, "ParticipantObjectIDTypeCode", _PATIENT.attributes())
    SubElement(patient, "ParticipantObjectName").text = _plain(subject.patient_name)
    yield patient


def _without_empty(**attributes: str) -> dict[str, str]:
    return {name: _plain(value) for name, value in attributes.items() if value}


def _plain(text: str) -> str:
    """The text on one line, without what XML 1.0 cannot hold: control characters and surrogates."""
    return "".join(each if each.isprintable() else " " for each in text)
