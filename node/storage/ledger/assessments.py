"""What readers say of results: kept with its audit entry, and read for lists, labels and counts."""

from __future__ import annotations

import json
from collections.abc import Iterator

from sqlalchemy import Connection, Engine, and_, insert, select

from node.audit import AuditEntry, AuditEvent, AuditFields
from node.jobs import JobKind
from node.storage import audit_trail, schema
from node.storage.database import reading, writing
from node.storage.ledger.host_rows import is_here
from node.storage.ledger.reading import documents_about_answers
from node.storage.ledger.transitions import require_study
from node.storage.records import REPORT_KIND, ArrivedDocument, AssessedAnalysis, Assessment, KeptObject
from node.storage.rows import assessment_from_row, kept_object_from_row
from node.summary import AnalysisSummary


class Assessments:
    """Nothing is overwritten: a reader who thinks again leaves a second assessment, and the newest stands."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def assess(self, study_instance_uid: str, said: Assessment) -> bool:
        """Keep what a reader said; False where this document has said so before.

        Raises LookupError when the study is not known or that revision has no result.
        """
        table, analysis = schema.assessment, schema.analysis.c
        with writing(self.engine) as db:
            study = require_study(db, study_instance_uid, lock=True)
            before = select(table.c.id).where(table.c.sop_instance_uid == said.sop_instance_uid)
            if said.sop_instance_uid and db.execute(before).first() is not None:
                return False
            answered = select(analysis.id).where(analysis.study_id == study.id, analysis.revision == said.revision)
            if db.execute(answered).first() is None:
                raise LookupError("this study has no result that could be judged")
            db.execute(insert(table).values(study_id=study.id, **_columns(said)))
            words = f"{said.by}: {said.verdict}" + (f" ({said.endpoint.words})" if said.endpoint else "")
            fields = AuditFields(person=said.reader, calling_ae_title=said.calling_ae_title)
            entry = AuditEntry(said.at, study.id, AuditEvent.ASSESSED, "", "", said.revision, words, fields)
            audit_trail.append(db, entry)
        return True

    def of_study(self, study_instance_uid: str) -> list[Assessment]:
        """What was said of a study, newest first."""
        table = schema.assessment
        query = select(table).join(schema.study, schema.study.c.id == table.c.study_id)
        query = query.where(schema.study.c.study_instance_uid == study_instance_uid)
        with reading(self.engine) as db:
            return [
                assessment_from_row(row) for row in db.execute(query.order_by(table.c.at.desc(), table.c.id.desc()))
            ]

    def since(self, moment: float = 0.0) -> list[AssessedAnalysis]:
        """What was said since then, oldest first, each with the analysis that it is about."""
        table, analysis, study, sent = schema.assessment, schema.analysis, schema.study, schema.instance.c
        about = and_(analysis.c.study_id == table.c.study_id, analysis.c.revision == table.c.revision)
        scanner = select(sent.calling_ae_title).where(sent.study_id == table.c.study_id).order_by(sent.id).limit(1)
        query = (
            select(table, analysis.c.summary, study.c.study_instance_uid, scanner.scalar_subquery().label("scanner"))
            .join(analysis, about)
            .join(study, study.c.id == table.c.study_id)
            .where(table.c.at >= moment)
            .order_by(table.c.at, table.c.id)
        )
        with reading(self.engine) as db:
            return [
                AssessedAnalysis(
                    row.study_instance_uid,
                    assessment_from_row(row),
                    AnalysisSummary.from_json(json.loads(row.summary)),
                    row.scanner or "",
                )
                for row in db.execute(query)
            ]

    def documents(self, after: int, archive: str = "", limit: int = 100) -> list[ArrivedDocument]:
        """Documents about answered studies that no assessment stems from, behind this instance, in their order.

        With an archive only those that lie in it.
        """
        kept = schema.instance.c
        known = select(schema.assessment.c.sop_instance_uid).where(schema.assessment.c.sop_instance_uid.is_not(None))
        query = documents_about_answers().where(kept.id > after, kept.sop_instance_uid.not_in(known))
        query = query.where(is_here(kept.host_id, archive)).limit(limit)
        with reading(self.engine) as db:
            return [
                ArrivedDocument(
                    row.id,
                    row.study_instance_uid,
                    row.sop_instance_uid,
                    row.sha256,
                    row.path,
                    row.calling_ae_title,
                    row.received_at,
                )
                for row in db.execute(query)
            ]

    def newest_instance(self) -> int:
        """Number of the instance that arrived last; 0 before the first."""
        table = schema.instance.c
        with reading(self.engine) as db:
            return int(db.execute(select(table.id).order_by(table.id.desc()).limit(1)).scalar() or 0)

    def results_of(self, study_instance_uid: str) -> list[tuple[int, KeptObject]]:
        """Revision and object of every result of a study, newest revision first.

        A report that went out in an older SR class is one too, with the file of the report that it was made from.
        """
        with reading(self.engine) as db:
            study = require_study(db, study_instance_uid)
            table = schema.result_object
            query = select(table).where(table.c.study_id == study.id).order_by(table.c.revision.desc(), table.c.id)
            made = [(row.revision, kept_object_from_row(row)) for row in db.execute(query)]
            return [*made, *_older_reports(db, study.id, made)]


def _older_reports(
    db: Connection, study_id: int, made: list[tuple[int, KeptObject]]
) -> Iterator[tuple[int, KeptObject]]:
    """Reports in older SR classes: receipts name them, no result object does."""
    jobs, receipts = schema.job.c, schema.receipt.c
    sent = select(receipts.sop_instance_uid, jobs.revision).join(schema.job, jobs.id == receipts.job_id)
    of_study = sent.where(jobs.study_id == study_id, jobs.kind == JobKind.DELIVER)
    known = {each.sop_instance_uid for _, each in made}
    reports = {revision: each for revision, each in made if each.kind == REPORT_KIND}
    for row in db.execute(of_study):
        report = reports.get(row.revision)
        if report is not None and row.sop_instance_uid not in known:
            yield row.revision, KeptObject(report.kind, "", row.sop_instance_uid, "", report.sha256, report.path)


def _columns(said: Assessment) -> dict[str, object]:
    return {
        "revision": said.revision,
        "at": said.at,
        "verdict": said.verdict,
        "endpoint": said.endpoint or "",
        "reader": said.reader,
        "calling_ae_title": said.calling_ae_title,
        "sop_instance_uid": said.sop_instance_uid or None,
        "comment": said.comment,
    }
