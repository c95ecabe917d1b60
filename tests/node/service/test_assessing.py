"""Documents that arrive become verdicts, once; whatever is none, or is foreign, becomes nothing."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from assessed_site import AssessedSite
from live_node import instance
from mome_core.assessment import Verdict
from mome_core.results import Endpoint
from node.audit import AuditEvent
from node.jobs import JobKind
from node.search_key import SearchKey
from node.service.assessing import DocumentAssessor
from node.storage.records import ObjectReceipt, StoreOutcome
from reader_documents import OF_INTEREST, REJECTED_FOR_QUALITY, change_call, key_objects, numbers_of, successor
from told_results import STUDY

CANARY = "breathing of Frau Kanarienvogel"


@pytest.fixture
def site(tmp_path: Path) -> AssessedSite:
    return AssessedSite(tmp_path, "pacs")


def look(site: AssessedSite) -> int:
    return DocumentAssessor(site.settings, site.archive, site.ledger).run()


def verdicts(site: AssessedSite) -> list[Verdict]:
    return [each.verdict for each in site.ledger.assessments.of_study(STUDY)]


def test_a_rejection_from_the_pacs_is_a_verdict_once(site: AssessedSite, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    document = key_objects(REJECTED_FOR_QUALITY, site.report(), CANARY)
    assert site.arrives(document) is StoreOutcome.STORED
    assessor = DocumentAssessor(site.settings, site.archive, site.ledger)
    assert [assessor.run(), assessor.run(), look(site)] == [1, 0, 0]
    (found,) = site.ledger.assessments.of_study(STUDY)
    assert (found.verdict, found.revision, found.at, found.by) == (Verdict.NOT_USABLE, 1, 300.0, "PACS")
    assert found.sop_instance_uid == document.SOPInstanceUID and not found.reader
    key = SearchKey.open(site.settings.storage.search_key_path)
    assert key.unseal(found.comment) == CANARY and CANARY not in found.comment
    (entry,) = [each for each, _ in site.ledger.audit.entries() if each.event is AuditEvent.ASSESSED]
    assert entry.detail == "PACS: not-usable" and entry.fields.calling_ae_title == "PACS"
    assert CANARY not in caplog.text + str(list(site.ledger.audit.entries()))
    assert CANARY.encode() not in (site.folder / "ledger.db").read_bytes()


def test_a_verified_copy_agrees_and_what_came_meanwhile_is_looked_at(site: AssessedSite) -> None:
    assessor = DocumentAssessor(site.settings, site.archive, site.ledger)
    assert assessor.run() == 0
    site.arrives(successor(site.report()))
    assert assessor.run() == 1
    site.arrives(key_objects(REJECTED_FOR_QUALITY, site.report()), 310.0, "WS")
    assert assessor.run() == 1
    assert verdicts(site) == [Verdict.NOT_USABLE, Verdict.AGREE]


@pytest.mark.parametrize("value", [None, ["1", "2"]])
def test_a_document_that_cannot_be_read_does_not_stop_those_behind_it(
    site: AssessedSite, caplog: pytest.LogCaptureFixture, value: object
) -> None:
    bad = successor(site.report())
    numbers_of(bad)[0].NumericValue = value
    site.arrives(bad)
    site.arrives(key_objects(REJECTED_FOR_QUALITY, site.report()), 310.0)
    assessor = DocumentAssessor(site.settings, site.archive, site.ledger)
    assert assessor.run() == 1 and verdicts(site) == [Verdict.NOT_USABLE]
    for number in range(3):
        site.arrives(key_objects(OF_INTEREST, site.report()), 320.0 + number)
        assert assessor.run() == 0
    assert caplog.text.count("could not be looked at") == 1, "once, and again after a restart"


def test_a_file_that_could_not_be_read_for_a_moment_is_looked_at_again(site: AssessedSite) -> None:
    document = key_objects(REJECTED_FOR_QUALITY, site.report())
    site.arrives(document)
    (found,) = site.ledger.assessments.documents(0)
    place = site.archive.root / found.path
    place.rename(place.with_suffix(".away"))
    assessor = DocumentAssessor(site.settings, site.archive, site.ledger)
    assert assessor.run() == 0
    place.with_suffix(".away").rename(place)
    site.arrives(key_objects(OF_INTEREST, site.report()), 320.0)
    assert assessor.run() == 1 and verdicts(site) == [Verdict.NOT_USABLE]


def test_a_corrected_call_is_a_disagreement_about_its_endpoint(site: AssessedSite) -> None:
    document = successor(site.report())
    change_call(document)
    site.arrives(document)
    assert look(site) == 1
    (found,) = site.ledger.assessments.of_study(STUDY)
    assert (found.verdict, found.endpoint) == (Verdict.DISAGREE, Endpoint.MALIGNANCY)


def test_a_report_that_went_out_in_an_older_class_is_judged_as_ours(site: AssessedSite) -> None:
    job = site.ledger.jobs.claim(JobKind.DELIVER, 190, 60, "pacs")
    assert job is not None
    receipts = [ObjectReceipt(site.report_uid, 0x0122), ObjectReceipt("2.25.777", 0)]
    site.ledger.deliveries.delivered(job, receipts, 200)
    site.arrives(successor(site.report(), names="2.25.777"))
    assert look(site) == 1 and verdicts(site) == [Verdict.AGREE]


def test_documents_that_judge_nothing_of_ours_are_no_verdict(site: AssessedSite, tmp_path: Path) -> None:
    other = site.report()
    other.SOPInstanceUID = "2.25.4711"
    for document in (
        key_objects(OF_INTEREST, site.report()),
        key_objects(REJECTED_FOR_QUALITY, other),
        successor(site.report(), verified=False),
        successor(site.report(), names="2.25.4711"),
    ):
        assert site.arrives(document) is StoreOutcome.STORED
    broken = successor(site.report())
    del broken.PredecessorDocumentsSequence[0].ReferencedSeriesSequence
    site.arrives(broken)
    assert look(site) == 0 and verdicts(site) == []


def test_a_document_of_another_patient_is_kept_apart_and_is_no_verdict(site: AssessedSite) -> None:
    document = key_objects(REJECTED_FOR_QUALITY, site.report())
    document.IssuerOfPatientID = "ANOTHER HOSPITAL"
    assert site.arrives(document) is StoreOutcome.SET_ASIDE
    assert look(site) == 0 and verdicts(site) == []


def test_an_image_changes_no_verdict(site: AssessedSite) -> None:
    site.arrives(successor(site.report()))
    assert look(site) == 1
    site.arrives(instance("1.2.9"))
    assert look(site) == 0
