"""The scheduler process: everything that is periodic, and the deliveries.

All times of truth are columns, so that a restart loses nothing. Deliveries have a thread for each destination, so that
one that is down never blocks another; analysis has a process of its own.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from pathlib import Path

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from node.errors import NodeError
from node.hosts import open_storage
from node.jobs import NodePart
from node.service.assessing import DocumentAssessor
from node.service.audit_forwarding import AuditForwarder, audit_subject
from node.service.delivery import delivery_clients
from node.service.indexing import StudyIndexer
from node.service.message_delivery import message_clients
from node.service.performer import performers
from node.service.refetching import Refetcher
from node.service.retention import delete_old_previews, delete_old_studies
from node.service.settling import QuietPeriod, settle_studies
from node.service.stopping import EndRequest
from node.settings import Settings
from node.storage.archive import Archive
from node.storage.audit_forwarding import AuditForwarding
from node.storage.audit_heads import AuditHeads
from node.storage.health import HealthStore
from node.storage.ledger.ledger import Ledger
from node.storage.overview import Overview
from node.watching.alerts import AlertMonitor
from node.watching.echoes import echo_destinations
from node.watching.integrations import call_receivers
from node.watching.metrics import Meter

log = logging.getLogger(__name__)
_SWEEP_SECONDS = 1.0
_CLEAN_UP_SECONDS = 600.0
_ECHO_SECONDS = 300.0
_ALERT_SECONDS = 30.0
_SELF_TEST_SECONDS = 86_400.0
_AUDIT_SECONDS = 5.0
_AUDIT_HEAD_SECONDS = 3600.0
_EXPLAIN_SECONDS = 10.0
_HOSTS_SECONDS = 2.0
_VERDICT_SECONDS = 5.0
_FIRST_ALERTS_SECONDS = 10.0  # the first echoes have been answered by then
_FIRST_SELF_TEST_SECONDS = 300.0  # not while everything starts


class SteadyTime(tzinfo):
    """The time zone that APScheduler plans in: UTC of the start, carried on by the monotonic clock.

    The library asks for `datetime.now(zone)`, which is answered here, so that a wall clock that jumps by a day neither
    delays a run nor makes one early.
    """

    def __init__(self) -> None:
        self._began, self._monotonic = datetime.now(UTC), time.monotonic()

    def fromutc(self, _wall: datetime) -> datetime:
        """The time now, whatever the wall clock says."""
        return (self._began + timedelta(seconds=time.monotonic() - self._monotonic)).replace(tzinfo=self)

    def utcoffset(self, _time: datetime | None) -> timedelta:
        """None: this is UTC, as it was at the start."""
        return timedelta(0)

    def dst(self, _time: datetime | None) -> timedelta:
        """No daylight saving time."""
        return timedelta(0)

    def tzname(self, _time: datetime | None) -> str:
        """Its name in the messages of APScheduler."""
        return "steady"


@dataclass(frozen=True)
class Every(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """So many seconds after the last run was due. APScheduler's IntervalTrigger goes by POSIX time, which jumps."""

    seconds: float
    first_seconds: float

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """When the next run is due."""
        return now + timedelta(seconds=self.first_seconds if previous_fire_time is None else self.seconds)


@dataclass(frozen=True, slots=True)
class PeriodicTask:
    """Something that is done again and again, from `first_seconds` after the start on."""

    name: str
    seconds: float
    run: Callable[[], object]
    first_seconds: float = 0.0


