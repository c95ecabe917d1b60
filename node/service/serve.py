"""The supervisor of a node's processes, and what each of them runs.

listener (never loads torch), scheduler (sweeps and deliveries), workers (the model), dashboard (pages and API). They
share the ledger and the archive and nothing else; one that dies is started again, the others do not notice.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from node.audit import AuditEvent
from node.errors import NodeError, NotReady, SettingsError
from node.exit_codes import Exit
from node.hosts import open_archive, part_of
from node.logs import configure_logs
from node.service.heartbeat import HeartbeatSender
from node.service.late_database import ledger_when_there
from node.service.ledger_lock import LedgerLock
from node.service.processes import (
    REREADS_ON_SIGHUP,
    CommandOf,
    NodeProcess,
    ProcessId,
    command_of,
    end_processes,
    end_with_supervisor,
    on_its_device,
    processes_of,
    share_of_processors,
    start_process,
    works_by,
)
from node.service.stopping import FINISH
from node.settings import Settings, load_settings
from node.storage.archive import Archive
from node.storage.health import HealthStore
from node.storage.holds import HoldKind
from node.storage.ledger.ledger import Ledger
from node.watching.readiness import Readiness

log = logging.getLogger(__name__)
_LONGEST_PAUSE_SECONDS = 30.0
_WATCHDOG_SECONDS = 10.0
_READINESS_SECONDS = 5.0
_LONGER_START_USEC = 30_000_000  # what systemd is asked for while the database is late
_FINISHES = frozenset((NodeProcess.SCHEDULER, NodeProcess.WORKER))
"""Processes that end their work in hand before they start anew with other settings."""


def _run_process(process: ProcessId, config: Path | None) -> None:
    """The body of one process. It imports what it runs and nothing else: the listener must never load torch."""
    configure_logs(str(process))
    end_with_supervisor()
    settings = load_settings(config)
    heartbeat = HeartbeatSender(settings, str(process))
    me = part_of(settings, str(process))
    if process.kind is NodeProcess.LISTENER:
        from node.service.listener import run_listener

        run_listener(settings, config, heartbeat)
    elif process.kind is NodeProcess.SCHEDULER:
        from node.service.scheduler import run_scheduler

        run_scheduler(settings, config, me)
    elif process.kind is NodeProcess.DASHBOARD:
        from node.dashboard.server import run_dashboard
        from node.service.web_reception import web_reception

        run_dashboard(settings, config, web_reception(settings) if settings.web_store.enabled else None)
    else:
        from node.analyst import ShadowModel, make_analyst
        from node.service.worker import run_worker

        run_worker(on_its_device(settings, process), me, make_analyst, ShadowModel)


def serve(settings: Settings, config: Path | None, command_of: CommandOf = command_of) -> None:
    """Start every process and keep them running until SIGTERM or SIGINT; raises NotReady when it cannot begin.

    SIGHUP reads the settings again.
    """
    Archive(settings.storage.root)
    with LedgerLock(settings) as lock:

        def waiting() -> None:
            notify_systemd(f"EXTEND_TIMEOUT_USEC={_LONGER_START_USEC}")
            lock.beat()

        ledger = ledger_when_there(settings, waiting)
        open_archive(settings, ledger)
        _begin(ledger, settings)
        try:
            Supervisor(settings, config, ledger, command_of, lock).run()
        finally:
            _end(ledger, settings)


def _begin(ledger: Ledger, settings: Settings) -> None:
    """Leave behind what an earlier process of this node left: its jobs, its heartbeats, its name."""
    health, node = HealthStore(ledger.engine), settings.node_name
    if settings.is_sqlite:
        ledger.jobs.release()
        ledger.holds.adopt(node)
    health.forget_past_nodes(node, socket.gethostname(), time.time(), alone=settings.is_sqlite)
    health.listener_stopped(node)
    ledger.audit.record(AuditEvent.STARTED, time.time(), node)


def _end(ledger: Ledger, settings: Settings) -> None:
    """After the last process: nothing of this node is in hand or alive, and a drain is over."""
    node, now = settings.node_name, time.time()
    try:
        given_back = ledger.jobs.give_back(node, now)
        hold = ledger.holds.of_node(node)
        if hold is not None and hold.kind is HoldKind.DRAIN:
            ledger.holds.end(HoldKind.DRAIN, node, "planned stop", now)
        HealthStore(ledger.engine).forget(node)
    except NodeError as error:
        log.error("what is in hand is claimed again when its lease ends: %s", error)
    else:
        log.info("stopped", extra={"given_back": given_back})


class Supervisor:
    """Keeps the processes of a node running."""

    def __init__(
        self, settings: Settings, config: Path | None, ledger: Ledger, command_of: CommandOf, lock: LedgerLock
    ) -> None:
        self.settings, self.config, self.ledger, self.command_of = settings, config, ledger, command_of
        self.lock = lock
        self.wanted = processes_of(settings)
        self.running: dict[ProcessId, subprocess.Popen[bytes]] = {}
        self.restarts: dict[ProcessId, int] = {}
        self.due: dict[ProcessId, float] = {}
        self.reloading: set[ProcessId] = set()
        self.stopping, self.changed = threading.Event(), threading.Event()

    def run(self) -> None:
        """Until a signal says to stop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stopping.set())
        signal.signal(signal.SIGHUP, lambda *_: self.changed.set())
        for process in self.wanted:
            self.start(process)
        threading.Thread(target=self.look_what_fails, name="readiness", daemon=True).start()
        ready, next_notice = False, 0.0
        while not self.stopping.wait(0.2):
            if self.changed.is_set():
                self.changed.clear()
                self.reload()
            for process in list(self.running):
                if self.running[process].poll() is not None:
                    self.restart(process)
            ready = ready or "NOTIFY_SOCKET" not in os.environ or listens(self.settings)
            if time.monotonic() >= next_notice:
                next_notice = time.monotonic() + _WATCHDOG_SECONDS
                notify_systemd("READY=1\nWATCHDOG=1" if ready else "WATCHDOG=1")
                if self.receives():
                    self.beat()
        log.info("stopping")
        notify_systemd("STOPPING=1")
        end_processes(self.running.values())

    def beat(self) -> None:
        """Show that the node is alive, as far as its storage root takes that."""
        try:
            self.lock.beat()
        except OSError as error:
            log.error("that the node is alive could not be noted: %s", error.strerror)

    def look_what_fails(self) -> None:
        """Note every few seconds what keeps the node from its work; a database that hangs holds up nothing else."""
        watch = HealthStore(self.ledger.engine)
        while not self.stopping.wait(_READINESS_SECONDS):
            try:
                failing = Readiness(self.settings, watch).failing()
            except NodeError:
                failing = ["database"]
            except OSError:  # the storage root itself does not answer
                failing = ["disk"]
            try:
                self.lock.note_failing(failing)
            except OSError as error:
                log.error("whether the node is ready could not be noted: %s", error.strerror)

    def receives(self) -> bool:
        """Whether the listener runs."""
        listener = self.running.get(ProcessId(NodeProcess.LISTENER))
        return listener is not None and listener.poll() is None

    def start(self, process: ProcessId, *, again: bool = False) -> None:
        """Start a process with the settings file."""
        workers = sum(each.kind is NodeProcess.WORKER for each in self.wanted)
        more = share_of_processors(workers) if process.kind is NodeProcess.WORKER else {}
        self.running[process] = start_process(self.command_of(process, self.config), more, again=again)

    def restart(self, process: ProcessId) -> None:
        """Start a process that has ended, on request or by a defect; raises NotReady when the listener never began."""
        code, listener = self.running[process].returncode, process.kind is NodeProcess.LISTENER
        if process in self.reloading:
            self.reloading.discard(process)
            self.due.pop(process, None)
            del self.running[process]
            if process in self.wanted:
                self.start(process, again=True)
            else:
                HealthStore(self.ledger.engine).forget_part(self.settings.node_name, str(process))
            return
        if listener and process not in self.restarts and code == Exit.NOT_READY:
            end_processes(self.running.values())
            raise NotReady("the listener could not start; see the line above")
        now = time.monotonic()
        if process not in self.due:
            self.restarts[process] = self.restarts.get(process, 0) + 1
            log.error("a process ended and is started again", extra={"part": str(process), "code": code})
            if listener:
                _record_that_nobody_listens(self.ledger, self.settings)
            self.due[process] = now + min(_LONGEST_PAUSE_SECONDS, 0.5 * 2 ** min(self.restarts[process], 6))
        if now >= self.due[process]:
            del self.due[process]
            self.start(process, again=True)

    def reload(self) -> None:
        """Read the settings again; the processes that they concern take them over, or end and start anew."""
        new = self.new_settings()
        if new is None:
            return
        self.wanted = processes_of(new)
        concerned = {each for each in self.wanted if works_by(each.kind, new) != works_by(each.kind, self.settings)}
        concerned |= set(self.running) - set(self.wanted)
        self.settings = new
        log.info("settings reloaded", extra={"restarting": sorted(str(each) for each in concerned)})
        for process in self.running:
            if process in concerned:
                self.reloading.add(process)
                self.running[process].send_signal(FINISH if process.kind in _FINISHES else signal.SIGTERM)
            elif process.kind in REREADS_ON_SIGHUP:
                self.running[process].send_signal(signal.SIGHUP)
        for process in self.wanted:
            if process not in self.running:
                self.start(process)

    def new_settings(self) -> Settings | None:
        """The settings as the file says now; None, and the reason in the log, when they cannot be taken."""
        try:
            new = load_settings(self.config)
        except SettingsError as error:
            log.error("the settings are not valid and the old ones stay in force: %s", error)
            return None
        if _needs_a_restart(new) != _needs_a_restart(self.settings):
            log.error(
                "the settings change the AE title or port of this node, or where ledger or archive are, which needs a "
                "restart; the old ones stay in force"
            )
            return None
        return new


