"""Jobs: leases, attempts, reasons."""

from __future__ import annotations

import pytest

from ledger_studies import (
    LEASE,
    STUDY,
    analyzed_study,
    claim_job,
    complete_study,
    kept_report,
    state_of,
    stored_instance,
)
from mome_core.errors import Ineligibility
from node.jobs import JobKind, JobState, NodePart, Priority
from node.reasons import Reason, ReasonCode
from node.states import StudyEvent, StudyState
from node.storage.ledger.job_rows import StaleJob
from node.storage.ledger.ledger import Ledger
from node.storage.records import AnalysisRecord, KeptObject
from node.summary import AnalysisSummary


def test_a_revision_knows_the_report_that_it_supersedes(ledger: Ledger) -> None:
    analyzed_study(ledger)
    ledger.operator.requeue(STUDY, 300)
    assert ledger.jobs.predecessor(claim_job(ledger, now=301)) == kept_report()


def test_a_job_is_claimed_once_until_its_lease_ends(ledger: Ledger) -> None:
    complete_study(ledger)
    first = claim_job(ledger, now=200)
    assert ledger.jobs.claim(JobKind.ANALYZE, 230, LEASE) is None
    second = claim_job(ledger, now=261)
    assert second.fence > first.fence
    with pytest.raises(StaleJob):
        ledger.jobs.extend(first, 400)
    ledger.jobs.extend(second, 400)
    assert ledger.jobs.claim(JobKind.ANALYZE, 390, LEASE) is None


def test_a_study_that_kills_its_worker_is_given_up_after_three_attempts(ledger: Ledger) -> None:
    complete_study(ledger)
    for attempt in range(3):
        claim_job(ledger, now=200 + 100 * attempt)
    assert ledger.jobs.claim(JobKind.ANALYZE, 900, LEASE) is None
    assert state_of(ledger) is StudyState.FAILED
    assert ledger.reading.study(STUDY).study.reason_code is ReasonCode.WORKER_DIED


def test_an_error_that_may_pass_is_tried_again_later(ledger: Ledger) -> None:
    complete_study(ledger)
    ledger.jobs.failed(claim_job(ledger), Reason(ReasonCode.ANALYSIS_FAILED, "out of memory"), 210, attempts=3)
    assert state_of(ledger) is StudyState.STABLE
    assert ledger.jobs.claim(JobKind.ANALYZE, 211, LEASE) is None
    assert claim_job(ledger, now=230).attempt == 2


def test_an_unreachable_destination_is_tried_for_ever_and_blocks_no_other(ledger: Ledger) -> None:
    analyzed_study(ledger, "down", "up")
    now = 300.0
    for _ in range(20):
        job = ledger.jobs.claim(JobKind.DELIVER, now, LEASE, "down")
        assert job is not None
        ledger.jobs.failed(job, Reason(ReasonCode.PEER_UNREACHABLE, "no association"), now, attempts=None)
        now += 2000
    job = ledger.jobs.claim(JobKind.DELIVER, now, LEASE, "up")
    assert job is not None
    ledger.deliveries.delivered(job, [], now)
    assert state_of(ledger) is StudyState.ANALYZED


def test_an_ineligible_study_says_so_to_the_pacs_and_keeps_its_reason(ledger: Ledger) -> None:
    complete_study(ledger)
    ledger.jobs.ineligible(
        claim_job(ledger),
        Reason(Ineligibility.NO_DYNAMIC, "no DCE series"),
        AnalysisRecord((kept_report(),), AnalysisSummary(), ("pacs",)),
        210,
    )
    ledger.deliveries.delivered(claim_job(ledger, JobKind.DELIVER, 211), [], 212)
    assert state_of(ledger) is StudyState.INELIGIBLE
    study = ledger.reading.study(STUDY).study
    assert (study.reason, study.reason_code) == ("no DCE series", Ineligibility.NO_DYNAMIC)


def complete_studies(ledger: Ledger, *studies: str) -> None:
    """Studies that became complete one after the other."""
    for number, study in enumerate(studies):
        ledger.receiving.instances_stored([stored_instance(study=study)], now=100 + number)
        assert ledger.gathering.settle(quiet_since=150, now=160 + number) == 1


