"""Reading: one study with all that is known of it, instances, feedback, counts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Select, and_, case, func, or_, select

from node.states import StudyState
from node.storage import host_schema, schema
from node.storage.contents import IMAGE_CLASSES
from node.storage.database import reading
from node.storage.ledger.host_rows import copy_here, is_here
from node.storage.ledger.object_rows import result_objects
from node.storage.ledger.transitions import require_study
from node.storage.records import (
    AuditRecord,
    Feedback,
    FinishedAnalysis,
    HeldInstance,
    JobRecord,
    StudyDetail,
    StudyRecord,
)
from node.storage.rows import audit_record_from_row, job_record_from_row, study_record_from_row
from node.summary import AnalysisSummary

_DOCUMENT_CLASSES = "1.2.840.10008.5.1.4.1.1.88."  # structured reports and key object selections


class LedgerReader:
    """Changes nothing."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def study(self, study_instance_uid: str) -> StudyDetail:
        """Everything about one study; raises LookupError when it is not known."""
        with reading(self.engine) as db:
            study = require_study(db, study_instance_uid)
            analysis = schema.analysis.c
            summary = db.execute(
                select(analysis.summary)
                .where(analysis.study_id == study.id)
                .order_by(analysis.revision.desc())
                .limit(1)
            ).scalar()
            return StudyDetail(
                study=_study_record(db, study.id),
                jobs=tuple(_job_records(db, study.id)),
                objects=tuple(result_objects(db, study.id, study.revision)),
                timeline=tuple(_timeline(db, study.id)),
                summary=AnalysisSummary.from_json(json.loads(summary)) if summary else None,
            )

    def analysis(self, study_id: int, revision: int) -> FinishedAnalysis | None:
        """The analysis of one revision; None before it is finished."""
        table = schema.analysis.c
        query = select(table.summary, table.finished_at).where(table.study_id == study_id, table.revision == revision)
        with reading(self.engine) as db:
            row = db.execute(query).first()
        return row and FinishedAnalysis(AnalysisSummary.from_json(json.loads(row.summary)), row.finished_at)

    def instances(self, study_instance_uid: str | None = None, archive: str = "") -> Iterator[tuple[str, str, str]]:
        """(SOP Instance UID, SHA-256, path) of every instance that is safely stored, oldest first.

        Parameters
        ----------
        archive
            Only what lies in this one, copies too.
        """
        table = schema.instance.c
        query = _lying_in(archive).order_by(table.id)
        if study_instance_uid is not None:
            query = query.join(schema.study, schema.study.c.id == table.study_id)
            query = query.where(schema.study.c.study_instance_uid == study_instance_uid)
        with reading(self.engine) as db:
            for row in db.execution_options(yield_per=1000).execute(query):
                yield row.sop_instance_uid, row.sha256, row.path

    def senders(self, study_instance_uid: str) -> tuple[str, ...]:
        """Calling AE titles of a study's images, in order."""
        table = schema.instance.c
        query = select(table.calling_ae_title).join(schema.study, schema.study.c.id == table.study_id).distinct()
        images = query.where(
            schema.study.c.study_instance_uid == study_instance_uid,
            table.sop_class_uid.in_(IMAGE_CLASSES),
            table.calling_ae_title != "",
        )
        with reading(self.engine) as db:
            return tuple(sorted(db.execute(images).scalars()))

    def find_instances(self, uids: Sequence[str], archive: str = "") -> list[HeldInstance]:
        """Those of these SOP instances that are stored; with an archive only what lies in this one."""
        table, lying = schema.instance.c, _lying_in(archive)
        found: list[HeldInstance] = []
        with reading(self.engine) as db:
            for start in range(0, len(uids), 500):
                some = table.sop_instance_uid.in_(uids[start : start + 500])
                rows = db.execute(lying.add_columns(table.sop_class_uid).where(some))
                found += [HeldInstance(row.sop_class_uid, row.sop_instance_uid, row.sha256, row.path) for row in rows]
        return found

    def study_of(self, uids: Sequence[str]) -> str | None:
        """Under which UID the ledger has the study of these SOP instances; None when none of them is stored."""
        kept = schema.instance.c
        query = select(schema.study.c.study_instance_uid).join(schema.instance, schema.study.c.id == kept.study_id)
        with reading(self.engine) as db:
            for start in range(0, len(uids), 500):
                some = kept.sop_instance_uid.in_(uids[start : start + 500])
                if found := db.execute(query.where(some).limit(1)).scalar():
                    return str(found)
        return None

    def knows(self, study_instance_uid: str) -> bool:
        """Whether there is such a study, whatever became of it."""
        query = select(schema.study.c.id).where(schema.study.c.study_instance_uid == study_instance_uid)
        with reading(self.engine) as db:
            return db.execute(query).first() is not None

    def feedback(self) -> list[Feedback]:
        """Documents that others sent about studies that have results: reports, corrections, rejection notes."""
        with reading(self.engine) as db:
            return [
                Feedback(
                    row.study_instance_uid,
                    row.sop_class_uid,
                    row.sop_instance_uid,
                    row.sha256,
                    row.path,
                    row.calling_ae_title,
                    row.received_at,
                )
                for row in db.execute(documents_about_answers())
            ]

    def counts(self) -> dict[StudyState, int]:
        """How many studies stand in each state."""
        table = schema.study.c
        with reading(self.engine) as db:
            rows = db.execute(select(table.state, func.count()).group_by(table.state)).all()
        return {StudyState(state): count for state, count in rows}


def _lying_in(archive: str) -> Select[Any]:
    """UID, digest and path of the instances that lie in an archive, at first hand or as copies; empty: of all."""
    table, copy = schema.instance.c, host_schema.instance_copy.c
    if not archive:
        return select(table.sop_instance_uid, table.sha256, table.path)
    here = and_(copy.instance_id == table.id, is_here(copy.host_id, archive))
    copied = select(func.min(copy.path)).where(here).correlate(schema.instance).scalar_subquery()
    path = case((is_here(table.host_id, archive), table.path), else_=copied).label("path")
    some = or_(is_here(table.host_id, archive), copy_here(archive))
    return select(table.sop_instance_uid, table.sha256, path).where(some)


def documents_about_answers() -> Select[Any]:
    """Rows of the instances that are documents of others about studies that have results, in the order they came."""
    made, kept, studies = schema.result_object.c, schema.instance.c, schema.study.c
    return (
        select(schema.instance, studies.study_instance_uid)
        .join(schema.study, studies.id == kept.study_id)
        .where(kept.sop_class_uid.startswith(_DOCUMENT_CLASSES))
        .where(kept.sop_instance_uid.not_in(select(made.sop_instance_uid)))
        .where(kept.study_id.in_(select(made.study_id)))
        .order_by(kept.id)
    )


def _study_record(db: Connection, study_id: int) -> StudyRecord:
    return study_record_from_row(db.execute(select(schema.study).where(schema.study.c.id == study_id)).one())


def _job_records(db: Connection, study_id: int) -> Iterator[JobRecord]:
    jobs, receipts = schema.job.c, schema.receipt.c
    for row in db.execute(select(schema.job).where(jobs.study_id == study_id).order_by(jobs.id)).all():
        answers = db.execute(select(schema.receipt).where(receipts.job_id == row.id).order_by(receipts.id))
        yield job_record_from_row(row, answers)


def _timeline(db: Connection, study_id: int) -> Iterator[AuditRecord]:
    table = schema.audit.c
    transitions = select(schema.audit).where(table.study_id == study_id, table.to_state != "").order_by(table.id)
    for row in db.execute(transitions):
        yield audit_record_from_row(row)
