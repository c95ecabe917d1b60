"""Rows of the database as records: the only place where a row's columns are read by name without a type."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row

from node.jobs import JobKind, JobState
from node.states import StudyState
from node.storage.records import (
    AuditRecord,
    JobRecord,
    JobRow,
    KeptObject,
    ObjectReceipt,
    StudyRecord,
    StudyRow,
)


def study_record(row: Row[Any]) -> StudyRecord:
    """One line of the worklist."""
    return StudyRecord(
        id=row.id,
        study_instance_uid=row.study_instance_uid,
        state=StudyState(row.state),
        revision=row.revision,
        instances=row.instances,
        first_received_at=row.first_received_at,
        last_received_at=row.last_received_at,
        state_since=row.state_since,
        conflict=row.conflict,
        reason=row.reason,
        missing=row.missing,
    )


def study_row(row: Row[Any]) -> StudyRow:
    """A study with all that the ledger's verbs look at."""
    return StudyRow(
        id=row.id,
        study_instance_uid=row.study_instance_uid,
        state=StudyState(row.state),
        revision=row.revision,
        instances=row.instances,
        first_received_at=row.first_received_at,
        last_received_at=row.last_received_at,
        state_since=row.state_since,
        conflict=row.conflict,
        reason=row.reason,
        missing=row.missing,
        patient_digest=row.patient_digest,
        judged_instances=row.judged_instances,
        content=row.content,
    )


def job_row(row: Row[Any]) -> JobRow:
    """A job with all that the ledger's verbs look at."""
    return JobRow(
        id=row.id,
        study_id=row.study_id,
        kind=JobKind(row.kind),
        revision=row.revision,
        destination=row.destination,
        state=JobState(row.state),
        attempts=row.attempts,
        fence=row.fence,
    )


def kept_object(row: Row[Any]) -> KeptObject:
    """A result object on disk."""
    return KeptObject(row.kind, row.sop_class_uid, row.sop_instance_uid, row.series_instance_uid, row.sha256, row.path)


def receipt(row: Row[Any]) -> ObjectReceipt:
    """What a destination answered for one object."""
    return ObjectReceipt(row.sop_instance_uid, row.status, row.comment, row.committed_at)


def job_record(row: Row[Any], receipts: Iterable[Row[Any]]) -> JobRecord:
    """One job as the operator sees it."""
    return JobRecord(
        kind=JobKind(row.kind),
        destination=row.destination,
        revision=row.revision,
        state=JobState(row.state),
        attempts=row.attempts,
        not_before=row.not_before,
        reason=row.reason,
        receipts=tuple(receipt(each) for each in receipts),
    )


def audit_record(row: Row[Any]) -> AuditRecord:
    """One thing that happened to a study."""
    return AuditRecord(row.at, row.event, row.from_state, row.to_state, row.revision, row.detail)
