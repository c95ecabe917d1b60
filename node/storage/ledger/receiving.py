"""Receiving: rows for instances whose files are durable."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, bindparam, select, update

from node.patient_digest import Likeness, completed, likeness
from node.reasons import Reason, ReasonCode
from node.states import StudyEvent, StudyState
from node.storage import host_schema, schema
from node.storage.append import append
from node.storage.contents import IMAGE_CLASSES, unlearn
from node.storage.database import LedgerOvertaken, reading, writing
from node.storage.ledger.conflict_rows import is_of_another, set_aside, set_aside_before, split_study, two_patients
from node.storage.ledger.host_rows import note_copies
from node.storage.ledger.instance_rows import insert_instances, insert_study
from node.storage.ledger.job_rows import cancel_open_jobs
from node.storage.ledger.transitions import locked_studies, locked_study, move
from node.storage.records import StoredInstance, StoreOutcome, StudyRow

_NEW_INSTANCE = Reason(ReasonCode.NEW_INSTANCE, "a new instance arrived")

_DIGESTS = select(schema.instance.c.sop_instance_uid, schema.instance.c.sha256).where(
    schema.instance.c.sop_instance_uid.in_(bindparam("uids", expanding=True))
)

_COPIES = (
    select(schema.instance.c.sop_instance_uid, schema.instance.c.sha256, host_schema.instance_copy.c.path)
    .join(schema.instance, schema.instance.c.id == host_schema.instance_copy.c.instance_id)
    .where(schema.instance.c.sop_instance_uid.in_(bindparam("uids", expanding=True)))
)


class Receiving:
    """What the listener tells the ledger."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def instances_stored(self, batch: Sequence[StoredInstance], now: float) -> list[StoreOutcome]:
        """Rows for instances whose files are durable; when this returns, the senders get their responses.

        The same UID with the same digest is a duplicate (one record); with another digest a conflict. What another
        patient's identity stands in is set aside. Both stop the study's analysis, but for documents that are no images.
        A new instance of a study that was complete opens its next revision.
        """
        if self.engine.dialect.name == "sqlite" and append(self.engine, batch, now):
            return [StoreOutcome.STORED] * len(batch)
        try:
            return self._instances_stored(batch, now)
        except LedgerOvertaken:  # another node has just written one of these rows: this time we see it
            return self._instances_stored(batch, now)

    def paths_of(self, objects: Sequence[StoredInstance]) -> list[set[str]]:
        """For each of these objects the files that rows name for its content, those of copies too."""
        uids = {each.sop_instance_uid for each in objects}
        named: dict[tuple[str, str], set[str]] = defaultdict(set)
        with reading(self.engine) as db:
            for row in (schema.instance.c, schema.conflict.c):
                query = select(row.sop_instance_uid, row.sha256, row.path).where(row.sop_instance_uid.in_(uids))
                for found in db.execute(query):
                    named[found.sop_instance_uid, found.sha256].add(found.path)
            for found in db.execute(_COPIES, {"uids": list(uids)}):
                named[found.sop_instance_uid, found.sha256].add(found.path)
        return [named[each.sop_instance_uid, each.sha256] for each in objects]

    def _instances_stored(self, batch: Sequence[StoredInstance], now: float) -> list[StoreOutcome]:
        with writing(self.engine) as db:
            known = _Known(
                locked_studies(db, {each.study_instance_uid for each in batch}),
                _known_digests(db, {each.sop_instance_uid for each in batch}),
            )
            compared = [_compare(db, each, known, now) for each in batch]
            fresh = [(study_id, each) for each, (outcome, study_id) in zip(batch, compared, strict=True) if study_id]
            insert_instances(db, fresh, now)
            verdicts = [outcome for outcome, _ in compared]
            again = [each for each, it_is in zip(batch, verdicts, strict=True) if it_is is StoreOutcome.DUPLICATE]
            note_copies(db, (each for each in again if each.host_id is not None), now)
        return verdicts


@dataclass(frozen=True, slots=True)
class _Known:
    """What the ledger knows of a batch: studies by UID, the digest of each instance by UID.

    Parameters
    ----------
    senders
        Who sent the newest instance of a study, by its number; only of this batch.
    """

    studies: dict[str, StudyRow]
    digests: dict[str, str]
    senders: dict[int, str] = field(default_factory=dict)


def _compare(db: Connection, each: StoredInstance, known: _Known, now: float) -> tuple[StoreOutcome, int]:
    """What an instance is to the ledger, and the study that it becomes part of, 0 for none.

    That study is open afterwards. What belongs to another patient, or is a second version, opens none.
    """
    digest = known.digests.setdefault(each.sop_instance_uid, "")
    if digest == each.sha256:
        return StoreOutcome.DUPLICATE, 0
    if earlier := set_aside_before(db, each):
        return (StoreOutcome.CONFLICT if earlier is ReasonCode.TWO_VERSIONS else StoreOutcome.SET_ASIDE), 0
    uid = each.study_instance_uid
    study = known.studies.get(uid)
    if study is None and digest:  # the UID of an instance of another study
        study = insert_study(db, each, uid, now)
    if study is not None and (digest or is_of_another(db, study, each, known.senders.get(study.id, ""))):
        apart = split_study(db, each)
        if digest or apart is None:
            set_aside(db, study, each, ReasonCode.TWO_VERSIONS if digest else two_patients(each), now)
            known.studies[uid] = locked_study(db, study.id)
            return (StoreOutcome.CONFLICT if digest else StoreOutcome.SET_ASIDE), 0
        uid, study = apart.study_instance_uid, known.studies.get(apart.study_instance_uid, apart)
    known.studies[uid] = opened = _open_study(db, each, study, now)
    known.digests[each.sop_instance_uid], known.senders[opened.id] = each.sha256, each.calling_ae_title
    return StoreOutcome.STORED, opened.id


def _open_study(db: Connection, each: StoredInstance, study: StudyRow | None, now: float) -> StudyRow:
    """The study's row, RECEIVING; a study that had been complete begins its next revision.

    One whose patient was noted under another key, or under none, learns it from this instance; also what it lacks.
    """
    if study is None:
        return insert_study(db, each, each.study_instance_uid, now)
    verdict, patient = likeness(study.patient_digest, each.patient_digest), each.patient_digest
    if verdict is Likeness.LESS_SAID:
        patient = completed(study.patient_digest, patient)
    if verdict in (Likeness.UNKNOWN, Likeness.LESS_SAID) and patient != study.patient_digest:
        db.execute(update(schema.study).where(schema.study.c.id == study.id).values(patient_digest=patient))
        study = locked_study(db, study.id)
    if study.state is not StudyState.RECEIVING and each.sop_class_uid in IMAGE_CLASSES:
        cancel_open_jobs(db, study.id, _NEW_INSTANCE, now)
        unlearn(db, study.content)
        return move(db, study, StudyEvent.INSTANCE_STORED, now, revision=study.revision + 1, content="")
    return study


def _known_digests(db: Connection, uids: Collection[str]) -> dict[str, str]:
    """SOP Instance UID -> digest of those that are stored."""
    return {row.sop_instance_uid: row.sha256 for row in db.execute(_DIGESTS, {"uids": list(uids)})}
