"""Rows become records; what nobody writes is found out."""

from __future__ import annotations

import pytest

from ledger_studies import STUDY, complete_study
from node.audit import AuditBroken, AuditEvent, AuditFields
from node.reasons import ReasonCode, code_of
from node.states import StudyEvent, StudyState
from node.storage.ledger.ledger import Ledger
from node.storage.overview import Overview
from node.storage.rows import audit_event, study_state


def test_an_entry_keeps_its_fields(ledger: Ledger) -> None:
    complete_study(ledger)
    fields = AuditFields("pacs", "MRI1", "MOMENODE", "10.0.0.5", "anna", 7, ReasonCode.PEER_REFUSED)
    ledger.audit.record(AuditEvent.OPERATED, 300.0, "anna: force", STUDY, fields)
    entry, study = list(ledger.audit.entries())[-1]
    assert (entry.fields, study) == (fields, STUDY)
    newest = Overview(ledger.engine).events(entry.study_id or 0)[-1]
    assert (newest.event, newest.to_state, newest.fields) == (AuditEvent.OPERATED, "", fields)


def test_events_and_states_are_read_as_enums() -> None:
    assert audit_event("SETTLED") is StudyEvent.SETTLED
    assert audit_event("REJECTED") is AuditEvent.REJECTED
    assert study_state("FAILED") is StudyState.FAILED and study_state("") == ""


@pytest.mark.parametrize("read", [audit_event, study_state])
def test_a_word_that_nobody_writes_breaks_the_trail(read: type) -> None:
    with pytest.raises(AuditBroken):
        read("FORGED")


def test_a_code_of_another_version_is_unknown() -> None:
    assert code_of("") is None
    assert code_of("NO_SUCH_CODE") is ReasonCode.UNKNOWN
