"""On which host files lie, as conditions of queries, and rows of copies. Inside the caller's transaction.

An archive is the UUID of a storage root: hosts that share a root have one archive. Without an archive (one host on
SQLite) every file is here. Rows of before there were hosts are of the host that is known longest: until then several
nodes had to share one root.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Column, ColumnElement, Connection, and_, func, insert, not_, or_, select, true

from node.jobs import NodePart
from node.storage import host_schema, schema
from node.storage.contents import IMAGE_CLASSES
from node.storage.database import ALIVE_SECONDS
from node.storage.records import StoredInstance

_LISTENER = "listener"


def keeper(host_id: Column[int]) -> ColumnElement[int]:
    """The host that keeps the file of a row."""
    longest_known = select(func.min(host_schema.host.c.id)).scalar_subquery()
    return func.coalesce(host_id, longest_known)


def is_here(host_id: Column[int], archive: str) -> ColumnElement[bool]:
    """Whether the file of a row lies in this archive."""
    if not archive:
        return true()
    return keeper(host_id).in_(select(host_schema.host.c.id).where(host_schema.host.c.archive == archive))


def copy_here(archive: str) -> ColumnElement[bool]:
    """Whether a copy of an instance that lies elsewhere came to this archive, too."""
    copy = host_schema.instance_copy.c
    found = select(copy.instance_id).where(copy.instance_id == schema.instance.c.id, is_here(copy.host_id, archive))
    return found.correlate(schema.instance).exists()


def image_elsewhere(study_id: Column[int], archive: str) -> ColumnElement[bool]:
    """Whether an image of a study lies neither in this archive nor, as a copy, in it."""
    kept = schema.instance.c
    missing = select(kept.id).where(
        kept.study_id == study_id,
        kept.sop_class_uid.in_(IMAGE_CLASSES),
        not_(is_here(kept.host_id, archive)),
        not_(copy_here(archive)),
    )
    return missing.correlate(study_id.table).exists()


def some_instance_here(study_id: Column[int], archive: str) -> ColumnElement[bool]:
    """Whether this archive has anything of a study; so has every archive of one that has no instance at all."""
    kept = schema.instance.c
    of_study = select(kept.id).where(kept.study_id == study_id)
    here = of_study.where(or_(is_here(kept.host_id, archive), copy_here(archive)))
    return or_(here.correlate(study_id.table).exists(), not_(of_study.correlate(study_id.table).exists()))


def result_elsewhere(archive: str) -> ColumnElement[bool]:
    """Whether a result object that a job delivers lies in another archive."""
    made, job = schema.result_object.c, schema.job.c
    missing = select(made.id).where(
        made.study_id == job.study_id, made.revision == job.revision, not_(is_here(made.host_id, archive))
    )
    return missing.correlate(schema.job).exists()


def awaits_another_node(us: NodePart, quiet_seconds: float, now: float) -> ColumnElement[bool]:
    """Whether another node received images of a study, and cannot say that nothing followed for so long.

    Silence counts up to the last heartbeat of the node that received: it may have died with the next image on the line.
    """
    beat = schema.heartbeat.c
    attests = and_(
        beat.at - quiet_seconds >= schema.study.c.last_received_at,
        beat.listening_since <= beat.at - quiet_seconds,
    )
    return _received_elsewhere_unless(attests, us, now)


def died_before(us: NodePart, deadline_seconds: float, now: float) -> ColumnElement[bool]:
    """Whether another node received images of a study, and was not heard when the study's time was over."""
    in_time = schema.heartbeat.c.at - deadline_seconds >= schema.study.c.state_since
    return _received_elsewhere_unless(in_time, us, now)


def _received_elsewhere_unless(says: ColumnElement[bool], us: NodePart, now: float) -> ColumnElement[bool]:
    """Whether another node received an instance that we did not, unless its listener is heard and says so.

    A node on our own root that ended as planned has no heartbeat: what it received is ours.
    """
    kept, study, beat, host = schema.instance.c, schema.study.c, schema.heartbeat.c, host_schema.host.c
    copy = host_schema.instance_copy.c
    ours = select(host.id).where(host.node == us.node)
    came = select(copy.instance_id).where(copy.instance_id == kept.id, copy.host_id.in_(ours))
    heard = and_(beat.at >= now - ALIVE_SECONDS, beat.listening_since.is_not(None), says)
    known = select(beat.node).where(beat.node == host.node, beat.part == _LISTENER, heard)
    running = select(beat.node).where(beat.node == host.node)
    unheard = (
        select(kept.id)
        .join(host_schema.host, host.id == keeper(kept.host_id))
        .where(kept.study_id == study.id, keeper(kept.host_id).not_in(ours))
        .where(not_(came.correlate(schema.instance).exists()))
        .where(not_(known.correlate(host_schema.host, schema.study).exists()))
        .where(or_(host.archive != us.archive, running.correlate(host_schema.host).exists()))
    )
    return unheard.correlate(schema.study).exists()


def note_copies(db: Connection, again: Iterable[StoredInstance]) -> None:
    """Instances that came once more, and the same: where another host keeps them, this one has them too from now on."""
    kept, copy = schema.instance.c, host_schema.instance_copy
    for each in again:
        had = select(copy.c.instance_id).where(copy.c.instance_id == kept.id, copy.c.host_id == each.host_id)
        query = select(kept.id).where(
            kept.sop_instance_uid == each.sop_instance_uid,
            keeper(kept.host_id) != each.host_id,
            not_(had.correlate(schema.instance).exists()),
        )
        number = db.execute(query).scalar()
        if number is not None:
            db.execute(insert(copy).values(instance_id=number, host_id=each.host_id, path=each.path))


def owe_removal(db: Connection, files: Sequence[tuple[int, str]]) -> None:
    """Files of deleted rows that lie on other hosts: each removes its own."""
    if files:
        db.execute(insert(host_schema.removal), [{"host_id": host_id, "path": path} for host_id, path in files])
