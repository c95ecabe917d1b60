"""Gathering: declares studies complete, by their content, by silence, or at the deadline."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, Engine, and_, not_, or_, select, update

from node.content import Judgement, judge
from node.jobs import JobKind, NodePart
from node.reasons import Reason, ReasonCode
from node.states import StudyEvent, StudyState
from node.storage import schema
from node.storage.contents import IMAGE_CLASSES, content_of, known_like, learn
from node.storage.database import ALIVE_SECONDS, reading, writing
from node.storage.health import LISTENER
from node.storage.ledger.conflict_rows import stands
from node.storage.ledger.host_rows import awaits_another_node, died_before
from node.storage.ledger.job_rows import add_job
from node.storage.ledger.refetches import is_refetched
from node.storage.ledger.transitions import CLOCK_WENT_BACK_SECONDS, locked_arriving, move, reason_columns
from node.storage.records import StudyRow


class Gathering:
    """What the scheduler's sweep asks the ledger."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def settle(
        self,
        quiet_since: float,
        now: float,
        *,
        extended_quiet_since: float | None = None,
        node_name: str = "",
        archive: str = "",
        limit: int = 100,
    ) -> int:
        """Declare studies complete that received nothing since, oldest first; each gets an analysis job.

        Parameters
        ----------
        extended_quiet_since
            As `quiet_since`, for studies of which something is missing that their protocol had (None: no such
            patience). Silence counts only while this node listens: a sender cannot repeat what it lacks before that.
            It does not count while the sender is connected and has sent nothing else: that may take its time.
        archive
            UUID of this node's storage root. For what another node received its silence counts, and only while it is
            heard: what was half received when it died is not complete.
        """
        table = schema.study.c
        enough = and_(table.last_received_at <= quiet_since, table.missing == 0)
        long = table.last_received_at <= (quiet_since if extended_quiet_since is None else extended_quiet_since)
        silent = or_(enough, long, table.last_received_at > now + CLOCK_WENT_BACK_SECONDS)
        with writing(self.engine) as db:
            if not _listens(db, node_name, quiet_since, now):
                return 0
            silent = and_(silent, not_(_sender_is_connected(now)))
            if archive:
                us = NodePart(node_name, archive=archive)
                silent = and_(silent, not_(awaits_another_node(us, now - quiet_since, now)), not_(is_refetched(now)))
            studies = locked_arriving(db, silent, limit)
            for study in studies:
                why = f"no instance for {max(0.0, now - study.last_received_at):.0f} s"
                complete(db, study, now, f"{why}; {study.awaits}" if study.awaits else why)
            return len(studies)

    def settle_overdue(
        self, opened_before: float, now: float, *, node_name: str = "", archive: str = "", limit: int = 100
    ) -> int:
        """Declare studies complete that have been arriving since before then and still are; on a host that is heard."""
        overdue: ColumnElement[bool] = schema.study.c.state_since <= opened_before
        if archive:
            us = NodePart(node_name, archive=archive)
            overdue = and_(overdue, not_(died_before(us, now - opened_before, now)), not_(is_refetched(now)))
        with writing(self.engine) as db:
            studies = locked_arriving(db, overdue, limit)
            for study in studies:
                complete(db, study, now, f"still arriving after {now - study.state_since:.0f} s", teaches=False)
            return len(studies)

    def settle_by_content(self, paused_since: float, now: float, learned_from: int, limit: int = 20) -> int:
        """Declare studies complete that hold all that their protocol had in earlier studies (see node.content).

        Parameters
        ----------
        paused_since
            Only studies that received nothing since are looked at, each once after every pause.
        """
        table = schema.study.c
        paused = or_(table.last_received_at <= paused_since, table.last_received_at > now + CLOCK_WENT_BACK_SECONDS)
        unjudged = and_(table.state == StudyState.RECEIVING, paused, table.instances != table.judged_instances)
        with reading(self.engine) as db:
            if db.execute(select(table.id).where(unjudged).limit(1)).first() is None:
                return 0
        settled = 0
        with writing(self.engine) as db:
            for study in locked_arriving(db, unjudged, limit):
                found = _judged(db, study, learned_from)
                values = {"judged_instances": study.instances, "missing": found.missing}
                db.execute(update(schema.study).where(table.id == study.id).values(values))
                if found.alike:
                    why = f"complete: the content of {found.alike} earlier studies of its protocol"
                    complete(db, study, now, why)
                    settled += 1
        return settled


def complete(db: Connection, study: StudyRow, now: float, cause: str, *, teaches: bool = True) -> None:
    """The study's revision is complete; what it holds is learned unless that was not for its content or silence.

    It is indexed for the search once more: an image that came late may say another name.
    """
    if study.conflict:
        why = stands(db, study.id) or Reason(study.reason_code or ReasonCode.UNKNOWN, study.reason)
        move(db, study, StudyEvent.GAVE_UP, now, why, indexed="", **reason_columns(why))
        return
    content = content_of(db, study.id, IMAGE_CLASSES) if teaches else None
    if content is not None:
        learn(db, content, now)
    digest = "" if content is None else content.digest
    move(db, study, StudyEvent.SETTLED, now, cause, missing=0, content=digest, indexed="")
    add_job(db, JobKind.ANALYZE, study.id, study.revision, now)


def _listens(db: Connection, node_name: str, since: float, now: float) -> bool:
    """Whether the node has been listening since then; a node whose listener never showed itself counts as listening."""
    table = schema.heartbeat.c
    query = select(table.at, table.listening_since).where(table.node == node_name, table.part == LISTENER)
    beat = db.execute(query).first()
    if beat is None:
        return True
    alive = beat.listening_since is not None and now - beat.at <= ALIVE_SECONDS
    return alive and not since < beat.listening_since <= now


def _sender_is_connected(now: float) -> ColumnElement[bool]:
    """Whether a study's sender is connected to a node whose listener is alive."""
    sender, beat, study = schema.open_sender.c, schema.heartbeat.c, schema.study.c
    alive = and_(beat.part == LISTENER, beat.at >= now - ALIVE_SECONDS, beat.listening_since.is_not(None))
    query = select(sender.node).join(schema.heartbeat, beat.node == sender.node)
    return query.where(sender.study_instance_uid == study.study_instance_uid, alive).correlate(schema.study).exists()


def _judged(db: Connection, study: StudyRow, learned_from: int) -> Judgement:
    """What the content of a study says about it."""
    content = content_of(db, study.id, IMAGE_CLASSES)
    return Judgement() if content is None else judge(content, known_like(db, content), learned_from)
