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
from node.service.serve import (
    LedgerLock,
    NodeProcess,
    Supervisor,
    end_processes,
    listens,
    notify_systemd,
    processes_of,
    start_process,
)
from node.settings import Settings
from node.storage.ledger.ledger import Ledger

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


def exits(code: int) -> list[str]:
    return [sys.executable, "-c", f"raise SystemExit({code})"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(storage={"root": tmp_path}, dicom={"port": 1})


def supervisor(settings: Settings, command: list[str]) -> Supervisor:
    return Supervisor(settings, None, Ledger(settings.database_url), lambda *_: command)


def test_a_site_without_dashboard_has_three_processes(settings: Settings) -> None:
    assert processes_of(settings) == list(NodeProcess)
    off = settings.model_copy(update={"dashboard": settings.dashboard.model_copy(update={"enabled": False})})
    assert processes_of(off) == [NodeProcess.LISTENER, NodeProcess.SCHEDULER, NodeProcess.WORKER]


def test_a_listener_that_cannot_begin_ends_the_node(settings: Settings) -> None:
    node = supervisor(settings, SLEEP)
    node.running = {
        NodeProcess.LISTENER: start_process(exits(Exit.NOT_READY)),
        NodeProcess.SCHEDULER: start_process(SLEEP),
    }
    node.running[NodeProcess.LISTENER].wait(30)
    with pytest.raises(NotReady, match="could not start"):
        node.restart(NodeProcess.LISTENER)
    assert node.running[NodeProcess.SCHEDULER].poll() is not None


def test_a_process_that_dies_is_started_again_after_a_pause(settings: Settings) -> None:
    node = supervisor(settings, SLEEP)
    node.running = {NodeProcess.WORKER: start_process(exits(1))}
    died = node.running[NodeProcess.WORKER]
    died.wait(30)
    node.restart(NodeProcess.WORKER)
    assert node.running[NodeProcess.WORKER] is died, "it was started without a pause"
    assert node.due[NodeProcess.WORKER] > time.monotonic() - 1
    node.due[NodeProcess.WORKER] = 0.0
    node.restart(NodeProcess.WORKER)
    assert node.running[NodeProcess.WORKER].poll() is None
    assert node.restarts[NodeProcess.WORKER] == 1
    end_processes(node.running)


def test_a_process_that_was_asked_to_end_comes_back_at_once(settings: Settings) -> None:
    node = supervisor(settings, SLEEP)
    node.running = {NodeProcess.WORKER: start_process(exits(0))}
    node.running[NodeProcess.WORKER].wait(30)
    node.reloading.add(NodeProcess.WORKER)
    node.restart(NodeProcess.WORKER)
    assert node.running[NodeProcess.WORKER].poll() is None
    assert node.restarts[NodeProcess.WORKER] == 0
    end_processes(node.running)


def test_every_process_is_ended(settings: Settings) -> None:
    running = {each: start_process(SLEEP) for each in processes_of(settings)}
    end_processes(running)
    assert all(process.poll() is not None for process in running.values())


def test_a_crash_point_does_not_reach_a_process_that_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOME_CRASHPOINT", "store.synced")
    ask = [sys.executable, "-c", "import os; raise SystemExit('MOME_CRASHPOINT' in os.environ)"]
    assert start_process(ask).wait(30) == 1
    assert start_process(ask, again=True).wait(30) == 0


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
