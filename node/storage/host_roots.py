"""Whose files lie below a storage root that the ledger does not know: asked once, before its host registers.

The UUID of a root lies in its file `installation`. After a restore without that file, or on a disk that is not mounted,
the root has a new one, and what the ledger names would lie nowhere.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, delete, or_, select, update

from node.errors import NotReady
from node.storage import host_schema, schema
from node.storage.database import ALIVE_SECONDS
from node.storage.ledger.host_rows import keeper

log = logging.getLogger(__name__)
_HOLDERS = (schema.instance, schema.conflict, schema.result_object)
_SAMPLED = 100  # of the oldest rows of each table, and of the newest


@dataclass(frozen=True, slots=True)
class _KnownHost:
    """A host that registered before."""

    id: int
    node: str
    archive: str


def settle_root(db: Connection, node: str, archive: str, root: Path, now: float) -> None:
    """Give this archive what lies below its root under another UUID; one whose hosts have nothing here stays theirs.

    Raises NotReady, and changes nothing, where files of this node lie elsewhere, files of before there were hosts do,
    or a host that is heard keeps what lies here.
    """
    table = host_schema.host.c
    hosts = [_KnownHost(*row) for row in db.execute(select(table.id, table.node, table.archive))]
    if not hosts:
        files = _named(db, ())
        if files and not _lie_below(root, files):
            raise NotReady(
                f"the ledger names files that do not lie below {root}: mount or restore the folder that has them, or "
                "start the node that has them first; if they are lost, give this node an empty database"
            )
    is_known = archive in {each.archive for each in hosts}
    for other in sorted({each.archive for each in hosts} - {archive}):
        theirs = [each for each in hosts if each.archive == other]
        ours = [each.id for each in theirs if each.node == node]
        if ours or not is_known:
            _settle(db, (node, archive, root), theirs, ours, now)


def _settle(
    db: Connection, us: tuple[str, str, Path], theirs: Sequence[_KnownHost], ours: Sequence[int], now: float
) -> None:
    """Adopt the files of another archive that lie here; refuse where ours lie elsewhere.

    Parameters
    ----------
    theirs, ours
        Hosts of that archive, and which of them were this node.
    """
    node, archive, root = us
    other, files = theirs[0].archive, _named(db, [each.id for each in theirs])
    if files and _lie_below(root, files):
        if name := _heard(db, [each.node for each in theirs if each.node != node], now):
            raise NotReady(
                f"{name}, which is running, keeps the files below {root}: stop it, and start this a minute later"
            )
        db.execute(update(host_schema.host).where(host_schema.host.c.archive == other).values(archive=archive))
        log.warning("the storage root has a new UUID, and keeps its files", extra={"before": other, "now": archive})
    elif files and ours:
        raise NotReady(
            f"the ledger names files of this node that do not lie below {root}: mount or restore the folder that has "
            f"them; if they are lost, write {other} into {root / 'installation'}: then only their studies fail"
        )
    elif ours:
        _forget_unused(db, ours)


def _named(db: Connection, host_ids: Sequence[int]) -> list[str]:
    """Files that the oldest and the newest rows of these hosts name; without hosts, of every row."""
    found = list[str]()
    for table in _HOLDERS:
        its = select(table.c.path).limit(_SAMPLED)
        if host_ids:
            its = its.where(keeper(table.c.host_id).in_(host_ids))
        for order in (table.c.id, table.c.id.desc()):
            found += db.execute(its.order_by(order)).scalars()
    return found


def _lie_below(root: Path, files: Sequence[str]) -> bool:
    """Whether most of them do: a backup may be older than the ledger, and a host may have a copy of some."""
    return 2 * sum((root / each).is_file() for each in files) >= len(files)


def _heard(db: Connection, nodes: Sequence[str], now: float) -> str:
    """One of these nodes that is alive, or nothing."""
    beat = schema.heartbeat.c
    return db.execute(select(beat.node).where(beat.node.in_(nodes), beat.at >= now - ALIVE_SECONDS)).scalar() or ""


def _forget_unused(db: Connection, hosts: Sequence[int]) -> None:
    """This node keeps nothing under its former UUID: one host is left of it, by whose name it is heard."""
    referring = (host_schema.instance_copy.c, host_schema.removal.c)
    used = or_(*(select(each.host_id).where(each.host_id.in_(hosts)).exists() for each in referring))
    if not db.execute(select(used)).scalar_one():
        db.execute(delete(host_schema.host).where(host_schema.host.c.id.in_(hosts)))
