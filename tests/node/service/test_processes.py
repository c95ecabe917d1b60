"""Which processes a node has, how they end, and which settings concern which."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from node.service.processes import (
    NodeProcess,
    ProcessId,
    command_of,
    end_processes,
    on_its_device,
    processes_of,
    share_of_processors,
    start_process,
    works_by,
)
from node.settings import Settings

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
IGNORE = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(600)
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(storage={"root": tmp_path})


def changed(settings: Settings, section: str, **values: object) -> set[NodeProcess]:
    """The kinds of process that start anew for this change."""
    new = settings.model_copy(update={section: getattr(settings, section).model_copy(update=values)})
    return {kind for kind in NodeProcess if works_by(kind, new) != works_by(kind, settings)}


def test_a_site_without_dashboard_has_three_processes(settings: Settings) -> None:
    assert [each.kind for each in processes_of(settings)] == list(NodeProcess)
    off = settings.model_copy(update={"dashboard": settings.dashboard.model_copy(update={"enabled": False})})
    assert [str(each) for each in processes_of(off)] == ["listener", "scheduler", "worker"]


@pytest.mark.parametrize(
    ("section", "values", "kinds"),
    [
        ("dicom", {"callers": ("MRI1",)}, set()),
        ("dicom", {"networks": ("10.0.0.0/8",), "associations": 3}, set()),
        ("dicom", {"certificate": "a.pem", "key": "a.key"}, set()),
        ("dicom", {"host": "10.0.0.2"}, {NodeProcess.LISTENER}),
        ("dashboard", {"session_hours": 1.0}, {NodeProcess.DASHBOARD, NodeProcess.SCHEDULER}),
        ("gather", {"quiet_seconds": 5.0}, {NodeProcess.SCHEDULER}),
        ("alerts", {"webhook": "https://example.org"}, {NodeProcess.SCHEDULER}),
        ("model", {"estimator": "one"}, {NodeProcess.WORKER}),
        ("series", {"rules": {"*t2*": "T2"}}, {NodeProcess.WORKER}),
        ("promotion", {"margin": 0.1}, set()),
    ],
)
def test_a_change_of_settings_concerns_only_these(
    settings: Settings, section: str, values: dict[str, object], kinds: set[NodeProcess]
) -> None:
    assert changed(settings, section, **values) == kinds


def test_another_address_of_a_destination_interrupts_no_analysis_and_another_destination_does(
    settings: Settings,
) -> None:
    def with_destinations(**hosts: str) -> Settings:
        destinations = [{"name": name, "ae_title": "PACS", "host": host, "port": 104} for name, host in hosts.items()]
        return Settings(storage=settings.storage, destinations=destinations)

    here, there, both = with_destinations(pacs="a"), with_destinations(pacs="b"), with_destinations(pacs="a", more="a")
    worker, scheduler = NodeProcess.WORKER, NodeProcess.SCHEDULER
    assert works_by(worker, here) == works_by(worker, there) != works_by(worker, both)
    assert works_by(scheduler, here) != works_by(scheduler, there)


def test_another_rule_for_priorities_interrupts_no_analysis_and_another_ae_title_does(settings: Settings) -> None:
    rule = {"priority": "STAT", "calling_ae_title": "MR_ER"}
    ruled = Settings(storage=settings.storage, priorities=(rule,))
    served = Settings(storage=settings.storage, ae_titles=({"ae_title": "MOMESTAT"},))

    def concerned(new: Settings) -> set[NodeProcess]:
        return {kind for kind in NodeProcess if works_by(kind, new) != works_by(kind, settings)}

    assert concerned(ruled) == {NodeProcess.SCHEDULER}
    assert concerned(served) == {NodeProcess.SCHEDULER, NodeProcess.WORKER}


def test_a_process_is_told_its_device(tmp_path: Path) -> None:
    process, listener = ProcessId(NodeProcess.WORKER, "cuda:1"), ProcessId(NodeProcess.LISTENER)
    assert str(process) == "worker-cuda:1"
    assert command_of(process, tmp_path)[-3:] == ["worker", str(tmp_path), "cuda:1"]
    assert command_of(listener, tmp_path)[-2:] == ["listener", str(tmp_path)]
    assert command_of(listener, None)[-1] == "listener"


def test_every_process_is_ended_and_one_that_does_not_listen_is_killed() -> None:
    deaf = subprocess.Popen([sys.executable, "-c", IGNORE], stdout=subprocess.PIPE)
    assert deaf.stdout is not None
    assert deaf.stdout.readline() == b"deaf\n"
    end_processes([start_process(SLEEP), deaf], grace_seconds=0.5)
    assert deaf.returncode == -signal.SIGKILL


def test_a_process_is_not_ended_by_a_signal_that_it_cannot_answer_yet() -> None:
    early = start_process([sys.executable, "-c", "import sys; sys.stdin.read(); print('whole')"])
    for number in (signal.SIGHUP, signal.SIGUSR1):
        early.send_signal(number)
    assert early.stdin is not None
    early.stdin.close()
    assert early.wait(60) == 0


def test_a_crash_point_does_not_reach_a_process_that_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOME_CRASHPOINT", "store.synced")
    ask = [sys.executable, "-c", "import os; raise SystemExit('MOME_CRASHPOINT' in os.environ)"]
    assert start_process(ask).wait(30) == 1
    assert start_process(ask, again=True).wait(30) == 0


def with_devices(settings: Settings, *devices: str) -> Settings:
    return Settings(storage=settings.storage, worker={"devices": devices})


def test_each_device_has_a_worker_of_its_own(settings: Settings) -> None:
    two = with_devices(settings, "cpu:0", "cpu:1")
    assert [str(each) for each in processes_of(two)] == [
        "listener",
        "scheduler",
        "worker-cpu:0",
        "worker-cpu:1",
        "dashboard",
    ]
    assert two.worker.parts == ("worker-cpu:0", "worker-cpu:1")
    one = with_devices(settings, "cuda:1")
    assert [str(each) for each in processes_of(one)][2:3] == ["worker"]
    assert on_its_device(one, ProcessId(NodeProcess.WORKER)).model.device == "cuda:1"


def test_a_worker_computes_on_its_device(settings: Settings) -> None:
    assert on_its_device(settings, ProcessId(NodeProcess.WORKER, "cuda:1")).model.device == "cuda:1"
    assert on_its_device(settings, ProcessId(NodeProcess.WORKER, "cpu:1")).model.device == "cpu"
    assert on_its_device(settings, ProcessId(NodeProcess.WORKER)) == settings


def test_all_devices_of_a_host_have_a_worker_each(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")  # numbered from 0 on by those who may use them
    every = Settings(storage=settings.storage, worker={"devices": "all"})
    assert [str(each) for each in processes_of(every)][2:4] == ["worker-cuda:0", "worker-cuda:1"]


def test_all_devices_of_a_host_without_a_gpu_are_one(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    every = Settings(storage=settings.storage, worker={"devices": "all"})
    assert [str(each) for each in processes_of(every)] == ["listener", "scheduler", "worker", "dashboard"]


@pytest.mark.parametrize("devices", [("cuda:0", "cuda:0"), ("gpu",), ("cuda",)])
def test_a_device_that_is_none_or_is_named_twice_is_refused(settings: Settings, devices: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="worker"):
        with_devices(settings, *devices)


def test_several_workers_share_the_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert share_of_processors(1) == {}
    assert int(share_of_processors(2)["OMP_NUM_THREADS"]) >= 1
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert share_of_processors(2) == {}, "the site has chosen"
