"""Retention: finished studies that are old leave the ledger; their audit trail stays."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, Engine, select

from node.audit import AuditEntry, AuditEvent, AuditFields
from node.audit_messages import AuditSubject
from node.errors import NotReady
from node.jobs import UNFINISHED, JobState
from node.states import StudyState
from node.storage import audit_trail, host_schema, schema
from node.storage.audit_forwarding import note_deleted
from node.storage.database import reading, writing
from node.storage.ledger.host_rows import is_here, keeper, owe_removal, some_instance_here
from node.storage.ledger.transitions import require_study
from node.storage.records import StudyRow
from node.storage.rows import study_from_row

_HOLDERS = (schema.instance, schema.conflict, schema.result_object)
"""Tables whose rows name files."""
Describe = Callable[[str, str], AuditSubject]
"""Study Instance UID and the path of one of its files (empty for none) -> whom its audit entries are about."""


class OldStudies:
    """What the deletion of old studies asks the ledger."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def forget_oldest(
        self, older_than: float, now: float, describe: Describe | None = None, archive: str = ""
    ) -> list[str] | None:
        """Delete the rows of the oldest finished study that is older; gives the paths of its files, None for none.

        Finished: DELIVERED, INELIGIBLE or CANCELLED, with no job open or dead. The audit trail stays.

        Parameters
        ----------
        describe
            Tells whom the study's audit entries are about, which is kept until they are sent; None: nobody asks.
        archive
            Only studies of which this one has something; what lies on other hosts is theirs to remove.
        """
        studies, jobs = schema.study.c, schema.job.c
        done = studies.state.in_((StudyState.DELIVERED, StudyState.INELIGIBLE, StudyState.CANCELLED))
        unfinished = select(jobs.study_id).where(jobs.state.in_(UNFINISHED))
        oldest = select(schema.study).where(done, studies.state_since < older_than, studies.id.not_in(unfinished))
        if archive:
            oldest = oldest.where(some_instance_here(studies.id, archive))
        with reading(self.engine) as db:
            if db.execute(oldest.limit(1)).first() is None:
                return None
        with writing(self.engine) as db:
            row = db.execute(oldest.order_by(studies.state_since).limit(1)).first()
            if row is None:
                return None
            study = study_from_row(row)
            entry = AuditEntry(now, study.id, AuditEvent.DELETED, "", "", study.revision, "retention")
            return _delete_audited(db, study, entry, describe, archive)

    def named(self, paths: Sequence[str], archive: str = "") -> set[str]:
        """Those of these files that a row names; with an archive one that says that it has them: names are digests."""
        holders = [table.c for table in (*_HOLDERS, host_schema.instance_copy)]
        queries = [select(of.path).where(of.path.in_(paths), is_here(of.host_id, archive)) for of in holders]
        with reading(self.engine) as db:
            return {row.path for query in queries for row in db.execute(query)}

    def purge(
        self, study_instance_uid: str, by: str, now: float, describe: Describe | None = None, archive: str = ""
    ) -> list[str]:
        """Delete the rows of one study, whatever its state; gives the paths of its files. The audit trail stays.

        With an archive only of those in it: other hosts remove theirs.

        Raises LookupError for an unknown study, and NotReady while a process works on it.
        """
        jobs = schema.job.c
        with writing(self.engine) as db:
            study = require_study(db, study_instance_uid, lock=True)
            running = select(jobs.id).where(jobs.study_id == study.id, jobs.state == JobState.RUNNING)
            if db.execute(running.limit(1)).first() is not None:
                raise NotReady(f"somebody works on study {study.id}; first: mome-node queue cancel {study.id}")
            words, fields = f"{by}: purged", AuditFields(person=by)
            entry = AuditEntry(now, study.id, AuditEvent.DELETED, "", "", study.revision, words, fields)
            return _delete_audited(db, study, entry, describe, archive)


def _delete_audited(
    db: Connection, study: StudyRow, entry: AuditEntry, describe: Describe | None, archive: str
) -> list[str]:
    """Write the entry, note whom it is about, and remove the study; gives the paths of its files."""
    audit_trail.append(db, entry)
    if describe is not None:
        table = schema.instance.c
        path = db.execute(select(table.path).where(table.study_id == study.id).limit(1)).scalar()
        note_deleted(db, study.id, describe(study.study_instance_uid, path or ""))
    return _delete_study(db, study.id, archive)


def _delete_study(db: Connection, study_id: int, archive: str) -> list[str]:
    """Remove every row of a study but its audit trail; gives the paths of its files in this archive."""
    paths = _paths_here(db, study_id, archive)
    copied = select(schema.instance.c.id).where(schema.instance.c.study_id == study_id)
    db.execute(host_schema.instance_copy.delete().where(host_schema.instance_copy.c.instance_id.in_(copied)))
    its_jobs = select(schema.job.c.id).where(schema.job.c.study_id == study_id)
    for table in (schema.receipt, schema.commitment):
        db.execute(table.delete().where(table.c.job_id.in_(its_jobs)))
    analyses = select(schema.analysis.c.id).where(schema.analysis.c.study_id == study_id)
    db.execute(schema.shadow_score.delete().where(schema.shadow_score.c.analysis_id.in_(analyses)))
    for table in (*_HOLDERS, schema.analysis, schema.assessment, schema.job, schema.search_term, host_schema.refetch):
        db.execute(table.delete().where(table.c.study_id == study_id))
    db.execute(schema.study.delete().where(schema.study.c.id == study_id))
    return paths


def _paths_here(db: Connection, study_id: int, archive: str) -> list[str]:
    """Files of a study in this archive; that others have theirs to remove is noted."""
    paths, elsewhere = list[str](), list[tuple[int, str]]()
    kept, copy = schema.instance.c, host_schema.instance_copy.c
    held = [
        select(table.c.path, keeper(table.c.host_id).label("host"), is_here(table.c.host_id, archive).label("here"))
        .select_from(table)
        .where(table.c.study_id == study_id)
        for table in _HOLDERS
    ]
    copies = select(copy.path, copy.host_id.label("host"), is_here(copy.host_id, archive).label("here"))
    held.append(copies.join(schema.instance, kept.id == copy.instance_id).where(kept.study_id == study_id))
    for query in held:
        for row in db.execute(query):
            if row.here:
                paths.append(row.path)
            else:
                elsewhere.append((row.host, row.path))
    owe_removal(db, elsewhere)
    return paths
