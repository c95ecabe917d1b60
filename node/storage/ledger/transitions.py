"""Changes a study's state, with its audit entry; finds and locks the study first. Inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, Connection, bindparam, select, update

from node.audit import NO_FIELDS, AuditEntry, AuditEvent, AuditFields
from node.reasons import Reason
from node.states import ImpossibleTransition, StudyEvent, StudyState, next_state
from node.storage import audit_trail, schema
from node.storage.records import StudyRow
from node.storage.rows import study_from_row

CLOCK_WENT_BACK_SECONDS = 300.0  # nodes that share a ledger differ by less
# A statement that every instance needs is made once: to put it together costs more than to execute it.
_LOCK_STUDIES = (
    select(schema.study)
    .where(schema.study.c.study_instance_uid.in_(bindparam("uids", expanding=True)))
    .order_by(schema.study.c.id)
    .with_for_update()
)


NO_REASON = {"reason": "", "reason_code": ""}
"""Columns of a study or a job that nothing stops."""


def reason_columns(reason: Reason) -> dict[str, str]:
    """Columns of a study or a job with a reason."""
    return {"reason": reason.words, "reason_code": reason.code}


def move(
    db: Connection,
    study: StudyRow,
    event: StudyEvent,
    now: float,
    why: Reason | str = "",
    **values: object,
) -> StudyRow:
    """Apply one event to a study, set these columns, and write its audit row; gives the study as it is now."""
    after = next_state(study.state, event)
    table = schema.study
    db.execute(update(table).where(table.c.id == study.id).values(state=after, state_since=now, **values))
    moved = study_from_row(db.execute(select(table).where(table.c.id == study.id)).one())
    fields = AuditFields(reason=why.code) if isinstance(why, Reason) else NO_FIELDS
    audit_trail.append(db, AuditEntry(now, study.id, event, study.state, after, moved.revision, str(why), fields))
    return moved


def locked_studies(db: Connection, study_instance_uids: Collection[str]) -> dict[str, StudyRow]:
    """Those of these studies that exist; no other node changes them until this transaction ends.

    They are locked in one order (PostgreSQL; SQLite has one writer).
    """
    rows = db.execute(_LOCK_STUDIES, {"uids": list(study_instance_uids)})
    return {row.study_instance_uid: study_from_row(row) for row in rows}


def locked_study(db: Connection, study_id: int) -> StudyRow:
    """A study that no other node changes until this transaction ends."""
    return study_from_row(db.execute(select(schema.study).where(schema.study.c.id == study_id).with_for_update()).one())


def locked_arriving(db: Connection, which: ColumnElement[bool], limit: int) -> Sequence[StudyRow]:
    """Studies that are RECEIVING, oldest first, locked; those that another node is changing are left out."""
    table = schema.study.c
    query = select(schema.study).where(table.state == StudyState.RECEIVING, which).order_by(table.last_received_at)
    return [study_from_row(row) for row in db.execute(query.limit(limit).with_for_update(skip_locked=True))]


def find_study(db: Connection, study_instance_uid: str) -> StudyRow | None:
    """The study of this UID; None when it is not known."""
    query = select(schema.study).where(schema.study.c.study_instance_uid == study_instance_uid)
    row = db.execute(query).first()
    return None if row is None else study_from_row(row)


def require_study(db: Connection, study_instance_uid: str, *, lock: bool = False) -> StudyRow:
    """The study of this UID; raises LookupError when it is not known."""
    if lock:
        locked_studies(db, [study_instance_uid])
    study = find_study(db, study_instance_uid)
    if study is None:
        raise LookupError("no study with this Study Instance UID; see: mome-node studies list")
    return study


class ConflictStands(ImpossibleTransition):
    """Whose study it is, or which version of an instance is the true one, must be decided first."""


def require_no_conflict(study: StudyRow) -> None:
    """Raise ConflictStands while an operator has to decide about the study."""
    if study.conflict:
        raise ConflictStands(
            f"two patients, or two versions of an instance, came under this Study Instance UID; decide first: "
            f"mome-node studies resolve {study.id}"
        )


def operated(study: StudyRow, by: str, words: str, now: float, is_person: bool = True) -> AuditEntry:
    """The audit entry of what a person asked for, or the settings."""
    fields = AuditFields(person=by if is_person else "")
    return AuditEntry(now, study.id, AuditEvent.OPERATED, "", "", study.revision, f"{by}: {words}", fields)
