"""Rows of jobs: which are due, whose they are, how they end."""

from __future__ import annotations

import pytest

from ledger_studies import STUDY, claim_job, complete_study
from node.jobs import JobKind, JobState
from node.reasons import Reason, ReasonCode
from node.storage.database import reading, writing
from node.storage.ledger.job_rows import StaleJob, cancel_open_jobs, due_jobs, finish_job, lease, require_lease
from node.storage.ledger.ledger import Ledger
from node.storage.ledger.transitions import require_study
from node.storage.rows import job_from_row


def due(ledger: Ledger, now: float) -> int:
    with reading(ledger.engine) as db:
        return len(db.execute(due_jobs(JobKind.ANALYZE, now)).all())


def test_a_job_is_due_when_it_waits_and_when_its_lease_has_ended(ledger: Ledger) -> None:
    complete_study(ledger)  # at 160
    assert (due(ledger, 159), due(ledger, 160)) == (0, 1)
    claim_job(ledger, now=200)  # for 60 seconds
    assert (due(ledger, 260), due(ledger, 261)) == (0, 1)


def test_a_time_that_nobody_can_have_written_is_due_at_once(ledger: Ledger) -> None:
    complete_study(ledger)  # at 160
    assert due(ledger, 160 - 250) == 0
    assert due(ledger, 160 - 310) == 1  # the clock was set back since, or that of another host is ahead
    claim_job(ledger, now=4000)  # until 4060
    assert due(ledger, 4060 - 1100) == 0
    assert due(ledger, 4060 - 1300) == 1


def test_of_two_nodes_that_read_the_same_row_one_gets_the_job(ledger: Ledger) -> None:
    complete_study(ledger)
    with writing(ledger.engine) as db:
        row, study = job_from_row(db.execute(due_jobs(JobKind.ANALYZE, 200)).one()), require_study(db, STUDY)
        assert lease(db, row, study, 260) is not None
        assert lease(db, row, study, 260) is None


def test_a_finished_job_is_nobodys(ledger: Ledger) -> None:
    complete_study(ledger)
    job = claim_job(ledger)
    with writing(ledger.engine) as db:
        assert require_lease(db, job).study_instance_uid == STUDY
        finish_job(db, job.id, JobState.DONE, 220)
        with pytest.raises(StaleJob):
            require_lease(db, job)


def test_cancelled_jobs_say_why(ledger: Ledger) -> None:
    complete_study(ledger)
    with writing(ledger.engine) as db:
        cancel_open_jobs(db, require_study(db, STUDY).id, Reason(ReasonCode.REQUEUED, "by the operator"), 220)
    (job,) = ledger.reading.study(STUDY).jobs
    assert (job.state, job.reason, job.reason_code) == (JobState.CANCELLED, "by the operator", ReasonCode.REQUEUED)
