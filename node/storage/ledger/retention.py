"""Retention: finished studies that are old leave the ledger; their audit trail stays."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, Engine, select

from node.audit import AuditEntry, AuditEvent
from node.audit_messages import AuditSubject
from node.jobs import UNFINISHED
from node.states import StudyState
from node.storage import audit_trail, schema
from node.storage.audit_forwarding import note_deleted
from node.storage.database import reading, writing

Describe = Callable[[str, str], AuditSubject]
"""Study Instance UID and the path of one of its files (empty for none) -> whom its audit entries are about."""


class OldStudies:
    """What the deletion of old studies asks the ledger."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def forget_oldest(self, older_than: float, now: float, describe: Describe | None = None) -> list[str]:
        """Delete the rows of the oldest finished study that is older; gives the paths of its files, [] for none.

        Finished: DELIVERED, INELIGIBLE or CANCELLED, with no job open or dead. The audit trail stays.

        Parameters
        ----------
        describe
            Tells whom the study's audit entries are about, which is kept until they are sent; None: nobody asks.
        """
        studies, jobs = schema.study.c, schema.job.c
        done = studies.state.in_((StudyState.DELIVERED, StudyState.INELIGIBLE, StudyState.CANCELLED))
        unfinished = select(jobs.study_id).where(jobs.state.in_(UNFINISHED))
        oldest = select(schema.study).where(done, studies.state_since < older_than, studies.id.not_in(unfinished))
        with reading(self.engine) as db:
            if db.execute(oldest.limit(1)).first() is None:
                return []
        with writing(self.engine) as db:
            study = db.execute(oldest.order_by(studies.state_since).limit(1)).first()
            if study is None:
                return []
            audit_trail.append(db, AuditEntry(now, study.id, AuditEvent.DELETED, "", "", study.revision, "retention"))
            if describe is not None:
                table = schema.instance.c
                path = db.execute(select(table.path).where(table.study_id == study.id).limit(1)).scalar()
                note_deleted(db, study.id, describe(study.study_instance_uid, path or ""))
            return _delete_study(db, study.id)


def _delete_study(db: Connection, study_id: int) -> list[str]:
    """Remove every row of a study but its audit trail; gives the paths of its files."""
    holders = (schema.instance, schema.conflict, schema.result_object)
    paths = [
        row.path for table in holders for row in db.execute(select(table.c.path).where(table.c.study_id == study_id))
    ]
    its_jobs = select(schema.job.c.id).where(schema.job.c.study_id == study_id)
    for table in (schema.receipt, schema.commitment):
        db.execute(table.delete().where(table.c.job_id.in_(its_jobs)))
    analyses = select(schema.analysis.c.id).where(schema.analysis.c.study_id == study_id)
    db.execute(schema.shadow_score.delete().where(schema.shadow_score.c.analysis_id.in_(analyses)))
    for table in (*holders, schema.analysis, schema.job, schema.search_term):
        db.execute(table.delete().where(table.c.study_id == study_id))
    db.execute(schema.study.delete().where(schema.study.c.id == study_id))
    return paths
