"""What the operator asks for: a study is complete, is analysed or delivered again, its results are withdrawn."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Engine, and_, update

from node.jobs import JobKind, JobState
from node.reasons import Reason, ReasonCode
from node.states import StudyEvent, StudyState
from node.storage import schema
from node.storage.database import writing
from node.storage.ledger.gathering import complete
from node.storage.ledger.job_rows import add_job, cancel_open_jobs
from node.storage.ledger.object_rows import keep_object, result_objects
from node.storage.ledger.transitions import NO_REASON, move, require_study
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
            cancel_open_jobs(db, study.id, _REQUEUED, now)
            study = move(db, study, StudyEvent.REQUEUED, now, revision=study.revision + 1, **NO_REASON)
            add_job(db, JobKind.ANALYZE, study.id, study.revision, now)

    def redeliver(self, study_instance_uid: str, destinations: Sequence[str], now: float) -> None:
        """Send the result objects of the newest revision again, the same instances."""
        jobs = schema.job
        again = {"state": JobState.WAITING, "attempts": 0, "not_before": now, "finished_at": None, **NO_REASON}
        with writing(self.engine) as db:
            study = require_study(db, study_instance_uid, lock=True)
            if not result_objects(db, study.id, study.revision):
                raise LookupError("this study has no result objects to deliver; reprocess it first")
            if study.state is not StudyState.INELIGIBLE:
                move(db, study, StudyEvent.REDELIVERED, now, **NO_REASON)
            deliveries = and_(
                jobs.c.study_id == study.id, jobs.c.kind == JobKind.DELIVER, jobs.c.revision == study.revision
            )
            for destination in destinations:
                earlier = update(jobs).where(deliveries, jobs.c.destination == destination)
                if not db.execute(earlier.values(again)).rowcount:
                    add_job(db, JobKind.DELIVER, study.id, study.revision, now, destination=destination)

    def withdrawn(self, study_instance_uid: str, note: KeptObject, destinations: Sequence[str], now: float) -> None:
        """A rejection note for the results of the newest revision is on disk: it goes wherever they went."""
        with writing(self.engine) as db:
            study = require_study(db, study_instance_uid, lock=True)
            if note not in result_objects(db, study.id, study.revision):
                keep_object(db, study.id, study.revision, note)
        self.redeliver(study_instance_uid, destinations, now)
