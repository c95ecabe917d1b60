"""How far the audit trail was sent to a repository: a cursor that survives restarts, under a lease."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, and_, delete, func, insert, or_, select, update

from node.audit import AuditEntry, AuditEvent
from node.audit_messages import NOBODY, AuditSubject
from node.storage import schema
from node.storage.database import reading, writing
from node.storage.rows import audit_entry_from_row

_RECEIVER = "repository"


@dataclass(frozen=True, slots=True)
class UnsentEntry:
    """An entry that the repository does not have yet.

    Parameters
    ----------
    path
        Of one of the study's files, relative to the storage root: it names the patient. Empty where there is none.
    subject
        What was noted of the patient when the study was deleted; else the study alone.
    """

    number: int
    entry: AuditEntry
    subject: AuditSubject
    path: str = ""


@dataclass(frozen=True, slots=True)
class ForwardingStatus:
    """How far the trail was sent. Times: seconds since 1970, UTC; failing_since is None while it goes well."""

    unsent: int
    sent_at: float
    failing_since: float | None
    reason: str


class AuditForwarding:
    """The cursor, and the entries behind it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def claim(self, node: str, now: float, lease_seconds: float) -> bool:
        """Whether this node is the one that sends, until its lease ends; of several on a ledger only one is."""
        table = schema.audit_forwarding
        mine = or_(table.c.holder == node, table.c.lease_until < now, table.c.lease_until > now + 2 * lease_seconds)
        values = {"holder": node, "lease_until": now + lease_seconds}
        with writing(self.engine) as db:
            if db.execute(select(table.c.receiver)).first() is None:
                start = {"entry": 0, "at": now, "failing_since": None, "reason": ""}
                db.execute(insert(table).values(receiver=_RECEIVER, **start, **values))
                return True
            return db.execute(update(table).where(mine).values(values)).rowcount == 1

    def unsent(self, limit: int) -> list[UnsentEntry]:
        """The oldest entries that were not sent, in the order in which they were written."""
        table = schema.audit
        with reading(self.engine) as db:
            newer = select(table).where(table.c.id > _cursor(db)).order_by(table.c.id).limit(limit)
            rows = db.execute(newer).all()
            studies = _live_studies(db, {row.study_id for row in rows if row.study_id is not None})
            return [_unsent(db, row.id, audit_entry_from_row(row), studies) for row in rows]

    def sent(self, node: str, through: int, now: float) -> None:
        """Every entry up to this one was sent; what was noted of patients of deleted studies goes with them."""
        table, subjects = schema.audit_forwarding, schema.audit_subject
        values = {"entry": through, "at": now, "failing_since": None, "reason": ""}
        with writing(self.engine) as db:
            mine = and_(table.c.holder == node, table.c.entry < through)
            if db.execute(update(table).where(mine).values(values)).rowcount:
                db.execute(delete(subjects).where(subjects.c.last_entry <= through))

    def forget_subjects(self) -> None:
        """No repository is to know whom the entries of deleted studies are about."""
        with writing(self.engine) as db:
            db.execute(delete(schema.audit_subject))

    def failed(self, reason: str, now: float) -> None:
        """The repository did not take them."""
        table = schema.audit_forwarding
        with writing(self.engine) as db:
            since = func.coalesce(table.c.failing_since, now)
            db.execute(update(table).values(failing_since=since, reason=reason))

    def status(self) -> ForwardingStatus:
        """How far it is behind."""
        with reading(self.engine) as db:
            row = db.execute(select(schema.audit_forwarding)).first()
            behind = select(func.count()).select_from(schema.audit).where(schema.audit.c.id > _cursor(db))
            unsent = int(db.execute(behind).scalar_one())
        if row is None:
            return ForwardingStatus(unsent, 0.0, None, "")
        return ForwardingStatus(unsent, row.at, row.failing_since, row.reason)


def note_deleted(db: Connection, study_id: int, subject: AuditSubject) -> None:
    """Keep whom the entries of a study that is deleted now are about, until they are sent; inside its transaction."""
    newest = db.execute(select(func.max(schema.audit.c.id))).scalar_one()
    db.execute(
        insert(schema.audit_subject).values(
            study_id=study_id,
            last_entry=newest,
            study_instance_uid=subject.study_instance_uid,
            patient_id=subject.patient_id,
            patient_name=subject.patient_name,
            accession_number=subject.accession_number,
        )
    )


def _cursor(db: Connection) -> int:
    """Number of the newest entry that was sent, 0 for none."""
    return int(db.execute(select(schema.audit_forwarding.c.entry)).scalar() or 0)


def _live_studies(db: Connection, numbers: set[int]) -> Mapping[int, tuple[str, str]]:
    """Study Instance UID and the path of one file, by the number of the study."""
    studies, instances = schema.study.c, schema.instance.c
    first = select(func.min(instances.id)).where(instances.study_id.in_(numbers)).group_by(instances.study_id)
    query = select(studies.id, studies.study_instance_uid, instances.path).join(
        schema.instance, and_(instances.study_id == studies.id, instances.id.in_(first)), isouter=True
    )
    rows = db.execute(query.where(studies.id.in_(numbers)))
    return {row.id: (row.study_instance_uid, row.path or "") for row in rows}


def _unsent(db: Connection, number: int, entry: AuditEntry, studies: Mapping[int, tuple[str, str]]) -> UnsentEntry:
    """An entry with the study that had its number at the time: numbers of deleted studies may be given again."""
    if entry.study_id is None:
        return UnsentEntry(number, entry, NOBODY)
    table, entries = schema.audit_subject.c, schema.audit.c
    noted = select(schema.audit_subject).where(table.study_id == entry.study_id, table.last_entry >= number)
    row = db.execute(noted.order_by(table.last_entry).limit(1)).first()
    if row is not None:
        subject = AuditSubject(row.study_instance_uid, row.patient_id, row.patient_name, row.accession_number)
        return UnsentEntry(number, entry, subject)
    deleted = select(entries.id).where(
        entries.study_id == entry.study_id, entries.event == AuditEvent.DELETED, entries.id >= number
    )
    if entry.study_id not in studies or db.execute(deleted.limit(1)).first() is not None:
        return UnsentEntry(number, entry, NOBODY)
    uid, path = studies[entry.study_id]
    return UnsentEntry(number, entry, AuditSubject(uid), path)
