"""The hosts that share a ledger: which files each keeps in its own storage root, and whether it is heard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import CompoundSelect, Connection, Engine, Select, and_, delete, func, insert, not_, or_, select, update

from node.errors import NotReady
from node.jobs import UNFINISHED
from node.states import FINAL, StudyState
from node.storage import host_schema, schema
from node.storage.contents import IMAGE_CLASSES
from node.storage.database import ALIVE_SECONDS, LedgerOvertaken, reading, writing
from node.storage.host_roots import settle_root
from node.storage.ledger.host_rows import copy_here, is_here, keeper, study_here
from node.storage.ledger.refetches import refetch_words
from node.storage.records import StudyRecord


@dataclass(frozen=True, slots=True)
class NodeHost:
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
    """How many images, and result objects of its present revision, of a study lie in one archive.

    Parameters
    ----------
    hosts
        Who keeps that archive: nodes that share a root, and former names of a node.
    """

    hosts: tuple[NodeHost, ...]
    images: int
    results: int

    @property
    def archive(self) -> str:
        """UUID of the storage root."""
        return self.hosts[0].archive

    def is_heard(self, now: float) -> bool:
        """Whether one of its hosts is alive."""
        return any(each.is_heard(now) for each in self.hosts)

    def words(self, now: float) -> str:
        """Its hosts that are heard; where none is, the one that was heard last, and since when it is not."""
        last = max(self.hosts, key=lambda each: (each.heard_at or 0.0, each.id))
        return " and ".join(each.node for each in self.hosts if each.is_heard(now)) or last.words(now)


@dataclass(frozen=True, slots=True)
class StudyHosts:
    """Where the files of a study lie; nothing where there is one host only.

    Parameters
    ----------
    images
        How many the study has, wherever they lie.
    refetch
        How the fetching of the study by another host stands; empty where nobody has begun it.
    """

    images: int = 0
    shares: tuple[_HostShare, ...] = ()
    refetch: str = ""

    def words(self, now: float) -> list[str]:
        """One line for each archive."""
        return [
            f"{each.words(now)}: {each.images} of {self.images} images, {each.results} results" for each in self.shares
        ]

    def holders(self, *, results: bool) -> list[_HostShare]:
        """Who has results, or every image."""
        return [each for each in self.shares if (each.results if results else each.images == self.images)]

    def spread(self, now: float) -> str:
        """How many images lie where."""
        return ", ".join(f"{each.images} on {each.words(now)}" for each in self.shares if each.images)

    def why_it_waits(self, study: StudyRecord, now: float) -> str:
        """Why nobody can go on with a study now, and what helps; empty while somebody can, or nothing is to be done."""
        if study.state in FINAL or not self.shares:
            return ""
        delivering = study.state is StudyState.ANALYZED
        holders = self.holders(results=delivering)
        if any(each.is_heard(now) for each in holders):
            return ""
        if study.state is StudyState.RECEIVING and all(each.is_heard(now) for each in self.shares):
            return ""
        return self._what_helps(study, holders, now) + (f"; {self.refetch}" if self.refetch else "")

    def _what_helps(self, study: StudyRecord, holders: Sequence[_HostShare], now: float) -> str:
        again = f"or have a PACS send it to a host that runs: mome-node studies fetch {study.id} --from NAME"
        if study.state is StudyState.ANALYZED:
            return (
                f"its results lie on {named(holders, now)} and are sent when that is back; {again}, then reprocess it"
            )
        if holders:
            return f"its images lie on {named(holders, now)}; it goes on when that is back, {again}"
        return f"no host has all of its {self.images} images ({self.spread(now)}): let the sender repeat it, {again}"


def named(shares: Sequence[_HostShare], now: float) -> str:
    """Who keeps these shares."""
    return " and ".join(each.words(now) for each in shares)


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

    def known(self) -> list[NodeHost]:
        """Every host, the one that is known longest first."""
        with reading(self.engine) as db:
            return _hosts(db)

    def of_study(self, study_id: int) -> StudyHosts:
        """Which hosts hold how much of a study."""
        kept, made, study = schema.instance.c, schema.result_object.c, schema.study.c
        copy = host_schema.instance_copy.c
        image = and_(kept.study_id == study_id, kept.sop_class_uid.in_(IMAGE_CLASSES))
        copied = select(copy.instance_id, copy.host_id).join(schema.instance, kept.id == copy.instance_id).where(image)
        images = select(kept.id, keeper(kept.host_id).label("host_id")).where(image).union(copied)
        present = select(study.revision).where(study.id == study_id).scalar_subquery()
        results = select(made.id, keeper(made.host_id).label("host_id")).where(
            made.study_id == study_id, made.revision == present
        )
        with reading(self.engine) as db:
            hosts = _hosts(db)
            total = db.execute(select(func.count()).select_from(schema.instance).where(image)).scalar_one()
            has, have_made = _by_archive(db, images), _by_archive(db, results)
            refetch = refetch_words(db, study_id, db.execute(select(present)).scalar() or 0)
        archives = {each.archive: tuple(one for one in hosts if one.archive == each.archive) for each in hosts}
        shares = (_HostShare(each, has[archive], have_made[archive]) for archive, each in archives.items())
        return StudyHosts(total, tuple(each for each in shares if each.images or each.results), refetch)

    def has_study(self, study_id: int, archive: str) -> bool:
        """Whether an archive has every image of a study, and something of one without images."""
        study = schema.study.c
        query = select(study.id).where(study.id == study_id, study_here(study.id, archive))
        with reading(self.engine) as db:
            return db.execute(query).first() is not None

    def unfinished(self, now: float) -> dict[NodeHost, int]:
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


def left_behind(db: Connection, now: float) -> dict[NodeHost, set[int]]:
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


def _by_archive(db: Connection, places: Select[Any] | CompoundSelect[Any]) -> Counter[str]:
    """UUID of an archive -> how many of these rows (`id`, `host_id`) lie in it, each counted once."""
    place, host = places.subquery().c, host_schema.host.c
    query = select(host.archive, func.count(place.id.distinct())).join(host_schema.host, host.id == place.host_id)
    return Counter({row[0]: row[1] for row in db.execute(query.group_by(host.archive))})


def _hosts(db: Connection) -> list[NodeHost]:
    table, beat = host_schema.host, schema.heartbeat.c
    heard = select(func.max(beat.at)).where(beat.node == table.c.node).scalar_subquery()
    rows = db.execute(select(table, heard.label("heard_at")).order_by(table.c.id))
    return [NodeHost(**row._mapping) for row in rows]


def _require_one_key(db: Connection, search_key: str, node: str) -> None:
    other = host_schema.host.c
    query = select(other.name).where(other.search_key != search_key, other.node != node).order_by(other.id)
    if (name := db.execute(query).scalar()) is not None:
        raise NotReady(
            f"{name}, on the same ledger, tells patients apart by another key: copy its search.key to this host "
            "(storage.search_key_file), before this one stores anything"
        )
