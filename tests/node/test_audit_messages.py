"""Audit messages: the schema of PS3.15 accepts every one, and each says who did what to whose study."""

from __future__ import annotations

import pytest
from lxml import etree

from audit_schema import faults_of
from node.audit import NO_FIELDS, AuditEntry, AuditEvent, AuditFields
from node.audit_messages import _KINDS, NOBODY, AuditSubject, message
from node.states import StudyEvent, StudyState

STUDY = AuditSubject("1.2.3", "P-1", "DOE^JANE", "A-77")
CALLER = AuditFields(calling_ae_title="MR1", called_ae_title="MOMENODE", address="10.0.0.7", count=9)


def told(
    event: AuditEvent | StudyEvent,
    subject: AuditSubject = NOBODY,
    fields: AuditFields = NO_FIELDS,
    study: int | None = None,
    detail: str = "",
) -> etree._Element:
    entry = AuditEntry(0.0, study, event, "", "", 1, detail, fields)
    text = message(entry, "MOMENODE", subject, site="St. Elsewhere")
    assert faults_of(text) == []
    assert "\n" not in text
    return etree.fromstring(text.encode())


def users(root: etree._Element) -> dict[str, tuple[str, str]]:
    """Each participant: role and whether it asked for it."""
    return {
        each.get("UserID", ""): (
            each.find("RoleIDCode").get("originalText", "") if each.find("RoleIDCode") is not None else "",  # type: ignore[union-attr]
            each.get("UserIsRequestor", ""),
        )
        for each in root.findall("ActiveParticipant")
    }


@pytest.mark.parametrize("event", [*AuditEvent, *StudyEvent])
def test_every_event_is_a_message_of_the_schema(event: AuditEvent | StudyEvent) -> None:
    told(event)
    told(event, STUDY, AuditFields("pacs", "MR1", "MOMENODE", "10.0.0.7", "ada", 3), study=7)


@pytest.mark.parametrize("event", list(AuditEvent))
def test_every_event_has_a_row_of_the_standards_codes(event: AuditEvent) -> None:
    assert event in _KINDS


def test_the_schema_refuses_a_message_without_what_the_standard_asks_for() -> None:
    whole = message(AuditEntry(0.0, None, AuditEvent.STARTED, "", "", 0, ""), "MOMENODE")
    assert faults_of(whole) == []
    assert faults_of(whole.replace('UserIsRequestor="true"', ""))
    assert faults_of(whole.replace("<EventID ", "<EventId "))


def test_a_reception_names_sender_address_receiver_study_and_patient() -> None:
    root = told(AuditEvent.RECEIVED, STUDY, CALLER, study=7)
    assert users(root) == {"MR1": ("Source Role ID", "true"), "MOMENODE": ("Destination Role ID", "false")}
    assert root.find("ActiveParticipant").attrib["NetworkAccessPointID"] == "10.0.0.7"  # type: ignore[union-attr]
    objects = {each.get("ParticipantObjectTypeCodeRole"): each for each in root.iter("ParticipantObjectIdentification")}
    assert objects["3"].get("ParticipantObjectID") == "1.2.3"
    assert objects["3"].find(".//Accession").get("Number") == "A-77"  # type: ignore[union-attr]
    assert objects["1"].get("ParticipantObjectID") == "P-1"
    assert objects["1"].findtext("ParticipantObjectName") == "DOE^JANE"


def test_a_delivery_names_the_destination() -> None:
    root = told(AuditEvent.SENT, STUDY, AuditFields(peer="pacs", count=8), study=7)
    assert users(root) == {"MOMENODE": ("Source Role ID", "true"), "pacs": ("Destination Role ID", "false")}


def test_an_act_of_a_person_names_the_person_as_the_one_who_asked() -> None:
    root = told(AuditEvent.DOWNLOADED, STUDY, AuditFields(person="ada", address="10.0.0.9"), study=7)
    assert users(root)["ada"] == ("", "true")
    assert users(root)["MOMENODE"][1] == "false"


def test_a_transition_is_a_procedure_record_and_a_failure_is_one() -> None:
    entry = AuditEntry(0.0, 7, StudyEvent.GAVE_UP, StudyState.ANALYZING, StudyState.FAILED, 1, "analysis failed")
    root = etree.fromstring(message(entry, "MOMENODE", STUDY).encode())
    assert root.find("EventIdentification/EventID").attrib["csd-code"] == "110111"  # type: ignore[union-attr]
    assert root.find("EventIdentification").attrib["EventOutcomeIndicator"] == "4"  # type: ignore[union-attr]
    assert root.findtext("EventIdentification/EventOutcomeDescription") == "GAVE_UP -> FAILED analysis failed"


def test_a_patient_who_is_not_known_here_is_left_out_and_one_without_an_id_is_not() -> None:
    def patients(root: etree._Element) -> list[str | None]:
        objects = root.iter("ParticipantObjectIdentification")
        return [e.get("ParticipantObjectID") for e in objects if e.get("ParticipantObjectTypeCode") == "1"]

    assert patients(told(AuditEvent.SENT, AuditSubject("1.2.3"), study=7)) == []
    assert patients(told(AuditEvent.SENT, AuditSubject("1.2.3", "", "DOE^JANE"), study=7)) == ["<none>"]


@pytest.mark.parametrize("character", ["<", "\U0001f9b4"])
def test_a_message_fits_into_what_every_receiver_takes(character: str) -> None:
    fields = AuditFields("pacs", "MR1", "MOMENODE", "10.0.0.7", "ada")
    entry = AuditEntry(0.0, 7, AuditEvent.SENT, "", "", 1, character * 100_000, fields)
    subject = AuditSubject("1." * 31 + "1", character * 256, character * 256, character * 256)
    assert len(message(entry, "MOMENODE", subject).encode()) < 8192


def test_what_a_stranger_calls_itself_stays_text() -> None:
    hostile = AuditFields(calling_ae_title='"><x/>\n\x00', called_ae_title="X", address="10.0.0.7")
    root = told(AuditEvent.REJECTED, fields=hostile, detail="caller <script>\n\x1b'X'")
    assert root.find("ActiveParticipant").attrib["UserID"] == '"><x/>  '  # type: ignore[union-attr]
    assert root.findtext("EventIdentification/EventOutcomeDescription") == "REJECTED caller <script>  'X'"
    assert root.find("EventIdentification/EventID").attrib["csd-code"] == "110113"  # type: ignore[union-attr]
