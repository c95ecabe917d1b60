"""Studies of a host that has died, which another fetches anew from a PACS: which are owed, who fetches which.

A row of `refetch` is held by one node until `not_before`, and waits until then. A study that was arriving is not
complete while it has one: what the PACS still gets is asked for until nothing new is there.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Table,
    and_,
    case,
    delete,
    false,
    insert,
    not_,
    or_,
    select,
    update,
)

from node.jobs import JobKind, JobState
from node.reasons import Reason, ReasonCode
from node.states import StudyEvent, StudyState
from node.storage import schema
from node.storage.contents import IMAGE_CLASSES
from node.storage.database import LedgerOvertaken, reading, writing
from node.storage.host_schema import refetch
from node.storage.ledger.host_rows import copy_here, is_here, study_here
from node.storage.ledger.job_rows import add_job, cancel_open_jobs
from node.storage.ledger.transitions import NO_REASON, locked_study, move
from node.storage.rows import study_from_row

_GRACE_SECONDS = 60.0
"""How long a study stays open after the moment for which the next look was planned: then nobody fetches it any more."""

_LONGEST_WAIT_SECONDS = 3600.0  # a moment further ahead was written by a clock that is wrong
_LOST = Reason(ReasonCode.REQUEUED, "its results lie on a host that has died: analysed again from the images")
_WAITS_FOR_ANALYSIS = (StudyState.STABLE, StudyState.ANALYZING)
_HAS_RESULTS = (StudyState.ANALYZED, StudyState.INELIGIBLE)


@dataclass(frozen=True, slots=True)
class OwedStudy:
    """A study that nobody can go on with because a host has died.

    Parameters
    ----------
    attempts
        How often a PACS was asked on an association that stood, without giving all of it.
    sent
        How many instances the PACS sent when it was asked last; 0 before.
    node
        The node that has claimed it, empty before: what is written of it counts only while that node holds it.
    """

    id: int
    study_instance_uid: str
    state: StudyState
    revision: int
    attempts: int
    sent: int
    node: str = ""

    @property
    def is_arriving(self) -> bool:
        """Whether more may have been on its way when the host died."""
        return self.state is StudyState.RECEIVING


@dataclass(frozen=True, slots=True)
class HostsByLife:
    """UUIDs of archives whose hosts have died, and of those with a host that is alive."""

    dead: frozenset[str]
    alive: frozenset[str]


class Refetches:
    """What the scheduler of a host does for those that have died."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def owed(self, hosts: HostsByLife, attempts: int, now: float) -> list[OwedStudy]:
        """Studies to fetch now; those tried so often in vain are left out.

        Those tried least often come first, so that none holds up the others; then the most urgent, then the oldest.
        """
        study, row, kept = schema.study.c, refetch.c, schema.instance.c
        image = select(kept.id).where(kept.study_id == study.id, kept.sop_class_uid.in_(IMAGE_CLASSES))
        alive = or_(false(), *(or_(is_here(kept.host_id, each), copy_here(each)) for each in hosts.alive))
        lost_images = image.where(_lies_in(schema.instance, hosts.dead), not_(alive)).correlate(schema.study).exists()
        begun = and_(row.study_id.is_not(None), row.revision == study.revision)
        owed = or_(
            and_(study.state.in_(_WAITS_FOR_ANALYSIS), lost_images),
            and_(study.state == StudyState.RECEIVING, or_(lost_images, begun)),
            and_(study.state.in_(_HAS_RESULTS), _nobody_sends_results(hosts.dead, now)),
        )
        tried = case((row.revision == study.revision, row.attempts), else_=0)
        query = (
            select(schema.study, row.attempts, row.sent, row.revision.label("tried"))
            .outerjoin(refetch, row.study_id == study.id)
            .where(study.conflict.is_(False), owed, or_(row.study_id.is_(None), _is_due(now)))
            .order_by(tried, study.priority, study.first_received_at, study.id)
        )
        with reading(self.engine) as db:
            rows = [(study_from_row(each), each) for each in db.execute(query)]
        found = []
        for each, last in rows:
            before = (last.attempts, last.sent) if last.tried == each.revision else (0, 0)
            found.append(OwedStudy(each.id, each.study_instance_uid, each.state, each.revision, *before))
        return [each for each in found if each.attempts < attempts]

    def claim(self, study: OwedStudy, node: str, now: float, until: float) -> OwedStudy | None:
        """The study, which this node fetches until then, and no other meanwhile; None where another fetches it."""
        columns = {
            "revision": study.revision,
            "attempts": study.attempts,
            "not_before": until,
            "sent": study.sent,
            "node": node,
            "reason": f"{node} is fetching it from a PACS",
        }
        try:
            with writing(self.engine) as db:
                free = update(refetch).where(refetch.c.study_id == study.id, _is_due(now))
                if db.execute(free.values(columns)).rowcount == 1:
                    return replace(study, node=node)
                if db.execute(select(refetch.c.study_id).where(refetch.c.study_id == study.id)).first() is not None:
                    return None
                db.execute(insert(refetch).values(study_id=study.id, **columns))
        except LedgerOvertaken:  # another node was faster
            return None
        return replace(study, node=node)

    def extend(self, study: OwedStudy, until: float) -> bool:
        """The PACS is still asked; whether the node that claimed it holds it still."""
        with writing(self.engine) as db:
            return db.execute(update(refetch).where(_is_held(study)).values(not_before=until)).rowcount == 1

    def missing(self, study_id: int, archive: str, alive: Collection[str]) -> dict[str, list[str]]:
        """SOP instances that this archive lacks, by series; none where an archive of a living host has them all."""
        kept, study = schema.instance.c, schema.study.c
        whole = or_(false(), *(study_here(study.id, each) for each in alive))
        lacking = and_(not_(is_here(kept.host_id, archive)), not_(copy_here(archive)))
        query = select(kept.series_instance_uid, kept.sop_instance_uid).where(
            kept.study_id == study_id, kept.sop_class_uid.in_(IMAGE_CLASSES), lacking
        )
        found: dict[str, list[str]] = {}
        with reading(self.engine) as db:
            if db.execute(select(study.id).where(study.id == study_id, whole)).first() is not None:
                return {}
            for row in db.execute(query.order_by(kept.id)):
                found.setdefault(row.series_instance_uid, []).append(row.sop_instance_uid)
        return found

    def try_again(self, study: OwedStudy, reason: str, not_before: float, *, attempts: int, sent: int = 0) -> None:
        """It is not all here, or more may come; why, for people, and when somebody asks again."""
        columns = {"attempts": attempts, "not_before": not_before, "sent": sent, "reason": reason}
        with writing(self.engine) as db:
            db.execute(update(refetch).where(_is_held(study)).values(columns))

    def fetched(self, study: OwedStudy, dead: Collection[str], now: float) -> bool:
        """All of it is on a host that is alive; whether the node that claimed it held it still.

        It is analysed again where only its results are lost: with hosts that are still dead, and nobody sends them.
        """
        with writing(self.engine) as db:
            locked = locked_study(db, study.id)
            if db.execute(delete(refetch).where(_is_held(study))).rowcount != 1:
                return False
            is_same = (locked.state, locked.revision) == (study.state, study.revision)
            lost = select(schema.study.c.id).where(schema.study.c.id == study.id, _nobody_sends_results(dead, now))
            if study.state in _HAS_RESULTS and is_same and db.execute(lost).first() is not None:
                cancel_open_jobs(db, study.id, _LOST, now)
                again = move(db, locked, StudyEvent.REQUEUED, now, _LOST, revision=study.revision + 1, **NO_REASON)
                add_job(db, JobKind.ANALYZE, study.id, again.revision, now)
        return True


