"""What happens to a host or to the database, and how long its studies were without anybody."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import select

from benchmarks.faults.cluster import Cluster
from benchmarks.faults.hosts import Host
from node.states import FINAL, StudyState
from node.storage import host_schema, schema
from node.storage.database import reading
from node.storage.records import AuditRecord

_TAKEN_OVER_SECONDS = 120.0
_COMPLETE = (StudyState.STABLE, StudyState.ANALYZING)


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault.

    Parameters
    ----------
    is_death
        Whether the others must go on with the studies of the host.
    seconds
        How long it lasts at least.
    """

    name: str
    words: str
    begin: Callable[[Cluster, Host], None]
    end: Callable[[Cluster, Host], None]
    possible: Callable[[Host], bool] = lambda _: True
    is_death: bool = True
    seconds: float = 0.0


FAULTS = (
    Fault("kill", "kill -9 of every process of a host at once", lambda _, h: h.kill(), lambda _, h: h.start()),
    Fault(
        "power",
        "kill -9, and everything is gone that was not synced to disk (names and contents)",
        lambda _, h: h.lose_power(),
        lambda _, h: h.start(),
        lambda h: h.durable is not None,
    ),
    Fault(
        "freeze",
        "SIGSTOP of every process for 90 s or more, then SIGCONT: it goes on where it was",
        lambda _, h: h.freeze(),
        lambda _, h: h.thaw(),
        seconds=90.0,
    ),
    Fault(
        "partition",
        "the link of the host's network namespace is down for 60 s or more: neither database nor PACS nor scanners",
        lambda c, h: c.network.cut(h.number),
        lambda c, h: c.network.heal(h.number),
        lambda h: bool(h.network.bridge),
        seconds=60.0,
    ),
    Fault(
        "clock",
        "the clock of the host jumps ahead by an hour, and back after 30 s",
        lambda _, h: _set_clock(h, "+3600"),
        lambda _, h: _set_clock(h, "+0"),
        lambda h: h.has_clock,
        is_death=False,
        seconds=30.0,
    ),
    Fault(
        "disk",
        "the disk of the host is filled to the last byte, and cleared after 20 s",
        lambda _, h: h.fill_disk(),
        lambda _, h: h.clear_disk(),
        lambda h: h.own_disk,
        is_death=False,
        seconds=20.0,
    ),
    Fault(
        "database",
        "PostgreSQL is stopped without a checkpoint (immediate) and started after 10 s",
        lambda c, _: c.database.stop(),
        lambda c, _: c.database.start(),
        is_death=False,
        seconds=10.0,
    ),
)


def _set_clock(host: Host, offset: str) -> None:
    host.clock.write_text(offset)


@dataclass(frozen=True, slots=True)
class Affected:
    """A study that only the host had when it died.

    Parameters
    ----------
    claimed_after, answered_after
        Seconds from the death to the claim by another host, and to the end of delivery; None: not before the host was
        back.
    """

    uid: str
    was_complete: bool
    claimed_after: float | None
    answered_after: float | None


@dataclass
class Happened:
    """One fault that happened."""

    fault: Fault
    host: str
    lasted: float
    affected: list[Affected] = field(default_factory=list)


def happen(cluster: Cluster, fault: Fault, host: Host, seconds: float) -> Happened:
    """Let it happen, wait until the others have gone on with what the host had, and end it."""
    if fault.is_death:
        _wait(lambda: bool(_in_hand(cluster, host)), 30.0)
    began, began_at = time.monotonic(), time.time()
    fault.begin(cluster, host)
    left = _in_hand(cluster, host) if fault.is_death else {}
    _wait(lambda: False, seconds)
    if fault.is_death:
        _wait(lambda: all(_times(cluster, uid, began_at)[1] is not None for uid in left), _TAKEN_OVER_SECONDS)
    affected = [Affected(uid, complete, *_times(cluster, uid, began_at)) for uid, complete in left.items()]
    lasted = time.monotonic() - began
    fault.end(cluster, host)
    return Happened(fault, host.name, lasted, affected)


def _wait(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not condition():
        time.sleep(0.5)


def _in_hand(cluster: Cluster, host: Host) -> dict[str, bool]:
    """UIDs of unfinished studies with images on this host, and whether each is complete."""
    study, kept, known = schema.study.c, schema.instance.c, host_schema.host.c
    query = (
        select(study.study_instance_uid, study.state)
        .join(schema.instance, kept.study_id == study.id)
        .join(host_schema.host, known.id == kept.host_id)
        .where(study.state.not_in(FINAL), known.node.startswith(f"{host.name}@"))
        .distinct()
    )
    with reading(cluster.ledger.engine) as db:
        return {row.study_instance_uid: row.state in _COMPLETE for row in db.execute(query)}


def _times(cluster: Cluster, uid: str, since: float) -> tuple[float | None, float | None]:
    """Seconds from then to the first claim of a study and to the end of its delivery."""
    timeline = cluster.ledger.reading.study(uid).timeline
    return _first(timeline, "CLAIMED", since), _first(timeline, "ALL_DELIVERED", since)


def _first(timeline: tuple[AuditRecord, ...], event: str, since: float) -> float | None:
    return next((each.at - since for each in timeline if each.event == event and each.at > since), None)
