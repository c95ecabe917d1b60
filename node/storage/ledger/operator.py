"""What the operator asks for: a study is complete, urgent, cancelled, analysed or delivered again, or withdrawn."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Engine, and_, select, update

from node.jobs import OPEN, UNFINISHED, JobKind, JobState, Priority
from node.reasons import Reason, ReasonCode
from node.states import StudyEvent, StudyState
from node.storage import audit_trail, schema
from node.storage.database import reading, writing
from node.storage.ledger.deliveries import conclude
from node.storage.ledger.gathering import complete
from node.storage.ledger.job_rows import add_job, cancel_open_jobs, finish_job
from node.storage.ledger.object_rows import keep_object, result_objects
from node.storage.ledger.transitions import (
    NO_REASON,
    move,
    operated,
    reason_columns,
    require_no_conflict,
    require_study,
)
from node.storage.records import KeptObject

_REQUEUED = Reason(ReasonCode.REQUEUED, "requeued by the operator")


class OperatorActions:
    """Each raises LookupError for a study that is not known."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def force(self, study_instance_uid: str, now: float) -> None:
        """Declare the study complete, whatever may still arrive."""
        with writing(self.engine) as db:
            study = require_study(db, study_instance_uid, lock=True)
            complete(db, study, now, "declared complete by the operator", teaches=False)

    def requeue(self, study_instance_uid: str, now: float) -> None:
        """Analyse anew, as the next revision."""
        with writing(self.engine) as db:
            study = require_study(db, study_instance_uid, lock=True)
            require_no_conflict(study)
            cancel_open_jobs(db, study.id, _REQUEUED, now)
            study = move(db, study, StudyEvent.REQUEUED, now, revision=study.revision + 1, **NO_REASON)
            add_job(db, JobKind.ANALYZE, study.id, study.revision, now)

    def redeliver(self, study_instance_uid: str, destinations: Sequence[str], now: float) -> None:
        """Send the result objects of the newest revision again, the same instances."""
        with reading(self.engine) as db:
            require_no_conflict(require_study(db, study_instance_uid))
        self._deliver_again(study_instance_uid, destinations, now)

    def _deliver_again(self, study_instance_uid: str, destinations: Sequence[str], now: float) -> None:
        jobs = schema.job
        again = {"state": JobState.WAITING, "attempts": 0, "not_before": now, "finished_at": None, **NO_REASON}
        with writing(self.engine) as db:
            study = require_study(db, study_instance_uid, lock=True)
            if not result_objects(db, study.id, study.revision):
                raise LookupError("this study has no result objects to deliver; reprocess it first")
            if study.state not in (StudyState.INELIGIBLE, StudyState.ANALYZED):
                move(db, study, StudyEvent.REDELIVERED, now, **NO_REASON)
            deliveries = and_(
                jobs.c.study_id == study.id, jobs.c.kind == JobKind.DELIVER, jobs.c.revision == study.revision
            )
            for destination in destinations:
                earlier = update(jobs).where(deliveries, jobs.c.destination == destination)
                if not db.execute(earlier.values(again)).rowcount:
                    add_job(db, JobKind.DELIVER, study.id, study.revision, now, destination=destination)

    def prioritise(
        self, study_instance_uid: str, priority: Priority, by: str, now: float, *, is_person: bool = True
    ) -> None:
        """Claim what is open of the study, and what is still to come of it, in this order of urgency.

        by
            Who wants that: a person, or the setting that says so.
        """
        with writing(self.engine) as db:
            study = require_study(db, study_instance_uid, lock=True)
            jobs = schema.job
            open_jobs = and_(jobs.c.study_id == study.id, jobs.c.state.in_(OPEN))
            db.execute(update(schema.study).where(schema.study.c.id == study.id).values(priority=priority.rank))
            db.execute(update(jobs).where(open_jobs).values(priority=priority.rank))
            audit_trail.append(db, operated(study, by, f"priority {priority}", now, is_person))

    def cancel(self, study_instance_uid: str, by: str, now: float, destination: str | None = None) -> int:
        """End what is still to be done for the study, or for this destination only; gives how many jobs that were.

        An analysis that is running is dropped. Raises LookupError when nothing is open or has failed.
        """
        jobs, reason = schema.job, Reason(ReasonCode.CANCELLED, f"cancelled by {by}")
        with writing(self.engine) as db:
            study = require_study(db, study_instance_uid, lock=True)
            wanted = and_(jobs.c.study_id == study.id, jobs.c.state.in_(UNFINISHED))
            if destination is not None:
                wanted = and_(wanted, jobs.c.destination == destination)
            numbers = [row.id for row in db.execute(select(jobs.c.id).where(wanted)).all()]
            if not numbers:
                raise LookupError("nothing of this study is waiting, running or failed")
            for number in numbers:
                finish_job(db, number, JobState.CANCELLED, now, reason)
            audit_trail.append(db, operated(study, by, f"cancel {destination}" if destination else "cancel", now))
            if destination is None and study.state in (StudyState.STABLE, StudyState.ANALYZING):
                move(db, study, StudyEvent.CANCELLED, now, reason, **reason_columns(reason))
            conclude(db, study, now)
        return len(numbers)

    def withdrawn(self, study_instance_uid: str, note: KeptObject, destinations: Sequence[str], now: float) -> None:
        """A rejection note for the results of the newest revision is on disk: it goes wherever they went."""
        with writing(self.engine) as db:
            study = require_study(db, study_instance_uid, lock=True)
            if note not in result_objects(db, study.id, study.revision):
                keep_object(db, study.id, study.revision, note)
        self._deliver_again(study_instance_uid, destinations, now)
