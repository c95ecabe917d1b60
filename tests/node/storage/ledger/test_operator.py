"""What the operator asks for."""

from __future__ import annotations

from ledger_studies import STUDY, analyzed_study, claim_job, kept_report, state_of
from node.jobs import JobKind
from node.reasons import Reason, ReasonCode
from node.states import StudyState
from node.storage.ledger.ledger import Ledger
from node.storage.records import AnalysisRecord, KeptObject
from node.summary import AnalysisSummary


def test_results_are_withdrawn_wherever_they_went(ledger: Ledger) -> None:
    analyzed_study(ledger, "pacs")
    ledger.deliveries.delivered(claim_job(ledger, JobKind.DELIVER), [], now=220)
    note = KeptObject("rejection", "1.2", "9.9", "9", "digest", "path")
    ledger.operator.withdrawn(STUDY, note, ["pacs"], 300)
    assert note in ledger.deliveries.objects_of(claim_job(ledger, JobKind.DELIVER, 301))


def test_a_permanent_refusal_ends_as_a_visible_failure_that_can_be_redelivered(ledger: Ledger) -> None:
    analyzed_study(ledger, "pacs")
    ledger.jobs.failed(
        claim_job(ledger, JobKind.DELIVER), Reason(ReasonCode.PEER_REFUSED, "pacs refused"), 220, attempts=1
    )
    assert state_of(ledger) is StudyState.FAILED
    ledger.operator.redeliver(STUDY, ["pacs"], 230)
    ledger.deliveries.delivered(claim_job(ledger, JobKind.DELIVER, 231), [], 232)
    assert state_of(ledger) is StudyState.DELIVERED


def test_reprocessing_is_a_new_revision(ledger: Ledger) -> None:
    analyzed_study(ledger)
    ledger.operator.requeue(STUDY, 300)
    job = claim_job(ledger, now=301)
    assert job.revision == 2
    ledger.jobs.analyzed(job, AnalysisRecord((kept_report(2),), AnalysisSummary(), ()), 310)
    assert [each.sop_instance_uid for each in ledger.reading.study(STUDY).objects] == ["9.2"]
