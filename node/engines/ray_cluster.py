"""A Ray cluster: one actor for each processor (or graphics card), each with the work opened once.

Ray moves tasks and answers and knows which host is alive; which task is tried again, and how often, is decided here.
"""

from __future__ import annotations

import logging
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic

from node.engines.engine import ATTEMPTS, Answer, Batch, EngineRefused, LostTask, Task, Told, Work, died
from node.engines.process import answered, limit_memory

_CONNECT_SECONDS = 10.0
_STORE_BYTES = 100 * 1024**2  # no pixels travel
_LOOK_SECONDS = 0.5  # between two looks at deadlines and at hosts that came


class _Worker:
    """An actor: opens the work, then answers one task after another."""

    def __init__(self, work: Work[Any, Any], memory_gib: float, processes: int) -> None:
        limit_memory(memory_gib, processes)
        self._work = work

    def fingerprint(self) -> str:
        """Version and code of the work on this host."""
        return self._work.fingerprint()

    def answer(self, task: Any) -> Any:
        """The answer to a task."""
        return answered(self._work, task)


@dataclass(frozen=True, slots=True)
class RayEngine:
    """Actors on a cluster that runs already, or on one that is started here and ends with the run.

    Parameters
    ----------
    address
        Of the cluster: "auto" for the one of this host, HOST:PORT, or empty to start one.
    workers
        Most actors; 0: as many as the cluster has room for.
    gpus
        Graphics cards of each actor; 0: it takes a processor.
    """

    address: str = ""
    workers: int = 0
    gpus: float = 0.0

    def run(self, batch: Batch[Task, Answer], told: Told[Answer]) -> None:
        """As Engine; EngineRefused where Ray is absent, unreachable, or a host has other code than this one."""
        with _connected(self.address) as ray:
            _Run(ray, self, batch, told).to_the_end()


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    """Ray, connected until the block ends."""
    try:
        import ray
    except ImportError:
        raise EngineRefused("Ray is not installed here: pip install 'mome-node[cluster]'") from None
    here = {"address": "local", "include_dashboard": False, "object_store_memory": _STORE_BYTES}
    options: dict[str, Any] = {"address": address} if address else here
    try:
        _require_open(address)
        ray.init(**options, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError) as error:
        words = str(error).strip().splitlines()[0]
        raise EngineRefused(f"no Ray cluster at {address or 'this host'}: {words} (ray start --head)") from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _require_open(address: str) -> None:
    """Raise OSError where nothing listens at HOST:PORT: Ray itself would try for minutes."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host, int(port)), _CONNECT_SECONDS).close()


def _cause(error: Exception) -> str:
    """The last line of what Ray says, which names the exception."""
    return str(error).strip().splitlines()[-1].strip()


@dataclass(slots=True)
class _Running:
    """A task that an actor works on."""

    number: int
    actor: Any
    until: float


@dataclass(slots=True)
class _Run(Generic[Task, Answer]):
    """A batch on its way: which actors there are, what each does, what is left."""

    ray: Any
    engine: RayEngine
    batch: Batch[Task, Answer]
    told: Told[Answer]
    left: list[int] = field(init=False)
    attempts: Counter[int] = field(default_factory=Counter)
    starting: dict[Any, Any] = field(default_factory=dict)
    idle: list[Any] = field(default_factory=list)
    running: dict[Any, _Running] = field(default_factory=dict)
    not_started: int = 0  # actors that died before they were ready, one after the other

    def __post_init__(self) -> None:
        self.left = list(range(len(self.batch.tasks)))[::-1]

    def to_the_end(self) -> None:
        """Answer every task."""
        self._require_room()
        while self.left or self.running:
            self._start_actors()
            self._give_tasks()
            waiting = [*self.running, *self.starting]
            done, _ = self.ray.wait(waiting, timeout=_LOOK_SECONDS) if waiting else ([], [])
            for reference in done:
                if reference in self.starting:
                    self._has_started(reference)
                else:
                    self._has_answered(reference)
            self._stop_the_slow()

    def _start_actors(self) -> None:
        """As many actors as there is room and work for."""
        there = len(self.starting) + len(self.idle) + len(self.running)
        wanted = min(self._room(), len(self.left) + len(self.running))
        for _ in range(wanted - there):
            needs = {"num_gpus": self.engine.gpus, "num_cpus": 1} if self.engine.gpus else {"num_cpus": 1}
            limits = (self.batch.limits.memory_gib, self._most_on_a_host())
            actor = self.ray.remote(**needs)(_Worker).remote(self.batch.work, *limits)
            self.starting[actor.fingerprint.remote()] = actor

    def _room(self) -> int:
        """How many actors the cluster's living hosts have room for."""
        resources = self.ray.cluster_resources()
        room = resources.get("GPU", 0) / self.engine.gpus if self.engine.gpus else resources.get("CPU", 0)
        return max(1, min(int(room), self.engine.workers or int(room)))

    def _most_on_a_host(self) -> int:
        """How many actors may share the memory of one host; 0 where none has room for one."""
        hosts = [each["Resources"] for each in self.ray.nodes() if each["Alive"]]
        gpus = self.engine.gpus
        return max((int(each.get("GPU", 0) / gpus) if gpus else int(each.get("CPU", 0)) for each in hosts), default=0)

    def _require_room(self) -> None:
        """Raise EngineRefused where no host could take an actor: it would be waited for without a word."""
        if not self._most_on_a_host():
            needed = f"{self.engine.gpus:g} graphics cards" if self.engine.gpus else "a processor"
            raise EngineRefused(f"no host of the Ray cluster has {needed} for a process (ray status)")

    def _has_started(self, reference: Any) -> None:
        """An actor is ready, or its host died, or it has other code."""
        actor = self.starting.pop(reference)
        try:
            found = self.ray.get(reference)
        except self.ray.exceptions.RayActorError as error:
            self.not_started += 1
            if self.not_started >= ATTEMPTS + self._room():  # a host that dies takes no more than its own with it
                raise EngineRefused(f"processes of the Ray cluster do not start; the last: {_cause(error)}") from error
            return
        self.not_started = 0
        if found != self.batch.work.fingerprint():
            raise EngineRefused("a host of the Ray cluster has another version of mome-node: install the same on all")
        self.idle.append(actor)

    def _give_tasks(self) -> None:
        """A task for every actor that has none."""
        while self.left and self.idle:
            number, actor = self.left.pop(), self.idle.pop()
            reference = actor.answer.remote(self.batch.tasks[number])
            self.running[reference] = _Running(number, actor, time.monotonic() + self.batch.limits.seconds)

    def _has_answered(self, reference: Any) -> None:
        """An answer, or an actor that died with its task."""
        ended = self.running.pop(reference)
        try:
            answer: Answer | LostTask = self.ray.get(reference)
        except (self.ray.exceptions.RayActorError, self.ray.exceptions.OutOfMemoryError):
            self._has_died(ended.number)
            return
        except self.ray.exceptions.RayTaskError as error:
            raise error.cause if isinstance(error.cause, Exception) else error from None
        self.idle.append(ended.actor)
        self.told(ended.number, answer)

    def _has_died(self, number: int) -> None:
        """The task is tried again, a few times, and by new actors: those that are idle may be of the host that died."""
        for actor in self.idle:
            self.ray.kill(actor)
        self.idle.clear()
        self.attempts[number] += 1
        if self.attempts[number] < ATTEMPTS:
            self.left.append(number)
        else:
            self.told(number, died(ATTEMPTS))

    def _stop_the_slow(self) -> None:
        """Kill the actors whose task takes too long."""
        now = time.monotonic()
        for reference, each in [*self.running.items()]:
            if now > each.until:
                del self.running[reference]
                self.ray.kill(each.actor)
                self.told(each.number, self.batch.limits.too_slow)
