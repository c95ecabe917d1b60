"""The audit trail: entries appended inside the transaction that they tell of, and read and verified from outside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import Connection, Engine, insert, select, update

from node.audit import NO_FIELDS, AuditEntry, AuditEvent, AuditFields, AuditHead, chained, verify
from node.storage import schema
from node.storage.database import reading, writing
from node.storage.postgres import may_be_idle
from node.storage.rows import audit_entry_from_row


class AuditTrail:
    """What happened to the node and its studies beside their transitions; every verb is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def record(
        self,
        event: AuditEvent,
        now: float,
        detail: str = "",
        study_instance_uid: str | None = None,
        fields: AuditFields = NO_FIELDS,
    ) -> None:
        """Write an entry that is no transition of a study: words for people, and the same facts as fields."""
        studies = schema.study.c
        query = select(studies.id, studies.revision).where(studies.study_instance_uid == study_instance_uid)
        with writing(self.engine) as db:
            study = None if study_instance_uid is None else db.execute(query).first()
            number, revision = (study.id, study.revision) if study else (None, 0)
            append(db, AuditEntry(now, number, event, "", "", revision, detail, fields))

    def verify(self, noted: Iterable[AuditHead] = ()) -> AuditHead:
        """Check the chain of the whole trail, and that it holds heads noted earlier; raises AuditBroken."""
        with reading(self.engine) as db:
            return verify(_entries(db), _head(db), noted)

    def head(self) -> AuditHead:
        """How far the trail goes now."""
        with reading(self.engine) as db:
            return _head(db)

    def entries(self) -> Iterator[tuple[AuditEntry, str]]:
        """Every entry, oldest first, with the Study Instance UID that it is about (or an empty text)."""
        with reading(self.engine) as db:
            studies = schema.study.c
            uids = {
                row.id: row.study_instance_uid for row in db.execute(select(studies.id, studies.study_instance_uid))
            }
            for _, entry, _ in _entries(db):
                yield entry, uids.get(entry.study_id or 0, "")


def append(db: Connection, entry: AuditEntry) -> None:
    """Write an entry behind the newest; other writers wait until this transaction ends."""
    head = schema.audit_head
    newest = db.execute(select(head).with_for_update()).one()
    digest = chained(newest.digest, entry)
    values = {
        "at": entry.at,
        "study_id": entry.study_id,
        "event": entry.event,
        "from_state": entry.from_state,
        "to_state": entry.to_state,
        "revision": entry.revision,
        "detail": entry.detail,
        "peer": entry.fields.peer,
        "calling_ae_title": entry.fields.calling_ae_title,
        "called_ae_title": entry.fields.called_ae_title,
        "address": entry.fields.address,
        "person": entry.fields.person,
        "count": entry.fields.count,
        "reason_code": entry.fields.reason or "",
        "version": entry.version,
        "digest": digest,
    }
    db.execute(insert(schema.audit).values(values))
    db.execute(update(head).values(entries=newest.entries + 1, digest=digest))


def _entries(db: Connection) -> Iterator[tuple[int, AuditEntry, str]]:
    """(number, entry, digest) of the whole trail, oldest first."""
    may_be_idle(db)
    for row in db.execution_options(yield_per=1000).execute(select(schema.audit).order_by(schema.audit.c.id)):
        yield row.id, audit_entry_from_row(row), row.digest


def _head(db: Connection) -> AuditHead:
    newest = db.execute(select(schema.audit_head)).one()
    return AuditHead(newest.entries, newest.digest)
