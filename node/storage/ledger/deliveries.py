"""Deliveries: what destinations took, and what they committed to keep."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence

from sqlalchemy import Connection, Engine, and_, insert, select, update

from node.audit import AuditEntry, AuditEvent, AuditFields
from node.jobs import UNFINISHED, Job, JobKind, JobState, RetryPolicy
from node.reasons import Reason, ReasonCode
from node.states import StudyEvent, StudyState
from node.storage import audit_trail, schema
from node.storage.database import reading, writing
from node.storage.ledger.job_rows import find_job, finish_job, require_lease
from node.storage.ledger.object_rows import classes_not_taken, keep_receipts, result_objects
from node.storage.ledger.transitions import NO_REASON, locked_study, move, reason_columns
from node.storage.records import JobRow, KeptObject, ObjectReceipt, StudyRow

COMMITMENT_AWAITED = Reason(ReasonCode.COMMITMENT_AWAITED, "sent; waiting for storage commitment")


class Deliveries:
    """What delivery clients and the listener tell the ledger about objects on their way."""

    def __init__(self, engine: Engine, retry: RetryPolicy, rng: random.Random) -> None:
        self.engine = engine
        self.retry = retry
        self.rng = rng

    def objects_of(self, job: Job) -> list[KeptObject]:
        """The result objects that this delivery job sends."""
        with reading(self.engine) as db:
            return result_objects(db, job.study_id, job.revision)

    def taken_before(self, job: Job) -> frozenset[str]:
        """SOP Instance UIDs that the destination took in an earlier attempt of this job."""
        table = schema.receipt.c
        query = select(table.sop_instance_uid, table.status).where(table.job_id == job.id)
        with reading(self.engine) as db:
            return frozenset(uid for uid, status in db.execute(query) if ObjectReceipt(uid, status).kept)

    def delivered(self, job: Job, receipts: Sequence[ObjectReceipt], now: float) -> None:
        """The destination took every object; the study is DELIVERED when all destinations have."""
        with writing(self.engine) as db:
            study = require_lease(db, job)
            keep_receipts(db, job, receipts, now)
            _note_sent(db, job, receipts, now)
            _finish(db, find_job(db, job.id), study, now)

    def commitment_requested(
        self,
        job: Job,
        transaction_uid: str,
        receipts: Sequence[ObjectReceipt],
        now: float,
        *,
        patience_s: float,
        reason: Reason = COMMITMENT_AWAITED,
    ) -> None:
        """The objects are sent and commitment is about to be requested, again after the patience."""
        with writing(self.engine) as db:
            require_lease(db, job)
            keep_receipts(db, job, receipts, now)
            _note_sent(db, job, receipts, now)
            db.execute(
                insert(schema.commitment).values(
                    transaction_uid=transaction_uid, job_id=job.id, requested_at=now, answered_at=None, failed=0
                )
            )
            waiting = {"state": JobState.COMMITTING, "not_before": now + patience_s, **reason_columns(reason)}
            db.execute(update(schema.job).where(schema.job.c.id == job.id).values(waiting))

    def commitment_awaited(self, job: Job, until: float) -> None:
        """The peer has taken the request; its report, if it is not here yet, may come until then."""
        jobs = schema.job
        still = and_(jobs.c.id == job.id, jobs.c.fence == job.fence, jobs.c.state == JobState.COMMITTING)
        with writing(self.engine) as db:
            db.execute(update(jobs).where(still).values(not_before=until))

    def commitment_refused(self, job: Job, transaction_uid: str, reason: Reason, now: float) -> None:
        """The peer did not take the request; it is repeated after a pause, and the objects stay where they are."""
        jobs = schema.job
        still = and_(jobs.c.id == job.id, jobs.c.fence == job.fence, jobs.c.state == JobState.COMMITTING)
        pause = self.retry.pause(job.attempt, self.rng)
        with writing(self.engine) as db:
            _close_transaction(db, transaction_uid, (), 0, now, by=(job.destination,))
            db.execute(update(jobs).where(still).values(not_before=now + pause, **reason_columns(reason)))

    def explain_waiting(self, destination: str, reason: Reason) -> None:
        """Say why a destination's reports on commitment do not come, on every delivery that waits for one."""
        jobs = schema.job
        waiting = and_(jobs.c.destination == destination, jobs.c.state == JobState.COMMITTING)
        with writing(self.engine) as db:
            db.execute(update(jobs).where(waiting).values(**reason_columns(reason)))

    def commitment_answered(
        self,
        transaction_uid: str,
        committed: Sequence[str],
        failed: Sequence[str],
        now: float,
        *,
        by: Collection[str],
    ) -> bool:
        """The peer's report; False when no such transaction is open. Objects that it lacks are sent again.

        Parameters
        ----------
        by
            Names of the destinations that the peer may be: nobody answers for another.
        """
        with writing(self.engine) as db:
            job_id = _close_transaction(db, transaction_uid, committed, len(failed), now, by=by)
            if job_id is None:
                return False
            job = find_job(db, job_id)
            study = locked_study(db, job.study_id)
            if job.state is not JobState.COMMITTING:
                return True
            if failed:
                lost = "1 object, which is" if len(failed) == 1 else f"{len(failed)} objects, which are"
                words = f"{job.destination} does not commit itself to {lost} sent again"
                reason = Reason(ReasonCode.COMMITMENT_MISSING, words)
                pause = self.retry.pause(job.attempts, self.rng)
                again = {"state": JobState.WAITING, "not_before": now + pause, **reason_columns(reason)}
                db.execute(update(schema.job).where(schema.job.c.id == job.id).values(again))
                return True
            _finish(db, job, study, now)
            return True


