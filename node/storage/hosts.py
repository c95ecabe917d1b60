"""The hosts that share a ledger: which files each keeps in its own storage root, and whether it is heard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Select, and_, delete, func, insert, not_, or_, select, update

from node.errors import NotReady
from node.jobs import UNFINISHED
from node.states import FINAL, StudyState
from node.storage import host_schema, schema
from node.storage.contents import IMAGE_CLASSES
from node.storage.database import ALIVE_SECONDS, LedgerOvertaken, reading, writing
from node.storage.host_roots import settle_root
from node.storage.ledger.host_rows import copy_here, is_here, keeper
from node.storage.records import StudyRecord


@dataclass(frozen=True, slots=True)
class _NodeHost:
    """A node on the host whose disk it keeps its files on.

    Parameters
    ----------
    id
        Number in the ledger.
    archive
        UUID of the storage root; hosts with one archive share the root.
    search_key
        Fingerprint of the key by which its ledger rows tell patients apart.
    heard_at
        Its last heartbeat, seconds since 1970, UTC; None for a node that was stopped as planned.
    """

    id: int
    node: str
    name: str
    archive: str
    root: str
    search_key: str
    heard_at: float | None = None

    def is_heard(self, now: float) -> bool:
        """Whether it is alive."""
        return self.heard_at is not None and now - self.heard_at <= ALIVE_SECONDS

    def words(self, now: float) -> str:
        """The name of its node, and since when that is not heard."""
        if self.heard_at is None:
            return f"{self.node} (stopped)"
        if self.is_heard(now):
            return self.node
        return f"{self.node} (silent for {_duration(now - self.heard_at)})"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


@dataclass(frozen=True, slots=True)
class _HostShare:
    """How many images, and result objects of its present revision, of a study lie on a host."""

    host: _NodeHost
    images: int
    results: int


@dataclass(frozen=True, slots=True)
class StudyHosts:
    """Where the files of a study lie; nothing where there is one host only.

    Parameters
    ----------
    images
        How many the study has, wherever they lie.
    """

    images: int = 0
    shares: tuple[_HostShare, ...] = ()

    def words(self, now: float) -> list[str]:
        """One line for each host."""
        return [
            f"{each.host.words(now)}: {each.images} of {self.images} images, {each.results} results"
            for each in self.shares
        ]

    def why_it_waits(self, study: StudyRecord, now: float) -> str:
        """Why nobody can go on with a study now, and what helps; empty while somebody can, or nothing is to be done."""
        if study.state in FINAL or not self.shares:
            return ""
        delivering = study.state is StudyState.ANALYZED
        holders = [each.host for each in self.shares if (each.results if delivering else each.images == self.images)]
        if any(each.is_heard(now) for each in holders):
            return ""
        again = f"or have a PACS send it to a host that runs: mome-node studies fetch {study.id} --from NAME"
        if delivering:
            return (
                f"its results lie on {_named(holders, now)} and are sent when that is back; {again}, then reprocess it"
            )
        if holders:
            return f"its images lie on {_named(holders, now)}; it goes on when that is back, {again}"
        spread = ", ".join(f"{each.images} on {each.host.words(now)}" for each in self.shares if each.images)
        if study.state is StudyState.RECEIVING and all(each.host.is_heard(now) for each in self.shares):
            return ""
        return f"no host has all of its {self.images} images ({spread}): let the sender repeat it to one, {again}"


def _named(hosts: Sequence[_NodeHost], now: float) -> str:
    return " and ".join(each.words(now) for each in hosts)


class Hosts:
    """Rows of hosts, and of what they keep."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def register(self, node: str, name: str, archive: str, root: str, search_key: str, *, now: float = 0.0) -> int:
        """The number of this node's host, which is noted when it is new.

        Files that lie below its root, and that the ledger knows under another archive, are its own from then on: the
        root was restored without its UUID. Raises NotReady where this node's files lie elsewhere (`settle_root`), and
        where another host tells patients apart by another key: it would not know them again here.

        Parameters
        ----------
        now
            Whether another host is heard that keeps the same files.
        """
        us = {"node": node, "archive": archive}
        columns = {"name": name, "root": root, "search_key": search_key}
        try:
            return self._register(us, columns, now)
        except LedgerOvertaken:  # by another process of this node
            return self._register(us, columns, now)

    def _register(self, us: dict[str, str], columns: dict[str, str], now: float) -> int:
        table = host_schema.host
        ours = select(table).filter_by(**us)
        with reading(self.engine) as db:
            _require_one_key(db, columns["search_key"], us["node"])
            known = db.execute(ours).first()
        if known is not None and all(getattr(known, name) == value for name, value in columns.items()):
            return int(known.id)
        with writing(self.engine) as db:
            if known is None:
                settle_root(db, us["node"], us["archive"], Path(columns["root"]), now)
                known = db.execute(ours).first()
            if known is not None:
                db.execute(update(table).where(table.c.id == known.id).values(columns))
                return int(known.id)
            return int(db.execute(insert(table).values(**us, **columns).returning(table.c.id)).scalar_one())

    def known(self) -> list[_NodeHost]:
        """Every host, the one that is known longest first."""
        with reading(self.engine) as db:
            return _hosts(db)

    def of_study(self, study_id: int) -> StudyHosts:
        """Which hosts hold how much of a study."""
        kept, made, study = schema.instance.c, schema.result_object.c, schema.study.c
        present = select(study.revision).where(study.id == study_id).scalar_subquery()
        of_study = (
            and_(kept.study_id == study_id, kept.sop_class_uid.in_(IMAGE_CLASSES)),
            and_(made.study_id == study_id, made.revision == present),
        )
        copy = host_schema.instance_copy.c
        copied = select(copy.host_id, func.count()).join(schema.instance, kept.id == copy.instance_id)
        with reading(self.engine) as db:
            hosts = _hosts(db)
            images, results = (
                _counted(db, select(column, func.count()).where(which).group_by(column))
                for column, which in zip((kept.host_id, made.host_id), of_study, strict=True)
            )
            total = images.total()
            images += _counted(db, copied.where(of_study[0]).group_by(copy.host_id))
        if hosts:  # rows of before there were hosts are of the first
            for counted in (images, results):
                counted[hosts[0].id] += counted.pop(None, 0)
        shares = [_HostShare(each, images[each.id], results[each.id]) for each in hosts]
        return StudyHosts(total, tuple(each for each in shares if each.images or each.results))

    def unfinished(self, now: float) -> dict[_NodeHost, int]:
        """Hosts that are silent or stopped -> how many unfinished studies have images only there, where any have."""
        with reading(self.engine) as db:
            return {host: len(studies) for host, studies in left_behind(db, now).items()}

    def owed_removals(self, archive: str, limit: int) -> dict[int, str]:
        """Files in this archive whose rows another host has deleted, by number."""
        table = host_schema.removal.c
        query = select(table.id, table.path).where(is_here(table.host_id, archive)).order_by(table.id).limit(limit)
        with reading(self.engine) as db:
            return {row.id: row.path for row in db.execute(query)}

    def removed(self, numbers: list[int]) -> None:
        """These files are gone."""
        with writing(self.engine) as db:
            db.execute(delete(host_schema.removal).where(host_schema.removal.c.id.in_(numbers)))


