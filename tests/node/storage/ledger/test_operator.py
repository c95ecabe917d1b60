"""What the operator asks for."""

from __future__ import annotations

import pytest

from ledger_studies import LEASE, STUDY, analyzed_study, claim_job, complete_study, kept_report, state_of
from node.jobs import JobKind, JobState
from node.reasons import Reason, ReasonCode
from node.states import StudyState
from node.storage.ledger.job_rows import StaleJob
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


def test_what_a_destination_still_lacks_can_be_sent_anew(ledger: Ledger) -> None:
    analyzed_study(ledger, "pacs")
    claim_job(ledger, JobKind.DELIVER)
    ledger.operator.redeliver(STUDY, ["pacs"], 220)
    assert state_of(ledger) is StudyState.ANALYZED
    assert claim_job(ledger, JobKind.DELIVER, 221).attempt == 1


@pytest.mark.parametrize("running", [False, True])
def test_a_cancelled_analysis_is_dropped_even_while_it_runs_and_can_be_asked_for_again(
    ledger: Ledger, running: bool
) -> None:
    complete_study(ledger)
    job = claim_job(ledger) if running else None
    assert ledger.operator.cancel(STUDY, "alice", 220) == 1
    detail = ledger.reading.study(STUDY)
    assert (detail.study.state, detail.study.reason) == (StudyState.CANCELLED, "cancelled by alice")
    assert (detail.jobs[0].state, detail.jobs[0].reason_code) == (JobState.CANCELLED, ReasonCode.CANCELLED)
    if job is not None:
        with pytest.raises(StaleJob):
            ledger.jobs.analyzed(job, AnalysisRecord((kept_report(),), AnalysisSummary(), ("pacs",)), 230)
    assert ledger.jobs.claim(JobKind.ANALYZE, 900, LEASE) is None
    ledger.operator.requeue(STUDY, 910)
    assert claim_job(ledger, now=911).revision == 2
    persons = [entry.fields.person for entry, _ in ledger.audit.entries() if entry.event == "OPERATED"]
    assert persons == ["alice"]


def test_a_study_with_a_cancelled_delivery_is_never_called_delivered(ledger: Ledger) -> None:
    analyzed_study(ledger, "pacs", "research")
    assert ledger.operator.cancel(STUDY, "alice", 220, "research") == 1
    assert state_of(ledger) is StudyState.ANALYZED
    ledger.deliveries.delivered(claim_job(ledger, JobKind.DELIVER, 221), [], 222)
    assert state_of(ledger) is StudyState.CANCELLED
    ledger.operator.redeliver(STUDY, ["pacs", "research"], 230)
    for now in (231, 232):
        ledger.deliveries.delivered(claim_job(ledger, JobKind.DELIVER, now), [], now)
    assert state_of(ledger) is StudyState.DELIVERED


def test_a_failed_job_that_is_cancelled_leaves_the_study_failed_and_the_queue(ledger: Ledger) -> None:
    analyzed_study(ledger, "pacs")
    reason = Reason(ReasonCode.PEER_REFUSED, "pacs refused")
    ledger.jobs.failed(claim_job(ledger, JobKind.DELIVER), reason, 220, attempts=1)
    ledger.operator.cancel(STUDY, "alice", 230)
    detail = ledger.reading.study(STUDY)
    assert (detail.study.state, detail.study.reason) == (StudyState.FAILED, "pacs refused")
    assert detail.jobs[-1].state is JobState.CANCELLED


def test_a_study_without_an_open_job_has_nothing_to_cancel(ledger: Ledger) -> None:
    analyzed_study(ledger)
    with pytest.raises(LookupError, match="waiting, running or failed"):
        ledger.operator.cancel(STUDY, "alice", 300)


def test_a_cancelled_delivery_of_an_earlier_revision_leaves_the_new_analysis_alone(ledger: Ledger) -> None:
    analyzed_study(ledger, "pacs")
    reason = Reason(ReasonCode.PEER_REFUSED, "pacs refused")
    ledger.jobs.failed(claim_job(ledger, JobKind.DELIVER), reason, 220, attempts=1)
    ledger.operator.requeue(STUDY, 230)
    assert ledger.operator.cancel(STUDY, "alice", 240, "pacs") == 1
    assert state_of(ledger) is StudyState.STABLE
    job = claim_job(ledger, now=250)
    assert ledger.operator.cancel(STUDY, "alice", 260) == 1
    assert (job.revision, state_of(ledger)) == (2, StudyState.CANCELLED)