def periodic_tasks(
    settings: Settings, config: Path | None, ledger: Ledger, archive: Archive
) -> tuple[PeriodicTask, ...]:
    """Everything that a node does by the clock."""
    quiet = QuietPeriod(time.time(), time.monotonic())
    health = HealthStore(ledger.engine)
    monitor = AlertMonitor(settings, Meter(settings, archive, Overview(ledger.engine), health), config)

    def settle() -> int:
        return settle_studies(settings.gather, settings.node_name, ledger, quiet, archive.uuid)

    forwarding = AuditForwarding(ledger.engine)

    def retention() -> int:
        describe = partial(audit_subject, archive) if settings.audit_repository.enabled else None
        if describe is None:
            forwarding.forget_subjects()
        return delete_old_studies(settings.retention, ledger, archive, time.time(), describe)

    def previews() -> None:
        delete_old_previews(archive, time.time())

    clients = delivery_clients(settings, ledger, archive)

    def explain() -> None:
        for each in clients:
            each.explain_waiting(time.time() - 2 * _EXPLAIN_SECONDS)

    indexer = StudyIndexer(settings, archive, ledger)
    assessor = DocumentAssessor(settings, archive, ledger)

    def echoes() -> None:
        echo_destinations(settings.dicom.ae_title, settings.destinations, health)
        call_receivers(settings, health)

    heads = AuditHeads(settings.storage.root)
    forwarder = AuditForwarder(settings, archive, forwarding)
    audit = (PeriodicTask("audit", _AUDIT_SECONDS, forwarder.forward),) if settings.audit_repository.enabled else ()
    worklists = tuple(
        PeriodicTask(f"worklist {each.worklist.name}", each.worklist.seconds, each.look)
        for each in performers(settings, ledger)
    )
    return (
        *audit,
        *worklists,
        *_tasks_for_others(settings, ledger, archive),
        PeriodicTask("audit head", _AUDIT_HEAD_SECONDS, lambda: heads.note(ledger.audit, time.time())),
        PeriodicTask("settle", _SWEEP_SECONDS, settle),
        PeriodicTask("search index", _SWEEP_SECONDS, indexer.run),
        PeriodicTask("verdicts", _VERDICT_SECONDS, assessor.run),
        PeriodicTask("retention", _CLEAN_UP_SECONDS, retention),
        PeriodicTask("previews", _CLEAN_UP_SECONDS, previews),
        PeriodicTask("echoes", _ECHO_SECONDS, echoes),
        PeriodicTask("explain", _EXPLAIN_SECONDS, explain),
        PeriodicTask("self-test", _SELF_TEST_SECONDS, monitor.run_self_test, _FIRST_SELF_TEST_SECONDS),
        PeriodicTask("alerts", _ALERT_SECONDS, lambda: monitor.check(time.time()), _FIRST_ALERTS_SECONDS),
    )


def _tasks_for_others(settings: Settings, ledger: Ledger, archive: Archive) -> tuple[PeriodicTask, ...]:
    """What is done for hosts that have died, where there may be others and a PACS has their images."""
    if not settings.refetch_peers:
        return ()
    refetcher = Refetcher(settings, ledger, archive)
    return (
        PeriodicTask("hosts", _HOSTS_SECONDS, refetcher.look),
        PeriodicTask("refetch", _HOSTS_SECONDS, refetcher.run),
    )


def run_scheduler(settings: Settings, config: Path | None, me: NodePart) -> None:
    """Do what is periodic, and deliver, until this process is to end.

    Parameters
    ----------
    config
        the file that the daily self-test checks the node with; None leaves the self-test out
    """
    archive, ledger = open_storage(settings)
    end = EndRequest(lambda: ledger.jobs.give_back(me.node, time.time(), me.part))
    ledger.jobs.release(me)
    scheduler = planned(periodic_tasks(settings, config, ledger, archive))
    clients = [(each.destination.name, each.deliver_next) for each in delivery_clients(settings, ledger, archive, me)]
    clients += [(each.name, each.deliver_next) for each in message_clients(settings, ledger, archive, me)]
    threads = [
        threading.Thread(target=deliver_until, args=(end.begun, deliver_next), name=name, daemon=True)
        for name, deliver_next in clients
    ]
    threading.excepthook = lambda failure: _end_after(failure.exc_value)
    scheduler.start()
    for thread in threads:
        thread.start()
    end.begun.wait()
    for thread in threads:
        thread.join()
    scheduler.shutdown(wait=False)
    end.done.set()
    os._exit(0)  # an echo or a self-test may wait a minute for its answer; all else is a transaction, or done again


def planned(tasks: tuple[PeriodicTask, ...]) -> BackgroundScheduler:
    """A scheduler, not yet started, of these tasks; runs of one task never overlap, and missed ones are one."""
    defaults = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    scheduler = BackgroundScheduler(timezone=SteadyTime(), job_defaults=defaults)
    for task in tasks:
        scheduler.add_job(repeatable(task.run), Every(task.seconds, task.first_seconds), id=task.name, name=task.name)
    return scheduler


def _end_after(defect: BaseException | None) -> None:
    """End the process after a defect: it is started again, and a job that does this three times is given up."""
    log.critical("a delivery ended by a defect of this program", exc_info=defect)
    os._exit(1)


def deliver_until(stopping: threading.Event, deliver_next: Callable[[], object]) -> None:
    """One destination's deliveries, one after the other."""
    deliver = repeatable(deliver_next)
    while not stopping.is_set():
        if not deliver():
            stopping.wait(_SWEEP_SECONDS)


def repeatable(step: Callable[[], object]) -> Callable[[], object]:
    """The step, with a failure of the database or the disk logged: it comes round again."""

    def run() -> object:
        try:
            return step()
        except (NodeError, OSError) as error:
            log.error("a sweep failed and will be repeated: %s", error)
            return None

    return run
