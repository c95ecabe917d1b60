"""Rows of result objects and of what destinations answered for them. Inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, and_, insert, select

from dicom_io.network.dimse import NOT_SUPPORTED, is_kept
from node.jobs import Job
from node.storage import schema
from node.storage.records import REPORT_KIND, JobRow, KeptObject, ObjectReceipt
from node.storage.rows import kept_object_from_row


def keep_object(db: Connection, study_id: int, revision: int, each: KeptObject) -> None:
    """A result object that is on disk."""
    db.execute(
        insert(schema.result_object).values(
            study_id=study_id,
            revision=revision,
            kind=each.kind,
            sop_class_uid=each.sop_class_uid,
            sop_instance_uid=each.sop_instance_uid,
            series_instance_uid=each.series_instance_uid,
            sha256=each.sha256,
            path=each.path,
            host_id=each.host_id,
        )
    )


def result_objects(db: Connection, study_id: int, revision: int) -> list[KeptObject]:
    """The result objects of one revision, in the order in which they were kept."""
    table = schema.result_object.c
    query = select(schema.result_object).where(table.study_id == study_id, table.revision == revision)
    return [kept_object_from_row(row) for row in db.execute(query.order_by(table.id))]


def keep_receipts(db: Connection, job: Job, receipts: Sequence[ObjectReceipt], now: float) -> None:
    """The newest answer for each object replaces the one before."""
    table = schema.receipt
    for each in receipts:
        older = and_(table.c.job_id == job.id, table.c.sop_instance_uid == each.sop_instance_uid)
        db.execute(table.delete().where(older))
        db.execute(
            insert(table).values(
                job_id=job.id,
                sop_instance_uid=each.sop_instance_uid,
                status=each.status,
                comment=each.comment,
                at=now,
                committed_at=each.committed_at,
            )
        )


def classes_not_taken(db: Connection, job: JobRow) -> list[str]:
    """Kinds of result object whose SOP class the destination of this delivery does not take.

    A report that it took in an older class, which is an object of its own, is not one of them.
    """
    table = schema.receipt.c
    receipts = [*db.execute(select(table.sop_instance_uid, table.status).where(table.job_id == job.id))]
    refused = {uid for uid, status in receipts if status == NOT_SUPPORTED}
    taken = {uid for uid, status in receipts if is_kept(status)}
    objects = result_objects(db, job.study_id, job.revision)
    older = taken - {each.sop_instance_uid for each in objects}
    kinds = [each.kind for each in objects if each.sop_instance_uid in refused]
    return sorted({kind for kind in kinds if not (older and kind == REPORT_KIND)})