def _close_transaction(
    db: Connection, transaction_uid: str, committed: Sequence[str], failed: int, now: float, *, by: Collection[str]
) -> int | None:
    """Note a report; gives the number of its delivery job, None when no such transaction with one of them is open."""
    table, receipts, jobs = schema.commitment, schema.receipt, schema.job.c
    asked = select(table).join(schema.job, jobs.id == table.c.job_id).where(jobs.destination.in_(by))
    transaction = db.execute(asked.where(table.c.transaction_uid == transaction_uid)).first()
    if transaction is None or transaction.answered_at is not None:
        return None
    db.execute(update(table).where(table.c.id == transaction.id).values(answered_at=now, failed=failed))
    kept = and_(receipts.c.job_id == transaction.job_id, receipts.c.sop_instance_uid.in_(committed))
    db.execute(update(receipts).where(kept).values(committed_at=now))
    return int(transaction.job_id)


def _finish(db: Connection, job: JobRow, study: StudyRow, now: float) -> None:
    """The destination has what it takes of the study; what it does not take is said on the job and on the study."""
    left_out = classes_not_taken(db, job)
    reason = None
    if left_out:
        words = f"{job.destination} takes no {', '.join(left_out)}: its administrator must allow their SOP classes, or "
        words += f'kinds of [[destinations]] "{job.destination}" must not name them; it has the rest'
        reason = Reason(ReasonCode.PARTLY_TAKEN, words)
    finish_job(db, job.id, JobState.DONE, now, reason)
    conclude(db, study, now)


def conclude(db: Connection, study: StudyRow, now: float) -> None:
    """The study is DELIVERED when no delivery of its revision is open or dead; CANCELLED if the operator ended one."""
    table = schema.job.c
    deliveries = and_(table.study_id == study.id, table.revision == study.revision, table.kind == JobKind.DELIVER)
    unfinished = select(table.id).where(deliveries, table.state.in_(UNFINISHED))
    if study.state is not StudyState.ANALYZED or db.execute(unfinished).first() is not None:
        return
    cancelled = db.execute(select(schema.job).where(deliveries, table.state == JobState.CANCELLED)).first()
    if cancelled is not None:
        reason = Reason(ReasonCode.CANCELLED, cancelled.reason)
        move(db, study, StudyEvent.CANCELLED, now, reason, **reason_columns(reason))
        return
    partly = and_(deliveries, table.reason_code == ReasonCode.PARTLY_TAKEN, table.state == JobState.DONE)
    words = db.execute(select(table.reason).where(partly).order_by(table.id)).scalar()
    said = reason_columns(Reason(ReasonCode.PARTLY_TAKEN, words)) if words else NO_REASON
    move(db, study, StudyEvent.ALL_DELIVERED, now, words or "", **said)


def _note_sent(db: Connection, job: Job, receipts: Sequence[ObjectReceipt], now: float) -> None:
    if not receipts:
        return  # a repeated request for commitment sends nothing
    detail = f"{len(receipts)} objects to {job.destination}"
    fields = AuditFields(peer=job.destination, count=len(receipts))
    audit_trail.append(db, AuditEntry(now, job.study_id, AuditEvent.SENT, "", "", job.revision, detail, fields))
