"""What an operator decides where two patients, or two versions of an instance, came under one Study Instance UID."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, func, insert, select, update

from node.errors import NodeError
from node.jobs import JobKind
from node.patient_digest import has_no_id
from node.reasons import Reason, ReasonCode
from node.states import StudyEvent, StudyState
from node.storage import audit_trail, schema
from node.storage.append import row_of
from node.storage.contents import IMAGE_CLASSES
from node.storage.database import reading, writing
from node.storage.ledger.conflict_rows import CONFLICT_WORDS, split_uid
from node.storage.ledger.instance_rows import insert_instances, insert_study
from node.storage.ledger.job_rows import add_job, cancel_open_jobs
from node.storage.ledger.transitions import NO_REASON, find_study, locked_study, move, operated, require_study
from node.storage.records import StoredInstance, StudyRow

_OWN = 0
_DECIDED = Reason(ReasonCode.REQUEUED, "an operator decided whose study it is")


class Decision(StrEnum):
    """What becomes of the parties of a conflict."""

    KEEP = "keep"  # this party is the study; what the others sent stays apart
    DISCARD = "discard"  # the study stays as it is; what was set aside stays apart
    SPLIT = "split"  # what was set aside becomes a study of its own for each patient


class Undecidable(NodeError):
    """The decision does not fit what there is to decide; the message says why."""


@dataclass(frozen=True, slots=True)
class Party:
    """Objects that belong together in a conflict: of one patient, or the second versions.

    Parameters
    ----------
    number
        0 is the study as it is.
    reason
        Why it was set aside; None of the study as it is.
    path
        Of one of its files: a person who may see patients reads there whose they are.
    """

    number: int
    reason: ReasonCode | None
    senders: tuple[str, ...]
    images: int
    documents: int
    path: str
    sop_instance_uid: str


class Conflicts:
    """Each raises LookupError for a study that is not known."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def parties(self, study_instance_uid: str) -> tuple[Party, ...]:
        """The study as it is, and every party that was set aside and waits for a decision; () when none does."""
        with reading(self.engine) as db:
            study = require_study(db, study_instance_uid)
            apart = _apart(db, study.id)
            if not apart:
                return ()
            own = db.execute(select(schema.instance).where(schema.instance.c.study_id == study.id)).all()
        return tuple(_party(number, rows) for number, rows in enumerate([own, *apart]))

    def resolve(self, study_instance_uid: str, decision: Decision, which: str, by: str, now: float) -> None:
        """Carry out an operator's decision, with its audit entry; raises Undecidable, changing nothing.

        Parameters
        ----------
        which
            The party to keep: its number, the AE title of its only sender, or the UID of one of its instances.
        """
        with writing(self.engine) as db:
            study = require_study(db, study_instance_uid, lock=True)
            apart = _apart(db, study.id)
            if not apart:
                raise Undecidable("nothing of this study waits for a decision")
            kept = _chosen(db, study, apart, which) if decision is Decision.KEEP else _OWN
            audit_trail.append(db, operated(study, by, f"resolve {decision} {which}".strip(), now))
            if decision is Decision.SPLIT:
                _split(db, study, apart, now)
            elif kept != _OWN:
                _swap(db, study, apart[kept - 1], now)
            undecided = schema.conflict.c
            waiting = update(schema.conflict).where(undecided.study_id == study.id, undecided.decision == "")
            db.execute(waiting.values(decision=Decision.DISCARD))
            _drop_former(db, study, [row for rows in apart for row in rows])
            _go_on(db, locked_study(db, study.id), now, anew=kept != _OWN)


def _apart(db: Connection, study_id: int) -> list[list[Row[Any]]]:
    """What was set aside and waits for a decision, by party, in the order of arrival."""
    table = schema.conflict
    query = select(table).where(table.c.study_id == study_id, table.c.decision == "").order_by(table.c.id)
    parties: dict[tuple[str, str, str], list[Row[Any]]] = defaultdict(list)
    for row in db.execute(query):
        if row.reason_code == ReasonCode.TWO_VERSIONS:
            key = (ReasonCode.TWO_VERSIONS.value, "", "")
        else:
            key = ("", row.patient_digest, row.calling_ae_title if has_no_id(row.patient_digest) else "")
        parties[key].append(row)
    return list(parties.values())


def _party(number: int, rows: Sequence[Row[Any]]) -> Party:
    images = sum(row.sop_class_uid in IMAGE_CLASSES for row in rows)
    codes = {ReasonCode(row.reason_code or ReasonCode.UNKNOWN) for row in rows} if number != _OWN else set()
    return Party(
        number=number,
        reason=min(codes, key=list(CONFLICT_WORDS).index, default=None),
        senders=tuple(sorted({row.calling_ae_title for row in rows if row.calling_ae_title})),
        images=images,
        documents=len(rows) - images,
        path=rows[0].path if rows else "",
        sop_instance_uid=rows[0].sop_instance_uid if rows else "",
    )


