"""What an operator decides where two patients, or two versions of an instance, came under one Study Instance UID."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from node.errors import NodeError
from node.jobs import JobKind
from node.patient_digest import Likeness, likeness, party_of
from node.reasons import Reason, ReasonCode
from node.states import StudyEvent, StudyState
from node.storage import audit_trail, schema
from node.storage.append import row_of
from node.storage.contents import IMAGE_CLASSES
from node.storage.database import reading, writing
from node.storage.ledger.conflict_rows import CONFLICT_WORDS, split_uid, stands, stop, two_patients
from node.storage.ledger.instance_rows import delete_instances, insert_instances, insert_study
from node.storage.ledger.job_rows import add_job, cancel_open_jobs
from node.storage.ledger.transitions import NO_REASON, find_study, locked_study, move, operated, require_study
from node.storage.ledger.withdrawals import require_withdrawn
from node.storage.records import StudyObject, StudyRow
from node.storage.rows import kept_from_row, set_aside_from_row

_OWN = 0
_DECIDED = Reason(ReasonCode.REQUEUED, "an operator decided whose study it is")


class Resolution(StrEnum):
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
            apart = _apart(db, study)
            if not apart:
                return ()
            own = _own(db, study)
        return tuple(_party(number, rows) for number, rows in enumerate([own, *apart]))

    def resolve(self, study_instance_uid: str, decision: Resolution, which: str, by: str, now: float) -> None:
        """Carry out an operator's decision, with its audit entry; raises Undecidable, changing nothing.

        Raises ResultsStand where another party is to be the study and its present results are not withdrawn.

        Parameters
        ----------
        which
            The party to keep: its number, the AE title of its only sender, or the UID of one of its instances.
        """
        with writing(self.engine) as db:
            study = require_study(db, study_instance_uid, lock=True)
            apart = _apart(db, study)
            if not apart:
                raise Undecidable("nothing of this study waits for a decision")
            kept = _chosen(db, study, apart, which) if decision is Resolution.KEEP else _OWN
            audit_trail.append(db, operated(study, by, f"resolve {decision} {which}".strip(), now))
            undecided = schema.conflict.c
            waiting = update(schema.conflict).where(undecided.study_id == study.id, undecided.decision == "")
            db.execute(waiting.values(decision=Resolution.DISCARD))
            if decision is Resolution.SPLIT:
                _split(db, study, apart, now)
            elif kept != _OWN:
                if apart[kept - 1][0].reason is not ReasonCode.TWO_VERSIONS:
                    require_withdrawn(db, study)
                _swap(db, study, apart[kept - 1], now)
            _drop_former(db, study, [each for party in apart for each in party])
            _go_on(db, locked_study(db, study.id), now, anew=kept != _OWN)


def _own(db: Connection, study: StudyRow) -> list[StudyObject]:
    """What the study is made of."""
    rows = db.execute(select(schema.instance).where(schema.instance.c.study_id == study.id))
    return [kept_from_row(row, study) for row in rows]


def _apart(db: Connection, study: StudyRow) -> list[list[StudyObject]]:
    """What was set aside and waits for a decision, by party, in the order of arrival.

    A second version that names another patient belongs to that patient: a scanner that corrects whose images they are
    sends them again under the same UIDs.
    """
    table = schema.conflict
    query = select(table).where(table.c.study_id == study.id, table.c.decision == "").order_by(table.c.id)
    parties: dict[str, list[StudyObject]] = defaultdict(list)
    for row in db.execute(query):
        found = set_aside_from_row(row, study)
        whose = party_of(found.instance.patient_digest, found.instance.calling_ae_title)
        if found.reason is ReasonCode.TWO_VERSIONS:
            if likeness(study.patient_digest, found.instance.patient_digest) is not Likeness.ANOTHER:
                whose = ""
            else:
                found = replace(found, reason=two_patients(found.instance))
        parties[whose].append(found)
    return list(parties.values())


def _party(number: int, found: Sequence[StudyObject]) -> Party:
    sent = [each.instance for each in found]
    images = sum(each.sop_class_uid in IMAGE_CLASSES for each in sent)
    known = {each.reason for each in found}
    return Party(
        number=number,
        reason=next((code for code in CONFLICT_WORDS if code in known), None),
        senders=tuple(sorted({each.calling_ae_title for each in sent if each.calling_ae_title})),
        images=images,
        documents=len(sent) - images,
        path=sent[0].path if sent else "",
        sop_instance_uid=sent[0].sop_instance_uid if sent else "",
    )


def _chosen(db: Connection, study: StudyRow, apart: Sequence[Sequence[StudyObject]], which: str) -> int:
    """The number of the party that an operator named; raises Undecidable unless that is exactly one."""
    parties = [[each.instance for each in party] for party in (_own(db, study), *apart)]
    if which.isdecimal() and int(which) < len(parties):
        return int(which)
    by_uid = [n for n, sent in enumerate(parties) if any(each.sop_instance_uid == which for each in sent)]
    by_sender = [n for n, sent in enumerate(parties) if {each.calling_ae_title for each in sent} == {which}]
    found = by_uid or by_sender
    if len(found) != 1:
        raise Undecidable(f"'{which}' names {len(found) or 'no'} part{'ies' if found else 'y'} of this conflict")
    return found[0]


def _swap(db: Connection, study: StudyRow, chosen: Sequence[StudyObject], now: float) -> None:
    """The chosen party becomes the study; what the study was is set aside, or the instances that it replaces."""
    versions = chosen[0].reason is ReasonCode.TWO_VERSIONS
    uids = {each.instance.sop_instance_uid for each in chosen}
    former = [each for each in _own(db, study) if not versions or each.instance.sop_instance_uid in uids]
    _adopt(db, study, chosen, former, now)
    why = ReasonCode.TWO_VERSIONS if versions else ReasonCode.TWO_PATIENTS
    about = {"study_id": study.id, "patient_digest": study.patient_digest, "why": CONFLICT_WORDS[why]}
    about |= {"reason_code": why, "decision": Resolution.DISCARD}
    known = _set_aside_of(db, former)
    rows = [row_of(each.instance, each.received_at) | about for each in former if _file_of(each) not in known]
    if rows:
        db.execute(insert(schema.conflict), rows)
    if not versions:
        patient = chosen[0].instance.patient_digest
        db.execute(update(schema.study).where(schema.study.c.id == study.id).values(patient_digest=patient))


def _split(db: Connection, study: StudyRow, apart: Iterable[Sequence[StudyObject]], now: float) -> None:
    """Each patient's objects become a study, which is analysed like any other once it is quiet."""
    for party in apart:
        if party[0].reason is ReasonCode.TWO_VERSIONS:
            raise Undecidable("two versions of an instance cannot be split: keep one, or discard the second")
        first = party[0].instance
        uid = split_uid(first)
        made = find_study(db, uid) or insert_study(db, first, uid, now)
        _adopt(db, made, party, (), now)
        _stop_again(db, made.id, now)


