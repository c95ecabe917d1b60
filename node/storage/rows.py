"""Rows of the database as records: the only place where a row's columns are read by name without a type."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from sqlalchemy import Row

from mome_core.assessment import Verdict
from mome_core.results import Endpoint
from node.audit import AuditBroken, AuditEntry, AuditEvent, AuditFields
from node.jobs import JobKind, JobState, Priority
from node.reasons import code_of
from node.states import StudyEvent, StudyState
from node.storage.records import (
    Assessment,
    AuditRecord,
    JobRecord,
    JobRow,
    KeptObject,
    ObjectReceipt,
    StoredInstance,
    StudyObject,
    StudyRecord,
    StudyRow,
)


def study_record_from_row(row: Row[Any]) -> StudyRecord:
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
        reason_code=code_of(row.reason_code),
        priority=Priority.of_rank(row.priority),
        called_ae_title=row.called_ae_title,
    )


def study_from_row(row: Row[Any]) -> StudyRow:
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
        reason_code=code_of(row.reason_code),
        priority=Priority.of_rank(row.priority),
        called_ae_title=row.called_ae_title,
        patient_digest=row.patient_digest,
        judged_instances=row.judged_instances,
        content=row.content,
    )


def kept_from_row(row: Row[Any], study: StudyRow) -> StudyObject:
    """An instance of the study."""
    return StudyObject(row.id, _stored(row, study, study.patient_digest), row.received_at)


def set_aside_from_row(row: Row[Any], study: StudyRow) -> StudyObject:
    """An object that was set aside beside the study."""
    return StudyObject(row.id, _stored(row, study, row.patient_digest), row.received_at, code_of(row.reason_code))


def _stored(row: Row[Any], study: StudyRow, patient_digest: str) -> StoredInstance:
    return StoredInstance(
        study_instance_uid=study.study_instance_uid,
        series_instance_uid=row.series_instance_uid,
        sop_class_uid=row.sop_class_uid,
        sop_instance_uid=row.sop_instance_uid,
        transfer_syntax_uid=row.transfer_syntax_uid,
        patient_digest=patient_digest,
        sha256=row.sha256,
        path=row.path,
        size_bytes=row.size_bytes,
        calling_ae_title=row.calling_ae_title,
        kind=row.kind,
        slice_position=row.slice_position,
        called_ae_title=study.called_ae_title,
        host_id=row.host_id,
    )


def job_from_row(row: Row[Any]) -> JobRow:
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


def kept_object_from_row(row: Row[Any]) -> KeptObject:
    """A result object on disk."""
    return KeptObject(
        row.kind,
        row.sop_class_uid,
        row.sop_instance_uid,
        row.series_instance_uid,
        row.sha256,
        row.path,
        row.host_id,
    )


def _receipt_from_row(row: Row[Any]) -> ObjectReceipt:
    """What a destination answered for one object."""
    return ObjectReceipt(row.sop_instance_uid, row.status, row.comment, row.committed_at)


def job_record_from_row(row: Row[Any], receipts: Iterable[Row[Any]]) -> JobRecord:
    """One job as the operator sees it."""
    return JobRecord(
        kind=JobKind(row.kind),
        destination=row.destination,
        revision=row.revision,
        state=JobState(row.state),
        attempts=row.attempts,
        not_before=row.not_before,
        reason=row.reason,
        receipts=tuple(_receipt_from_row(each) for each in receipts),
        reason_code=code_of(row.reason_code),
    )


def audit_record_from_row(row: Row[Any]) -> AuditRecord:
    """One thing that happened to a study."""
    return AuditRecord(
        at=row.at,
        event=audit_event(row.event),
        from_state=study_state(row.from_state),
        to_state=study_state(row.to_state),
        revision=row.revision,
        detail=row.detail,
        fields=_fields_from_row(row),
    )


def audit_entry_from_row(row: Row[Any]) -> AuditEntry:
    """One entry as it is chained; raises AuditBroken for an event or a state that nobody writes."""
    return AuditEntry(
        at=row.at,
        study_id=row.study_id,
        event=audit_event(row.event),
        from_state=study_state(row.from_state),
        to_state=study_state(row.to_state),
        revision=row.revision,
        detail=row.detail,
        fields=_fields_from_row(row),
        version=row.version,
    )


def audit_event(text: str) -> AuditEvent | StudyEvent:
    """The event of this name; raises AuditBroken for one that nobody writes."""
    try:
        return StudyEvent(text) if text in StudyEvent.__members__ else AuditEvent(text)
    except ValueError:
        raise AuditBroken(f"the audit trail was changed: there is no event {text!r}") from None


def study_state(text: str) -> StudyState | Literal[""]:
    """The state before or after an entry, empty for one that is no transition; raises AuditBroken."""
    try:
        return StudyState(text) if text else ""
    except ValueError:
        raise AuditBroken(f"the audit trail was changed: there is no state {text!r}") from None


def _fields_from_row(row: Row[Any]) -> AuditFields:
    return AuditFields(
        peer=row.peer,
        calling_ae_title=row.calling_ae_title,
        called_ae_title=row.called_ae_title,
        address=row.address,
        person=row.person,
        count=row._mapping["count"],
        reason=code_of(row.reason_code),
    )


def assessment_from_row(row: Row[Any]) -> Assessment:
    """What a reader said."""
    return Assessment(
        row.revision,
        row.at,
        Verdict(row.verdict),
        Endpoint(row.endpoint) if row.endpoint else None,
        row.reader,
        row.calling_ae_title,
        row.sop_instance_uid or "",
        row.comment,
    )
