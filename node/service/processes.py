"""The processes of a node: which there are, how each is started and ended, and which settings concern it."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from node.identity import graphics_cards
from node.service.stopping import HELD_SIGNALS
from node.settings import Settings

_GRACE_SECONDS = 15.0


class NodeProcess(StrEnum):
    """A kind of process."""

    LISTENER = "listener"
    SCHEDULER = "scheduler"
    WORKER = "worker"
    DASHBOARD = "dashboard"


@dataclass(frozen=True, slots=True)
class ProcessId:
    """One process of the node; as text its name in log lines and heartbeats.

    Parameters
    ----------
    device
        Of a worker where there is one for each device; empty: the device of the model's settings.
    """

    kind: NodeProcess
    device: str = ""

    def __str__(self) -> str:
        return f"{self.kind}-{self.device}" if self.device else str(self.kind)


CommandOf = Callable[[ProcessId, Path | None], list[str]]
"""Gives the command line of a process, for a settings file."""


def command_of(process: ProcessId, config: Path | None) -> list[str]:
    """The command line of a process."""
    words = [str(process.kind), str(config or ""), process.device]
    while not words[-1]:
        words.pop()
    return [sys.executable, "-m", "node.service.serve", *words]


def processes_of(settings: Settings) -> list[ProcessId]:
    """The processes that these settings ask for."""
    kinds = [kind for kind in NodeProcess if kind is not NodeProcess.DASHBOARD or settings.dashboard.enabled]
    devices = _all_devices() if settings.worker.devices == "all" else settings.worker.devices
    if len(devices) < 2:
        return [ProcessId(kind) for kind in kinds]
    workers = [ProcessId(NodeProcess.WORKER, each) for each in devices]
    return [each for kind in kinds for each in (workers if kind is NodeProcess.WORKER else [ProcessId(kind)])]


def _all_devices() -> tuple[str, ...]:
    """The GPUs of this host that a process may use; the supervisor never loads torch. Empty where there is none."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = graphics_cards() if visible is None else [each for each in visible.split(",") if each.strip()]
    return tuple(f"cuda:{number}" for number in range(len(names)))


def on_its_device(settings: Settings, process: ProcessId) -> Settings:
    """The settings as a worker takes them: its own device; "cpu:1" is another worker on the same processors."""
    listed = settings.worker.devices
    device = process.device or (listed[0] if listed != "all" and listed else "")
    if not device:
        return settings
    model = settings.model.model_copy(update={"device": "cpu" if device.startswith("cpu") else device})
    return settings.model_copy(update={"model": model})


def share_of_processors(workers: int) -> dict[str, str]:
    """Environment of one of several workers: so many threads that together they do not wait for each other."""
    if workers < 2 or "OMP_NUM_THREADS" in os.environ:
        return {}
    return {"OMP_NUM_THREADS": str(max(1, len(os.sched_getaffinity(0)) // workers))}


_NOT_OF_THE_SCHEDULER = {"dicom", "web_store", "model", "promotion", "series", "results"}
_NOT_OF_A_WORKER = {
    "dicom",
    "dashboard",
    "gather",
    "hosts",
    "retention",
    "alerts",
    "promotion",
    "destinations",
    "audit_repository",
    "web_store",
    "worklists",
    "priorities",
    "hl7",
    "fhir",
}


def works_by(kind: NodeProcess, settings: Settings) -> tuple[object, ...]:
    """The settings for whose change a process of this kind starts anew; the others it does not use, or reads on SIGHUP.

    A section that is named nowhere here concerns scheduler and workers, so that a new one is never forgotten.
    """
    if kind is NodeProcess.LISTENER:
        return (settings.dicom.host,)
    if kind is NodeProcess.DASHBOARD:
        kept_by = (settings.dicom.ae_title, settings.dicom.max_object_mib, settings.storage)
        keeps = kept_by if settings.web_store.enabled else ()
        return (settings.dashboard, settings.web_store, *keeps)
    if kind is NodeProcess.SCHEDULER:
        return (settings.model_dump(exclude=_NOT_OF_THE_SCHEDULER),)
    return (settings.result_receivers, settings.model_dump(exclude=_NOT_OF_A_WORKER))


REREADS_ON_SIGHUP = frozenset((NodeProcess.LISTENER, NodeProcess.DASHBOARD))


def start_process(
    command: Sequence[str], more: Mapping[str, str] | None = None, *, again: bool = False
) -> subprocess.Popen[bytes]:
    """Start a process, with more in its environment; `again`: without the crash point that a test has set."""
    environment = {key: value for key, value in os.environ.items() if not (again and key == "MOME_CRASHPOINT")}
    environment |= more or {}
    environment.setdefault("MALLOC_ARENA_MAX", "2")  # a heap for each thread, glibc's habit, grows with every flood
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HELD_SIGNALS)
    try:
        return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_with_supervisor() -> None:
    """End this process when the supervisor's end of its input closes, so that kill -9 leaves nobody on the port."""
    if not stat.S_ISFIFO(os.fstat(0).st_mode):
        return  # started by hand

    def wait_for_the_end() -> None:
        while os.read(0, 1):
            continue
        os._exit(137)

    threading.Thread(target=wait_for_the_end, name="supervisor", daemon=True).start()


def end_processes(processes: Iterable[subprocess.Popen[bytes]], grace_seconds: float = _GRACE_SECONDS) -> None:
    """SIGTERM for all, then SIGKILL for those that do not end in time; when this returns, none is left."""
    running = list(processes)
    for process in running:
        process.terminate()
    deadline = time.monotonic() + grace_seconds
    for process in running:
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
