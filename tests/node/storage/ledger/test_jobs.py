"""Jobs: leases, attempts, reasons."""

from __future__ import annotations

import pytest

from ledger_studies import LEASE, STUDY, analyzed_study, claim_job, complete_study, kept_report, state_of
from mome_core.errors import Ineligibility
from node.jobs import JobKind
from node.reasons import Reason, ReasonCode
from node.states import StudyState
from node.storage.ledger.job_rows import StaleJob
from node.storage.ledger.ledger import Ledger
from node.storage.records import AnalysisRecord
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
