"""Rows of jobs: added, leased, finished, cancelled. Inside the caller's transaction."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select, and_, insert, not_, or_, select, update

from node.jobs import NOBODY, OPEN, Job, JobKind, JobState, NodePart
from node.reasons import Reason
from node.storage import schema
from node.storage.ledger.host_rows import result_elsewhere, study_here
from node.storage.ledger.transitions import CLOCK_WENT_BACK_SECONDS, NO_REASON, locked_study, reason_columns
from node.storage.records import JobRow, StudyRow
from node.storage.rows import job_from_row

_LONGEST_WAIT_SECONDS = 3600.0  # longer than any pause or patience
_LONGEST_LEASE_SECONDS = 900.0  # of releases before 0.2
_NOBODYS = {"node": "", "part": ""}
"""Columns of a job that no process holds."""


class StaleJob(Exception):
    """The job is no longer this worker's: its lease ran out, or the study has a new revision. It is dropped."""


def add_job(db: Connection, kind: JobKind, study_id: int, revision: int, now: float, *, destination: str = "") -> None:
    """A job that is due at once, as urgent as its study."""
    urgency = select(schema.study.c.priority).where(schema.study.c.id == study_id).scalar_subquery()
    db.execute(
        insert(schema.job).values(
            study_id=study_id,
            kind=kind,
            revision=revision,
            destination=destination,
            state=JobState.WAITING,
            attempts=0,
            fence=0,
            not_before=now,
            lease_until=0.0,
            **NO_REASON,
            created_at=now,
            finished_at=None,
            priority=urgency,
            **_NOBODYS,
        )
    )


def find_job(db: Connection, job_id: int) -> JobRow:
    """The job of this number."""
    return job_from_row(db.execute(select(schema.job).where(schema.job.c.id == job_id)).one())


def due_jobs(kind: JobKind, now: float, archive: str = "") -> Select[Any]:
    """Jobs of this kind that wait and are due, or run under a lease that has ended: the most urgent, then the oldest.

    With an archive only those whose files lie in it: what another host keeps can be done there, and waits for it.
    A time that is further ahead than any we write was written before the clock was set back, or by a host whose clock
    is ahead: a job that nobody has tried is due when it is made, and no lease is long.
    """
    table, now_at_most = schema.job.c, now + CLOCK_WENT_BACK_SECONDS
    impossible = or_(
        table.not_before > now_at_most + _LONGEST_WAIT_SECONDS,
        and_(table.attempts == 0, table.not_before > now_at_most),
    )
    waiting = and_(table.state.in_((JobState.WAITING, JobState.COMMITTING)), or_(table.not_before <= now, impossible))
    ended = or_(table.lease_until < now, table.lease_until > now_at_most + _LONGEST_LEASE_SECONDS)
    lost = and_(table.state == JobState.RUNNING, ended)
    order = (table.priority, table.not_before, table.id)
    due = select(schema.job).where(table.kind == kind, or_(waiting, lost)).order_by(*order)
    if not archive:
        return due
    analysis = kind is JobKind.ANALYZE
    return due.where(study_here(table.study_id, archive) if analysis else not_(result_elsewhere(archive)))


def lease(db: Connection, row: JobRow, study: StudyRow, lease_until: float, by: NodePart = NOBODY) -> Job | None:
    """Make the job this process's, unless another has taken it since it was read."""
    table = schema.job
    leased = {
        "state": JobState.RUNNING,
        "fence": row.fence + 1,
        "attempts": row.attempts + 1,
        "lease_until": lease_until,
        "node": by.node,
        "part": by.part,
        "stage": "",
        "steps_done": 0,
        "steps": 0,
    }
    still = (table.c.id == row.id, table.c.fence == row.fence, table.c.state == row.state)
    if db.execute(update(table).where(*still).values(leased)).rowcount != 1:
        return None
    return Job(
        id=row.id,
        kind=row.kind,
        study_id=row.study_id,
        study_instance_uid=study.study_instance_uid,
        revision=row.revision,
        destination=row.destination,
        attempt=row.attempts + 1,
        fence=row.fence + 1,
        sent=row.state is JobState.COMMITTING,
        called_ae_title=study.called_ae_title,
    )


def require_lease(db: Connection, job: Job) -> StudyRow:
    """The study of a job that is still this worker's; raises StaleJob otherwise."""
    study, row = locked_study(db, job.study_id), find_job(db, job.id)
    if row.state is not JobState.RUNNING or row.fence != job.fence or study.revision != job.revision:
        raise StaleJob(f"job {job.id} of revision {job.revision} is no longer this worker's")
    return study


def put_back(db: Connection, row: JobRow) -> None:
    """The job waits again as if it had not been claimed; the process that held it finds it stale."""
    waiting = {"state": JobState.WAITING, "attempts": row.attempts - 1, "lease_until": 0.0}
    db.execute(update(schema.job).where(schema.job.c.id == row.id).values(**waiting, **_NOBODYS))


def finish_job(db: Connection, job_id: int, state: JobState, now: float, reason: Reason | None = None) -> None:
    """The job ends in this state."""
    why = NO_REASON if reason is None else reason_columns(reason)
    db.execute(
        update(schema.job).where(schema.job.c.id == job_id).values(state=state, finished_at=now, lease_until=0.0, **why)
    )


def cancel_open_jobs(db: Connection, study_id: int, reason: Reason, now: float) -> None:
    """What the study's jobs would do is no longer wanted."""
    table = schema.job
    db.execute(
        update(table)
        .where(table.c.study_id == study_id, table.c.state.in_(OPEN))
        .values(state=JobState.CANCELLED, finished_at=now, **reason_columns(reason))
    )
