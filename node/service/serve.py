"""The processes of a running node, and the supervisor that keeps them running.

listener (never loads torch), scheduler (sweeps and deliveries), worker (the model), dashboard (pages and API). They
share the ledger and the archive and nothing else; one that dies is started again, the others do not notice.
"""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from node.audit import AuditEvent
from node.errors import NodeError, NotReady, SettingsError
from node.exit_codes import Exit
from node.logs import configure_logs
from node.service.heartbeat import HeartbeatSender
from node.settings import Settings, load_settings
from node.storage.archive import Archive
from node.storage.health import HealthStore
from node.storage.ledger.ledger import Ledger

log = logging.getLogger(__name__)
_GRACE_SECONDS = 15.0
_LONGEST_PAUSE_SECONDS = 30.0
_WATCHDOG_SECONDS = 10.0


class NodeProcess(StrEnum):
    """A process of the node, by the name in its log lines and heartbeats."""

    LISTENER = "listener"
    SCHEDULER = "scheduler"
    WORKER = "worker"
    DASHBOARD = "dashboard"


_CommandOf = Callable[[NodeProcess, Path | None], list[str]]
"""Gives the command line of a process, for a settings file."""


def _run_process(name: NodeProcess, config: Path | None) -> None:
    """The body of one process. It imports what it runs and nothing else: the listener must never load torch."""
    configure_logs(name)
    end_with_supervisor()
    settings = load_settings(config)
    heartbeat = HeartbeatSender(settings, name)
    if name is NodeProcess.LISTENER:
        from node.service.listener import run_listener

        run_listener(settings, heartbeat)
    elif name is NodeProcess.SCHEDULER:
        from node.service.scheduler import run_scheduler

        run_scheduler(settings, config)
    elif name is NodeProcess.DASHBOARD:
        from node.dashboard.server import run_dashboard
        from node.service.web_reception import web_reception

        run_dashboard(settings, web_reception(settings) if settings.web_store.enabled else None)
    else:
        from node.analysis import ShadowModel, make_analyst
        from node.service.worker import run_worker

        run_worker(settings, make_analyst, ShadowModel)


def _command_of(name: NodeProcess, config: Path | None) -> list[str]:
    """The command line of a process."""
    return [sys.executable, "-m", "node.service.serve", name, *([str(config)] if config else [])]


def serve(settings: Settings, config: Path | None, command_of: _CommandOf = _command_of) -> None:
    """Start every process and keep them running until SIGTERM or SIGINT; raises NotReady when it cannot begin.

    SIGHUP reads the settings again.
    """
    Archive(settings.storage.root)
    ledger = Ledger(settings.database_url)
    with LedgerLock(settings):
        HealthStore(ledger.engine).listener_stopped(settings.node_name)
        ledger.audit.record(AuditEvent.STARTED, time.time(), settings.node_name)
        Supervisor(settings, config, ledger, command_of).run()