def is_refetched(now: float) -> ColumnElement[bool]:
    """Whether a study that arrives is being fetched anew: its silence says nothing."""
    row, study = refetch.c, schema.study.c
    lively = and_(row.not_before > now - _GRACE_SECONDS, row.not_before < now + _LONGEST_WAIT_SECONDS)
    begun = select(row.study_id).where(row.study_id == study.id, row.revision == study.revision, lively)
    return begun.correlate(schema.study).exists()


def refetch_words(db: Connection, study_id: int, revision: int) -> str:
    """How the fetching of a study stands, for people; empty where nobody has begun it."""
    row = refetch.c
    return db.execute(select(row.reason).where(row.study_id == study_id, row.revision == revision)).scalar() or ""


def _is_held(study: OwedStudy) -> ColumnElement[bool]:
    """The row of a study, while the node that claimed it holds it."""
    return and_(refetch.c.study_id == study.id, refetch.c.node == study.node)


def _nobody_sends_results(dead: Collection[str], now: float) -> ColumnElement[bool]:
    """Whether results of a study are to be sent, lie with the dead, and no delivery of them runs under its lease."""
    study, made, job = schema.study.c, schema.result_object.c, schema.job.c
    result = select(made.id).where(made.study_id == study.id, made.revision == study.revision)
    lost = result.where(_lies_in(schema.result_object, dead)).correlate(schema.study).exists()
    deliveries = select(job.id).where(
        job.study_id == study.id, job.revision == study.revision, job.kind == JobKind.DELIVER
    )
    unsent = deliveries.where(job.state.in_((JobState.WAITING, JobState.RUNNING)))
    leased = and_(job.lease_until >= now, job.lease_until < now + _LONGEST_WAIT_SECONDS)
    sending = deliveries.where(job.state == JobState.RUNNING, leased)
    return and_(lost, unsent.correlate(schema.study).exists(), not_(sending.correlate(schema.study).exists()))


def _lies_in(table: Table, archives: Collection[str]) -> ColumnElement[bool]:
    return or_(false(), *(is_here(table.c.host_id, each) for each in archives))


def _is_due(now: float) -> ColumnElement[bool]:
    return or_(refetch.c.not_before <= now, refetch.c.not_before > now + _LONGEST_WAIT_SECONDS)
