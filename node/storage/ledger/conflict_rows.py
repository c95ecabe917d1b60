"""Rows of what contradicts a study: objects of another patient, second versions. Inside the caller's transaction."""

from __future__ import annotations

import hashlib

from sqlalchemy import Connection, insert, select, update

from node.audit import AuditEntry, AuditEvent, AuditFields
from node.patient_digest import Likeness, has_no_id, likeness, party_of
from node.reasons import Reason, ReasonCode
from node.states import StudyEvent, StudyState
from node.storage import audit_trail, schema
from node.storage.append import row_of
from node.storage.contents import IMAGE_CLASSES
from node.storage.ledger.job_rows import cancel_open_jobs
from node.storage.ledger.transitions import find_study, move, reason_columns
from node.storage.records import StoredInstance, StudyRow

CONFLICT_WORDS = {
    ReasonCode.TWO_PATIENTS: "images of another patient came under this Study Instance UID; they are kept apart, and "
    "nothing is analysed until an operator decides whose study it is",
    ReasonCode.FOREIGN_OBJECT: "a document of another patient came under this Study Instance UID; it is kept apart",
    ReasonCode.TWO_VERSIONS: "an instance came twice with different content; the first is kept, and nothing is "
    "analysed until an operator decides",
}


def two_patients(each: StoredInstance) -> ReasonCode:
    """What an object of another patient means for the study."""
    return ReasonCode.TWO_PATIENTS if each.sop_class_uid in IMAGE_CLASSES else ReasonCode.FOREIGN_OBJECT


def is_of_another(db: Connection, study: StudyRow, each: StoredInstance, sender_before: str = "") -> bool:
    """Whether an instance is of another patient than the study, or nothing shows that it is not.

    Without a patient ID two senders cannot mean the same patient for certain, whatever else they say.

    Parameters
    ----------
    sender_before
        Of an instance of the study that has no row yet.
    """
    verdict = likeness(study.patient_digest, each.patient_digest)
    if verdict in (Likeness.ANOTHER, Likeness.UNKNOWN):
        return verdict is Likeness.ANOTHER
    if not has_no_id(each.patient_digest) or not each.calling_ae_title:
        return False
    if sender_before not in ("", each.calling_ae_title):
        return True
    kept = schema.instance.c
    sender = select(kept.calling_ae_title).where(kept.study_id == study.id, kept.calling_ae_title != "").limit(1)
    return db.execute(sender).scalar() not in (None, each.calling_ae_title)  # those before it came from one


def split_uid(each: StoredInstance) -> str:
    """Under which UID the ledger keeps the study of another patient that came under this one (PS3.5 B.2)."""
    party = party_of(each.patient_digest, each.calling_ae_title)
    digest = hashlib.sha256(f"{each.study_instance_uid}\0{party}".encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16])}"


def split_study(db: Connection, each: StoredInstance) -> StudyRow | None:
    """The study that an operator has made of this patient's objects; None when there is none."""
    return find_study(db, split_uid(each))


def set_aside_before(db: Connection, each: StoredInstance) -> ReasonCode | None:
    """Why this very object was set aside when it came before; None when it was not."""
    table = schema.conflict.c
    query = select(table.reason_code).where(
        table.sop_instance_uid == each.sop_instance_uid, table.sha256 == each.sha256
    )
    code = db.execute(query).scalar()
    return None if code is None else ReasonCode(code or ReasonCode.UNKNOWN)


def set_aside(db: Connection, study: StudyRow, each: StoredInstance, why: ReasonCode, now: float) -> None:
    """Remember an object beside the study; whatever can change its answer stops it until an operator decides."""
    reason = Reason(why, CONFLICT_WORDS[why])
    about = {"study_id": study.id, "patient_digest": each.patient_digest, "why": reason.words, "reason_code": why}
    db.execute(insert(schema.conflict).values(**row_of(each, now), **about))
    fields = AuditFields(calling_ae_title=each.calling_ae_title, reason=why)
    audit_trail.append(db, AuditEntry(now, study.id, AuditEvent.CONFLICT, "", "", 0, reason.words, fields))
    if why is not ReasonCode.FOREIGN_OBJECT:
        stop(db, study, reason, now)


def stands(db: Connection, study_id: int) -> Reason | None:
    """Why an operator has to decide about a study; None when nothing waits that can change its answer."""
    table = schema.conflict.c
    waiting = select(table.reason_code).where(table.study_id == study_id, table.decision == "")
    codes = set(db.execute(waiting.distinct()).scalars())
    stopping = (code for code in CONFLICT_WORDS if code is not ReasonCode.FOREIGN_OBJECT)
    return next((Reason(code, CONFLICT_WORDS[code]) for code in stopping if code in codes), None)


def stop(db: Connection, study: StudyRow, why: Reason, now: float) -> None:
    """Analyse and deliver nothing more of the study; one that is finished keeps its state and is marked."""
    table = schema.study
    db.execute(update(table).where(table.c.id == study.id).values(conflict=True))
    if study.state in (StudyState.STABLE, StudyState.ANALYZING, StudyState.ANALYZED):
        cancel_open_jobs(db, study.id, why, now)
        move(db, study, StudyEvent.GAVE_UP, now, why, **reason_columns(why))
    elif study.state is StudyState.RECEIVING:
        db.execute(update(table).where(table.c.id == study.id).values(**reason_columns(why)))