def _needs_a_restart(settings: Settings) -> tuple[object, ...]:
    """Settings that no running node can change."""
    return settings.node_name, settings.storage.root, settings.database


def listens(settings: Settings) -> bool:
    """Whether the listener has its port."""
    try:
        socket.create_connection((settings.dicom.address_from_here, settings.dicom.port), timeout=1).close()
    except OSError:
        return False
    return True


def notify_systemd(words: str) -> None:
    """sd_notify(3): readiness and the watchdog's heartbeat; nothing without systemd."""
    place = os.environ.get("NOTIFY_SOCKET")
    if not place:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.sendto(words.encode(), "\0" + place[1:] if place.startswith("@") else place)
    except OSError as error:
        log.warning("systemd could not be notified: %s", error.strerror)


def _record_that_nobody_listens(ledger: Ledger, settings: Settings) -> None:
    """Until the listener is back, no study is complete because of its silence."""
    try:
        HealthStore(ledger.engine).listener_stopped(settings.node_name)
        ledger.audit.record(AuditEvent.STOPPED, time.time(), settings.node_name)
    except NodeError as error:
        log.error("an audit entry was lost: %s", error)


def _main() -> None:
    """Entry point of a process: `python -m node.service.serve KIND [CONFIG [DEVICE]]`."""
    os.umask(0o077)
    kind, config, device = (*sys.argv[1:], "", "")[:3]
    process = ProcessId(NodeProcess(kind), device)
    try:
        _run_process(process, Path(config) if config else None)
    except NodeError as error:
        log.critical("%s cannot run: %s", process, error)
        sys.exit(int(error.exit_code))


if __name__ == "__main__":
    _main()