def test_a_stat_study_overtakes_all_that_wait_and_the_rest_keeps_its_order(ledger: Ledger) -> None:
    complete_studies(ledger, "1.1", "1.2", "1.3", "1.4")
    ledger.operator.prioritise("1.4", Priority.STAT, "alice", 170)
    ledger.operator.prioritise("1.1", Priority.LOW, "alice", 171)
    claimed = [claim_job(ledger, now=200).study_instance_uid for _ in range(4)]
    assert claimed == ["1.4", "1.2", "1.3", "1.1"]


def test_the_priority_of_a_study_is_that_of_its_deliveries_and_later_revisions(ledger: Ledger) -> None:
    ledger.receiving.instances_stored([stored_instance(study="1.1"), stored_instance(study="1.2")], now=100)
    ledger.operator.prioritise("1.2", Priority.STAT, "alice", 110)
    assert ledger.gathering.settle(quiet_since=150, now=160) == 2
    for _ in range(2):
        job = claim_job(ledger, now=200)
        report = KeptObject("report", "1.2", f"9.{job.study_id}", "9", "digest", "path")
        ledger.jobs.analyzed(job, AnalysisRecord((report,), AnalysisSummary(), ("pacs",)), 210)
    first = claim_job(ledger, JobKind.DELIVER, 220)
    assert first.study_instance_uid == "1.2"
    ledger.operator.requeue("1.2", 230)
    assert ledger.reading.study("1.2").study.priority is Priority.STAT


def test_a_planned_stop_gives_the_job_back_and_counts_no_attempt(ledger: Ledger) -> None:
    complete_studies(ledger, "1.1", "1.2")
    mine = ledger.jobs.claim(JobKind.ANALYZE, 200, LEASE, by=NodePart("one", "worker"))
    other = ledger.jobs.claim(JobKind.ANALYZE, 200, LEASE, by=NodePart("two", "worker"))
    assert mine is not None
    assert other is not None
    assert ledger.jobs.give_back("one", 210) == 1
    detail = ledger.reading.study("1.1")
    assert (detail.study.state, detail.jobs[0].state, detail.jobs[0].attempts) == (
        StudyState.STABLE,
        JobState.WAITING,
        0,
    )
    assert detail.timeline[-1].event is StudyEvent.GIVEN_BACK
    assert detail.timeline[-1].fields.reason is ReasonCode.PLANNED_STOP
    with pytest.raises(StaleJob):
        ledger.jobs.extend(mine, 400)
    ledger.jobs.extend(other, 400)
    again = claim_job(ledger, now=211)
    assert (again.study_instance_uid, again.attempt) == ("1.1", 1)
    assert again.fence > mine.fence
    assert ledger.jobs.give_back("one", 220) == 0, "the new claim is nobody's of that node"


def test_a_delivery_that_is_given_back_leaves_the_study_as_it_is(ledger: Ledger) -> None:
    analyzed_study(ledger, "pacs")
    assert ledger.jobs.claim(JobKind.DELIVER, 220, LEASE, "pacs", NodePart("one", "scheduler")) is not None
    assert ledger.jobs.give_back("one", 230, "worker") == 0
    assert ledger.jobs.give_back("one", 230, "scheduler") == 1
    assert state_of(ledger) is StudyState.ANALYZED
    assert claim_job(ledger, JobKind.DELIVER, 231).attempt == 1


def test_what_a_dead_process_held_is_claimed_at_once_and_counts_as_an_attempt(ledger: Ledger) -> None:
    complete_studies(ledger, "1.1", "1.2")
    for part in ("worker-cuda:0", "worker-cuda:1"):
        assert ledger.jobs.claim(JobKind.ANALYZE, 200, LEASE, by=NodePart("one", part)) is not None
    ledger.jobs.release(NodePart("one", "worker-cuda:1"))
    again = claim_job(ledger, now=201)
    assert (again.study_instance_uid, again.attempt) == ("1.2", 2)
    assert ledger.jobs.claim(JobKind.ANALYZE, 202, LEASE) is None, "the other process lives"
    ledger.jobs.release()
    assert claim_job(ledger, now=203).study_instance_uid == "1.1"
