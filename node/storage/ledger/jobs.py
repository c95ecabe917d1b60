"""Jobs: claimed under a lease, extended, finished, failed; analysis and delivery alike."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, Engine, and_, insert, select, update

from node.jobs import NOBODY, Job, JobKind, JobState, NodePart, RetryPolicy
from node.reasons import Reason, ReasonCode
from node.states import StudyEvent, StudyState
from node.storage import schema
from node.storage.database import reading, writing
from node.storage.holds import is_held
from node.storage.ledger.job_rows import (
    StaleJob,
    add_job,
    due_jobs,
    find_job,
    finish_job,
    lease,
    put_back,
    require_lease,
)
from node.storage.ledger.object_rows import keep_object, keep_receipts
from node.storage.ledger.transitions import NO_REASON, locked_study, move, reason_columns
from node.storage.records import (
    REJECTION_KIND,
    REPORT_KIND,
    AnalysisRecord,
    JobRow,
    KeptObject,
    ObjectReceipt,
    StudyRow,
)
from node.storage.rows import job_from_row, kept_object_from_row

_PLANNED_STOP = Reason(ReasonCode.PLANNED_STOP, "given back: its process was asked to end")
_LEASE_ENDED = Reason(ReasonCode.WORKER_DIED, "interrupted: the worker ended, or took longer than its lease")


class JobQueue:
    """What workers tell the ledger about their jobs."""

    def __init__(self, engine: Engine, retry: RetryPolicy, rng: random.Random) -> None:
        self.engine = engine
        self.retry = retry
        self.rng = rng

    def claim(
        self,
        kind: JobKind,
        now: float,
        lease_seconds: float,
        destination: str | None = None,
        by: NodePart = NOBODY,
    ) -> Job | None:
        """The most urgent, then oldest job of this kind (and destination) that is due, or whose worker has died.

        None: nothing to do, or the operator holds it back.
        """
        due = due_jobs(kind, now, by.archive)
        if destination is not None:
            due = due.where(schema.job.c.destination == destination)
        with reading(self.engine) as db:
            if db.execute(due.limit(1)).first() is None or is_held(db, by.node, destination):
                return None
        with writing(self.engine) as db:
            if is_held(db, by.node, destination):
                return None
            for row in [job_from_row(each) for each in db.execute(due.limit(8))]:
                job = self._claim(db, row, now, now + lease_seconds, by)
                if job is not None:
                    return job
        return None

    def _claim(self, db: Connection, row: JobRow, now: float, lease_until: float, by: NodePart) -> Job | None:
        """This job, None when it is given up now or another node was faster."""
        study, lost = locked_study(db, row.study_id), row.state is JobState.RUNNING
        if lost and row.kind is JobKind.ANALYZE:
            study = move(db, study, StudyEvent.ATTEMPT_LOST, now, _LEASE_ENDED)
        if lost and row.attempts >= self.retry.attempts:
            words = f"failed after {row.attempts} attempts, each interrupted by the end of its worker"
            _give_up(db, row, study, Reason(ReasonCode.WORKER_DIED, words), now)
            return None
        job = lease(db, row, study, lease_until, by)
        if job is not None and row.kind is JobKind.ANALYZE:
            move(db, study, StudyEvent.CLAIMED, now, f"attempt {job.attempt}")
        return job

    def extend(self, job: Job, lease_until: float) -> None:
        """The worker is alive; raises StaleJob when the job is no longer this worker's."""
        with writing(self.engine) as db:
            require_lease(db, job)
            db.execute(update(schema.job).where(schema.job.c.id == job.id).values(lease_until=lease_until))

    def progressed(self, job: Job, stage: str, done: int, planned: int) -> None:
        """So many steps of a stage are done, for who looks; raises StaleJob when the job is no longer this worker's."""
        table = schema.job
        ours = (table.c.id == job.id, table.c.fence == job.fence, table.c.state == JobState.RUNNING)
        with writing(self.engine) as db:
            told = db.execute(update(table).where(*ours).values(stage=stage, steps_done=done, steps=planned))
        if told.rowcount != 1:
            raise StaleJob(f"job {job.id} was cancelled, or its study has a new image")

    def analyzed(self, job: Job, analysis: AnalysisRecord, now: float) -> None:
        """The result objects are on disk: one delivery job for each destination."""
        with writing(self.engine) as db:
            study = require_lease(db, job)
            _keep_analysis(db, job, analysis, now)
            move(db, study, StudyEvent.OBJECTS_KEPT, now, f"{len(analysis.objects)} objects", **NO_REASON)
            finish_job(db, job.id, JobState.DONE, now)

    def ineligible(self, job: Job, reason: Reason, analysis: AnalysisRecord, now: float) -> None:
        """The study cannot be analysed; the objects say so to the PACS (none: the site wants silence)."""
        with writing(self.engine) as db:
            study = require_lease(db, job)
            _keep_analysis(db, job, analysis, now)
            move(db, study, StudyEvent.FOUND_INELIGIBLE, now, reason, **reason_columns(reason))
            finish_job(db, job.id, JobState.DONE, now, reason)

    def release(self, dead: NodePart | None = None) -> None:
        """Let the jobs of a process that has died be claimed at once; None: of every process, where all have died."""
        table = schema.job
        held = table.c.state == JobState.RUNNING
        if dead is not None:
            held = and_(held, table.c.node == dead.node, table.c.part == dead.part)
        with writing(self.engine) as db:
            db.execute(update(table).where(held).values(lease_until=0.0))

    def holders(self) -> list[NodePart]:
        """The process behind each job that is in hand."""
        table = schema.job.c
        with reading(self.engine) as db:
            rows = db.execute(select(table.node, table.part).where(table.state == JobState.RUNNING)).all()
        return [NodePart(row.node, row.part) for row in rows]

    def give_back(self, node: str, now: float, part: str | None = None) -> int:
        """A planned stop: what this node (or one part of it) has in hand waits again, and no attempt is counted.

        Gives how many jobs that were.
        """
        table = schema.job.c
        held = and_(table.state == JobState.RUNNING, table.node == node)
        if part is not None:
            held = and_(held, table.part == part)
        with writing(self.engine) as db:
            studies = [row.study_id for row in db.execute(select(table.study_id).where(held).order_by(table.study_id))]
            given = [_give_back(db, number, held, now) for number in dict.fromkeys(studies)]
        return sum(given)

    def failed(
        self,
        job: Job,
        reason: Reason,
        now: float,
        *,
        attempts: int | None,
        receipts: Sequence[ObjectReceipt] = (),
    ) -> None:
        """An attempt failed: again after a pause, or given up after so many attempts (None: never)."""
        with writing(self.engine) as db:
            study = require_lease(db, job)
            keep_receipts(db, job, receipts, now)
            row = find_job(db, job.id)
            if attempts is not None and row.attempts >= attempts:
                _give_up(db, row, study, reason, now)
                return
            if job.kind is JobKind.ANALYZE:
                move(db, study, StudyEvent.ATTEMPT_LOST, now, reason)
            pause = self.retry.pause(row.attempts, self.rng)
            again = {"state": JobState.WAITING, "not_before": now + pause, "lease_until": 0.0, **reason_columns(reason)}
            db.execute(update(schema.job).where(schema.job.c.id == job.id).values(again))

    def predecessor(self, job: Job) -> KeptObject | None:
        """The report of the newest earlier revision that stands, not withdrawn: this job's report supersedes it."""
        table = schema.result_object.c
        withdrawn = select(table.revision).where(table.study_id == job.study_id, table.kind == REJECTION_KIND)
        query = select(schema.result_object).where(
            table.study_id == job.study_id,
            table.kind == REPORT_KIND,
            table.revision < job.revision,
            table.revision.not_in(withdrawn),
        )
        with reading(self.engine) as db:
            row = db.execute(query.order_by(table.revision.desc()).limit(1)).first()
        return None if row is None else kept_object_from_row(row)


