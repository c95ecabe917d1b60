"""Deliveries: receipts and storage commitment."""

from __future__ import annotations

from dicom_io.network.dimse import NOT_SUPPORTED
from ledger_studies import (
    LEASE,
    STUDY,
    SUMMARY,
    analyzed_study,
    claim_job,
    complete_study,
    kept_report,
    state_of,
)
from node.jobs import JobKind
from node.reasons import ReasonCode
from node.states import StudyState
from node.storage.ledger.ledger import Ledger
from node.storage.records import AnalysisRecord, KeptObject, ObjectReceipt


def test_a_study_is_delivered_when_every_destination_has_it(ledger: Ledger) -> None:
    analyzed_study(ledger, "one", "two")
    ledger.deliveries.delivered(claim_job(ledger, JobKind.DELIVER), [ObjectReceipt("9.1", 0)], now=220)
    assert state_of(ledger) is StudyState.ANALYZED
    ledger.deliveries.delivered(claim_job(ledger, JobKind.DELIVER), [ObjectReceipt("9.1", 0)], now=221)
    assert state_of(ledger) is StudyState.DELIVERED


def test_a_study_is_delivered_only_when_the_pacs_has_committed_to_it(ledger: Ledger) -> None:
    analyzed_study(ledger, "pacs")
    job = claim_job(ledger, JobKind.DELIVER)
    ledger.deliveries.commitment_requested(job, "7.7", [ObjectReceipt("9.1", 0)], 220, patience_s=600)
    assert state_of(ledger) is StudyState.ANALYZED
    assert not ledger.deliveries.commitment_answered("8.8", ["9.1"], [], 230, by=("pacs",))
    assert not ledger.deliveries.commitment_answered("7.7", ["9.1"], [], 230, by=("research",))
    assert not ledger.deliveries.commitment_answered("7.7", ["9.1"], [], 230, by=())
    assert ledger.deliveries.commitment_answered("7.7", ["9.1"], [], 231, by=("pacs",))
    assert not ledger.deliveries.commitment_answered("7.7", ["9.1"], [], 232, by=("pacs",))
    assert state_of(ledger) is StudyState.DELIVERED
    assert ledger.reading.study(STUDY).jobs[-1].receipts == (ObjectReceipt("9.1", 0, "", 231),)


def test_what_the_pacs_does_not_commit_to_is_sent_and_asked_for_again(ledger: Ledger) -> None:
    analyzed_study(ledger, "pacs")
    ledger.deliveries.commitment_requested(
        claim_job(ledger, JobKind.DELIVER), "7.7", [ObjectReceipt("9.1", 0)], 220, patience_s=600
    )
    ledger.deliveries.commitment_answered("7.7", [], ["9.1"], 230, by=("pacs",))
    assert ledger.jobs.claim(JobKind.DELIVER, 231, LEASE) is None
    assert claim_job(ledger, JobKind.DELIVER, 260).attempt == 2


def test_a_commitment_report_that_never_comes_is_asked_for_again(ledger: Ledger) -> None:
    analyzed_study(ledger, "pacs")
    job = claim_job(ledger, JobKind.DELIVER)
    ledger.deliveries.commitment_requested(job, "7.7", [ObjectReceipt("9.1", 0)], 220, patience_s=30)
    ledger.deliveries.commitment_awaited(job, 820)
    assert ledger.jobs.claim(JobKind.DELIVER, 800, LEASE) is None
    assert claim_job(ledger, JobKind.DELIVER, 821).attempt == 2


def test_a_commitment_that_a_crash_kept_from_being_asked_for_is_asked_for_soon(ledger: Ledger) -> None:
    analyzed_study(ledger, "pacs")
    ledger.deliveries.commitment_requested(
        claim_job(ledger, JobKind.DELIVER), "7.7", [ObjectReceipt("9.1", 0)], 220, patience_s=30
    )
    assert claim_job(ledger, JobKind.DELIVER, 251).attempt == 2


def test_what_a_destination_does_not_take_is_said_on_delivery_and_study(ledger: Ledger) -> None:
    complete_study(ledger)
    saliency_map = KeptObject("map", "1.3", "9.2", "9", "digest", "path")
    analysis = AnalysisRecord((kept_report(), saliency_map), SUMMARY, ("pacs",))
    ledger.jobs.analyzed(claim_job(ledger), analysis, now=210)
    receipts = [ObjectReceipt("9.1", 0), ObjectReceipt("9.2", NOT_SUPPORTED)]
    ledger.deliveries.delivered(claim_job(ledger, JobKind.DELIVER), receipts, 220)
    detail = ledger.reading.study(STUDY)
    assert (detail.study.state, detail.study.reason_code) == (StudyState.DELIVERED, ReasonCode.PARTLY_TAKEN)
    assert detail.study.reason == detail.jobs[-1].reason
    assert detail.study.reason.startswith("pacs takes no map: its administrator must allow")


def test_a_report_that_was_taken_in_an_older_class_is_taken(ledger: Ledger) -> None:
    analyzed_study(ledger, "pacs")
    receipts = [ObjectReceipt("9.1", NOT_SUPPORTED), ObjectReceipt("9.1.1", 0)]
    ledger.deliveries.delivered(claim_job(ledger, JobKind.DELIVER), receipts, 220)
    assert ledger.reading.study(STUDY).study.reason_code is None
