"""What readers say is kept with its audit entry, and read back with the analysis that it is about."""

from __future__ import annotations

import pytest

from ledger_studies import REPORT, STUDY, SUMMARY, analyzed_study, complete_study, stored_instance
from mome_core.assessment import Verdict
from mome_core.results import Endpoint
from node.audit import AuditEvent
from node.storage.ledger.ledger import Ledger
from node.storage.records import Assessment

BY_ANNA = Assessment(1, 400.0, Verdict.AGREE, Endpoint.MALIGNANCY, "anna", comment="sealed")
BY_PACS = Assessment(1, 300.0, Verdict.NOT_USABLE, calling_ae_title="PACS", sop_instance_uid="2.25.9")


def test_a_verdict_is_kept_with_who_said_it_and_audited_without_the_comment(ledger: Ledger) -> None:
    analyzed_study(ledger)
    assert ledger.assessments.assess(STUDY, BY_PACS) and ledger.assessments.assess(STUDY, BY_ANNA)
    assert ledger.assessments.of_study(STUDY) == [BY_ANNA, BY_PACS], "newest first"
    found = ledger.assessments.since()
    assert [(each.assessment, each.scanner) for each in found] == [(BY_PACS, "MR"), (BY_ANNA, "MR")]
    assert found[0].summary == SUMMARY and ledger.assessments.since(350)[0].assessment == BY_ANNA
    entries = [each for each, _ in ledger.audit.entries() if each.event is AuditEvent.ASSESSED]
    assert [each.detail for each in entries] == ["PACS: not-usable", "anna: agree (malignancy)"]
    assert entries[1].fields.person == "anna" and "sealed" not in str(entries)
    ledger.audit.verify()


def test_a_document_says_something_once(ledger: Ledger) -> None:
    analyzed_study(ledger)
    assert [ledger.assessments.assess(STUDY, BY_PACS) for _ in range(2)] == [True, False]
    assert [ledger.assessments.assess(STUDY, BY_ANNA) for _ in range(2)] == [True, True], "a person may think again"
    assert len(ledger.assessments.of_study(STUDY)) == 3


def test_nothing_is_said_of_a_study_or_a_revision_without_a_result(ledger: Ledger) -> None:
    complete_study(ledger)
    with pytest.raises(LookupError, match="no result"):
        ledger.assessments.assess(STUDY, BY_ANNA)
    with pytest.raises(LookupError, match="studies list"):
        ledger.assessments.assess("9.9.9", BY_ANNA)


def test_documents_are_found_behind_an_instance_until_they_have_said_something(ledger: Ledger) -> None:
    analyzed_study(ledger)
    assert ledger.assessments.newest_instance() == 1
    ledger.receiving.instances_stored(
        [stored_instance(9, sop_class=REPORT), stored_instance(1, study="8", sop_class=REPORT)], now=300
    )
    (document,) = ledger.assessments.documents(0)
    assert (document.study_instance_uid, document.calling_ae_title, document.received_at) == (STUDY, "MR", 300)
    assert ledger.assessments.documents(document.id) == []
    said = Assessment(1, 300, Verdict.AGREE, calling_ae_title="MR", sop_instance_uid=document.sop_instance_uid)
    ledger.assessments.assess(STUDY, said)
    assert ledger.assessments.documents(0) == []


def test_results_are_listed_with_their_revision(ledger: Ledger) -> None:
    analyzed_study(ledger, "pacs")
    ((revision, kept),) = ledger.assessments.results_of(STUDY)
    assert revision == 1 and kept.kind == "report"


def test_what_was_said_goes_with_its_study(ledger: Ledger) -> None:
    analyzed_study(ledger)
    ledger.assessments.assess(STUDY, BY_ANNA)
    ledger.retention.purge(STUDY, "otto", 500)
    assert ledger.assessments.since() == []