def _adopt(
    db: Connection, study: StudyRow, party: Sequence[StudyObject], former: Sequence[StudyObject], now: float
) -> None:
    """Objects that were set aside become instances of a study, instead of others.

    Of each UID the first does; those that came after it with other content wait for a decision of their own.
    """
    if any(not each.instance.sop_class_uid for each in party):
        raise Undecidable("an earlier version of this program set them aside: discard them, and have them sent again")
    first = {each.instance.sop_instance_uid: each for each in reversed(party)}
    taken = {each.id for each in first.values()}
    row, why = schema.conflict.c, ReasonCode.TWO_VERSIONS
    db.execute(delete(schema.conflict).where(row.id.in_(taken)))
    rest = update(schema.conflict).where(row.id.in_({each.id for each in party} - taken))
    db.execute(rest.values(study_id=study.id, decision="", reason_code=why, why=CONFLICT_WORDS[why]))
    if former:
        delete_instances(db, schema.instance.c.id.in_([each.id for each in former]))
        _count(db, study)
    if db.execute(select(schema.instance.c.id).where(schema.instance.c.sop_instance_uid.in_(first)).limit(1)).first():
        raise Undecidable("an instance of another study, or of another patient, has one of their SOP Instance UIDs")
    insert_instances(db, [(study.id, each.instance) for each in party if each.id in taken], now)


def _file_of(each: StudyObject) -> tuple[str, str]:
    return each.instance.sop_instance_uid, each.instance.sha256


def _set_aside_of(db: Connection, objects: Sequence[StudyObject]) -> set[tuple[str, str]]:
    """Those of these objects that are set aside, too: until schema 0017 one could be both."""
    row = schema.conflict.c
    uids = [each.instance.sop_instance_uid for each in objects]
    found = db.execute(select(row.sop_instance_uid, row.sha256).where(row.sop_instance_uid.in_(uids)))
    return {(each.sop_instance_uid, each.sha256) for each in found}


def _drop_former(db: Connection, study: StudyRow, apart: Iterable[StudyObject]) -> None:
    """Until schema 0017 an object of another patient was an instance of the study, too: it is one no longer."""
    kept = schema.instance.c
    for each in (found.instance for found in apart):
        if not each.sop_class_uid:
            same = (kept.sop_instance_uid == each.sop_instance_uid) & (kept.sha256 == each.sha256)
            delete_instances(db, (kept.study_id == study.id) & same)
    _count(db, study)


def _count(db: Connection, study: StudyRow) -> None:
    counted = select(func.count()).where(schema.instance.c.study_id == study.id).scalar_subquery()
    db.execute(update(schema.study).where(schema.study.c.id == study.id).values(instances=counted))


def _go_on(db: Connection, study: StudyRow, now: float, *, anew: bool) -> None:
    """The study goes on where the conflict stopped it; `anew`: its images are others than before."""
    stopped = study.reason_code in CONFLICT_WORDS or _is_unanalysed(db, study)
    values: dict[str, object] = {"conflict": False, **(NO_REASON if stopped else {}), "indexed": ""}
    db.execute(update(schema.study).where(schema.study.c.id == study.id).values(values))
    if study.state is not StudyState.RECEIVING and (anew or (stopped and study.state is StudyState.FAILED)):
        cancel_open_jobs(db, study.id, _DECIDED, now)
        moved = move(db, study, StudyEvent.REQUEUED, now, _DECIDED, revision=study.revision + 1, **NO_REASON)
        add_job(db, JobKind.ANALYZE, moved.id, moved.revision, now)
    _stop_again(db, study.id, now)


def _is_unanalysed(db: Connection, study: StudyRow) -> bool:
    """Whether nobody was ever to analyse this revision: the conflict stood when it was complete."""
    job = schema.job.c
    analyses = (job.study_id == study.id, job.kind == JobKind.ANALYZE, job.revision == study.revision)
    return db.execute(select(job.id).where(*analyses).limit(1)).first() is None


def _stop_again(db: Connection, study_id: int, now: float) -> None:
    """Stop a study for what waits for a further decision."""
    if why := stands(db, study_id):
        stop(db, locked_study(db, study_id), why, now)
