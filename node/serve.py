"""The processes of a running node, and the supervisor that keeps them running.

listener (never loads torch), scheduler (sweeps and deliveries), worker (the model), dashboard (pages and API). They
share the ledger and the archive and nothing else; one that dies is started again, the others do not notice.
"""

from __future__ import annotations

import logging
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from node.audit import AuditEvent
from node.errors import NodeError, NotReady
from node.logs import configure_logs
from node.settings import Settings, load_settings
from node.storage.archive import Archive
from node.storage.database import open_engine
from node.storage.ledger import Ledger
from node.storage.watch import WatchBook

log = logging.getLogger(__name__)
GRACE_SECONDS = 15.0
LONGEST_PAUSE_SECONDS = 30.0
HEARTBEAT_SECONDS = 15.0


class Part(StrEnum):
    """A process of the node."""

    LISTENER = "listener"
    SCHEDULER = "scheduler"
    WORKER = "worker"
    DASHBOARD = "dashboard"


CommandOf = Callable[[Part, Path | None], list[str]]


def run_part(part: Part, config: Path | None) -> None:
    """The body of one process."""
    configure_logs(part)
    end_with_supervisor()
    settings = load_settings(config)
    show_life(settings, part)
    if part is Part.LISTENER:
        from node.listener import run_listener

        run_listener(settings)
    elif part is Part.SCHEDULER:
        from node.scheduler import run_scheduler

        run_scheduler(settings)
    elif part is Part.DASHBOARD:
        from node.dashboard.server import run_dashboard

        run_dashboard(settings, config)
    else:
        from node.analysis import make_analyst
        from node.worker import run_worker

        run_worker(settings, make_analyst)


def show_life(settings: Settings, part: Part) -> None:
    """Tell the ledger now and then that this process is alive."""
    watch = WatchBook(open_engine(settings.database_url))

    def beat() -> None:
        while True:
            try:
                watch.beat(settings.node_name, part, time.time())
            except NodeError as error:
                log.warning("a sign of life was lost: %s", error)
            time.sleep(HEARTBEAT_SECONDS)

    threading.Thread(target=beat, name="life", daemon=True).start()


def command_of(part: Part, config: Path | None) -> list[str]:
    """The command line of a part."""
    return [sys.executable, "-m", "node.serve", part, *([str(config)] if config else [])]


def serve(settings: Settings, config: Path | None, command_of: CommandOf = command_of) -> None:
    """Start every part and keep them running until SIGTERM or SIGINT; raises NotReady when it cannot begin."""
    Archive(settings.storage.root)
    ledger = Ledger(settings.database_url)
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: stopping.append(received))
    with Lock(settings):
        ledger.audit(AuditEvent.STARTED, time.time(), settings.node_name)
        running = {part: start(command_of(part, config)) for part in parts(settings)}
        restarts = dict.fromkeys(running, 0)
        while not stopping:
            time.sleep(0.2)
            for part, process in running.items():
                if process.poll() is None:
                    continue
                if part is Part.LISTENER and not restarts[part] and process.returncode == 5:
                    end(running)
                    raise NotReady("the listener could not start; see the line above")
                restarts[part] += 1
                log.error("a process ended and is started again", extra={"part": part, "code": process.returncode})
                if part is Part.LISTENER:
                    note_that_nobody_listens(ledger, settings)
                time.sleep(min(LONGEST_PAUSE_SECONDS, 0.5 * 2 ** min(restarts[part], 6)))
                running[part] = start(command_of(part, config), again=True)
        end(running)


def parts(settings: Settings) -> list[Part]:
    """The processes that this site wants."""
    return [part for part in Part if part is not Part.DASHBOARD or settings.dashboard.enabled]


def note_that_nobody_listens(ledger: Ledger, settings: Settings) -> None:
    """Until the listener is back, no study is complete because of its silence."""
    try:
        ledger.audit(AuditEvent.STOPPED, time.time(), settings.node_name)
    except NodeError as error:
        log.error("an audit entry was lost: %s", error)


def start(command: Sequence[str], *, again: bool = False) -> subprocess.Popen[bytes]:
    """A process of its own for one part; a crash that a test ordered happens once."""
    environment = {key: value for key, value in os.environ.items() if not (again and key == "MOME_CRASHPOINT")}
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


def end(running: Mapping[Part, subprocess.Popen[bytes]]) -> None:
    """SIGTERM for all, then SIGKILL for who does not end in time."""
    for process in running.values():
        process.terminate()
    deadline = time.monotonic() + GRACE_SECONDS
    for process in running.values():
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()


class Lock:
    """Refuses a second node on one SQLite ledger; the kernel frees the lock when the process dies."""

    def __init__(self, settings: Settings) -> None:
        self.path = settings.storage.root / "serve.lock"
        self.needed = settings.is_sqlite
        self.descriptor = -1

    def __enter__(self) -> None:
        import fcntl

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


def main() -> None:
    """Entry point of a part: `python -m node.serve listener [CONFIG]`."""
    part, *config = sys.argv[1:]
    try:
        run_part(Part(part), Path(config[0]) if config else None)
    except NodeError as error:
        log.critical("%s cannot run: %s", part, error)
        sys.exit(int(error.exit_code))


if __name__ == "__main__":
    main()
