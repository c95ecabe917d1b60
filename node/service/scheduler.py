"""Small sweeps by the clock: all times of truth are columns, so that a restart loses nothing.

Nothing that takes long runs here: deliveries have a thread for each destination, so that one that is down never
blocks another, and analysis has a process of its own.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from apscheduler.schedulers.background import BackgroundScheduler

from node.crashpoints import crash_point
from node.errors import NodeError
from node.jobs import JobKind
from node.service.delivery import DeliveryClient, delivery_clients
from node.service.retention import delete_old_studies
from node.settings import Settings
from node.storage.archive import Archive
from node.storage.ledger.ledger import Ledger

log = logging.getLogger(__name__)
SWEEP_SECONDS = 1.0
PAUSE_SECONDS = 2.0  # a study is compared with earlier ones in the pauses between its images
RETENTION_SECONDS = 600.0
JUMP_SECONDS = 5.0
FOREVER_SECONDS = 1e9


class QuietPeriod:
    """Since when silence may be counted. The wall clock only names moments; when it jumps, counting begins anew.

    So it does when this machine stood still: what was sent meanwhile waits in the listener's sockets.
    """

    def __init__(self, wall: float, monotonic: float) -> None:
        self.wall = wall
        self.monotonic = self.rested = monotonic
        self.since = self.steady_since = wall - FOREVER_SECONDS

    def look(self, wall: float, monotonic: float) -> None:
        """Compare the clocks, and the time since the last sweep ended with the second that it should be."""
        jump, pause = (wall - self.wall) - (monotonic - self.monotonic), monotonic - self.rested
        self.wall, self.monotonic = wall, monotonic
        if abs(jump) > JUMP_SECONDS:
            log.warning("the clock jumped; silence is counted anew", extra={"seconds": round(jump)})
            self.since = self.steady_since = wall
        elif pause > JUMP_SECONDS:
            log.warning("this machine stood still; silence is counted anew", extra={"seconds": round(pause)})
            self.since = wall

    def rest(self, monotonic: float) -> None:
        """A sweep has ended; however long it took, nothing stood still."""
        self.rested = monotonic

    def began(self, seconds: float) -> float | None:
        """The moment so many seconds ago, or None while silence has not been counted for so long."""
        return self.wall - seconds if self.wall - self.since >= seconds else None

    def passed(self, seconds: float) -> float | None:
        """The moment so many seconds ago, or None while the clock has not been steady for so long."""
        return self.wall - seconds if self.wall - self.steady_since >= seconds else None


def settle_studies(settings: Settings, ledger: Ledger, silence: QuietPeriod) -> int:
    """Declare complete what is: by its content, by silence, at the deadline; gives how many."""
    now = time.time()
    silence.look(now, time.monotonic())
    try:
        settled = settle_silent(settings, ledger, silence, now)
    finally:
        silence.rest(time.monotonic())
    if settled:
        crash_point("gather.marked")
        log.info("studies complete", extra={"count": settled})
    return settled


def settle_silent(settings: Settings, ledger: Ledger, silence: QuietPeriod, now: float) -> int:
    """The three ways to be complete, one after the other."""
    gather = settings.gather
    settled = ledger.gathering.settle_by_content(now - PAUSE_SECONDS, now, gather.learned_from)
    quiet_since, opened_before = silence.began(gather.quiet_seconds), silence.passed(gather.deadline_seconds)
    extended_quiet_since = silence.began(gather.quiet_seconds * gather.patience)
    if quiet_since is not None:
        extended_quiet_since = now - FOREVER_SECONDS if extended_quiet_since is None else extended_quiet_since
        settled += ledger.gathering.settle(
            quiet_since, now, extended_quiet_since=extended_quiet_since, node_name=settings.node_name
        )
    if opened_before is not None:
        settled += ledger.gathering.settle_overdue(opened_before, now)
    return settled


def run_scheduler(settings: Settings) -> None:
    """Sweep and deliver until SIGTERM."""
    ledger, archive = Ledger(settings.database_url), Archive(settings.storage.root)
    if settings.is_sqlite:
        ledger.jobs.release(JobKind.DELIVER)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    scheduler = BackgroundScheduler(
        timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    )
    silence = QuietPeriod(time.time(), time.monotonic())
    sweep = repeatable(lambda: settle_studies(settings, ledger, silence))
    scheduler.add_job(sweep, "interval", seconds=SWEEP_SECONDS, id="settle")
    retention = repeatable(lambda: delete_old_studies(settings, ledger, archive, time.time()))
    scheduler.add_job(retention, "interval", seconds=RETENTION_SECONDS, id="retention")
    scheduler.start()
    threads = [
        threading.Thread(target=deliver_until, args=(stopping, courier), name=courier.destination.name, daemon=True)
        for courier in delivery_clients(settings, ledger, archive)
    ]
    threading.excepthook = lambda failure: end_after(failure.exc_value)
    for thread in threads:
        thread.start()
    while not stopping.wait(SWEEP_SECONDS):
        plan_anew(scheduler)
    scheduler.shutdown(wait=True)
    for thread in threads:
        thread.join(10)


def plan_anew(scheduler: BackgroundScheduler) -> None:
    """APScheduler plans by the wall clock: what was planned before that was set back is due now, not in hours."""
    now = datetime.now(UTC)
    for job in scheduler.get_jobs():
        if job.next_run_time - now > job.trigger.interval:
            job.modify(next_run_time=now)


def end_after(defect: BaseException | None) -> None:
    """End the process after a defect: it is started again, and a job that does this three times is given up."""
    log.critical("a delivery ended by a defect of this program", exc_info=defect)
    os._exit(1)


def deliver_until(stopping: threading.Event, courier: DeliveryClient) -> None:
    """One destination's deliveries, one after the other."""
    deliver = repeatable(courier.deliver_next)
    while not stopping.is_set():
        if not deliver():
            stopping.wait(SWEEP_SECONDS)


def repeatable(step: Callable[[], object]) -> Callable[[], object]:
    """The step, with a failure of the database or the disk logged: it comes round again."""

    def run() -> object:
        try:
            return step()
        except (NodeError, OSError) as error:
            log.error("a sweep failed and will be repeated: %s", error)
            return None

    return run
