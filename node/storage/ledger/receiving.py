"""Receiving: rows for instances whose files are durable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from sqlalchemy import Connection, Engine, and_, bindparam, insert, select, update

from node.audit import AuditEntry, AuditEvent, AuditFields
from node.reasons import Reason, ReasonCode
from node.states import StudyEvent, StudyState
from node.storage import audit_trail, schema
from node.storage.append import append, row_of
from node.storage.contents import IMAGE_CLASSES, unlearn
from node.storage.database import LedgerOvertaken, writing
from node.storage.ledger.job_rows import cancel_open_jobs
from node.storage.ledger.transitions import locked_studies, move, reason_columns, require_study
from node.storage.records import StoredInstance, StoreOutcome, StudyRow

_TWO_PATIENTS = Reason(
    ReasonCode.TWO_PATIENTS,
    "two patients share this Study Instance UID; it is not analysed until the sender has corrected that",
)
_TWO_VERSIONS = Reason(
    ReasonCode.TWO_VERSIONS,
    "an instance came twice with different content; the first is kept, and the study is not analysed",
)
_NEW_INSTANCE = Reason(ReasonCode.NEW_INSTANCE, "a new instance arrived")

# The statements that every instance needs are made once: to put one together costs more than to execute it.
_INSERT_INSTANCES = insert(schema.instance)
_GROW_STUDY = (
    update(schema.study)
    .where(schema.study.c.id == bindparam("study_id"))
    .values(instances=schema.study.c.instances + bindparam("more"), last_received_at=bindparam("now"))
)
_DIGESTS = select(schema.instance.c.sop_instance_uid, schema.instance.c.sha256).where(
    schema.instance.c.sop_instance_uid.in_(bindparam("uids", expanding=True))
)


class Receiving:
    """What the listener tells the ledger."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def instances_stored(self, batch: Sequence[StoredInstance], now: float) -> list[StoreOutcome]:
        """Rows for instances whose files are durable; when this returns, the senders get their responses.

        The same UID with the same digest is a duplicate (one record); with another digest a conflict, which blocks
        the study's analysis. A new instance of a study that was complete opens its next revision.
        """
        if self.engine.dialect.name == "sqlite" and append(self.engine, batch, now):
            return [StoreOutcome.STORED] * len(batch)
        try:
            return self._instances_stored(batch, now)
        except LedgerOvertaken:  # another node has just written one of these rows: this time we see it
            return self._instances_stored(batch, now)

    def _instances_stored(self, batch: Sequence[StoredInstance], now: float) -> list[StoreOutcome]:
        with writing(self.engine) as db:
            studies = locked_studies(db, {each.study_instance_uid for each in batch})
            known = _known_digests(db, {each.sop_instance_uid for each in batch})
            outcomes = [_compare(db, each, known, studies, now) for each in batch]
            fresh = [each for each, outcome in zip(batch, outcomes, strict=True) if outcome is StoreOutcome.STORED]
            _insert_instances(db, [(studies[each.study_instance_uid].id, each) for each in fresh], now)
        return outcomes


def _compare(
    db: Connection, each: StoredInstance, known: dict[str, str], studies: dict[str, StudyRow], now: float
) -> StoreOutcome:
    """What an instance is to the ledger; its study is open afterwards unless it is a duplicate."""
    digest = known.setdefault(each.sop_instance_uid, "")
    if digest == each.sha256:
        return StoreOutcome.DUPLICATE
    study = _open_study(db, each, studies.get(each.study_instance_uid), now)
    studies[each.study_instance_uid] = study
    if digest:
        _note_conflict(db, study.id, each, _TWO_VERSIONS, now)
        return StoreOutcome.CONFLICT
    known[each.sop_instance_uid] = each.sha256
    if study.patient_digest != each.patient_digest:
        _note_conflict(db, study.id, each, _TWO_PATIENTS, now)
    return StoreOutcome.STORED


def _open_study(db: Connection, each: StoredInstance, study: StudyRow | None, now: float) -> StudyRow:
    """The study's row, RECEIVING; a study that had been complete begins its next revision."""
    if study is None:
        return _insert_study(db, each, now)
    if study.state is not StudyState.RECEIVING and each.sop_class_uid in IMAGE_CLASSES:
        cancel_open_jobs(db, study.id, _NEW_INSTANCE, now)
        unlearn(db, study.content)
        return move(db, study, StudyEvent.INSTANCE_STORED, now, revision=study.revision + 1, content="")
    return study


def _insert_study(db: Connection, first: StoredInstance, now: float) -> StudyRow:
    """A study begins with its first instance."""
    db.execute(
        insert(schema.study).values(
            study_instance_uid=first.study_instance_uid,
            patient_digest=first.patient_digest,
            called_ae_title=first.called_ae_title,
            state=StudyState.RECEIVING,
            revision=1,
            first_received_at=now,
            last_received_at=now,
            state_since=now,
            instances=0,
            conflict=False,
            reason="",
            reason_code="",
            judged_instances=0,
            missing=0,
            content="",
        )
    )
    return require_study(db, first.study_instance_uid)


def _insert_instances(db: Connection, rows: Sequence[tuple[int, StoredInstance]], now: float) -> None:
    """Rows for new instances, each with the ID of its study, all in one statement; the studies count them."""
    if not rows:
        return
    values = [{"study_id": study_id, **row_of(each, now)} for study_id, each in rows]
    db.execute(_INSERT_INSTANCES, values)
    counted = Counter(study_id for study_id, _ in rows)
    db.execute(_GROW_STUDY, [{"study_id": each, "more": more, "now": now} for each, more in counted.items()])


def _known_digests(db: Connection, uids: Collection[str]) -> dict[str, str]:
    """SOP Instance UID -> digest of those that are stored."""
    return {row.sop_instance_uid: row.sha256 for row in db.execute(_DIGESTS, {"uids": list(uids)})}


def _note_conflict(db: Connection, study_id: int, each: StoredInstance, why: Reason, now: float) -> None:
    """Remember the second version, and block the study's analysis."""
    table = schema.conflict
    known = and_(table.c.sop_instance_uid == each.sop_instance_uid, table.c.sha256 == each.sha256)
    if db.execute(select(table.c.id).where(known)).first() is None:
        db.execute(
            insert(table).values(
                study_id=study_id,
                sop_instance_uid=each.sop_instance_uid,
                sha256=each.sha256,
                path=each.path,
                why=why.words,
                reason_code=why.code,
                received_at=now,
            )
        )
        fields = AuditFields(reason=why.code)
        audit_trail.append(db, AuditEntry(now, study_id, AuditEvent.CONFLICT, "", "", 0, why.words, fields))
    blocked = {"conflict": True, **reason_columns(why)}
    db.execute(update(schema.study).where(schema.study.c.id == study_id).values(blocked))