class Supervisor:
    """Keeps the processes of a node running."""

    def __init__(self, settings: Settings, config: Path | None, ledger: Ledger, command_of: _CommandOf) -> None:
        self.settings, self.config, self.ledger, self.command_of = settings, config, ledger, command_of
        self.running: dict[NodeProcess, subprocess.Popen[bytes]] = {}
        self.restarts = dict.fromkeys(NodeProcess, 0)
        self.due: dict[NodeProcess, float] = {}
        self.reloading: set[NodeProcess] = set()
        self.stopping, self.changed = threading.Event(), threading.Event()

    def run(self) -> None:
        """Until a signal says to stop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stopping.set())
        signal.signal(signal.SIGHUP, lambda *_: self.changed.set())
        for name in processes_of(self.settings):
            self.running[name] = start_process(self.command_of(name, self.config))
        ready, next_notice = False, 0.0
        while not self.stopping.wait(0.2):
            if self.changed.is_set():
                self.changed.clear()
                self.reload()
            for name in list(self.running):
                if self.running[name].poll() is not None:
                    self.restart(name)
            ready = ready or "NOTIFY_SOCKET" not in os.environ or listens(self.settings)
            if time.monotonic() >= next_notice:
                next_notice = time.monotonic() + _WATCHDOG_SECONDS
                notify_systemd("READY=1\nWATCHDOG=1" if ready else "WATCHDOG=1")
        notify_systemd("STOPPING=1")
        end_processes(self.running)

    def restart(self, name: NodeProcess) -> None:
        """Start a process that has ended, on request or by a defect; raises NotReady when the listener never began."""
        code = self.running[name].returncode
        if name in self.reloading:
            self.reloading.discard(name)
            self.due.pop(name, None)
            del self.running[name]
            if name in processes_of(self.settings):
                self.running[name] = start_process(self.command_of(name, self.config), again=True)
            return
        if name is NodeProcess.LISTENER and not self.restarts[name] and code == Exit.NOT_READY:
            end_processes(self.running)
            raise NotReady("the listener could not start; see the line above")
        now = time.monotonic()
        if name not in self.due:
            self.restarts[name] += 1
            log.error("a process ended and is started again", extra={"part": name, "code": code})
            if name is NodeProcess.LISTENER:
                _record_that_nobody_listens(self.ledger, self.settings)
            self.due[name] = now + min(_LONGEST_PAUSE_SECONDS, 0.5 * 2 ** min(self.restarts[name], 6))
        if now >= self.due[name]:
            del self.due[name]
            self.running[name] = start_process(self.command_of(name, self.config), again=True)

    def reload(self) -> None:
        """Read the settings again; each process that they concern ends its work in hand and restarts."""
        try:
            new = load_settings(self.config)
        except SettingsError as error:
            log.error("the settings are not valid and the old ones stay in force: %s", error)
            return
        if (new.storage.root, new.database) != (self.settings.storage.root, self.settings.database):
            log.error("the settings move ledger or archive, which needs a restart; the old ones stay in force")
            return
        concerned = set(processes_of(new)) | set(self.running)
        if (new.dicom, new.storage, new.destinations) == (
            self.settings.dicom,
            self.settings.storage,
            self.settings.destinations,
        ):
            concerned.discard(NodeProcess.LISTENER)  # reception goes on
        self.settings = new
        log.info("settings reloaded", extra={"parts": sorted(concerned)})
        if NodeProcess.LISTENER in set(self.running) - concerned:
            self.running[NodeProcess.LISTENER].send_signal(signal.SIGHUP)  # its certificate may be a new one
        for name in concerned & set(self.running):
            self.reloading.add(name)
            self.running[name].terminate()
        for name in concerned - set(self.running):
            self.running[name] = start_process(self.command_of(name, self.config))


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


def processes_of(settings: Settings) -> list[NodeProcess]:
    """The processes that these settings ask for."""
    return [name for name in NodeProcess if name is not NodeProcess.DASHBOARD or settings.dashboard.enabled]


def _record_that_nobody_listens(ledger: Ledger, settings: Settings) -> None:
    """Until the listener is back, no study is complete because of its silence."""
    try:
        HealthStore(ledger.engine).listener_stopped(settings.node_name)
        ledger.audit.record(AuditEvent.STOPPED, time.time(), settings.node_name)
    except NodeError as error:
        log.error("an audit entry was lost: %s", error)


def start_process(command: Sequence[str], *, again: bool = False) -> subprocess.Popen[bytes]:
    """Start a process; `again`: without the crash point that a test has set, so that the crash happens once."""
    environment = {key: value for key, value in os.environ.items() if not (again and key == "MOME_CRASHPOINT")}
    environment.setdefault("MALLOC_ARENA_MAX", "2")  # a heap for each thread, glibc's habit, grows with every flood
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE)


def end_with_supervisor() -> None:
    """End this process when the supervisor's end of its input closes, so that kill -9 leaves nobody on the port."""
    if not stat.S_ISFIFO(os.fstat(0).st_mode):
        return  # started by hand

    def wait_for_the_end() -> None:
        while os.read(0, 1):
            continue
        os._exit(137)

    threading.Thread(target=wait_for_the_end, name="supervisor", daemon=True).start()


def end_processes(running: Mapping[NodeProcess, subprocess.Popen[bytes]]) -> None:
    """SIGTERM for all, then SIGKILL for those that do not end in time."""
    for process in running.values():
        process.terminate()
    deadline = time.monotonic() + _GRACE_SECONDS
    for process in running.values():
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()


class LedgerLock:
    """Refuses a second node on one SQLite ledger; the kernel frees the lock when the process dies."""

    def __init__(self, settings: Settings) -> None:
        self.path = settings.storage.root / "serve.lock"
        self.needed = settings.is_sqlite
        self.descriptor = -1

    def __enter__(self) -> None:
        if not self.needed:
            return
        self.descriptor = os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self.descriptor)
            raise NotReady(f"another node serves {self.path.parent}; two nodes share work only on PostgreSQL") from None

    def __exit__(self, *_: object) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)


def _main() -> None:
    """Entry point of a process: `python -m node.service.serve listener [CONFIG]`."""
    name, *config = sys.argv[1:]
    try:
        _run_process(NodeProcess(name), Path(config[0]) if config else None)
    except NodeError as error:
        log.critical("%s cannot run: %s", name, error)
        sys.exit(int(error.exit_code))


if __name__ == "__main__":
    _main()
