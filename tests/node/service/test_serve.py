"""The supervisor keeps processes running, says so to systemd, and refuses a second node on one ledger."""

from __future__ import annotations

import socket
import sys
import time
from pathlib import Path

import pytest

from live_node import wait_for
from node.errors import NotReady
from node.exit_codes import Exit
from node.service.ledger_lock import LedgerLock
from node.service.processes import NodeProcess, ProcessId, end_processes, start_process
from node.service.serve import Supervisor, listens, notify_systemd
from node.settings import Settings
from node.storage.ledger.ledger import Ledger

LISTENER, SCHEDULER, WORKER = map(ProcessId, (NodeProcess.LISTENER, NodeProcess.SCHEDULER, NodeProcess.WORKER))
SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


def exits(code: int) -> list[str]:
    return [sys.executable, "-c", f"raise SystemExit({code})"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(storage={"root": tmp_path}, dicom={"port": 1})


def supervisor(settings: Settings, command: list[str]) -> Supervisor:
    return Supervisor(settings, None, Ledger(settings.database_url), lambda *_: command, LedgerLock(settings))


def test_a_listener_that_cannot_begin_ends_the_node(settings: Settings) -> None:
    node = supervisor(settings, SLEEP)
    node.running = {
        LISTENER: start_process(exits(Exit.NOT_READY)),
        SCHEDULER: start_process(SLEEP),
    }
    node.running[LISTENER].wait(30)
    with pytest.raises(NotReady, match="could not start"):
        node.restart(LISTENER)
    assert node.running[SCHEDULER].poll() is not None


def test_a_process_that_dies_is_started_again_after_a_pause(settings: Settings) -> None:
    node = supervisor(settings, SLEEP)
    node.running = {WORKER: start_process(exits(1))}
    died = node.running[WORKER]
    died.wait(30)
    node.restart(WORKER)
    assert node.running[WORKER] is died, "it was started without a pause"
    assert node.due[WORKER] > time.monotonic() - 1
    node.due[WORKER] = 0.0
    node.restart(WORKER)
    assert node.running[WORKER].poll() is None
    assert node.restarts[WORKER] == 1
    end_processes(node.running.values())


def test_a_process_that_was_asked_to_end_comes_back_at_once(settings: Settings) -> None:
    node = supervisor(settings, SLEEP)
    node.running = {WORKER: start_process(exits(0))}
    node.running[WORKER].wait(30)
    node.reloading.add(WORKER)
    node.restart(WORKER)
    assert node.running[WORKER].poll() is None
    assert WORKER not in node.restarts
    end_processes(node.running.values())


def test_a_second_node_on_one_sqlite_ledger_is_refused(settings: Settings) -> None:
    with LedgerLock(settings), pytest.raises(NotReady, match="another node"), LedgerLock(settings):
        pass
    with LedgerLock(settings):
        pass


def test_systemd_is_notified_through_its_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(place))
        channel.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", str(place))
        notify_systemd("READY=1")
        assert channel.recv(100) == b"READY=1"
    place.unlink()
    notify_systemd("WATCHDOG=1")  # nobody listens: logged, no failure


def test_a_port_that_somebody_holds_is_listened_on(settings: Settings) -> None:
    assert not listens(settings)
    with socket.create_server(("127.0.0.1", 0)) as server:
        dicom = settings.dicom.model_copy(update={"port": server.getsockname()[1]})
        wait_for(lambda: listens(settings.model_copy(update={"dicom": dicom})), 10, "the port to answer")