def left_behind(db: Connection, now: float) -> dict[_NodeHost, set[int]]:
    """Hosts that are silent or stopped -> numbers of unfinished studies with images only there, where there are any."""
    hosts = _hosts(db)
    heard = {each.archive for each in hosts if each.is_heard(now)}
    found = {each: _only_on(db, each.id, sorted(heard)) for each in hosts if each.archive not in heard}
    return {each: studies for each, studies in found.items() if studies}


def _only_on(db: Connection, host_id: int, heard: Sequence[str]) -> set[int]:
    """Unfinished studies with images on this host of which no archive that is heard has a copy."""
    kept, study, job = schema.instance.c, schema.study.c, schema.job.c
    open_jobs = select(job.study_id).where(job.state.in_(UNFINISHED))
    waits = or_(study.id.in_(open_jobs), study.state == StudyState.RECEIVING)
    there = select(study.id).distinct().join(schema.instance, kept.study_id == study.id)
    there = there.where(waits, keeper(kept.host_id) == host_id, kept.sop_class_uid.in_(IMAGE_CLASSES))
    return set(db.execute(there.where(*(not_(copy_here(archive)) for archive in heard))).scalars())


def _counted(db: Connection, query: Select[Any]) -> Counter[int | None]:
    """Number of a host (None: of before there were hosts) -> how many rows."""
    return Counter({row[0]: row[1] for row in db.execute(query)})


def _hosts(db: Connection) -> list[_NodeHost]:
    table, beat = host_schema.host, schema.heartbeat.c
    heard = select(func.max(beat.at)).where(beat.node == table.c.node).scalar_subquery()
    rows = db.execute(select(table, heard.label("heard_at")).order_by(table.c.id))
    return [_NodeHost(**row._mapping) for row in rows]


def _require_one_key(db: Connection, search_key: str, node: str) -> None:
    other = host_schema.host.c
    query = select(other.name).where(other.search_key != search_key, other.node != node).order_by(other.id)
    if (name := db.execute(query).scalar()) is not None:
        raise NotReady(
            f"{name}, on the same ledger, tells patients apart by another key: copy its search.key to this host "
            "(storage.search_key_file), before this one stores anything"
        )