def _chosen(db: Connection, study: StudyRow, apart: Sequence[Sequence[Row[Any]]], which: str) -> int:
    """The number of the party that an operator named; raises Undecidable unless that is exactly one."""
    own = db.execute(select(schema.instance).where(schema.instance.c.study_id == study.id)).all()
    parties = [own, *apart]
    if which.isdecimal() and int(which) < len(parties):
        return int(which)
    by_uid = [n for n, rows in enumerate(parties) if any(row.sop_instance_uid == which for row in rows)]
    found = by_uid or [n for n, rows in enumerate(parties) if {row.calling_ae_title for row in rows} == {which}]
    if len(found) != 1:
        raise Undecidable(f"'{which}' names {len(found) or 'no'} part{'y' if not found else 'ies'} of this conflict")
    return found[0]


def _swap(db: Connection, study: StudyRow, chosen: Sequence[Row[Any]], now: float) -> None:
    """The chosen party becomes the study; what the study was is set aside, or the instances that it replaces."""
    kept = schema.instance.c
    replaced = kept.study_id == study.id
    versions = chosen[0].reason_code == ReasonCode.TWO_VERSIONS
    if versions:
        replaced &= kept.sop_instance_uid.in_([row.sop_instance_uid for row in chosen])
    former = db.execute(select(schema.instance).where(replaced)).all()
    patient = study.patient_digest if versions else chosen[0].patient_digest
    _adopt(db, study, chosen, former, now)
    if former:
        db.execute(insert(schema.conflict), [_conflict_row(study, row, versions) for row in former])
    db.execute(update(schema.study).where(schema.study.c.id == study.id).values(patient_digest=patient))


def _split(db: Connection, study: StudyRow, apart: Iterable[Sequence[Row[Any]]], now: float) -> None:
    """Each patient's objects become a study, which is analysed like any other once it is quiet."""
    for rows in apart:
        if rows[0].reason_code == ReasonCode.TWO_VERSIONS:
            raise Undecidable("two versions of an instance cannot be split: keep one, or discard the second")
        uid = split_uid(study.study_instance_uid, rows[0].patient_digest)
        made = find_study(db, uid) or insert_study(db, _stored(study, rows[0]), uid, now)
        _adopt(db, made, rows, (), now)


def _adopt(db: Connection, study: StudyRow, rows: Sequence[Row[Any]], former: Sequence[Row[Any]], now: float) -> None:
    """Objects that were set aside become instances of a study, instead of others."""
    if any(not row.sop_class_uid for row in rows):
        raise Undecidable("an earlier version of this program set them aside: discard them, and have them sent again")
    db.execute(delete(schema.conflict).where(schema.conflict.c.id.in_([row.id for row in rows])))
    if former:
        db.execute(delete(schema.instance).where(schema.instance.c.id.in_([row.id for row in former])))
        _count(db, study)
    insert_instances(db, [(study.id, _stored(study, row)) for row in rows], now)


def _drop_former(db: Connection, study: StudyRow, rows: Iterable[Row[Any]]) -> None:
    """Until schema 0017 an object of another patient was an instance of the study, too: it is one no longer."""
    kept = schema.instance.c
    for row in rows:
        if not row.sop_class_uid:
            same = (kept.sop_instance_uid == row.sop_instance_uid) & (kept.sha256 == row.sha256)
            db.execute(delete(schema.instance).where(kept.study_id == study.id, same))
    _count(db, study)


def _count(db: Connection, study: StudyRow) -> None:
    counted = select(func.count()).where(schema.instance.c.study_id == study.id).scalar_subquery()
    db.execute(update(schema.study).where(schema.study.c.id == study.id).values(instances=counted))


def _go_on(db: Connection, study: StudyRow, now: float, *, anew: bool) -> None:
    """The study goes on where the conflict stopped it; `anew`: its images are others than before."""
    stopped = study.reason_code in CONFLICT_WORDS
    values: dict[str, object] = {"conflict": False, **(NO_REASON if stopped else {}), "indexed": ""}
    db.execute(update(schema.study).where(schema.study.c.id == study.id).values(values))
    if study.state is StudyState.RECEIVING or not (anew or (stopped and study.state is StudyState.FAILED)):
        return
    cancel_open_jobs(db, study.id, _DECIDED, now)
    moved = move(db, study, StudyEvent.REQUEUED, now, _DECIDED, revision=study.revision + 1, **NO_REASON)
    add_job(db, JobKind.ANALYZE, moved.id, moved.revision, now)


def _stored(study: StudyRow, row: Row[Any]) -> StoredInstance:
    """What was set aside, as it was received."""
    return StoredInstance(
        study_instance_uid=study.study_instance_uid,
        series_instance_uid=row.series_instance_uid,
        sop_class_uid=row.sop_class_uid,
        sop_instance_uid=row.sop_instance_uid,
        transfer_syntax_uid=row.transfer_syntax_uid,
        patient_digest=getattr(row, "patient_digest", study.patient_digest),
        sha256=row.sha256,
        path=row.path,
        size_bytes=row.size_bytes,
        calling_ae_title=row.calling_ae_title,
        kind=row.kind,
        slice_position=row.slice_position,
        called_ae_title=study.called_ae_title,
    )


def _conflict_row(study: StudyRow, row: Row[Any], versions: bool) -> dict[str, object]:
    """An instance of the study as something that was set aside, and decided upon."""
    why = ReasonCode.TWO_VERSIONS if versions else ReasonCode.TWO_PATIENTS
    about = {"study_id": study.id, "patient_digest": study.patient_digest, "why": CONFLICT_WORDS[why]}
    return row_of(_stored(study, row), row.received_at) | about | {"reason_code": why, "decision": Decision.DISCARD}