def _give_up(db: Connection, row: JobRow, study: StudyRow, reason: Reason, now: float) -> None:
    finish_job(db, row.id, JobState.DEAD, now, reason)
    if study.state in (StudyState.STABLE, StudyState.ANALYZING, StudyState.ANALYZED):
        move(db, study, StudyEvent.GAVE_UP, now, reason, **reason_columns(reason))


def _give_back(db: Connection, study_id: int, held: ColumnElement[bool], now: float) -> int:
    """The jobs of one study that are held so wait again; gives how many."""
    study = locked_study(db, study_id)
    rows = db.execute(select(schema.job).where(schema.job.c.study_id == study_id, held)).all()
    for row in map(job_from_row, rows):
        put_back(db, row)
        if row.kind is JobKind.ANALYZE and study.state is StudyState.ANALYZING:
            study = move(db, study, StudyEvent.GIVEN_BACK, now, _PLANNED_STOP)
    return len(rows)


def _keep_analysis(db: Connection, job: Job, analysis: AnalysisRecord, now: float) -> None:
    """Rows for the objects and the summary, and the delivery jobs; a repeated attempt has left nothing to replace."""
    db.execute(
        insert(schema.analysis).values(
            study_id=job.study_id,
            revision=job.revision,
            finished_at=now,
            summary=json.dumps(analysis.summary.to_json()),
        )
    )
    for each in analysis.objects:
        keep_object(db, job.study_id, job.revision, each)
    for destination in analysis.destinations if analysis.objects else ():
        add_job(db, JobKind.DELIVER, job.study_id, job.revision, now, destination=destination)
